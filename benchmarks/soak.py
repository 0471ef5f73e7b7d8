"""Ask one HTTP server from 20 clients for minutes while a tenth of the API's answers are faults; count what is wrong.

Three processes on this machine: the stand-in API, the server, and the clients here. The window is fixed, so that every
answer has one right total; one that says it is not whole may tell less, and never more. Troubles go on beside the clients:
with `--redis` the server shares a real Redis that is killed and started again. Each question must be a line of the audit.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from mcp import Client

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.load import memory, running
from server.catena.query import iso
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from tests.redis_server import RedisServer

CLIENTS, SEED = 20, 7
API, SERVER = 8941, 8942
RUNS_S, GONE_S = 12, 4
"""For so long Redis runs, and is gone."""

FAULTS = "errors=0.1,token_uses=500,repeat=3"
END = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=4)  # by then all of it has ended
WHOLE: dict[str, Any] = {"from_datetime": iso(END - timedelta(days=2)), "to_datetime": iso(END)}
QUESTIONS: list[dict[str, Any]] = [
    {},
    {"source_name": "samsara"},
    {"resource": "user"},
    {"refresh": True},
    {"size": 200},
]


async def truth(address: str) -> dict[str, dict[str, int]]:
    """Return the totals of every question, each read anew with nothing going wrong twice in a row."""
    right = {}
    async with Client(f"{address}/mcp") as client:
        for question in QUESTIONS:
            for _ in range(20):
                result = await client.call_tool("summarize_failures", WHOLE | question | {"refresh": True})
                told = result.structured_content or {}
                if not result.is_error and told["coverage"]["complete"]:
                    break
            right[str(question)] = told["totals"]
    return right


async def ask_on(
    client: Client, number: int, ends: float, right: dict[str, dict[str, int]], seen: Counter[str]
) -> None:
    """Ask from one client until the time is up."""
    drawn = random.Random(SEED + number)
    async with client:
        while time.monotonic() < ends:
            question = drawn.choice(QUESTIONS)
            result = await client.call_tool("summarize_failures", WHOLE | question)
            told = result.structured_content or {}
            seen["asked"] += 1
            if result.is_error:
                seen["errors told"] += 1
            elif not told["coverage"]["complete"]:
                seen["told in part"] += 1
                seen["WRONG"] += told["totals"]["operations"] > right[str(question)]["operations"]
            else:
                seen["told whole"] += 1
                seen["WRONG"] += told["totals"] != right[str(question)]
            await anyio.sleep(drawn.random())


Trouble = Callable[[], Coroutine[Any, Any, None]]
"""What goes on beside the clients until they are done: something that restarts, a key that changes."""


def restarted(redis: RedisServer) -> Trouble:
    """Return the trouble of a Redis that is gone for a while, and comes back empty."""

    async def trouble() -> None:
        while True:
            await anyio.sleep(RUNS_S)
            await anyio.to_thread.run_sync(redis.kill)
            await anyio.sleep(GONE_S)
            await anyio.to_thread.run_sync(redis.start)

    return trouble


async def soak(address: str, seconds: float, troubles: Sequence[Trouble] = ()) -> Counter[str]:
    """Ask from all clients at once, with troubles beside them; return what was seen."""
    seen: Counter[str] = Counter(WRONG=0)
    right = await truth(address)
    async with anyio.create_task_group() as beside:
        for trouble in troubles:
            beside.start_soon(trouble)
        async with anyio.create_task_group() as tasks:
            for number in range(CLIENTS):
                client = Client(f"{address}/mcp")
                tasks.start_soon(ask_on, client, number, time.monotonic() + seconds, right, seen)
        beside.cancel_scope.cancel()
    return seen


def audited(folder: Path) -> int:
    """Return how many calls the audit told, in all its files."""
    return sum(len(file.read_text().splitlines()) for file in folder.iterdir())


def main() -> None:
    """Print what was asked, told and wrong, and what the server held of memory and files at the start and the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--redis", action="store_true", help="share a Redis that is killed and started again")
    given = parser.parse_args()
    api = f"http://127.0.0.1:{API}"
    pointed = {"BASE_URL": api, "TOKEN_URL": api + TOKEN_PATH, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pointed["AUDIT_FILE"] = str(folder / "audit")
        troubles = []
        if given.redis:
            redis = stack.enter_context(RedisServer())
            pointed["STORE_URL"] = redis.url
            troubles.append(restarted(redis))
        stack.enter_context(running(["demo-api", "--faults", FAULTS], API))
        settings = {f"CATENA_{name}": value for name, value in pointed.items()}
        server = stack.enter_context(running(["serve", "--transport", "http"], SERVER, **settings))
        address = f"http://127.0.0.1:{SERVER}"
        anyio.run(soak, address, 5)  # so that the start is that of a server at work
        files = Path(f"/proc/{server.pid}/fd")
        before, open_before, told_before = memory(server), len(list(files.iterdir())), audited(folder)
        seen = anyio.run(soak, address, given.seconds, troubles)
        told = ", ".join(f"{count:,} {what}" for what, count in seen.items())
        print(f"{CLIENTS} clients, {given.seconds:.0f} s, faults {FAULTS}{', Redis restarted' if given.redis else ''}: {told}; "
              f"{audited(folder) - told_before:,} lines of audit; memory {before:.0f} MB, then {memory(server):.0f} MB; "
              f"open files {open_before}, then {len(list(files.iterdir()))}")  # fmt: skip


if __name__ == "__main__":
    main()
