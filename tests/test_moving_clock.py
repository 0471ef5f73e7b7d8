"""Now is now: while time goes on, no answer depends on what was asked before, by whom, with which tool.

Every test here moves the clock between calls. A clock that stands still hides whatever holds rows of another time.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from server.app import build_server
from server.demo.api import build_api
from server.demo.world import World, anchor_of, build_world
from tests.conftest import AT_ONCE, NOW, Ask, asking, facts, settings_of

START = NOW - timedelta(hours=3)
FRESH = timedelta(seconds=60)


@lru_cache
def small_world() -> World:
    """A twentieth of the demo world, so that a test can read it over and over."""
    return build_world(anchor_of(NOW), operations=1_200)


class Moving:
    """A clock that moves a little each time it is read, as every clock does, and as much as a test likes between calls.

    The API goes by its whole seconds, so that one call sees one state of the world.
    """

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def second(self) -> datetime:
        return self.now.replace(microsecond=0)

    def go_on(self, seconds: int) -> None:
        self.now = self.second() + timedelta(seconds=seconds)


@asynccontextmanager
async def asking_at(world: World, clock: Moving) -> AsyncGenerator[Ask]:
    """Open a client on a new server whose clock and API go by `clock`."""
    api = build_api(world, clock=clock.second)

    def opened() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=api), timeout=5)

    server = build_server(settings_of(fresh_s=FRESH.total_seconds()), clock=clock, open_http=opened, retries=AT_ONCE)
    async with asking(server) as ask:
        yield ask


async def asked_anew(world: World, now: datetime, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what a new process answers at a moment."""
    async with asking_at(world, Moving(now)) as ask:
        return facts(await ask(tool, **arguments))


FILTERS = st.sampled_from([{}, {"source_name": "samsara"}, {"resource": "user"}, {"operation": "create"}])
WINDOWS = st.sampled_from(
    [
        {},
        {"from_datetime": "-24h"},
        {"from_datetime": "-6h"},
        {"from_datetime": "-2d", "to_datetime": "-1d"},
        {"from_datetime": "2026-11-22T08:00:00Z"},
        {"from_datetime": "2026-11-22T08:00:00Z", "to_datetime": "2026-11-23T08:00:00Z"},
    ]
)
BASELINES = st.sampled_from([{}, {"baseline_from": "-3d", "baseline_to": "-1d"}])


MOST_ASKED = ("summarize_failures", "compare_failures")


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """One call of any of the five tools."""
    tool = draw(st.sampled_from([*MOST_ASKED, *MOST_ASKED, "list", "get", "trace"]))
    if tool in ("get", "trace"):
        return tool, {}
    arguments = draw(FILTERS) | draw(WINDOWS)
    if tool == "summarize_failures":
        return tool, arguments | draw(
            st.sampled_from([{}, {"refresh": True}])
        )  # parts add up: see reading/test_carried
    if tool == "compare_failures":
        return tool, arguments | draw(BASELINES)
    return "list_resource_operations", arguments | draw(st.sampled_from([{}, {"status": "failed"}]))


WAITS = st.sampled_from([0, 1, 10, 30, 59, 61, 200, 900])
STEPS = st.lists(st.tuples(WAITS, questions()), min_size=3, max_size=8)


@settings(max_examples=12, derandomize=True, phases=[Phase.explicit, Phase.generate])  # shrinking takes minutes
@given(steps=STEPS)
def test_every_answer_equals_that_of_a_process_just_started(steps: Any) -> None:
    anyio.run(_ask_all, small_world(), steps)


async def _ask_all(world: World, steps: list[tuple[int, tuple[str, dict[str, Any]]]]) -> None:
    clock = Moving()
    async with asking_at(world, clock) as ask:
        rows = facts(await ask("list_resource_operations", from_datetime="-40d", status="failed"))["operations"]
        for waited, (tool, arguments) in steps:
            clock.go_on(waited)
            tool, arguments = _about_one(tool, arguments, rows)
            told = facts(await ask(tool, **arguments))
            as_of = datetime.fromisoformat(told["as_of"])
            assert timedelta(0) <= clock.second() - as_of <= FRESH, (tool, arguments)
            if tool == "compare_failures":
                await _check_comparison(world, told, clock.second(), arguments)
                anew = await asked_anew(world, as_of, tool, arguments)
                assert apart(told["baseline"], anew["baseline"]) <= FRESH
            else:
                anew = await asked_anew(world, as_of, tool, arguments)
                assert _apart_from_reading(told) == _apart_from_reading(anew), (tool, arguments, waited)


def apart(window: dict[str, str], other: dict[str, str]) -> timedelta:
    """Return how far the ends of two windows lie apart at most."""
    ends = ("from_datetime", "to_datetime")
    return max(abs(datetime.fromisoformat(window[end]) - datetime.fromisoformat(other[end])) for end in ends)


def _about_one(tool: str, arguments: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Point a question about one operation or record to a real one."""
    if tool == "get":
        return "get_resource_operation", {"operation_id": rows[0]["id"]}
    if tool == "trace":
        row = next(row for row in rows if "source_id" in row)
        return "trace_record", {name: row[name] for name in ("resource", "source_id", "connection_id")}
    return tool, arguments


def _apart_from_reading(told: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without how it was read."""
    coverage = {"coverage": {**told["coverage"], "pages": 0}} if "coverage" in told else {}
    return {**told, **coverage}


async def _check_comparison(world: World, told: dict[str, Any], now: datetime, arguments: dict[str, Any]) -> None:
    """Compare all that does not depend on when the baseline was read; what waited then may have failed since."""
    baseline = {
        "baseline_from": told["baseline"]["from_datetime"],
        "baseline_to": told["baseline"]["to_datetime"],
    }
    as_of = datetime.fromisoformat(told["as_of"])
    then, later = [await asked_anew(world, moment, "compare_failures", arguments | baseline) for moment in (as_of, now)]
    assert (told["window"], told["totals"]["window"]) == (then["window"], then["totals"]["window"])
    counts = [answer["totals"]["baseline"] for answer in (told, then, later)]
    assert counts[0]["operations"] == counts[1]["operations"]
    assert min(c["failed"] for c in counts[1:]) <= counts[0]["failed"] <= max(c["failed"] for c in counts[1:])


@pytest.mark.anyio
@pytest.mark.parametrize(
    "question", [{}, {"from_datetime": "-1h"}, {"from_datetime": "-24h"}, {"source_name": "samsara"}]
)
async def test_after_a_comparison_now_is_still_now(question: dict[str, Any]) -> None:
    clock = Moving()
    async with asking_at(small_world(), clock) as ask:
        for seconds in (0, 1, 20):
            clock.go_on(seconds)
            await ask("compare_failures")
            told = facts(await ask("summarize_failures", **question))
            assert clock.now - datetime.fromisoformat(told["window"]["to_datetime"]) < FRESH
            assert told["window"]["from_datetime"] < told["window"]["to_datetime"]
