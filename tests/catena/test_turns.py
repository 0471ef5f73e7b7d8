"""Turns go from party to party, and nobody waits for ever."""

import random
from collections import Counter

import anyio
import pytest
from anyio.lowlevel import checkpoint

from server.catena.turns import PARTY, Party, Turns

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])]


async def test_one_who_asks_for_little_waits_for_one_turn_of_each_other(anyio_backend: str) -> None:
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


async def test_whoever_is_cancelled_holds_up_nobody(anyio_backend: str) -> None:
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
