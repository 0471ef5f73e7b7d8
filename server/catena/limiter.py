"""One limit for all that shares the credentials: requests keep to the pace, and teach it by how they end.

Where the pace is kept, in this process or where several share it, is the keeper's.
"""

import math
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol, TypeVar

import anyio
import httpx

from ..errors import RateLimited, Unavailable
from .answers import rate_limited
from .pace import Pace
from .turns import Turns

LONGEST_END_S = 0.1
"""The most that telling the keeper of an ended request may hold up a caller that is cancelled."""

_T = TypeVar("_T")


def time_left() -> float:
    """Return the seconds until the caller's deadline; without end once it is over, since then the caller is cancelled."""
    left = anyio.current_effective_deadline() - anyio.current_time()
    return left if left > 0 else math.inf


Act = Callable[[Pace, float], _T]
"""What happens to the pace at a time; it may be done over, on a newer pace."""


class Keeper(Protocol):
    """Keeps the pace. `look_again_s`: after so long it may have changed without a word."""

    look_again_s: float

    @property
    def pace(self) -> Pace:
        """The pace as last seen."""

    def now(self) -> float:
        """Return the time of the clock that the pace goes by."""

    async def step(self, act: Act[_T]) -> _T:
        """Do something to the pace, all of it or nothing."""


class Alone:
    """Keeps the pace of this process."""

    look_again_s = math.inf

    def __init__(self) -> None:
        self.pace = Pace()

    def now(self) -> float:
        """Return the time of anyio's clock."""
        return anyio.current_time()

    async def step(self, act: Act[_T]) -> _T:
        """Do it here and now."""
        return act(self.pace, self.now())


class Limiter:
    """Lets at most `most` requests run; fewer at once when the API pushes back, and slowly more again."""

    def __init__(self, most: int, keeper: Keeper | None = None) -> None:
        self.most = most
        self._keeper = keeper or Alone()
        self._turns = Turns()
        self._ended = anyio.Event()

    @property
    def pace(self) -> Pace:
        """The pace as last seen."""
        return self._keeper.pace

    @property
    def pause_left(self) -> float:
        """Seconds for which everything is held back; below 0 where nothing is."""
        return self.pace.resume_at - self._keeper.now()

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Wait until a request may run, and learn from how it ends.

        Raises:
            RateLimited: The pause outlasts the caller's deadline.
        """
        request = secrets.token_hex(8)
        ending: Act[None] = _nothing_learnt
        try:
            await self._begin(request)
            began = anyio.current_time()
            try:
                yield
            except RateLimited as error:
                ending = partial(Pace.pushed_back, retry_after=error.retry_after, most=self.most)
                raise
            except (Unavailable, httpx.TransportError):
                ending = Pace.strained
                raise
            ending = partial(Pace.calm, seconds=anyio.current_time() - began, most=self.most)
        finally:
            with anyio.move_on_after(LONGEST_END_S, shield=True):
                await self._end(request, ending)

    async def _begin(self, request: str) -> None:
        self._refuse_a_long_pause()
        async with self._turns.one() as turn:
            while wait := await self._keeper.step(partial(Pace.begin, request=request, most=self.most)):
                self._refuse_a_long_pause()
                with anyio.move_on_after(wait if math.isfinite(wait) else self._keeper.look_again_s):
                    await self._ended.wait()
                await self._turns.give_way(turn)

    async def _end(self, request: str, ending: Act[None]) -> None:
        def end(pace: Pace, now: float) -> None:
            pace.running.pop(request, None)
            ending(pace, now)

        await self._keeper.step(end)
        self._ended.set()
        self._ended = anyio.Event()

    def _refuse_a_long_pause(self) -> None:
        if self.pause_left > time_left():
            raise rate_limited(self.pause_left)


def _nothing_learnt(pace: Pace, now: float) -> None:
    """Take nothing from a request that was cancelled, or refused for what it asked."""
