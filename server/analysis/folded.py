"""Rows that stand for several operations: writes that went through at once, of one place and hour, counted in `times`.

Only a frame that was put together from the history has the column; a row of any other is one operation. Of a row with
more, `created_at` is that of the first. What a question needs one by one it asks a `Closer` for.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

import polars as pl

TIMES = "times"


class Closer(Protocol):
    """Tells single operations of what a frame tells folded."""

    def at(self, moments: Collection[datetime]) -> pl.DataFrame:
        """Return the operations of the frame, one by one in the hours of some moments: place, time, status and `times`."""

    def of(self, failed: pl.DataFrame, story: pl.DataFrame) -> pl.DataFrame:
        """Return the operations that may be of a record that failed, and that `story` tells folded."""


def story_of(failed: pl.DataFrame, *told: tuple[pl.DataFrame | None, Closer | None]) -> pl.DataFrame:
    """Return the operations of some frames with all that decide over the records of failed rows one by one.

    It tells what became of records, and counts nothing: what stands there one by one is counted in its frame, too.
    """
    story = pl.concat([frame for frame, _ in told if frame is not None], how="diagonal")
    closer = [closer.of(failed, story) for _, closer in told if closer is not None]
    return pl.concat([story, *closer], how="diagonal")


def to_the_moment(frame: pl.DataFrame, closer: Closer | None, moments: Collection[datetime]) -> pl.DataFrame:
    """Return the operations of a frame, one by one in the hours of some moments."""
    return closer.at(moments) if closer else frame


def operations(frame: pl.DataFrame) -> pl.Expr:
    """Return what counts the operations of rows of a frame."""
    return pl.col(TIMES).sum() if TIMES in frame.columns else pl.len()


def operations_in(frame: pl.DataFrame) -> int:
    """Count the operations of a frame."""
    return int(frame[TIMES].sum()) if TIMES in frame.columns else len(frame)


def number_of(frame: pl.DataFrame, such: pl.Expr) -> pl.Expr:
    """Return what counts the operations of a frame for which something is true."""
    return pl.col(TIMES).filter(such).sum() if TIMES in frame.columns else such.sum()
