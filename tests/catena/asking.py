"""A caller who asks again and again, for what callers notice of each other: the tests' and the benchmark's."""

import random
from contextlib import suppress

import anyio

from server.catena.limiter import Limiter
from server.catena.turns import PARTY, Party
from server.demo.faults import Bucket
from server.errors import RateLimited


async def answer_times(
    limiter: Limiter, party: Party, calls: int, at_once: int, bucket: Bucket, rate: float
) -> list[float]:
    """Let a caller ask again and again for answers of `at_once` pages; return how long each took."""
    dice, took = random.Random(5), list[float]()
    PARTY.set(party)

    async def page() -> None:
        while True:
            with suppress(RateLimited):
                async with limiter.slot():
                    await anyio.sleep(dice.uniform(0.08, 0.12))
                    if wait := bucket.wait(rate, anyio.current_time()):
                        raise RateLimited("429", wait)
                return

    for _ in range(calls):
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(page)
        took.append(anyio.current_time() - began)
        await anyio.sleep(dice.uniform(0, 1))
    return took
