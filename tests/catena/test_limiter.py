"""One limiter for all: so many requests at a time, fewer when the API pushes back, none during a pause."""

import anyio
import pytest
from anyio.lowlevel import checkpoint

from server.catena.limiter import FIRST_PAUSE_S, LONGEST_PAUSE_S, Limiter
from server.errors import RateLimited

pytestmark = pytest.mark.anyio
on_a_virtual_clock = pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)


async def most_at_once(limiter: Limiter, requests: int) -> int:
    running, most = 0, 0

    async def request() -> None:
        nonlocal running, most
        async with limiter.slot():
            running += 1
            most = max(most, running)
            await checkpoint()
            running -= 1

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(requests):
                tasks.start_soon(request)
    return most


@pytest.mark.parametrize("most", [1, 3, 8])
async def test_as_many_requests_as_allowed_run_and_never_more(most: int) -> None:
    assert await most_at_once(Limiter(most), 40) == most


@on_a_virtual_clock
async def test_a_push_back_halves_the_concurrency() -> None:
    limiter = Limiter(8)
    for expected in (4, 2, 1, 1):
        await anyio.sleep(limiter.pushed_back(1.0))
        assert limiter.concurrency == expected
        assert await most_at_once(limiter, 20) == expected


async def test_a_burst_of_push_backs_counts_once() -> None:
    limiter = Limiter(8)
    for _ in range(8):
        limiter.pushed_back(5.0)
    assert limiter.concurrency == 4


@on_a_virtual_clock
async def test_calm_lets_the_concurrency_climb_by_one_and_no_higher_than_allowed() -> None:
    limiter = Limiter(4)
    await anyio.sleep(limiter.pushed_back(1.0))
    seen = [limiter.concurrency]
    for _ in range(40):
        limiter.calm()
        seen.append(limiter.concurrency)
    assert sorted(set(seen)) == [2, 3, 4]
    assert seen == sorted(seen)
    assert seen.count(2) >= 4  # a calm round of both slots first


@on_a_virtual_clock
async def test_a_pause_holds_new_requests_back() -> None:
    limiter = Limiter(8)
    limiter.pushed_back(7.0)
    began = anyio.current_time()
    async with limiter.slot():
        assert anyio.current_time() - began == pytest.approx(7.0)


@on_a_virtual_clock
async def test_a_later_push_back_lengthens_the_pause_for_those_who_wait() -> None:
    limiter = Limiter(8)
    began = anyio.current_time()
    limiter.pushed_back(4.0)

    async def push_again() -> None:
        await anyio.sleep(3)
        limiter.pushed_back(10.0)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(push_again)
        async with limiter.slot():
            assert anyio.current_time() - began == pytest.approx(13.0)


async def test_a_shorter_push_back_does_not_shorten_the_pause() -> None:
    limiter = Limiter(8)
    limiter.pushed_back(60.0)
    assert limiter.pushed_back(1.0) == pytest.approx(60.0, abs=1)


@pytest.mark.parametrize("told", [None, 0.0])
@on_a_virtual_clock
async def test_pauses_grow_where_the_api_names_none_and_start_anew_after_calm(told: float | None) -> None:
    limiter = Limiter(8)
    pauses = []
    for _ in range(8):
        pauses.append(limiter.pushed_back(told))
        await anyio.sleep(pauses[-1])
    assert FIRST_PAUSE_S <= pauses[0] < pauses[1] < pauses[2]
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S)
    limiter.calm()
    assert limiter.pushed_back(told) == pytest.approx(pauses[0])


async def test_a_pause_beyond_the_callers_deadline_is_told_at_once() -> None:
    limiter = Limiter(2)
    limiter.pushed_back(600.0)
    with anyio.fail_after(5), pytest.raises(RateLimited, match="Come back in 600 seconds") as caught:
        async with limiter.slot():
            pytest.fail("the pause was not kept")
    assert caught.value.retry_after == pytest.approx(600, abs=1)


@on_a_virtual_clock
async def test_a_request_cancelled_while_it_waits_gives_its_slot_back() -> None:
    limiter = Limiter(1)
    limiter.pushed_back(20.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(limiter.slot().__aenter__)
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    with anyio.fail_after(60):
        async with limiter.slot():
            pass


async def test_a_cancelled_request_is_not_taken_for_a_rate_limit() -> None:
    limiter = Limiter(1)
    limiter.pushed_back(20.0)
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with limiter.slot():
            pytest.fail("the pause was not kept")
    assert scope.cancelled_caught
