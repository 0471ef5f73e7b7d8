"""Answer as Catena's API would: the same paths, rules and errors, over a world that is known in advance."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access import READ_CONNECTIONS, READ_OPERATIONS, TOKEN_PATH, Access
from .answers import Refusal, answer, encoded, error, failure, refused, too_many
from .contract import CONNECTION_PATH, CONNECTIONS_PATH, OPERATION_PATH, OPERATIONS_PATH, document
from .faults import Bucket, Faults, Order, drifted
from .fleets import Connection
from .ids import from_datetime
from .pages import Key, Ranking, Window, body_of, cut, read_cursor, without_end
from .query import MOST_REFS, MOST_ROWS, USUAL_ROWS, ListQuery, Reader, integer, read_list_query, uuid
from .served import Served, W, Written

# A demo server may run for weeks, so what it remembers of requests is bounded.
_REMEMBERED = 100_000
_UNKNOWN = 404

Requests = deque[tuple[str, str]]


def build_api(
    world: Served[W],
    *,
    clock: Callable[[], datetime],
    faults: Faults | None = None,
    timer: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Build the stand-in over a world; `timer` counts the seconds for the rate limit."""
    faults = faults or Faults()
    requests: Requests = deque(maxlen=_REMEMBERED)
    access = Access(clock, faults)
    reads = Reads(world, clock, faults, timer, access)
    app = Starlette(
        routes=[
            Route(TOKEN_PATH, access.token, methods=["POST"]),
            # Before the path with a connection's id, which would take the words for an id.
            Route(OPERATIONS_PATH, reads.list_operations),
            Route(OPERATION_PATH, reads.one_operation),
            Route(CONNECTIONS_PATH, reads.list_connections),
            Route(CONNECTION_PATH, reads.one_connection),
            Route("/openapi.json", _contract),
        ],
        middleware=[Middleware(Doorkeeper, requests=requests)],
        exception_handlers={Refusal: refused, HTTPException: _not_served, 500: _broken},
    )
    # The real API has one spelling of each path; a redirect would hide a wrong one.
    app.router.redirect_slashes = False
    app.state.requests = requests
    app.state.faults = faults
    return app


class Doorkeeper:
    """Write down who asks for what, and keep bodies out of answers to HEAD."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        self._requests.append((scope["method"], scope["path"] + (f"?{query}" if query else "")))

        async def send_headers(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app(scope, receive, send_headers if scope["method"] == "HEAD" else send)


async def _contract(request: Request) -> Response:
    return answer(document())


async def _not_served(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return error(problem.status_code, headers=problem.headers)


async def _broken(request: Request, problem: Exception) -> Response:
    # The contract's only error without a code.
    return answer({"message": "Internal Server Error"}, 500)


def _key_of_operation(operation: Written) -> Key:
    return operation.key


def _key_of_connection(connection: Connection) -> Key:
    return from_datetime(connection.created_at), connection.id


@dataclass(slots=True)
class Reads(Generic[W]):
    """Hold what the four reading endpoints share."""

    world: Served[W]
    clock: Callable[[], datetime]
    faults: Faults
    timer: Callable[[], float]
    access: Access
    _bucket: Bucket = field(default_factory=Bucket)
    _rankings: dict[Order, Ranking[W]] = field(default_factory=dict)
    _asked: int = 0
    _shifted: timedelta = timedelta()

    async def list_operations(self, request: Request) -> Response:
        """Serve a page of operations."""
        # The clock moves after it was read: the first page of a walk is as of the time it was asked for.
        now = self._now()
        self._shifted += timedelta(seconds=self.faults.shift)
        return await self._serve(
            request, READ_OPERATIONS, lambda: self._page(read_list_query(request, now, self.world.sources), now)
        )

    async def one_operation(self, request: Request) -> Response:
        """Serve one operation."""
        return await self._serve(request, READ_OPERATIONS, lambda: self._operation(request))

    async def list_connections(self, request: Request) -> Response:
        """Serve a page of connections."""
        return await self._serve(request, READ_CONNECTIONS, lambda: self._connections(request))

    async def one_connection(self, request: Request) -> Response:
        """Serve one connection."""
        return await self._serve(request, READ_CONNECTIONS, lambda: self._connection(request))

    async def _serve(self, request: Request, scope: str, body: Callable[[], object]) -> Response:
        """Let the faults have their say, then the authorisation, then the answer itself."""
        # Failures are dealt by number, so a retry of the same request may pass: that is what retries are for.
        self._asked += 1
        if self.faults.latency_s:
            await anyio.sleep(self.faults.latency_s)
        wait = self._bucket.wait(self.faults.rate, self.timer(), self.faults.burst)
        if wait:
            raise too_many(wait, self.faults.retry_after, self.clock())
        self.access.check(request, scope)
        struck = self.faults.strikes(self._asked)
        return answer(body()) if struck is None else failure(struck, body())

    def _now(self) -> datetime:
        return self.clock() + self._shifted

    def _page(self, query: ListQuery, now: datetime) -> dict[str, Any]:
        instant = from_datetime(now)
        # What is created at this very microsecond can be seen already; what comes later cannot, whatever is asked for.
        query = replace(query, before=min(query.before, instant + 1))
        cursor = read_cursor(query.cursor)
        window = self._window(query, now)
        page = cut(window, cursor, query.size, _key_of_operation, self.faults.repeat)
        page = without_end(page, self.faults.endless, cursor, _key_of_operation)
        nonce = self._asked if self.faults.endless == "fresh" else None
        return body_of(page, lambda operation: self._row(operation, now), nonce)

    def _window(self, query: ListQuery, now: datetime) -> Window[W]:
        order = self.faults.order
        ranking = self._rankings.get(order)
        # Kept, since a scattered order takes seconds to find for a million rows.
        if ranking is None:
            ranking = self._rankings[order] = Ranking(self.world.operations, _key_of_operation, order)
        places = [self.world.count_created(moment) for moment in (from_datetime(now) + 1, query.after, query.before)]
        low, high = ranking.bounds(*places)

        def named(operation: W) -> str | None:
            return self.world.source_id(operation, now)

        return Window(ranking, places[0], low, high, lambda operation: query.takes(operation, named))

    def _row(self, operation: W, now: datetime) -> msgspec.Raw:
        row = self.world.row(operation, now)
        return encoded(drifted(row) if self.faults.drift else row)

    def _operation(self, request: Request) -> msgspec.Raw:
        connection_id, operation_id = _ids(request, "connection_id", "resource_operation_id")
        now = self._now()
        found = self.world.find(operation_id)
        if found is None or found.connection.id != connection_id or found.created > from_datetime(now):
            raise Refusal(_UNKNOWN, "Resource operation not found")
        return self._row(found, now)

    def _connections(self, request: Request) -> dict[str, Any]:
        reader = Reader(request)
        tsp_id = reader.one("tsp_id", uuid, None)
        fleet_ids = reader.many("fleet_ids", MOST_REFS, uuid)
        fleet_refs = reader.many("fleet_refs", MOST_REFS)
        size = reader.one("size", integer(1, MOST_ROWS), USUAL_ROWS)
        cursor = reader.one("cursor", str, "") or None
        reader.settle()
        # Seventy rows: sorting them anew is cheaper than keeping them sorted is to read.
        rows = sorted(self.world.connections, key=_key_of_connection)

        def takes(connection: Connection) -> bool:
            return (
                (tsp_id is None or connection.tsp_id == tsp_id)
                and (not fleet_ids or connection.fleet_id in fleet_ids)
                and (not fleet_refs or connection.fleet_ref in fleet_refs)
            )

        window = Window(Ranking(rows, _key_of_connection, "newest"), len(rows), 0, len(rows), takes)
        return body_of(cut(window, read_cursor(cursor), size, _key_of_connection), lambda connection: connection)

    def _connection(self, request: Request) -> Connection:
        (connection_id,) = _ids(request, "connection_id")
        for connection in self.world.connections:
            if connection.id == connection_id:
                return connection
        raise Refusal(_UNKNOWN, "Connection not found")


def _ids(request: Request, *names: str) -> list[str]:
    """Read the ids in a path, all of them before any is refused."""
    reader = Reader(request)
    read = [reader.part(name, uuid) for name in names]
    reader.settle()
    return read
