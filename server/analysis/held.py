"""Rows that were read for one question and hold the answer to another: fewer filters, a longer window, a moment ago."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import polars as pl

from ..catena.query import Filters
from ..errors import plain_word

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

SHORTEST_PART = 3
"""Letters and digits from which on a part of an id tells anything."""


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


def latest_with(frame: pl.DataFrame, columns: Sequence[str], name: str) -> dict[str, Any] | None:
    """Return the latest row of which one of some columns holds an id, with `held_as`, that column."""
    for column in columns:
        rows = frame.filter(pl.col(column).cast(pl.String) == name)
        if len(rows):
            row = rows.sort("created_at", "id").tail(1).with_columns(pl.col(pl.Categorical).cast(pl.String))
            return {**row.row(0, named=True), "held_as": column}
    return None


def like(frame: pl.DataFrame, column: str, name: str, most: int = 3) -> list[str]:
    """Return values that are a name but for case and punctuation, or hold it."""
    plain = plain_word(name)
    if len(plain) < SHORTEST_PART:
        return []
    bare = pl.col(column).str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "")
    found = frame.lazy().select(column).drop_nulls().unique().filter(bare.str.contains(plain, literal=True))
    return list(found.sort(pl.col(column).str.len_chars(), column).head(most).collect().to_series())
