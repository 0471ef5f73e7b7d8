"""Read a whole window, as fast as the limit allows, and know exactly which part of it was read.

The API promises no order, so a walk that is cut short cannot say what it missed. A window is therefore cut into time
shards on the API's own filter: each is read whole or does not count, newest first, side by side. Their union is exact
whatever the order of rows, and what is covered is always the newest part without a hole.

In a large window, where it has been seen that the filter is on `created_at` and that rows come newest first, a shard
can also be left in the middle: what was read of it counts, and whoever has nothing to do takes the older half of the
fullest at once. Its walk then goes on to the border, and what its last page holds beyond does not count.
Elsewhere a shard that turns out too large is cut and read anew.

What is newest has the first claim on the budget: a shard may take what newer ones leave. One that finds no room waits
until the newer ones are read, and the newest is cut until its pieces fit. A read that ended early can be run again: it
goes on where it was, with all that it has read.
"""

import heapq
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, pairwise
from typing import Generic, TypeVar

import anyio
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream

from ..errors import BrokenPaging, CatenaError, RateLimited
from ..telemetry import current
from .client import CatenaClient
from .coverage import Coverage, Effort, Read
from .cuts import (
    LONG_WALK,
    PAGES_PER_PIECE,
    PAGES_WORTH_SPLITTING,
    cut_anew,
    cut_first,
    cut_smaller,
    older_half,
    rest_shared,
)
from .order import Known
from .query import Query
from .shards import Shard
from .walk import Walk
from .window_field import APART, find_window_field
from .wire import Drift, Operation, Page

PAGES_PER_SHARD = 5
"""Pages a shard should hold: each ends in a part-page, so more pages waste less and fewer spread better."""

DENSER = 1.3
"""How many times what they should shards may hold without one, read beside newer ones, finding no place in the budget."""

WORTH_READING = 0.1
"""Share of the budget that must be left for a shard to be cut until a piece of it fits."""

MOST_KNOWN = 64
"""Filters of which it is kept what their reads have shown."""

MOST_HOLES = 3
"""Shards that may fail for good before the read is given up."""

Progress = Callable[[int, float], Awaitable[None]]
"""Told after each page: operations read so far, share of the window read (0 to 1)."""

TIME_IS_UP = "the time for one call (CATENA_DEADLINE_S) was used up"

_T = TypeVar("_T")


class Scan(Generic[_T]):
    """One read of one window. `collect` turns a page into what is kept of it, so pages do not pile up."""

    def __init__(
        self,
        client: CatenaClient,
        query: Query,
        collect: Callable[[list[Operation]], _T],
        *,
        size: int,
        most: int,
        progress: Progress | None = None,
    ) -> None:
        self._client = client
        self._query = client.narrowed(query)
        self._collect = collect
        self.progress = progress
        self.allow(size, most)
        self._known = client.known.get(query.filters, Known())
        self._order = self._known.order
        self._waiting: list[Shard[_T]] = [Shard(first, last) for first, last in pairwise(self._first_borders())]
        heapq.heapify(self._waiting)
        self._running: list[Shard[_T]] = []
        self._done: list[Shard[_T]] = []
        self._holes: list[Shard[_T]] = []
        self._hungry = 0
        self._large = len(self._waiting) > 1
        self._changed = anyio.Condition()
        self._scope = anyio.CancelScope()
        self._error: CatenaError | None = None
        self._stopped = ""
        self._pages = self._calls = 0
        self._complete = False

    def _first_borders(self) -> list[datetime]:
        """Return where the window is cut before anything is read: nowhere, unless it is known to hold much in good order."""
        query, client = self._query, self._client
        rows = self._known.rows_a_second * (query.end - query.start).total_seconds()
        sure = client.window_field == "created_at" and self._by_time_alone
        if not sure or 2 * rows > self._budget:
            return [query.start, query.end]
        return cut_first(query.start, query.end, rows, self._size, self._useful)

    def _learn(self) -> None:
        """Keep what a whole read has shown for the next one with these filters."""
        query, known = self._query, self._client.known
        self._known.rows_a_second = self._kept() / (query.end - query.start).total_seconds()
        known.pop(query.filters, None)
        known[query.filters] = self._known
        while len(known) > MOST_KNOWN:
            del known[next(iter(known))]

    def allow(self, size: int, most: int) -> None:
        """Set how many operations a page may hold, and how many the next run may read."""
        self._size, self._budget = min(size, most), most

    async def run(self, deadline_s: float) -> Read[_T]:
        """Read until the window, the budget or the time is used up.

        Each run reads up to its budget more. One that ends early, or that its caller cancels, stops its requests and
        keeps the pages it has: run again, it goes on from there.

        Raises:
            CatenaError: Nothing at all could be read.
        """
        began, pages = anyio.current_time(), self._pages
        rows = self._take_up()
        self._scope = anyio.CancelScope(deadline=began + deadline_s)
        most = self._client.limiter.most
        self._read_in, read_out = anyio.create_memory_object_stream[tuple[Shard[_T], list[Operation]]](most)
        with read_out:
            try:
                with self._scope:
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(self._collect_pages, read_out)
                        async with self._read_in, anyio.create_task_group() as workers:
                            for _ in range(most):
                                workers.start_soon(self._work)
                await self._collect_pages(read_out)  # what was still waiting when the time was up
            except anyio.get_cancelled_exc_class():
                self._drain(read_out)
                raise
        if self._scope.cancelled_caught and not self._stopped:
            self._stopped = TIME_IS_UP
        rows_now, share = self._reached()
        took, self._calls = anyio.current_time() - began, self._calls + 1
        return self._result(Effort(self._pages - pages, max(0, rows_now - rows), took, 1 - share, self._calls))

    async def _collect_pages(self, read_out: MemoryObjectReceiveStream[tuple[Shard[_T], list[Operation]]]) -> None:
        """Keep of each page what is asked for: beside the requests, since it takes longer than decoding."""
        with read_out.clone() as pages:
            async for shard, operations in pages:
                shard.parts.append(self._collect(operations))
                await checkpoint()  # so that requests leave and answers come in between two pages

    def _drain(self, read_out: MemoryObjectReceiveStream[tuple[Shard[_T], list[Operation]]]) -> None:
        """Keep what has been read, although there is no time left."""
        with suppress(anyio.WouldBlock, anyio.EndOfStream):
            while True:
                shard, operations = read_out.receive_nowait()
                shard.parts.append(self._collect(operations))

    def _take_up(self) -> int:
        """Begin, or go on with what an earlier run left: each shard at its cursor, or anew where it is torn.

        Return how many rows have been read.
        """
        for shard in [*self._running, *self._holes]:
            heapq.heappush(self._waiting, Shard(shard.start, shard.end) if shard.torn else shard)
        self._running, self._holes = [], []
        self._changed, self._hungry = anyio.Condition(), 0
        self._error, self._stopped = None, ""
        self._most = self._budget + self.rows  # not only those that count: more may be of one moment than a run reads
        return self.rows

    @property
    def may_go_on(self) -> bool:
        """Whether another run may read what the last one did not."""
        return not self._complete and (self._error is None or self._error.may_heal)

    @property
    def rows(self) -> int:
        """Operations read and kept, also those that do not count yet."""
        return self._reached()[0]

    async def _work(self) -> None:
        while (shard := await self._next_shard()) is not None:
            try:
                with current().step("shard") as step:
                    await self._read(shard)
                    step.told(operations=shard.rows, pages=shard.pages)
            except CatenaError as exc:
                self._error = self._error or exc
                if not exc.may_heal or isinstance(exc, RateLimited) or len(self._holes) == MOST_HOLES:
                    self._stop(why(exc))
                else:
                    await self._end(shard, self._holes)

    async def _next_shard(self) -> Shard[_T] | None:
        async with self._changed:
            while self._running and (not (self._waiting or self._taken_half()) or not self._fits_one_more()):
                self._hungry += 1
                try:
                    await self._changed.wait()
                finally:
                    self._hungry -= 1
            if not self._waiting:
                return None
            shard = heapq.heappop(self._waiting)
            self._running.append(shard)
            return shard

    @property
    def _useful(self) -> int:
        """How many shards are worth reading at a time: more than a known limit lets run cost requests and no time less."""
        limiter = self._client.limiter
        return limiter.pace.most_running if limiter.pace.rate else limiter.most

    def _taken_half(self) -> bool:
        """Take the older half of the shard that has most left, to be read now: its next page is awaited by another."""
        if len(self._running) >= self._useful:
            return False
        fullest = max(self._running, key=lambda shard: shard.rest)
        rows = self._kept() + sum(shard.rows + shard.rest for shard in self._running)
        if not self._can_be_left(fullest) or rows > self._most:
            return False
        if border := older_half(fullest, self._size):
            heapq.heappush(self._waiting, Shard(fullest.start, border))
            fullest.start, fullest.taken = border, True
        return border is not None

    def _fits_one_more(self) -> bool:
        under_way = [*self._running, self._waiting[0]]
        return self._kept() + DENSER * sum(map(self._claim, under_way)) <= self._most

    @property
    def _target(self) -> float:
        """Rows that a shard should hold."""
        return float(min(PAGES_PER_SHARD * self._size, math.ceil(self._budget / 4)))

    def _kept(self) -> int:
        return sum(shard.rows for shard in self._done)

    def _room(self, shard: Shard[_T]) -> int:
        """Return how many rows of a shard fit the budget beside newer ones, whatever older ones have taken of it."""
        newer = sum(s.rows for s in self._done if s.start >= shard.end)
        return self._most - newer - int(sum(self._claim(s) for s in self._running if s.start >= shard.end))

    def _claim(self, shard: Shard[_T]) -> float:
        return max(self._target, shard.rows + 1)

    async def _read(self, shard: Shard[_T]) -> None:
        walk = shard.walk = shard.walk or Walk(self._client, self._query.within(shard.start, shard.end))
        for number in count(shard.pages + 1):
            room = self._room(shard) - shard.rows
            if room <= 0:
                return await self._make_room(shard)
            page = await walk.next(min(self._size, room))
            shard.torn = True
            self._pages += 1
            shard.add(page, self._order)
            if not self._large and (number == LONG_WALK // 2 or shard.rest > PAGES_PER_SHARD * self._size):
                self._large = True
                await self._find_window_field(page)
            shard.torn = False
            operations = shard.within(page.items)
            ended = walk.ended or self._is_behind(shard)
            borders = [] if ended else self._borders(shard, number)
            if borders and borders[-1] < shard.end:
                operations = shard.without_last(operations)
            if ended:
                await self._end(shard, self._done)
            elif borders:
                await self._cut(shard, borders)
            await self._hand_over(shard, operations)
            if borders:
                return None
            await self._tell()
            if ended:
                return None

    async def _hand_over(self, shard: Shard[_T], operations: list[Operation]) -> None:
        """Give a page to be collected; where the time is up meanwhile, it is collected here: none is lost."""
        try:
            await self._read_in.send((shard, operations))
        except anyio.get_cancelled_exc_class():
            shard.parts.append(self._collect(operations))
            raise

    async def _make_room(self, shard: Shard[_T]) -> None:
        """Let a shard that the budget does not fit wait for newer ones; the newest is cut until a piece of it fits."""
        if any(s.start >= shard.end for s in [*self._running, *self._waiting]):
            return await self._replace(shard, [shard])
        newer = (s for s in sorted(self._done) if s.start >= shard.end)
        large = next((s for s in newer if s.rows > self._room(s)), shard)
        counts_in_part = large is shard and self._by_time_alone and shard.last is not None
        room = self._room(large)
        pieces = (
            [] if counts_in_part or room < WORTH_READING * self._budget else cut_smaller(large, math.ceil(room / 4))
        )
        if not pieces:
            return self._stop(self._limit_reached)
        if large is not shard:
            self._done.remove(large)
            heapq.heappush(self._waiting, shard)
        await self._cut(shard, pieces)

    async def _end(self, shard: Shard[_T], ended: list[Shard[_T]]) -> None:
        ended.append(shard)
        await self._replace(shard, [])

    async def _replace(self, shard: Shard[_T], waiting: list[Shard[_T]]) -> None:
        """Let others take what is to be read instead of a shard under way."""
        with anyio.CancelScope(shield=True):  # or a stretch would be lost where the time is up
            async with self._changed:
                self._running.remove(shard)
                for other in waiting:
                    heapq.heappush(self._waiting, other)
                self._changed.notify_all()

    async def _find_window_field(self, page: Page) -> None:
        far = [op for op in page.items if op.updated_at is not None and op.updated_at - op.created_at > APART]
        if far and self._client.window_field is None:
            op = max(far, key=lambda op: (op.updated_at or op.created_at) - op.created_at)
            self._pages += 1
            await find_window_field(self._client, self._query, op.id, op.created_at)

    def _can_be_left(self, shard: Shard[_T]) -> bool:
        """Tell whether all that a shard holds from the time of the row read last has been read."""
        last = shard.last
        sure = self._large and self._client.window_field == "created_at" and self._by_time_alone
        return sure and last is not None and shard.start < last < shard.end

    def _is_behind(self, shard: Shard[_T]) -> bool:
        """Tell whether a walk has come to what another has taken: nothing newer follows."""
        return shard.taken and shard.last is not None and shard.last < shard.start and self._by_time_alone

    @property
    def _by_time_alone(self) -> bool:
        return self._order.by_time_alone(self._query.filters.given())

    @property
    def _limit_reached(self) -> str:
        return f"the limit of {self._budget:,} operations for one call was reached"

    def _borders(self, shard: Shard[_T], number: int) -> list[datetime]:
        """Return where a shard that goes on after page `number` is cut, its own end last where it is read anew."""
        return self._rest_shared(shard) if self._can_be_left(shard) else cut_anew(shard, number, self._target)

    def _rest_shared(self, shard: Shard[_T]) -> list[datetime]:
        """Return where to cut the rest of the shard that has most left, for those who have nothing to do; nothing: walk on."""
        rest, hungry = shard.rest, min(self._hungry, self._useful - len(self._running))
        large = rest > 1.5 * PAGES_PER_PIECE * self._size and not self._waiting
        if hungry <= 0 and not large:
            return []
        if rest < PAGES_WORTH_SPLITTING * self._size or rest < max(s.rest for s in self._running):
            return []
        return rest_shared(shard, self._size, max(hungry, 0), self._target if rest > self._most else math.inf)

    async def _cut(self, shard: Shard[_T], borders: list[datetime]) -> None:
        if borders[-1] < shard.end:
            shard.start = borders[-1]
            self._done.append(shard)
        await self._replace(shard, [Shard(first, last) for first, last in pairwise(borders)])

    def _stop(self, why: str) -> None:
        self._stopped = self._stopped or why
        self._scope.cancel()

    async def _tell(self) -> None:
        """Tell how far the read is."""
        if self.progress is not None:
            await self.progress(*self._reached())

    def _reached(self) -> tuple[int, float]:
        """Return rows and share of the window that have been read; a shard under way counts as far as its rows reach."""
        partly = [*self._running, *self._waiting, *self._holes]
        whole = sum((s.end - s.start for s in self._done), timedelta())
        reach = sum((s.reach[1] - s.reach[0] for s in partly if s.reach), timedelta())
        rows = self._kept() + sum(s.rows for s in partly)
        return rows, min((whole + reach) / (self._query.end - self._query.start), 1.0)

    def _result(self, effort: Effort) -> Read[_T]:
        """Count the newest shards without a hole; behind them what a cut walk read, if it came newest first."""
        counted: list[Shard[_T]] = []
        covered_from, cut_at = self._query.end, None
        # A hole ends what is covered only where the read was given up: else all the rest was read, and is told.
        passed = [] if self._stopped else self._holes
        for shard in sorted([*self._done, *passed]):
            if shard.end != covered_from or sum(s.rows for s in counted) + shard.rows > self._most:
                break
            counted.append(shard)
            covered_from = shard.start
        while counted and counted[-1] in self._holes:  # behind it nothing was read: it is no hole, but the end
            covered_from = counted.pop().end
        for shard in [*self._running, *self._waiting, *(self._holes if self._stopped else ())]:
            last = shard.last
            fits = sum(s.rows for s in counted) + shard.rows <= self._most
            if shard.end != covered_from or last is None or shard.torn or not fits or not self._by_time_alone:
                continue
            if shard.start <= last < shard.end:
                counted.append(shard)
                # Rows of the very same moment may be unread: the next call takes that moment again, whole.
                covered_from = cut_at = last + timedelta(microseconds=1)
        if not counted and self._error is not None:
            raise self._error
        holes = [shard for shard in counted if shard in self._holes]
        counted = [shard for shard in counted if shard not in holes]
        coverage = replace(self._coverage(counted, covered_from, cut_at, holes), effort=effort)
        self._complete = coverage.complete
        if coverage.complete:
            self._learn()
        return Read([p for s in counted for p in s.parts], coverage)

    def _coverage(
        self, counted: list[Shard[_T]], start: datetime, cut_at: datetime | None, holes: list[Shard[_T]]
    ) -> Coverage:
        drift = Drift()
        for shard in counted:
            drift.add(shard.drift)
        known = bool(counted)
        complete = known and start == self._query.start and not self._running and not holes
        return Coverage(
            start=start if known else None,
            end=self._query.end if known else None,
            cut_at=cut_at,
            complete=complete,
            pages=self._pages,
            drift=drift,
            stopped=self._stopped or (why(self._error) if self._error else "" if complete else self._limit_reached),
            holes=tuple((hole.start, hole.end) for hole in holes),
            retry_after=self._error.retry_after if isinstance(self._error, RateLimited) else None,
        )


def why(exc: CatenaError) -> str:
    """Say in half a sentence what ended a read; the error's own text follows where nothing could be read."""
    if isinstance(exc, RateLimited):
        return "Catena limits the rate of requests (429)"
    if isinstance(exc, BrokenPaging):
        return "Catena's pages repeated and did not come to an end"
    return str(exc).partition(". ")[0].removesuffix(".")
