"""One page, one operation: signed, paced, retried where a retry can help, and turned into an error where not."""

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import quote

import anyio
import anyio.to_thread
import httpx
import msgspec
import stamina

from ..errors import CatenaError, Invalid, NotAllowed, NotFound, RateLimited, Refused, Unreadable
from ..telemetry import current
from . import bounded
from .allowance import EVERYTHING, Allowance
from .answers import CONNECTIONS_SCOPE, error_of
from .auth import Token, Tokens
from .bounded import TEMPLATE
from .limiter import Limiter, time_left
from .order import Known
from .outside import quote as as_data
from .query import Filters, Params, Query
from .reasons import network_as_ours
from .turns import party
from .wire import NOT_JSON, UNDECODABLE, Drift, Operation, Page, decode_one, decode_page
from .words import refused_words

OPERATIONS = "/v2/integrations/connections/resource-operations"
CONNECTION = "/v2/integrations/connections/{connection_id}"
OPERATION = "/v2/integrations/connections/{connection_id}/resource-operations/{operation_id}"

LARGE = 300_000
"""Bytes of a body from which on it is decoded beside the event loop where pages drift: that takes 14 ms a megabyte.

Other pages take one: less than a thread costs.
"""

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retries:
    """How often and how soon a request that may heal is sent again; seconds."""

    attempts: int = 5
    first_wait: float = 0.2
    longest_wait: float = 2.0


class CatenaClient:
    """Catena's API as far as this server reads it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        tokens: Tokens,
        limiter: Limiter,
        retries: Retries | None = None,
        most_bytes: int = 64 * bounded.MEGABYTE,
        allowance: Allowance = EVERYTHING,
    ) -> None:
        self._http = http
        self._base_url = base_url
        self._tokens = tokens
        self._limiter = limiter
        self._retries = retries or Retries()
        self._most_bytes = most_bytes
        self._allowance = allowance
        self.window_field: str | None = None
        """By which time of an operation the list's window goes: `created_at` or `unknown`; None until it was tried."""

        self.known: dict[Filters, Known] = {}
        """What reads with some filters have shown of the list; a later one begins with it."""

        self._drifts = False
        self.date: str | None = None
        """The `Date` of the API's last answer, to compare clocks."""

    def narrowed(self, query: Query) -> Query:
        """Return the query that is sent for another: with the filters by which the API leaves out what may not be seen."""
        return self._allowance.narrowed(query) or query

    @property
    def limiter(self) -> Limiter:
        """The limiter that everything with these credentials shares."""
        return self._limiter

    async def list_page(self, query: Query, size: int, cursor: str | None = None) -> Page:
        """Read one page of the list: of its rows, those that may be seen.

        Raises:
            Invalid: The API does not take a filter, with the words near it.
            CatenaError: No usable answer after the retries that are due.
        """
        narrowed = self._allowance.narrowed(query)
        if narrowed is None:
            return Page([])
        admits = self._allowance.admits if self._allowance.bounded else None
        decode = partial(decode_page, admits=admits) if admits else decode_page
        try:
            page = await self._get(OPERATIONS, {}, decode, narrowed.params(size, cursor))
        except Invalid as exc:
            raise Invalid(f"{exc}{refused_words(query.filters, exc.offered)}", exc.offered) from exc
        self._drifts = page.drift != Drift()
        party().operations += len(page.items) + len(page.left_out)
        current().read(len(page.items))
        return page

    async def operation(self, connection_id: str, operation_id: str) -> Operation:
        """Read one operation with its attempts.

        Raises:
            NotFound: There is no such operation under this connection, or it may not be seen.
            CatenaError: No usable answer after the retries that are due.
        """
        try:
            ids = {"connection_id": connection_id, "operation_id": operation_id}
            if self._allowance.connection(connection_id):
                found = await self._get(OPERATION, ids, decode_one)
                if self._allowance.admits(found):
                    current().read(1)
                    return found
        except NotFound:
            pass
        raise NotFound(
            f"Catena knows no operation {as_data(operation_id)} under connection {as_data(connection_id)} (404). "
            "Check both ids; list_resource_operations shows them side by side."
        )

    async def operations(self, ids: Sequence[tuple[str, str]], *, leave_out_gone: bool = False) -> list[Operation]:
        """Read some operations, by connection and id, side by side, in no order; `leave_out_gone`: those there still are.

        Raises:
            NotFound: One of them is not there, and not to be left out.
            CatenaError: No usable answer for one of them after the retries that are due.
        """
        found: list[Operation] = []

        async def read(connection_id: str, operation_id: str) -> None:
            try:
                found.append(await self.operation(connection_id, operation_id))
            except NotFound:
                if not leave_out_gone:
                    raise

        try:
            async with anyio.create_task_group() as tasks:
                for connection_id, operation_id in ids:
                    tasks.start_soon(read, connection_id, operation_id)
        except* CatenaError as group:
            raise group.exceptions[0] from None
        return found

    async def connection_status(self, connection_id: str) -> str | None:
        """Return the status of a connection (active, stale, paused …); None where the token may not read it.

        Nothing else of the record is read: its `credentials` never leave the decoder.

        Raises:
            CatenaError: No usable answer after the retries that are due.
        """
        scopes = (await self.token()).scopes
        if (scopes and CONNECTIONS_SCOPE not in scopes) or not self._allowance.connection(connection_id):
            return None
        try:
            return await self._get(CONNECTION, {"connection_id": connection_id}, _decode_status)
        except (NotAllowed, NotFound):
            return None

    async def token(self) -> Token:
        """Return the token in use, asking for one where none is held."""
        return await self._healing(self._tokens.current)

    async def _get(
        self, template: str, ids: dict[str, str], decode: Callable[[bytes], _T], params: Params | None = None
    ) -> _T:
        url = self._base_url + template.format(**{name: quote(one, safe="") for name, one in ids.items()})

        async def once() -> _T:
            try:
                request = self._http.build_request("GET", url, params=params or [], extensions={TEMPLATE: template})
            except httpx.InvalidURL as exc:
                raise Refused(_TOO_LONG) from exc
            body = await self._send_paced(request)
            aside = self._drifts and len(body) >= LARGE
            return await anyio.to_thread.run_sync(decode, body) if aside else decode(body)

        return await self._healing(once)

    async def _healing(self, once: Callable[[], Awaitable[_T]]) -> _T:
        """Try again after what may heal, with growing, jittered waits."""
        retries = self._retries
        async for attempt in stamina.retry_context(
            on=_may_heal,
            attempts=retries.attempts,
            timeout=None,  # the caller's cancel scope is the deadline
            wait_initial=retries.first_wait,
            wait_max=retries.longest_wait,
            wait_jitter=retries.first_wait,
        ):
            with attempt, network_as_ours(self._tokens.url):
                return await once()
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _send_paced(self, request: httpx.Request) -> bytes:
        """Send under the shared limit, and as often as a 429 asks for it within the caller's deadline."""
        while True:
            try:
                async with self._limiter.slot():
                    return await self._send_signed(request)
            except RateLimited:  # of the API or of the token endpoint
                pause = self._limiter.pause_left
                if pause > time_left():
                    raise
            # Callers held back together do not return together.
            await anyio.sleep(random.uniform(0, min(1.0, max(0.0, pause) / 4)))

    async def _send_signed(self, request: httpx.Request) -> bytes:
        """Send with the token; once more with a new one after 401 or 403, as Catena's own SDK does."""
        token = await self._tokens.current()
        response = await self._send(request, token)
        if response.status_code in (401, 403):
            token = await self._tokens.renewed(token)
            response = await self._send(request, token)
        if response.status_code != 200:
            raise error_of(response, token.scopes)
        return response.content

    async def _send(self, request: httpx.Request, token: Token) -> httpx.Response:
        request.headers["Authorization"] = f"Bearer {token.value}"
        response = await bounded.send(self._http, request, self._most_bytes)
        self.date = response.headers.get("Date")
        return response


_TOO_LONG = (
    "The arguments make an address longer than one request may have, or that no address can hold. Ask with fewer "
    "fleet_refs at a time, and check source_id and cursor."
)


def _may_heal(exc: Exception) -> bool:
    heals = isinstance(exc, CatenaError) and exc.may_heal and not isinstance(exc, RateLimited)
    if heals:
        logger.info("may be sent again: %s", exc)
    return heals


class _Connection(msgspec.Struct):
    status: str | None = None


def _decode_status(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Connection).status
    except UNDECODABLE as exc:
        raise Unreadable(NOT_JSON) from exc
