"""A window that the history holds in part: its parts that stand, and what is read now of the rest."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread
import polars as pl
from anyio.abc import TaskGroup

from ..analysis.folded import operations_in
from ..analysis.held import between, pending_in
from ..analysis.rows import rows_of
from ..analysis.window import Window
from ..catena.coverage import Coverage
from ..catena.query import Filters, iso, second
from ..catena.scan import why
from ..errors import CatenaError, OpsError
from ..history.manifest import Part, Stretch, drift_of, gaps
from ..history.past import Past, PastAndMore
from .kept import Rows
from .question import MOST_SINGLES, Question, Reading

if TYPE_CHECKING:
    from ..catena.wire import Operation
    from ..causes.memory import Memory
    from ..history.kept import History

logger = logging.getLogger(__name__)

Read = Callable[[Question], Awaitable[tuple[Reading, datetime]]]
LookUp = Callable[[Sequence[tuple[str, str]]], Awaitable[list["Operation"]]]


@dataclass
class _Rest:
    """What was read now of a window, and which stretches of it could not be read, and why."""

    readings: list[Reading] = field(default_factory=list)
    holes: list[Stretch] = field(default_factory=list)
    stopped: str = ""
    retry_after: float | None = None

    def missing(self, holes: Sequence[Stretch], stopped: str, retry_after: float | None) -> None:
        self.holes += holes
        self.stopped, self.retry_after = self.stopped or stopped, self.retry_after or retry_after

    def add(self, reading: Reading, start: datetime, end: datetime) -> None:
        """Take what was read of a stretch; what is not covered of it is a hole."""
        coverage = reading.coverage
        covered = coverage.start or end
        if covered < end:
            self.readings.append(reading)
        if not coverage.complete:
            ahead = [(start, covered)] if covered > start else []
            self.missing([*ahead, *coverage.holes], coverage.stopped, coverage.retry_after)


@dataclass
class Beyond:
    """Answers from the history where it can, and keeps there what was read of all operations."""

    history: History
    clock: Callable[[], datetime]
    tasks: TaskGroup

    async def answer(
        self, question: Question, refresh: bool, read: Read, look_up: LookUp
    ) -> tuple[Reading, datetime] | None:
        """Return a window put together from the history and from what is read now; None where the history has nothing.

        Raises:
            CatenaError: What the history lacks cannot be read, and asking again will not help.
        """
        window, now = question.window, self.clock()
        standing = partial(self.history.standing, window.start, window.end, now, settled=refresh)
        parts = await anyio.to_thread.run_sync(standing)
        if not parts:
            return None
        rest = await _read_rest(question, list(gaps(window.start, window.end, parts))[::-1], read)
        if any(not reading.by_creation for reading in rest.readings):
            return None
        start, holes = _without_edge(window.start, sorted(rest.holes))
        end = rest.readings[0].window.end if rest.readings and not _ends(holes, window.end) else window.end
        parts = [part for part in parts if part.end > start and part.start < end]
        try:
            past = await anyio.to_thread.run_sync(partial(self.history.past, parts, start, end, question.filters))
        except (OSError, pl.exceptions.PolarsError):
            logger.exception("The history cannot be read.")
            return None
        past, singles = await _looked_up(past, look_up)
        more = [between(reading.frame, start, end) for reading in rest.readings]
        drift = drift_of(parts)
        for reading in rest.readings:
            drift.add(reading.coverage.drift)
        coverage = Coverage(
            start=start,
            end=end,
            cut_at=None,
            complete=start == window.start and not holes,
            pages=sum(reading.coverage.pages for reading in rest.readings) + singles,
            drift=drift,
            stopped=rest.stopped,
            retry_after=rest.retry_after,
            holes=tuple(holes),
        )
        frame = await anyio.to_thread.run_sync(past.frame, *more)
        kept = operations_in(frame) - sum(map(len, more))
        told = Reading(
            replace(window, end=end),
            coverage,
            question.filters,
            by_creation=True,
            rows=Rows(frame, closer=PastAndMore(past, more) if past.folded else None),
            kept=kept,
            note=_note(kept, parts, 0 if singles else len(pending_in(past.rows))),
        )
        return told, now

    async def seen_before(
        self, question: Question, sources: Collection[str], memory: Memory
    ) -> tuple[dict[str, str], str | None]:
        """Return, by its id, when each cause of some TSPs failed before a window, in words, and since when that is known."""
        start = question.window.start
        ask = partial(self.history.earlier, start, question.filters, sources, memory)
        try:
            begins, found = await anyio.to_thread.run_sync(ask)
        except (OSError, pl.exceptions.PolarsError):
            logger.exception("The history cannot be read.")
            return {}, None
        told = {
            name: f"{earlier.failed:,} from {second(earlier.first)} to {second(earlier.last)}"
            for name, earlier in found.items()
        }
        if begins is None:
            return told, None
        return told, f"seen_before looks back to {second(begins)}; causes without it did not fail since."

    def keep(self, question: Question, reading: Reading, as_of: datetime) -> None:
        """Keep what was read of all operations in the history; nobody waits for it."""
        coverage = reading.coverage
        if question.start or question.filters != Filters() or not reading.by_creation or coverage.holes:
            return
        if coverage.start is None or coverage.end is None:
            return
        keep = partial(self.history.keep, coverage.start, coverage.end, as_of, reading.frame, coverage.drift)

        async def put() -> None:
            try:
                await anyio.to_thread.run_sync(keep)
            except (OSError, OpsError, pl.exceptions.PolarsError):  # here it would end the server
                logger.exception("What was read could not be kept in the history.")

        self.tasks.start_soon(put)


async def _read_rest(question: Question, stretches: Sequence[Stretch], read: Read) -> _Rest:
    """Read some stretches of a window, the newest first, until one cannot be read."""
    rest, window = _Rest(), question.window
    for number, (start, end) in enumerate(stretches):
        ago = window.ago[1] if end == window.end else None
        try:
            reading, _ = await read(replace(question, window=Window(start, end, ago=(None, ago))))
        except CatenaError as exc:
            if not exc.may_heal:
                raise
            rest.missing(stretches[number:], why(exc), getattr(exc, "retry_after", None))
            break
        rest.add(reading, start, end)
        if not reading.coverage.complete:
            rest.missing(stretches[number + 1 :], reading.coverage.stopped, None)
            break
    return rest


def _without_edge(start: datetime, holes: list[Stretch]) -> tuple[datetime, list[Stretch]]:
    """Begin a window behind what is missing at its beginning: there is no hole, but its end."""
    while holes and holes[0][0] <= start:
        start = holes.pop(0)[1]
    return start, holes


def _ends(holes: Sequence[Stretch], end: datetime) -> bool:
    return any(last == end for _, last in holes)


async def _looked_up(past: Past, look_up: LookUp) -> tuple[Past, int]:
    """Read again what waited in the history, where that is little; return how many requests it took."""
    waiting = pending_in(past.rows)
    if not waiting or len(waiting) > MOST_SINGLES:
        return past, 0
    try:
        now_told = rows_of(await look_up(waiting))
    except CatenaError:  # it stands as it was read, and the note says so
        return past, 0
    rows = past.rows.filter(~pl.col("id").is_in(now_told["id"].implode()))
    return replace(past, rows=pl.concat([rows, now_told])), len(now_told)


def _note(kept: int, parts: Sequence[Part], waiting: int) -> str:
    """Say what the history adds, and how old the youngest of it is."""
    told = f"{kept:,} operations are from the history"
    young = [part for part in parts if not part.ripe]
    if young:
        told += f"; of them those since {iso(young[0].start)} as read at {second(min(p.as_of for p in young))} or later"
    if waiting:
        told += f", among them {waiting:,} that waited then and were not asked for again"
    return f"{told}."
