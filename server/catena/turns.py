"""Who asks, and fair turns between them: whoever asks for much waits behind themselves, not others behind them."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import anyio


@dataclass(eq=False)
class Party:
    """One who asks, with all that is asked for them at a time; `operations` were read for them so far.

    `served` is greater the later they had a turn.
    """

    operations: int = 0
    served: int = 0


PARTY: ContextVar[Party | None] = ContextVar("party", default=None)
_ALL = Party()


def party() -> Party:
    """Return for whom something is read; one for all where nobody signs in."""
    return PARTY.get() or _ALL


@dataclass(eq=False)
class Turn:
    """One task's place in the line of its party."""

    whose: Party
    come: anyio.Event = field(default_factory=anyio.Event)


class Turns:
    """A lock that goes to the party which has had it longest ago, and there to whoever came first."""

    def __init__(self) -> None:
        self._holder: Turn | None = None
        self._waiting: dict[Party, deque[Turn]] = {}
        self._served = 0

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[Turn]:
        """Wait for a turn, and have it."""
        turn = Turn(party())
        self._line_of(turn).append(turn)
        if self._holder is None:
            self._pass_on()
        await self._come(turn)
        try:
            yield turn
        finally:
            if self._holder is turn:
                self._served += 1
                turn.whose.served = self._served
                self._pass_on()

    async def give_way(self, turn: Turn) -> None:
        """Let another have it first where nothing came of it yet, and one waits who has had it longer ago."""
        if any(whose.served < turn.whose.served for whose in self._waiting):
            turn.come = anyio.Event()
            self._line_of(turn).appendleft(turn)
            self._pass_on()
            await self._come(turn)

    async def _come(self, turn: Turn) -> None:
        try:
            await turn.come.wait()
        except anyio.get_cancelled_exc_class():
            if self._holder is turn:
                self._pass_on()
            else:
                self._line_of(turn).remove(turn)
                self._drop_empty(turn.whose)
            raise

    def _line_of(self, turn: Turn) -> deque[Turn]:
        return self._waiting.setdefault(turn.whose, deque())

    def _pass_on(self) -> None:
        self._holder = None
        if self._waiting:
            whose = min(self._waiting, key=lambda each: each.served)
            self._holder = self._waiting[whose].popleft()
            self._drop_empty(whose)
            self._holder.come.set()

    def _drop_empty(self, whose: Party) -> None:
        if not self._waiting[whose]:
            del self._waiting[whose]
