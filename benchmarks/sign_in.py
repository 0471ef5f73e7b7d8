"""What a sign-in costs a call, and what a caller who reads little notices of one who reads much.

The first is the time of one request through the sign-in, with nothing behind it, against the same without: the issuer is a
real one on this machine, asked for its keys once. The second runs the limiter on a virtual clock, so that it says the same on
any machine: an answer of a page or four, alone and beside three windows that are read without end with the same credentials.
"""

import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import trio
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message
from trio.testing import MockClock

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.catena.limiter import Limiter
from server.catena.turns import Party
from server.demo.faults import Bucket
from server.serving.sign_in import Guarded, SignIn
from server.serving.tokens import Verifier
from tests.catena.asking import answer_times
from tests.serving.issuer import AUDIENCE, issuing

ALGORITHMS = ("ES256", "RS256", "EdDSA")
REQUESTS = 400
CALLS = 100


async def main() -> None:
    """Print both."""
    nothing = PlainTextResponse("")
    with issuing() as issuer:
        signed_in = SignIn(nothing, Guarded(issuer.address, AUDIENCE), Verifier(issuer.address, AUDIENCE))
        for algorithm in ALGORITHMS:
            issuer.rotate(algorithm, algorithm, keep=True)
        for algorithm in ALGORITHMS:
            issuer.kid = algorithm
            with_it, without = await request_ms(signed_in, issuer.token()), await request_ms(nothing, issuer.token())
            print(f"sign-in, {algorithm}: {with_it - without:.2f} ms a call at the median (goal: 1 ms)")


async def request_ms(app: ASGIApp, token: str) -> float:
    """Return the time of one request at the median."""
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    took = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        await app(scope, receive, send)
        took.append((time.perf_counter() - began) * 1000)
    assert {message["status"] for message in sent[2::2]} == {200}
    return median(took)


async def light(pages: int, rate: float, heavies: int, *, turns: bool) -> float:
    """Return the 95th percentile of an answer of so many pages beside callers who read without end; seconds."""
    limiter, bucket, one, other = Limiter(8), Bucket(), Party(), Party()
    async with anyio.create_task_group() as tasks:
        for _ in range(heavies):
            tasks.start_soon(answer_times, limiter, other if turns else one, 1_000_000, 24, bucket, rate)
        await anyio.sleep(20)
        took = await answer_times(limiter, one, CALLS, pages, bucket, rate)
        tasks.cancel_scope.cancel()
    return sorted(took)[int(0.95 * CALLS)]


def on_a_virtual_clock(pages: int, rate: float, heavies: int, turns: bool) -> float:
    """Run `light` where a wait costs no time."""

    async def run() -> float:
        return await light(pages, rate, heavies, turns=turns)

    return trio.run(run, clock=MockClock(autojump_threshold=0))


if __name__ == "__main__":
    anyio.run(main)
    for pages, rate in ((1, 0.0), (4, 0.0), (1, 20.0)):
        alone = on_a_virtual_clock(pages, rate, 0, True)
        beside, without = (on_a_virtual_clock(pages, rate, 3, turns) for turns in (True, False))
        limit = f", {rate:.0f} requests/s" if rate else ""
        print(
            f"p95 of {pages} page(s){limit}: {alone:.2f} s alone, {beside:.2f} s beside three heavy reads = "
            f"{beside / alone:.2f} times (goal: 2); {without / alone:.1f} times without turns"
        )
