"""How fast Catena lets requests through, as far as is known, and what follows from it.

Catena names no numbers, so they are found. The number at a time begins small and grows by one with each answer while
nothing pushes back. What is refused then says how much is allowed. Both are unknown, how many a second and how many at
once after a rest: what was let through between two refusals, over the time with the pause before it, is surely allowed,
and without it surely too much. Requests follow each other at a pace between the two, a little faster with each answer, so
that a limit is met rarely and by few. The law is told in docs/how-it-works.md.
"""

import math
from typing import Annotated

import msgspec

FIRST_AT_A_TIME = 4
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0

LONGEST_HOLD_S = 3600.0
"""The most that one word of the API holds requests back; then one of them tries again."""

LONGEST_ANSWER_S = 300.0
"""What an answer takes is believed up to this."""

LOWEST_RATE = 0.5
"""Requests a second below which no pace is taken for granted: a quota of an hour is no pace."""

CLIMB, CLIMB_UNSURE = 0.002, 0.2
"""How much faster the pace is after each answer: once it was measured, and before, the less the longer a burst hides it."""

LESS, LESS_SOON = 0.95, 0.98
"""What is left of a pace that was refused, and of one that was refused soon after a pause."""

LEAST_LEFT, LEAST_LEFT_UNSURE = 0.9, 0.6
"""What one refusal leaves of a pace at least: others may have taken from the limit meanwhile."""

SPEND = 0.6
"""The part of a burst that is spent at once after a pause: others may spend of it too."""

SAVED_UP_S = 1.0
"""A limit lets through at once what it allows in about this time: the first guess, where several were let through."""

SEVERAL, FEW = 8, 4
FAST = 30.0
"""Requests a second that a limit may well allow of which nothing is known yet."""

QUICK_S, A_MILLISECOND_S, A_MICROSECOND_S = 0.1, 1e-3, 1e-6

MOST_TIMES = 24
"""Stretches that are looked at; a limit with a longer burst is measured by its pauses."""

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


class Pace(msgspec.Struct):
    """What is known of the limit, and which requests run under it. Times are seconds of one clock, given as `now`."""

    at_a_time: Annotated[int, msgspec.Meta(ge=1)] = FIRST_AT_A_TIME
    running: dict[str, float] = {}
    """Until when a request counts as running if nothing more is heard of it."""

    rate: float = 0.0
    """The pace, in requests a second, where a limit is known; 0 where none is."""

    latency: float = 0.0
    resume_at: float = 0.0
    next_at: float = 0.0
    """When the next request is due at the pace; it may lie back by what a pause has saved up."""

    pause: float = FIRST_PAUSE_S
    starting: bool = True
    answers: int = 0
    last_at: float = -math.inf
    pushed_at: float = -math.inf
    counting: bool = True
    """Whether requests go on; after a refusal, what those under way come to is awaited before it is judged."""

    let_through: int = 0
    counted_from: float = -math.inf
    times: Annotated[list[float], msgspec.Meta(max_length=MOST_TIMES)] = []
    """When the last of those let through began."""

    saved_s: float = SAVED_UP_S
    """Of how many seconds a limit may have saved up requests when the count began."""

    at_first: tuple[int, float] = (0, 0.0)
    """How many were let through before the first refusal, in how many seconds: from these follows the burst."""

    spend: float = 0.0
    """How many requests saved up are spent at once."""

    measured: bool = False
    """Whether the pace was measured between two refusals; else it is a guess."""

    unsure: tuple[int, float] = (0, 0.0)
    """Requests and seconds between refusals that were too few to measure by."""

    @property
    def burst(self) -> float:
        """How many the limit lets through at once after a rest, at most: what it let through first, less the pace of it."""
        let_through, seconds = self.at_first
        return max(1.0, let_through - (self.rate * seconds if self.measured else 0))

    @property
    def most_running(self) -> int:
        """How many may run: where the limit is known, no more than the pace needs, so that few meet a refusal."""
        return min(self.at_a_time, math.ceil(self.rate * self.latency) + 2) if self.rate else self.at_a_time

    def begin(self, now: float, request: str, most: int) -> float:
        """Let a request begin: return 0, or the seconds after which to ask again, without end until another ends."""
        self.at_a_time = min(self.at_a_time, most)
        self.running = {name: until for name, until in self.running.items() if until > now}
        if len(self.running) >= self.most_running:
            return math.inf
        if self.resume_at > now:
            return self.resume_at - now
        if not self.counting:
            self._judge(most)
        if now - self.last_at > FORGET_S and self.rate:
            self.rate, self.starting, self.measured = 0.0, True, False
        if now - self.last_at > IDLE_S:
            self._count_from(now, IDLE_S)
        due = max(self.next_at, now - (self.spend - 1) / self.rate if self.rate and self.spend > 1 else now)
        if due > now + A_MICROSECOND_S:
            return due - now
        # Half of what the slots alone would make it: enough to keep answers from coming, and requests leaving, in one burst.
        self.next_at = due + (1 / self.rate if self.rate else self.latency / self.at_a_time / 2)
        self.last_at = now
        self.running[request] = now + min(max(LEASE_S, SLOW * self.latency), LONGEST_ANSWER_S)
        return 0.0

    def calm(self, now: float, seconds: float, most: int) -> None:
        """Note an answer without push-back, and how long it took."""
        if self.latency and seconds > max(SLOW_S, SLOW * self.latency):
            self.strained(now)
        seconds = min(seconds, LONGEST_ANSWER_S)
        self.latency = seconds if not self.latency else 0.8 * self.latency + 0.2 * seconds
        self.pause = FIRST_PAUSE_S
        self.let_through += 1
        self.times = [*self.times, now - seconds][-MOST_TIMES:]
        if self.counting and self.rate:
            self.rate *= 1 + (CLIMB if self.measured else CLIMB_UNSURE / (2 + self.burst))
        if self.rate * self.latency > 2 * most:
            self.rate = 0.0  # far above what the slots can do
        self.answers += 1
        calm_round = 1 if self.starting else self.at_a_time if self.rate else 2 * self.at_a_time
        if self.at_a_time < most and self.answers >= calm_round:
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
        self.resume_at = max(self.resume_at, now + (self.pause if told is None else told))
        if first:
            self.pushed_at = now
            self.starting = self.counting = False
            self.answers = 0
            self.at_a_time = max(1, self.at_a_time // 2)

    def plausible(self, now: float) -> bool:
        """Return whether this can be what `begin` and its like made of a pace; nothing is NaN or far ahead then."""
        latest = now + CLOCKS_DIFFER_S
        held = (self.resume_at, self.counted_from, self.last_at)
        counts = (self.at_first, self.unsure)
        return (
            all(time <= latest + LONGEST_HOLD_S for time in held)
            and all(time <= latest + LONGEST_ANSWER_S for time in (self.next_at, *self.running.values()))
            and all(-math.inf < time <= latest for time in self.times)
            and self.pushed_at <= latest
            and 0 <= self.latency <= LONGEST_ANSWER_S
            and (self.rate == 0 or LOWEST_RATE <= self.rate < math.inf)
            and 0 < self.pause <= LONGEST_PAUSE_S
            and 0 <= self.saved_s <= LONGEST_HOLD_S
            and all(count >= 0 and 0 <= seconds < math.inf for count, seconds in counts)
            and 0 <= self.spend < math.inf
        )

    def _judge(self, most: int) -> None:
        """Take the pace from what was let through until the last refusal; see docs/how-it-works.md for the law."""
        lasted = max(self.pushed_at - self.counted_from, A_MILLISECOND_S)
        pause = self.resume_at - self.pushed_at
        if not self.rate:
            self._guess(lasted, pause)
        elif not self.measured:
            self._measure(lasted)
        elif self.let_through < 2 * self.spend + FEW:
            self.spend, self.rate = self.spend / 2, self.rate * LESS_SOON  # what was saved up was not there
        else:
            self.rate *= min(max(self._allowed(lasted) / self.rate, LEAST_LEFT), LESS)
        if self.rate:
            self.rate = max(self.rate, LOWEST_RATE)
            self.next_at = self.pushed_at + 1 / self.rate
            self.at_a_time = min(most, max(self.at_a_time, math.ceil(self.rate * self.latency) + 1))
        self._count_from(self.resume_at, min(pause, LONGEST_HOLD_S))
        self.last_at, self.counting = self.resume_at, True

    def _count_from(self, moment: float, saved_s: float) -> None:
        self.counted_from, self.let_through, self.saved_s, self.times = moment, 0, saved_s, []

    def _guess(self, lasted: float, pause: float) -> None:
        """Take the first refusal: what was let through was saved up, of about a second, or hardly any of it."""
        if not (n := self.let_through) or not math.isfinite(lasted):
            return
        self.at_first, self.unsure, self.spend = (n, lasted), (0, 0.0), SPEND * n
        lowest, highest = n / (lasted + max(pause, SAVED_UP_S)), max(n / max(lasted, QUICK_S), FAST)
        # A burst of several is taken for what is allowed in a second; one or two may be a burst of a high pace or a low.
        doubt = 0.5 * max(0.0, 1 - n / SEVERAL)
        self.rate = lowest * (highest / lowest) ** doubt

    def _measure(self, lasted: float) -> None:
        n, unsure = self.let_through, self.unsure
        whole = (n + unsure[0]) / (lasted + self.saved_s + unsure[1])
        saved_all = whole * self.saved_s <= 1.2 * self.burst
        if (saved_all and n + unsure[0] >= FEW) or n >= 2 * self.burst + FEW:
            self.rate = min(max(whole, self._allowed(lasted)), LESS * self.rate)
            self.measured, self.spend = True, SPEND * self.burst
        else:
            self.unsure = (n + unsure[0], lasted + self.saved_s + unsure[1])
            self.rate = max(min((n + 1) / (lasted + self.saved_s), LESS * self.rate), LEAST_LEFT_UNSURE * self.rate)

    def _allowed(self, lasted: float) -> float:
        """Return a pace that the limit surely lets through, from this count alone.

        No stretch takes more than the burst and what the pace makes of it; the whole count no more than the pause before
        it and itself.
        """
        ended, n = self.pushed_at, len(self.times)
        stretches = [(n - i, ended - began) for i, began in enumerate(self.times) if ended - began > A_MILLISECOND_S]
        of_stretches = [(count - self.burst) / seconds for count, seconds in [*stretches, (self.let_through, lasted)]]
        return max(self.let_through / (lasted + self.saved_s), *of_stretches)
