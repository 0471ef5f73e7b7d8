"""Rows that stand for several operations: writes that went through at once, of one place and hour, counted in `times`.

Only a frame that was put together from the history has the column; a row of any other is one operation. Of a row with
more, `created_at` is that of the first. What a question needs to the moment it asks a `Closer` for.
"""

from collections.abc import Callable, Collection
from datetime import datetime

import polars as pl

TIMES = "times"

Closer = Callable[[Collection[datetime]], pl.DataFrame]
"""Returns the same operations, one by one in the hours of some moments."""


def operations(frame: pl.DataFrame) -> pl.Expr:
    """Return what counts the operations of rows of a frame."""
    return pl.col(TIMES).sum() if TIMES in frame.columns else pl.len()


def operations_in(frame: pl.DataFrame) -> int:
    """Count the operations of a frame."""
    return int(frame[TIMES].sum()) if TIMES in frame.columns else len(frame)


def number_of(frame: pl.DataFrame, such: pl.Expr) -> pl.Expr:
    """Return what counts the operations of a frame for which something is true."""
    return pl.col(TIMES).filter(such).sum() if TIMES in frame.columns else such.sum()
