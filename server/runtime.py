"""What one running server holds: the client, the store, the clock and the limits. Opened by the server's lifespan.

The heavy parts (httpx, polars) are imported on the first tool call, so a server that only starts stays light.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
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
    from .catena.scan import Coverage

ANALYSIS_S = 3.0
"""Kept back of a call's time for what comes after reading."""

ASIDE_S = 2.0
"""The most that what an answer can do without may take."""

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
    """Rows of a question, and what they cover."""

    frame: pl.DataFrame
    window: Window
    coverage: Coverage


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
        read = partial(self._read, question, self.settings.deadline_s * time_share)
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

    async def _read(self, question: Question, time_s: float, progress: Progress) -> Held[Reading]:
        from .analysis.rows import joined, rows_of
        from .catena.reader import read_on
        from .catena.scan import Scan

        as_of = self.clock()
        client, size, most = await self.client(), question.size, question.most
        deadline_s = max(time_s - ANALYSIS_S, time_s / 2)
        if question.start:
            read = await read_on(client, question.start, rows_of, size=size, most=most, deadline_s=deadline_s)
        else:
            scan = Scan(client, question.query, rows_of, size=size, most=most, progress=progress)
            read = await scan.run(deadline_s)
        frame = await anyio.to_thread.run_sync(joined, read.parts)
        coverage = read.coverage
        if coverage.cut_at is not None:
            frame = frame.filter(frame["created_at"] >= coverage.cut_at)
        for column in ("resource", "source_name", "operation_type"):
            self.seen.update(frame[column].unique().cast(str))
        return Held(Reading(frame, question.window, coverage), as_of, len(frame), worth_holding=coverage.complete)


@asynccontextmanager
async def running(runtime: Runtime) -> AsyncGenerator[Runtime]:
    """Give the runtime a place for reads that several calls share, and close what it opened when the server ends."""
    async with runtime._exit, anyio.create_task_group() as runtime._tasks:
        yield runtime
        runtime._tasks.cancel_scope.cancel()
