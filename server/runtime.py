"""What one running server holds: the client, the store, the clock and the limits. Opened by the server's lifespan.

The heavy parts (httpx, polars) are imported on the first tool call, so a server that only starts stays light.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from .analysis.window import Window
from .catena.query import Filters, Query
from .errors import CatenaError, Unreachable
from .settings import Settings
from .store import MemoryStore
from .store.memory import Held, Progress

if TYPE_CHECKING:
    import httpx
    import polars as pl

    from .catena.bookmark import Bookmark
    from .catena.client import CatenaClient, Retries
    from .catena.scan import Coverage, Read
    from .catena.wire import Operation

ANALYSIS_S = 3.0
"""Kept back of a call's time for what comes after reading."""

ASIDE_S = 2.0
"""The most that what an answer can do without may take."""

OVERLAP = timedelta(minutes=5)
"""How much of what was held is read again where a window has moved on: operations may show up late."""

MOST_SINGLES = 25
"""Operations that still waited and are read again one by one."""

MOST_STATUSES = 100


def utc_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


async def untold(operations: int, share: float) -> None:
    """Tell nobody how far a read is."""


@dataclass(frozen=True)
class Question:
    """What a call wants read. `most`: operations at most; `start`: read on from there in the API's order."""

    filters: Filters
    window: Window
    size: int
    most: int
    start: Bookmark | None = None

    @property
    def query(self) -> Query:
        """The question as the API takes it."""
        return Query(self.filters, self.window.start, self.window.end)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for questions that want the same rows, also when now has moved on between them."""
        return (self.filters, self.window.asked, self.most, self.start and self.start.encode())


@dataclass(frozen=True)
class Reading:
    """Rows of a question, and what they cover. `by_creation`: the window is known to go by `created_at`."""

    frame: pl.DataFrame
    window: Window
    coverage: Coverage
    filters: Filters
    by_creation: bool


@dataclass
class Runtime:
    """One running server."""

    settings: Settings
    clock: Callable[[], datetime] = utc_now
    open_http: Callable[[], httpx.AsyncClient] | None = None
    retries: Retries | None = None
    seen: set[str] = field(default_factory=set)
    _client: CatenaClient | None = None
    _statuses: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)
    _tasks: TaskGroup = field(init=False)

    def __post_init__(self) -> None:
        """Set the store up; it holds at most what two of the largest calls read."""
        self.store: MemoryStore[Reading] = MemoryStore(2 * self.settings.max_operations)
        self._opening = anyio.Lock()

    async def client(self) -> CatenaClient:
        """Return the API client, opened on first use.

        Raises:
            BadSettings: There are no credentials.
        """
        async with self._opening:
            if self._client is None:
                self._client = await self._open()
            return self._client

    async def _open(self) -> CatenaClient:
        import httpx

        from .catena.auth import Tokens
        from .catena.client import CatenaClient
        from .catena.limiter import Limiter

        settings = self.settings
        secret = settings.secret()
        most = settings.max_concurrency
        http = (
            self.open_http()
            if self.open_http
            else httpx.AsyncClient(
                timeout=settings.request_timeout_s,
                limits=httpx.Limits(max_connections=most + 2, max_keepalive_connections=most + 2),
            )
        )
        await self._exit.enter_async_context(http)
        tokens = Tokens(http, settings.token_url, settings.client_id, secret, settings.scope)
        return CatenaClient(http, settings.base_url, tokens, Limiter(most), self.retries)

    async def read(
        self, question: Question, *, refresh: bool = False, progress: Progress = untold, time_share: float = 1.0
    ) -> tuple[Reading, datetime]:
        """Return the rows of a question and the time they were read, from the store where they are fresh.

        `time_share` is the part of a call's time this read may take, where a call needs more than one.

        Raises:
            CatenaError: Nothing at all could be read.
        """
        fresh_for = timedelta(0) if refresh else timedelta(seconds=self.settings.fresh_s)
        held_now = [] if refresh or question.start else self.store.held(self.clock())
        fresh = [held for held in held_now if self.clock() - held.as_of < fresh_for]
        if fresh and (found := await anyio.to_thread.run_sync(in_what_is_held, question, fresh)):
            return found
        read = partial(self._read, question, self.settings.deadline_s * time_share, refresh)
        held = await self.store.answer(question.key, self.clock(), fresh_for, read, progress, self._tasks)
        return held.value, held.as_of

    @contextmanager
    def in_time(self) -> Generator[None]:
        """Limit what has no part to answer with to the time of one call.

        Raises:
            Unreachable: The time was used up.
        """
        with anyio.move_on_after(self.settings.deadline_s) as deadline:
            yield
        if deadline.cancelled_caught:
            raise Unreachable(
                "Catena did not answer within the time for one call (CATENA_DEADLINE_S). Try again in a minute."
            )

    async def connection_status(self, connection_id: str) -> str | None:
        """Return the status of a connection as read lately or now; None where it cannot be told.

        It only adds to an answer that stands without it, so no trouble with it is anybody's error.
        """
        now = self.clock()
        held = self._statuses.get(connection_id)
        if held and (now - held[0]).total_seconds() < self.settings.fresh_s:
            return held[1]
        status = None
        with suppress(CatenaError):
            status = await (await self.client()).connection_status(connection_id)
        self._statuses = {**dict(list(self._statuses.items())[-MOST_STATUSES:]), connection_id: (now, status)}
        return status

    async def _read(self, question: Question, time_s: float, refresh: bool, progress: Progress) -> Held[Reading]:
        from .catena.reader import read_on

        as_of = self.clock()
        client, size, most = await self.client(), question.size, question.most
        deadline_s = max(time_s - ANALYSIS_S, time_s / 2)
        ends_at = anyio.current_time() + deadline_s
        if question.start:
            from .analysis.rows import rows_of

            read = await read_on(client, question.start, rows_of, size=size, most=most, deadline_s=deadline_s)
            frame = await self._joined(read)
        else:
            grown = None if refresh else await self._grown(question, as_of, ends_at, progress)
            frame, read = grown or await self._scanned(question, ends_at, progress)
        for column in ("resource", "source_name", "operation_type"):
            self.seen.update(frame[column].unique().cast(str))
        coverage = read.coverage
        if coverage.complete:
            await self._find_window_field(client, question.query, frame)
        by_creation = client.window_field == "created_at"
        reading = Reading(frame, question.window, coverage, question.filters, by_creation)
        return Held(reading, as_of, len(frame), worth_holding=coverage.complete)

    async def _joined(self, read: Read[pl.DataFrame]) -> pl.DataFrame:
        from .analysis.rows import joined

        frame = await anyio.to_thread.run_sync(joined, read.parts)
        return frame if read.coverage.cut_at is None else frame.filter(frame["created_at"] >= read.coverage.cut_at)

    async def _scanned(
        self, question: Question, ends_at: float, progress: Progress, start: datetime | None = None
    ) -> tuple[pl.DataFrame, Read[pl.DataFrame]]:
        from .analysis.rows import rows_of
        from .catena.scan import Scan

        query = replace(question.query, start=start) if start else question.query
        scan = Scan(await self.client(), query, rows_of, size=question.size, most=question.most, progress=progress)
        read = await scan.run(ends_at - anyio.current_time())
        return await self._joined(read), read

    async def _grown(
        self, question: Question, now: datetime, ends_at: float, progress: Progress
    ) -> tuple[pl.DataFrame, Read[pl.DataFrame]] | None:
        """Read only what is new in a window that has moved on, and what still waited; None where all must be read."""
        from .analysis.held import between, newest_in, pending_in
        from .analysis.rows import joined, rows_of

        held = self._beginning_of(question, now)
        newest = newest_in(held.frame) if held else None
        if held is None or newest is None:
            return None
        # From the newest row on, not from the end of the window: the API's clock may be behind the one here.
        start = max(question.window.start, min(held.window.end, newest) - OVERLAP)
        old = between(held.frame, question.window.start, start)
        waiting = pending_in(old)
        if len(waiting) > min(MOST_SINGLES, len(old) / question.size / 2):
            return None
        now_told: list[Operation] | None = None
        with suppress(CatenaError), anyio.move_on_after((ends_at - anyio.current_time()) / 3):
            now_told = await self._operations(waiting)
        if now_told is None:
            return None
        frame, read = await self._scanned(question, ends_at, progress, start)
        if not read.coverage.complete:
            return frame, read
        coverage = replace(read.coverage, start=question.window.start, pages=read.coverage.pages + len(waiting))
        return await anyio.to_thread.run_sync(joined, [old, frame, rows_of(now_told)]), replace(read, coverage=coverage)

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
            reading, window = held.value, question.window
            begins = reading.window.start <= window.start < reading.window.end - 2 * OVERLAP
            if (
                reading.by_creation
                and reading.filters == question.filters
                and begins
                and window.end > reading.window.end
            ):
                return reading
        return None

    async def _find_window_field(self, client: CatenaClient, query: Query, frame: pl.DataFrame) -> None:
        """Find out once by which time a window goes: only then is a part of what was read known to be whole."""
        from .analysis.held import settled_late
        from .catena.window_field import APART, find_window_field

        if client.window_field is None and (known := settled_late(frame, APART)):
            await find_window_field(client, query, *known)


def in_what_is_held(question: Question, fresh: Sequence[Held[Reading]]) -> tuple[Reading, datetime] | None:
    """Return the rows of a question that lie in fresh rows of another; None where a request is needed."""
    from .analysis.held import between, moved_back, within

    for held in fresh:
        reading = held.value
        window = moved_back(question.window, reading.window)
        same = (window.start, window.end) == (reading.window.start, reading.window.end)
        inside = reading.window.start <= window.start and window.end <= reading.window.end
        frame = within(reading.frame, reading.filters, question.filters)
        if frame is None or not (same or (inside and reading.by_creation)):
            continue
        frame = frame if same else between(frame, window.start, window.end)
        if len(frame) <= question.most:
            whole = same and question.filters == reading.filters
            pages = reading.coverage.pages if whole else 0
            coverage = replace(reading.coverage, start=window.start, end=window.end, pages=pages)
            return Reading(frame, window, coverage, question.filters, reading.by_creation), held.as_of
    return None


@asynccontextmanager
async def running(runtime: Runtime) -> AsyncGenerator[Runtime]:
    """Give the runtime a place for reads that several calls share, and close what it opened when the server ends."""
    async with runtime._exit, anyio.create_task_group() as runtime._tasks:
        yield runtime
        runtime._tasks.cancel_scope.cancel()
