"""Read a whole window, as fast as the limit allows, and know exactly which part of it was read.

The API promises no order, so a walk that is cut short cannot say what it missed. A window is therefore cut into time
shards on the API's own filter: each is read whole or does not count, newest first, side by side. Their union is exact
whatever the order of rows, and what is covered is always the newest part without a hole.
"""

import heapq
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, pairwise
from typing import Generic, TypeVar

import anyio

from ..errors import BrokenPaging, CatenaError, RateLimited
from .client import CatenaClient
from .query import Query
from .wire import Drift, Operation, Page

PAGES_PER_SHARD = 5
"""Pages a shard should hold: each shard ends in a part-page, so more pages waste less and fewer spread better."""

LONG_WALK = 8
"""After this many pages a shard that goes on was denser than it looked, and is cut."""

MOST_PIECES = 64
SHORTEST_SHARD = timedelta(seconds=2)
MOST_EMPTY_PAGES = 5

FEWEST_ROWS = 10
"""Rows from which the density of a shard can be judged."""

SURE_AFTER = 12
"""Steps back in time, and none forward, after which rows are taken to come newest first: by chance once in 12! reads."""

Progress = Callable[[int, float], Awaitable[None]]
"""Told after each page: operations read so far, share of the window read (0 to 1)."""

TIME_IS_UP = "the time for one call (CATENA_DEADLINE_S) was used up"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Coverage:
    """What a read covers: start and end, None where no stretch of time can be named.

    `cut_at`: rows created before it do not count, although they were read. `stopped` says in our words why the read
    ended early; `retry_after` is in seconds.
    """

    start: datetime | None
    end: datetime | None
    cut_at: datetime | None
    complete: bool
    pages: int
    drift: Drift
    stopped: str = ""
    retry_after: float | None = None


@dataclass(frozen=True)
class Read(Generic[_T]):
    """The parts collected from the pages that count, and what they cover."""

    parts: list[_T]
    coverage: Coverage


class Walk:
    """Follows the cursor of one query page by page, and refuses pages that repeat or never end."""

    def __init__(self, client: CatenaClient, query: Query, cursor: str | None = None) -> None:
        self._client = client
        self._query = query
        self._empty = 0
        self._last_ids: set[str] = set()
        self._asked: set[str] = set()
        self.cursor = cursor
        self.ended = False

    async def next(self, size: int) -> Page:
        """Read the next page of at most `size` operations and move the cursor behind it.

        Raises:
            BrokenPaging: The cursor or the rows repeat, or empty pages go on.
            CatenaError: No usable answer.
        """
        page = await self._client.list_page(self._query, size, self.cursor)
        self.ended = page.next_page is None
        ids = {op.id for op in page.items}
        self._empty = 0 if ids else self._empty + 1
        repeats = page.next_page in self._asked or (bool(ids) and ids <= self._last_ids)
        if not self.ended and (repeats or self._empty > MOST_EMPTY_PAGES):
            raise BrokenPaging(
                "Catena's list did not come to an end: it repeated a cursor or its rows. "
                "Ask for a shorter window; if it stays, tell Catena's support."
            )
        if page.next_page is not None:
            self._asked.add(page.next_page)
        self._last_ids = ids
        self.cursor = page.next_page
        return page


@dataclass
class _Order:
    """What was seen of the order of rows, which the API does not promise: steps in time from one row to the next."""

    back: int = 0
    forward: int = 0

    def add(self, moments: list[datetime]) -> None:
        """Count the steps between rows that came one after the other."""
        self.back += sum(a > b for a, b in pairwise(moments))
        self.forward += sum(a < b for a, b in pairwise(moments))

    @property
    def newest_first(self) -> bool:
        """Whether rows surely come newest first."""
        return self.back >= SURE_AFTER and not self.forward


@dataclass
class _Shard(Generic[_T]):
    """A stretch of the window and what was read of it so far."""

    start: datetime
    end: datetime
    parts: list[_T] = field(default_factory=list)
    rows: int = 0
    drift: Drift = field(default_factory=Drift)
    last: datetime | None = None
    reach: tuple[datetime, ...] = ()

    def __lt__(self, other: "_Shard[_T]") -> bool:
        return self.end > other.end

    def add(self, page: Page, part: _T, order: _Order) -> None:
        """Keep a page, and note how far its rows reach and in which order they come."""
        moments = [op.created_at for op in page.items]
        if moments:
            order.add(moments if self.last is None else [self.last, *moments])
            self.last = moments[-1]
            known = [*self.reach, *moments]
            self.reach = (min(known), max(known))
        self.parts.append(part)
        self.rows += len(page.items)
        self.drift.add(page.drift)


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
        self._query = query
        self._collect = collect
        self._size = min(size, most)
        self._most = most
        self._progress = progress
        self._waiting: list[_Shard[_T]] = [_Shard(query.start, query.end)]
        self._running: list[_Shard[_T]] = []
        self._done: list[_Shard[_T]] = []
        self._changed = anyio.Condition()
        self._scope = anyio.CancelScope()
        self._error: CatenaError | None = None
        self._stopped = ""
        self._order = _Order()
        self._target = float(min(PAGES_PER_SHARD * self._size, math.ceil(most / 4)))
        self._pages = 0

    async def run(self, deadline_s: float) -> Read[_T]:
        """Read until the window, the budget or the time is used up.

        Raises:
            CatenaError: Nothing at all could be read.
        """
        self._scope.deadline = anyio.current_time() + deadline_s
        with self._scope:
            async with anyio.create_task_group() as tasks:
                for _ in range(self._client.limiter.most):
                    tasks.start_soon(self._work)
        if self._scope.cancelled_caught and not self._stopped:
            self._stopped = TIME_IS_UP
        return self._result()

    async def _work(self) -> None:
        while (shard := await self._next_shard()) is not None:
            try:
                await self._read(shard)
            except CatenaError as exc:
                self._error = self._error or exc
                self._stop(why(exc))

    async def _next_shard(self) -> _Shard[_T] | None:
        async with self._changed:
            while self._running and (not self._waiting or not self._fits_one_more()):
                await self._changed.wait()
            if not self._waiting:
                return None
            shard = heapq.heappop(self._waiting)
            self._running.append(shard)
            return shard

    def _fits_one_more(self) -> bool:
        expected = max(self._target, *(shard.rows for shard in self._running))
        return self._kept() + expected * (len(self._running) + 1) <= self._most

    def _kept(self) -> int:
        return sum(shard.rows for shard in self._done)

    async def _read(self, shard: _Shard[_T]) -> None:
        walk = Walk(self._client, self._query.within(shard.start, shard.end))
        for number in count(1):
            room = self._most - self._kept() - shard.rows
            if room <= 0:
                return self._stop(self._limit_reached)
            page = await walk.next(min(self._size, room))
            self._pages += 1
            shard.add(page, self._collect(page.items), self._order)
            if walk.ended:
                return await self._finish(shard)
            if pieces := self._pieces(shard, number):
                return await self._cut(shard, pieces)
            await self._tell()

    async def _finish(self, shard: _Shard[_T]) -> None:
        if self._kept() + shard.rows > self._most:
            return self._stop(self._limit_reached)
        async with self._changed:
            self._running.remove(shard)
            self._done.append(shard)
            self._changed.notify_all()
        await self._tell()

    @property
    def _limit_reached(self) -> str:
        return f"the limit of {self._most:,} operations for one call was reached"

    def _pieces(self, shard: _Shard[_T], number: int) -> int:
        """Return into how many pieces a shard that goes on is best cut after page `number`; 0: walk on."""
        length = shard.end - shard.start
        if length <= SHORTEST_SHARD or not shard.rows:
            return 0
        span = max(shard.reach[1] - shard.reach[0], timedelta(microseconds=1))
        rows = shard.rows * min(length / span, 1e6)
        if number == LONG_WALK:
            rows = max(rows, shard.rows * 2.0)
        elif number > 1 or shard.rows < FEWEST_ROWS:
            return 0
        if rows <= self._target * 1.25:  # also a long walk, where pages came short or empty: one piece would be no cut
            return 0
        return min(math.ceil(rows / self._target), MOST_PIECES, math.ceil(length / SHORTEST_SHARD))

    async def _cut(self, shard: _Shard[_T], pieces: int) -> None:
        step = (shard.end - shard.start) / pieces
        ends = [shard.start + step * i for i in range(1, pieces)] + [shard.end]
        async with self._changed:
            self._running.remove(shard)
            for start, end in pairwise([shard.start, *ends]):
                heapq.heappush(self._waiting, _Shard(start, end))
            self._changed.notify_all()

    def _stop(self, why: str) -> None:
        self._stopped = self._stopped or why
        self._scope.cancel()

    async def _tell(self) -> None:
        """Tell how far the read is; a shard under way counts as far as its rows reach in time."""
        if self._progress is not None:
            whole = sum((s.end - s.start for s in self._done), timedelta())
            partly = sum((s.reach[1] - s.reach[0] for s in self._running if s.reach), timedelta())
            rows = self._kept() + sum(s.rows for s in self._running)
            await self._progress(rows, (whole + partly) / (self._query.end - self._query.start))

    def _result(self) -> Read[_T]:
        """Count the newest shards without a hole; behind them what a cut walk read, if it came newest first."""
        counted: list[_Shard[_T]] = []
        covered_from, cut_at = self._query.end, None
        for shard in sorted(self._done):
            if shard.end != covered_from:
                break
            counted.append(shard)
            covered_from = shard.start
        for shard in self._running:
            last = shard.last
            fits = sum(s.rows for s in counted) + shard.rows <= self._most
            if shard.end != covered_from or last is None or not fits or not self._order.newest_first:
                continue
            if shard.start <= last < shard.end:
                counted.append(shard)
                # Rows of the very same moment may be unread: the next call takes that moment again, whole.
                covered_from = cut_at = last + timedelta(microseconds=1)
        if not counted and self._error is not None:
            raise self._error
        return Read([p for s in counted for p in s.parts], self._coverage(counted, covered_from, cut_at))

    def _coverage(self, counted: list[_Shard[_T]], start: datetime, cut_at: datetime | None) -> Coverage:
        drift = Drift()
        for shard in counted:
            drift.add(shard.drift)
        known = bool(counted)
        return Coverage(
            start=start if known else None,
            end=self._query.end if known else None,
            cut_at=cut_at,
            complete=known and start == self._query.start and not self._running,
            pages=self._pages,
            drift=drift,
            stopped=self._stopped,
            retry_after=self._error.retry_after if isinstance(self._error, RateLimited) else None,
        )


def why(exc: CatenaError) -> str:
    """Say in half a sentence what ended a read; the error's own text follows where nothing could be read."""
    if isinstance(exc, RateLimited):
        return "Catena limits the rate of requests (429)"
    if isinstance(exc, BrokenPaging):
        return "Catena's pages repeated and did not come to an end"
    return str(exc).partition(". ")[0].removesuffix(".")
