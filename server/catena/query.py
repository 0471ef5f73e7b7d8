"""What is asked of the list endpoint: filters and a window whose ends are fixed."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

LONGEST_SPAN = timedelta(days=45)
"""The API's limit on `to_datetime - from_datetime`."""

MOST_FLEETS = 100
"""The API's limit on `fleet_refs`."""


Params = list[tuple[str, str | int | float | bool | None]]
"""As httpx types them."""


@dataclass(frozen=True)
class Filters:
    """The API's own filters, under the API's own names. None or empty: not filtered."""

    resource: str | None = None
    connection_id: str | None = None
    source_name: str | None = None
    fleet_refs: tuple[str, ...] = ()
    operation: str | None = None
    source_id: str | None = None

    def given(self) -> dict[str, str | list[str]]:
        """Return the filters that are set, by name."""
        named = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in named.items() if value}


@dataclass(frozen=True)
class Query:
    """One question to the list endpoint. Both ends are aware UTC, since the API's defaults slide with its clock."""

    filters: Filters
    start: datetime
    end: datetime

    def within(self, start: datetime, end: datetime) -> Self:
        """Return the same question of another window."""
        return replace(self, start=start, end=end)

    def params(self, size: int, cursor: str | None) -> Params:
        """Return the query parameters; a list value repeats its name, as the API wants it."""
        pairs: Params = []
        for name, value in self.filters.given().items():
            pairs += [(name, v) for v in value] if isinstance(value, list) else [(name, value)]
        pairs += [("from_datetime", iso(self.start)), ("to_datetime", iso(self.end)), ("size", str(size))]
        return [*pairs, ("cursor", cursor)] if cursor else pairs


def iso(moment: datetime) -> str:
    """Write an aware UTC time the way the API writes it, without empty fractions: 2026-06-25T16:12:45Z."""
    return moment.isoformat().replace("+00:00", "Z")


def second(moment: datetime) -> str:
    """Write such a time to the second."""
    return iso(moment.replace(microsecond=0))
