"""Hold one write into a TSP and what came of it.

A row keeps numbers only; its payload and its texts are worked out when somebody looks at it. So a million of them fit
into memory, and what a clock may already see is decided when it is read.
"""

from typing import Literal

from msgspec import Struct

from .fleets import Connection
from .tsp_errors import Cause

Outcome = Literal["success", "failed", "pending"]


class Failure(Struct, frozen=True, gc=False):
    """Hold one failed attempt: when the answer came, what it was, and the number its details are drawn from."""

    at: int
    cause: Cause
    salt: int


class Operation(Struct, frozen=True, gc=False):
    """Hold one resource operation; times are microseconds since 1970."""

    created: int
    id: str
    connection: Connection
    resource: str
    operation_type: str
    record: int
    edition: int
    flaw: Cause | None
    failures: tuple[Failure, ...]
    outcome: Outcome
    settled: int | None
    """When the outcome was known; None for an operation that hangs."""

    @property
    def key(self) -> tuple[int, str]:
        """Give what rows are sorted by."""
        return self.created, self.id

    def status_at(self, now: int) -> Outcome:
        """Tell the status as it was at a moment."""
        return self.outcome if self.settled is not None and self.settled <= now else "pending"

    @property
    def last_cause(self) -> Cause | None:
        """Give the cause of the last failed attempt, when there is one."""
        return self.failures[-1].cause if self.failures else None
