"""The list through a real MCP client: complete, nothing twice, and every row as the contract names it."""

import json
from datetime import datetime
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.app import build_server
from server.catena.bookmark import Bookmark
from server.demo.faults import Faults
from server.demo.world import World
from tests.conftest import AT_ONCE, NOW, Ask, Row, Serve, asking, facts, http_to, refusal, said, settings_of

pytestmark = pytest.mark.anyio

Order = Literal["newest", "oldest", "scattered"]


async def walk(ask: Ask, size: int, **arguments: Any) -> list[dict[str, Any]]:
    """Follow next_cursor, passed alone, to the end."""
    page = facts(await ask("list_resource_operations", size=size, **arguments))
    rows: list[dict[str, Any]] = page["operations"]
    while cursor := page.get("next_cursor"):
        page = facts(await ask("list_resource_operations", cursor=cursor))
        rows += page["operations"]
    return rows


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 120),
    status=st.sampled_from([None, "failed", "pending", "success"]),
    order=st.sampled_from(["newest", "oldest", "scattered"]),
    repeat=st.sampled_from([0, 1, 3]),
    minutes=st.integers(5, 150),
)
async def test_a_walk_finds_every_operation_once_whatever_the_page_size_status_and_order(
    world: World, truth: list[Row], size: int, status: str | None, order: Order, repeat: int, minutes: int
) -> None:
    faults = Faults(order=order, repeat=min(repeat, max(size - 1, 0)))
    server = build_server(settings_of(), clock=lambda: NOW, open_http=http_to(world, faults), retries=AT_ONCE)
    async with asking(server) as ask:
        given_status = {"status": status} if status else {}
        rows = await walk(ask, size, from_datetime=f"-{minutes}m", **given_status)
    since = NOW.timestamp() - minutes * 60
    expected = [
        r["id"]
        for r in truth
        if datetime.fromisoformat(r["created_at"]).timestamp() >= since and status in (None, r["status"])
    ]
    found = [row["id"] for row in rows]
    assert len(found) == len(set(found))
    assert sorted(found) == sorted(expected)


async def test_rows_that_appear_during_the_walk_move_no_other_row(world: World) -> None:
    async with asking(
        build_server(settings_of(), clock=lambda: NOW, open_http=http_to(world, Faults(shift=20)))
    ) as ask:
        rows = await walk(ask, 50, from_datetime="-1h", to_datetime="2026-11-23T15:29:00Z")
    ids = [row["id"] for row in rows]
    async with asking(build_server(settings_of(), clock=lambda: NOW, open_http=http_to(world))) as ask:
        still = await walk(ask, 50, from_datetime="-1h", to_datetime="2026-11-23T15:29:00Z")
    assert ids == [row["id"] for row in still]


async def test_a_cause_lists_as_many_operations_as_its_summary_counts(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for group in facts(await ask("summarize_failures"))["groups"]:
            rows = await walk(ask, 100, group=group["id"])
            assert len(rows) == group["count"]
            assert {row["error"]["group"] for row in rows} == {group["id"]}


async def test_a_row_tells_what_the_api_told(serve: Serve, truth: list[Row]) -> None:
    by_id = {row["id"]: row for row in truth}
    async with asking(serve()) as ask:
        rows = await walk(ask, 100, detail="full", from_datetime="-2h")
    assert rows
    for row in rows:
        told = by_id[row["id"]]
        for name in ("operation_type", "resource", "source_name", "status", "connection_id", "fleet_ref"):
            assert row.get(name) == told[name]
        for name in ("resource_id", "source_id"):
            assert row.get(name) == told[name]
        assert row["attempts"] == len(told["logs"]) == len(row["logs"])
        assert row["created_at"][:19] == told["created_at"][:19]


async def test_a_concise_row_keeps_one_record_id_and_the_full_one_both(serve: Serve) -> None:
    async with asking(serve()) as ask:
        concise = facts(await ask("list_resource_operations", status="success", size=20))["operations"]
        full = facts(await ask("list_resource_operations", status="success", size=20, detail="full"))["operations"]
    assert all(("resource_id" in row) + ("source_id" in row) == 1 for row in concise)
    assert all("updated_at" in row and "resource_id" in row and "source_id" in row for row in full[:5])
    assert not any("payload" in row or "logs" in row for row in concise)


async def test_payload_values_are_hidden_unless_the_setting_shows_them(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as hidden, asking(serve(show_personal_data=True)) as open_:
        arguments: dict[str, Any] = {"detail": "full", "resource": "user", "size": 10}
        closed = await hidden("list_resource_operations", **arguments)
        shown = await open_("list_resource_operations", **arguments)
    by_id = {row["id"]: row for row in truth}
    row = facts(shown)["operations"][0]
    payload = by_id[row["id"]]["payload"]
    assert row["payload"]["email"] == payload["email"]
    for value in (payload["email"], payload["license_number"], payload["phone"]):
        assert value not in json.dumps(closed.structured_content)
        assert value not in said(closed)
    assert facts(closed)["operations"][0]["payload"]["email"] == "<text>"


async def test_no_personal_data_of_any_payload_leaves_in_messages(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        pages = [
            json.dumps(facts(await ask("list_resource_operations", status="failed", size=100, detail=detail)))
            for detail in ("concise", "full")
        ]
        pages.append(json.dumps(facts(await ask("summarize_failures", max_groups=50))))
    secrets = {
        str(row["payload"][name])
        for row in truth
        for name in ("email", "phone", "license_number")
        if row["payload"].get(name)
    }
    assert len(secrets) > 100
    for page in pages:
        assert not [secret for secret in secrets if secret in page]


async def test_text_and_structured_rows_hold_the_same_facts(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for arguments in ({"size": 40}, {"size": 15, "status": "failed"}, {"size": 5, "detail": "full"}):
            result = await ask("list_resource_operations", **arguments)
            text = said(result)
            for row in facts(result)["operations"]:
                parts = [row[n] for n in ("id", "created_at", "status", "resource", "connection_id", "source_name")]
                parts += [row[n] for n in ("resource_id", "source_id", "fleet_ref", "updated_at") if n in row]
                if "error" in row:
                    parts += [row["error"]["group"], f"«{row['error']['message']}»"]
                parts += list(row.get("payload", {}))
                assert not [part for part in parts if part not in text]


async def test_the_apis_own_cursor_is_accepted(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        first = facts(await ask("list_resource_operations", size=10))
        bookmark = Bookmark.decode(first["next_cursor"])
        assert bookmark is not None
        assert bookmark.cursor is not None
        ours = facts(await ask("list_resource_operations", cursor=first["next_cursor"], size=10))
        theirs = facts(await ask("list_resource_operations", cursor=bookmark.cursor, size=10))
    assert ours["operations"] == theirs["operations"]


async def test_a_cursor_carries_window_and_filters_and_refuses_others(serve: Serve) -> None:
    async with asking(serve()) as ask:
        first = facts(await ask("list_resource_operations", size=5, source_name="samsara", from_datetime="-3h"))
        cursor = first["next_cursor"]
        again = facts(await ask("list_resource_operations", cursor=cursor, size=5))
        assert again["window"]["from_datetime"] == first["window"]["from_datetime"]
        assert again["filters"] == {"source_name": "samsara"}
        same = facts(await ask("list_resource_operations", cursor=cursor, size=5, source_name="samsara"))
        assert same["operations"] == again["operations"]
        assert "Pass the cursor alone" in refusal(
            await ask("list_resource_operations", cursor=cursor, source_name="geotab")
        )


async def test_an_answer_that_would_be_too_long_is_cut_at_a_row_and_goes_on(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        page = facts(await ask("list_resource_operations", size=1000))
        assert page["returned"] < 1000
        assert "Cut after" in page["note"]
        ids = [row["id"] for row in await walk(ask, 1000)]
    assert sorted(ids) == sorted(row["id"] for row in truth)


async def test_a_failure_in_the_middle_keeps_what_was_found_and_says_so(world: World) -> None:
    faults = Faults()
    server = build_server(
        settings_of(), clock=lambda: NOW, open_http=http_to(world, faults, breaks_after=2), retries=AT_ONCE
    )
    async with asking(server) as ask:
        page = facts(await ask("list_resource_operations", status="pending", size=1000))
    assert "The list ended early" in page["note"]
    assert page["next_cursor"]
    assert page["scanned"] == 1000


async def test_endless_pages_end_with_what_was_read(serve: Serve) -> None:
    for endless in ("same", "fresh"):
        async with asking(serve(Faults(endless=endless))) as ask:
            page = facts(await ask("list_resource_operations", status="pending", size=500))
            assert "did not come to an end" in page["note"]
            summary = facts(await ask("summarize_failures"))
            assert not summary["coverage"]["complete"]
            assert "did not come to an end" in summary["coverage"]["note"]


async def test_nothing_found_says_where_it_looked(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("list_resource_operations", fleet_refs=["no-such-fleet"])
    assert said(result).startswith("No matching operation in this window (0 scanned).")
    assert "(default: the last day)" in said(result)
    assert "fleet_refs=«no-such-fleet»" in said(result)
