"""One limiter for all: so many requests at a time, fewer when the API pushes back, none during a pause."""

import math
from contextlib import suppress

import anyio
import pytest
from anyio.lowlevel import checkpoint

from server.catena.limiter import Limiter
from server.catena.pace import FIRST_AT_A_TIME, FIRST_PAUSE_S, LEASE_S, LONGEST_PAUSE_S, SLOW, Pace
from server.demo.faults import Bucket
from server.errors import NotFound, RateLimited, Unavailable

pytestmark = pytest.mark.anyio
on_a_virtual_clock = pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)


def grown(most: int) -> Pace:
    """Return a pace that has seen nothing but calm."""
    pace = Pace()
    for _ in range(most * most):
        pace.calm(0, 0.1, most)
    return pace


def limiter_of(pace: Pace, most: int) -> Limiter:
    limiter = Limiter(most)
    limiter.pace.at_a_time = pace.at_a_time
    return limiter


async def push(limiter: Limiter, retry_after: float | None) -> float:
    """Let a request be refused; return the pause."""
    with suppress(RateLimited):
        async with limiter.slot():
            raise RateLimited("429", retry_after)
    return limiter.pause_left


async def most_at_once(limiter: Limiter, requests: int) -> int:
    """Run requests that teach the limiter nothing; return how many ran side by side."""
    running, most = 0, 0

    async def request() -> None:
        nonlocal running, most
        with suppress(NotFound):
            async with limiter.slot():
                running += 1
                most = max(most, running)
                for _ in range(50):  # so that all who may begin do so
                    await checkpoint()
                running -= 1
                raise NotFound("404")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(requests):
                tasks.start_soon(request)
    return most


@pytest.mark.parametrize("most", [1, 3, 8])
async def test_as_many_requests_as_allowed_run_and_never_more(most: int) -> None:
    assert await most_at_once(limiter_of(grown(most), most), 40) == most


@on_a_virtual_clock
async def test_a_push_back_halves_the_concurrency() -> None:
    limiter = limiter_of(grown(8), 8)
    for expected in (4, 2, 1, 1):
        await anyio.sleep(await push(limiter, 1.0))
        assert limiter.pace.at_a_time == expected
        assert await most_at_once(limiter, 20) == expected


def test_a_burst_of_push_backs_counts_once() -> None:
    pace = grown(8)
    for n in range(8):
        pace.pushed_back(10 + n / 100, 5.0, 8)
    assert pace.at_a_time == 4


def test_calm_lets_the_concurrency_climb_by_one_and_no_higher_than_allowed() -> None:
    pace = grown(4)
    pace.pushed_back(0, 1.0, 4)
    seen = [pace.at_a_time]
    for _ in range(40):
        pace.calm(1, 0.1, 4)
        seen.append(pace.at_a_time)
    assert sorted(set(seen)) == [2, 3, 4]
    assert seen == sorted(seen)
    assert seen.count(2) >= 4  # a calm round of both slots first


def test_a_new_pace_begins_small_and_grows_by_one_with_each_answer() -> None:
    pace = Pace()
    seen = [pace.at_a_time]
    for _ in range(60):
        pace.calm(0, 0.1, 8)
        seen.append(pace.at_a_time)
    assert seen[:6] == [*range(FIRST_AT_A_TIME, 9), 8]
    assert seen[-1] == 8


async def test_faults_of_the_api_lower_the_concurrency_by_one_and_never_to_none() -> None:
    limiter = limiter_of(grown(3), 3)
    seen = []
    for _ in range(4):
        with suppress(Unavailable):
            async with limiter.slot():
                raise Unavailable("503")
        seen.append(limiter.pace.at_a_time)
    assert seen == [2, 1, 1, 1]


@on_a_virtual_clock
async def test_an_answer_far_slower_than_usual_lowers_the_concurrency() -> None:
    limiter = limiter_of(grown(8), 8)
    for seconds in (0.2, 0.2, 3.0):
        async with limiter.slot():
            await anyio.sleep(seconds)
    assert limiter.pace.at_a_time == 7


def test_a_request_of_which_nothing_more_is_heard_gives_its_place_up() -> None:
    pace = Pace(at_a_time=2)
    assert [pace.begin(0, name, 8) for name in "abc"] == [0, 0, math.inf]
    assert pace.begin(LEASE_S - 0.1, "c", 8) == math.inf
    assert pace.begin(LEASE_S, "c", 8) == 0
    pace.latency = LEASE_S  # where answers take long anyway, it takes longer to be given up
    assert pace.begin(LEASE_S, "d", 8) == 0
    assert pace.running["d"] == (1 + SLOW) * LEASE_S


def let_through(pace: Pace, now: float, began: float) -> None:
    assert pace.begin(began, "a", 8) == 0
    pace.running.clear()
    pace.next_at = 0
    pace.calm(now, now - began, 8)


def test_what_was_under_way_at_a_refusal_counts_for_the_pace_that_follows() -> None:
    paces = []
    for beside in (0, 2):
        pace = Pace(at_a_time=8)
        for n in range(10):
            let_through(pace, n / 10 + 0.1, n / 10)
        pace.pushed_back(1, 1.0, 8)
        for _ in range(beside):
            pace.calm(1.05, 0.1, 8)  # it began before the refusal
        assert pace.rate == 0  # judged when requests go on
        assert pace.begin(1.5, "b", 8) == 0.5
        assert pace.begin(2, "b", 8) == 0
        paces.append(pace.rate)
    assert paces == [pytest.approx(10 / 2), pytest.approx(12 / 2)]


def test_a_pace_lies_between_what_was_let_through_with_and_without_the_pause() -> None:
    pace = Pace(at_a_time=8, rate=20.0, at_first=(2, 0.0), counted_from=0.0, saved_s=1.0, last_at=0.0)
    for n in range(22):
        pace.calm(n / 11 + 0.1, 0.1, 8)
    pace.pushed_back(2.0, 1.0, 8)
    pace.begin(3.0, "a", 8)
    assert 22 / (2 + 1) < pace.rate < 22 / 2
    assert pace.measured


def test_a_pause_saves_requests_up_and_a_part_of_the_burst_is_spent_at_once() -> None:
    pace = Pace(at_a_time=8, rate=10.0, at_first=(10, 0.0), measured=True, spend=6.0, latency=0.5, last_at=99.0)
    pace.next_at = 99.0
    begun = 0
    while pace.begin(100.0, f"r{begun}", 8) == 0:
        begun += 1
    assert begun == 6
    assert pace.begin(100.0, "more", 8) == pytest.approx(0.1)


@pytest.mark.parametrize("told", ["header", "fraction", "none"])
@pytest.mark.parametrize(("rate", "requests"), [(10, 300), (30, 400), (3, 90)])
@on_a_virtual_clock
async def test_an_unannounced_limit_is_found_and_kept_just_under(told: str, rate: float, requests: int) -> None:
    limiter, bucket, refused, left = Limiter(8), Bucket(), 0, requests

    async def request() -> None:
        async with limiter.slot():
            await anyio.sleep(0.1)
            if wait := bucket.wait(rate, anyio.current_time()):
                says = {"header": float(math.ceil(wait)), "fraction": wait, "none": None}
                raise RateLimited("429", says[told])

    async def work() -> None:
        nonlocal refused, left
        while left > 0:
            left -= 1
            while True:
                try:
                    await request()
                    break
                except RateLimited:
                    refused += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(work)
    least = (requests - rate) / rate  # the bucket holds a second's worth at the start
    assert anyio.current_time() <= 1.25 * least
    assert refused <= 0.06 * requests
    assert limiter.pace.rate == pytest.approx(rate, rel=0.4)


@on_a_virtual_clock
async def test_a_pause_holds_new_requests_back() -> None:
    limiter = Limiter(8)
    await push(limiter, 7.0)
    began = anyio.current_time()
    async with limiter.slot():
        assert anyio.current_time() - began == pytest.approx(7.0)


@on_a_virtual_clock
async def test_a_later_push_back_lengthens_the_pause_for_those_who_wait() -> None:
    limiter = Limiter(8)
    began = anyio.current_time()

    async def push_after(seconds: float) -> None:
        with suppress(RateLimited):
            async with limiter.slot():
                await anyio.sleep(seconds)
                raise RateLimited("429", 10.0)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(push_after, 3)
        await anyio.wait_all_tasks_blocked()
        await push(limiter, 4.0)
        async with limiter.slot():
            assert anyio.current_time() - began == pytest.approx(13.0)


def test_a_shorter_push_back_does_not_shorten_the_pause() -> None:
    pace = Pace()
    pace.pushed_back(0, 60.0, 8)
    pace.pushed_back(1, 1.0, 8)
    assert pace.resume_at == 60


@pytest.mark.parametrize("told", [None, 0.0])
def test_pauses_grow_where_the_api_names_none_and_start_anew_after_calm(told: float | None) -> None:
    pace, now, pauses = Pace(), 0.0, []
    for _ in range(8):
        pace.pushed_back(now, told, 8)
        pauses.append(pace.resume_at - now)
        now = pace.resume_at
    assert FIRST_PAUSE_S <= pauses[0] < pauses[1] < pauses[2]
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S)
    pace.calm(now, 0.1, 8)
    pace.pushed_back(now + 1, told, 8)
    assert pace.resume_at - (now + 1) == pytest.approx(pauses[0])


async def test_a_pause_beyond_the_callers_deadline_is_told_at_once() -> None:
    limiter = Limiter(2)
    await push(limiter, 600.0)
    with anyio.fail_after(5), pytest.raises(RateLimited, match="Come back in 600 seconds") as caught:
        async with limiter.slot():
            pytest.fail("the pause was not kept")
    assert caught.value.retry_after == pytest.approx(600, abs=1)


@on_a_virtual_clock
async def test_a_request_cancelled_while_it_waits_gives_its_place_back() -> None:
    limiter = Limiter(1)
    await push(limiter, 20.0)

    async def request() -> None:
        async with limiter.slot():
            pytest.fail("the pause was not kept")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(request)
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    with anyio.fail_after(60):
        async with limiter.slot():
            pass


async def test_a_cancelled_request_is_not_taken_for_a_rate_limit() -> None:
    limiter = Limiter(1)
    await push(limiter, 20.0)
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with limiter.slot():
            pytest.fail("the pause was not kept")
    assert scope.cancelled_caught
