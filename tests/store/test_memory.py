"""The store: one read for all who ask, also when the first of them leaves."""

from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest

from server.errors import Unavailable
from server.reading.reads import untold
from server.store.memory import MOST_QUESTIONS, Held, MemoryStore, Progress

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])]

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Reads:
    """Counts reads; each waits until the test lets it go."""

    def __init__(self, worth_holding: bool = True) -> None:
        self.begun = 0
        self.ended = 0
        self.gate = anyio.Event()
        self.worth_holding = worth_holding

    async def __call__(self, progress: Progress) -> Held[str]:
        self.begun += 1
        await progress(1, 0.5)
        await self.gate.wait()
        self.ended += 1
        return Held(f"read {self.begun}", NOW, 10, self.worth_holding)


async def test_all_who_ask_meanwhile_share_one_read_even_a_partial_one(anyio_backend: str) -> None:
    store, reads, answers = MemoryStore[str](100), Reads(worth_holding=False), []

    async def ask() -> None:
        answers.append((await store.answer("q", NOW, MINUTE, reads, untold, tasks)).value)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            reads.gate.set()
    assert (answers, reads.begun) == (["read 1"] * 5, 1)


async def test_the_first_asker_may_leave_without_ending_the_read_for_the_others(anyio_backend: str) -> None:
    store, reads, answers = MemoryStore[str](100), Reads(), []
    leaving = anyio.CancelScope()

    async def leave() -> None:
        with leaving:
            await store.answer("q", NOW, MINUTE, reads, untold, tasks)

    async def stay() -> None:
        answers.append((await store.answer("q", NOW, MINUTE, reads, untold, tasks)).value)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(stay)
            await anyio.wait_all_tasks_blocked()
            leaving.cancel()
            await anyio.wait_all_tasks_blocked()
            reads.gate.set()
    assert (answers, reads.begun) == (["read 1"], 1)


async def test_a_read_ends_when_the_last_asker_leaves_and_the_next_begins_anew(anyio_backend: str) -> None:
    store, reads = MemoryStore[str](100), Reads()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            with anyio.move_on_after(0.01):
                await store.answer("q", NOW, MINUTE, reads, untold, tasks)
            reads.gate.set()
            assert (await store.answer("q", NOW, MINUTE, reads, untold, tasks)).value == "read 2"
    assert (reads.begun, reads.ended) == (2, 1)


async def test_an_error_reaches_everyone_who_waits_and_is_not_held(anyio_backend: str) -> None:
    store = MemoryStore[str](100)
    errors: list[str] = []

    async def fail(progress: Progress) -> Held[str]:
        await anyio.lowlevel.checkpoint()
        raise Unavailable("down")

    async def ask() -> None:
        try:
            await store.answer("q", NOW, MINUTE, fail, untold, tasks)
        except Unavailable as exc:
            errors.append(str(exc))

    reads = Reads()
    reads.gate.set()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
        async with anyio.create_task_group() as tasks:
            assert (await store.answer("q", NOW, MINUTE, reads, untold, tasks)).value == "read 1"
    assert errors == ["down"] * 3


async def test_a_read_under_way_is_joined_only_by_who_asks_soon_after(anyio_backend: str) -> None:
    store, reads = MemoryStore[str](100), Reads()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for now in (NOW, NOW + MINUTE, NOW + 2 * MINUTE):
                tasks.start_soon(store.answer, "q", now, MINUTE, reads, untold, tasks)
                await anyio.wait_all_tasks_blocked()
            reads.gate.set()
    assert reads.begun == 2


async def test_the_store_is_bounded_by_questions_and_by_rows_and_keeps_what_is_used(anyio_backend: str) -> None:
    store, reads = MemoryStore[str](100), Reads()
    reads.gate.set()
    async with anyio.create_task_group() as tasks:
        for number in range(3 * MOST_QUESTIONS):
            held = await store.answer(number, NOW, MINUTE, reads, untold, tasks)
            if number == 0:
                first = held
            store.use(first)
    kept = [held.value for held in store.held(NOW)]
    assert len(kept) == 10  # 10 rows each
    assert "read 1" in kept
    assert f"read {3 * MOST_QUESTIONS}" in kept
