"""One limit for all that shares the credentials: how many requests at a time, how many a second, when to hold back.

Catena names no numbers, so they are found. The number at a time begins small and grows by one each round while nothing
pushes back. What is refused then says how much is allowed: what was let through, over the time until it says to come
back. Requests follow each other at that pace, a little faster with each answer, so that a limit is met rarely and by few.
"""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from .answers import rate_limited

FIRST_AT_A_TIME = 2
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0

LOWEST_RATE = 0.5
"""Requests a second below which no pace is taken for granted: a quota of an hour is no pace."""

CLIMB = 1.003
"""How much faster the pace is after each answer."""

SAVED_UP_S = 1.0
"""A limit lets through at once what it allows in about this time; a pause that is shorter hides it."""

IDLE_S = 2.0
"""After so long without a request, what was let through before says nothing of the pace."""

FORGET_S = 60.0
"""After so long without a request, limits are found anew: what pressed on the API then may be gone."""

SLOW = 4.0
SLOW_S = 1.0
"""An answer that takes so many times the usual, and at least so many seconds, is a sign of strain."""


def time_left() -> float:
    """Return the seconds until the caller's deadline; without end once it is over, since then the caller is cancelled."""
    left = anyio.current_effective_deadline() - anyio.current_time()
    return left if left > 0 else math.inf


class Limiter:
    """Lets at most `most` requests run; falls at once when the API pushes back, and climbs slowly."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots = anyio.CapacityLimiter(min(FIRST_AT_A_TIME, most))
        self._starting = True
        self._resume_at = 0.0
        self._pause = FIRST_PAUSE_S
        self._calm = 0
        self._rate = 0.0
        self._next_at = 0.0
        self._latency = 0.0
        self._let_through = 0
        self._counted_from = self._last_at = self._pushed_at = -math.inf

    @property
    def most(self) -> int:
        """How many requests may run at a time when nothing pushes back."""
        return self._most

    @property
    def concurrency(self) -> int:
        """How many requests may run at a time now."""
        return int(self._slots.total_tokens)

    @property
    def rate(self) -> float:
        """Requests a second that are let through, as far as a limit is known; 0 where none is."""
        return self._rate

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Wait for a free slot, for the end of a pause and for the pace, then hold the slot.

        Raises:
            RateLimited: The pause outlasts the caller's deadline.
        """
        self._pause_left()
        async with self._slots:
            while (wait := max(self._pause_left(), self._next_at - anyio.current_time())) > 0:  # noqa: ASYNC110  # others move the time
                await anyio.sleep(wait)
            began = self._begin()
            yield
            self._took(anyio.current_time() - began)

    def _begin(self) -> float:
        now = anyio.current_time()
        if now - self._last_at > IDLE_S:
            self._counted_from, self._let_through = now, 0
        if now - self._last_at > FORGET_S and self._rate:
            self._rate, self._starting = 0.0, True
        self._last_at = now
        # Half of what the slots alone would make it: enough to keep answers from coming, and requests leaving, in one burst.
        gap = 1 / self._rate if self._rate else self._latency / self.concurrency / 2
        self._next_at = now + gap
        return now

    def _took(self, seconds: float) -> None:
        if seconds > max(SLOW_S, SLOW * self._latency) and self._latency:
            self.strained()
        self._latency = seconds if not self._latency else 0.8 * self._latency + 0.2 * seconds

    def _pause_left(self) -> float:
        wait = self._resume_at - anyio.current_time()
        if wait > time_left():
            raise rate_limited(wait)
        return wait

    def calm(self) -> None:
        """Note an answer without push-back."""
        self._pause = FIRST_PAUSE_S
        self._let_through += 1
        self._rate *= CLIMB
        if self._rate * self._latency > 2 * self._most:
            self._rate = 0.0  # far above what the slots can do
        self._calm += 1
        rounds = 1 if self._starting else 2
        if self._calm >= rounds * self.concurrency and self.concurrency < self._most:
            self._slots.total_tokens = self.concurrency + 1
            self._calm = 0

    def strained(self) -> None:
        """Note an answer that is a fault of the API, or that took very long: one request fewer at a time."""
        self._starting = False
        self._calm = 0
        self._slots.total_tokens = max(1, self.concurrency - 1)

    def pushed_back(self, retry_after: float | None) -> float:
        """Note a 429: halve the concurrency and hold everything back. Return the seconds of the pause."""
        # Zero says no more than nothing: often it is a date gone by, where two clocks differ.
        told = retry_after or None
        now = anyio.current_time()
        # The first of a burst of refusals counts: the others were under way already.
        first = now >= max(self._resume_at, self._pushed_at + 2 * self._latency)
        if first and told is None:
            self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
        pause = self._pause if told is None else told
        self._resume_at = max(self._resume_at, now + pause)
        if first:
            self._pushed_at = now
            self._starting = False
            self._calm = 0
            self._find_rate(now - self._counted_from + max(pause, SAVED_UP_S))
            needed = math.ceil(self._rate * self._latency)
            self._slots.total_tokens = min(self._most, max(1, self.concurrency // 2, needed))
        return self._resume_at - now

    def _find_rate(self, lasted: float) -> None:
        """Take the pace from what was let through since the last refusal, over the time until requests go on."""
        if self._let_through and math.isfinite(lasted):
            self._rate = max(self._let_through / lasted, LOWEST_RATE)
        else:
            self._rate = max(self._rate / 2, LOWEST_RATE) if self._rate else 0.0
        self._counted_from, self._let_through = self._resume_at, 0
        self._last_at = self._resume_at
