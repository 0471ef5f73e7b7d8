"""One limit for all that shares the credentials: how many requests at a time, and when to hold back."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from .answers import rate_limited

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0


def time_left() -> float:
    """Return the seconds until the caller's deadline; without end once it is over, since then the caller is cancelled."""
    left = anyio.current_effective_deadline() - anyio.current_time()
    return left if left > 0 else math.inf


class Limiter:
    """Lets at most `most` requests run; falls to half when the API pushes back, climbs by one after a calm round."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots = anyio.CapacityLimiter(most)
        self._resume_at = 0.0
        self._pause = FIRST_PAUSE_S
        self._calm = 0

    @property
    def most(self) -> int:
        """How many requests may run at a time when nothing pushes back."""
        return self._most

    @property
    def concurrency(self) -> int:
        """How many requests may run at a time now."""
        return int(self._slots.total_tokens)

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Wait for a free slot and for the end of a pause, then hold the slot.

        Raises:
            RateLimited: The pause outlasts the caller's deadline.
        """
        self._pause_left()
        async with self._slots:
            while (wait := self._pause_left()) > 0:  # noqa: ASYNC110  # a later 429 moves the time
                await anyio.sleep(wait)
            yield

    def _pause_left(self) -> float:
        wait = self._resume_at - anyio.current_time()
        if wait > time_left():
            raise rate_limited(wait)
        return wait

    def calm(self) -> None:
        """Note an answer without push-back."""
        self._pause = FIRST_PAUSE_S
        self._calm += 1
        if self._calm >= 2 * self.concurrency and self.concurrency < self._most:
            self._slots.total_tokens = self.concurrency + 1
            self._calm = 0

    def pushed_back(self, retry_after: float | None) -> float:
        """Note a 429: halve the concurrency and hold everything back. Return the seconds of the pause."""
        # Zero says no more than nothing: often it is a date gone by, where two clocks differ.
        told = retry_after or None
        now = anyio.current_time()
        if now >= self._resume_at:  # the first of a burst of refusals counts, the others were under way already
            self._slots.total_tokens = max(1, self.concurrency // 2)
            self._calm = 0
            if told is None:
                self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
        pause = self._pause if told is None else told
        self._resume_at = max(self._resume_at, now + pause)
        return self._resume_at - now
