"""The pace of several servers with the same credentials, kept where all of them reach it."""

import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import deepcopy
from typing import TypeVar

import anyio
import msgspec

from .limiter import Act
from .pace import Pace

LOOK_AGAIN_S = 0.02
MOST_TRIES = 50
"""Others that may be faster in a row before this one goes by what it knows."""

A_BREATH_S = 0.001
KEPT_S = 600.0
"""How long the pace is kept after the last request, or after a pause that was asked for."""

_T = TypeVar("_T")

Swap = Callable[[bytes, bytes, float], Awaitable[tuple[bool, bytes, float] | None]]
"""Put new bytes in the place of known ones, for so many seconds, if they still stand there; empty: none, or only look.

Returns whether it was done, what stands there now, and the time there; None where nothing can be reached.
"""


class SharedPace:
    """Keeps the pace by compare and swap: every step is made on the newest state, whoever made it.

    While nothing can be reached the last state seen goes on alone, by the same clock.
    """

    look_again_s = LOOK_AGAIN_S

    def __init__(self, swap: Swap) -> None:
        self.pace = Pace()
        self._swap = swap
        self._known = b""
        self._ahead: float | None = None
        self._one = anyio.Lock()

    def now(self) -> float:
        """Return the time of the clock that all of them share, as far as it was seen."""
        return time.time() + (self._ahead or 0.0)

    async def step(self, act: Act[_T]) -> _T:
        """Do something to the newest pace; over again where another was faster."""
        async with self._one:
            if self._ahead is None:
                await self._look()
            for tries in range(MOST_TRIES):
                pace = deepcopy(self.pace)
                told = act(pace, self.now())
                new = msgspec.msgpack.encode(pace)
                if await self._put(new, max(pace.resume_at - self.now(), 0) + KEPT_S):
                    break
                # So that it is not always the same who is faster.
                await anyio.sleep(random.uniform(0, A_BREATH_S * tries))
            self.pace = pace
            return told

    async def _look(self) -> None:
        if told := await self._swap(b"", b"", KEPT_S):
            self._see(*told[1:])

    async def _put(self, new: bytes, kept_s: float) -> bool:
        """Return whether the step counts: it was put in place, or there is no place to put it."""
        told = await self._swap(self._known, new, kept_s)
        if told is None:
            return True
        done, found, clock = told
        self._see(found, clock)
        return done

    def _see(self, found: bytes, clock: float) -> None:
        self._ahead = clock - time.time()
        self._known = found
        with suppress(msgspec.DecodeError):  # not one of ours: the next step puts ours in its place
            pace = msgspec.msgpack.decode(found, type=Pace) if found else self.pace
            self.pace = pace if pace.plausible(clock) else self.pace
