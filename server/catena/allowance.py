"""What of the account's operations may be seen: some connections, some fleets, or all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .query import MOST_FLEETS, Filters, Query

if TYPE_CHECKING:
    from .wire import Operation

LONGEST_LIST = 4_000
"""Characters of fleet references that go into one address."""


@dataclass(frozen=True)
class Allowance:
    """Connections and fleets that may be seen; None: any. Where both are given, both must hold."""

    connections: frozenset[str] | None = None
    fleets: frozenset[str] | None = None

    @property
    def bounded(self) -> bool:
        """Whether anything may not be seen."""
        return self.connections is not None or self.fleets is not None

    @property
    def words(self) -> tuple[str, ...]:
        """The same for equal allowances alone, to tell apart what is kept for them."""
        parts = (("connection", self.connections), ("fleet", self.fleets))
        return tuple(
            f"{name} {value}" for name, values in parts if values is not None for value in ("", *sorted(values))
        )

    def connection(self, connection_id: str) -> bool:
        """Return whether anything of a connection may be seen."""
        return self.connections is None or connection_id.lower() in self.connections

    def admits(self, operation: Operation) -> bool:
        """Return whether an operation may be seen."""
        return self.connection(operation.connection_id) and (self.fleets is None or operation.fleet_ref in self.fleets)

    def narrowed(self, query: Query) -> Query | None:
        """Return a query that asks for no more than need be, so far as the API's filters can say it; None for nothing.

        What may be seen is told by `admits` alone: this only spares the API and the wire.
        """
        filters, fleets = query.filters, self._fleets_of(query.filters)
        beyond = filters.connection_id and not self.connection(filters.connection_id)
        if beyond or self.connections == frozenset() or (self.fleets is not None and not fleets):
            return None
        only = min(self.connections) if self.connections and len(self.connections) == 1 else None
        if len(fleets) > MOST_FLEETS or sum(map(len, fleets)) > LONGEST_LIST:
            fleets = filters.fleet_refs
        return replace(query, filters=replace(filters, connection_id=filters.connection_id or only, fleet_refs=fleets))

    def _fleets_of(self, filters: Filters) -> tuple[str, ...]:
        """Return the fleets that are asked for and may be seen; all of those, where none is asked for."""
        if self.fleets is None:
            return filters.fleet_refs
        asked = filters.fleet_refs or sorted(self.fleets)
        return tuple(ref for ref in asked if ref in self.fleets)


EVERYTHING = Allowance()
