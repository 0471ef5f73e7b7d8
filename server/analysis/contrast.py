"""What a group of failures has in common that other operations have not."""

from datetime import datetime

import polars as pl

from ..catena.query import iso
from .results import Concentration

FEWEST = 5
DOMINANT = 0.5
OVER_REPRESENTED = 2.0

DIMENSIONS = {
    "connection": pl.col("connection_id"),
    "fleet": pl.col("fleet_ref"),
    "resource": pl.col("resource"),
    "operation": pl.col("operation_type"),
    "hour": pl.col("created_at").dt.truncate("1h"),
}
"""In this order a narrower one wins over a wider one that says the same."""


def concentration_of(failures: pl.DataFrame, everything: pl.DataFrame) -> Concentration | None:
    """Return the value with the largest surplus of its share of failures over its share of all operations.

    Only one that holds at least half of the failures, and at least twice its share of operations.
    """
    if len(failures) < FEWEST:
        return None
    best: Concentration | None = None
    for name, column in DIMENSIONS.items():
        found = _of_dimension(name, column, failures, everything)
        if found and (best is None or _surplus(found) > _surplus(best) + 1e-9):
            best = found
    return best


def _of_dimension(name: str, column: pl.Expr, failures: pl.DataFrame, everything: pl.DataFrame) -> Concentration | None:
    counts = failures.select(column.alias("value")).drop_nulls().group_by("value").len()
    if counts.is_empty():
        return None
    ordered = counts.with_columns(pl.col("value").cast(pl.String).alias("name")).sort(
        "len", "name", descending=[True, False]
    )
    value, count = ordered.row(0)[:2]
    share = count / len(failures)
    usual = everything.select((column == value).sum()).item() / len(everything)
    if share < DOMINANT or share < OVER_REPRESENTED * usual:
        return None
    shown = iso(value) if isinstance(value, datetime) else str(value)
    return Concentration(
        dimension=name, value=shown, share_of_failures=round(share, 3), share_of_operations=round(usual, 3)
    )


def _surplus(found: Concentration) -> float:
    return found.share_of_failures - found.share_of_operations
