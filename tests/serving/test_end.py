"""The server is told to end: calls under way are answered, nothing new is taken, and then it is gone."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import anyio
import anyio.to_thread
import pytest
from mcp import Client
from starlette.types import Receive, Scope, Send

from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.serving.door import WholeRequests, door
from server.serving.health import Health, State
from server.serving.http import names_for
from server.serving.limits import Limits
from tests.conftest import facts
from tests.serving.conftest import request, running
from tests.test_cli import free_port, started, wait_for

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("serving")]


@pytest.fixture(scope="module")
def slow_api() -> Iterator[dict[str, str]]:
    """Run the stand-in API as a process; return the settings that point to it."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with started("demo-api", "--port", str(port), "--operations", "5000", "--faults", "latency_s=0.4"):
        wait_for(port)
        yield {
            "CATENA_BASE_URL": address,
            "CATENA_TOKEN_URL": address + TOKEN_PATH,
            "CATENA_CLIENT_ID": CLIENT_ID,
            "CATENA_CLIENT_SECRET": CLIENT_SECRET,
        }


async def is_fine() -> State:
    return "ok"


@contextmanager
def serving(settings: dict[str, str], *options: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    port = free_port()
    with started("serve", "--transport", "http", "--port", str(port), *options, **settings) as process:
        wait_for(port)
        yield process, port


def ended(process: "subprocess.Popen[str]") -> str:
    """Wait until a process has ended by itself; return what it logged after its first line."""
    process.wait(Limits().grace_s + 2)
    assert process.stderr is not None
    return "".join(process.stderr.readlines()[1:])


async def test_calls_under_way_are_answered_whole_after_the_signal_to_end(slow_api: dict[str, str]) -> None:
    with serving(slow_api) as (process, port), socket.create_connection(("127.0.0.1", port)) as idle:
        reads = {"auto": anyio.Event(), "legacy": anyio.Event()}
        answered: dict[str, float] = {}

        async def call(mode: str, size: int) -> None:
            async def told(progress: float, total: float | None, message: str | None) -> None:
                reads[mode].set()

            async with Client(f"http://127.0.0.1:{port}/mcp", mode=mode) as client:
                await client.list_tools()  # the client would ask after the call, of a server that is gone
                question = {"from_datetime": "-5d", "size": size}
                answer = facts(await client.call_tool("summarize_failures", question, progress_callback=told))
                answered[mode] = time.monotonic()
            assert answer["coverage"]["complete"]
            assert answer["totals"]["operations"] > 1000

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for size, mode in enumerate(reads, start=100):
                    tasks.start_soon(call, mode, size)
                for begun in reads.values():
                    await begun.wait()
                process.send_signal(signal.SIGTERM)
                signalled = time.monotonic()
                assert await anyio.to_thread.run_sync(idle.recv, 1) == b"", "an idle connection is closed"
                with socket.socket() as late:
                    assert late.connect_ex(("127.0.0.1", port)) != 0, "no new one is taken"
        assert min(answered.values()) - signalled > 1.5, "the calls were over before the signal"
        assert await anyio.to_thread.run_sync(ended, process) == ""


def test_a_call_that_outlasts_the_time_to_end_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    begun, body = threading.Event(), b"{}"

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            begun.set()
            await anyio.sleep_forever()

    app = door(WholeRequests(never, Limits()), names_for("127.0.0.1", []), Health(is_fine))
    with running(app, Limits(grace_s=1)) as server:
        wire = server.wire()
        wire.sendall(request(body=body))
        assert begun.wait(10)
        server.server.should_exit = True
        said = wire.answer()
    assert (said.status, said.headers["retry-after"]) == (503, "1")
    assert "Call again" in said.body
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_nothing_is_under_way_ends_it_at_once_and_in_silence(how: signal.Signals) -> None:
    with serving({"CATENA_DEMO": "true"}) as (process, port), socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(request().splitlines(keepends=True)[0])
        sent_at = time.monotonic()
        process.send_signal(how)
        assert ended(process) == ""
        assert time.monotonic() - sent_at < 3


@contextmanager
def ready(port: int) -> Iterator[Callable[[], tuple[int, str]]]:
    """Ask, as a balancer does, whether a server wants questions; 0 where it takes no connection."""

    def asked() -> tuple[int, str]:
        balancer = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            balancer.request("GET", "/readyz")
            answer = balancer.getresponse()
            return answer.status, json.loads(answer.read())["status"]
        except ConnectionError:
            return 0, ""
        finally:
            balancer.close()

    yield asked


async def test_a_roll_over_behind_a_balancer_loses_no_call(slow_api: dict[str, str]) -> None:
    with serving(slow_api, "--drain", "2") as (process, port), ready(port) as asked:
        assert asked() == (200, "ok")
        process.send_signal(signal.SIGTERM)
        told: list[tuple[int, str]] = []
        while not told or told[-1] != (503, "ending"):
            told.append(asked())
        assert told[-1] == (503, "ending"), "the balancer is told to send no more"
        async with Client(
            f"http://127.0.0.1:{port}/mcp", mode="legacy"
        ) as client:  # what it sends meanwhile is answered
            assert facts(await client.call_tool("list_resource_operations", {}))["returned"] == 25
        began = time.monotonic()
        while told[-1] != (0, ""):
            told.append(asked())
        assert time.monotonic() - began < 10
        assert set(told) <= {(200, "ok"), (503, "ending"), (0, "")}
        assert await anyio.to_thread.run_sync(ended, process) == ""


def test_a_second_signal_and_ctrl_c_wait_for_no_balancer() -> None:
    for signals in ([signal.SIGTERM, signal.SIGTERM], [signal.SIGINT]):
        with serving({"CATENA_DEMO": "true"}, "--drain", "600") as (process, port), ready(port) as asked:
            for how in signals:
                process.send_signal(how)
                while asked()[0] == 200:
                    continue
            assert ended(process) == ""
