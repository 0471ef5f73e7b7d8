"""Rows held in this process, by question, for as long as they count as fresh."""

from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import anyio

MOST_QUESTIONS = 16

_T = TypeVar("_T")


@dataclass(frozen=True)
class Held(Generic[_T]):
    """What a question read: `rows` operations, from `as_of` on. One not `worth_holding` is answered once."""

    value: _T
    as_of: datetime
    rows: int
    worth_holding: bool


class MemoryStore(Generic[_T]):
    """Answers equal questions from one read: one made lately, or one under way."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._held: OrderedDict[Hashable, Held[_T]] = OrderedDict()
        self._locks: defaultdict[Hashable, anyio.Lock] = defaultdict(anyio.Lock)

    async def answer(
        self, question: Hashable, now: datetime, fresh_for: timedelta, read: Callable[[], Awaitable[Held[_T]]]
    ) -> Held[_T]:
        """Return what is held for `question` if it is fresh, else what `read` returns, read once for all who ask."""
        lock = self._locks[question]
        async with lock:
            held = self._held.get(question)
            if held is not None and now - held.as_of < fresh_for:
                self._held.move_to_end(question)
                return held
            held = await read()
            if held.worth_holding:
                self._hold(question, held)
        if not lock.statistics().tasks_waiting and question not in self._held:
            self._locks.pop(question, None)
        return held

    def _hold(self, question: Hashable, held: Held[_T]) -> None:
        self._held[question] = held
        self._held.move_to_end(question)
        while len(self._held) > MOST_QUESTIONS or (len(self._held) > 1 and self._rows() > self._most_rows):
            oldest, _ = self._held.popitem(last=False)
            self._locks.pop(oldest, None)

    def _rows(self) -> int:
        return sum(held.rows for held in self._held.values())
