"""What was seen of a list: the order in which its rows come, which the API does not promise, and how thick they lie."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from .wire import Operation

SURE_AFTER = 12
"""Steps back in time, and none forward, after which rows are taken to come newest first: by chance once in 12! reads."""

KINDS = {
    "connection_id": ("connection_id",),
    "fleet_ref": ("connection_id",),
    "source_name": ("source_name", "connection_id"),
    "resource": ("resource",),
    "operation_type": ("operation",),
    "status": (),
}
"""What a list could be sorted by before time, each with the filters of the API that leave one value of it."""


@dataclass
class Order:
    """What was seen of the order of rows, which the API does not promise: steps in time, and changes of kind.

    `back` counts the steps back in time, as long as none went `forward`.
    """

    back: int = 0
    forward: bool = False
    changes: Counter[str] = field(default_factory=Counter)

    def add(self, moments: list[datetime], operations: list[Operation]) -> None:
        """Count the steps between rows that came one after the other, and how often they change in kind."""
        self.back += len(set(moments)) - 1
        self.forward = self.forward or moments != sorted(moments, reverse=True)
        for name in KINDS:
            if self.changes[name] < SURE_AFTER:
                self.changes[name] += sum(a != b for a, b in pairwise([getattr(op, name) for op in operations]))

    @property
    def newest_first(self) -> bool:
        """Whether rows surely come newest first."""
        return self.back >= SURE_AFTER and not self.forward

    def by_time_alone(self, filtered: Collection[str]) -> bool:
        """Whether rows come newest first, and not one kind of them after the other: kinds mix, or a filter leaves one."""
        mixed = (self.changes[name] >= SURE_AFTER or set(by) & set(filtered) for name, by in KINDS.items())
        return self.newest_first and all(mixed)


@dataclass
class Known:
    """What reads of a list have shown: in which order its rows come, and how thick they lay in the last window."""

    order: Order = field(default_factory=Order)
    rows_a_second: float = 0.0
