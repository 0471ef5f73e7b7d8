"""How the rows of a question are come by: from what is held, from what another server reads, or from the API."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from ..catena.query import Query
from ..errors import CatenaError, RateLimited
from ..settings import Settings
from ..store import MemoryStore
from ..store.memory import Held, Progress
from ..telemetry import current
from .carried import LEAST_ROWS, Carried, Carrying
from .kept import Rows
from .question import MOST_SINGLES, OVERLAP, Question, Reading
from .seen import Seen

if TYPE_CHECKING:
    import polars as pl

    from ..analysis.window import Window
    from ..catena.client import CatenaClient
    from ..catena.coverage import Coverage, Read
    from ..catena.wire import Operation
    from ..store.shared import Entry
    from .beyond import Beyond
    from .sharing import Sharing

ANALYSIS_S = 3.0
"""Kept back of a call's time for what comes after reading."""

ONE_MOMENT_S = 1.0
"""Questions this near to each other are asked at the same time."""


async def untold(operations: int, share: float) -> None:
    """Tell nobody how far a read is."""


@dataclass
class Reads:
    """Reads for all calls of this server. `client` and `sharing` are opened on first use; `seen` learns what is met."""

    settings: Settings
    clock: Callable[[], datetime]
    client: Callable[[], Awaitable[CatenaClient]]
    sharing: Callable[[], Awaitable[Sharing | None]]
    seen: Seen
    tasks: TaskGroup
    beyond: Callable[[], Beyond | None] = lambda: None

    def __post_init__(self) -> None:
        """Set the store up; it holds at most what two of the largest calls read, and parts of five."""
        self.store: MemoryStore[Reading] = MemoryStore(2 * self.settings.max_operations)
        self._carrying = Carrying(max(5 * self.settings.max_operations, LEAST_ROWS))
        self._imported = False

    async def answer(
        self, question: Question, refresh: bool, progress: Progress, time_s: float
    ) -> tuple[Reading, datetime]:
        """Return the rows of a question and the time they were read, from what is held where that is fresh.

        Raises:
            CatenaError: Nothing at all could be read.
        """
        ends_at = anyio.current_time() + max(time_s - ANALYSIS_S, time_s / 2)
        fresh_for = timedelta(0) if refresh else timedelta(seconds=self.settings.fresh_s)
        if found := await self._found(question, fresh_for):
            current().came_from("held")
            return found
        if not question.start and (beyond := self.beyond()):
            rest = partial(self._rest, refresh=refresh, progress=progress, ends_at=ends_at, fresh_for=fresh_for)
            if kept := await beyond.answer(question, refresh, rest, self._operations):
                self.seen.learn(kept[0].frame)
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
                current().came_from("shared")
                return found
            read = partial(sharing.read_once, question, entries, self._join_for, ends_at, read)
        with current().step("read") as step:
            held = await self.store.answer(question.key, self.clock(), self._join_for, read, progress, self.tasks)
            step.told(operations=held.rows, complete=held.worth_holding)
        self.seen.learn(held.value.frame)
        return held.value.told_to(question), held.as_of

    async def row_with(self, name: str, *columns: str) -> dict[str, Any] | None:
        """Return the latest row held of which one of some columns is an id, with that column as `held_as`."""
        from ..analysis.held import latest_with

        for held in self.store.held(self.clock()):
            if row := await anyio.to_thread.run_sync(latest_with, held.value.frame, columns, name):
                return row
        return None

    async def ids_like(self, name: str, column: str) -> list[str]:
        """Return the ids held in a column that are nearly a name, the shortest first."""
        from ..analysis.held import like

        frames = [held.value.frame for held in self.store.held(self.clock())]
        found = [await anyio.to_thread.run_sync(like, frame, column, name) for frame in frames]
        return sorted({near for ids in found for near in ids}, key=lambda near: (len(near), near))

    async def _rest(
        self, question: Question, refresh: bool, progress: Progress, ends_at: float, fresh_for: timedelta
    ) -> tuple[Reading, datetime]:
        """Return rows that the history lacks; it holds none unless windows were found to go by creation."""
        client = await self.client()
        client.window_field = client.window_field or "created_at"
        return await self._found(question, fresh_for) or await self._lately(question, refresh, progress, ends_at)

    def _import_aside(self) -> None:
        """Import what rows need in a thread, while the first requests are under way."""
        if not self._imported:  # asking the collector whether it was frozen takes 13 ms: it counts all objects
            self._imported = True
            self.tasks.start_soon(anyio.to_thread.run_sync, _import_and_freeze)

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
            self.seen.learn(held.value.frame)
            self.store.hold(entry.question, held)
        return held is not None

    async def _found(self, question: Question, fresh_for: timedelta) -> tuple[Reading, datetime] | None:
        """Return the rows of a question that lie in fresh rows of another."""
        if question.start:
            return None
        now = self.clock()
        fresh = [(held, fresh_for) for held in self.store.held(now) if now - held.as_of < fresh_for]
        if fresh_for:
            moment = timedelta(seconds=ONE_MOMENT_S)  # windows begin and end with a whole second
            fresh += [
                (held, now - held.as_of + moment) for held in self.store.held(now) if held.until and now < held.until
            ]
        if not fresh or (found := await anyio.to_thread.run_sync(_cut_of, question, fresh)) is None:
            return None
        reading, held = found
        self.store.use(held)
        return reading, held.as_of

    async def _read(self, question: Question, ends_at: float, refresh: bool, progress: Progress) -> Held[Reading]:
        """Read from the API."""
        from ..catena.reader import read_on

        as_of, until = self.clock(), None
        current().came_from("api")
        client, size, most = await self.client(), question.size, question.most
        self._import_aside()
        grown = None
        if question.start:
            left_s = ends_at - anyio.current_time()
            read = await read_on(client, question.start, _rows_of, size=size, most=most, deadline_s=left_s)
            frame = await self._joined(read)
        elif (carried := self._carrying.take(question, as_of)) and not refresh:
            question, as_of = carried.question, carried.as_of
            frame, read = await self._run(carried, ends_at, progress)
            until = carried.told_at(self.clock()).until if carried.told else None
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
        reading = Reading(question.window, coverage, question.filters, by_creation, Rows(frame))
        if beyond and grown is None:  # else rows are older than told
            beyond.keep(question, reading, as_of)
        return Held(reading, as_of, len(frame), worth_holding=coverage.complete, until=until)

    async def _joined(self, read: Read[pl.DataFrame]) -> pl.DataFrame:
        from ..analysis.rows import joined

        frame = await anyio.to_thread.run_sync(joined, read.parts)
        return frame if read.coverage.cut_at is None else frame.filter(frame["created_at"] >= read.coverage.cut_at)

    async def _scanned(
        self, question: Question, as_of: datetime, ends_at: float, progress: Progress, start: datetime | None = None
    ) -> tuple[pl.DataFrame, Read[pl.DataFrame]]:
        from ..catena.scan import Scan

        query = replace(question.query, start=start) if start else question.query
        scan = Scan(await self.client(), query, _rows_of, size=question.size, most=question.most)
        begun = Carried(question, as_of, scan, until=as_of + timedelta(seconds=self.settings.fresh_s))
        return await self._run(begun, ends_at, progress, keep=start is None)

    async def _run(
        self, reading: Carried, ends_at: float, progress: Progress, *, keep: bool = True
    ) -> tuple[pl.DataFrame, Read[pl.DataFrame]]:
        """Read, and keep what was read where it comes to no end."""
        reading.scan.progress = progress
        kept = reading
        try:
            read = await reading.scan.run(ends_at - anyio.current_time())
            if not read.coverage.complete:
                kept = reading.told_at(self.clock(), read.coverage.retry_after)
        except CatenaError as exc:
            kept = reading.told_at(self.clock(), exc.retry_after if isinstance(exc, RateLimited) else None)
            raise
        finally:
            goes_on = keep and self._carrying.keep(kept)
        return await self._joined(read), replace(read, coverage=replace(read.coverage, goes_on=goes_on))

    async def _grown(
        self, question: Question, now: datetime, ends_at: float, progress: Progress
    ) -> tuple[pl.DataFrame, Read[pl.DataFrame]] | None:
        """Read only what is new in a window that has moved on, and what still waited; None where all must be read."""
        held = self._beginning_of(question, now)
        if held is None:
            return None
        from ..analysis.held import between, newest_in, pending_in
        from ..analysis.rows import joined, rows_of

        newest = newest_in(held.frame)
        if newest is None:
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
        return await (await self.client()).operations(ids)

    def _beginning_of(self, question: Question, now: datetime) -> Reading | None:
        """Return what is held of the same filters and of most of a window."""
        for held in self.store.held(now):
            if held.value.begins(question):
                return held.value
        return None

    async def _find_window_field(self, client: CatenaClient, query: Query, frame: pl.DataFrame) -> None:
        """Find out once by which time a window goes: only then is a part of what was read known to be whole."""
        from ..analysis.held import settled_late
        from ..catena.window_field import APART, find_window_field

        if client.window_field is None and (known := settled_late(frame, APART)):
            await find_window_field(client, query, *known)


def _import_and_freeze() -> None:
    """Import what rows need, and keep the collector from looking through all imports again during a read.

    It would stop everything for 80 ms, once or twice in 100,000 operations.
    """
    from ..analysis import rows  # noqa: F401

    gc.freeze()


def _rows_of(operations: Sequence[Operation]) -> pl.DataFrame:
    """Return operations as rows; what that needs is imported by the time the first page is there."""
    from ..analysis.rows import rows_of

    return rows_of(operations)


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
    question: Question, fresh: Sequence[tuple[Held[Reading], timedelta]]
) -> tuple[Reading, Held[Reading]] | None:
    for held, fresh_for in fresh:
        if reading := held.value.cut(question, fresh_for):
            return reading, held
    return None
