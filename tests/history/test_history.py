"""What a history gives back is what was put into it, row for row, and what is told of a fold is told of its rows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.analysis.breakdown import Asked, Found, broken_down
from server.analysis.breakdown_results import DIMENSIONS
from server.analysis.comparison import compared
from server.analysis.drift import unknown_values
from server.analysis.failures import groups_of, pending_of, totals_of
from server.analysis.folded import operations_in
from server.analysis.held import between, within
from server.analysis.rows import rows_of
from server.analysis.timeline import timeline_of
from server.catena.query import Filters
from server.catena.wire import Drift, Log, Operation
from server.causes.memory import Memory
from server.history.kept import History
from server.history.manifest import Part
from server.history.past import Past

START = datetime(2026, 6, 1, 22, 20, tzinfo=UTC)
HOURS = 60
END = START + timedelta(hours=HOURS)
LATER = END + timedelta(days=10)
EVERYTHING = Filters()


def operation(number: int, minute: int, record: int, kind: int, read: int = 0) -> Operation:
    """Return one operation as it stood at a read; records recur, and `kind` says how it ended."""
    place = record % 3
    kind = (kind + read) % 13 if kind > 9 else kind  # some change
    created = START + timedelta(minutes=minute, seconds=number % 60, microseconds=number)
    status = {0: "failed", 1: "pending", 2: "odd"}.get(kind, "success")
    failed = kind in (0, 3)
    log = Log(
        "failed", created, error_type="tsp", error_details=f"Driver {record} is not known", response_status_code=404
    )
    return Operation(
        id=f"{number:06}",
        created_at=created,
        updated_at=created + timedelta(seconds=kind, hours=read),
        connection_id=f"connection {place}",
        fleet_ref=None if place == 2 else f"fleet {place}",
        source_name="samsara" if place else "geotab",
        resource="user" if record % 2 else "vehicle",
        operation_type="create",
        status=status,
        resource_id=f"r{record}" if record % 4 == 0 else None,
        source_id=f"s{record}" if record % 4 in (0, 1) else None,
        payload={"name": record} if record % 4 < 3 else None,
        logs=[log] if failed else [Log("success", created)],
    )


@st.composite
def drawn(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    random = Random(draw(st.integers(0, 10_000)))
    crowded = random.randrange(60 * HOURS - 90)  # half of them in an hour and a half, where edges are to be met
    moments = [random.choice((random.randrange(60 * HOURS), crowded + random.randrange(90))) for _ in range(150)]
    return [(number, minute, random.randrange(6), random.randrange(13)) for number, minute in enumerate(moments)]


CUTS = st.tuples(st.integers(0, 30 * HOURS), st.integers(31 * HOURS, 60 * HOURS)).map(list)
DIMENSIONS_ASKED = st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=2, unique=True).map(tuple)
FILTERS = st.sampled_from(
    [
        EVERYTHING,
        Filters(source_name="samsara"),
        Filters(fleet_refs=("fleet 0", "fleet 1")),
        Filters(resource="user", source_id="s1"),
    ]
)


@pytest.fixture(autouse=True, scope="module")
def all_is_folded() -> Iterator[None]:
    """Fold a history also where there is little in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(History, "few", 0)
        patch.setattr(History, "worth_folding", 1)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for each example of a property."""
    return (tmp_path_factory.mktemp("history") for _ in iter(int, 1))


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def lies(part: Part, first: int, last: int) -> bool:
    return at(first) <= part.start and part.end <= at(last)


def plain(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return sorted(frame.select("id", "created_at", "status", "updated_at", "message").rows())


def told(found: Found) -> object:
    return found.totals, found.first(100)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rows=drawn(),
    stretches=st.lists(CUTS, min_size=1, max_size=4),
    window=CUTS,
    filters=FILTERS,
    by=DIMENSIONS_ASKED,
    tidied=st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
def test_whatever_was_read_in_whatever_order_each_operation_is_there_once_as_it_stood_last(
    folders: Iterator[Path],
    rows: Sequence[tuple[int, int, int, int]],
    stretches: list[list[int]],
    window: list[int],
    filters: Filters,
    by: tuple[str, ...],
    tidied: list[int],
) -> None:
    history = History(next(folders), days=400)
    known: dict[str, Operation] = {}
    for number, (first, last) in enumerate(stretches):
        as_of = LATER + timedelta(hours=number)
        read = [operation(*row, number) for row in rows]
        inside = [op for op in read if at(first) <= op.created_at < at(last)]
        with history.writing() as writer:
            assert writer is not None
            beyond = [p for p in history.folder.manifest().within(at(first), at(last)) if not lies(p, first, last)]
            writer.put(at(first), at(last), as_of, rows_of(inside), Drift(unreadable=1))
            known |= {op.id: op for op in inside if not any(p.start <= op.created_at < p.end for p in beyond)}
            for _ in range(tidied[number]):
                writer.tidy(as_of)
    start, end = at(window[0]), at(window[1])
    parts = history.folder.manifest().within(start, end)
    covered = [op for op in known.values() if any(p.start <= op.created_at < p.end for p in parts)]
    expected = within(between(rows_of(covered), start, end), EVERYTHING, filters)
    past = history.past(parts, start, end, filters)
    frame = past.frame()
    assert operations_in(frame) == len(expected)
    hours = {start + timedelta(hours=n) for n in range(HOURS + 2)}
    assert sorted(past.at(hours).select("created_at", "status").rows()) == sorted(
        expected.select("created_at", "status").rows()
    )
    history.few = 1_000
    assert plain(history.past(parts, start, end, filters).frame()) == plain(expected)
    assert_told_alike(past, expected, start, end, by)


def assert_told_alike(past: Past, expected: pl.DataFrame, start: datetime, end: datetime, by: tuple[str, ...]) -> None:
    """What is told of a fold is what is told of its rows, number for number."""
    frame = past.frame()
    assert totals_of(frame) == totals_of(expected)
    assert pending_of(frame, LATER) == pending_of(expected, LATER)
    assert timeline_of(frame, start, end) == timeline_of(expected, start, end)
    assert unknown_values(frame) == unknown_values(expected)
    assert groups_of(frame, start, end, most=9, memory=Memory(), closers=(past, None)) == groups_of(
        expected, start, end, most=9, memory=Memory()
    )
    assert told(broken_down(frame, start, end, Asked(by), Memory(), past)) == told(
        broken_down(expected, start, end, Asked(by), Memory())
    )
    assert compared(frame, expected) == compared(expected, frame)


def kept(tmp_path: Path, *stretches: tuple[int, int, list[Operation]]) -> History:
    """Return a history into which stretches (from and to minute, operations) were put, each folded at once."""
    history = History(tmp_path / "history", days=400)
    for first, last, rows in stretches:
        with history.writing() as writer:
            assert writer is not None
            writer.put(at(first), at(last), LATER, rows_of(rows), Drift())
            while writer.tidy(LATER):
                pass
    return history


A_DAY, TWO_DAYS = 1440, 2880
FAILS, WAITS, SUCCEEDS = 0, 1, 5


@pytest.mark.parametrize("first", ["failure", "success"])
def test_a_failure_and_its_success_in_whatever_order_they_were_read_make_a_recovered_record(
    tmp_path: Path, first: str
) -> None:
    failure, success = operation(1, 10, 1, FAILS), operation(2, 2000, 1, SUCCEEDS)
    put = [(0, A_DAY, [failure]), (A_DAY, TWO_DAYS, [success])]
    history = kept(tmp_path, *(put if first == "failure" else put[::-1]))
    past = history.past(history.folder.manifest().parts, START, at(TWO_DAYS), EVERYTHING)
    (cause,) = groups_of(past.frame(), START, at(TWO_DAYS), most=1, closers=(past, None)).groups
    assert cause.outcome.recovered == 1
    assert past.folded


def test_what_followed_a_window_tells_what_became_of_its_records(tmp_path: Path) -> None:
    failure, success = operation(1, 10, 1, FAILS), operation(2, 2000, 1, SUCCEEDS)
    history = kept(tmp_path, (0, A_DAY, [failure]), (A_DAY, TWO_DAYS, [success]))
    window, later = (
        history.past(history.folder.manifest().within(at(a), at(b)), at(a), at(b), EVERYTHING)
        for a, b in ((0, A_DAY), (A_DAY, TWO_DAYS))
    )
    told = groups_of(window.frame(), START, at(A_DAY), most=1, later=later.frame(), closers=(window, later))
    assert told.records.recovered == 1
    assert later.folded


def test_a_fold_of_another_version_of_the_library_is_not_looked_up_in_and_is_made_anew(tmp_path: Path) -> None:
    history = kept(tmp_path, (0, TWO_DAYS, [operation(n, 700 + n, 3, SUCCEEDS) for n in range(9)]))
    folder, now = history.folder, LATER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.history.writer.HASHED_BY", "another")
        past = history.past(folder.manifest().parts, START, at(TWO_DAYS), EVERYTHING)
        assert not past.folded
        assert len(past.frame()) == 9
        with history.writing() as writer:
            assert writer
            assert writer.tidy(now)
        assert history.past(folder.manifest().parts, START, at(TWO_DAYS), EVERYTHING).folded


@pytest.mark.parametrize("first", [100, 130, 160])
@pytest.mark.parametrize("last", [2000, 2030, 2060])
def test_a_window_that_begins_or_ends_within_an_hour_counts_a_part_of_it(tmp_path: Path, first: int, last: int) -> None:
    minutes = [*range(90, 200, 7), *range(1990, 2100, 7)]
    history = kept(tmp_path, (0, TWO_DAYS, [operation(n, minute, 3, SUCCEEDS) for n, minute in enumerate(minutes)]))
    past = history.past(history.folder.manifest().parts, at(first), at(last), EVERYTHING)
    assert operations_in(past.frame()) == sum(first <= minute < last for minute in minutes)
    assert len(past.cells)
