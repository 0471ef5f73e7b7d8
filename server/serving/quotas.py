"""How much one caller may ask: calls at a time, calls and operations in a minute. Who is over is told when to come back."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from dataclasses import dataclass

from ..catena.turns import Party
from ..runtimes import Busy
from ..settings import Settings

MINUTE_S = 60.0
MOST_KNOWN = 10_000
"""Callers of whom it is known what they asked; who asks nothing for a minute is as if never seen."""

A_CALL_S = 2.0
"""After so long it is worth asking whether one of the calls under way has ended."""


class Bucket:
    """So many in a minute, at once or one by one; what was taken beyond is paid back before more is given."""

    def __init__(self, in_a_minute: int, now: float) -> None:
        self._most = float(in_a_minute)
        self._left = self._most
        self._at = now

    def take(self, count: int, now: float) -> None:
        """Take so many, whether they are there or not."""
        self._left = min(self._most, self._left + (now - self._at) * self._most / MINUTE_S) - count
        self._at = now

    def wait(self, now: float) -> float:
        """Return the seconds until there is one."""
        self.take(0, now)
        return max(0.0, 1 - self._left) * MINUTE_S / self._most


@dataclass
class _Known:
    """One caller: as a party at the limiter, and what is left of what they may ask."""

    party: Party
    questions: Bucket
    operations: Bucket
    counted: int = 0
    calls: int = 0


class Quotas:
    """Counts what each caller asks, by whatever names them."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()

    @contextmanager
    def call(self, name: Hashable) -> Generator[Party]:
        """Count a call, and what is read for it, for who calls.

        Raises:
            Busy: That would be more than one caller may ask.
        """
        known = self._of(name)
        self._check(known)
        known.questions.take(1, self._now())
        known.calls += 1
        try:
            yield known.party
        finally:
            known.calls -= 1

    def _of(self, name: Hashable) -> _Known:
        now, settings = self._now(), self._settings
        known = self._known.pop(name, None) or _Known(
            Party(), Bucket(settings.caller_questions, now), Bucket(settings.caller_operations, now)
        )
        self._known[name] = known
        while len(self._known) > MOST_KNOWN and not next(iter(self._known.values())).calls:
            self._known.popitem(last=False)
        return known

    def _check(self, known: _Known) -> None:
        settings, now = self._settings, self._now()
        known.operations.take(known.party.operations - known.counted, now)
        known.counted = known.party.operations
        if known.calls >= settings.caller_calls:
            raise _over(f"{known.calls} calls of yours are still being answered", "calls at a time", A_CALL_S)
        if wait := known.questions.wait(now):
            raise _over(f"You have called {settings.caller_questions:,} times in a minute", "calls in a minute", wait)
        if wait := known.operations.wait(now):
            read = f"{settings.caller_operations:,} operations and more were read for you in a minute"
            raise _over(read, "operations in a minute", wait)


def _over(what: str, limit: str, wait_s: float) -> Busy:
    wait = math.ceil(wait_s)
    return Busy(f"{what}, and one caller has no more {limit} here. Nothing was read. Come back in {wait} s.", wait)
