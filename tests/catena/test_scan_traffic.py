"""A large window of any traffic is read whole, in little more time than its pages take side by side, with few requests.

Time is virtual: an answer takes 0.1 s, all else none.
"""

import math
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from random import Random

import anyio
import pytest

from benchmarks.pace import Bucket, allowed
from server.catena.query import Query
from server.catena.wire import Page
from server.errors import RateLimited
from tests.catena.test_scan import (
    MICROS,
    Listing,
    Rows,
    World,
    all_parts,
    assert_exact,
    at_once,
    counted,
    scan_of,
)

HOUR = 3_600_000_000
ROWS, SIZE, MOST = 4_000, 40, 100_000
ANSWER_S = 0.1


def day_and_night(random: Random) -> int:
    while True:
        at = random.random()
        if random.random() < 0.55 + 0.45 * math.sin(at * 20 * math.pi):
            return int(at * MICROS)


@lru_cache(maxsize=16)
def traffic(shape: str, seed: int) -> tuple[int, ...]:
    """Return the moments of rows, in microseconds from the window's start."""
    random = Random(seed)
    few = [random.randrange(MICROS) for _ in range(ROWS // 10)]
    match shape:
        case "even":
            return tuple(random.randrange(MICROS) for _ in range(ROWS))
        case "day and night":
            return tuple(day_and_night(random) for _ in range(ROWS))
        case "one hour holds 90 %":
            return (*(random.randrange(HOUR) + MICROS // 2 for _ in range(ROWS * 9 // 10)), *few)
        case "two bursts":
            starts = [random.randrange(MICROS - HOUR) for _ in range(2)]
            return (*(random.choice(starts) + random.randrange(HOUR // 20) for _ in range(ROWS * 9 // 10)), *few)
        case "the newest minute":
            return (*(MICROS - 1 - random.randrange(60_000_000) for _ in range(ROWS * 9 // 10)), *few)
        case "many at one moment":
            return (*(MICROS // 3 + n % 3 for n in range(250)), *few, *few)
    return tuple(few[:40])


class Timed(Listing):
    """Answers in the same time always, and counts what it was asked; a `limit` may refuse it at once."""

    limit: Bucket | None = None
    refused = 0

    async def list_page(self, query: Query, size: int, cursor: str | None = None) -> Page:
        while True:
            self.requests += 1
            with suppress(RateLimited):
                async with self._limiter.slot():
                    await self._answer()
                return self._page(query, size, int(cursor.partition("~")[0]) if cursor else 0)

    async def _answer(self) -> None:
        if self.limit and (wait := self.limit.take(anyio.current_time())):
            self.refused += 1
            raise RateLimited("429", float(math.ceil(wait)))
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await anyio.sleep(ANSWER_S)
        finally:
            self.running -= 1


def world_of(shape: str, seed: int = 3, order: str = "newest", settles: float = 9) -> World:
    return World(list(traffic(shape, seed)), order, settles=timedelta(seconds=settles))


def timed(world: World, reads: int = 1) -> tuple[Rows, float, int]:
    """Read, so many times with one client; return what the last read counts, its seconds and its requests."""
    listing = Timed(world)

    async def call() -> tuple[Rows, float, int]:
        for _ in range(reads):
            began, before = anyio.current_time(), listing.requests
            result = await scan_of(listing, SIZE, MOST).run(90_000)
            assert result.coverage.complete
            assert_exact(result, world, MOST)
        assert len(all_parts(result)) == len(world.at), "a row was handed over twice"
        return counted(result), anyio.current_time() - began, listing.requests - before

    return at_once(call)


SHAPES = {
    "even": (1.45, 1.12),
    "day and night": (1.5, 1.12),
    "one hour holds 90 %": (1.6, 1.2),
    "two bursts": (1.75, 1.35),
}
"""Times the floor of eight at a time, and requests for each page, at most."""


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", [*SHAPES, "the newest minute", "many at one moment", "nearly empty"])
@pytest.mark.parametrize("order", ["newest", "oldest", "by kind"])
def test_no_row_of_any_traffic_is_lost_or_counted_twice(shape: str, order: str, seed: int) -> None:
    world = world_of(shape, seed, order)
    rows = at_once(lambda: _rows(Timed(world)))
    assert rows == sorted(world.rows)


async def _rows(listing: Timed) -> Rows:
    result = await scan_of(listing, SIZE, MOST).run(90_000)
    assert result.coverage.complete
    return counted(result)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_first_read_takes_little_more_than_its_pages_side_by_side(shape: str, seed: int) -> None:
    world = world_of(shape, seed)
    rows, seconds, requests = timed(world)
    assert rows == sorted(world.rows)
    pages = len(world.at) / SIZE
    times, more = SHAPES[shape]
    assert seconds <= times * pages * ANSWER_S / 8
    assert requests <= more * pages


@pytest.mark.parametrize("shape", SHAPES)
def test_a_read_that_is_left_and_taken_up_again_loses_no_row(shape: str) -> None:
    world = world_of(shape)

    async def call() -> Rows:
        scan = scan_of(Timed(world), SIZE, MOST)
        for _ in range(100):
            with anyio.move_on_after(0.37):
                result = await scan.run(90_000)
                assert_exact(result, world, MOST)
                return counted(result)
        raise AssertionError("never came to an end")

    assert at_once(call) == sorted(world.rows)


@pytest.mark.parametrize("deadline", [0.35, 0.55, 1.05])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_covered_when_the_time_is_up_is_exact_and_the_rest_is_read_later(shape: str, deadline: float) -> None:
    world = world_of(shape)

    async def call() -> Rows:
        scan = scan_of(Timed(world), SIZE, MOST)
        for _ in range(100):
            result = await scan.run(deadline)
            assert_exact(result, world, MOST)
            if result.coverage.complete:
                return counted(result)
        raise AssertionError("never came to an end")

    assert at_once(call) == sorted(world.rows)


@pytest.mark.parametrize("most", [300, 1000, 3000])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_budget_is_used_and_what_it_covers_is_exact(shape: str, most: int) -> None:
    world = world_of(shape)
    result = at_once(lambda: scan_of(Timed(world), SIZE, most).run(90_000))
    assert_exact(result, world, most)
    assert len(counted(result)) >= 0.8 * most


@pytest.mark.parametrize("shape", SHAPES)
def test_progress_of_a_shared_read_never_falls(shape: str) -> None:
    told: list[tuple[int, float]] = []

    async def progress(operations: int, share: float) -> None:
        told.append((operations, share))

    at_once(lambda: scan_of(Timed(world_of(shape)), SIZE, MOST, progress=progress).run(90_000))
    assert told == sorted(told)
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert told[-1] == (ROWS, 1.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_later_read_begins_with_what_earlier_ones_have_shown(shape: str) -> None:
    world = world_of(shape)
    (_, first, _), (rows, later, requests) = timed(world), timed(world, reads=2)
    assert rows == sorted(world.rows)
    assert later <= first
    assert requests <= SHAPES[shape][1] * len(world.at) / SIZE


@pytest.mark.parametrize("order", ["newest", "oldest", "by kind", "scattered"])
@pytest.mark.parametrize("shape", [*SHAPES, "the newest minute", "nearly empty"])
def test_what_earlier_reads_have_shown_is_corrected_where_it_no_longer_holds(shape: str, order: str) -> None:
    before, now = world_of("even"), world_of(shape, 5, order)

    async def call() -> Rows:
        listing = Timed(before)
        await scan_of(listing, SIZE, MOST).run(90_000)
        assert listing.known
        listing._world, listing._ranked = now, now.ranked()
        for _ in range(2):
            result = await scan_of(listing, SIZE, MOST).run(90_000)
            assert_exact(result, now, MOST)
            assert counted(result) == sorted(now.rows)
        return counted(result)

    assert at_once(call) == sorted(now.rows)


def test_under_a_known_limit_nobody_takes_of_others_and_few_requests_are_more_than_pages() -> None:
    world, pages = world_of("even"), ROWS // SIZE

    async def call() -> tuple[float, int, int]:
        listing = Timed(world)
        listing.limit = Bucket(10, 10)
        for _ in range(2):
            began, before, refused = anyio.current_time(), listing.requests, listing.refused
            assert counted(await scan_of(listing, SIZE, MOST).run(90_000)) == sorted(world.rows)
        return anyio.current_time() - began, listing.requests - before, listing.refused - refused

    seconds, requests, refused = at_once(call)
    assert seconds <= 1.2 * allowed(Bucket(10, 1), pages)
    assert requests <= 1.08 * pages
    assert refused <= 0.03 * pages
