"""The summary through a real MCP client, every number compared with the demo world's own rows."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from server.app import build_server
from server.catena.vocabulary import OUTCOMES
from server.causes.signatures import group_id, signature_of
from server.demo.api import build_api
from server.demo.faults import Faults
from server.demo.records import LASTING
from server.demo.world import World
from tests.conftest import AT_ONCE, DAY, NOW, Row, Serve, asking, facts, refusal, said, settings_of

pytestmark = pytest.mark.anyio


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def outcome_in_plain_python(rows: list[Row], members: list[Row]) -> Counter[str]:
    """Say what became of records, row by row, slowly and plainly: the world knows which record each write is of."""
    told: Counter[str] = Counter()
    for failures in by_record(members).values():
        last = max(failures, key=lambda r: moment(r["created_at"]))
        states = {r["status"] for r in later_than(last, rows)}
        told["recovered" if "success" in states else "unknown" if "pending" in states else "unresolved"] += 1
    return told


def later_than(last: Row, rows: list[Row]) -> list[Row]:
    """Return what else happened to the record of a row after it."""
    return [r for r in rows if key_of(r) == key_of(last) and moment(r["created_at"]) > moment(last["created_at"])]


def refused_as_existing(failures: list[Row], rows: list[Row]) -> bool:
    """Tell whether the TSP refused to make a record, when last asked, since it has it, and no more came of it."""
    last = max(failures, key=lambda r: moment(r["created_at"]))
    said_so = any(
        word in (log["error_details"] or "") for log in last["logs"] for word in ("already", "Duplicate entry")
    )
    return (
        last["operation_type"] == "create" and said_so and {r["status"] for r in later_than(last, rows)} <= {"failed"}
    )


def by_record(rows: list[Row]) -> dict[Any, list[Row]]:
    records: dict[Any, list[Row]] = {}
    for row in rows:
        records.setdefault(key_of(row), []).append(row)
    return records


def key_of(row: Row) -> tuple[str, ...]:
    """Name the record of a row; what is written once is known by its payload alone."""
    of = row["record"] if row["resource"] in LASTING else json.dumps(row["payload"], sort_keys=True)
    return row["connection_id"], row["resource"], of


def known_by(rows: list[Row]) -> str:
    """Return the weakest of what tells that some rows are of one record."""
    kinds = [next(n for n in ("resource_id", "source_id", "payload") if row.get(n)) for row in rows]
    guess = "field" if rows[0]["resource"] in LASTING else "payload"
    return guess if "payload" in kinds else "id"


def records_in_plain_python(rows: list[Row], window: list[Row] | None = None) -> Row:
    """Count the distinct records that failed in a window (all rows) by what became of them in the rows."""
    members = [r for r in window or rows if r["status"] == "failed"]
    told = outcome_in_plain_python(rows, members)
    records = by_record(members)
    states = {state: told[state] for state in ("recovered", "unresolved", "unknown")}
    known = Counter(known_by(of) for of in records.values())
    exist = sum(refused_as_existing(of, rows) for of in records.values())
    return {
        "failed": len(records),
        **states,
        "exist": exist,
        "by_field": known["field"],
        "by_payload": known["payload"],
    }


async def test_totals_equal_the_worlds_own_count(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        summary = facts(await ask("summarize_failures"))
    states = Counter(row["status"] for row in truth)
    retried = [r for r in truth if r["status"] == "success" and any(log["status"] == "failed" for log in r["logs"])]
    assert summary["totals"] == {
        "operations": len(truth),
        "success": states["success"],
        "failed": states["failed"],
        "pending": states["pending"],
        "failure_rate": round(states["failed"] / len(truth), 4),
        "retried_successes": len(retried),
        "records": records_in_plain_python(truth),
    }


async def test_causes_in_full_in_short_and_left_out_add_up_to_all_failures(serve: Serve) -> None:
    async with asking(serve()) as ask:
        every = causes_of(facts(await ask("summarize_failures", max_groups=50)))
        for most in (None, 1, 3, 5, 8, 9, 12, 50):
            for behind in (None, every[0][0], every[3][0], every[-1][0]):
                asked = {"max_groups": most, "from_group": behind}
                summary = facts(await ask("summarize_failures", **{k: v for k, v in asked.items() if v}))
                told, other = causes_of(summary), summary["other"]
                start = [name for name, _ in every].index(behind) + 1 if behind else 0
                assert told == every[start : start + len(told)], asked
                if most:
                    assert len(told) == min(most, len(every) - start), "what is asked for is kept"
                assert sum(count for _, count in told) + other["count"] == summary["totals"]["failed"], asked
                assert len(told) + other["groups"] == len(every)
                assert other.get("before", 0) == start
                following = [brief["id"] for brief in other["largest"]]
                assert following == [name for name, _ in every[start + len(told) :][:3]], "nothing is told twice"


def causes_of(summary: Row) -> list[tuple[str, int]]:
    return [(cause["id"], cause["count"]) for cause in [*summary["groups"], *summary.get("more", [])]]


async def test_a_line_says_what_the_whole_cause_says(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("summarize_failures", max_groups=50)
        lines = facts(result)["more"]
        behind = facts(result)["groups"][-1]["id"]
        assert len(lines) > 8
        for line in lines:
            whole = facts(await ask("summarize_failures", from_group=behind, max_groups=1))["groups"][0]
            same = ("id", "source_name", "error_type", "status_code", "title", "count", "last_seen")
            assert {name: whole.get(name) for name in same} == {name: line.get(name) for name in same}
            assert line["unresolved"] == whole["outcome"]["unresolved"]
            behind = line["id"]
            for part in (
                f"{line['id']} {line['source_name']}",
                f"«{line['title']}»: {line['count']:,}, ",
                line["last_seen"],
            ):
                assert part in said(result)
        assert f"{len(facts(result)['groups']) + len(lines)} causes" in said(result).splitlines()[0]


async def test_a_walk_by_from_group_meets_every_cause_once(serve: Serve) -> None:
    async with asking(serve()) as ask:
        every = causes_of(facts(await ask("summarize_failures", max_groups=50)))
        result = await ask("summarize_failures")
        met = causes_of(facts(result))
        while len(met) < len(every):
            assert f"from_group={met[-1][0]} goes on" in said(result)
            result = await ask("summarize_failures", from_group=met[-1][0])
            met += causes_of(facts(result))
        assert "goes on" not in said(result)
    assert met == every


async def test_a_cause_that_is_none_of_the_window_is_refused_with_what_to_pass(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for tool in ("summarize_failures", "compare_failures"):
            said_no = refusal(await ask(tool, from_group="g_00000000"))
            assert "from_group «g_00000000» is no cause of this window" in said_no


async def test_records_of_all_causes_are_counted_once(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        for source in ("samsara", "motive", "omnitracs", "geotab"):
            of_source = [r for r in truth if r["source_name"] == source]
            result = await ask("summarize_failures", source_name=source, max_groups=50)
            records = facts(result)["totals"]["records"]
            expected = records_in_plain_python(of_source)
            assert {name: records.get(name, 0) for name in expected} == expected, source
            assert records["failed"] == records["recovered"] + records["unresolved"] + records["unknown"]
            words = {"by_field": "fields", "by_payload": "identical payloads"}
            guesses = ", ".join(f"{expected[name]} by {what}" for name, what in words.items() if expected[name])
            assert f"{records['failed']} records failed (identity guessed: {guesses})" in said(result)
            assert f"{records['unresolved']} unresolved" in said(result).splitlines()[0]


async def test_outcomes_look_past_the_window_up_to_now(serve: Serve, truth: list[Row]) -> None:
    until = NOW - timedelta(hours=8)
    window = [r for r in truth if moment(r["created_at"]) < until]
    by_now, by_then = records_in_plain_python(truth, window), records_in_plain_python(window)
    assert by_now["recovered"] > by_then["recovered"]
    async with asking(serve()) as ask:
        result = await ask("summarize_failures", from_datetime="-24h", to_datetime="-8h")
        summary = facts(result)
    assert {name: summary["totals"]["records"].get(name, 0) for name in by_now} == by_now
    assert summary["totals"]["operations"] == len(window)
    note = f"Outcomes look past the window, up to 2026-11-23T15:30:00Z ({len(truth) - len(window):,} operations more)."
    assert note in summary["coverage"]["note"]
    assert note in said(result)


async def test_outcomes_are_as_of_the_windows_end_where_what_followed_cannot_be_read(
    world: World, truth: list[Row]
) -> None:
    until = NOW - timedelta(hours=8)
    window = [r for r in truth if moment(r["created_at"]) < until]
    server = build_server(settings_of(), clock=lambda: NOW, open_http=lambda: gone_after(world, until), retries=AT_ONCE)
    async with asking(server) as ask:
        summary = facts(await ask("summarize_failures", from_datetime="-24h", to_datetime="-8h"))
    assert {name: summary["totals"]["records"].get(name, 0) for name in records_in_plain_python(window)} == (
        records_in_plain_python(window)
    )
    assert "Outcomes are as of the window's end: what followed was not read" in summary["coverage"]["note"]


async def test_what_followed_a_window_is_only_read_where_something_failed_in_it(serve: Serve, truth: list[Row]) -> None:
    fine = Counter(r["connection_id"] for r in truth) - Counter()
    for row in truth:
        if row["status"] != "success":
            fine.pop(row["connection_id"], None)
    (connection, _), *_ = fine.most_common(1)
    sent: list[httpx.Request] = []
    async with asking(serve(sent=sent)) as ask:
        asked = {"connection_id": connection, "from_datetime": "-24h", "to_datetime": "-8h"}
        summary = facts(await ask("summarize_failures", **asked))
    assert summary["totals"]["failed"] == 0
    assert "note" not in summary["coverage"]
    ends = {r.url.params["to_datetime"] for r in sent if r.url.path.endswith("resource-operations")}
    assert max(ends) <= "2026-11-23T07:35"


def gone_after(world: World, moment_of_end: datetime) -> httpx.AsyncClient:
    """Return a client of an API that breaks down where it is asked for what was written later."""
    api = httpx.ASGITransport(app=build_api(world, clock=lambda: NOW))

    async def fails(request: httpx.Request) -> None:
        if moment(request.url.params.get("to_datetime", "2026-01-01T00:00:00Z")) > moment_of_end:
            raise httpx.ConnectError("no route", request=request)

    return httpx.AsyncClient(transport=api, timeout=5, event_hooks={"request": [fails]})


async def test_every_incident_of_the_day_is_one_group_with_its_own_failures(
    serve: Serve, world: World, truth: list[Row]
) -> None:
    async with asking(serve()) as ask:
        for incident in world.incidents:
            members = [r for r in truth if r["id"] in incident.operation_ids and r["status"] == "failed"]
            if len(incident.causes) != 1 or len(members) < 30:
                continue
            of_source = [r for r in truth if r["source_name"] == members[0]["source_name"]]
            found = facts(await ask("summarize_failures", source_name=members[0]["source_name"]))
            largest = next(g for g in found["groups"] if g["example"]["operation_id"] in incident.operation_ids)
            assert largest["count"] == len(members), incident.title
            assert moment(largest["first_seen"]) == min(moment(r["created_at"]) for r in members).replace(microsecond=0)
            assert largest["affected"]["connections"] == len({r["connection_id"] for r in members})
            assert largest["affected"]["fleets"] == len({r["fleet_ref"] for r in members})
            assert largest["affected"]["resources"] == Counter(r["resource"] for r in members)
            assert largest["owner"] == incident.owner
            begun = moment(largest.get("began", largest["first_seen"]))
            assert incident.started <= begun <= incident.started + timedelta(minutes=45), incident.title
            assert (largest["trend"] == "stopped") == (incident.ended is not None), incident.title
            connections = {r["connection_id"] for r in members}
            if incident.key == "expired_credentials":
                found_on = largest["concentration"]
                usual = sum(r["connection_id"] in connections for r in of_source) / len(of_source)
                assert (found_on["dimension"], found_on["value"]) == ("connection", *connections)
                assert found_on["share_of_operations"] == pytest.approx(usual, abs=0.001)


async def test_outcomes_follow_the_matching_rule_of_the_contract(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        for source in ("samsara", "motive", "omnitracs"):
            of_source = [r for r in truth if r["source_name"] == source]
            group = facts(await ask("summarize_failures", source_name=source))["groups"][0]
            listed = await failures_of(ask, group["id"])
            assert len(listed) == group["count"]
            members = [r for r in of_source if r["id"] in listed]
            states = {name: group["outcome"][name] for name in OUTCOMES}
            assert Counter(states) == outcome_in_plain_python(of_source, members), source
            assert sum(states.values()) == group["affected"]["records"]


async def test_a_cause_says_since_when_its_connections_work_again_as_a_breakdown_does(serve: Serve) -> None:
    told = 0
    async with asking(serve()) as ask:
        for group in facts(await ask("summarize_failures"))["groups"]:
            rows = facts(
                await ask("break_down_failures", by=["cause", "connection_id"], group=[group["id"]], most=100)
            )["rows"]
            since = sorted(row["recovered_at"] for row in rows if "recovered_at" in row)
            if group["owner"] == "partner" and group.get("retryable") is False:
                assert "works_since" not in group, "others always worked"
                assert ("recovered_at" in group["outcome"]) == (group["outcome"]["recovered"] > 0)
            else:
                assert (group.get("working", 0), group.get("works_since")) == (len(since), since[-1] if since else None)
                told += bool(since)
    assert told


async def failures_of(ask: Any, group: str) -> set[str]:
    page = facts(await ask("list_resource_operations", group=group, size=1000))
    ids = {row["id"] for row in page["operations"]}
    while cursor := page.get("next_cursor"):
        page = facts(await ask("list_resource_operations", cursor=cursor, size=1000))
        ids |= {row["id"] for row in page["operations"]}
    return ids


async def test_pending_operations_are_told_by_age(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        pending = facts(await ask("summarize_failures"))["pending"]
    created = [moment(r["created_at"]) for r in truth if r["status"] == "pending"]
    assert pending["count"] == len(created)
    assert pending["over_1h"] == sum(NOW - c > timedelta(hours=1) for c in created)
    assert moment(pending["oldest_created_at"]) == min(created).replace(microsecond=0)


async def test_the_connection_on_which_old_operations_wait_is_named(serve: Serve, truth: list[Row]) -> None:
    old = [r for r in truth if r["status"] == "pending" and NOW - moment(r["created_at"]) > timedelta(hours=1)]
    (connection, count), *_ = Counter(r["connection_id"] for r in old).most_common(1)
    async with asking(serve()) as ask:
        result = await ask("summarize_failures")
    waiting = facts(result)["pending"]["mostly"]
    assert (waiting["connection_id"], waiting["count"], waiting["source_name"]) == (connection, count, "wialon")
    assert f"{count} of the old ones on wialon «{waiting['fleet_ref']}» connection {connection}" in said(result)


async def test_timeline_counts_every_operation_once_in_at_most_24_buckets(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for span in ("-40m", "-24h", "-7d", "-45d"):
            summary = facts(await ask("summarize_failures", from_datetime=span))
            buckets = summary["timeline"]["buckets"]
            assert len(buckets) <= 24
            assert sum(b["operations"] for b in buckets) == summary["totals"]["operations"]
            assert sum(b["failed"] for b in buckets) == summary["totals"]["failed"]


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_totals_stay_exact_with_faults_limits_dying_tokens_and_drift(
    serve: Serve, truth: list[Row], anyio_backend: str
) -> None:
    faults = Faults(
        errors=0.15, rate=200.0, retry_after="fraction", token_uses=40, order="scattered", repeat=3, drift=True
    )
    async with asking(serve(faults)) as ask, asking(serve(Faults(drift=True))) as plainly:
        troubled = facts(await ask("summarize_failures", size=100))
        plain = facts(await plainly("summarize_failures", size=100))
    assert troubled["coverage"]["complete"]
    assert troubled["coverage"].pop("pages") != 0
    plain["coverage"].pop("pages")
    # Pages that repeat rows repeat their drift, which is counted as it was met.
    assert troubled["coverage"].pop("note").split("(")[0] == plain["coverage"].pop("note").split("(")[0]
    assert troubled == plain
    assert plain["totals"]["operations"] == len(truth)


async def test_drift_is_counted_and_said_and_loses_no_operation(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve(Faults(drift=True))) as ask:
        result = await ask("summarize_failures")
    coverage = facts(result)["coverage"]
    assert coverage["complete"]
    assert coverage["scanned"] == len(truth)
    assert "does not know" in coverage["note"]
    assert coverage["note"] in said(result)


async def test_results_are_equal_whatever_the_order_of_the_rows(serve: Serve) -> None:
    answers = []
    for order in ("newest", "oldest", "scattered"):
        async with asking(serve(Faults(order=order))) as ask:
            answers.append(said(await ask("summarize_failures", max_groups=50)))
    assert answers[0] == answers[1] == answers[2]


async def test_a_cause_has_the_same_id_in_any_window(serve: Serve) -> None:
    async with asking(serve()) as ask:
        day = facts(await ask("summarize_failures", max_groups=1))["groups"][0]
        week = facts(await ask("summarize_failures", from_datetime="-7d", source_name=day["source_name"]))
    assert (day["id"], day["title"]) in {(g["id"], g["title"]) for g in week["groups"]}


async def test_a_budget_covers_the_newest_part_and_says_how_to_go_on(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        first = facts(await ask("summarize_failures", max_operations=1000, size=100))
        coverage = first["coverage"]
        assert not coverage["complete"]
        assert 0 < coverage["scanned"] <= 1000
        start = moment(coverage["covered_from"])
        assert coverage["scanned"] == sum(moment(r["created_at"]) >= start for r in truth)
        assert f"to_datetime={coverage['covered_from']}" in coverage["note"]
        rest = facts(
            await ask(
                "summarize_failures",
                from_datetime=first["window"]["from_datetime"],
                to_datetime=coverage["covered_from"],
            )
        )
    assert rest["coverage"]["scanned"] + coverage["scanned"] == len(truth)


async def test_a_list_cursor_is_read_from_there_on_in_order(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        page = facts(await ask("list_resource_operations", size=50))
        summary = facts(await ask("summarize_failures", cursor=page["next_cursor"]))
    assert summary["totals"]["operations"] == len(truth) - page["returned"]
    assert not summary["coverage"]["complete"]
    assert "from the cursor on" in summary["coverage"]["note"]


async def test_no_failures_is_only_said_of_what_was_read(serve: Serve) -> None:
    async with asking(serve(now=NOW - timedelta(days=30))) as ask:
        result = await ask("summarize_failures")
    assert said(result).startswith("No operations.")
    assert "(default: the last day)" in said(result)
    async with asking(serve()) as ask:
        part = said(await ask("summarize_failures", max_operations=500)).splitlines()[0]
    async with asking(serve(Faults(latency_s=5), deadline_s=0.3)) as ask:
        nothing = said(await ask("summarize_failures")).splitlines()[0]
    assert "in the part that was read" in part
    assert nothing.startswith("Nothing can be told: the read ended before")


async def test_asking_again_within_a_minute_sends_no_request(serve: Serve) -> None:
    sent: list[httpx.Request] = []
    async with asking(serve(sent=sent)) as ask:
        first = await ask("summarize_failures")
        before = len(sent)
        again = await ask("summarize_failures")
        assert before > 0
        assert len(sent) == before
        assert facts(again) == facts(first)
        await ask("summarize_failures", refresh=True)
        assert len(sent) > before


class LimitedAfter(httpx.AsyncBaseTransport):
    """The demo API that answers so many requests, then only 429 with a Retry-After of an hour."""

    def __init__(self, world: World, answers: int) -> None:
        api = build_api(world, clock=lambda: NOW, faults=Faults(order="scattered"))
        self._api = httpx.ASGITransport(app=api)
        self._left = answers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._left -= 1
        if self._left < 0:
            return httpx.Response(429, headers={"Retry-After": "3600"}, request=request)
        return await self._api.handle_async_request(request)


async def test_a_limit_that_outlasts_the_call_ends_in_what_was_read_and_when_to_come_back(
    world: World, truth: list[Row]
) -> None:
    def opened() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=LimitedAfter(world, 60))

    # One request at a time, so that shards end one after the other.
    server = build_server(settings_of(max_concurrency=1), clock=lambda: NOW, open_http=opened, retries=AT_ONCE)
    async with asking(server) as ask:
        result = await ask("summarize_failures", size=20)
    coverage = facts(result)["coverage"]
    assert not coverage["complete"]
    assert "Come back in 3,600 seconds" in coverage["note"]
    start = moment(coverage["covered_from"])
    assert 0 < coverage["scanned"] == sum(moment(r["created_at"]) >= start for r in truth)
    assert "in the part that was read" in said(result).splitlines()[0]


async def test_the_deadline_ends_in_what_was_read(serve: Serve) -> None:
    async with asking(serve(Faults(latency_s=0.02), deadline_s=0.6, max_concurrency=1)) as ask:
        result = await ask("summarize_failures", size=20, from_datetime="-10d")
    coverage = facts(result)["coverage"]
    assert not coverage["complete"]
    assert "the time for one call" in coverage["note"]


async def test_a_stale_connection_is_told_where_the_fleet_must_act(serve: Serve, world: World) -> None:
    sent: list[httpx.Request] = []
    async with asking(serve(sent=sent)) as ask:
        result = await ask("summarize_failures", source_name="samsara")
    group = next(g for g in facts(result)["groups"] if g["title"] == "Invalid token")
    assert group["advice"].endswith("The connection is stale.")
    assert "The connection is stale." in said(result)
    assert "credentials" not in json.dumps(facts(result))
    asked = [r for r in sent if r.url.path.endswith(group["example"]["connection_id"])]
    assert len(asked) == 1


async def test_what_retries_did_is_told_as_evidence(serve: Serve, truth: list[Row]) -> None:
    limited = [
        r
        for r in truth
        if r["source_name"] == "motive" and any(log["response_status_code"] == 429 for log in r["logs"])
    ]
    ended = [r for r in limited if r["status"] in ("failed", "success")]
    cured = [r for r in ended if r["status"] == "success"]
    async with asking(serve()) as ask:
        group = facts(await ask("summarize_failures", source_name="motive"))["groups"][0]
    assert group["retryable"] is True
    assert f"{len(cured)} of {len(ended)} went through on a retry)" in group["advice"]


async def test_pending_operations_with_failed_attempts_are_still_trying(serve: Serve, truth: list[Row]) -> None:
    trying = [r for r in truth if r["status"] == "pending" and any(log["status"] == "failed" for log in r["logs"])]
    async with asking(serve()) as ask:
        result = await ask("summarize_failures")
    assert trying
    assert facts(result)["pending"]["still_trying"] == len(trying)
    assert f"{len(trying)} still trying" in said(result)


async def test_progress_is_told_and_never_falls(serve: Serve) -> None:
    from mcp import Client

    told: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with Client(serve()) as client:
        await client.call_tool("summarize_failures", {"from_datetime": "-10d"}, progress_callback=note)
    assert told
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


async def test_text_and_structured_result_hold_the_same_facts(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("summarize_failures", from_datetime="-3d")
    text, summary = said(result), facts(result)
    plain = text.replace(",", "")
    totals = summary["totals"]
    records = totals.pop("records")
    for value in (*(totals[n] for n in totals if n != "failure_rate"), summary["coverage"]["scanned"]):
        assert str(value) in plain
    assert all(f"{records[state]} {state}" in plain for state in ("recovered", "unresolved"))
    for group in summary["groups"]:
        shown = [group["id"], group["title"], group["owner"], group["advice"], group["first_seen"], group["last_seen"]]
        shown += [group["trend"], group["example"]["operation_id"], *group["top_fleets"], *group["top_connections"]]
        shown += [f"{name} {count}" for name, count in group["affected"]["resources"].items()]
        shown += [f"{group['outcome'][name]} {name}" for name in OUTCOMES if group["outcome"][name]]
        if exist := group["outcome"].get("exist"):
            shown.append(f"{exist} exist at the TSP")
        if last := group["outcome"].get("recovered_at"):
            shown.append(f"recovered (last {last})")
        if since := group.get("works_since"):
            shown.append(f"again since {since.removeprefix(group['last_seen'][:11])}")
        shown += [slot["slot"] for slot in group["varies"]]
        for part in shown:
            assert part.replace(",", "") in plain, part
    for bucket in summary["timeline"]["buckets"]:
        assert f"{bucket['failed']}/{bucket['operations']}" in text
    assert str(summary["other"]["groups"]) in text
    for brief in summary["other"]["largest"]:
        assert f"{brief['id']} {brief['source_name']} «{brief['title']}» {brief['count']}" in text


async def test_the_window_default_is_the_last_day(serve: Serve) -> None:
    async with asking(serve()) as ask:
        window = facts(await ask("summarize_failures"))["window"]
    assert moment(window["to_datetime"]) == NOW
    assert moment(window["from_datetime"]) == NOW - DAY
    assert window["default"] is True


async def test_a_summary_of_some_causes_tells_their_failures_against_all_operations(
    serve: Serve, truth: list[Row]
) -> None:
    async with asking(serve()) as ask:
        whole = facts(await ask("summarize_failures"))
        asked = [group["id"] for group in whole["groups"][1:3]]
        members = set().union(*[await failures_of(ask, group) for group in asked])
        result = await ask("summarize_failures", group=asked)
        one = facts(await ask("summarize_failures", group=asked[0], max_groups=1))
    told, totals = facts(result), facts(result)["totals"]
    assert told["filters"] == {"group": asked}
    shares = {g["id"]: g.pop("share") for g in told["groups"]}
    assert sum(shares.values()) == pytest.approx(1, abs=0.002)
    for group in told["groups"]:  # nothing else of a cause depends on what else was asked for
        same = next(g for g in whole["groups"] if g["id"] == group["id"])
        assert {**same, "share": None} == {**group, "share": None}
    assert (totals["operations"], totals["failed"]) == (len(truth), len(members))
    assert totals["failure_rate"] == round(len(members) / len(truth), 4)
    assert totals["covers"] == "all operations, but as failed only those that failed of the causes in `group`"
    assert sum(bucket["failed"] for bucket in told["timeline"]["buckets"]) == len(members)
    assert told["other"] == {"groups": 0, "count": 0, "largest": []}
    first = said(result).splitlines()[0]
    assert first.startswith(f"{len(members)} of {len(truth):,} operations failed of the causes asked for")
    assert f"{whole['totals']['failed'] - len(members)} failed of other causes" in first
    assert [g["id"] for g in one["groups"]] == asked[:1]


async def test_an_id_that_no_failure_has_is_no_all_clear(serve: Serve) -> None:
    async with asking(serve()) as ask:
        text = said(await ask("summarize_failures", group="g_00000000"))
        part = said(await ask("summarize_failures", group=["g_00000000"], max_operations=500))
    assert text.startswith("No failures of the causes asked for in 3,060 operations.")
    assert "No failure that was read lately has the cause g_00000000: check the id, or the window." in text
    assert "in the part that was read" in part.splitlines()[0]


@pytest.mark.parametrize("tool", ["summarize_failures", "break_down_failures"])
async def test_the_id_of_a_signature_leads_to_its_cause(serve: Serve, truth: list[Row], tool: str) -> None:
    by = {"by": "source_name"} if tool == "break_down_failures" else {}
    async with asking(serve()) as ask:
        (group,) = facts(await ask("summarize_failures", source_name="jjkeller"))["groups"]
        members = await failures_of(ask, group["id"])
        alone = next(name for r in truth if r["id"] in members and (name := signature_id(r)) != group["id"])
        told = await ask(tool, group=[alone], **by)
    assert facts(told)["totals"]["failed"] == group["count"]
    assert f"{alone} is known as {group['id']} now." in said(told)


def signature_id(row: Row) -> str:
    """Return the id that a failure would have if it were alone."""
    log = next(log for log in reversed(row["logs"]) if log["status"] == "failed")
    skeleton = signature_of(log["error_details"]).skeleton
    return group_id(row["source_name"], log["error_type"], log["response_status_code"], skeleton)
