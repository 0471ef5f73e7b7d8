"""Simulate how a limit that nobody announces is found, on a virtual clock: time against what it allows, and refusals.

The pace is the server's own, eight requests at a time; the limits are played. Nothing is waited for and no packet sent.
"""

import heapq
import math
import random
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.catena.pace import Pace

MOST = 8
LATENCY_S = 0.1


class Limit(Protocol):
    """Lets a request through, or tells after how many seconds one may pass."""

    def take(self, now: float) -> float: ...


@dataclass
class Bucket:
    """So many a second, and a burst of so many after a rest; full at the start."""

    rate: float
    burst: float
    level: float = math.inf
    filled: float = 0.0

    def take(self, now: float) -> float:
        self.level = min(self.burst, self.level + (now - self.filled) * self.rate)
        self.filled = now
        if self.level < 1 - 1e-9:
            return (1 - self.level) / self.rate
        self.level -= 1
        return 0.0


@dataclass
class Fixed:
    """So many in each window of so many seconds."""

    most: int
    seconds: float
    window: int = -1
    taken: int = 0

    def take(self, now: float) -> float:
        window = int(now / self.seconds)
        if window != self.window:
            self.window, self.taken = window, 0
        if self.taken == self.most:
            return (window + 1) * self.seconds - now
        self.taken += 1
        return 0.0


class Sliding:
    """So many in any stretch of so many seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds, self.taken = most, seconds, deque[float]()

    def take(self, now: float) -> float:
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        if len(self.taken) == self.most:
            return self.taken[0] + self.seconds - now
        self.taken.append(now)
        return 0.0


class Shared:
    """A bucket that others with the same credentials take from, at times of their own."""

    def __init__(self, rate: float, burst: float, others: float, seed: int = 7) -> None:
        self.bucket, self.others, self.drawn = Bucket(rate, burst), others, random.Random(seed)
        self.next_at = self.drawn.expovariate(others)

    def take(self, now: float) -> float:
        while self.next_at <= now:
            self.bucket.take(self.next_at)
            self.next_at += self.drawn.expovariate(self.others)
        return self.bucket.take(now)


class Told(NamedTuple):
    """What a read came to: seconds, the requests sent, and how many of them were refused."""

    seconds: float
    sent: int
    refused: int


def simulated(
    limit: Limit, requests: int, *, at_once: bool = True, whole: bool = True, pace: Pace | None = None, now: float = 0.0
) -> Told:
    """Play a read of so many requests.

    `at_once`: a refusal comes at once, not after the time of an answer; `whole`: it says to come back in whole seconds.
    """
    pace, names = pace or Pace(), count()
    events: list[tuple[float, int, Callable[[float], None]]] = []
    left, refused, sent, ended, idle = requests, 0, 0, 0.0, MOST

    def at(when: float, act: Callable[[float], None]) -> None:
        heapq.heappush(events, (when, next(names), act))

    def ask(now: float) -> None:
        nonlocal left, idle, sent
        while idle and left:
            name = str(sent)
            if wait := pace.begin(now, name, MOST):
                if math.isfinite(wait):
                    at(now + max(wait, 1e-6), ask)
                return
            left, idle, sent = left - 1, idle - 1, sent + 1
            wait = 0.0 if at_once else LATENCY_S
            at(now + wait, lambda now, name=name, began=now: decided(now, name, began))  # type: ignore[misc]

    def decided(now: float, name: str, began: float) -> None:
        nonlocal left, idle, refused
        if back := limit.take(now):
            pace.running.pop(name, None)
            pace.pushed_back(now, float(math.ceil(back)) if whole else back, MOST)
            left, idle, refused = left + 1, idle + 1, refused + 1
            ask(now)
        else:
            at(began + LATENCY_S, lambda now, name=name, began=began: answered(now, name, began))  # type: ignore[misc]

    def answered(now: float, name: str, began: float) -> None:
        nonlocal idle, ended
        pace.running.pop(name, None)
        pace.calm(now, now - began, MOST)
        idle, ended = idle + 1, now
        ask(now)

    begins = now
    at(begins, ask)
    while events:
        now, _, act = heapq.heappop(events)
        act(now)
    return Told(ended - begins, sent, refused)


def allowed(limit: Limit, requests: int) -> float:
    """Return the seconds of one who knows the limit: eight at a time, each as soon as it is let through.

    Of a limit that is shared the others get what they ask for.
    """
    if isinstance(limit, Shared):
        return (requests - limit.bucket.burst) / (limit.bucket.rate - limit.others)
    free, ended = [0.0] * MOST, 0.0
    now = 0.0
    for _ in range(requests):
        now = max(now, heapq.heappop(free))
        while wait := limit.take(now):
            now += wait + 1e-9
        ended = now + LATENCY_S
        heapq.heappush(free, ended)
    return ended


LIMITS: dict[str, Callable[[], Limit]] = {
    **{f"10/s, burst of {burst}": lambda burst=burst: Bucket(10, burst) for burst in (1, 2, 5, 10, 20, 60)},  # type: ignore[misc]
    "2/s, burst of 2": lambda: Bucket(2, 2),
    "2/s, burst of 20": lambda: Bucket(2, 20),
    "30/s, burst of 1": lambda: Bucket(30, 1),
    "30/s, burst of 30": lambda: Bucket(30, 30),
    "10 in each second": lambda: Fixed(10, 1),
    "100 in each ten seconds": lambda: Fixed(100, 10),
    "10 in any second": lambda: Sliding(10, 1),
    "60 in any ten seconds": lambda: Sliding(60, 10),
    "10/s, burst of 10, others take 3/s": lambda: Shared(10, 10, 3),
    "10/s, burst of 2, others take 3/s": lambda: Shared(10, 2, 3),
}


def main() -> None:
    """Print the table."""
    for requests in (110, 500):
        for at_once in (True, False):
            print(
                f"\n{requests} requests, 429 {'at once' if at_once else f'after {LATENCY_S:.1f} s'}, in whole seconds"
            )
            print("| limit | seconds | it allows | times | refused |\n|---|---|---|---|---|")
            for name, limit in LIMITS.items():
                told, least = simulated(limit(), requests, at_once=at_once), allowed(limit(), requests)
                print(f"| {name} | {told.seconds:.1f} | {least:.1f} | {told.seconds / least:.2f} | "
                      f"{told.refused} of {told.sent} = {told.refused / told.sent:.1%} |")  # fmt: skip


if __name__ == "__main__":
    main()
