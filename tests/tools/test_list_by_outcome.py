"""Records by what became of them, through a real MCP client, against the demo world's own rows told plainly."""

from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from server.app import build_server
from server.demo.world import World
from tests.conftest import AT_ONCE, NOW, Ask, Row, Serve, asking, facts, http_to, refusal, said, settings_of
from tests.tools.test_budgets import count
from tests.tools.test_summarize_failures import (
    by_record,
    gone_after,
    known_by,
    later_than,
    moment,
    outcome_in_plain_python,
)

pytestmark = pytest.mark.anyio

OUTCOMES = ("unresolved", "recovered", "unknown")


def last_failures_in_plain_python(rows: list[Row], members: list[Row]) -> dict[str, set[str]]:
    """Return the ids of the last failure of each record, by what became of it in the rows."""
    told: dict[str, set[str]] = {outcome: set() for outcome in OUTCOMES}
    for failures in by_record(members).values():
        last = max(failures, key=lambda r: (moment(r["created_at"]), r["id"]))
        (outcome,) = outcome_in_plain_python(rows, failures)
        told[outcome].add(last["id"])
    return told


async def walk(ask: Ask, **arguments: Any) -> list[Row]:
    """Follow next_cursor, passed alone, to the end."""
    page = facts(await ask("list_resource_operations", **arguments))
    rows: list[Row] = page["operations"]
    while cursor := page.get("next_cursor"):
        page = facts(await ask("list_resource_operations", cursor=cursor))
        rows += page["operations"]
    return rows


async def test_each_record_is_one_row_its_last_failure_on_whatever_pages(serve: Serve, truth: list[Row]) -> None:
    of_source = [r for r in truth if r["source_name"] == "samsara"]
    failed = [r for r in of_source if r["status"] == "failed"]
    expected = last_failures_in_plain_python(of_source, failed)
    assert len(expected["unresolved"]) > 100
    async with asking(serve()) as ask:
        for outcome, size in (("unresolved", 7), ("recovered", 1000), ("unknown", 5)):
            rows = await walk(ask, outcome=outcome, source_name="samsara", size=size)
            ids = [row["id"] for row in rows]
            assert len(ids) == len(set(ids))
            assert set(ids) == expected[outcome], outcome
            created = [moment(row["created_at"]) for row in rows]
            assert created == sorted(created, reverse=True)


async def test_lists_by_outcome_are_as_long_as_the_summary_says(serve: Serve) -> None:
    async with asking(serve()) as ask:
        summary = facts(await ask("summarize_failures"))
        for outcome in OUTCOMES:
            page = facts(await ask("list_resource_operations", outcome=outcome, size=1))
            assert page["records"] == summary["totals"]["records"][outcome]
        for group in summary["groups"]:
            for outcome in OUTCOMES:
                rows = await walk(ask, outcome=outcome, group=group["id"], size=100)
                assert len(rows) == group["outcome"][outcome]
                assert {row["error"]["group"] for row in rows} <= {group["id"]}


async def test_a_row_by_outcome_is_the_row_of_any_list(serve: Serve) -> None:
    async with asking(serve()) as ask:
        rows = await walk(ask, outcome="unresolved", source_name="motive", size=100)
        plain = {row["id"]: row for row in await walk(ask, status="failed", source_name="motive", size=100)}
    assert rows
    assert all(row == plain[row["id"]] for row in rows)


async def test_ids_alone_stand_by_connection_in_text_and_structure(serve: Serve, truth: list[Row]) -> None:
    by_id = {row["id"]: row for row in truth}
    async with asking(serve()) as ask:
        for arguments in ({"outcome": "unresolved"}, {"status": "failed"}):
            result = await ask("list_resource_operations", detail="ids", **arguments)
            page = facts(result)
            met: list[str] = []
            while True:
                assert page["operations"] == []
                assert page["returned"] == sum(len(place["operation_ids"]) for place in page["ids"]) <= 500
                assert count(said(result)) + count(page) <= 20_000
                for place in page["ids"]:
                    where = f"on connection {place['connection_id']} {place['source_name']} «{place['fleet_ref']}»: "
                    assert where + " ".join(place["operation_ids"]) in said(result)
                    rows = [by_id[name] for name in place["operation_ids"]]
                    assert {row["connection_id"] for row in rows} == {place["connection_id"]}
                    met += place["operation_ids"]
                if "next_cursor" not in page:
                    break
                result = await ask("list_resource_operations", cursor=page["next_cursor"])
                page = facts(result)
            assert len(met) == len(set(met))
            if "status" in arguments:
                assert set(met) == {row["id"] for row in truth if row["status"] == "failed"}
            else:
                assert len(met) == page["records"]


async def test_more_ids_than_fit_an_answer_are_cut_with_a_count_and_go_on(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("list_resource_operations", detail="ids", status="success")
    page = facts(result)
    assert 200 < page["returned"] <= 500
    assert page["next_cursor"]
    assert f"Cut after {page['returned']} ids" in page["note"]


async def test_outcomes_of_a_list_look_past_its_window(serve: Serve, truth: list[Row]) -> None:
    until = NOW - timedelta(hours=8)
    window = [r for r in truth if moment(r["created_at"]) < until]
    failed = [r for r in window if r["status"] == "failed"]
    by_now, by_then = (last_failures_in_plain_python(rows, failed) for rows in (truth, window))
    assert by_now["unresolved"] < by_then["unresolved"]
    arguments = {"from_datetime": "-24h", "to_datetime": "-8h", "outcome": "unresolved", "size": 50}
    async with asking(serve()) as ask:
        first = await ask("list_resource_operations", **arguments)
        rows = await walk(ask, **arguments)
    assert {row["id"] for row in rows} == by_now["unresolved"]
    assert "Outcomes look past the window, up to 2026-11-23T15:30:00Z" in facts(first)["coverage"]["note"]
    assert facts(first)["coverage"]["note"] in said(first)


async def test_a_list_says_where_what_followed_its_window_could_not_be_read(world: World, truth: list[Row]) -> None:
    until = NOW - timedelta(hours=8)
    window = [r for r in truth if moment(r["created_at"]) < until]
    by_then = last_failures_in_plain_python(window, [r for r in window if r["status"] == "failed"])
    server = build_server(settings_of(), clock=lambda: NOW, open_http=lambda: gone_after(world, until), retries=AT_ONCE)
    async with asking(server) as ask:
        asked = {"from_datetime": "-24h", "to_datetime": "-8h", "outcome": "unresolved"}
        page = facts(await ask("list_resource_operations", **asked))
    assert page["records"] == len(by_then["unresolved"])
    assert "Outcomes are as of the window's end: what followed was not read" in page["coverage"]["note"]


async def test_a_part_of_a_window_is_not_called_the_whole(serve: Serve) -> None:
    async with asking(serve(max_operations=1000)) as ask:
        result = await ask("list_resource_operations", outcome="unresolved")
    assert not facts(result)["coverage"]["complete"]
    assert "unresolved in the part that was read; " in said(result).splitlines()[0]
    assert "NOT read whole" in said(result)


async def test_the_pages_of_a_list_by_outcome_keep_its_window_and_read_it_once(world: World) -> None:
    sent: list[httpx.Request] = []
    clock = [NOW]
    server = build_server(settings_of(), clock=lambda: clock[0], open_http=http_to(world, sent=sent), retries=AT_ONCE)
    async with asking(server) as ask:
        first = facts(await ask("list_resource_operations", outcome="unresolved"))
        before = len(sent)
        clock[0] += timedelta(seconds=30)
        second = facts(await ask("list_resource_operations", cursor=first["next_cursor"]))
        assert len(sent) == before
    assert second["window"] == first["window"]
    assert second["records"] == first["records"]
    assert not {row["id"] for row in first["operations"]} & {row["id"] for row in second["operations"]}


async def test_records_guessed_by_their_payload_are_counted_in_the_note(serve: Serve, truth: list[Row]) -> None:
    of_source = [r for r in truth if r["source_name"] == "motive"]
    wrong = last_failures_in_plain_python(of_source, [r for r in of_source if r["status"] == "failed"])["unresolved"]
    records = by_record([r for r in of_source if r["status"] == "failed"]).values()
    kinds = Counter(known_by(of) for of in records if {r["id"] for r in of} & wrong)
    assert kinds["payload"] > 0 < kinds["field"]
    async with asking(serve()) as ask:
        result = await ask("list_resource_operations", outcome="unresolved", source_name="motive")
    guesses = f"{kinds['field']} by fields, {kinds['payload']} by identical payloads"
    assert f"Of these {len(wrong)}, identity guessed: {guesses}." in facts(result)["note"]
    assert facts(result)["note"] in said(result)


async def test_a_record_that_recovered_says_when(serve: Serve, truth: list[Row]) -> None:
    by_id = {r["id"]: r for r in truth}
    async with asking(serve()) as ask:
        result = await ask("list_resource_operations", outcome="recovered", source_name="motive", size=40)
    assert facts(result)["operations"]
    for row in facts(result)["operations"]:
        later = [r for r in later_than(by_id[row["id"]], truth) if r["status"] == "success"]
        assert moment(row["recovered_at"]) == min(moment(r["created_at"]) for r in later).replace(microsecond=0)
        assert f" recovered {row['recovered_at']} " in said(result)


async def test_what_does_not_go_with_an_outcome_is_refused_with_what_to_pass(serve: Serve) -> None:
    async with asking(serve()) as ask:
        plain = facts(await ask("list_resource_operations", size=5))["next_cursor"]
        by_outcome = facts(await ask("list_resource_operations", outcome="unresolved", size=5))["next_cursor"]
        for arguments, answer in (
            ({"outcome": "unresolved", "status": "success"}, "Leave it out"),
            ({"outcome": "unresolved", "detail": "full"}, "get_resource_operation"),
            ({"outcome": "recovered", "cursor": by_outcome}, "Pass the cursor alone"),
            ({"outcome": "recovered", "cursor": plain}, "Pass the cursor alone"),
            ({"outcome": "recovered", "cursor": "the-apis-own"}, "not with a cursor of another"),
            ({"outcome": "wrong"}, "must be one of unresolved, recovered, unknown"),
        ):
            assert answer in refusal(await ask("list_resource_operations", **arguments)), arguments
        whole = facts(await ask("summarize_failures", cursor=by_outcome))
        assert whole["coverage"]["complete"], "the cursor says which window, and the window is read whole"
