"""The rows of a window that a history holds: to the moment where they are few, else folded."""

from collections.abc import Collection, Iterable, Sequence
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
from .folding import HOUR, as_rows
from .manifest import Part

FEW_ROWS = 200_000
"""So many operations are told one by one: it takes no longer."""

FOLDED_FROM = timedelta(days=1)
"""Shorter windows are told in stretches of less than an hour."""

AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Past:
    """What some parts hold of a window. `rows` are single operations, `cells` several each; see `folding`."""

    rows: pl.DataFrame
    cells: pl.DataFrame
    plain: pl.LazyFrame
    apart: frozenset[datetime]

    def frame(self, *more: pl.DataFrame) -> pl.DataFrame:
        """Return all operations, and more that were read now."""
        return self._put_together(self.apart, more)

    def closer(self, moments: Collection[datetime], *more: pl.DataFrame) -> pl.DataFrame:
        """Return all operations, one by one in the hours of some moments too."""
        return self._put_together(self.apart | {_hour(moment) for moment in moments}, more)

    def _put_together(self, apart: frozenset[datetime], more: Iterable[pl.DataFrame]) -> pl.DataFrame:
        if self.cells.is_empty():
            return pl.concat([self.rows, *more])
        single = [self.rows, *more, self.plain.filter(_in_hours(apart)).collect()]
        cells = self.cells.filter(~HOUR.is_in(pl.Series(sorted(apart), dtype=pl.Datetime("us", "UTC")).implode()))
        return pl.concat([*(rows.with_columns(pl.lit(1, pl.UInt32).alias(TIMES)) for rows in single), cells])


def past_of(
    folder: Folder, parts: Sequence[Part], start: datetime, end: datetime, filters: Filters, few: int = FEW_ROWS
) -> Past:
    """Read what parts hold of a window and of some filters."""
    fold = end - start >= FOLDED_FROM and not filters.source_id and sum(part.rows for part in parts) > few
    folds = [part.fold for part in parts if fold and part.fold and part.fold.since <= start]
    single = [file for part in parts if part.fold not in folds for file in part.single]
    told = [fold.told for fold in folds]

    def scanned(files: Iterable[str]) -> pl.LazyFrame:
        paths = folder.paths(*files)
        frame = pl.scan_parquet(paths) if paths else pl.LazyFrame(schema=SCHEMA)
        return within(between(frame, start, end), Filters(), filters)

    cells = pl.LazyFrame(schema=SCHEMA | {TIMES: pl.UInt32()})
    if folds:
        counted = pl.scan_parquet(folder.paths(*(fold.cells for fold in folds)))
        cells = as_rows(within(counted, Filters(), filters))
    # Of the hours in which the window begins and ends only a part may lie inside.
    apart = frozenset({_hour(start), _hour(end)})
    inside = between(cells, _hour(start), end)
    return Past(scanned([*single, *told]).collect(), inside.collect(), scanned(fold.plain for fold in folds), apart)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _in_hours(hours: Collection[datetime]) -> pl.Expr:
    """Tell which rows were created in some hours, in a form in which groups of rows of a file can be passed over."""
    created = pl.col("created_at")
    return reduce(or_, (created.is_between(hour, hour + AN_HOUR, closed="left") for hour in sorted(hours)))
