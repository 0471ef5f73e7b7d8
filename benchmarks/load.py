"""Load the HTTP server: 50 clients ask mixed questions of one server over one demo API, for a bounded time.

Three processes on this machine: the API, the server, and the clients here.
"""

import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
from mcp import Client

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.scan import counts, serving

CLIENTS, SECONDS, SEED = 50, 20, 7
OPERATIONS = 24_000
SERVER = 8933
COMMAND = str(Path(sys.executable).with_name("catena-ops-mcp"))
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("summarize_failures", {}),
    ("summarize_failures", {"source_name": "samsara"}),
    ("summarize_failures", {"from_datetime": "-6h"}),
    ("summarize_failures", {"from_datetime": "-3d"}),
    ("summarize_failures", {"resource": "user"}),
    ("list_resource_operations", {"status": "failed"}),
    ("list_resource_operations", {"source_name": "motive", "size": 10}),
    ("compare_failures", {}),
]


@contextmanager
def running(arguments: list[str], port: int, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command until what follows is done; wait until it answers."""
    process = subprocess.Popen([COMMAND, *arguments, "--port", str(port)], env=os.environ | settings,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


def memory(process: subprocess.Popen[str]) -> float:
    """Return the memory a process holds, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1]) / 1024


async def load(server: str) -> list[float]:
    """Ask from all clients at once; return the seconds of each answer."""
    took: list[float] = []
    ends = time.perf_counter() + SECONDS

    async def ask(number: int) -> None:
        drawn = random.Random(SEED + number)
        async with Client(f"{server}/mcp") as client:
            while time.perf_counter() < ends:
                tool, arguments = drawn.choice(QUESTIONS)
                began = time.perf_counter()
                result = await client.call_tool(tool, arguments)
                assert not result.is_error, result.content
                took.append(time.perf_counter() - began)
                await anyio.sleep(drawn.random())

    async with anyio.create_task_group() as tasks:
        for number in range(CLIENTS):
            tasks.start_soon(ask, number)
    return took


def main() -> None:
    """Print questions a second, how long they took, and what they cost the API and this machine."""
    with serving(OPERATIONS, 0.1, now=datetime.now(UTC)) as api:
        pointed = {"BASE_URL": api, "TOKEN_URL": f"{api}/token", "CLIENT_ID": "id", "CLIENT_SECRET": "secret"}
        pointed = {f"CATENA_{name}": value for name, value in pointed.items()}
        with running(["serve", "--transport", "http"], SERVER, **pointed) as server:
            at_start = memory(server)
            took = anyio.run(load, f"http://127.0.0.1:{SERVER}")
            ordered, requests = sorted(took), counts(api)["requests"]
            print(f"{CLIENTS} clients, {SECONDS} s: {len(took)} questions = {len(took) / SECONDS:.1f} a second; "
                  f"p50 {statistics.median(took) * 1e3:.0f} ms, p95 {ordered[int(len(took) * 0.95)] * 1e3:.0f} ms; {requests / len(took):.2f} requests to the API each; "
                  f"memory of the server {at_start:.0f} MB at the start, {memory(server):.0f} MB at the end")  # fmt: skip


if __name__ == "__main__":
    main()
