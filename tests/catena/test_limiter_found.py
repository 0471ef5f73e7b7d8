"""A limit that nobody announces is found, whatever its kind: rate and burst, windows, others that take from it."""

import pytest

from benchmarks.pace import LIMITS, allowed, simulated
from server.catena.pace import Pace

TIMES = {"30/s, burst of 1": 2.0, "10 in any second": 1.45, "10/s, burst of 10, others take 3/s": 1.9}
REFUSED = {"10/s, burst of 2, others take 3/s": 0.07}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("name", LIMITS)
def test_a_long_read_takes_little_more_than_the_limit_allows(name: str, at_once: bool) -> None:
    told = simulated(LIMITS[name](), 500, at_once=at_once)
    assert told.seconds <= TIMES.get(name, 1.35 if "others" not in name else 2.0) * allowed(LIMITS[name](), 500)
    assert told.refused <= REFUSED.get(name, 0.06) * told.sent


@pytest.mark.parametrize("burst", [5, 10, 20])
def test_a_read_of_a_hundred_pages_is_near_the_limit_and_few_requests_are_refused(burst: int) -> None:
    told = simulated(LIMITS[f"10/s, burst of {burst}"](), 110)
    assert told.seconds <= 1.15 * allowed(LIMITS[f"10/s, burst of {burst}"](), 110)
    assert told.refused <= 5


@pytest.mark.parametrize("name", ["10/s, burst of 2", "10/s, burst of 10", "30/s, burst of 30"])
def test_what_was_found_serves_the_next_read(name: str) -> None:
    limit, pace = LIMITS[name](), Pace()
    first = simulated(limit, 110, pace=pace)
    again = simulated(LIMITS[name](), 110, pace=pace, now=first.seconds + 1)
    assert again.seconds <= 1.2 * allowed(LIMITS[name](), 110)
    assert again.refused <= 3


def test_an_api_without_a_limit_is_never_slowed_down() -> None:
    told = simulated(LIMITS["10/s, burst of 60"](), 55)
    assert told.refused == 0
    assert told.seconds < 1.0
