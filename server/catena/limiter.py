"""One limit for all that shares the credentials: how many requests at a time, how many a second, when to hold back.

Catena names no numbers, so they are found. The number at a time begins small and grows by one each round while nothing
pushes back. What is refused then says how much is allowed: what was let through, over the time until it says to come
back. Requests follow each other at that pace, a little faster with each answer, so that a limit is met rarely and by few.

`Pace` is what is known and what follows from it; `Limiter` makes requests keep to it. Where it is kept, in this process
or where several share it, is the keeper's.
"""

import math
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Protocol, TypeVar

import anyio
import httpx
import msgspec

from ..errors import RateLimited, Unavailable
from .answers import rate_limited
from .turns import Turns

FIRST_AT_A_TIME = 4
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0

LONGEST_HOLD_S = 3600.0
"""The most that one word of the API holds requests back; then one of them tries again."""

LONGEST_ANSWER_S = 300.0
"""What an answer takes is believed up to this."""

LOWEST_RATE = 0.5
"""Requests a second below which no pace is taken for granted: a quota of an hour is no pace."""

CLIMB = 1.001
"""How much faster the pace is after each answer."""

SAVED_UP_S = 1.0
"""A limit lets through at once what it allows in about this time; a pause that is shorter hides it."""

IDLE_S = 2.0
"""After so long without a request, what was let through before says nothing of the pace."""

FORGET_S = 60.0
"""After so long without a request, limits are found anew: what pressed on the API then may be gone."""

CLOCKS_DIFFER_S = 60.0
"""What is told of times may be ahead by so much more: the shared clock is known as of the last answer."""

SLOW = 4.0
SLOW_S = 1.0
"""An answer that takes so many times the usual, and at least so many seconds, is a sign of strain."""

LEASE_S = 5.0
"""A request counts as running for so long, or for the usual time of several: its process may be gone."""

LONGEST_END_S = 0.1
"""The most that telling the keeper of an ended request may hold up a caller that is cancelled."""

_T = TypeVar("_T")


def time_left() -> float:
    """Return the seconds until the caller's deadline; without end once it is over, since then the caller is cancelled."""
    left = anyio.current_effective_deadline() - anyio.current_time()
    return left if left > 0 else math.inf


class Pace(msgspec.Struct):
    """What is known of the limit, and which requests run under it. Times are seconds of one clock, given as `now`."""

    at_a_time: Annotated[int, msgspec.Meta(ge=1)] = FIRST_AT_A_TIME
    running: dict[str, float] = {}
    """Until when a request counts as running if nothing more is heard of it."""

    rate: float = 0.0
    """Requests a second that are let through, as far as a limit is known; 0 where none is."""

    latency: float = 0.0
    resume_at: float = 0.0
    next_at: float = 0.0
    pause: float = FIRST_PAUSE_S
    starting: bool = True
    answers: int = 0
    let_through: int = 0
    counted_from: float = -math.inf
    last_at: float = -math.inf
    pushed_at: float = -math.inf
    counted_s: float = math.inf
    """Over how many seconds the rate was counted."""

    saved_s: float = SAVED_UP_S
    """Of how many seconds a limit may have saved up requests when the count began."""

    def begin(self, now: float, request: str, most: int) -> float:
        """Let a request begin: return 0, or the seconds after which to ask again, without end until another ends."""
        self.at_a_time = min(self.at_a_time, most)
        self.running = {name: until for name, until in self.running.items() if until > now}
        if len(self.running) >= self.at_a_time:
            return math.inf
        if (wait := max(self.resume_at, self.next_at) - now) > 0:
            return wait
        if now - self.last_at > IDLE_S:
            self.counted_from, self.let_through, self.saved_s = now, 0, SAVED_UP_S
        if now - self.last_at > FORGET_S and self.rate:
            self.rate, self.starting = 0.0, True
        self.last_at = now
        # Half of what the slots alone would make it: enough to keep answers from coming, and requests leaving, in one burst.
        self.next_at = now + (1 / self.rate if self.rate else self.latency / self.at_a_time / 2)
        self.running[request] = now + min(max(LEASE_S, SLOW * self.latency), LONGEST_ANSWER_S)
        return 0.0

    def calm(self, now: float, seconds: float, most: int) -> None:
        """Note an answer without push-back, and how long it took."""
        if self.latency and seconds > max(SLOW_S, SLOW * self.latency):
            self.strained(now)
        seconds = min(seconds, LONGEST_ANSWER_S)
        self.latency = seconds if not self.latency else 0.8 * self.latency + 0.2 * seconds
        self.pause = FIRST_PAUSE_S
        if now - seconds < self.pushed_at:
            # It had been let through when another was refused.
            self.rate += 1 / self.counted_s if self.rate else 0.0
        else:
            self.let_through += 1
            self.rate *= CLIMB
        if self.rate * self.latency > 2 * most:
            self.rate = 0.0  # far above what the slots can do
        self.answers += 1
        if self.at_a_time < most and self.answers >= (1 if self.starting else 2) * self.at_a_time:
            self.at_a_time += 1
            self.answers = 0

    def strained(self, now: float) -> None:
        """Note an answer that is a fault of the API, or that took very long: one request fewer at a time."""
        self.starting = False
        self.answers = 0
        self.at_a_time = max(1, self.at_a_time - 1)

    def pushed_back(self, now: float, retry_after: float | None, most: int) -> None:
        """Note a 429: halve the requests at a time and hold everything back."""
        # Zero says no more than nothing: often it is a date gone by, where two clocks differ.
        told = min(retry_after, LONGEST_HOLD_S) if retry_after else None
        # The first of a burst of refusals counts: the others were under way already.
        first = now >= max(self.resume_at, self.pushed_at + 2 * self.latency)
        if first and told is None:
            self.pause = min(self.pause * 2, LONGEST_PAUSE_S)
        pause = self.pause if told is None else told
        self.resume_at = max(self.resume_at, now + pause)
        if first:
            self.pushed_at = now
            self.starting = False
            self.answers = 0
            self._find_rate(now - self.counted_from + max(pause, self.saved_s))
            self.saved_s = min(pause, SAVED_UP_S)
            needed = math.ceil(self.rate * self.latency)
            self.at_a_time = min(most, max(1, self.at_a_time // 2, needed))

    def plausible(self, now: float) -> bool:
        """Return whether this can be what `begin` and its like made of a pace; nothing is NaN or far ahead then."""
        latest = now + CLOCKS_DIFFER_S
        held = (self.resume_at, self.counted_from, self.last_at)
        return (
            all(time <= latest + LONGEST_HOLD_S for time in held)
            and all(time <= latest + LONGEST_ANSWER_S for time in (self.next_at, *self.running.values()))
            and self.pushed_at <= latest
            and 0 <= self.latency <= LONGEST_ANSWER_S
            and (self.rate == 0 or LOWEST_RATE <= self.rate < math.inf)
            and 0 < self.pause <= LONGEST_PAUSE_S
            and 0 <= self.saved_s <= SAVED_UP_S
            and self.counted_s > 0
        )

    def _find_rate(self, lasted: float) -> None:
        """Take the pace from what was let through since the last refusal, over the time until requests go on."""
        if self.let_through and math.isfinite(lasted):
            self.rate, self.counted_s = max(self.let_through / lasted, LOWEST_RATE), lasted
        else:
            self.counted_s = math.inf
            self.rate = max(self.rate / 2, LOWEST_RATE) if self.rate else 0.0
        self.counted_from, self.let_through = self.resume_at, 0
        self.last_at = self.resume_at


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
