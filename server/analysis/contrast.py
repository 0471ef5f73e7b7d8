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


class Everything:
    """All operations of a read, counted once by each dimension: what the groups of failures are held against."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._counts = {name: _counted(frame, column) for name, column in DIMENSIONS.items()}
        self._total = len(frame)

    def share(self, dimension: str, value: str) -> float:
        """Return the share of all operations that have a value."""
        return self._counts[dimension].get(value, 0) / self._total


def _counted(frame: pl.DataFrame, column: pl.Expr) -> dict[str, int]:
    counts = frame.select(column.alias("value")).drop_nulls().group_by("value").len()
    return {_told(value): count for value, count in counts.iter_rows()}


def _told(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def concentration_of(failures: pl.DataFrame, everything: Everything) -> Concentration | None:
    """Return the value with the largest surplus of its share of failures over its share of all operations.

    Only one that holds at least half of the failures, and at least twice its share of operations.
    """
    if len(failures) < FEWEST:
        return None
    best: Concentration | None = None
    for name, column in DIMENSIONS.items():
        found = _of_dimension(name, _counted(failures, column), len(failures), everything)
        if found and (best is None or _surplus(found) > _surplus(best) + 1e-9):
            best = found
    return best


def _of_dimension(name: str, counts: dict[str, int], failed: int, everything: Everything) -> Concentration | None:
    if not counts:
        return None
    value, count = min(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    share, usual = count / failed, everything.share(name, value)
    if share < DOMINANT or share < OVER_REPRESENTED * usual:
        return None
    return Concentration(
        dimension=name, value=value, share_of_failures=round(share, 3), share_of_operations=round(usual, 3)
    )


def _surplus(found: Concentration) -> float:
    return found.share_of_failures - found.share_of_operations
