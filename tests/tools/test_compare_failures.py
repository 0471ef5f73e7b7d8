"""Two windows side by side: changes are told only where they are more than chance."""

import json
import math
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.analysis.comparison import CERTAIN, change_of
from server.app import build_server
from server.demo.world import World
from tests.conftest import AT_ONCE, DAY, NOW, Row, Serve, asking, facts, http_to, refusal, said, settings_of

pytestmark = pytest.mark.anyio


async def test_the_baseline_is_the_window_of_equal_length_just_before(serve: Serve) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("compare_failures"))
    assert told["window"]["default"] is True
    assert datetime.fromisoformat(told["baseline"]["from_datetime"]) == NOW - 2 * DAY
    assert datetime.fromisoformat(told["baseline"]["to_datetime"]) == NOW - DAY
    assert told["baseline"]["default"] is True


async def test_the_baseline_ends_where_a_held_window_begins(world: World) -> None:
    clock = [NOW]
    server = build_server(settings_of(), clock=lambda: clock[0], open_http=http_to(world), retries=AT_ONCE)
    async with asking(server) as ask:
        await ask("summarize_failures")
        clock[0] += timedelta(seconds=50)
        told = facts(await ask("compare_failures"))
    assert datetime.fromisoformat(told["window"]["to_datetime"]) == NOW
    assert told["baseline"]["to_datetime"] == told["window"]["from_datetime"]


async def test_counts_of_both_windows_are_those_of_their_summaries(serve: Serve) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("compare_failures"))
        now = facts(await ask("summarize_failures"))
        before = facts(await ask("summarize_failures", from_datetime="-2d", to_datetime="-1d"))
    for name, summary in (("window", now), ("baseline", before)):
        assert told["totals"][name]["operations"] == summary["totals"]["operations"]
        assert told["totals"][name]["failed"] == summary["totals"]["failed"]
    counts = {cause["id"]: (cause["count"], cause["baseline_count"]) for cause in told["groups"]}
    for group in now["groups"]:
        assert counts[group["id"]][0] == group["count"]
    assert sum(c["count"] for c in told["groups"]) + told["other"]["count"] == now["totals"]["failed"]


async def test_as_many_causes_as_asked_for_are_compared_and_the_rest_follows(serve: Serve) -> None:
    async with asking(serve()) as ask:
        every = facts(await ask("compare_failures", max_groups=50))
        assert every["other"] == {"groups": 0, "count": 0, "largest": []}
        assert sum(cause["count"] for cause in every["groups"]) == every["totals"]["window"]["failed"]
        met: list[dict[str, Any]] = []
        while len(met) < len(every["groups"]):
            behind = {"from_group": met[-1]["id"]} if met else {}
            part = await ask("compare_failures", max_groups=5, **behind)
            met += facts(part)["groups"]
            left = facts(part)["other"]
            assert left["groups"] == len(every["groups"]) - len(facts(part)["groups"])
            assert (f"from_group={met[-1]['id']} goes on" in said(part)) == (len(met) < len(every["groups"]))
        assert met == every["groups"]


async def test_each_cause_says_when_it_was_seen_last_and_each_window_what_was_read(
    serve: Serve, world: World, truth: list[Row]
) -> None:
    first = world.count_before(NOW - 2 * DAY)
    before = json.loads(
        msgspec.json.encode([world.row(op, NOW) for op in world.operations[first : world.count_before(NOW - DAY)]])
    )
    async with asking(serve()) as ask:
        result = await ask("compare_failures", max_groups=50)
        told = facts(result)
        for name, rows in (("window", truth), ("baseline", before)):
            assert told["coverage"][name]["complete"]
            assert told["coverage"][name]["scanned"] == len(rows)
            assert f"The {name} was read whole: {len(rows):,} operations" in said(result)
        for rows, cause in (
            (truth if cause["count"] else before, cause) for cause in told["groups"] if cause["change"] != "same"
        ):
            window = {"from_datetime": "-2d", "to_datetime": "-1d"} if rows is before else {}
            page = facts(await ask("list_resource_operations", group=cause["id"], size=1000, **window))
            ids = {row["id"] for row in page["operations"]}
            last = max(datetime.fromisoformat(row["created_at"]) for row in rows if row["id"] in ids)
            assert datetime.fromisoformat(cause["last_seen"]) == last.replace(microsecond=0)
            assert f"last {cause['last_seen']}" in said(result)


async def test_an_incident_that_began_in_the_window_is_new(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("compare_failures", source_name="samsara")
        told = facts(result)
    invalid_token = next(c for c in told["groups"] if c["title"] == "Invalid token")
    assert (invalid_token["change"], invalid_token["baseline_count"]) == ("new", 0)
    assert invalid_token["since"] in said(result)
    assert said(result).splitlines()[0] == told["verdict"]
    assert told["verdict"].startswith("Worse: ")
    for cause in told["groups"]:
        assert f"{cause['change']}: {cause['id']}" in said(result)


async def test_a_window_compared_with_itself_has_not_changed(serve: Serve) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("compare_failures", from_datetime="-1d", baseline_from="-1d"))
    assert {cause["change"] for cause in told["groups"]} == {"same"}
    assert told["verdict"].startswith("No change overall")


async def test_an_empty_window_cannot_be_compared(serve: Serve) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("compare_failures", fleet_refs=["nobody"]))
        assert (
            told["verdict"]
            == "Too few operations to compare: 0 now, 0 in the baseline. Choose windows that hold more (baseline_from, baseline_to)."
        )
        assert "baseline" in refusal(await ask("compare_failures", baselinefrom="-2d"))


@given(st.integers(0, 500), st.integers(1, 5000), st.integers(0, 500), st.integers(1, 5000))
def test_a_change_is_told_both_ways_and_only_beyond_chance(count: int, of: int, before: int, of_before: int) -> None:
    count, before = min(count, of), min(before, of_before)
    opposite = {
        "new": {"gone"},
        "worse": {"better", "gone"},
        "gone": {"new"},
        "better": {"worse", "new"},
        "same": {"same"},
    }
    forth, back = change_of(count, of, before, of_before), change_of(before, of_before, count, of)
    assert back in opposite[forth]
    pooled = (count + before) / (of + of_before)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before))
    if abs(count / of - before / of_before) < CERTAIN * spread:
        assert forth == "same"


def test_small_numbers_are_no_change() -> None:
    assert change_of(2, 1000, 0, 1000) == "same"
    assert change_of(8, 1000, 0, 1000) == "new"
    assert change_of(0, 1000, 8, 1000) == "gone"
    assert change_of(30, 1000, 10, 1000) == "worse"
    assert change_of(10, 1000, 30, 1000) == "better"
    assert change_of(100, 1000, 10, 100) == "same"
