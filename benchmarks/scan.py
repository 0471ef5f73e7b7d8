"""Measure the read of a window: against walking the cursor page by page, under a limit, and what it costs.

The API is the demo's world, served over HTTP from a process of its own with a delay before each answer.
"""

import argparse
import json
import math
import random
import resource
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from pydantic import SecretStr

from benchmarks._api import Api
from server.catena.auth import Tokens
from server.catena.client import OPERATIONS, CatenaClient
from server.catena.limiter import Limiter
from server.catena.query import Filters, Query
from server.catena.scan import Read, Scan
from server.catena.wire import decode_page

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
TEN_DAYS = timedelta(days=10, hours=1)
PORT = 8931
PAGE = 1000


@contextmanager
def serving(operations: int, delay: float, rate: float = 0.0) -> Iterator[str]:
    """Run the API in a process of its own; give its address."""
    address = f"http://127.0.0.1:{PORT}"
    program = [sys.executable, str(Path(__file__).parent / "_api.py"), "--port", str(PORT), "--now", NOW.isoformat()]
    program += ["--operations", str(operations), "--delay", str(delay), "--rate", str(rate)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as api:
        try:
            assert api.stdout is not None
            assert api.stdout.readline() == "ready\n"
            for _ in range(200):
                try:
                    httpx.get(f"{address}/counts")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            yield address
        finally:
            api.terminate()


@asynccontextmanager
async def client_of(address: str, transport: httpx.AsyncBaseTransport | None = None) -> AsyncGenerator[CatenaClient]:
    """Open a client as the server does."""
    async with httpx.AsyncClient(transport=transport, timeout=30, limits=httpx.Limits(max_connections=10)) as http:
        tokens = Tokens(http, f"{address}/token", "id", SecretStr("secret"), "organization")
        yield CatenaClient(http, address, tokens, Limiter(8))


async def scanned(address: str, transport: httpx.AsyncBaseTransport | None = None) -> tuple[Read[Any], float]:
    """Read ten days as the server does; return what was read and the seconds it took."""
    from server.analysis.rows import rows_of

    async with client_of(address, transport) as client:
        await client.token()
        began = time.perf_counter()
        query = Query(Filters(), NOW - TEN_DAYS, NOW)
        read = await Scan(client, query, rows_of, size=PAGE, most=10_000_000).run(3600)
        return read, time.perf_counter() - began


async def walked(address: str) -> tuple[int, float]:
    """Walk the cursor page by page with httpx alone, decoding each; return rows and seconds."""
    query, cursor, rows = Query(Filters(), NOW - TEN_DAYS, NOW), None, 0
    async with httpx.AsyncClient(timeout=30) as http:
        began = time.perf_counter()
        while True:
            answer = await http.get(address + OPERATIONS, params=query.params(PAGE, cursor))
            page = decode_page(answer.content)
            rows, cursor = rows + len(page.items), page.next_page
            if cursor is None:
                return rows, time.perf_counter() - began


def counts(address: str) -> dict[str, int]:
    """Return what the API has counted since it was asked last."""
    told: dict[str, int] = httpx.get(f"{address}/counts").json()
    return told


def speed(operations: int) -> None:
    """Compare with a walk, at 100 ms a request."""
    with serving(operations, 0.1) as address:
        ratios, ours, theirs = [], 0.0, 0.0
        for _ in range(3):
            rows, theirs = anyio.run(walked, address)
            counts(address)
            read, ours = anyio.run(scanned, address)
            told = counts(address)
            assert sum(len(part) for part in read.parts) >= rows
            ratios.append(theirs / ours)
        floor = (rows / PAGE) * 0.1 / 8
        print(f"{rows:,} operations at 100 ms: {ours:.2f} s against {theirs:.2f} s page by page = "
              f"{sorted(ratios)[1]:.1f} times faster (goal 6), floor of 8 at a time {floor:.2f} s; "
              f"{told['requests']} requests, {told['requests'] / math.ceil(rows / PAGE) - 1:.1%} more than pages")  # fmt: skip


def limited(operations: int, rate: float = 10.0) -> None:
    """Read under a limit of so many requests a second that nobody announces."""
    with serving(operations, 0.1, rate) as address:
        counts(address)
        _, took = anyio.run(scanned, address)
        told = counts(address)
        least = (told["requests"] - told["refused"] - rate) / rate
        print(f"under {rate:.0f} requests/s: {took:.1f} s, the limit allows {least:.1f} s = {took / least:.2f} (goal 1.15); "
              f"{told['refused']} of {told['requests']} refused = {told['refused'] / told['requests']:.1%} (goal 3 %)")  # fmt: skip


def waste() -> None:
    """Count requests beyond full pages on synthetic traffic."""
    drawn = random.Random(7)
    end, span = NOW.timestamp(), TEN_DAYS.total_seconds()
    shapes = {
        "even": [end - drawn.random() * span for _ in range(100_000)],
        "day and night": [end - span * _day_and_night(drawn) for _ in range(100_000)],
        "one hour holds 90 %": [end - 5 * 86_400 - drawn.random() * 3600 for _ in range(90_000)]
        + [end - drawn.random() * span for _ in range(10_000)],
        "nearly empty": [end - drawn.random() * span for _ in range(40)],
    }
    for name, moments in shapes.items():
        api = _synthetic(sorted(moments))
        read, _ = anyio.run(scanned, "http://api.test", httpx.ASGITransport(app=api))  # type: ignore[arg-type]  # a plain ASGI callable
        found = sum(len(part) for part in read.parts)
        assert found >= len(moments), (found, len(moments))
        print(f"requests beyond full pages, {name}: {api.requests} of {math.ceil(len(moments) / PAGE)} "
              f"= {api.requests / math.ceil(len(moments) / PAGE) - 1:.1%}")  # fmt: skip


def _day_and_night(drawn: random.Random) -> float:
    while True:
        at = drawn.random()
        if drawn.random() < 0.55 + 0.45 * math.sin(at * 20 * math.pi):
            return at


def _synthetic(moments: list[float]) -> Api:
    micros = array("q", (round(moment * 1e6) for moment in moments))
    rows = [
        b'{"id":"%d","created_at":"%s","updated_at":"%s","connection_id":"c","source_name":"samsara","resource":"user",'
        b'"operation_type":"create","status":"success","payload":{},"logs":[]}' % (i, _iso(at), _iso(at + 5_000_000))
        for i, at in enumerate(micros)
    ]
    return Api(micros, rows)


def _iso(micros: int) -> bytes:
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat().encode()


def cost(operations: int) -> None:
    """Print CPU and memory of one read and its summary against decoding alone; runs in a process of its own."""
    with serving(operations, 0.0) as address:
        subprocess.run([sys.executable, __file__, "--cost-of", address], check=True)


def cost_of(address: str) -> None:
    """Read, summarize, and decode the same pages again alone."""
    import polars as pl  # noqa: F401  # what the first use costs is no part of the read

    from server.analysis import failures, timeline
    from server.analysis.rows import joined, rows_of

    rows_of([])
    before = _peak()
    cpu = time.process_time()
    read, took = anyio.run(scanned, address)
    frame = joined(read.parts)
    failures.groups_of(frame, NOW - TEN_DAYS, NOW, most=10, personal=False)
    failures.totals_of(frame)
    timeline.timeline_of(frame, NOW - TEN_DAYS, NOW)
    cpu = time.process_time() - cpu
    failed = frame["status"].cast(str).eq("failed").mean()
    peak = _peak()
    held, n = frame.estimated_size(), len(frame)
    del frame, read
    body = httpx.get(address + OPERATIONS, params=Query(Filters(), NOW - TEN_DAYS, NOW).params(PAGE, None)).content
    alone = min(_timed(lambda: decode_page(body)) for _ in range(20)) / PAGE
    print(json.dumps({
        "operations": n, "failed": round(float(failed or 0), 3), "seconds": round(took, 2),  # type: ignore[arg-type]
        "cpu_us_an_operation": round(cpu / n * 1e6, 2), "decoding_alone_us": round(alone * 1e6, 2),
        "times_decoding_goal_6": round(cpu / n / alone, 1), "peak_mb_goal_350": round(peak),
        "grown_mb": round(peak - before), "held_bytes_an_operation": round(held / n),
    }))  # fmt: skip


def _timed(call: Any) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cost-of", help="only the cost, at this address")
    parser.add_argument("--million", action="store_true", help="cost of 1,000,000 operations too (minutes)")
    parser.add_argument("--only", choices=["speed", "limited", "waste", "cost"])
    chosen = parser.parse_args()
    if chosen.cost_of:
        cost_of(chosen.cost_of)
        return
    parts = [chosen.only] if chosen.only else ["waste", "speed", "limited", "cost"]
    if "waste" in parts:
        waste()
    if "speed" in parts:
        speed(100_000)
    if "limited" in parts:
        limited(100_000)
    if "cost" in parts:
        for operations in (10_000, 100_000, *([1_000_000] if chosen.million else [])):
            cost(operations)


if __name__ == "__main__":
    main()
