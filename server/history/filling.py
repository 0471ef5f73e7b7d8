"""Fill a history at the pace the API allows: what is missing, the oldest first, then what may have changed since.

The oldest first, since what became of a record is told by what came later: so each day is put in order once, and memory
stays small. What was read is there at once; whoever is killed goes on where the history ends.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio
import anyio.to_thread
import polars as pl

from ..analysis.held import between, pending_in, settled_late
from ..analysis.rows import joined, rows_of
from ..catena.client import CatenaClient
from ..catena.query import Filters, Query
from ..catena.scan import Scan
from ..catena.window_field import APART, find_window_field
from ..catena.wire import Drift
from ..errors import CatenaError, OpsError
from .kept import History
from .manifest import Part
from .writer import A_DAY, Writer, by_day

PAGE = 1000
ROWS_AT_ONCE = 50_000
"""About so many operations are read before they are written: a second of reading is lost at most."""

FIRST_STRETCH = timedelta(hours=1)
MOST_AT_ONCE = 2_000_000
LONGEST_READ_S = 900.0
MOST_SINGLES = 500
"""Operations of a day that still wait and are read one by one, before all of it is read again."""

AGAIN_AFTER_S = 60.0

Tell = Callable[[int, float], Awaitable[None]]
"""Told how many operations were read, and the share of what was to be read (0 to 1)."""


class NotByCreation(OpsError):
    """The API's windows do not go by the time of creation, which the history is kept by."""


@dataclass
class Filling:
    """One filling of a history by its one writer. `read` counts the operations so far."""

    client: CatenaClient
    history: History
    writer: Writer
    clock: Callable[[], datetime]
    tell: Tell
    read: int = 0
    _unsure: list[tuple[datetime, datetime, datetime, pl.DataFrame, Drift]] = field(default_factory=list)

    async def fill(self, days: int) -> None:
        """Read all that is missing of some days, and what may have changed.

        Raises:
            CatenaError: The API gives no answer; what was read stays.
            NotByCreation: What is read cannot be kept.
        """
        now = self.clock()
        if self.history.folder.manifest().parts:
            self.client.window_field = self.client.window_field or "created_at"
        missing, due = self.history.missing(now, days), self.history.due(now)
        whole = sum((end - start for start, end in missing), timedelta()) or timedelta(seconds=1)
        done, length = timedelta(), FIRST_STRETCH
        for start, end in missing:
            for day, day_ends in by_day(start, end):
                at = day
                while at < day_ends:
                    until = min(at + length, day_ends)
                    rows = await self._stretch(at, until)
                    done, at = done + (until - at), until
                    length = min(length * min(8.0, max(0.1, ROWS_AT_ONCE / max(rows, 1))), A_DAY)
                    await self.tell(self.read, done / whole)
                await self._tidy(now)
        for part in due:
            await self._again(part)
        await self._tidy(now)
        if self._unsure:
            raise NotByCreation(_NOTHING_TELLS)

    async def follow(self, days: int) -> None:
        """Fill again and again; what the API does not answer now is read later."""
        while True:
            wait_s = AGAIN_AFTER_S
            try:
                await self.fill(days)
            except CatenaError as exc:
                if not exc.may_heal:
                    raise
                wait_s = getattr(exc, "retry_after", None) or wait_s
            await anyio.sleep(wait_s)

    async def _stretch(self, start: datetime, end: datetime) -> int:
        """Read a stretch whole and keep it; return how many operations it holds."""
        rows = 0
        while start < end:
            as_of = self.clock()
            query = Query(Filters(), start, end)
            scan = Scan(self.client, query, rows_of, size=PAGE, most=MOST_AT_ONCE)
            read = await scan.run(LONGEST_READ_S)
            coverage = read.coverage
            begins = max([coverage.start or end, *(hole[1] for hole in coverage.holes)])
            frame = await anyio.to_thread.run_sync(joined, read.parts)
            if self.client.window_field is None and (known := settled_late(frame, APART)):
                await find_window_field(self.client, query, *known)
            kept = between(frame, begins, end)
            drift = _with_strays(coverage.drift, len(frame) - len(between(frame, start, end)))
            self.read, rows = self.read + len(kept), rows + len(kept)
            await self._keep(begins, end, as_of, kept, drift)
            end = begins  # what a read that ended early did not cover
        return rows

    async def _keep(self, start: datetime, end: datetime, as_of: datetime, frame: pl.DataFrame, drift: Drift) -> None:
        """Write what was read, once it is known that windows go by creation."""
        if self.client.window_field == "unknown":
            raise NotByCreation(_BY_SOMETHING_ELSE)
        self._unsure.append((start, end, as_of, frame, drift))
        if self.client.window_field == "created_at":
            for kept in self._unsure:
                await anyio.to_thread.run_sync(self.writer.put, *kept)
            self._unsure.clear()

    async def _again(self, part: Part) -> None:
        """Read a part again, or only what still waits in it where nothing else can have changed."""
        if part.ripe and part.waiting <= MOST_SINGLES:
            old, as_of = await anyio.to_thread.run_sync(self.writer.rows, [part]), self.clock()
            found = rows_of(await self.client.operations(pending_in(old), leave_out_gone=True))
            frame = await anyio.to_thread.run_sync(joined, [old, found])
            await anyio.to_thread.run_sync(self.writer.put, part.start, part.end, as_of, frame, part.drift)
        else:
            await self._stretch(part.start, part.end)

    async def _tidy(self, now: datetime) -> None:
        while await anyio.to_thread.run_sync(self.writer.tidy, now):
            pass


def _with_strays(drift: Drift, outside: int) -> Drift:
    """Return what did not look like the contract, with the operations outside the stretch counted."""
    counted = Drift(Counter(), Counter(), Counter())
    counted.add(drift)
    counted.outside += outside
    return counted


_BY_SOMETHING_ELSE = (
    "A window of the API does not go by created_at, or nothing tells that it does, so what is read cannot be kept by time. "
    "Unset CATENA_HISTORY_URL; questions are answered without it."
)
_NOTHING_TELLS = (
    "Nothing that was read tells by which time the API's windows go (there is no operation that ended a second after it "
    "was created), so nothing was kept. Try again when there are operations."
)
