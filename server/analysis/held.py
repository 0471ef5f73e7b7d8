"""Rows that were read for one question and hold the answer to another: fewer filters, a longer window, a moment ago."""

from datetime import datetime, timedelta
from typing import TypeVar

import polars as pl

from ..catena.query import Filters

_Rows = TypeVar("_Rows", pl.DataFrame, pl.LazyFrame)

COLUMNS = {
    "resource": "resource",
    "connection_id": "connection_id",
    "source_name": "source_name",
    "fleet_refs": "fleet_ref",
    "operation": "operation_type",
    "source_id": "source_id",
}
"""Which column tells what a filter of the API filters by."""

ENDED = ("success", "failed")


def narrower(held: Filters, wanted: Filters) -> bool:
    """Return whether all rows that pass the filters wanted pass those held too."""
    for name in COLUMNS:
        had, want = getattr(held, name), getattr(wanted, name)
        if had and (not want or not set(_several(want)) <= set(_several(had))):
            return False
    return True


def within(frame: _Rows, held: Filters, wanted: Filters) -> _Rows:
    """Return the rows that pass narrower filters than those held."""
    for name, column in COLUMNS.items():
        want = getattr(wanted, name)
        if want and want != getattr(held, name):
            frame = frame.filter(pl.col(column).cast(pl.String).is_in(_several(want)))
    return frame


def _several(value: str | tuple[str, ...]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def between(frame: _Rows, start: datetime, end: datetime) -> _Rows:
    """Return the rows created from `start` on and before `end`."""
    return frame.filter(pl.col("created_at").is_between(start, end, closed="left"))


STRAY = timedelta(minutes=5)
"""How far outside a window an operation may lie while it is not known by which of its times the API filters."""


def strays(start: datetime, end: datetime, *, by_creation: bool) -> pl.Expr:
    """Tell which rows do not belong to a window: created outside, or all their life outside where that is not known."""
    created = pl.col("created_at")
    if by_creation:
        return (created < start) | (created >= end)
    first, last = (aggregate("created_at", "updated_at") for aggregate in (pl.min_horizontal, pl.max_horizontal))
    return (last < start - STRAY) | (first >= end + STRAY)


def newest_in(frame: pl.DataFrame) -> datetime | None:
    """Return when the newest operation was created; None where there is none."""
    newest = frame["created_at"].max()
    return newest if isinstance(newest, datetime) else None


def pending_in(frame: pl.DataFrame) -> list[tuple[str, str]]:
    """Return connection and id of the operations that had not ended."""
    waiting = frame.filter(pl.col("status").cast(pl.String).is_in(ENDED).not_())
    return list(waiting.select(pl.col("connection_id").cast(pl.String), "id").iter_rows())


def settled_late(frame: pl.DataFrame, apart: timedelta) -> tuple[str, datetime] | None:
    """Return id and creation of the operation whose two times lie furthest apart; None where none do so by `apart`."""
    gap = pl.col("updated_at") - pl.col("created_at")
    far = frame.filter(gap > apart).sort(gap, "id", descending=[True, False])
    return far.select("id", "created_at").row(0) if len(far) else None
