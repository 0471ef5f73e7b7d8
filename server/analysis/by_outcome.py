"""The records that failed, by what became of them: a row each, its last failure."""

from datetime import datetime
from typing import Any, NamedTuple

import polars as pl

from ..catena.outside import Outside
from ..catena.vocabulary import RecordState
from ..causes.memory import Memory
from .causes import by_cause, causes_in
from .folded import Closer, story_of
from .list_results import OperationRow
from .operations import CONCISE_MESSAGE, SOON
from .records import counts, records_told, with_outcome, with_records
from .results import Failure, Records

Position = tuple[datetime, str, str]
"""Where a list goes on: behind the row created then, with this id, on this connection."""


class LastFailures(NamedTuple):
    """Rows from the position asked for on, the newest first, and all `records` found; `cause` is the id known now."""

    rows: pl.DataFrame
    records: Records
    cause: str | None


def last_failures(
    frame: pl.DataFrame,
    later: pl.DataFrame | None,
    outcome: RecordState,
    group: str | None,
    after: Position | None,
    memory: Memory,
    closers: tuple[Closer | None, Closer | None] = (None, None),
) -> LastFailures:
    """Return the last failure of each record with this outcome; with a `group`, of the records that failed of it."""
    causes = causes_in(frame, memory=memory)
    cause = group and (memory.resolve(group) or group)
    failures = by_cause(frame.filter(pl.col("status") == "failed"), causes)
    if cause:
        failures = failures.filter(pl.col("group").cast(pl.String) == cause)
    story = story_of(failures, (frame, closers[0]), (later, closers[1]))
    found = with_outcome(with_records(failures, story), "record").filter(pl.col("outcome") == outcome)
    rows = found.with_columns(pl.col("connection_id").cast(pl.String)).sort(
        "created_at", "id", "connection_id", descending=[True, False, False]
    )
    records = records_told(len(rows), rows.select(counts()).row(0, named=True))
    return LastFailures(rows if after is None else rows.filter(_behind(*after)), records, cause)


def _behind(moment: datetime, operation_id: str, connection_id: str) -> pl.Expr:
    created, name = pl.col("created_at"), pl.col("id")
    same = (name == operation_id) & (pl.col("connection_id") > connection_id)
    return (created < moment) | ((created == moment) & ((name > operation_id) | same))


def position_of(row: dict[str, Any]) -> Position:
    """Return the position of a row."""
    return row["created_at"], row["id"], row["connection_id"]


def row_told(row: dict[str, Any]) -> OperationRow:
    """Return a row of a frame as a concise one of a list; see `operations.row_of`."""
    same = ("id", "created_at", "operation_type", "resource", "source_name", "status", "connection_id", "attempts")
    return OperationRow(
        **{name: row[name] for name in same},
        recovered_at=row["success_at"],
        updated_at=row["updated_at"] if row["updated_at"] - row["created_at"] >= SOON else None,
        fleet_ref=row["fleet_ref"] or None,
        resource_id=row["resource_id"] if row["resource_id"] and not row["source_id"] else None,
        source_id=row["source_id"] or None,
        error=Failure(
            error_type=row["error_type"],
            status_code=row["status_code"],
            message=Outside(row["message"] or "no message", CONCISE_MESSAGE),
            group=row["group"],
        ),
    )
