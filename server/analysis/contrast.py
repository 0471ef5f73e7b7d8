"""What a group of failures has in common that other operations have not."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import polars as pl

from ..catena.query import iso
from .counting import counts_by_group, counts_of
from .summary_results import Concentration

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


Counts = dict[str, dict[str, int]]
"""Rows by dimension and value, the most frequent value first."""


def counted(frame: pl.DataFrame) -> Counts:
    """Count rows by each dimension; those without a value are left out."""
    return {name: _sorted(counts_of(frame, column.alias("value")).rows()) for name, column in DIMENSIONS.items()}


def counted_by_group(frame: pl.DataFrame) -> dict[str, Counts]:
    """Count the rows of each group by each dimension, all groups at once."""
    found: defaultdict[str, Counts] = defaultdict(dict)
    for name, column in DIMENSIONS.items():
        for group, counts in counts_by_group(frame, column).items():
            found[group][name] = _sorted(counts)
    return found


def _sorted(counts: Iterable[tuple[object, int]]) -> dict[str, int]:
    named = [(_told(value), count) for value, count in counts if value is not None]
    return dict(sorted(named, key=lambda pair: (-pair[1], pair[0])))


def _told(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def concentration_of(failures: Counts, failed: int, everything: Counts, operations: int) -> Concentration | None:
    """Return the value with the largest surplus of its share of failures over its share of all operations.

    Only one that holds at least half of the failures, and at least twice its share of operations.
    """
    if failed < FEWEST:
        return None
    best: Concentration | None = None
    for name in DIMENSIONS:
        found = _of_dimension(name, failures[name], failed, everything[name], operations)
        if found and (best is None or _surplus(found) > _surplus(best) + 1e-9):
            best = found
    return best


def _of_dimension(
    name: str, counts: dict[str, int], failed: int, everything: dict[str, int], operations: int
) -> Concentration | None:
    if not counts:
        return None
    value, count = next(iter(counts.items()))
    share, usual = count / failed, everything.get(value, 0) / operations
    if share < DOMINANT or share < OVER_REPRESENTED * usual:
        return None
    return Concentration(
        dimension=name, value=value, share_of_failures=round(share, 3), share_of_operations=round(usual, 3)
    )


def _surplus(found: Concentration) -> float:
    return found.share_of_failures - found.share_of_operations
