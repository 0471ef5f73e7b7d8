"""The writes of one record: by its ids where they carry one, by what was written where they do not yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import anyio

from ..analysis.window import Window
from ..catena.query import LONGEST_SPAN, Filters, Query
from ..errors import CatenaError
from ..store.memory import Progress

if TYPE_CHECKING:
    from ..catena.client import CatenaClient
    from ..catena.wire import Operation

PAGE = 1000
LEAST_S = 1.0
"""A read has at least so long, whatever was used up before it."""


@dataclass
class Identity:
    """What is known of a record: where it is, the ids its writes carry, and what its creates wrote."""

    resource: str
    connection_id: str | None = None
    source_ids: set[str] = field(default_factory=set)
    resource_ids: set[str] = field(default_factory=set)
    payloads: set[int] = field(default_factory=set)
    marks: set[tuple[int, ...]] = field(default_factory=set)

    def learn(self, operations: Sequence[Operation]) -> None:
        """Add what some of its writes tell."""
        from ..analysis.marks import marks_of
        from ..analysis.rows import fingerprint

        self.source_ids |= {op.source_id for op in operations if op.source_id}
        self.resource_ids |= {op.resource_id for op in operations if op.resource_id}
        creates = [op for op in operations if op.operation_type == "create"]
        self.payloads |= {written for op in creates if (written := fingerprint(op.payload)) is not None}
        self.marks |= {tuple(marks) for op in creates if (marks := marks_of(op))}

    def owns(self, op: Operation) -> bool:
        """Tell whether a write is of this record: by an id, or as long as it has none that is known, by what was written."""
        if self.connection_id and op.connection_id != self.connection_id:
            return False
        if op.source_id in self.source_ids or op.resource_id in self.resource_ids:
            return True
        has_ids, ids_known = op.source_id or op.resource_id, self.source_ids or self.resource_ids
        return not (has_ids and ids_known) and op.operation_type == "create" and self._wrote(op)

    def _wrote(self, op: Operation) -> bool:
        from ..analysis.marks import agree, marks_of
        from ..analysis.rows import fingerprint

        if self.payloads and fingerprint(op.payload) in self.payloads:
            return True
        marks = marks_of(op) if self.marks else None
        return marks is not None and any(agree(marks, known) for known in self.marks)

    def without_others(self, operations: Sequence[Operation]) -> list[Operation]:
        """Leave out writes with ids where what was written would be that of several records: it leads to none of them."""
        led_to = {op.resource_id or op.source_id for op in operations} - {None, ""}
        if len(led_to) < 2 or self.source_ids or self.resource_ids:
            return list(operations)
        return [op for op in operations if not (op.resource_id or op.source_id)]

    @property
    def known(self) -> frozenset[str | int | tuple[int, ...]]:
        """All that leads to a write of it."""
        return frozenset((*self.source_ids, *self.resource_ids, *self.payloads, *self.marks))

    @property
    def filters(self) -> Filters:
        """What the API can filter all its writes by."""
        return Filters(resource=self.resource, connection_id=self.connection_id)

    @property
    def by_source(self) -> Filters | None:
        """What the API can filter the writes by that carry the id at the TSP; None where there is not just one."""
        return replace(self.filters, source_id=next(iter(self.source_ids))) if len(self.source_ids) == 1 else None


class Found(NamedTuple):
    """Writes of a record. `complete`: all of the window was read; `known`: what led to them, None: the id at the TSP alone.

    `since`: from when on writes without an id at the TSP were looked for, where that is later than the window.
    """

    operations: list[Operation]
    complete: bool
    window: Window
    known: frozenset[str | int | tuple[int, ...]] | None = None
    since: datetime | None = None


@dataclass
class RecordReads:
    """Reads writes of a record until `ends_at`, in at most `reads` parts that share the time."""

    client: CatenaClient
    most: int
    ends_at: float
    progress: Progress
    reads: int = 3

    async def named(self, record: Identity, window: Window) -> Found:
        """Read the writes in a window that what is known of a record leads to.

        Raises:
            CatenaError: Nothing at all could be read.
        """
        return await self._read(record, record.by_source or record.filters, window)

    async def whole(self, record: Identity, first: Found) -> Found:
        """Return all writes, given the first ones that were found, from which `record` has learned, and its connection.

        A window that nobody named reaches as far back as the API takes it, once it can filter by the id at the TSP.
        """
        found, complete, window = first.operations, first.complete, first.window
        if window.default and window.length < LONGEST_SPAN and record.by_source:
            window = replace(window, start=window.end - LONGEST_SPAN)
            more = await self._more(record, record.by_source, window)
            found, complete = [*found, *more.operations], complete and more.complete
            record.learn(more.operations)
        if first.known != record.known or window.start < first.window.start:
            unnamed = await self._more(record, record.filters, window)
            found, complete, since = [*found, *unnamed.operations], complete and unnamed.complete, unnamed.since
        else:
            since = first.since
        return Found(found, complete, window, None if record.by_source else first.known, since)

    async def _more(self, record: Identity, filters: Filters, window: Window) -> Found:
        """Read what adds to writes that are found already: without it they are told as a part."""
        try:
            return await self._read(record, filters, window)
        except CatenaError:
            return Found([], False, window)

    async def _read(self, record: Identity, filters: Filters, window: Window) -> Found:
        from ..catena.scan import Scan

        known = None if filters.source_id else record.known
        scan = Scan(
            self.client,
            Query(filters, window.start, window.end),
            lambda ops: list(filter(record.owns, ops)),
            size=PAGE,
            most=self.most,
            progress=self.progress,
        )
        left_s = max(self.ends_at - anyio.current_time(), LEAST_S)
        read = await scan.run(left_s / self.reads)
        self.reads = max(1, self.reads - 1)
        coverage = read.coverage
        since = None if coverage.complete else coverage.start
        found = record.without_others([op for part in read.parts for op in part])
        return Found(found, coverage.complete, window, known, since)
