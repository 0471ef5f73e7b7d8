"""Turns go from party to party, and nobody waits for ever."""

import random
from collections import Counter

import anyio
import pytest
from anyio.lowlevel import checkpoint

from server.catena.limiter import Limiter
from server.catena.turns import PARTY, Party, Turns
from server.demo.faults import Bucket
from tests.catena.asking import answer_times

pytestmark = pytest.mark.anyio


async def test_one_who_asks_for_little_waits_for_one_turn_of_each_other() -> None:
    turns, order, begin = Turns(), list[str](), anyio.Event()

    async def ask(name: str, party: Party) -> None:
        PARTY.set(party)
        async with turns.one():
            await begin.wait()
            order.append(name)

    heavy, light, third = Party(), Party(), Party()
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask, "heavy", heavy)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask, "light", light)
        tasks.start_soon(ask, "third", third)
        await anyio.wait_all_tasks_blocked()
        begin.set()
    assert order.index("light") <= 3
    assert order.index("third") <= 3
    assert Counter(order) == {"heavy": 20, "light": 1, "third": 1}


async def test_whoever_is_cancelled_holds_up_nobody() -> None:
    turns, had, dice = Turns(), list[int](), random.Random(3)
    parties = [Party() for _ in range(4)]

    async def ask(number: int, scope: anyio.CancelScope) -> None:
        PARTY.set(parties[number % 4])
        with scope:
            async with turns.one():
                await checkpoint()
                had.append(number)

    async with anyio.create_task_group() as tasks:
        scopes = [anyio.CancelScope() for _ in range(200)]
        for number, scope in enumerate(scopes):
            tasks.start_soon(ask, number, scope)
        for scope in dice.sample(scopes, 100):
            await checkpoint()
            scope.cancel()
    assert len(had) >= 100
    async with turns.one():
        pass


@pytest.mark.parametrize(("at_once", "rate"), [(1, 0.0), (4, 0.0), (1, 20.0)])
@pytest.mark.parametrize("fair", [True, False])
@pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)  # whose clock is virtual
async def test_one_who_reads_little_hardly_notices_one_who_reads_much(at_once: int, rate: float, fair: bool) -> None:
    async def light(heavies: int) -> float:
        limiter, bucket = Limiter(8), Bucket()
        one, other = Party(), Party()
        async with anyio.create_task_group() as tasks:
            for _ in range(heavies):
                tasks.start_soon(answer_times, limiter, other if fair else one, 10_000, 24, bucket, rate)
            await anyio.sleep(10)  # the pace is found by then
            took = await answer_times(limiter, one, 200, at_once, bucket, rate)
            tasks.cancel_scope.cancel()
        return sorted(took)[int(0.95 * len(took))]

    alone, beside = await light(0), await light(3)
    assert (beside <= 2 * alone) is fair, (alone, beside)
