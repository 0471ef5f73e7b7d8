"""One limiter for all: so many requests at a time, fewer when the API pushes back, none during a pause."""

import math

import anyio
import pytest
from anyio.lowlevel import checkpoint

from server.catena.limiter import FIRST_PAUSE_S, LONGEST_PAUSE_S, Limiter
from server.demo.faults import Bucket
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


def grown(most: int) -> Limiter:
    """Return a limiter that has seen nothing but calm."""
    limiter = Limiter(most)
    for _ in range(most * most):
        limiter.calm()
    return limiter


@pytest.mark.parametrize("most", [1, 3, 8])
async def test_as_many_requests_as_allowed_run_and_never_more(most: int) -> None:
    assert await most_at_once(grown(most), 40) == most


@on_a_virtual_clock
async def test_a_push_back_halves_the_concurrency() -> None:
    limiter = grown(8)
    for expected in (4, 2, 1, 1):
        await anyio.sleep(limiter.pushed_back(1.0))
        assert limiter.concurrency == expected
        assert await most_at_once(limiter, 20) == expected


async def test_a_burst_of_push_backs_counts_once() -> None:
    limiter = grown(8)
    for _ in range(8):
        limiter.pushed_back(5.0)
    assert limiter.concurrency == 4


@on_a_virtual_clock
async def test_calm_lets_the_concurrency_climb_by_one_and_no_higher_than_allowed() -> None:
    limiter = grown(4)
    await anyio.sleep(limiter.pushed_back(1.0))
    seen = [limiter.concurrency]
    for _ in range(40):
        limiter.calm()
        seen.append(limiter.concurrency)
    assert sorted(set(seen)) == [2, 3, 4]
    assert seen == sorted(seen)
    assert seen.count(2) >= 4  # a calm round of both slots first


async def test_a_new_limiter_begins_small_and_grows_by_one_each_round() -> None:
    limiter = Limiter(8)
    seen = [limiter.concurrency]
    for _ in range(60):
        limiter.calm()
        seen.append(limiter.concurrency)
    assert [seen.count(n) for n in range(2, 8)] == [2, 3, 4, 5, 6, 7]
    assert seen[-1] == 8


async def test_faults_of_the_api_lower_the_concurrency_by_one_and_never_to_none() -> None:
    limiter = grown(3)
    seen = []
    for _ in range(4):
        limiter.strained()
        seen.append(limiter.concurrency)
    assert seen == [2, 1, 1, 1]


@on_a_virtual_clock
async def test_an_answer_far_slower_than_usual_lowers_the_concurrency() -> None:
    limiter = grown(8)
    for seconds in (0.2, 0.2, 3.0):
        async with limiter.slot():
            await anyio.sleep(seconds)
    assert limiter.concurrency == 7


@pytest.mark.parametrize("told", ["header", "fraction", "none"])
@pytest.mark.parametrize(("rate", "requests"), [(10, 300), (30, 400), (3, 90)])
@on_a_virtual_clock
async def test_an_unannounced_limit_is_found_and_kept_just_under(told: str, rate: float, requests: int) -> None:
    limiter, bucket, refused, left = Limiter(8), Bucket(), 0, requests

    async def work() -> None:
        nonlocal refused, left
        while left > 0:
            left -= 1
            while True:
                async with limiter.slot():
                    await anyio.sleep(0.1)
                    wait = bucket.wait(rate, anyio.current_time())
                if not wait:
                    limiter.calm()
                    break
                refused += 1
                limiter.pushed_back({"header": float(math.ceil(wait)), "fraction": wait, "none": None}[told])

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(work)
    least = (requests - rate) / rate  # the bucket holds a second's worth at the start
    assert anyio.current_time() <= 1.25 * least
    assert refused <= 0.06 * requests
    assert limiter.rate == pytest.approx(rate, rel=0.4)


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
