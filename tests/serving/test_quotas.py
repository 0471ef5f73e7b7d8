"""How much one caller may ask: refusals tell when to come back, and it is so then."""

import re
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.runtimes import Busy
from server.serving.quotas import MINUTE_S, Bucket, Quotas
from tests.conftest import settings_of


class Clock:
    """A clock that goes on when it is told to."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@given(st.integers(1, 500), st.lists(st.tuples(st.floats(0, 90), st.integers(1, 900)), max_size=20))
def test_who_comes_back_when_told_finds_one(most: int, taken: list[tuple[float, int]]) -> None:
    now = 0.0
    bucket = Bucket(most, now)
    for later, count in taken:
        now += later
        bucket.take(count, now)
    wait = bucket.wait(now)
    assert bucket.wait(now + wait + 0.001) == 0
    assert wait == 0 or bucket.wait(now + wait * 0.99 - 0.01) > 0


def test_calls_at_a_time_are_limited_for_each_caller_alone() -> None:
    quotas = Quotas(settings_of(caller_calls=2), Clock())
    with ExitStack() as stack:
        stack.enter_context(quotas.call("dana"))
        stack.enter_context(quotas.call("dana"))
        with (
            pytest.raises(Busy, match=r"2 calls of yours .* no more calls at a time .* Come back in 2 s"),
            quotas.call("dana"),
        ):
            pass
        stack.enter_context(quotas.call("lee"))
    with quotas.call("dana"):
        pass


def test_calls_in_a_minute_are_limited_and_the_wait_is_true() -> None:
    clock = Clock()
    quotas = Quotas(settings_of(caller_questions=30), clock)

    def call() -> None:
        with quotas.call("dana"):
            pass

    for _ in range(30):
        call()
    with pytest.raises(Busy, match="called 30 times in a minute") as refused:
        call()
    wait = int(re.findall(r"Come back in (\d+) s", str(refused.value))[0])
    clock.at += wait
    call()
    assert wait == 2


def test_operations_read_are_paid_back_before_more_are_read() -> None:
    clock = Clock()
    quotas = Quotas(settings_of(caller_operations=1000), clock)
    with quotas.call("dana") as party:
        party.operations += 1500
    with pytest.raises(Busy, match=r"1,000 operations and more were read for you") as refused, quotas.call("dana"):
        pass
    assert refused.value.wait_s == pytest.approx(31, abs=1)
    clock.at += refused.value.wait_s
    with quotas.call("dana") as again:
        assert again is party
    clock.at += MINUTE_S
    with quotas.call("lee") as other:
        assert other is not party
