"""Several limiters that share one pace: no step is lost, and the limit holds for all of them together."""

import math
import random
import time
from contextlib import suppress

import anyio
import anyio.lowlevel
import msgspec
import pytest

from server.catena.limiter import Limiter
from server.catena.pace import Pace
from server.catena.shared_pace import MOST_TRIES, SharedPace
from server.errors import RateLimited

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"], indirect=True)]


class Place:
    """Where the pace is kept; its clock is ahead of the one here by an hour."""

    def __init__(self) -> None:
        self.kept = b""
        self.reached = True
        self.swaps = 0

    async def swap(self, known: bytes, new: bytes, kept_s: float) -> tuple[bool, bytes, float] | None:
        await anyio.lowlevel.checkpoint()
        if not self.reached:
            return None
        self.swaps += 1
        done = self.kept == known and bool(new)
        if done:
            self.kept = new
        found = self.kept
        await anyio.lowlevel.checkpoint()
        return done, found, time.time() + 3600


def noted(pace: Pace, now: float) -> None:
    pace.answers += 1


async def test_no_step_is_lost_whoever_makes_it(anyio_backend: str) -> None:
    place = Place()
    paces = [SharedPace(place.swap) for _ in range(5)]

    async def step_often(pace: SharedPace) -> None:
        for _ in range(40):
            await pace.step(noted)

    async with anyio.create_task_group() as tasks:
        for pace in paces:
            tasks.start_soon(step_often, pace)
            tasks.start_soon(step_often, pace)
    assert await SharedPace(place.swap).step(lambda pace, now: pace.answers) == 400
    assert place.swaps > 400


async def test_all_limiters_together_let_no_more_run_than_allowed(anyio_backend: str) -> None:
    place = Place()
    limiters = [Limiter(3, SharedPace(place.swap)) for _ in range(3)]
    running, most, done = 0, 0, 0

    async def request(limiter: Limiter) -> None:
        nonlocal running, most, done
        async with limiter.slot():
            running += 1
            most = max(most, running)
            for _ in range(200):  # so that all who may begin do so
                await anyio.lowlevel.checkpoint()
            running -= 1
            done += 1

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for limiter in limiters * 10:
                tasks.start_soon(request, limiter)
    assert (most, done) == (3, 30)


async def test_a_push_back_to_one_holds_all_of_them_back(anyio_backend: str) -> None:
    place = Place()
    pushed, other = Limiter(8, SharedPace(place.swap)), Limiter(8, SharedPace(place.swap))
    with suppress(RateLimited):
        async with pushed.slot():
            raise RateLimited("429", 600.0)
    with pytest.raises(RateLimited, match="Come back in 600 seconds"), anyio.fail_after(5):
        async with other.slot():
            pytest.fail("the pause was not kept")


async def test_time_goes_by_the_clock_that_all_of_them_share(anyio_backend: str) -> None:
    now = await SharedPace(Place().swap).step(lambda pace, now: now)
    assert now - time.time() == pytest.approx(3600, abs=5)


async def test_what_is_known_goes_on_alone_and_comes_back_to_an_empty_place(anyio_backend: str) -> None:
    place = Place()
    pace = SharedPace(place.swap)
    await pace.step(noted)
    place.reached = False
    await pace.step(noted)
    assert pace.pace.answers == 2
    place.kept, place.reached = b"", True
    await pace.step(noted)
    assert await SharedPace(place.swap).step(lambda pace, now: pace.answers) == 3


async def test_it_begins_alone_where_nothing_can_be_reached(anyio_backend: str) -> None:
    place = Place()
    place.reached = False
    assert await SharedPace(place.swap).step(lambda pace, now: pace.begin(now, "a", 8)) == 0


@pytest.mark.parametrize("left", [b"\xff not ours", b"\x80", b"\x81\xa9at_a_time\x00"])
async def test_what_is_no_pace_is_replaced(left: bytes, anyio_backend: str) -> None:
    place = Place()
    place.kept = left
    waits = await SharedPace(place.swap).step(lambda pace, now: pace.begin(now, "a", 8))
    assert waits == 0
    assert await SharedPace(place.swap).step(lambda pace, now: pace.begin(now, "b", 1)) == math.inf


@pytest.mark.parametrize("number", [math.inf, math.nan, 1e12, 1e300])
@pytest.mark.parametrize(
    "field", ["resume_at", "next_at", "latency", "rate", "pushed_at", "last_at", "counted_from", "spend", "times"]
)
async def test_a_time_or_number_that_no_pace_has_is_not_believed(field: str, number: float, anyio_backend: str) -> None:
    told: float | list[float] = [number] if field == "times" else number
    if field == "spend" and math.isfinite(number):
        told = -number
    if field == "rate" and math.isfinite(number):
        told = -number
    place = Place()
    place.kept = msgspec.msgpack.encode(msgspec.structs.replace(Pace(), **{field: told}))
    limiter = Limiter(8, SharedPace(place.swap))
    with anyio.fail_after(5):
        for _ in range(3):
            async with limiter.slot():
                pass
    kept = msgspec.msgpack.decode(place.kept, type=Pace)
    assert kept.plausible(time.time() + 3600)
    assert kept.let_through == 3


async def test_requests_that_run_for_ever_elsewhere_do_not_hold_this_one_back(anyio_backend: str) -> None:
    place = Place()
    place.kept = msgspec.msgpack.encode(Pace(running={str(number): math.inf for number in range(9)}))
    with anyio.fail_after(5):
        async with Limiter(8, SharedPace(place.swap)).slot():
            pass


async def test_whatever_happens_the_others_believe_what_became_of_the_pace(anyio_backend: str) -> None:
    chance, pace, now = random.Random(7), Pace(), 1e9
    for step in range(20_000):
        now += chance.choice((0.0, 0.001, 0.1, 2.0, 100.0))
        seconds = chance.choice((0.0, 0.01, 3.0, 1e4))
        match chance.randrange(5):
            case 0:
                pace.pushed_back(now, chance.choice((None, 0.0, 1e-9, 0.3, 3600.0, 1e12, 1e308)), 8)
            case 1:
                pace.strained(now)
            case 2:
                pace.calm(now, seconds, 8)
            case _:
                pace.begin(now, str(step), 8)
        assert pace.plausible(now), (step, pace)


async def test_a_place_that_always_changes_ends_in_a_step_of_ones_own(anyio_backend: str) -> None:
    swaps = 0

    async def swap(known: bytes, new: bytes, kept_s: float) -> tuple[bool, bytes, float] | None:
        nonlocal swaps
        swaps += 1
        await anyio.lowlevel.checkpoint()
        return False, b"\x81\xa7answers" + bytes([swaps % 100]), time.time()

    assert await SharedPace(swap).step(lambda pace, now: pace.begin(now, "a", 8)) == 0
    assert swaps <= MOST_TRIES + 1
