"""Reads that came to no end, kept with what they have read, for who asks the same again.

A slow or limited API does not give a large window in the time of one call. Nor does a client that gives up after five
seconds wait for it. If each try began at nothing, neither would ever get an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..store.memory import LONGEST_HELD
from .question import Question

if TYPE_CHECKING:
    import polars as pl

    from ..catena.scan import Scan

MOST_CARRIED = 4
"""A comparison reads two windows, an outcome one more."""

LEAST_ROWS = 400_000
"""So many are kept (about 80 MB) also where a call may read few."""

GOES_ON_FOR = timedelta(minutes=10)
"""How long a part that was told is kept: an assistant and a person between two calls take minutes."""


@dataclass(frozen=True)
class Carried:
    """A read that can go on: its question as it stood when it began, at `as_of`, and until when it is kept.

    `told`: a part of it was an answer, which said to go on. Whoever does wants sums of the very same window; whoever
    only gave up wants to know how it is now, so that is kept for as long as rows are fresh.
    """

    question: Question
    as_of: datetime
    scan: Scan[pl.DataFrame]
    until: datetime
    told: bool = False

    def told_at(self, now: datetime, retry_after: float | None = None) -> Carried:
        """Return the read as it is kept after a part of it was an answer; `retry_after`: seconds it is held back for."""
        until = now + GOES_ON_FOR + timedelta(seconds=min(retry_after or 0, LONGEST_HELD.total_seconds()))
        return replace(self, told=True, until=min(until, self.as_of + LONGEST_HELD))


class Carrying:
    """Keeps at most some reads, of `most_rows` operations in all; what was kept first makes room."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._kept: dict[str, Carried] = {}

    def keep(self, carried: Carried) -> bool:
        """Keep a read; return whether there is room for it and for what it would read next."""
        key = _same(carried.question)
        self._kept.pop(key, None)
        if not carried.scan.may_go_on or carried.scan.rows >= self._most_rows:
            return False
        self._kept[key] = carried
        while len(self._kept) > MOST_CARRIED or self._rows() > self._most_rows:
            del self._kept[next(iter(self._kept))]
        return True

    def take(self, question: Question, now: datetime) -> Carried | None:
        """Take the read of the same window and filters, which may read as much more as the question says."""
        carried = self._kept.pop(_same(question), None)
        if carried is None or now >= carried.until:
            return None
        room = self._most_rows - carried.scan.rows
        carried.scan.allow(question.size, min(question.most, room))
        return carried

    def _rows(self) -> int:
        return sum(carried.scan.rows for carried in self._kept.values())


def _same(question: Question) -> str:
    """Name a question, however much of it a call reads."""
    return replace(question, most=0).key
