"""Measure the read of a window: against walking the cursor page by page, under a limit, and what it costs.

The API is the demo's world, served over HTTP from a process of its own with a delay before each answer.
"""

import argparse
import math
import random
import resource
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx
import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from mcp import Client
from pydantic import SecretStr

from benchmarks._api import Api
from server.app import build_server
from server.catena.auth import Tokens
from server.catena.client import OPERATIONS, CatenaClient
from server.catena.coverage import Read
from server.catena.limiter import Limiter
from server.catena.query import Filters, Query
from server.catena.scan import Scan
from server.catena.wire import decode_page
from server.settings import Settings

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
TEN_DAYS = timedelta(days=10, hours=1)
WINDOW = {"from_datetime": (NOW - TEN_DAYS).isoformat(), "to_datetime": NOW.isoformat()}
ASKED: dict[str, list[dict[str, str]]] = {
    "another TSP": [{"source_name": name} for name in ("samsara", "motive", "geotab", "omnitracs", "wialon")],
    "another window": [{"from_datetime": (NOW - TEN_DAYS * n / 10).isoformat()} for n in range(4, 9)],
    "another kind of record": [{"resource": name} for name in ("user", "vehicle", "message", "trailer", "workflow")],
    "the same": [{}] * 5,
}
"""Questions on rows just read, none asked before but the last."""

PORT = 8931
PAGE = 1000
SAMPLES = 5
TICK_S = 0.001
_T = TypeVar("_T")


@contextmanager
def serving(operations: int, delay: float, rate: float = 0.0, now: datetime = NOW) -> Iterator[str]:
    """Run the API in a process of its own; give its address."""
    address = f"http://127.0.0.1:{PORT}"
    program = [sys.executable, str(Path(__file__).parent / "_api.py"), "--port", str(PORT), "--now", now.isoformat()]
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
        tokens = Tokens(http, f"{address}/token", "id", lambda: SecretStr("secret"), "organization")
        yield CatenaClient(http, address, tokens, Limiter(8))


async def scanned(
    address: str, transport: httpx.AsyncBaseTransport | None = None, known: bool = False
) -> tuple[Read[Any], float]:
    """Read ten days as the server does; return what was read and the seconds it took.

    `known`: the second read of a process, which knows how many requests at a time the API takes, and its window's time.
    """
    from server.analysis.rows import rows_of

    async with client_of(address, transport) as client:
        await client.token()
        query = Query(Filters(), NOW - TEN_DAYS, NOW)
        for _ in range(2 if known else 1):
            if known:
                counts(address)
            began = time.perf_counter()
            read = await Scan(client, query, rows_of, size=PAGE, most=10_000_000).run(3600)
        return read, time.perf_counter() - began


@asynccontextmanager
async def asking(address: str) -> AsyncGenerator[Client]:
    """Open an MCP client on a server that reads this API."""
    settings = Settings(client_id="id", client_secret=SecretStr("s"), base_url=address, token_url=f"{address}/token")
    async with Client(build_server(settings, clock=lambda: NOW)) as client:
        yield client


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
    """Compare with a walk, at 100 ms a request: the first read of a process, and a later one."""
    with serving(operations, 0.1) as address:
        for known in (False, True):
            _speed(address, known)


def _speed(address: str, known: bool) -> None:
    ratios, ours, theirs = [], 0.0, 0.0
    for _ in range(3):
        rows, theirs = anyio.run(walked, address)
        counts(address)
        read, ours = anyio.run(partial(scanned, known=known), address)
        told = counts(address)
        assert sum(len(part) for part in read.parts) >= rows
        ratios.append(theirs / ours)
    floor = (rows / PAGE) * 0.1 / 8
    print(f"{rows:,} operations at 100 ms, {'a later' if known else 'the first'} read of a process: {ours:.2f} s against "
          f"{theirs:.2f} s page by page = {sorted(ratios)[1]:.1f} times faster (goal 6), floor of 8 at a time {floor:.2f} s; "
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


def follow_up(operations: int) -> None:
    """Ask for ten days through an MCP client, then narrower questions on the rows just read."""
    with serving(operations, 0.0) as address:
        anyio.run(_follow_up, address)


async def _follow_up(address: str) -> None:
    async with asking(address) as client:
        first = await client.call_tool("summarize_failures", WINDOW)
        assert first.structured_content is not None
        counts(address)
        for kind, asked in ASKED.items():
            took = []
            for narrower in asked:
                began = time.perf_counter()
                await client.call_tool("summarize_failures", WINDOW | narrower)
                took.append(time.perf_counter() - began)
            print(f"follow-up of {kind} on {first.structured_content['coverage']['scanned']:,} operations: "
                  f"{sorted(took)[2] * 1e3:.0f} ms (goal 50), {counts(address)['requests']} requests")  # fmt: skip


def stalls(operations: int) -> None:
    """Measure how long the event loop stands still during a read, and what one page takes of it."""
    with serving(operations, 0.1) as address:
        anyio.run(_stalls, address)


async def _stalls(address: str) -> None:
    from server.analysis.rows import rows_of

    waited: list[float] = []

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await anyio.sleep(TICK_S)
            waited.append(time.perf_counter() - began - TICK_S)

    async with asking(address) as client:
        await client.call_tool("summarize_failures", {**WINDOW, "size": 10, "max_operations": 10})  # imports
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await client.call_tool("summarize_failures", WINDOW)
            tasks.cancel_scope.cancel()
    body = await anyio.to_thread.run_sync(next, fetched(address))
    odd = body.replace(b'"payload":', b'"channel":"api","payload":')
    pages = {"as the contract says": body, "with a field it does not know": odd}
    for name, page in pages.items():
        took = [_clocked(partial(decode_page, page)) for _ in range(9)]
        items = took[0][1].items
        kept = sorted(_clocked(partial(rows_of, items))[0] for _ in range(9))[4]
        print(f"a page of {PAGE:,} {name}: decoding {sorted(seconds for seconds, _ in took)[4] * 1e3:.0f} ms beside "
              f"the event loop, rows {kept * 1e3:.0f} ms of it (goal 20)")  # fmt: skip
    waited.sort()
    print(f"event loop during a read and its summary: it stood still for {waited[-1] * 1e3:.0f} ms at most, "
          f"{waited[int(len(waited) * 0.99)] * 1e3:.0f} ms at the 99th percentile")  # fmt: skip


def _clocked(call: Callable[[], _T]) -> tuple[float, _T]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def waste() -> None:
    """Count requests beyond full pages on synthetic traffic, at the mean of several samples of different size."""
    found: dict[str, list[float]] = {}
    for seed in range(SAMPLES):
        for name, moments in _traffic(random.Random(seed)).items():
            api = _synthetic(sorted(moments))
            read, _ = anyio.run(scanned, "http://api.test", httpx.ASGITransport(app=api))  # type: ignore[arg-type]  # a plain ASGI callable
            assert sum(len(part) for part in read.parts) >= len(moments)
            found.setdefault(name, []).append(api.requests / math.ceil(len(moments) / PAGE) - 1)
    for name, shares in found.items():
        print(f"requests beyond full pages, {name}: {statistics.mean(shares):.1%}, at most {max(shares):.1%} "
              f"in {SAMPLES} samples")  # fmt: skip


def _traffic(drawn: random.Random) -> dict[str, list[float]]:
    end, span, count = NOW.timestamp(), TEN_DAYS.total_seconds(), drawn.randrange(60_000, 140_000)
    return {
        "even": [end - drawn.random() * span for _ in range(count)],
        "day and night": [end - span * _day_and_night(drawn) for _ in range(count)],
        "one hour holds 90 %": [end - 5 * 86_400 - drawn.random() * 3600 for _ in range(count * 9 // 10)]
        + [end - drawn.random() * span for _ in range(count // 10)],
        "nearly empty": [end - drawn.random() * span for _ in range(40)],
    }


def _day_and_night(drawn: random.Random) -> float:
    while True:
        at = drawn.random()
        if drawn.random() < 0.55 + 0.45 * math.sin(at * 20 * math.pi):
            return at


def _synthetic(moments: list[float]) -> Api:
    micros = array("q", (round(moment * 1e6) for moment in moments))
    rows = [
        b'{"id":"%d","created_at":"%s","updated_at":"%s","connection_id":"%s","fleet_ref":"%s","source_name":"%s",'
        b'"resource":"%s","operation_type":"%s","status":"%s","payload":{},"logs":[]}'
        % (i, _iso(at), _iso(at + 5_000_000), *(b"kind %d" % (i % 2),) * 6)
        for i, at in enumerate(micros)
    ]
    return Api(micros, rows)


def _iso(micros: int) -> bytes:
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat().encode()


def cost(operations: int) -> None:
    """Print what one read costs; each in a process of its own."""
    with serving(operations, 0.0) as address:
        subprocess.run([sys.executable, __file__, "--memory-of", address], check=True)
        subprocess.run([sys.executable, __file__, "--cpu-of", address], check=True)


def memory_of(address: str) -> None:
    """Read and summarize; print the time, and the most memory held meanwhile."""
    from server.analysis.rows import joined, rows_of

    rows_of([])
    before = _peak()
    read, took = anyio.run(scanned, address)
    frame = joined(read.parts)
    _summarized(frame)
    grown, n = _peak() - before, len(frame)
    print(f"{n:,} operations read in {took:.1f} s and summarized: peak {_peak():.0f} MB (goal 350 at a million), "
          f"{grown:.0f} MB more than before = {grown * 1e6 / n:.0f} bytes an operation")  # fmt: skip


def cpu_of(address: str) -> None:
    """Print the CPU time from bytes to summary against decoding the same bytes alone, typed; pages in turn."""
    from server.analysis.rows import joined

    alone, ours, parts = 0.0, 0.0, []
    for body in fetched(address):
        alone += _timed(partial(_decoded, body))[0]
        took, part = _timed(partial(_rows, body))
        ours += took
        parts.append(part)
    took, frame = _timed(lambda: joined(parts))
    ours += took + _timed(lambda: _summarized(frame))[0]
    rows = len(frame)
    print(f"{rows:,} operations from bytes to summary: {ours / rows * 1e6:.1f} us of CPU each, decoding alone "
          f"{alone / rows * 1e6:.1f} us = {ours / alone:.1f} times (goal 6)")  # fmt: skip


def _decoded(body: bytes) -> None:
    _ALONE.decode(body)


def _rows(body: bytes) -> Any:
    from server.analysis.rows import rows_of

    return rows_of(decode_page(body).items)


def _summarized(frame: Any) -> None:
    from server.analysis import failures, timeline

    failures.groups_of(frame, NOW - TEN_DAYS, NOW, most=10)
    failures.totals_of(frame)
    failures.pending_of(frame, NOW)
    timeline.timeline_of(frame, NOW - TEN_DAYS, NOW)


def fetched(address: str) -> Iterator[bytes]:
    """Fetch page after page."""
    query, cursor = Query(Filters(), NOW - TEN_DAYS, NOW), None
    with httpx.Client(timeout=30) as http:
        while True:
            body = http.get(address + OPERATIONS, params=query.params(PAGE, cursor)).content
            yield body
            if (cursor := decode_page(body).next_page) is None:
                return


class _Log(msgspec.Struct):
    status: str
    created_at: datetime
    error_type: str | None = None
    error_details: str | None = None
    response_status_code: int | None = None


class _Operation(msgspec.Struct):
    id: str
    created_at: datetime
    updated_at: datetime
    connection_id: str
    source_name: str
    resource: str
    operation_type: str
    status: str
    payload: msgspec.Raw
    logs: list[_Log]
    fleet_ref: str | None = None
    resource_id: str | None = None
    source_id: str | None = None


class _Page(msgspec.Struct):
    items: list[_Operation]
    next_page: str | None = None


_ALONE = msgspec.json.Decoder(_Page)
"""The decoding that any reader of these fields needs, and nothing else."""


def _timed(call: Callable[[], _T]) -> tuple[float, _T]:
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory-of", help="only the memory, at this address")
    parser.add_argument("--cpu-of", help="only the CPU time, at this address")
    parser.add_argument("--million", action="store_true", help="cost of 1,000,000 operations too (minutes)")
    parser.add_argument("--only", choices=["speed", "limited", "waste", "cost", "follow", "stalls"])
    chosen = parser.parse_args()
    if chosen.memory_of or chosen.cpu_of:
        memory_of(chosen.memory_of) if chosen.memory_of else cpu_of(chosen.cpu_of)
        return
    parts = [chosen.only] if chosen.only else ["waste", "speed", "limited", "follow", "stalls", "cost"]
    if "waste" in parts:
        waste()
    if "speed" in parts:
        speed(100_000)
    if "limited" in parts:
        limited(100_000)
    if "follow" in parts:
        follow_up(100_000)
    if "stalls" in parts:
        stalls(100_000)
    if "cost" in parts:
        for operations in (10_000, 100_000, *([1_000_000] if chosen.million else [])):
            cost(operations)


if __name__ == "__main__":
    main()
