"""Who asks, and fair turns between them: whoever asks for much waits behind themselves, not others behind them."""

from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import anyio


@dataclass(eq=False)
class Party:
    """One who asks, with all that is asked for them at a time; `operations` were read for them so far."""

    operations: int = 0


PARTY: ContextVar[Party | None] = ContextVar("party", default=None)
_ALL = Party()


def party() -> Party:
    """Return for whom something is read; one for all where nobody signs in."""
    return PARTY.get() or _ALL


class Turns:
    """A lock that goes from party to party, and to each of a party's tasks in the order they came."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: OrderedDict[Party, deque[anyio.Event]] = OrderedDict()

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """Wait for a turn, and have it."""
        await self._take()
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self) -> None:
        if not self._taken:
            self._taken = True
            return
        whose, turn = party(), anyio.Event()
        self._waiting.setdefault(whose, deque()).append(turn)
        try:
            await turn.wait()
        except anyio.get_cancelled_exc_class():
            if turn.is_set():
                self._pass_on()
            else:
                self._leave(whose, turn)
            raise

    def _leave(self, whose: Party, turn: anyio.Event) -> None:
        self._waiting[whose].remove(turn)
        if not self._waiting[whose]:
            del self._waiting[whose]

    def _pass_on(self) -> None:
        """Give the turn to the party that waits for longest, which then is the last to have another."""
        self._taken = bool(self._waiting)
        if self._taken:
            whose, tasks = self._waiting.popitem(last=False)
            turn = tasks.popleft()
            if tasks:
                self._waiting[whose] = tasks
            turn.set()
