"""A stretch of a window and what was read of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from .order import Order
from .walk import Walk
from .wire import Drift, Operation, Page

_T = TypeVar("_T")


@dataclass(eq=False)
class Shard(Generic[_T]):
    """A stretch of the window and what was read of it so far; `torn` while a page of it is being taken in.

    `taken`: its older part is another shard now, so that its walk goes beyond its start.
    """

    start: datetime
    end: datetime
    walk: Walk | None = None
    pages: int = 0
    torn: bool = False
    taken: bool = False
    parts: list[_T] = field(default_factory=list)
    rows: int = 0
    drift: Drift = field(default_factory=Drift)
    last: datetime | None = None
    reach: tuple[datetime, ...] = ()
    page_rows: int = 0
    page_span: timedelta = timedelta()

    def __lt__(self, other: "Shard[_T]") -> bool:
        return self.end > other.end

    @property
    def rest(self) -> float:
        """About how many rows are still to come, if they go on as thick as on the page read last."""
        if self.last is None or not self.page_span:
            return 0.0
        return self.page_rows * max((self.last - self.start) / self.page_span, 0.0)

    def within(self, operations: list[Operation]) -> list[Operation]:
        """Return a page without what is older than the shard, where another has taken its older part meanwhile."""
        if not self.taken:
            return operations
        kept = [op for op in operations if op.created_at >= self.start]
        self.rows -= len(operations) - len(kept)
        self.reach = tuple(max(moment, self.start) for moment in self.reach)
        return kept

    def without_last(self, operations: list[Operation]) -> list[Operation]:
        """Return a page without the moment of its last row: more rows of it may be unread, so it is left to the rest."""
        kept = [op for op in operations if op.created_at != self.last]
        self.rows -= len(operations) - len(kept)
        return kept

    def add(self, page: Page, order: Order) -> None:
        """Note how far the rows of a page reach and in which order they come."""
        self.pages += 1
        moments = [op.created_at for op in page.items]
        if moments:
            self.page_rows, self.page_span = len(moments), max(moments) - min(moments)
            order.add(moments if self.last is None else [self.last, *moments], page.items)
            self.last = moments[-1]
            known = [*self.reach, *moments]
            self.reach = (min(known), max(known))
        self.rows += len(page.items)
        self.drift.add(page.drift)
