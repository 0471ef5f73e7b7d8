"""One demo world for all tests, at a fixed time, and servers that read it over a real ASGI app."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
import hypothesis
import msgspec
import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent
from pydantic import SecretStr

from server.app import OpsServer, build_server
from server.catena.client import Retries
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.api import build_api
from server.demo.faults import Faults
from server.demo.records import resource_id
from server.demo.world import World, anchor_of, build_world
from server.settings import Settings

# A machine that is busy makes one example slow; how fast things are is for the benchmarks.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ADDRESS = "http://catena.test"
AT_ONCE = Retries(attempts=8, first_wait=0, longest_wait=0)
Row = dict[str, Any]


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio unless a test asks for both."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    import os

    for name in [name for name in os.environ if name.startswith("CATENA_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def world() -> World:
    """The demo world whose anchor is the hour of NOW."""
    return build_world(anchor_of(NOW))


@pytest.fixture(scope="session")
def truth(world: World) -> list[Row]:
    """What the API shows of the last day, as plain rows, and in `record` which record each wrote: all expectations' base."""
    first, last = world.count_before(NOW - DAY), world.count_before(NOW)
    rows = [world.row(op, NOW) | {"record": resource_id(op.record)} for op in world.operations[first:last]]
    decoded: list[Row] = msgspec.json.decode(msgspec.json.encode(rows))
    return decoded


class Serve(Protocol):
    """Builds a server on the demo world."""

    def __call__(
        self,
        faults: Faults | None = None,
        now: datetime = NOW,
        sent: list[httpx.Request] | None = None,
        **settings: Any,
    ) -> OpsServer: ...


@pytest.fixture
def serve(world: World) -> Serve:
    """Build servers whose API is the demo's ASGI app, with faults and settings of the test's choice."""

    def build(
        faults: Faults | None = None, now: datetime = NOW, sent: list[httpx.Request] | None = None, **settings: Any
    ) -> OpsServer:
        opened = http_to(world, faults, now, sent)
        return build_server(settings_of(**settings), clock=lambda: now, open_http=opened, retries=AT_ONCE)

    return build


def settings_of(**given: Any) -> Settings:
    """Return settings that point to the demo API."""
    pointed: dict[str, Any] = {
        "client_id": CLIENT_ID,
        "client_secret": SecretStr(CLIENT_SECRET),
        "base_url": ADDRESS,
        "token_url": ADDRESS + TOKEN_PATH,
    }
    return Settings(**(pointed | given))


def http_to(
    world: World,
    faults: Faults | None = None,
    now: datetime = NOW,
    sent: list[httpx.Request] | None = None,
    breaks_after: int | None = None,
) -> Callable[[], httpx.AsyncClient]:
    """Return what opens an HTTP client on the demo API.

    The requests it sends are noted in `sent`; after `breaks_after` of them the network is gone.
    """
    api = build_api(world, clock=lambda: now, faults=faults)
    noted = [] if sent is None else sent

    async def note(request: httpx.Request) -> None:
        if breaks_after is not None and len(noted) >= breaks_after:
            raise httpx.ConnectError("no route", request=request)
        noted.append(request)

    return lambda: httpx.AsyncClient(transport=httpx.ASGITransport(app=api), timeout=5, event_hooks={"request": [note]})


class Ask(Protocol):
    """Calls one tool."""

    async def __call__(self, tool: str, **arguments: Any) -> CallToolResult: ...


Asking = Callable[[OpsServer], AbstractAsyncContextManager[Ask]]


@asynccontextmanager
async def asking(server: OpsServer) -> AsyncGenerator[Ask]:
    """Open a real MCP client on a server, in memory."""
    async with Client(server) as client:

        async def ask(tool: str, **arguments: Any) -> CallToolResult:
            return await client.call_tool(tool, arguments)

        yield ask


def facts(result: CallToolResult) -> dict[str, Any]:
    """Return the structured result of a call that worked."""
    assert not result.is_error, said(result)
    content: dict[str, Any] | None = result.structured_content
    assert content is not None
    return content


def said(result: CallToolResult) -> str:
    """Return the text of a result."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def refusal(result: CallToolResult) -> str:
    """Return the text of a call that was refused."""
    assert result.is_error, said(result)
    return said(result)
