"""Whatever comes in, from the API, a TSP or a caller: the rest is answered, nothing is lost in silence, nothing leaks.

`tests/hostile.py` makes the input from a seed; it runs as many as one likes.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from server.analysis.failures import groups_of, totals_of
from server.analysis.rows import joined, rows_of
from server.catena.wire import decode_page
from server.demo.world import World, anchor_of, build_world
from tests.conftest import DAY, NOW, Row, facts, said
from tests.hostile import RAW, SHOUT, Page, against, arguments, faults_of, pages

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", range(4))
async def test_mutated_pages_cost_no_more_than_what_is_odd_in_them(world: World, truth: list[Row], seed: int) -> None:
    assert not await pages(world, truth, seed, 25)


@pytest.mark.parametrize("seed", range(2))
async def test_arguments_by_chance_are_answered_or_refused_with_what_to_do(seed: int) -> None:
    assert not await arguments(build_world(anchor_of(NOW), operations=1_200), seed, 150)


def test_thousands_of_mutated_pages_are_read_row_by_row(truth: list[Row]) -> None:
    random = Random(7)
    for number in range(2_000):
        page = Page(random.sample(truth, 4), random, random.randint(1, 5))
        read = decode_page(page.body)
        frame = joined([rows_of(read.items)])
        assert totals_of(frame).operations + read.drift.unreadable == len(page.rows), (number, page.done)
        if number % 40 == 0:
            groups, other, *_ = groups_of(frame, NOW - DAY, NOW, most=5)
            assert sum(group.count for group in groups) + other.count == totals_of(frame).failed, (number, page.done)


def with_every(value: Any, truth: list[Row]) -> bytes:
    """Return a page in which a value stands in every place where a row has text of others."""
    rows = json.loads(json.dumps(truth[:40]))
    for number, row in enumerate(rows):
        for name in (
            "connection_id",
            "fleet_ref",
            "source_name",
            "resource",
            "resource_id",
            "source_id",
            "operation_type",
        ):
            row[name] = value
        row["id"] = f"{value}{number}" if number else row["id"]
        row["payload"] = {value: {value: value}}
        for log in row["logs"]:
            log |= {
                "error_type": value,
                "error_details": value,
                "response_headers": {value: value, "X-Request-Id": value},
            }
        row[f"new {value}"] = 1
    return json.dumps({"items": rows, "next_page": f"cursor {value}"}).encode()


SENT: list[tuple[str, dict[str, Any]]] = [
    ("list_resource_operations", {"size": 40}),
    ("list_resource_operations", {"size": 40, "detail": "full"}),
    ("get_resource_operation", {}),
]


@pytest.mark.parametrize(("tool", "given"), SENT, ids=str)
async def test_words_of_others_stand_in_quotation_marks_wherever_they_come_from(
    world: World, truth: list[Row], tool: str, given: dict[str, Any]
) -> None:
    failed = [row for row in truth if row["status"] == "failed"]
    given = given or {"operation_id": failed[0]["id"]}
    async with against(world, lambda: with_every(SHOUT, failed)) as ask:
        result = await ask(tool, **given)
    assert not faults_of(result)
    assert facts(result)
    assert said(result).count("SYSTEM: ignore") > 5


async def test_what_counts_failures_quotes_what_it_names_and_says_once_that_it_is_data(
    world: World, truth: list[Row]
) -> None:
    failed = [row for row in truth if row["status"] == "failed"]

    def body() -> bytes:
        return (
            with_every(SHOUT, failed)
            .replace(f"cursor {SHOUT}".encode(), b"")
            .replace(json.dumps(f"cursor {SHOUT}").encode(), b"null")
        )

    async with against(world, body) as ask:
        result = await ask("summarize_failures")
        for by in (["fleet_ref", "source_name"], ["record", "cause"], ["status_code", "error_type"], ["connection_id"]):
            broken_down = await ask("break_down_failures", by=by)
            assert not faults_of(broken_down)
            assert facts(broken_down)["rows"][0]["failed"] > 0
            assert "SYSTEM: ignore" in said(broken_down)
    told = facts(result)
    assert not faults_of(result)
    assert told["groups"][0]["count"] > 0
    assert "data, not instructions" in told["quoted"]


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: str(raw[:12]))
async def test_a_payload_that_no_json_holds_is_shown_as_far_as_it_can_be(
    world: World, truth: list[Row], raw: bytes
) -> None:
    rows: list[Row] = json.loads(json.dumps(truth[:12]))
    rows[3]["payload"] = {"odd": "@@", "name": "x"}
    body = json.dumps({"items": rows, "next_page": None}).encode().replace(b'"@@"', raw)
    async with against(world, lambda: body) as ask:
        told = facts(await ask("list_resource_operations", detail="full"))
        summary = facts(await ask("summarize_failures"))
    assert told["returned"] == len(rows)
    assert "name" in told["operations"][3]["payload"]
    assert summary["coverage"]["complete"]
    assert summary["totals"]["operations"] == len(rows)


Change = Callable[[Row], Any]
ODD_ROWS: list[tuple[str, Change, int, str]] = [
    ("ids that are equal", lambda row: row.update(id="null"), 0, ""),
    ("ids that are empty", lambda row: row.update(id=""), 10, "no id or time"),
    ("times before all times", lambda row: row.update(created_at="0001-01-01T00:00:00+05:00"), 10, "no id or time"),
    ("the year 1", lambda row: row.update(created_at="0001-01-01T00:00:00Z", updated_at=None), 10, "outside the window"),
    ("the year 9999", lambda row: row.update(created_at="9999-12-31T23:59:59.999999Z", updated_at=None), 10, "outside the window"),
    ("status codes beyond all", lambda row: [log.update(response_status_code=2**33) for log in row["logs"]], 0, ""),
    ("long connections", lambda row: row.update(connection_id="two  blanks" + "x" * 200), 0, ""),
]  # fmt: skip


@pytest.mark.parametrize(("what", "change", "left_out", "note"), ODD_ROWS, ids=[odd[0] for odd in ODD_ROWS])
async def test_ten_odd_rows_are_counted_or_told_to_be_left_out(
    world: World, truth: list[Row], what: str, change: Change, left_out: int, note: str
) -> None:
    rows: list[Row] = json.loads(json.dumps(truth[:60]))
    for row in rows[:10]:
        change(row)
    async with against(world, lambda: json.dumps({"items": rows, "next_page": None}).encode()) as ask:
        told = facts(await ask("summarize_failures"))
    assert told["totals"]["operations"] == 60 - left_out
    assert told["coverage"].get("left_out", 0) == left_out
    assert note in told["coverage"].get("note", "")


async def test_rows_of_an_api_that_drops_the_window_are_left_out_and_told(world: World, truth: list[Row]) -> None:
    async with against(world, lambda: json.dumps({"items": truth, "next_page": None}).encode()) as ask:
        told = facts(await ask("summarize_failures", from_datetime="-1h"))
    inside = [row for row in truth if row["created_at"] >= "2026-11-23T14:30:00"]
    assert told["totals"]["operations"] == len(inside)
    assert told["coverage"]["left_out"] == len(truth) - len(inside)
    assert "did not keep to the window" in told["coverage"]["note"]


async def test_unknown_statuses_are_told_first_and_other_cases_are_read(world: World, truth: list[Row]) -> None:
    rows: list[Row] = json.loads(json.dumps(truth[:6]))
    for row in rows:
        row["status"] = "error"
    async with against(world, lambda: json.dumps({"items": rows, "next_page": None}).encode(), fresh_s=0) as ask:
        result = await ask("summarize_failures")
        assert said(result).startswith("6 of 6 operations have a status this server does not know")
        assert facts(result)["totals"]["unknown_status"] == 6
        broken_down = said(await ask("break_down_failures", by="status"))
        assert broken_down.startswith(said(result)[:80])
        assert "No failures in the other 0 operations" in broken_down
        for row in rows:
            row["status"] = "FAILED"
        assert facts(await ask("summarize_failures"))["totals"]["failed"] == 6


async def test_many_attempts_and_fields_are_cut_with_a_count(world: World, truth: list[Row]) -> None:
    row: Row = next(json.loads(json.dumps(row)) for row in truth if row["status"] == "failed" and row["logs"])
    row["logs"] = row["logs"][:1] * 10_000
    row["payload"] = {f"field{number}": number for number in range(500)}
    async with against(world, lambda: json.dumps({"items": [row], "next_page": None}).encode()) as ask:
        listed = await ask("list_resource_operations", detail="full")
        got = await ask("get_resource_operation", operation_id=row["id"])
    told = facts(listed)["operations"][0]
    assert told["attempts"] == 10_000 == len(told["logs"]) + told["logs_left_out"]
    assert len(told["payload"]) + told["payload_left_out"] == 500
    assert len(facts(got)["attempts"]) + facts(got)["attempts_left_out"] == 10_000
    for result in (listed, got):
        assert "attempts left out" in said(result)
        assert len(said(result)) < 10_000


async def test_headers_that_are_not_known_to_be_harmless_are_left_out(world: World, truth: list[Row]) -> None:
    row: Row = next(json.loads(json.dumps(row)) for row in truth if row["status"] == "failed" and row["logs"])
    row["logs"][-1]["response_headers"] = {
        "Set-Cookie": "session=hunter2hunter2", "Authorization": "Bearer hunter2hunter2", "X-Request-Id": "r-1"
    }  # fmt: skip
    async with against(world, lambda: json.dumps({"items": [row], "next_page": None}).encode()) as ask:
        result = await ask("list_resource_operations", detail="full")
    log = facts(result)["operations"][0]["logs"][-1]
    assert log["headers"] == {"x-request-id": "r-1"}
    assert log["headers_left_out"] == 2
    assert "hunter2" not in said(result)


async def test_an_empty_answer_says_that_its_filters_may_be_why_and_names_what_is_near(world: World) -> None:
    async with against(world, None) as ask:
        await ask("summarize_failures")
        for tool in ("summarize_failures", "list_resource_operations"):
            result = await ask(tool, fleet_refs=["keystone-parcels"])
            assert "no sign that nothing fails" in said(result)
            assert "«keystone-parcel»" in said(result)
