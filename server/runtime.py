"""What one running server holds: the client, the store, the clock and the limits. Opened by the server's lifespan.

The heavy parts (httpx, polars) are imported on the first tool call, so a server that only starts stays light.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable, Collection, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import anyio
import anyio.to_thread
from msgspec import structs

from .accounts import Account
from .catena.allowance import EVERYTHING, Allowance
from .catena.bookmark import BROKEN, Bookmark
from .errors import BadArgument, CatenaError, Unreachable
from .reading.kept import answered
from .reading.question import Question, Reading
from .reading.reads import Reads, untold
from .reading.seen import Seen
from .settings import Settings
from .store.memory import Progress
from .telemetry import current

if TYPE_CHECKING:
    import httpx

    from .catena.client import CatenaClient, Retries
    from .causes.memory import Memory
    from .reading.beyond import Beyond
    from .reading.sharing import Sharing
    from .store.link import Link
    from .store.sealed import Seal

ASIDE_S = 2.0
"""The most that what an answer can do without may take."""

MOST_STATUSES = 100
CURSOR = "cursor"
"""What sealed cursors are named."""

_T = TypeVar("_T")


def utc_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


PERSONAL: ContextVar[bool | None] = ContextVar("personal", default=None)
"""Whether personal data is shown to who asks; None: as the settings say."""


class Opened(NamedTuple):
    """What is opened by the first call that needs it."""

    client: CatenaClient
    sharing: Sharing | None


@dataclass
class Runtime:
    """One running server, or what it holds of one tenant: `part` names it, and `allowance` what of the account it sees."""

    settings: Settings
    clock: Callable[[], datetime] = utc_now
    open_http: Callable[[], httpx.AsyncClient] | None = None
    retries: Retries | None = None
    account: Account | None = None
    allowance: Allowance = EVERYTHING
    part: str = ""
    seen: Seen = field(default_factory=Seen)
    _opened: Opened | None = None
    _statuses: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)
    _reads: Reads = field(init=False)

    def __post_init__(self) -> None:
        """Let the first of several calls open what all of them use."""
        self._opening = anyio.Lock()

    @property
    def personal(self) -> bool:
        """Whether personal data is shown to who asks now."""
        told = PERSONAL.get()
        return self.settings.show_personal_data if told is None else told

    @cached_property
    def memory(self) -> Memory:
        """What was learned of causes."""
        from .causes.memory import Memory

        return Memory(lambda: self.clock().timestamp())

    @cached_property
    def beyond(self) -> Beyond | None:
        """What outlives this process; None where nothing does.

        Raises:
            BadSettings: There are no credentials.
        """
        settings = self.settings
        if not settings.history_url:
            return None
        from .history.kept import History, path_of
        from .reading.beyond import Beyond

        account = (settings.base_url, settings.client_id, settings.scope)
        path = path_of(settings.history_url, settings.secret(), *account, *self._whose)
        return Beyond(History(path, settings.history_days), self.clock, self._reads.tasks)

    async def client(self) -> CatenaClient:
        """Return the API client, opened on first use.

        Raises:
            BadSettings: There are no credentials, or the way out of this machine is not set up.
        """
        return (await self._open()).client

    async def sharing(self) -> Sharing | None:
        """Return what is shared with other servers; None where nothing is.

        Raises:
            BadSettings: There are no credentials, or the way out of this machine is not set up.
        """
        return (await self._open()).sharing

    async def _open(self) -> Opened:
        async with self._opening:
            if self._opened is None:
                self._opened = await self._opened_on(self._account)
            return self._opened

    @cached_property
    def _account(self) -> Account:
        if self.account is not None:
            return self.account
        own = Account(self.settings, self.open_http)
        self._exit.push_async_callback(own.aclose)
        return own

    async def _opened_on(self, account: Account) -> Opened:
        from .catena.bounded import MEGABYTE
        from .catena.client import CatenaClient

        settings, line = self.settings, await account.line()
        most_bytes = settings.max_answer_mb * MEGABYTE
        client = CatenaClient(
            line.http, settings.base_url, line.tokens, line.limiter, self.retries, most_bytes, self.allowance
        )
        return Opened(client, self._sharing_on(line.link, account) if line.link else None)

    @property
    def _whose(self) -> tuple[str, ...]:
        """What tells what is kept for this tenant, and for what it may see, from what is kept for others of its account."""
        return (self.part, *self.allowance.words) if self.part or self.allowance.bounded else ()

    def _sharing_on(self, link: Link, account: Account) -> Sharing:
        from .reading.sharing import Sharing
        from .store.shared import SharedStore

        return Sharing(
            SharedStore(link, account.seal(*self._whose), 2 * self.settings.max_operations), self._reads.tasks
        )

    @cached_property
    def _seal(self) -> Seal | None:
        """What seals the API's own cursors: where not all may be seen, they name rows that may not."""
        return self._account.seal(*self._whose) if self.allowance.bounded else None

    def handed_out(self, bookmark: Bookmark) -> str:
        """Return the cursor of a bookmark as a caller gets it."""
        if self._seal is None or bookmark.cursor is None:
            return bookmark.encode()
        sealed = self._seal.close_alike(CURSOR, bookmark.cursor.encode())
        return structs.replace(bookmark, cursor=urlsafe_b64encode(sealed).decode()).encode()

    def handed_in(self, cursor: str) -> Bookmark | None:
        """Read a cursor of ours that a caller passes; None for one of the API's own.

        Raises:
            BadArgument: It is broken, or another's.
        """
        bookmark = Bookmark.decode(cursor)
        if self._seal is None or (bookmark and bookmark.cursor is None):
            return bookmark
        own = None
        with suppress(ValueError):  # of what is no base64
            own = self._seal.open(CURSOR, urlsafe_b64decode(bookmark.cursor or "")) if bookmark else None
        if bookmark is None or own is None:
            raise BadArgument(BROKEN)
        return structs.replace(bookmark, cursor=own.decode())

    async def read(
        self, question: Question, *, refresh: bool = False, progress: Progress = untold, time_share: float = 1.0
    ) -> tuple[Reading, datetime]:
        """Return the rows of a question and the time they were read, from the store where they are fresh.

        `time_share` is the part of a call's time this read may take, where a call needs more than one.

        Raises:
            CatenaError: Nothing at all could be read.
        """
        return await self._reads.answer(question, refresh, progress, self.settings.deadline_s * time_share)

    @property
    def rows_held(self) -> int:
        """How many rows are held in this process."""
        return self._reads.store.rows()

    async def row_with(self, name: str, *columns: str) -> dict[str, Any] | None:
        """Return the latest of the rows read lately of which one of some columns is an id; see `Reads.row_with`."""
        return await self._reads.row_with(name, *columns)

    async def ids_like(self, name: str, column: str) -> list[str]:
        """Return ids of the rows read lately that are nearly a name."""
        return await self._reads.ids_like(name, column)

    async def learning(self, learn: Callable[[Memory], _T], sources: Collection[str]) -> _T:
        """Return what is told with the causes that were learned before, by other servers too; what is new is remembered."""
        sharing = await self.sharing()
        if sharing:
            await sharing.recall(self.memory, sources)
        with current().step("analysis"):
            told = await anyio.to_thread.run_sync(learn, self.memory)
        if sharing:
            sharing.remember(self.memory)
        return told

    async def analysed(self, analyse: partial[_T], *readings: Reading) -> _T:
        """Return what an analysis of some readings tells, with the causes learned before: kept, where nothing changed."""
        sources = {source for reading in readings for source in reading.rows.sources}
        sharing = await self.sharing()
        if sharing:
            await sharing.recall(self.memory, sources)
        with current().step("analysis"):
            told = await answered(analyse, readings[0].rows, self.memory)
        if sharing:
            sharing.remember(self.memory)
        return told

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


@asynccontextmanager
async def running(runtime: Runtime) -> AsyncGenerator[Runtime]:
    """Give the runtime a place for reads that several calls share, and close what it opened when the server ends."""
    async with runtime._exit, anyio.create_task_group() as tasks:
        runtime._reads = Reads(
            runtime.settings,
            runtime.clock,
            runtime.client,
            runtime.sharing,
            runtime.seen,
            tasks,
            lambda: runtime.beyond,
        )
        yield runtime
        tasks.cancel_scope.cancel()
