"""Answers kept with their rows: an equal question is answered from them, and no other one ever is."""

import json
import re
import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import polars as pl
import pytest

from server.analysis import failures
from server.analysis.rows import rows_of
from server.analysis.window import Window
from server.app import build_server
from server.catena.coverage import Coverage
from server.catena.query import Filters
from server.catena.wire import Drift, Operation
from server.causes.families import Member
from server.causes.memory import TOLD_FOR_S, Cause, Memory
from server.demo.world import World
from server.reading import kept
from server.reading.kept import Lately, Rows, answered
from server.reading.question import Question, Reading
from server.tools._later import Later
from tests.conftest import AT_ONCE, DAY, NOW, Serve, asking, facts, http_to, settings_of

pytestmark = pytest.mark.anyio

A_CAUSE = "the id of a cause"
A_CURSOR = "where a list goes on"

OTHER_VALUES: dict[str, Any] = {
    "resource": "user",
    "connection_id": "0190c2a1-0000-7000-8000-000000000000",
    "source_name": "samsara",
    "fleet_refs": ["prairie-line-logistics"],
    "operation": "create",
    "from_datetime": "-6h",
    "to_datetime": "-3h",
    "cursor": A_CURSOR,
    "size": 7,
    "group": A_CAUSE,
    "max_groups": 2,
    "from_group": A_CAUSE,
    "max_operations": 2_000,
    "refresh": True,
    "by": ["source_name", "resource"],
    "sort": "rate",
    "min_operations": 40,
    "most": 3,
    "baseline_from": "-3d",
    "baseline_to": "-30h",
    "status": "failed",
    "outcome": "recovered",
    "detail": "ids",
}
"""For each argument a value that is not the one asked with first."""

FIRST: dict[str, dict[str, Any]] = {
    "summarize_failures": {},
    "compare_failures": {"baseline_from": "-2d", "baseline_to": "-1d"},
    "break_down_failures": {"by": ["source_name"]},
    "list_resource_operations": {"outcome": "unresolved", "size": 5},
}


async def answers(tool: str, serve: Serve) -> dict[str, Any]:
    """Ask, then ask with each argument in turn at another value, and the first question again after each."""
    told: dict[str, Any] = {}
    server, first = serve(), FIRST[tool]
    names = next(t for t in await server.list_tools() if t.name == tool).input_schema["properties"]
    async with asking(server) as ask:
        cause = facts(await ask("summarize_failures"))["groups"][1]["id"]
        listed = {"outcome": "unresolved"} if "outcome" in first else {"status": "failed"}
        cursor = facts(await ask("list_resource_operations", size=5, **listed))["next_cursor"]
        told["first"] = facts(await ask(tool, **first))
        for name in names:
            needed = {"resource": "user"} if name == "source_id" else {}
            value = {"source_id": "12345", **OTHER_VALUES}[name]
            value = {A_CAUSE: cause, A_CURSOR: cursor}.get(value, value) if isinstance(value, str) else value
            told[name] = facts(await ask(tool, **first | needed | {name: value}))
            if name == "max_operations":
                del told[name]["coverage"]["note"]  # tells how fast it was read
            told[f"first after {name}"] = facts(await ask(tool, **first))
    return told


def but_for_its_pace(told: dict[str, Any]) -> Any:
    """Leave out what a note tells of the seconds a read took."""
    return json.loads(re.sub(r" in [\d.,]+ s, [\d.,]+ operations/s", "", json.dumps(told)))


@pytest.mark.parametrize("tool", FIRST)
async def test_a_question_that_differs_in_one_argument_is_answered_as_if_nothing_were_kept(
    tool: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_kept = await answers(tool, serve)
    monkeypatch.setattr(kept, "MOST_BYTES", 0)
    monkeypatch.setattr(kept, "MOST_PART", 0)
    without = await answers(tool, serve)
    assert but_for_its_pace(with_kept) == but_for_its_pace(without)


async def test_the_same_question_a_moment_later_costs_no_second_analysis_until_its_rows_are_old(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, now = [], NOW
    original = failures.groups_of

    def counted(*args: Any, **kwargs: Any) -> Any:
        made.append(now)
        return original(*args, **kwargs)

    monkeypatch.setattr(failures, "groups_of", counted)
    server = build_server(settings_of(), clock=lambda: now, open_http=http_to(world), retries=AT_ONCE)
    async with asking(server) as ask:
        await ask("summarize_failures")  # learns of causes
        first = facts(await ask("summarize_failures"))
        for seconds in (20, 50):
            now = NOW + timedelta(seconds=seconds)
            assert facts(await ask("summarize_failures")) == first
        assert made == [NOW, NOW]
        await ask("summarize_failures", refresh=True)
        assert made == [NOW, NOW, now]
        now = NOW + timedelta(seconds=200)
        await ask("summarize_failures")
        assert made == [NOW, NOW, NOW + timedelta(seconds=50), now]


@pytest.mark.parametrize("personal", [True, False])
async def test_an_answer_told_twice_shows_and_hides_the_same_personal_data(serve: Serve, personal: bool) -> None:
    async with asking(serve(show_personal_data=personal)) as ask:
        told = [await ask("summarize_failures", from_datetime="-9d") for _ in range(3)]
    assert told[0].content == told[1].content == told[2].content
    assert any("@" in group["example"]["message"] for group in facts(told[2])["groups"]) is personal


def frame_of(*ids: str) -> pl.DataFrame:
    """Return rows of some operations."""
    return rows_of([Operation(id=name, created_at=NOW, source_name="samsara") for name in ids])


def reading_of(rows: Rows, **changed: Any) -> Reading:
    """Return a reading of the day up to now."""
    coverage = Coverage(NOW - DAY, NOW, None, True, 1, Drift())
    return replace(Reading(Window(NOW - DAY, NOW), coverage, Filters(), True, rows), **changed)


MADE: list[tuple[Any, ...]] = []


@pytest.fixture(autouse=True)
def nothing_made() -> None:
    MADE.clear()


def made(*args: Any) -> list[int]:
    """Tell, and note, what an analysis was called with; the memory comes last."""
    MADE.append(args)
    return [len(MADE)]


async def test_readings_that_differ_in_anything_are_told_apart() -> None:
    rows, memory = Rows(frame_of("1", "2")), Memory()
    whole = reading_of(rows)
    drifted = Coverage(NOW - DAY, NOW, None, True, 1, Drift(unreadable=1))
    readings = [
        whole,
        reading_of(rows, window=Window(NOW - DAY, NOW, default=True)),
        reading_of(rows, coverage=drifted),
        reading_of(rows, filters=Filters(resource="user")),
        reading_of(rows, by_creation=False),
        reading_of(Rows(frame_of("1", "2"))),
        whole.cut(Question(Filters(source_name="samsara"), whole.window, 1000, 1000), DAY),
    ]
    told = [await answered(partial(made, reading), rows, memory) for reading in readings for _ in range(2)]
    assert told == [[n] for n in range(1, len(readings) + 1) for _ in range(2)]


async def test_what_followed_a_window_is_part_of_the_question() -> None:
    rows, memory = Rows(frame_of("1")), Memory()
    later = [Later(), Later(note="not read"), *(Later(reading_of(Rows(frame_of(*ids)))) for ids in ("2", "23"))]
    told = [await answered(partial(made, reading_of(rows), one), rows, memory) for one in later]
    assert told == [[1], [2], [3], [4]]
    assert await answered(partial(made, reading_of(rows), later[2]), rows, memory) == [3]


async def test_rows_without_a_name_are_no_argument() -> None:
    rows = Rows(frame_of("1"))
    with pytest.raises(TypeError, match="DataFrame is no argument"):
        await answered(partial(made, rows.frame), rows, Memory())


async def test_what_is_learned_of_causes_makes_every_answer_anew() -> None:
    moment = 0.0
    rows, memory = Rows(frame_of("1")), Memory(lambda: moment)
    ask = partial(answered, partial(made, rows), rows, memory)
    member = Member("samsara", "validation", 422, "no <x> here")
    assert await ask() == await ask() == [1]
    memory.learn([member])
    assert await ask() == await ask() == [2]
    memory.learn([member])  # known
    assert await ask() == [2]
    older = Cause("g_00000001", -1.0, 0.0, "validation", 422, ("no <x> here",))
    memory.take("samsara", [older])
    assert await ask() == [3]
    memory.learn([member])  # two ids became one
    assert await ask() == await ask() == [4]
    moment = TOLD_FOR_S + 1  # which is told for an hour
    assert await ask() == [5]


async def test_an_answer_that_learned_is_not_kept_since_it_may_know_only_half() -> None:
    rows, memory = Rows(frame_of("1")), Memory()

    def learns(memory: Memory) -> int:
        MADE.append(())
        memory.learn([Member("samsara", None, 422, f"number {min(len(MADE), 2)}")])
        return len(MADE)

    assert [await answered(partial(learns), rows, memory) for _ in range(4)] == [1, 2, 3, 3]


async def test_who_completes_an_answer_changes_nobody_elses() -> None:
    rows, memory = Rows(frame_of("1")), Memory()
    for _ in range(3):
        told = await answered(partial(made, rows), rows, memory)
        assert told == [1]
        told.append(7)


async def test_an_answer_is_made_once_for_all_who_wait_also_where_the_first_of_them_leaves() -> None:
    rows, memory, go = Rows(frame_of("1")), Memory(), threading.Event()
    begun = threading.Event()
    told: list[list[int]] = []

    def slow(memory: Memory) -> list[int]:
        begun.set()
        assert go.wait(5)
        return made(memory)

    async def ask() -> None:
        told.append(await answered(partial(slow), rows, memory))

    async with anyio.create_task_group() as others, anyio.create_task_group() as first:
        first.start_soon(ask)
        assert await anyio.to_thread.run_sync(begun.wait, 5)
        for _ in range(3):
            others.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        first.cancel_scope.cancel()
        go.set()
    assert len(MADE) == 1
    assert told[:3] == [[1]] * 3
    assert not rows.kept.turns


async def test_an_analysis_that_fails_fails_for_each_and_is_not_kept() -> None:
    rows = Rows(frame_of("1"))

    def fails(memory: Memory) -> None:
        raise ValueError(made(memory))

    for number in (1, 2):
        with pytest.raises(ValueError, match=str(number)):
            await answered(partial(fails), rows, Memory())
    assert not rows.kept.turns


def test_what_is_kept_is_bounded_and_what_was_used_longest_ago_makes_room() -> None:
    held: Lately[str, int] = Lately(10)
    for number, name in enumerate("abc"):
        held.put(name, number, 4)
    assert [held.get(name) for name in "abc"] == [None, 1, 2]
    held.put("d", 3, 11)
    assert held.get("d") is None
    held.get("b")
    held.put("e", 4, 4)
    assert [held.get(name) for name in "bce"] == [1, None, 4]


def test_parts_hold_at_most_half_of_the_rows_again_and_empty_ones_are_few() -> None:
    rows = Rows(frame_of(*map(str, range(400))))
    cuts = [rows.part(partial(pl.DataFrame.head, n=n), ["head", n]) for n in (150, 201, 40)]
    again = [rows.part(partial(pl.DataFrame.head, n=n), ["head", n]) for n in (150, 201, 40)]
    assert [len(part.frame) for part in again] == [150, 201, 40]
    assert [a.frame is b.frame for a, b in zip(cuts, again, strict=True)] == [True, False, True]
    assert [a.name == b.name for a, b in zip(cuts, again, strict=True)] == [True] * 3
    for n in range(1000):
        rows.part(pl.DataFrame.clear, ["empty", n])
    assert sum(rows.kept.parts.get(f'{rows.name} ["empty",{n}]') is not None for n in range(1000)) == 40
