"""The words and references met in what was read: what a filter that matches nothing is measured against."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from ..catena.wire import Operation

MOST_SEEN = 2_000
"""Of each kind."""

FIELDS = {
    "resource": "resource",
    "source_name": "source_name",
    "operation": "operation_type",
    "status": "status",
    "connection_id": "connection_id",
    "fleet_refs": "fleet_ref",
}
"""Which field of an operation a filter is about. Ids of records are too many: they are looked up in the rows held."""


@dataclass
class Seen:
    """What was met, by filter; nothing is forgotten while the server runs, and what comes after the most is not noted."""

    _met: dict[str, dict[str, None]] = field(default_factory=lambda: {name: {} for name in FIELDS})

    def of(self, name: str) -> Collection[str]:
        """Return the values met of a filter."""
        return self._met[name].keys()

    def learn(self, frame: pl.DataFrame) -> None:
        """Note the values of rows."""
        for name, column in FIELDS.items():
            self._note(name, frame[column].drop_nulls().unique().cast(str).sort())

    def learn_from(self, operations: Collection[Operation]) -> None:
        """Note the values of operations."""
        for name, attribute in FIELDS.items():
            self._note(name, sorted({value for op in operations if (value := getattr(op, attribute))}))

    def _note(self, name: str, values: Iterable[str]) -> None:
        met = self._met[name]
        for value in values:
            if len(met) >= MOST_SEEN:
                return
            if value:
                met[value] = None
