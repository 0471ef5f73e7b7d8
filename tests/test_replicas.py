"""Several servers with the same credentials, one Redis, one API: real processes, asked by real clients over HTTP."""

import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import fields
from typing import Any

import anyio
import anyio.to_thread
import pytest
import uvicorn
from mcp import Client
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.api import build_api
from server.demo.faults import Faults
from server.demo.world import anchor_of, build_world
from server.runtime import utc_now
from tests.conftest import facts
from tests.redis_server import RedisServer
from tests.test_cli import free_port, started, wait_for

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("replicas")]

AT_A_TIME = 4
WHOLE = {"from_datetime": "-9d", "size": 100}
"""A question of about fifty pages."""


class Watched:
    """The API, counting the lists it is asked for: which, how many at a time, how many it refused."""

    def __init__(self) -> None:
        self.faults = Faults()
        world = build_world(anchor_of(utc_now()), operations=5_000)
        self._app: ASGIApp = build_api(world, clock=utc_now, faults=self.faults)
        self._running = 0
        self.forget()

    def forget(self) -> None:
        """Count anew, without faults."""
        self.lists: list[str] = []
        self.most_at_once = self.refused = 0
        for fault in fields(Faults):
            setattr(self.faults, fault.name, fault.default)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/resource-operations"):
            await self._app(scope, receive, send)
            return
        self.lists.append(scope["query_string"].decode())
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)

        async def watch(message: Message) -> None:
            self.refused += message.get("status") == 429
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._running -= 1

    async def asked(self, times: int) -> None:
        """Wait until it was asked so many times."""
        with anyio.fail_after(10):
            while len(self.lists) < times:  # noqa: ASYNC110  # it runs in another thread
                await anyio.sleep(0.01)


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """Serve an application over HTTP, in a thread; return the port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(port)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


class Team:
    """The API, Redis, and servers that have read nothing yet."""

    def __init__(self, api: Watched, redis: RedisServer, address: str, stack: ExitStack) -> None:
        self.api, self.redis, self._stack = api, redis, stack
        self._settings = {
            "CATENA_BASE_URL": address,
            "CATENA_TOKEN_URL": address + TOKEN_PATH,
            "CATENA_CLIENT_ID": CLIENT_ID,
            "CATENA_CLIENT_SECRET": CLIENT_SECRET,
            "CATENA_MAX_CONCURRENCY": str(AT_A_TIME),
            "CATENA_STORE_URL": redis.url,
        }

    def servers(self, number: int) -> "list[Replica]":
        """Start servers, side by side."""
        replicas = [Replica(self._stack, self._settings) for _ in range(number)]
        for replica in replicas:
            wait_for(replica.port)
        return replicas


class Replica:
    """One server process."""

    def __init__(self, stack: ExitStack, settings: dict[str, str]) -> None:
        self.port = free_port()
        serve = started("serve", "--transport", "http", "--port", str(self.port), **settings)
        self.process = stack.enter_context(serve)

    async def ask(self, waits: anyio.Event | None = None, **arguments: Any) -> dict[str, Any]:
        """Ask for a summary; return its facts. `waits` is set when it tells how far it is."""

        async def told(progress: float, total: float | None, message: str | None) -> None:
            if waits:
                waits.set()

        async with Client(f"http://127.0.0.1:{self.port}/mcp") as client:
            return facts(await client.call_tool("summarize_failures", WHOLE | arguments, progress_callback=told))

    def log(self) -> list[str]:
        """End it; return what it logged, without the line that says where it serves."""
        self.process.terminate()
        assert self.process.stderr is not None
        return self.process.stderr.read().splitlines()[1:]


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Watched, str]]:
    api = Watched()
    with served(api) as port:
        yield api, f"http://127.0.0.1:{port}"


@pytest.fixture
def team(watched: tuple[Watched, str]) -> Iterator[Team]:
    api, address = watched
    api.forget()
    with ExitStack() as stack:
        yield Team(api, stack.enter_context(RedisServer()), address, stack)


@asynccontextmanager
async def asked(*questions: tuple[Replica, dict[str, Any]]) -> AsyncGenerator[list[dict[str, Any]]]:
    """Ask side by side; the answers are there, in their order, when the block is left."""
    answers: list[dict[str, Any]] = [{} for _ in questions]

    async def ask(number: int, replica: Replica, arguments: dict[str, Any]) -> None:
        answers[number] = await replica.ask(**arguments)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for number, (replica, arguments) in enumerate(questions):
                tasks.start_soon(ask, number, replica, arguments)
            yield answers


async def test_one_of_them_reads_for_all(team: Team) -> None:
    team.api.faults.latency_s = 0.01
    servers = team.servers(3)
    async with asked(*((replica, {}) for replica in servers)) as answers:
        pass
    assert len(team.api.lists) == len(set(team.api.lists)), "a page was read twice"
    assert answers[0]["coverage"]["complete"]
    assert answers[0]["totals"]["operations"] > 4000
    assert all(answer["totals"] == answers[0]["totals"] for answer in answers)
    assert all(answer["groups"] == answers[0]["groups"] for answer in answers)
    assert all(answer["as_of"] == answers[0]["as_of"] for answer in answers)
    read = len(team.api.lists)
    for replica in servers:
        narrower = await replica.ask(source_name="samsara")
        assert narrower["coverage"]["complete"]
        assert 0 < narrower["totals"]["operations"] < answers[0]["totals"]["operations"]
    assert len(team.api.lists) == read


async def test_together_they_keep_to_one_limit(team: Team) -> None:
    team.api.faults.latency_s, team.api.faults.rate = 0.02, 40
    resources = ("vehicle", "user", "message")
    async with asked(
        *((replica, {"resource": kind, "size": 40}) for replica, kind in zip(team.servers(3), resources, strict=True))
    ) as answers:
        pass
    assert all(answer["coverage"]["complete"] for answer in answers)
    assert team.api.most_at_once <= AT_A_TIME
    assert team.api.refused <= 0.1 * len(team.api.lists)


async def test_another_reads_where_the_one_that_read_was_killed(team: Team) -> None:
    team.api.faults.latency_s = 0.3
    doomed, other = team.servers(2)
    waits = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_ask_in_vain, doomed)
        await team.api.asked(8)
        async with asked((other, {"waits": waits})) as answers:
            await waits.wait()
            read = len(team.api.lists)
            doomed.process.kill()
            team.api.faults.latency_s = 0
    assert read < 40
    assert len(team.api.lists) > read + 40
    assert answers[0]["coverage"]["complete"]
    assert answers[0]["totals"]["operations"] > 4000


async def _ask_in_vain(replica: Replica) -> None:
    with pytest.raises(BaseException):  # noqa: B017, PT011  # whatever the client makes of a server that is gone
        await replica.ask()


async def test_without_redis_each_answers_on_its_own_and_shares_again_when_it_is_back(team: Team) -> None:
    first, second = team.servers(2)
    whole = (await first.ask())["totals"]
    team.redis.kill()
    read = len(team.api.lists)
    alone = await second.ask()
    assert alone["coverage"]["complete"]
    assert alone["totals"]["operations"] >= whole["operations"]
    assert len(team.api.lists) > read
    team.redis.start()
    with anyio.fail_after(20):
        hours = 217  # more than was asked before, so that it cannot be held
        while not await _shared(team, first, second, f"-{hours}h"):
            hours += 1
    lost, back = second.log()
    assert "cannot be used (" in lost
    assert "is back" in back


async def test_a_redis_that_answers_too_slowly_is_left_alone(team: Team) -> None:
    first, second = team.servers(2)
    await first.ask(source_name="motive")
    team.redis.client().client_pause(20_000)
    with anyio.fail_after(10):
        answer = await second.ask()
    assert answer["coverage"]["complete"]
    assert "cannot be used (no answer within a second)" in "".join(second.log())


async def _shared(team: Team, first: Replica, second: Replica, start: str) -> bool:
    await first.ask(from_datetime=start)
    read = len(team.api.lists)
    await second.ask(from_datetime=start)
    return len(team.api.lists) == read
