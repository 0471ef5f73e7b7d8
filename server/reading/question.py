"""What a call wants read, and what rows that were read hold the answer to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ..analysis.window import Window
from ..catena.query import Filters, Query
from .kept import Rows

if TYPE_CHECKING:
    import polars as pl

    from ..analysis.folded import Closer
    from ..catena.bookmark import Bookmark
    from ..catena.coverage import Coverage

MOST_SINGLES = 25
"""Operations that still waited, here or in the history, and are read again one by one."""

OVERLAP = timedelta(minutes=5)
"""How much of what was held is read again where a window has moved on: operations may show up late."""


@dataclass(frozen=True)
class Question:
    """What a call wants read. `most`: operations at most; `start`: read on from there in the API's order."""

    filters: Filters
    window: Window
    size: int
    most: int
    start: Bookmark | None = None

    @property
    def query(self) -> Query:
        """The question as the API takes it."""
        return Query(self.filters, self.window.start, self.window.end)

    @property
    def key(self) -> str:
        """Equal for questions that want the same rows, also when now has moved on between them."""
        wanted = (self.filters, self.window.ends, self.most, self.start.encode() if self.start else "")
        return msgspec.json.encode(wanted).decode()


@dataclass(frozen=True)
class Extent:
    """What rows cover. `by_creation`: the window is known to go by `created_at`, so a part of it is whole."""

    window: Window
    coverage: Coverage
    filters: Filters
    by_creation: bool

    def window_of(self, question: Question, fresh_for: timedelta) -> Window | None:
        """Return the window of a question as it stands in these rows; None where some of it may lack here.

        Its ends lie within `fresh_for` of those asked for.
        """
        from ..analysis.held import narrower

        window = question.window.moved_back(self.window, fresh_for)
        same = (window.start, window.end) == (self.window.start, self.window.end)
        inside = self.by_creation and self.window.start <= window.start and window.end <= self.window.end
        return window if (same or inside) and narrower(self.filters, question.filters) else None

    def begins(self, question: Question) -> bool:
        """Return whether these rows are most of a question's window, whose end has moved on."""
        own, window = self.window, question.window
        held = own.start <= window.start < own.end - 2 * OVERLAP and window.end > own.end
        return self.by_creation and held and self.filters == question.filters


@dataclass(frozen=True)
class Reading(Extent):
    """Rows of a question, and what they cover.

    `kept` of its operations are from the history, which `note` tells of; `closer` where rows stand for several of them.
    """

    rows: Rows
    kept: int = 0
    note: str | None = None

    @property
    def frame(self) -> pl.DataFrame:
        """The rows as a frame."""
        return self.rows.frame

    @property
    def closer(self) -> Closer | None:
        """What tells single operations, where rows stand for several."""
        return self.rows.closer

    def told_to(self, question: Question) -> Reading:
        """Return the same rows for one who asked for the same in other words."""
        return replace(self, window=replace(self.window, default=question.window.default))

    def cut(self, question: Question, fresh_for: timedelta) -> Reading | None:
        """Return the rows of another question that are all here; None where a request is needed."""
        window = self.window_of(question, fresh_for)
        if window is None:
            return None
        whole = (window.start, window.end) == (self.window.start, self.window.end)
        same = whole and question.filters == self.filters
        rows = self.rows if same else self._part(question.filters, None if whole else (window.start, window.end))
        # More than one call may read where several calls took part in it.
        if len(rows.frame) > question.most and not self.coverage.carried:
            return None
        coverage = replace(self.coverage, start=window.start, end=window.end, pages=self.coverage.pages if same else 0)
        return Reading(window, coverage, question.filters, self.by_creation, rows)

    def _part(self, filters: Filters, stretch: tuple[datetime, datetime] | None) -> Rows:
        from ..analysis.held import between, within

        def cut(frame: pl.DataFrame) -> pl.DataFrame:
            frame = within(frame, self.filters, filters)
            return between(frame, *stretch) if stretch else frame

        return self.rows.part(cut, (filters, stretch))
