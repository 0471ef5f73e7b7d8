"""Time a list of 25 operations through the server against a bare HTTP GET of the same page.

The stand-in API runs as a real HTTP server in a process of its own. Every round asks three ways, one after the other:
a bare httpx GET, the tool through an in-memory MCP client, and the tool over stdio. Connections are kept alive and
tokens held in all three. What a way takes longer than the GET is what the server and the protocol cost.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles

import anyio
import httpx
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from server.app import build_server
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.contract import OPERATIONS_PATH
from server.settings import load_settings

ROUNDS, WARM_UP = 200, 20
GOAL_MS = 8.0
SIZE = 25
NOW = "2026-11-20T12:30:00Z"
WINDOW = {"from_datetime": "2026-11-19T12:30:00Z", "to_datetime": NOW}

Way = Callable[[], Awaitable[None]]


@contextmanager
def api_running() -> Generator[str]:
    """Run the stand-in API on a free port; return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "server", "demo-api", "--port", str(port), "--now", NOW]
    api = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        api.terminate()
        api.wait(10)


def wait_for(port: int) -> None:
    """Wait until the port answers."""
    for _ in range(200):
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


def environment(address: str) -> dict[str, str]:
    """Return the settings that point a server to the stand-in API."""
    return {
        "CATENA_BASE_URL": address,
        "CATENA_TOKEN_URL": address + TOKEN_PATH,
        "CATENA_CLIENT_ID": CLIENT_ID,
        "CATENA_CLIENT_SECRET": CLIENT_SECRET,
    }


@asynccontextmanager
async def bare_get(address: str) -> AsyncGenerator[Way]:
    """Get the page with httpx alone, without even decoding it."""
    form = {"grant_type": "client_credentials", "scope": "organization"}
    async with httpx.AsyncClient(base_url=address) as http:
        granted = await http.post(TOKEN_PATH, data=form | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
        http.headers["Authorization"] = f"Bearer {granted.raise_for_status().json()['access_token']}"

        async def ask() -> None:
            (await http.get(OPERATIONS_PATH, params=WINDOW | {"size": str(SIZE)})).raise_for_status()

        yield ask


@asynccontextmanager
async def through_mcp(client: Client) -> AsyncGenerator[Way]:
    """Get the page with the tool, through any MCP client."""
    async with client:

        async def ask() -> None:
            result = await client.call_tool("list_resource_operations", {**WINDOW, "size": SIZE})
            assert (result.structured_content or {})["returned"] == SIZE

        yield ask


def in_memory(address: str) -> Client:
    """Return a client of a server in this process."""
    settings = {name.removeprefix("CATENA_").lower(): value for name, value in environment(address).items()}
    return Client(build_server(load_settings(**settings, demo=False)))


def over_stdio(address: str) -> Client:
    """Return a client of a server in a process of its own."""
    env = environment(address) | {"PYTHONPATH": str(ROOT)}
    return Client(StdioServerParameters(command=sys.executable, args=["-m", "server"], env=env))


async def timed(ways: dict[str, Way]) -> dict[str, list[float]]:
    """Ask each way in turn, round after round; return milliseconds."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_UP + ROUNDS):
        for name, ask in ways.items():
            began = time.perf_counter()
            await ask()
            if number >= WARM_UP:
                took[name].append((time.perf_counter() - began) * 1000)
    return took


def report(took: dict[str, list[float]]) -> None:
    """Print medians, what they are above the bare GET, and the ratio."""
    bare = median(took["bare httpx GET"])
    print(f"{f'{SIZE} operations, {ROUNDS} rounds':<26}{'median':>10}{'p95':>10}{'above GET':>12}{'ratio':>8}")
    for name, times in took.items():
        middle, above = median(times), median(times) - bare
        goal = "" if above == 0 else f"   goal <= {GOAL_MS:g} ms more: {'ok' if above <= GOAL_MS else 'OVER'}"
        late = quantiles(times, n=20)[-1]
        print(f"{name:<26}{middle:>7.2f} ms{late:>7.2f} ms{above:>9.2f} ms{middle / bare:>8.2f}{goal}")


async def main() -> None:
    """Measure the three ways against the same API."""
    with api_running() as address:
        async with (
            bare_get(address) as bare,
            through_mcp(in_memory(address)) as memory,
            through_mcp(over_stdio(address)) as stdio,
        ):
            took = await timed({"bare httpx GET": bare, "tool, in memory": memory, "tool, over stdio": stdio})
    report(took)


if __name__ == "__main__":
    anyio.run(main)
