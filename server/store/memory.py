"""Rows held in this process, by question, for as long as they count as fresh; one read serves all who ask meanwhile."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

MOST_QUESTIONS = 16
LONGEST_HELD = timedelta(minutes=30)
"""Rows older than this answer nothing, and are the beginning of nothing."""

Progress = Callable[[int, float], Awaitable[None]]
"""Told while reading: operations read so far, share of the window read (0 to 1)."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Held(Generic[_T]):
    """What a question read: `rows` operations, from `as_of` on. One not `worth_holding` answers who asked meanwhile.

    `until`: it took several calls, and stands until then although it is no longer fresh.
    """

    value: _T
    as_of: datetime
    rows: int
    worth_holding: bool
    until: datetime | None = None


@dataclass
class _Flight(Generic[_T]):
    """A read under way, and those who wait for it."""

    began: datetime
    landed: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    told: list[Progress] = field(default_factory=list)
    held: Held[_T] | None = None
    error: Exception | None = None

    async def tell(self, rows: int, share: float) -> None:
        for progress in list(self.told):
            await progress(rows, share)


Read = Callable[[Progress], Awaitable[Held[_T]]]


class MemoryStore(Generic[_T]):
    """Holds what was read lately, and lets equal questions share a read under way.

    A read runs beside those who wait for it, so that the first of them can leave without ending it for the others; it
    ends when the last one leaves.
    """

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._held: OrderedDict[Hashable, Held[_T]] = OrderedDict()
        self._flights: dict[Hashable, _Flight[_T]] = {}

    async def answer(
        self,
        question: Hashable,
        now: datetime,
        join_for: timedelta,
        read: Read[_T],
        progress: Progress,
        tasks: TaskGroup,
    ) -> Held[_T]:
        """Return what `read`, run in `tasks`, returns, or an equal read that began at most `join_for` ago."""
        while (flight := self._flights.get(question)) is not None and flight.scope.cancel_called:
            await flight.landed.wait()  # one that all have left must not be joined; it ends at once
        if flight is None or now - flight.began > join_for:
            flight = self._flights[question] = _Flight(now)
            tasks.start_soon(self._fly, question, flight, read)
        flight.told.append(progress)
        try:
            await flight.landed.wait()
        finally:
            flight.told.remove(progress)
            if not flight.told and not flight.landed.is_set():
                flight.scope.cancel()
        if flight.held is None:
            raise flight.error or RuntimeError("the read was cancelled")
        return flight.held

    def held(self, now: datetime) -> list[Held[_T]]:
        """Return all that is held, what was read last first."""
        self._drop_old(now)
        return sorted(self._held.values(), key=lambda held: held.as_of, reverse=True)

    def use(self, used: Held[_T]) -> None:
        """Note that something held was asked for: it makes room last."""
        for question in [q for q, held in self._held.items() if held is used]:
            self._held.move_to_end(question)

    def as_of(self, question: Hashable) -> datetime | None:
        """Return when that was read which is held for a question."""
        held = self._held.get(question)
        return held.as_of if held else None

    def hold(self, question: Hashable, held: Held[_T]) -> None:
        """Hold what was read for a question; what was asked for longest ago makes room."""
        self._held[question] = held
        self._held.move_to_end(question)
        while len(self._held) > MOST_QUESTIONS or (len(self._held) > 1 and self.rows() > self._most_rows):
            self._held.popitem(last=False)

    def _drop_old(self, now: datetime) -> None:
        for question in [q for q, held in self._held.items() if now - held.as_of > LONGEST_HELD]:
            del self._held[question]

    async def _fly(self, question: Hashable, flight: _Flight[_T], read: Read[_T]) -> None:
        try:
            with flight.scope:
                flight.held = await read(flight.tell)
                if flight.held.worth_holding:
                    self.hold(question, flight.held)
        except Exception as exc:  # noqa: BLE001  # it belongs to those who asked; here it would end the server
            flight.error = exc
        finally:
            if self._flights.get(question) is flight:  # else another took its place
                del self._flights[question]
            flight.landed.set()

    def rows(self) -> int:
        """Return how many rows are held."""
        return sum(held.rows for held in self._held.values())
