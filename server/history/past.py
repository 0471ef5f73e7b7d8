"""The rows of a window that a history holds: to the moment where they are few, else folded."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

import polars as pl

from ..analysis.folded import TIMES
from ..analysis.held import between, within
from ..analysis.rows import SCHEMA
from ..catena.query import Filters
from .folder import Folder
from .folding import HASHED, HOUR, PLACE, as_rows, related
from .manifest import Part
from .writer import stands

FEW_ROWS = 200_000
"""So many operations are told one by one: it takes no longer."""

FOLDED_FROM = timedelta(days=1)
"""Shorter windows are told in stretches of less than an hour."""

AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Past:
    """What some parts hold of a window. `rows` are single operations, `cells` several each; see `folding`.

    `plain` are the operations of the cells, on disk; in the hours `apart` they are told one by one.
    """

    rows: pl.DataFrame
    cells: pl.DataFrame
    plain: pl.LazyFrame
    apart: frozenset[datetime]

    @property
    def folded(self) -> bool:
        """Whether rows stand for several operations."""
        return not self.cells.is_empty()

    def frame(self, *more: pl.DataFrame) -> pl.DataFrame:
        """Return all operations, and more that were read now."""
        return self._put_together(self.apart, list(SCHEMA), more)

    def at(self, moments: Collection[datetime], *more: pl.DataFrame) -> pl.DataFrame:
        """Return place, time and status of all operations, one by one in the hours of some moments too."""
        apart = self.apart | {_hour(moment) for moment in moments}
        return self._put_together(apart, [*PLACE, "created_at", "status"], more)

    def of(self, failed: pl.DataFrame, story: pl.DataFrame) -> pl.DataFrame:
        """Return the operations behind the cells that may be of a record that failed."""
        return related(self.plain, failed, story) if self.folded else story.clear()

    def _put_together(
        self, apart: frozenset[datetime], columns: list[str], more: Iterable[pl.DataFrame]
    ) -> pl.DataFrame:
        if not self.folded:
            return pl.concat([self.rows, *more]).select(columns)
        single = [self.rows, *more, self.plain.filter(_in_hours(apart)).select(columns).collect()]
        hours = pl.Series(sorted(apart), dtype=pl.Datetime("us", "UTC"))
        cells = self.cells.filter(~HOUR.is_in(hours.implode()))
        counted = [rows.select(*columns, pl.lit(1, pl.UInt32).alias(TIMES)) for rows in single]
        return pl.concat([*counted, cells.select(*columns, TIMES)])


@dataclass(frozen=True)
class PastAndMore:
    """What a history holds of a window and what was read beside it; a `Closer` for both together."""

    past: Past
    more: Sequence[pl.DataFrame]

    def at(self, moments: Collection[datetime]) -> pl.DataFrame:
        """Return place, time and status of all operations, one by one in the hours of some moments."""
        return self.past.at(moments, *self.more)

    def of(self, failed: pl.DataFrame, story: pl.DataFrame) -> pl.DataFrame:
        """Return the operations that may be of a record that failed, and are told folded."""
        return self.past.of(failed, story)


def past_of(
    folder: Folder, parts: Sequence[Part], start: datetime, end: datetime, filters: Filters, few: int = FEW_ROWS
) -> Past:
    """Read what parts hold of a window and of some filters."""
    fold = end - start >= FOLDED_FROM and not filters.source_id and sum(part.rows for part in parts) > few
    folds = [part.fold for part in parts if fold and part.fold and stands(part.fold)]
    single = [file for part in parts if part.fold not in folds for file in part.single]
    told = [fold.told for fold in folds]

    def scanned(files: Iterable[str], columns: Mapping[str, pl.DataType]) -> pl.LazyFrame:
        scans = [pl.scan_parquet(path).select(*columns) for path in folder.paths(*files)]
        frame = pl.concat([pl.LazyFrame(schema=columns), *scans])
        return within(between(frame, start, end), Filters(), filters)

    cells = pl.LazyFrame(schema=SCHEMA | {TIMES: pl.UInt32()})
    if folds:
        counted = pl.scan_parquet(folder.paths(*(fold.cells for fold in folds)))
        cells = as_rows(within(counted, Filters(), filters))
    # Of the hours in which the window begins and ends only a part may lie inside.
    apart = frozenset({_hour(start), _hour(end)})
    inside = between(cells, _hour(start), end)
    plain = scanned([fold.plain for fold in folds], SCHEMA | dict.fromkeys(HASHED, pl.UInt32()))
    return Past(scanned([*single, *told], SCHEMA).collect(), inside.collect(), plain, apart)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _in_hours(hours: Collection[datetime]) -> pl.Expr:
    """Tell which rows were created in some hours, in a form in which groups of rows of a file can be passed over."""
    created = pl.col("created_at")
    return reduce(or_, (created.is_between(hour, hour + AN_HOUR, closed="left") for hour in sorted(hours)))
