"""What a breakdown answers. A value that is missing (no fleet, no status code) is told as an empty text."""

from collections.abc import Collection
from typing import Literal

from ..catena.outside import Outside, Ref
from .results import Answer, CoverageRead, Moment, Records, Result, Title, Totals

TIMES = ("hour", "day")
OF_FAILURES = ("error_type", "status_code", "cause", "record")
"""What only failures have: the operations of such a row are its failures."""

DIMENSIONS = ("source_name", "fleet_ref", "connection_id", "resource", "operation", "status", *OF_FAILURES, *TIMES)

RECOVERING = ("source_name", "fleet_ref", "connection_id", "resource", "operation")
"""What goes on behind a failure, so that it can work again; an hour does not."""

Sort = Literal["failed", "rate", "operations", "name"]


def recovers(by: Collection[str]) -> bool:
    """Return whether rows of some dimensions can work again."""
    return bool(set(by) & set(RECOVERING)) and not set(by) & {*TIMES, "status"}


class CauseKey(Result):
    """A cause, as the value of a row."""

    id: str
    source_name: Outside
    title: Title


class RecordKey(Result):
    """A record, as the value of a row. `known_by`: what `id` is; the last failed operation where it has no id."""

    id: Ref
    known_by: Literal["resource_id", "source_id", "operation_id"]
    resource: Outside
    connection_id: Ref


class TopCause(Result):
    """The cause of most failures of a row."""

    id: str
    title: Title
    count: int


class BreakdownRow(Result):
    """One value, or pair of values; without failures it has only counts.

    `source_name` and `fleet_ref` tell whose a connection is. `recovered_at`: the first success after the last
    failure; where it is missing and `recovers`, there was none.
    """

    key: dict[str, CauseKey | RecordKey | int | Ref]
    source_name: Outside | None = None
    fleet_ref: Ref | None = None
    operations: int
    failed: int
    failure_rate: float | None = None
    records: Records | None = None
    top_cause: TopCause | None = None
    first_seen: Moment | None = None
    last_seen: Moment | None = None
    recovered_at: Moment | None = None


class RowsLeft(Result):
    """What is in `totals` and in none of the rows."""

    rows: int
    operations: int
    failed: int


class Breakdown(Answer):
    """Failures by one or two dimensions. `values`: how many there are in all; `failing`: those with failures."""

    by: list[str]
    totals: Totals
    values: int
    failing: int
    rows: list[BreakdownRow]
    other: RowsLeft
    note: str | None = None
    coverage: CoverageRead
