"""Time what it costs a call to be told of: the same call on servers that tell nothing, an audit line, telemetry, or both.

All servers run in this process, are asked in turn, round after round, and read the stand-in API in process, so a slow moment
of the machine meets all of them. The collector is a process of its own; what sends to it is a thread here, and counts. The
call is a list of 25 operations: one request
to the API, and so one of every kind of span and figure. What a call costs more than the plain one is the overhead.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles

import anyio
from mcp import Client

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from server.app import build_server
from server.settings import load_settings

EACH = ("audit to a file", "telemetry")
ROUNDS, WARM_UP = 300, 30
GOAL_MS = 1.0
PLAIN, AGAIN = "plain", "plain, again"
"""The second tells how much of a difference is the machine's."""

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
WINDOW = {"from_datetime": "-2d", "to_datetime": "-1d", "size": 25}

COLLECTOR = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Taken(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", {port}), Taken).serve_forever()
"""

Ask = Callable[[], Awaitable[None]]


@contextmanager
def collector() -> Generator[str]:
    """Run what takes telemetry and forgets it; return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", COLLECTOR.format(port=port)])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def ways_of(folder: str, address: str) -> dict[str, tuple[str, str]]:
    """Return the servers by name: where their audit goes, and their telemetry; empty for nowhere."""
    return {
        PLAIN: ("", ""),
        AGAIN: ("", ""),
        "audit to a file": (f"{folder}/audit", ""),
        "telemetry": ("", address),
        "audit and telemetry": (f"{folder}/both", address),
    }


def asking(client: Client) -> Ask:
    """Return what asks one question."""

    async def ask() -> None:
        result = await client.call_tool("list_resource_operations", dict(WINDOW))
        assert (result.structured_content or {})["returned"] == WINDOW["size"]

    return ask


async def timed(ways: dict[str, Ask]) -> dict[str, list[tuple[float, float]]]:
    """Ask each way in turn; return milliseconds a call, of the wall's clock and of the CPU."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(WARM_UP + ROUNDS):
        names.append(names.pop(0))  # who comes first pays for what others have used up
        for name in names:
            ask = ways[name]
            began, cpu = time.perf_counter(), time.process_time()
            await ask()
            if number >= WARM_UP:
                took[name].append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - cpu)))
    return took


def report(took: dict[str, list[tuple[float, float]]]) -> None:
    """Print medians, and what each way costs more than the plain one in the same round."""
    plain = took[PLAIN]
    print(f"{f'{ROUNDS} rounds':<22}{'median':>10}{'p95':>10}{'CPU':>10}{'more':>11}{'more CPU':>11}{'ratio':>8}")
    for name, calls in took.items():
        walls, cpus = [wall for wall, _ in calls], [cpu for _, cpu in calls]
        more = median(wall - base for wall, (base, _) in zip(walls, plain, strict=True))
        more_cpu = median(cpu - base for cpu, (_, base) in zip(cpus, plain, strict=True))
        ratio = median(walls) / median(wall for wall, _ in plain)
        told = name in EACH
        goal = f"   goal <= {GOAL_MS:g} ms of CPU more: {'ok' if more_cpu <= GOAL_MS else 'OVER'}" if told else ""
        print(
            f"{name:<22}{median(walls):>7.2f} ms{quantiles(walls, n=20)[-1]:>7.2f} ms{median(cpus):>7.2f} ms"
            f"{more:>8.3f} ms{more_cpu:>8.3f} ms{ratio:>8.3f}{goal}"
        )


async def main() -> None:
    """Measure all servers side by side."""
    with tempfile.TemporaryDirectory() as folder, collector() as address:
        async with AsyncExitStack() as stack:
            ways = {}
            for name, (audit, endpoint) in ways_of(folder, address).items():
                os.environ[ENDPOINT] = endpoint  # read when a server is built
                server = build_server(load_settings(demo=True, audit_file=audit))
                ways[name] = asking(await stack.enter_async_context(Client(server)))
            os.environ.pop(ENDPOINT)
            took = await timed(ways)
    report(took)


if __name__ == "__main__":
    anyio.run(main)
