"""Breakdowns through a real MCP client, every number compared with the demo world's own rows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from server.analysis.breakdown_results import DIMENSIONS, OF_FAILURES
from server.demo.faults import Faults
from server.demo.world import World
from server.tools._render import percent_of
from tests.conftest import NOW, Ask, Row, Serve, asking, facts, refusal, said
from tests.tools.test_budgets import count
from tests.tools.test_summarize_failures import (
    by_record,
    key_of,
    outcome_in_plain_python,
    records_in_plain_python,
    refused_as_existing,
)

pytestmark = pytest.mark.anyio

PLAIN: dict[str, Callable[[Row], Any]] = {
    "source_name": lambda row: row["source_name"],
    "fleet_ref": lambda row: row["fleet_ref"] or "",
    "connection_id": lambda row: row["connection_id"],
    "resource": lambda row: row["resource"],
    "operation": lambda row: row["operation_type"],
    "status": lambda row: row["status"],
    "hour": lambda row: row["created_at"][:13] + ":00:00Z",
    "day": lambda row: row["created_at"][:10],
}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def to_the_second(row: Row) -> datetime:
    return moment(row["created_at"]).replace(microsecond=0)


def by(rows: Iterable[Row], *dimensions: str) -> dict[Any, list[Row]]:
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        values = tuple(PLAIN[name](row) for name in dimensions)
        found[values].append(row)
    return found


def failed(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["status"] == "failed"]


def record(row: Row) -> Any:
    return key_of(row)


def counted(told: dict[str, Any]) -> Counter[str]:
    """Return what the rows and what is left out count together."""
    total: Counter[str] = Counter()
    for row in [*told["rows"], told["other"]]:
        total.update({"operations": row["operations"], "failed": row["failed"]})
    return total


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row["key"].values())


async def all_rows(ask: Ask, **question: Any) -> dict[str, Any]:
    return facts(await ask("break_down_failures", most=100, **question))


@pytest.mark.parametrize(
    "dimensions",
    [["source_name"], ["fleet_ref"], ["connection_id"], ["resource"], ["operation"], ["status"], ["operation", "resource"]],
    ids=" and ".join,
)  # fmt: skip
async def test_every_row_is_what_plain_python_counts(serve: Serve, truth: list[Row], dimensions: list[str]) -> None:
    async with asking(serve()) as ask:
        told = await all_rows(ask, by=dimensions)
    values = by(truth, *dimensions)
    assert told["values"] == len(values)
    assert told["failing"] == sum(bool(failed(rows)) for rows in values.values())
    assert {key(row) for row in told["rows"]} == set(values)
    for row in told["rows"]:
        rows = values[key(row)]
        failures = failed(rows)
        assert (row["operations"], row["failed"]) == (len(rows), len(failures))
        assert row["failure_rate"] == round(len(failures) / len(rows), 4)
        if not failures:
            assert row.keys() <= {"key", "operations", "failed", "failure_rate", "source_name", "fleet_ref"}
            continue
        last = max(failures, key=lambda r: moment(r["created_at"]))
        assert moment(row["first_seen"]) == min(map(to_the_second, failures))
        assert moment(row["last_seen"]) == to_the_second(last)
        later = [r for r in rows if r["status"] == "success" and moment(r["created_at"]) > moment(last["created_at"])]
        again = min(map(to_the_second, later)) if later and dimensions != ["status"] else None
        assert (moment(row["recovered_at"]) if "recovered_at" in row else None) == again
        became = outcome_of(truth, failures)
        assert Counter(row["records"]) == became, row["key"]


def outcome_of(truth: list[Row], failures: list[Row]) -> Counter[str]:
    """Return what became of the records of some failures, as a breakdown tells it."""
    places: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in failures:
        places[row["connection_id"], row["resource"]].append(row)
    told: Counter[str] = Counter(failed=len({record(row) for row in failures}))
    for members in places.values():
        told += outcome_in_plain_python(truth, members)
        told["exist"] += sum(refused_as_existing(of, truth) for of in by_record(members).values())
    return told


@pytest.mark.parametrize("asked", [{}, {"min_operations": 5, "most": 100}, {"sort": "rate", "most": 3}], ids=str)
async def test_rows_and_what_is_left_out_add_up_to_the_totals(
    serve: Serve, truth: list[Row], asked: dict[str, Any]
) -> None:
    failures = len(failed(truth))
    async with asking(serve()) as ask:
        for number, dimension in enumerate(DIMENSIONS):
            for dimensions in ([dimension], [dimension, DIMENSIONS[number - 1]]):
                told = facts(await ask("break_down_failures", by=dimensions, **asked))
                whole = failures if {*dimensions} & {*OF_FAILURES} else len(truth)
                assert counted(told) == Counter(operations=whole, failed=failures), dimensions
                assert (told["totals"]["operations"], told["totals"]["failed"]) == (len(truth), failures)
                assert len(told["rows"]) + told["other"]["rows"] == told["values"]
                assert all(row["operations"] >= asked.get("min_operations", 0) for row in told["rows"])


async def test_the_totals_count_records_of_all_rows(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("break_down_failures", by="resource", most=1))
    expected = records_in_plain_python(truth)
    assert told["totals"]["records"] == expected


async def test_the_five_fleets_that_fail_most_are_told_in_one_call(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        result = await ask("break_down_failures", by="fleet_ref", most=5)
    expected = Counter(row["fleet_ref"] for row in failed(truth))
    told = {row["key"]["fleet_ref"]: row["failed"] for row in facts(result)["rows"]}
    assert list(told.values()) == sorted(expected.values(), reverse=True)[:5]
    assert all(expected[fleet] == failures for fleet, failures in told.items())
    for fleet, failures in told.items():
        assert f"«{fleet}»: {failures}/" in said(result)


async def test_the_tsp_with_the_highest_rate_is_told_in_one_call(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("break_down_failures", by=["source_name"], sort="rate", most=1))
    values = by(truth, "source_name")
    (worst,) = max(values, key=lambda value: len(failed(values[value])) / len(values[value]))
    assert told["rows"][0]["key"] == {"source_name": worst}


async def test_the_worst_connection_with_at_least_50_operations_is_told_in_one_call(
    serve: Serve, truth: list[Row]
) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("break_down_failures", by="connection_id", sort="rate", min_operations=50, most=1))
    values = {value: rows for value, rows in by(truth, "connection_id").items() if len(rows) >= 50}
    (worst,) = max(values, key=lambda value: len(failed(values[value])) / len(values[value]))
    (row,) = told["rows"]
    of = values[worst,][0]
    assert row["key"] == {"connection_id": worst}
    assert (row["source_name"], row["fleet_ref"]) == (of["source_name"], of["fleet_ref"])


async def test_failures_per_day_for_14_days_are_told_in_one_call_without_a_gap(serve: Serve, world: World) -> None:
    start = NOW - timedelta(days=14)
    first, last = world.count_before(start), world.count_before(NOW)
    rows = [world.row(operation, NOW) for operation in world.operations[first:last]]
    expected = Counter(f"{row['created_at']:%Y-%m-%d}" for row in rows if row["status"] == "failed")
    async with asking(serve()) as ask:
        result = await ask("break_down_failures", by=["day"], from_datetime="-14d")
    told = {row["key"]["day"]: row["failed"] for row in facts(result)["rows"]}
    assert list(told) == [f"{start + timedelta(days=n):%Y-%m-%d}" for n in range(15)]
    assert told == {day: expected[day] for day in told}
    assert "2026-11-12: 0/0" in said(result)


async def test_the_worst_hour_is_told_in_one_call(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("break_down_failures", by=["hour"], sort="failed", most=1))
        whole = facts(await ask("break_down_failures", by=["hour"]))
    hours = by(truth, "hour")
    (worst,) = max(hours, key=lambda hour: len(failed(hours[hour])))
    assert told["rows"][0]["key"] == {"hour": worst}
    assert [key(row) for row in whole["rows"]] == sorted(hours)
    assert [row["failed"] for row in whole["rows"]] == [len(failed(hours[hour])) for hour in sorted(hours)]


async def test_how_a_cause_spreads_over_its_connections_and_where_it_is_over_is_told_in_one_call(
    serve: Serve, truth: list[Row]
) -> None:
    async with asking(serve()) as ask:
        causes = facts(await ask("break_down_failures", by="cause", source_name="omnitracs"))["rows"]
        cause = causes[0]["key"]["cause"]["id"]
        told = await all_rows(ask, by="connection_id", group=cause)
        page = facts(await ask("list_resource_operations", group=cause, size=200))
    members = {row["id"] for row in page["operations"]}
    values = by(truth, "connection_id")
    assert told["filters"] == {"group": [cause]}
    assert told["totals"]["failed"] == len(members) == causes[0]["failed"]
    assert "only those that failed of the causes" in told["totals"]["covers"]
    hit = {value for value, rows in values.items() if any(row["id"] in members for row in rows)}
    assert {key(row) for row in told["rows"] if row["failed"]} == hit
    assert told["failing"] == len(hit)
    for row in told["rows"]:
        rows = values[key(row)]
        own = [r for r in rows if r["id"] in members]
        assert (row["operations"], row["failed"]) == (len(rows), len(own))
        if own:
            assert row["top_cause"]["id"] == cause
            end = max(moment(r["created_at"]) for r in own)
            later = [to_the_second(r) for r in rows if r["status"] == "success" and moment(r["created_at"]) > end]
            assert moment(row["recovered_at"]) == min(later)


async def test_several_causes_are_one_outage_and_an_unknown_one_is_no_all_clear(serve: Serve) -> None:
    async with asking(serve()) as ask:
        causes = [row["key"]["cause"]["id"] for row in (await all_rows(ask, by="cause"))["rows"][:2]]
        told = await all_rows(ask, by="cause", group=causes)
        as_text = await all_rows(ask, by="cause", group=",".join(causes))
        unknown = await ask("break_down_failures", by="day", group="g_00000000")
    assert [row["key"]["cause"]["id"] for row in told["rows"]] == causes
    assert sum(row["failed"] for row in told["rows"]) == told["totals"]["failed"]
    assert as_text == told
    assert said(unknown).startswith("No failures of the causes asked for in ")
    assert "has the cause g_00000000: check the id" in said(unknown)


async def test_the_largest_cause_of_a_row_is_the_one_that_a_summary_of_it_begins_with(serve: Serve) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("break_down_failures", by="source_name", most=4))
        for row in told["rows"]:
            summary = facts(await ask("summarize_failures", source_name=row["key"]["source_name"]))
            largest = summary["groups"][0]
            assert row["top_cause"] == {name: largest[name] for name in ("id", "title", "count")}


async def test_records_are_told_with_what_leads_on_to_their_story(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        told = await all_rows(ask, by="record", source_name="samsara")
        known = next(row["key"]["record"] for row in told["rows"] if row["key"]["record"]["known_by"] == "resource_id")
        story = facts(
            await ask(
                "trace_record",
                resource=known["resource"], resource_id=known["id"], connection_id=known["connection_id"],
            )
        )  # fmt: skip
    of_source = failed(row for row in truth if row["source_name"] == "samsara")
    counts = Counter(map(record, of_source))
    assert told["values"] == len(counts)
    assert [row["failed"] for row in told["rows"]] == sorted(counts.values(), reverse=True)[: len(told["rows"])]
    assert any(step["status"] == "failed" for step in story["story"])
    assert "failure_rate" not in told["rows"][0]
    assert "the operations of a row are its failures" in told["note"]


async def test_hours_beside_their_days_are_hours_of_day(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        told = await all_rows(ask, by=["hour", "day"])
    hours = by(truth, "hour")
    assert {f"{row['key']['day']}T{row['key']['hour']}:00:00Z": row["failed"] for row in told["rows"]} == {
        hour: len(failed(rows)) for (hour,), rows in hours.items()
    }


async def test_a_dimension_beside_time_keeps_what_failed_most_in_order_of_time(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("break_down_failures", by=["source_name", "hour"], most=8))
    counts = {value: len(failed(rows)) for value, rows in by(truth, "source_name", "hour").items()}
    assert sorted(row["failed"] for row in told["rows"]) == sorted(counts.values())[-8:]
    moments = [row["key"]["hour"] for row in told["rows"]]
    assert moments == sorted(moments)


async def test_any_breakdown_fits_its_budget_by_default(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for window, second in (("-24h", "connection_id"), ("-7d", "hour"), ("-7d", "record")):
            for asked in [[name] for name in DIMENSIONS] + [[name, second] for name in DIMENSIONS if name != second]:
                result = await ask("break_down_failures", by=asked, from_datetime=window)
                assert count(said(result)) <= 1_500, (asked, window)
                assert count(facts(result)) <= 2_500, (asked, window)
                assert facts(result)["rows"]


async def test_rows_that_were_asked_for_are_told_as_far_as_an_answer_goes(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for dimension in ("connection_id", "record", "hour"):
            result = await ask("break_down_failures", by=dimension, most=100, from_datetime="-10d")
            assert len(facts(result)["rows"]) > 50
            assert count(said(result)) + count(facts(result)) <= 20_000
            assert f"{facts(result)['other']['rows']:,} more row" in said(result)


async def test_more_hours_than_fit_lose_details_before_the_oldest_of_them(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("break_down_failures", by="hour", from_datetime="-7d")
    told = facts(result)
    hours = [moment(row["key"]["hour"]) for row in told["rows"]]
    assert hours[-1] == NOW.replace(minute=0)
    assert all(later - sooner == timedelta(hours=1) for sooner, later in pairwise(hours))
    assert told["other"]["rows"] == 169 - len(hours)
    assert "rows lack records and top_cause" in said(result)


async def test_a_read_that_ended_early_says_what_its_rows_are_of(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve(max_operations=1000)) as ask:
        result = await ask("break_down_failures", by="hour")
    told = facts(result)
    start = moment(told["coverage"]["covered_from"])
    inside = [row for row in truth if moment(row["created_at"]) >= start]
    assert not told["coverage"]["complete"]
    assert "in the part that was read" in said(result).splitlines()[0]
    assert counted(told) == Counter(operations=len(inside), failed=len(failed(inside)))
    assert moment(told["rows"][0]["key"]["hour"]) == start.replace(minute=0, second=0, microsecond=0)


async def test_breakdowns_are_equal_whatever_the_order_of_the_rows(serve: Serve) -> None:
    answers = []
    for order in ("newest", "scattered"):
        async with asking(serve(Faults(order=order))) as ask:
            answers.append([said(await ask("break_down_failures", by=[name])) for name in DIMENSIONS])
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"by": "fleet"}, "'fleet_ref'"),
        ({"by": ["source_name", "hour", "day"]}, "one or two"),
        ({"by": []}, "one or two"),
        ({"by": "hour", "group": "samsara"}, "no id of a cause"),
        ({"by": "hour", "sort": "worst"}, "failed, rate, operations, name"),
        ({"by": "hour", "most": 101}, "from 1 to 100"),
        ({}, "`by` is required"),
    ],
    ids=str,
)
async def test_what_cannot_be_broken_down_is_refused_with_what_can(
    serve: Serve, given: dict[str, Any], told: str
) -> None:
    async with asking(serve()) as ask:
        assert told in refusal(await ask("break_down_failures", **given))


async def test_an_empty_breakdown_says_that_its_filters_may_be_why(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("break_down_failures", by="source_name", fleet_refs=["nobody"])
    assert said(result).startswith("No operation matches the filters, which says nothing of failures.")
    assert "no sign that nothing fails" in said(result)


def test_a_rate_is_rounded_once() -> None:
    assert percent_of(172, 364) == "47.3 %", "0.4725 is rounded down"
    assert [percent_of(1, 5_000), percent_of(0, 0), percent_of(1, 1)] == ["<0.1 %", "0 %", "100 %"]
