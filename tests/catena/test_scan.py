"""A window is read exactly, and where it is not read whole, exactly the part that is said to be covered.

The list endpoint is played in memory, on trio's virtual clock: answers take their time without costing any.
"""

import math
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any, TypeVar

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from trio.testing import MockClock

from server.catena.allowance import EVERYTHING
from server.catena.auth import Tokens
from server.catena.client import CatenaClient, Retries
from server.catena.coverage import Read
from server.catena.limiter import Limiter
from server.catena.query import Filters, Query
from server.catena.scan import TIME_IS_UP, Scan
from server.catena.walk import MOST_EMPTY_PAGES
from server.catena.wire import Operation, Page
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.api import build_api
from server.demo.faults import Faults
from server.demo.world import build_world
from server.errors import BrokenPaging, CatenaError, NotAllowed, RateLimited, Unavailable

START = datetime(2026, 6, 24, 16, tzinfo=UTC)
END = START + timedelta(days=1)
QUERY = Query(Filters(), START, END)
MICROS = 86_400_000_000
MOST_REQUESTS = 5_000

Rows = list[tuple[str, datetime]]
_T = TypeVar("_T")


@dataclass
class World:
    """What the endpoint lists and how it behaves; `at` are microseconds from the window's start, `cap` rows a page."""

    at: list[int]
    order: str = "newest"
    repeat: int = 0
    cap: int = 1000
    settles: timedelta = timedelta()
    endless: str = ""
    fails_after: int | None = None
    error: CatenaError = field(default_factory=lambda: Unavailable("Catena answered 503: down. Try again."))

    @property
    def rows(self) -> Rows:
        return [(f"{n:05}", START + timedelta(microseconds=micros)) for n, micros in enumerate(self.at)]

    def kind_of(self, number: int) -> str:
        """Tell the kind of a row."""
        return f"kind {number % 2}"

    def ranked(self) -> Rows:
        """Put the rows into the order in which they are listed, which the API does not promise."""
        if self.order == "by kind":
            newest = sorted(self.rows, key=lambda row: (row[1], row[0]), reverse=True)
            return sorted(newest, key=lambda row: self.kind_of(int(row[0])))
        if self.order == "scattered":
            return sorted(self.rows, key=lambda row: zlib.crc32(row[0].encode()))
        return sorted(self.rows, key=lambda row: (row[1], row[0]), reverse=self.order == "newest")


class Listing(CatenaClient):
    """The list endpoint over a world: keyset cursors, answers that take from no time to a second."""

    def __init__(self, world: World, concurrency: int = 8, slowest: float = 1.0) -> None:
        self._world = world
        self._allowance = EVERYTHING
        self._limiter = Limiter(concurrency)
        self._ranked = world.ranked()
        self._random = Random(7)
        self._slowest = slowest
        self._nonce = count()
        self.running = self.most_at_once = self.requests = 0
        self.window_field = None
        self.known = {}

    async def list_page(self, query: Query, size: int, cursor: str | None = None) -> Page:
        self.requests += 1
        assert self.requests < MOST_REQUESTS, "the same is read over and over"
        if self._world.fails_after is not None and self.requests > self._world.fails_after:
            raise self._world.error
        async with self._limiter.slot():
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            try:
                await anyio.sleep(self._random.random() * self._slowest)
            finally:
                self.running -= 1
        return self._page(query, size, int(cursor.partition("~")[0]) if cursor else 0)

    def _page(self, query: Query, size: int, after: int) -> Page:
        """Cut a page; a cursor is the rank behind which it begins."""
        ranks = [n for n, (_, moment) in enumerate(self._ranked, 1) if query.start <= moment < query.end]
        ahead = [n for n in ranks if n > after]
        size = min(size, self._world.cap)
        behind = [n for n in ranks if n <= after]
        repeated = behind[len(behind) - min(self._world.repeat, size - 1, len(behind)) :]
        fresh = ahead[: size - len(repeated)]
        shown = [*repeated, *fresh]
        last = fresh[-1] if fresh else after
        more = len(ahead) > len(fresh)
        items = [self._operation(*self._ranked[n - 1]) for n in shown]
        return Page(items, f"{last}" if more else self._beyond(last))

    def _operation(self, identifier: str, created_at: datetime) -> Operation:
        """Show a row; its kind follows from its number, two of each."""
        kind = self._world.kind_of(int(identifier))
        row = Operation(identifier, created_at, created_at + self._world.settles)
        row.connection_id = row.fleet_ref = row.source_name = row.resource = row.operation_type = row.status = kind
        return row

    def _beyond(self, last: int) -> str | None:
        if self._world.endless == "fresh":
            return f"{last}~{next(self._nonce)}"
        return f"{last}" if self._world.endless == "same" else None


def at_once(call: Callable[[], Awaitable[_T]]) -> _T:
    """Run on a virtual clock; a read that hangs fails."""

    async def bounded() -> _T:
        with anyio.fail_after(100_000):
            return await call()

    return anyio.run(bounded, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)})


def scan_of(client: CatenaClient, size: int, most: int, **more: Any) -> Scan[Rows]:
    return Scan(client, QUERY, lambda ops: [(op.id, op.created_at) for op in ops], size=size, most=most, **more)


def read(listing: Listing, size: int = 10, most: int = 10_000, deadline: float = 90_000) -> Read[Rows]:
    async def call() -> Read[Rows]:
        return await scan_of(listing, size, most).run(deadline)

    return at_once(call)


def all_parts(read: Read[Rows]) -> Rows:
    return [row for part in read.parts for row in part]


def counted(read: Read[Rows]) -> Rows:
    """Return the rows that count, as the runtime counts them: each once, none before the cut."""
    cut = read.coverage.cut_at or START
    return sorted({row for row in all_parts(read) if row[1] >= cut})


def assert_exact(read: Read[Rows], world: World, most: int) -> None:
    """The rows that count are exactly those of the stretch that is said to be covered."""
    coverage = read.coverage
    assert len(all_parts(read)) <= most
    if coverage.start is None or coverage.end is None:
        assert not coverage.complete
        assert counted(read) == []
        return
    assert coverage.end == END
    read_whole = [row for row in world.rows if coverage.start <= row[1] < coverage.end]
    expected = sorted(row for row in read_whole if not any(a <= row[1] < b for a, b in coverage.holes))
    assert counted(read) == expected
    assert coverage.complete == (coverage.start == START and not coverage.holes)
    assert coverage.complete or coverage.stopped


ORDERS = st.sampled_from(["newest", "oldest", "scattered", "by kind"])
SOMEWHEN = st.integers(0, MICROS - 1)


@st.composite
def moments(draw: st.DrawFn) -> list[int]:
    rows = draw(st.integers(0, 150))
    shape = draw(st.sampled_from(["even", "bursty", "one second", "one moment", "anywhere"]))
    random, base = Random(rows), draw(SOMEWHEN)
    hour = range(min(base, MICROS - 3_600_000_000), min(base, MICROS - 3_600_000_000) + 3_600_000_000)
    match shape:
        case "even":
            return [MICROS * n // rows for n in range(rows)]
        case "bursty":
            return [random.choice(hour) if random.random() < 0.9 else random.randrange(MICROS) for _ in range(rows)]
        case "one second":
            return [min(base + random.randrange(1_000_000), MICROS - 1) for _ in range(rows)]
        case "one moment":
            return [base] * rows
    return draw(st.lists(SOMEWHEN | st.sampled_from([0, 1, base, MICROS - 1]), max_size=40))


SETTLES = st.sampled_from([timedelta(), timedelta(seconds=9)])
WORLDS = st.builds(World, moments(), ORDERS, st.sampled_from([0, 0, 1, 3]), st.sampled_from([1000, 1000, 5]), SETTLES)
SIZES = st.integers(1, 50)
CONCURRENCY = st.integers(1, 8)
bounded = settings(max_examples=50)


@bounded
@given(world=WORLDS, size=SIZES, concurrency=CONCURRENCY)
def test_a_window_is_read_whole_and_each_operation_once(world: World, size: int, concurrency: int) -> None:
    listing = Listing(world, concurrency)
    result = read(listing, max(size, 2 + world.repeat), most=100_000)
    assert result.coverage.complete
    assert result.coverage.stopped == ""
    assert counted(result) == sorted(world.rows)
    assert result.coverage.pages == listing.requests
    assert listing.most_at_once <= concurrency


@bounded
@given(world=WORLDS, size=SIZES, concurrency=CONCURRENCY, most=st.integers(1, 160))
def test_a_budget_is_kept_and_what_it_covers_is_exact(world: World, size: int, concurrency: int, most: int) -> None:
    result = read(Listing(world, concurrency), size, most)
    assert_exact(result, world, most)


@bounded
@given(world=WORLDS, size=SIZES, concurrency=CONCURRENCY, deadline=st.floats(0, 20))
def test_what_is_covered_at_the_deadline_is_exact(world: World, size: int, concurrency: int, deadline: float) -> None:
    result = read(Listing(world, concurrency), size, deadline=deadline)
    assert_exact(result, world, 100_000)


@bounded
@given(world=WORLDS, size=SIZES, concurrency=CONCURRENCY, patience=st.floats(0.3, 5))
def test_a_read_that_is_left_again_and_again_goes_on_where_it_was_and_is_exact(
    world: World, size: int, concurrency: int, patience: float
) -> None:
    listing = Listing(world, concurrency)

    async def call() -> tuple[Read[Rows], int]:
        scan = scan_of(listing, max(size, 2 + world.repeat), 100_000)
        for left in count():
            with anyio.move_on_after(patience):
                return await scan.run(90_000), left
            assert listing.running == 0, "a read that was left stops its requests"
        raise AssertionError("unreachable")

    result, left = at_once(call)
    assert result.coverage.complete
    assert counted(result) == sorted(world.rows)
    assert listing.requests <= result.coverage.pages + left * concurrency


@bounded
@given(world=WORLDS, size=SIZES, concurrency=CONCURRENCY, fails_after=st.integers(0, 40))
def test_what_is_covered_after_an_error_is_exact(world: World, size: int, concurrency: int, fails_after: int) -> None:
    world.fails_after = fails_after
    try:
        result = read(Listing(world, concurrency), size)
    except Unavailable:
        return
    assert_exact(result, world, 100_000)
    assert result.coverage.complete or "Catena answered 503: down" in result.coverage.stopped or world.repeat


@bounded
@given(world=WORLDS, size=SIZES, endless=st.sampled_from(["same", "fresh"]))
def test_pages_without_end_are_left_and_never_called_complete(world: World, size: int, endless: str) -> None:
    world.endless = endless
    listing = Listing(world)
    try:
        result = read(listing, size)
    except BrokenPaging:
        return
    assert_exact(result, world, 100_000)
    assert not result.coverage.complete
    assert "did not come to an end" in result.coverage.stopped


def even(rows: int, **more: Any) -> World:
    return World([MICROS * n // rows for n in range(rows)], **more)


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize(("rows", "size"), [(5000, 100), (2000, 40), (997, 10), (300, 3), (100, 1)])
def test_requests_on_even_traffic_are_few(rows: int, size: int, order: str) -> None:
    listing = Listing(even(rows, order=order))
    assert read(listing, size).coverage.complete
    assert listing.requests <= 1.25 * -(-rows // size)


@pytest.mark.parametrize("order", ["newest", "oldest", "scattered"])
def test_requests_on_a_burst_stay_bounded(order: str) -> None:
    random = Random(1)
    burst = [random.randrange(3_600_000_000) + MICROS // 2 for _ in range(1800)]
    listing = Listing(World(burst + [random.randrange(MICROS) for _ in range(200)], order))
    assert read(listing, 20).coverage.complete
    assert listing.requests <= 3 * 100


def test_pages_shorter_than_asked_for_are_read_once() -> None:
    """Assumed of no API: that a page that is not the last is full."""
    world = even(200, order="scattered", cap=5)
    listing = Listing(world)
    assert counted(read(listing, size=100)) == sorted(world.rows)
    assert listing.requests <= 60


def test_shards_are_read_side_by_side() -> None:
    listing = Listing(even(5000), concurrency=8)
    read(listing, 50)
    assert listing.most_at_once == 8


def test_a_scan_that_began_slowed_down_picks_up_speed() -> None:
    listing = Listing(even(5000), concurrency=8)

    async def call() -> int:
        listing.limiter.pace.at_a_time, listing.limiter.pace.starting = 1, False
        await scan_of(listing, 50, 100_000).run(90_000)
        return listing.most_at_once

    assert at_once(call) > 4


@pytest.mark.parametrize("rows", [400, 5000])
@pytest.mark.parametrize("most", [100, 300])
def test_a_budget_covers_its_worth_of_the_newest_operations(rows: int, most: int) -> None:
    result = read(Listing(even(rows)), size=50, most=most)
    assert_exact(result, even(rows), most)
    assert len(counted(result)) >= most / 2
    assert f"the limit of {most} operations" in result.coverage.stopped


def day_and_night(rows: int) -> list[int]:
    random = Random(5)
    drawn = (random.randrange(MICROS) for _ in count())
    bright = (at for at in drawn if random.random() < 0.1 + max(0.0, math.sin(8 * math.pi * at / MICROS)))
    return [next(bright) for _ in range(rows)]


def burst(rows: int) -> list[int]:
    random = Random(5)
    hour = (MICROS // 2, MICROS // 2 + 3_600_000_000)
    return [random.randrange(*(hour if random.random() < 0.9 else (0, MICROS))) for _ in range(rows)]


@pytest.mark.parametrize("order", ["newest", "oldest", "scattered", "by kind"])
@pytest.mark.parametrize("shape", [lambda rows: even(rows).at, day_and_night, burst], ids=["even", "day", "burst"])
@pytest.mark.parametrize(("rows", "most"), [(3_000, 300), (5_000, 600)])
def test_a_budget_is_used_whatever_the_traffic_and_the_order(
    rows: int, most: int, shape: Callable[[int], list[int]], order: str
) -> None:
    world = World(shape(rows), order, settles=timedelta(seconds=9))
    listing = Listing(world)
    result = read(listing, size=most, most=most)
    assert_exact(result, world, most)
    assert len(counted(result)) >= 0.85 * most
    assert listing.requests <= 80


@bounded
@given(world=WORLDS, size=SIZES, concurrency=CONCURRENCY, most=st.integers(20, 160), deadline=st.floats(1, 20))
def test_a_read_that_ended_early_goes_on_and_each_part_is_exact(
    world: World, size: int, concurrency: int, most: int, deadline: float
) -> None:
    listing = Listing(world, concurrency)

    async def call() -> None:
        scan = scan_of(listing, max(size, 2 + world.repeat), most)
        for calls in count():
            known = scan.rows
            result = await scan.run(deadline if calls < 20 else 90_000)
            assert_exact(result, world, known + most)
            if result.coverage.complete:
                assert counted(result) == sorted(world.rows)
                return
            assert scan.may_go_on
            assert calls < 60

    at_once(call)


def test_a_budget_that_is_just_enough_reads_whole() -> None:
    result = read(Listing(even(100)), size=10, most=100)
    assert result.coverage.complete
    assert len(all_parts(result)) == 100


def test_going_on_from_what_is_covered_reads_the_rest() -> None:
    world, end, found, calls = even(1000), END, Rows(), 0
    while end > START:
        query, calls = Query(Filters(), START, end), calls + 1

        async def call(query: Query = query) -> Read[Rows]:
            rows = partial(map, lambda op: (op.id, op.created_at))
            return await Scan(Listing(world), query, lambda ops: list(rows(ops)), size=50, most=300).run(1000)

        result = at_once(call)
        assert result.coverage.start is not None
        found += [row for row in all_parts(result) if row[1] >= (result.coverage.cut_at or START)]
        end = result.coverage.start
    assert sorted(found) == sorted(world.rows)
    assert calls <= 8


def test_a_few_rows_that_happen_to_come_newest_first_prove_no_order() -> None:
    """Assumed of no API: one page of equal times says nothing of the rows behind it."""
    world = World([0, 0, 0, 0, MICROS - 1], "oldest", fails_after=1)
    with pytest.raises(Unavailable):
        read(Listing(world), size=2)


@pytest.mark.parametrize("fails_after", range(20, 50, 3))
def test_operations_of_one_moment_are_not_torn_apart_by_a_cut(fails_after: int) -> None:
    world = World([MICROS * (n // 3) // 200 for n in range(600)], fails_after=fails_after)
    result = read(Listing(world), size=10)
    assert_exact(result, world, 1000)
    assert result.coverage.cut_at is not None


@pytest.mark.parametrize("fails_after", range(5, 40, 5))
def test_rows_outside_the_stretch_asked_for_prove_no_coverage(fails_after: int) -> None:
    class Elsewhere(Listing):
        """Documented: the filter is on `occurred_at`, which rows do not show."""

        def _page(self, query: Query, size: int, after: int) -> Page:
            page = super()._page(query, size, after)
            for op in page.items:
                op.created_at -= timedelta(days=30)
            return page

    try:
        result = read(Elsewhere(even(1000, fails_after=fails_after)), size=20)
    except Unavailable:
        return
    assert result.coverage.start is not None
    assert START <= result.coverage.start <= END
    assert result.coverage.cut_at is None


@pytest.mark.parametrize("error", [NotAllowed("No (403). Ask."), RateLimited("Slow (429). Wait.", 70.0)])
def test_an_error_before_anything_was_read_is_raised(error: CatenaError) -> None:
    with pytest.raises(type(error)):
        read(Listing(even(100, fails_after=0, error=error)))


def test_a_rate_limit_that_ends_a_read_tells_when_to_come_back() -> None:
    result = read(Listing(even(1000, fails_after=60, error=RateLimited("Slow (429). Wait.", 70.0))), size=10)
    assert result.coverage.retry_after == 70
    assert "429" in result.coverage.stopped


def test_pages_that_repeat_are_given_up_at_once_and_empty_ones_after_many() -> None:
    for endless, fewest, most in (("same", 2, 2), ("fresh", MOST_EMPTY_PAGES, 10 * MOST_EMPTY_PAGES)):
        listing = Listing(World([5], endless=endless))
        with pytest.raises(BrokenPaging):
            read(listing, deadline=3600)
        assert fewest <= listing.requests <= most


def test_progress_is_told_up_to_the_whole() -> None:
    told: list[tuple[int, float]] = []

    async def progress(operations: int, share: float) -> None:
        told.append((operations, share))

    async def call() -> Read[Rows]:
        return await scan_of(Listing(even(500)), 10, 10_000, progress=progress).run(1000)

    at_once(call)
    assert told[-1] == (500, 1.0)
    assert len(told) >= 40
    shares = [share for _, share in told]
    assert shares == sorted(shares)


class Stuck(Listing):
    """Answers the first requests and then never again; with `refuses`, the last of eight is refused."""

    refuses = False

    def __init__(self, world: World) -> None:
        super().__init__(world, slowest=0)
        self.all_busy = anyio.Event()

    async def list_page(self, query: Query, size: int, cursor: str | None = None) -> Page:
        if self.requests < 3:
            return await super().list_page(query, size, cursor)
        if self.refuses and self.running == 7:
            raise Unavailable("Catena answered 503. Try again.")
        self.running += 1
        if self.running == 8:
            self.all_busy.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.running -= 1
        raise AssertionError("slept for ever")


@pytest.mark.anyio
async def test_cancellation_from_outside_ends_every_request() -> None:
    listing = Stuck(even(500))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(scan_of(listing, 10, 10_000).run, 1000)
            await listing.all_busy.wait()
            tasks.cancel_scope.cancel()
    assert listing.running == 0


@pytest.mark.anyio
async def test_the_deadline_ends_every_request() -> None:
    listing = Stuck(even(500))
    with anyio.fail_after(5):
        result = await scan_of(listing, 10, 10_000).run(0.05)
    assert listing.running == 0
    assert not result.coverage.complete
    assert result.coverage.stopped == TIME_IS_UP


@pytest.mark.anyio
async def test_an_error_ends_the_other_requests() -> None:
    listing = Stuck(even(500))
    listing.refuses = True
    with anyio.fail_after(5):
        result = await scan_of(listing, 10, 10_000).run(1000)
    assert listing.running == 0
    assert "503" in result.coverage.stopped


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_stretch_that_keeps_failing_is_a_hole_and_the_rest_is_read(order: str) -> None:
    """Whatever is asked for around one moment is answered with 503, the rest as always."""
    bad = START + timedelta(hours=5)

    class Broken(Listing):
        async def list_page(self, query: Query, size: int, cursor: str | None = None) -> Page:
            if self.requests > 2 and query.start <= bad < query.end:
                raise Unavailable("Catena answered 503: down. Try again.")
            return await super().list_page(query, size, cursor)

    world = even(2000, order=order, settles=timedelta(seconds=9))
    result = read(Broken(world), size=20)
    coverage = result.coverage
    assert not coverage.complete
    assert (coverage.start, coverage.end) == (START, END)
    ((first, last),) = coverage.holes
    assert first <= bad < last
    assert "503" in coverage.stopped
    assert {row for row in world.rows if not first <= row[1] < last} <= set(all_parts(result))


def test_rows_that_come_one_kind_after_the_other_are_all_read() -> None:
    """Assumed of no API: newest first within a connection is not newest first."""
    world = even(4000, order="by kind", settles=timedelta(seconds=9))
    listing = Listing(world)
    assert counted(read(listing, 50, most=100_000)) == sorted(world.rows)
    assert listing.window_field == "created_at"


def test_by_which_time_the_window_filters_is_found_with_one_small_request() -> None:
    for settles, found in ((timedelta(seconds=9), "created_at"), (timedelta(), None)):
        listing = Listing(even(500, settles=settles))
        read(listing, 10)
        assert listing.window_field == found


def test_a_filter_by_another_time_is_never_taken_for_the_one_rows_show() -> None:
    class Later(Listing):
        """Rows show a time that lies an hour before the one by which the window goes."""

        def _page(self, query: Query, size: int, after: int) -> Page:
            page = super()._page(query, size, after)
            for op in page.items:
                op.created_at -= timedelta(hours=1)
            return page

    world = even(3000, settles=timedelta(minutes=3))
    listing = Later(world)
    result = read(listing, 50)
    assert listing.window_field == "unknown"
    assert {row[0] for row in all_parts(result)} == {row[0] for row in world.rows}


@pytest.mark.parametrize(("shape", "most"), [("even", 1.15), ("burst", 1.3)])
def test_what_is_left_in_the_middle_costs_few_requests(shape: str, most: float) -> None:
    random = Random(3)
    hour = [random.randrange(3_600_000_000) + MICROS // 2 for _ in range(9000)]
    at = [random.randrange(MICROS) for _ in range(10_000)] if shape == "even" else hour
    world = World(at + [random.randrange(MICROS) for _ in range(1000)], settles=timedelta(seconds=9))
    listing = Listing(world, slowest=0.1)
    assert counted(read(listing, 100, most=100_000)) == sorted(world.rows)
    assert listing.requests <= most * len(world.at) / 100


NOW = datetime(2026, 6, 25, 16, tzinfo=UTC)


TROUBLES = {
    "errors": Faults(errors=0.15),
    "drift, oldest first, short-lived tokens": Faults(drift=True, order="oldest", token_uses=20),
    "scattered and errors": Faults(order="scattered", errors=0.1),
    "rate limit": Faults(rate=400, retry_after="fraction"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # the stand-in uses threads, so time is real here
@pytest.mark.parametrize("faults", TROUBLES.values(), ids=TROUBLES)
async def test_the_stand_in_is_read_whole_through_its_troubles(faults: Faults) -> None:
    world = build_world(NOW, operations=2000)
    api = build_api(world, clock=lambda: NOW, faults=faults)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(api))
    base = "https://api.example"
    tokens = Tokens(http, base + TOKEN_PATH, CLIENT_ID, lambda: SecretStr(CLIENT_SECRET), "organization")
    client = CatenaClient(http, base, tokens, Limiter(8), Retries(8, 0, 0))
    query = Query(Filters(), NOW - timedelta(days=3), NOW)
    result = await Scan(client, query, lambda ops: [op.id for op in ops], size=20, most=10_000).run(20)
    assert result.coverage.complete
    found = {identifier for part in result.parts for identifier in part}
    first = int(query.start.timestamp() * 1e6)
    last = int(query.end.timestamp() * 1e6)
    assert sorted(found) == sorted(op.id for op in world.operations if first <= op.created < last)
    assert len(found) > 200


@dataclass
class Seen(World):
    """What may be seen of a world: one row of so many."""

    every: int = 1

    @property
    def rows(self) -> Rows:
        return super().rows[:: self.every]


class Narrowed(Listing):
    """The list endpoint over a world of which some rows may not be seen."""

    def __init__(self, world: World, concurrency: int, every: int) -> None:
        super().__init__(world, concurrency)
        self._every = every

    def _page(self, query: Query, size: int, after: int) -> Page:
        page = super()._page(query, size, after)
        kept = [op for op in page.items if int(op.id) % self._every == 0]
        return Page(kept, page.next_page, left_out=frozenset(hash(op.identity) for op in page.items if op not in kept))


@bounded
@given(
    world=WORLDS,
    size=SIZES,
    concurrency=CONCURRENCY,
    every=st.sampled_from([1, 2, 7, 60, 1000]),
    most=st.sampled_from([1, 5, 40, 10_000]),
    deadline=st.sampled_from([3.0, 90_000.0]),
)
def test_of_a_window_of_which_not_all_may_be_seen_exactly_the_rest_is_read(
    world: World, size: int, concurrency: int, every: int, most: int, deadline: float
) -> None:
    may = Seen(**{name: getattr(world, name) for name in World.__dataclass_fields__}, every=every)
    result = read(Narrowed(world, concurrency, every), max(size, 2 + world.repeat), most, deadline)
    assert_exact(result, may, most)
    if most == 10_000 and deadline == 90_000:
        assert result.coverage.complete


def test_many_pages_of_which_nothing_may_be_seen_are_no_broken_list() -> None:
    world = even(300, order="scattered", cap=1)
    result = read(Narrowed(world, 1, 1000), 1)
    assert result.coverage.complete
    assert len(counted(result)) == 1
