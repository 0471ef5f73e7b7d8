"""Ask one HTTP server from 20 clients for minutes while a tenth of the API's answers are faults; count what is wrong.

Three processes on this machine: the stand-in API, the server, and the clients here. The window is fixed, so that every
answer has one right total; one that says it is not whole may tell less, and never more.
"""

import argparse
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
from mcp import Client

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.load import memory, running
from server.catena.query import iso
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH

CLIENTS, SEED = 20, 7
API, SERVER = 8941, 8942
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


async def ask_on(address: str, number: int, ends: float, right: dict[str, dict[str, int]], seen: Counter[str]) -> None:
    """Ask from one client until the time is up."""
    drawn = random.Random(SEED + number)
    async with Client(f"{address}/mcp") as client:
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


async def soak(address: str, seconds: float) -> Counter[str]:
    """Ask from all clients at once; return what was seen."""
    seen: Counter[str] = Counter(WRONG=0)
    right = await truth(address)
    async with anyio.create_task_group() as tasks:
        for number in range(CLIENTS):
            tasks.start_soon(ask_on, address, number, time.monotonic() + seconds, right, seen)
    return seen


def main() -> None:
    """Print what was asked, told and wrong, and what the server held of memory and files at the start and the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    seconds = parser.parse_args().seconds
    api = f"http://127.0.0.1:{API}"
    pointed = {"BASE_URL": api, "TOKEN_URL": api + TOKEN_PATH, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET}
    pointed = {f"CATENA_{name}": value for name, value in pointed.items()}
    with (
        running(["demo-api", "--faults", FAULTS], API),
        running(["serve", "--transport", "http"], SERVER, **pointed) as server,
    ):
        address = f"http://127.0.0.1:{SERVER}"
        anyio.run(soak, address, 5)  # so that the start is that of a server at work
        files = Path(f"/proc/{server.pid}/fd")
        before, open_before = memory(server), len(list(files.iterdir()))
        seen = anyio.run(soak, address, seconds)
        told = ", ".join(f"{count:,} {what}" for what, count in seen.items())
        print(f"{CLIENTS} clients, {seconds:.0f} s, faults {FAULTS}: {told}; memory {before:.0f} MB, then {memory(server):.0f} MB; "
              f"open files {open_before}, then {len(list(files.iterdir()))}")  # fmt: skip


if __name__ == "__main__":
    main()
