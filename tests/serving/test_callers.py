"""Who calls is known where a request is answered, and nowhere else."""

import anyio
import anyio.to_thread
import pytest

from server.serving.callers import Caller, called_by, caller

DANA = Caller("dana", "chat", "acme", frozenset({"ops:read"}))
AGENT = Caller("agent", "agent", "acme", frozenset({"ops:read", "ops:pii"}))


def test_nobody_calls_where_nobody_signed_in() -> None:
    assert caller() is None


@pytest.mark.anyio
async def test_tasks_and_threads_of_a_request_know_its_caller_and_others_do_not() -> None:
    seen: dict[str, Caller | None] = {}

    async def answered(name: str, known: Caller) -> None:
        async def deeper() -> None:
            seen[name] = await anyio.to_thread.run_sync(caller)

        with called_by(known):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(deeper)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answered, "dana", DANA)
        tasks.start_soon(answered, "agent", AGENT)
    assert seen == {"dana": DANA, "agent": AGENT}
    assert caller() is None
