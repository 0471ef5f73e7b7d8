"""How the rows of a question are come by: from what is held, from what another server reads, or from the API."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from ..catena.query import Query
from ..errors import CatenaError
from ..settings import Settings
from ..store import MemoryStore
from ..store.memory import Held, Progress
from .question import OVERLAP, Question, Reading

if TYPE_CHECKING:
    import polars as pl

    from ..analysis.window import Window
    from ..catena.client import CatenaClient
    from ..catena.scan import Coverage, Read, Scan
    from ..catena.wire import Operation
    from ..store.shared import Entry
    from .beyond import Beyond
    from .sharing import Sharing

ANALYSIS_S = 3.0
"""Kept back of a call's time for what comes after reading."""

ONE_MOMENT_S = 1.0
"""Questions this near to each other are asked at the same time."""

MOST_FLEETS_SEEN = 2_000

MOST_SINGLES = 25
"""Operations that still waited and are read again one by one."""


MOST_LEFT = 2
"""Reads that were left before their end and wait, with what they have read, for who asks again."""


@dataclass(frozen=True)
class Left:
    """A read that was left: its question, when it began, and the scan, which can go on.

    The protocol wants a cancelled call to stop its requests, and it does. But clients that give up after five seconds
    ask the same again, and would never get an answer if each try began at nothing.
    """

    question: Question
    as_of: datetime
    scan: Scan[pl.DataFrame]


async def untold(operations: int, share: float) -> None:
    """Tell nobody how far a read is."""


@dataclass
class Reads:
    """Reads for all calls of this server. `client` and `sharing` are opened on first use.

    `seen` learns the words met, `fleets_seen` the references, at most so many.
    """

    settings: Settings
    clock: Callable[[], datetime]
    client: Callable[[], Awaitable[CatenaClient]]
    sharing: Callable[[], Awaitable[Sharing | None]]
    seen: set[str]
    fleets_seen: dict[str, None]
    tasks: TaskGroup
    beyond: Callable[[], Beyond | None] = lambda: None

    def __post_init__(self) -> None:
        """Set the store up; it holds at most what two of the largest calls read."""
        self.store: MemoryStore[Reading] = MemoryStore(2 * self.settings.max_operations)
        self._left: dict[str, Left] = {}
        self._imported = False

    async def answer(
        self, question: Question, refresh: bool, progress: Progress, time_s: float
    ) -> tuple[Reading, datetime]:
        """Return the rows of a question and the time they were read, from what is held where that is fresh.

        Raises:
            CatenaError: Nothing at all could be read.
        """
        self._leave_imports_alone()
        ends_at = anyio.current_time() + max(time_s - ANALYSIS_S, time_s / 2)
        fresh_for = timedelta(0) if refresh else timedelta(seconds=self.settings.fresh_s)
        if found := await self._found(question, fresh_for):
            return found
        if not question.start and (beyond := self.beyond()):
            rest = partial(self._rest, refresh=refresh, progress=progress, ends_at=ends_at, fresh_for=fresh_for)
            if kept := await beyond.answer(question, refresh, rest, self._operations):
                self._learn_words(kept[0].frame)
                return kept
        return await self._lately(question, refresh, progress, ends_at)

    async def _lately(
        self, question: Question, refresh: bool, progress: Progress, ends_at: float
    ) -> tuple[Reading, datetime]:
        """Return rows that another server reads, or the API lists."""
        fresh_for = timedelta(0) if refresh else timedelta(seconds=self.settings.fresh_s)
        read = partial(self._read, question, ends_at, refresh)
        if sharing := await self.sharing():
            entries = await sharing.store.entries()
            if await self._take(sharing, entries, question, fresh_for) and (
                found := await self._found(question, fresh_for)
            ):
                return found
            read = partial(sharing.read_once, question, entries, self._join_for, ends_at, read)
        held = await self.store.answer(question.key, self.clock(), self._join_for, read, progress, self.tasks)
        self._learn_words(held.value.frame)
        return held.value.told_to(question), held.as_of

    async def _rest(
        self, question: Question, refresh: bool, progress: Progress, ends_at: float, fresh_for: timedelta
    ) -> tuple[Reading, datetime]:
        """Return rows that the history lacks; it holds none unless windows were found to go by creation."""
        client = await self.client()
        client.window_field = client.window_field or "created_at"
        return await self._found(question, fresh_for) or await self._lately(question, refresh, progress, ends_at)

    def _leave_imports_alone(self) -> None:
        """Import what reading needs, and keep the collector from looking through all imports again during a read.

        It would stop everything for 80 ms, once or twice in 100,000 operations.
        """
        if not self._imported:
            from ..analysis import rows  # noqa: F401

            gc.freeze()  # asking whether that was done already takes 13 ms: it counts all of them
            self._imported = True

    @property
    def _join_for(self) -> timedelta:
        """How old a read under way may be for one who asks the same now."""
        return timedelta(seconds=max(self.settings.fresh_s, ONE_MOMENT_S))

    async def _take(self, sharing: Sharing, entries: Sequence[Entry], question: Question, fresh_for: timedelta) -> bool:
        """Hold what another server read, where it answers a question or begins its answer."""
        from .sharing import useful

        entry = useful(entries, question, self.clock(), fresh_for) if fresh_for and not question.start else None
        if entry is None or self.store.as_of(entry.question) == entry.as_of:
            return False
        held = await sharing.taken(entry)
        if held:
            self._learn_words(held.value.frame)
            self.store.hold(entry.question, held)
        return held is not None

    async def _found(self, question: Question, fresh_for: timedelta) -> tuple[Reading, datetime] | None:
        """Return the rows of a question that lie in fresh rows of another."""
        if question.start:
            return None
        now = self.clock()
        fresh = [held for held in self.store.held(now) if now - held.as_of < fresh_for]
        if not fresh or (found := await anyio.to_thread.run_sync(_cut_of, question, fresh, fresh_for)) is None:
            return None
        reading, held = found
        self.store.use(held)
        return reading, held.as_of

    async def _read(self, question: Question, ends_at: float, refresh: bool, progress: Progress) -> Held[Reading]:
        """Read from the API."""
        from ..catena.reader import read_on

        as_of = self.clock()
        client, size, most = await self.client(), question.size, question.most
        grown = None
        if question.start:
            from ..analysis.rows import rows_of

            left_s = ends_at - anyio.current_time()
            read = await read_on(client, question.start, rows_of, size=size, most=most, deadline_s=left_s)
            frame = await self._joined(read)
        elif left := self._left_of(question, as_of, refresh):
            question, as_of = left.question, left.as_of
            frame, read = await self._run(left, ends_at, progress)
        else:
            grown = None if refresh else await self._grown(question, as_of, ends_at, progress)
            frame, read = grown or await self._scanned(question, as_of, ends_at, progress)
        frame, coverage = _of_window(question.window, frame, read.coverage, by_creation=False)
        beyond = self.beyond()
        if coverage.complete or beyond:
            with anyio.CancelScope(deadline=ends_at):
                await self._find_window_field(client, question.query, frame)
        if by_creation := client.window_field == "created_at":
            frame, coverage = _of_window(question.window, frame, coverage, by_creation=True)
        reading = Reading(question.window, coverage, question.filters, by_creation, frame)
        if beyond and grown is None:  # else rows are older than told
            beyond.keep(question, reading, as_of)
        return Held(reading, as_of, len(frame), worth_holding=coverage.complete)

    async def _joined(self, read: Read[pl.DataFrame]) -> pl.DataFrame:
        from ..analysis.rows import joined

        frame = await anyio.to_thread.run_sync(joined, read.parts)
        return frame if read.coverage.cut_at is None else frame.filter(frame["created_at"] >= read.coverage.cut_at)

    async def _scanned(
        self, question: Question, as_of: datetime, ends_at: float, progress: Progress, start: datetime | None = None
    ) -> tuple[pl.DataFrame, Read[pl.DataFrame]]:
        from ..analysis.rows import rows_of
        from ..catena.scan import Scan

        query = replace(question.query, start=start) if start else question.query
        scan = Scan(await self.client(), query, rows_of, size=question.size, most=question.most)
        return await self._run(Left(question, as_of, scan), ends_at, progress, keep=start is None)

    async def _run(
        self, reading: Left, ends_at: float, progress: Progress, *, keep: bool = True
    ) -> tuple[pl.DataFrame, Read[pl.DataFrame]]:
        """Read, and keep what was read where all who asked go away meanwhile."""
        reading.scan.progress = progress
        try:
            read = await reading.scan.run(ends_at - anyio.current_time())
            return await self._joined(read), read
        except anyio.get_cancelled_exc_class():
            if keep:
                self._left = dict([*self._left.items(), (reading.question.key, reading)][-MOST_LEFT:])
            raise

    def _left_of(self, question: Question, now: datetime, refresh: bool) -> Left | None:
        """Take a read of the same question that was left, if its beginning is fresh."""
        left = self._left.pop(question.key, None)
        fresh = left is not None and (now - left.as_of).total_seconds() < self.settings.fresh_s
        return left if fresh and not refresh else None

    async def _grown(
        self, question: Question, now: datetime, ends_at: float, progress: Progress
    ) -> tuple[pl.DataFrame, Read[pl.DataFrame]] | None:
        """Read only what is new in a window that has moved on, and what still waited; None where all must be read."""
        from ..analysis.held import between, newest_in, pending_in
        from ..analysis.rows import joined, rows_of

        held = self._beginning_of(question, now)
        newest = newest_in(held.frame) if held else None
        if held is None or newest is None:
            return None
        # From the newest row on, not from the end of the window: the API's clock may be behind the one here.
        start = max(question.window.start, min(held.window.end, newest) - OVERLAP)
        old = between(held.frame, question.window.start, start)
        waiting = pending_in(old)
        if len(old) > question.most or len(waiting) > min(MOST_SINGLES, len(old) / question.size / 2):
            return None
        now_told: list[Operation] | None = None
        with suppress(CatenaError), anyio.move_on_after((ends_at - anyio.current_time()) / 3):
            now_told = await self._operations(waiting)
        if now_told is None:
            return None
        frame, read = await self._scanned(question, now, ends_at, progress, start)
        if not read.coverage.complete:
            return frame, read
        coverage = replace(read.coverage, start=question.window.start, pages=read.coverage.pages + len(waiting))
        whole = await anyio.to_thread.run_sync(joined, [old, frame, rows_of(now_told)])
        return (whole, replace(read, coverage=coverage)) if len(whole) <= question.most else None

    async def _operations(self, ids: Sequence[tuple[str, str]]) -> list[Operation]:
        """Read some operations, by connection and id, side by side."""
        client = await self.client()
        found: list[Operation] = []

        async def read(connection_id: str, operation_id: str) -> None:
            found.append(await client.operation(connection_id, operation_id))

        try:
            async with anyio.create_task_group() as tasks:
                for connection_id, operation_id in ids:
                    tasks.start_soon(read, connection_id, operation_id)
        except* CatenaError as group:
            raise group.exceptions[0] from None
        return found

    def _beginning_of(self, question: Question, now: datetime) -> Reading | None:
        """Return what is held of the same filters and of most of a window."""
        for held in self.store.held(now):
            if held.value.begins(question):
                return held.value
        return None

    def _learn_words(self, frame: pl.DataFrame) -> None:
        for column in ("resource", "source_name", "operation_type"):
            self.seen.update(frame[column].unique().cast(str))
        fleets = frame["fleet_ref"].drop_nulls().unique().cast(str).sort()
        self.fleets_seen.update(dict.fromkeys(fleets[: max(0, MOST_FLEETS_SEEN - len(self.fleets_seen))]))

    async def _find_window_field(self, client: CatenaClient, query: Query, frame: pl.DataFrame) -> None:
        """Find out once by which time a window goes: only then is a part of what was read known to be whole."""
        from ..analysis.held import settled_late
        from ..catena.window_field import APART, find_window_field

        if client.window_field is None and (known := settled_late(frame, APART)):
            await find_window_field(client, query, *known)


def _of_window(
    window: Window, frame: pl.DataFrame, coverage: Coverage, *, by_creation: bool
) -> tuple[pl.DataFrame, Coverage]:
    """Leave out, and count, what an API that does not keep to a window adds to it."""
    from ..analysis.held import strays

    kept = frame.filter(~strays(window.start, window.end, by_creation=by_creation))
    if len(kept) == len(frame):
        return frame, coverage
    drift = deepcopy(coverage.drift)
    drift.outside += len(frame) - len(kept)
    return kept, replace(coverage, drift=drift)


def _cut_of(
    question: Question, fresh: Sequence[Held[Reading]], fresh_for: timedelta
) -> tuple[Reading, Held[Reading]] | None:
    for held in fresh:
        if reading := held.value.cut(question, fresh_for):
            return reading, held
    return None
