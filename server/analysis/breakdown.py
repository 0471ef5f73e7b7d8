"""Failures by one or two dimensions: a row a value, and what is cut counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..catena.query import iso
from ..causes.memory import Memory
from .breakdown_results import (
    OF_FAILURES,
    RECOVERING,
    TIMES,
    BreakdownRow,
    CauseKey,
    RecordKey,
    RowsLeft,
    Sort,
    TopCause,
    recovers,
)
from .causes import by_cause, causes_in, with_failures_of
from .counting import counts_of
from .failures import totals_of
from .folded import Closer, story_of, to_the_moment
from .records import outcomes, records_told, with_records
from .recovery import first_after
from .results import Records, Totals

COLUMNS = {
    "source_name": pl.col("source_name"),
    "fleet_ref": pl.col("fleet_ref").fill_null(""),
    "connection_id": pl.col("connection_id"),
    "resource": pl.col("resource"),
    "operation": pl.col("operation_type"),
    "status": pl.col("status").fill_null("failed"),
    "error_type": pl.col("error_type").fill_null(""),
    "status_code": pl.col("status_code"),
    "cause": pl.col("group"),
    "record": pl.col("record"),
    "hour": pl.col("created_at").dt.truncate("1h"),
    "day": pl.col("created_at").dt.truncate("1d"),
}
"""Each dimension, of operations or of failures with their cause and record; see `with_failures_of` for the status."""

STRETCHES = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
MOST_ROWS = 100

_BY_FAILED = (pl.col("failed"), pl.col("operations"))
_RANKS: dict[Sort, tuple[pl.Expr, ...]] = {
    "failed": _BY_FAILED,
    "rate": (pl.col("failed") / pl.col("operations").cast(pl.Float64), *_BY_FAILED),
    "operations": (pl.col("operations"), pl.col("failed")),
    "name": (),
}


@dataclass(frozen=True)
class Asked:
    """What to break down. `groups`: ids of causes as they are known now, none for all; `sort` None: see `Found`."""

    by: tuple[str, ...]
    groups: tuple[str, ...] = ()
    sort: Sort | None = None
    min_operations: int = 0
    most: int = MOST_ROWS

    @property
    def times(self) -> list[str]:
        """Its dimensions of time."""
        return [name for name in self.by if name in TIMES]

    @property
    def of_failures(self) -> bool:
        """Whether a dimension tells of failures alone."""
        return any(name in OF_FAILURES for name in self.by)


@dataclass(frozen=True)
class Found:
    """The rows found, those first that stay where there is no room for all, and the place of each in the answer.

    Unless they are sorted, stretches of time are told in order: the latest stay, and of pairs with another dimension
    those with most failures.
    """

    totals: Totals
    ranked: list[BreakdownRow]
    places: list[int]
    values: int
    failing: int
    operations: int
    failed: int

    def first(self, most: int) -> tuple[list[BreakdownRow], RowsLeft]:
        """Return the rows that stay, in the order of the answer, and what the others count."""
        kept = self.ranked[:most]
        pairs = sorted(zip(self.places, kept, strict=False), key=lambda pair: pair[0])
        return [row for _, row in pairs], RowsLeft(
            rows=self.values - len(kept),
            operations=self.operations - sum(row.operations for row in kept),
            failed=self.failed - sum(row.failed for row in kept),
        )


def broken_down(
    frame: pl.DataFrame, start: datetime, end: datetime, asked: Asked, memory: Memory, closer: Closer | None = None
) -> Found:
    """Break the failures from `start` to `end` down; `frame` holds all operations of it.

    `closer`: where rows of the frame stand for several operations.
    """
    if asked.groups:
        frame = with_failures_of(frame, asked.groups, memory)
    failed = by_cause(frame.filter(pl.col("status") == "failed"), causes_in(frame, memory=memory))
    failures = with_records(failed, story_of(failed, (frame, closer))).with_columns(_keys(asked))
    values = _values(frame, failures, asked, start, end)
    kept = _ranked(values, asked).head(asked.most).with_row_index("at")
    return Found(
        totals=_totals(frame, failures, asked),
        ranked=_rows(kept, frame, failures, asked, closer),
        places=kept["place"].to_list(),
        values=len(values),
        failing=int((values["failed"] > 0).sum()),
        operations=int(values["operations"].sum()),
        failed=int(values["failed"].sum()),
    )


def _names(asked: Asked) -> list[str]:
    return [f"by{number}" for number in range(len(asked.by))]


def _keys(asked: Asked) -> list[pl.Expr]:
    return [COLUMNS[dimension].alias(name) for name, dimension in zip(_names(asked), asked.by, strict=True)]


def _totals(frame: pl.DataFrame, failures: pl.DataFrame, asked: Asked) -> Totals:
    told = totals_of(frame, of_causes=bool(asked.groups))
    records = _records(failures.with_columns(pl.lit(0).alias("group"))).get(0, NONE)
    return told.model_copy(update={"records": records})


NOT_IN_ROWS = {"by_field": None, "by_payload": None}
"""What the totals say of all, each row need not repeat."""

NONE = Records(failed=0, recovered=0, unresolved=0, unknown=0)


def _records(failures: pl.DataFrame) -> dict[int, Records]:
    """Return what became of the records of each `group`."""
    return {row["group"]: records_told(row["records"], row) for row in outcomes(failures).iter_rows(named=True)}


def _values(frame: pl.DataFrame, failures: pl.DataFrame, asked: Asked, start: datetime, end: datetime) -> pl.DataFrame:
    """Return a row for each value that occurs with `operations`, `failed` and when the failures began and ended."""
    names = _names(asked)
    ends = (pl.col("created_at").min().alias("first_seen"), pl.col("created_at").max().alias("last_seen"))
    failed = counts_of(failures, *map(pl.col, names), and_of=ends).rename({"len": "failed"})
    if asked.of_failures:
        return failed.with_columns(pl.col("failed").alias("operations"))
    values = counts_of(frame, *_keys(asked)).rename({"len": "operations"})
    values = values.join(failed, on=names, how="left", nulls_equal=True)
    if len(asked.times) == len(names):
        values = _without_gaps(asked, start, end).join(values, on=names, how="full", coalesce=True)
    return values.with_columns(pl.col("operations", "failed").fill_null(0))


def _without_gaps(asked: Asked, start: datetime, end: datetime) -> pl.DataFrame:
    """Return every hour or day of a stretch of time."""
    shortest = min(asked.by, key=STRETCHES.__getitem__)
    first = pl.lit(start).dt.truncate(f"1{shortest[0]}")
    moments = pl.select(pl.datetime_range(first, end, STRETCHES[shortest], closed="left", time_unit="us"))
    moments.columns = ["created_at"]
    return moments.select(_keys(asked))


def _ranked(values: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """Return the values asked for, those first that stay, with their `place` in the answer."""
    names = _names(asked)
    values = values.filter(pl.col("operations") >= asked.min_operations)
    values = values.with_columns(pl.col(name).cast(pl.String) for name, kind in _texts(values, names)).sort(names)
    in_time = asked.times and asked.sort in (None, "name")
    ranks = _RANKS[asked.sort or "failed"]
    if not in_time:
        ranked = values.sort(ranks, descending=True, maintain_order=True) if ranks else values
        return ranked.with_row_index("place")
    placed = values.sort(
        *(name for name, dimension in zip(names, asked.by, strict=True) if dimension in TIMES), maintain_order=True
    ).with_row_index("place")
    if len(asked.times) == len(names):
        return placed.reverse()
    return placed.sort(_BY_FAILED, descending=True, maintain_order=True)


def _texts(values: pl.DataFrame, names: Sequence[str]) -> list[tuple[str, Any]]:
    return [(name, kind) for name, kind in values.schema.items() if name in names and kind == pl.Categorical]


def _rows(
    kept: pl.DataFrame, frame: pl.DataFrame, failures: pl.DataFrame, asked: Asked, closer: Closer | None
) -> list[BreakdownRow]:
    names = _names(asked)
    failures = failures.with_columns(pl.col(name).cast(pl.String) for name, _ in _texts(failures, names))
    told = failures.join(kept.select("at", *names), on=names, nulls_equal=True)
    of_rows = _records(told.with_columns(pl.col("at").alias("group")))
    details = _Details(
        records={at: records.model_copy(update=NOT_IN_ROWS) for at, records in of_rows.items()},
        causes=_causes(told),
        recovered=_recovered(kept, frame, asked, closer),
        owners=_owners(kept, frame, asked),
        keys=_named(told, asked),
    )
    return [_row(row, asked, details) for row in kept.iter_rows(named=True)]


@dataclass(frozen=True)
class _Details:
    """What is told of the rows that are kept, by their number; of connections by their id."""

    records: dict[int, Records]
    causes: dict[int, TopCause]
    recovered: dict[int, datetime]
    owners: dict[str, tuple[str, str | None]]
    keys: dict[str, CauseKey | RecordKey]


def _row(row: dict[str, Any], asked: Asked, details: _Details) -> BreakdownRow:
    at, operations, failed = row["at"], row["operations"], row["failed"]
    key = {dimension: row[name] for name, dimension in zip(_names(asked), asked.by, strict=True)}
    source, fleet = details.owners.get(key.get("connection_id") or "", (None, None))
    in_stretch = bool(asked.times)
    return BreakdownRow(
        key={name: _value(name, value, asked, details) for name, value in key.items()},
        source_name=None if "source_name" in key else source,
        fleet_ref=None if "fleet_ref" in key else fleet,
        operations=operations,
        failed=failed,
        failure_rate=None if asked.of_failures else round(failed / operations, 4) if operations else 0.0,
        records=details.records.get(at),
        top_cause=None if "cause" in key else details.causes.get(at),
        first_seen=None if in_stretch else row["first_seen"],
        last_seen=None if in_stretch else row["last_seen"],
        recovered_at=details.recovered.get(at),
    )


def _value(name: str, value: Any, asked: Asked, details: _Details) -> Any:
    """Write the value of a dimension; the hour beside its day is the hour of day."""
    if name == "hour":
        return f"{value:%H}" if "day" in asked.by else iso(value)
    if name == "day":
        return f"{value:%Y-%m-%d}"
    return "" if value is None else details.keys.get(value, value)


def _causes(told: pl.DataFrame) -> dict[int, TopCause]:
    """Return the cause of most failures of each row."""
    counts = counts_of(told, pl.col("at"), pl.col("group").cast(pl.String), and_of=(pl.col("title").min(),))
    largest = counts.sort("len", "group", descending=[True, False]).unique("at", keep="first", maintain_order=True)
    return {at: TopCause(id=name, title=title, count=count) for at, name, count, title in largest.iter_rows()}


def _recovered(kept: pl.DataFrame, frame: pl.DataFrame, asked: Asked, closer: Closer | None) -> dict[int, datetime]:
    """Return when writes of a row's value began to work again.

    A row of failures is measured by the values it shares with other operations: a cause by its connection.
    """
    if not recovers(asked.by):
        return {}
    shared = {name: dim for name, dim in zip(_names(asked), asked.by, strict=True) if dim in RECOVERING}
    story = to_the_moment(frame, closer, kept["last_seen"].drop_nulls().to_list())
    fine = story.filter(pl.col("status") == "success").select(
        "created_at", *(COLUMNS[dim].cast(pl.String).alias(name) for name, dim in shared.items())
    )
    moments = first_after(kept, "last_seen", fine, list(shared))
    return {at: moment for at, moment in zip(kept["at"], moments, strict=True) if moment}


def _owners(kept: pl.DataFrame, frame: pl.DataFrame, asked: Asked) -> dict[str, tuple[str, str | None]]:
    """Return the TSP and the fleet of the connections that are told."""
    if "connection_id" not in asked.by:
        return {}
    wanted = kept[f"by{asked.by.index('connection_id')}"].unique().implode()
    of = pl.col("connection_id", "source_name", "fleet_ref").cast(pl.String)
    found = frame.lazy().select(of).filter(pl.col("connection_id").is_in(wanted)).group_by("connection_id")
    told = found.agg(pl.col("source_name", "fleet_ref").min()).collect(engine="streaming")
    return {connection: (source, fleet) for connection, source, fleet in told.iter_rows()}


def _named(told: pl.DataFrame, asked: Asked) -> dict[str, CauseKey | RecordKey]:
    """Return the causes and records that are values of rows, by what they are told apart by."""
    last = told.sort("created_at", "id")
    found: dict[str, CauseKey | RecordKey] = {}
    if "cause" in asked.by:
        for row in last.unique("group", keep="last").iter_rows(named=True):
            found[row["group"]] = CauseKey(id=row["group"], source_name=row["source_name"], title=row["title"])
    if "record" in asked.by:
        for row in last.unique("record", keep="last").iter_rows(named=True):
            found[row["record"]] = _record(row)
    return found


def _record(row: dict[str, Any]) -> RecordKey:
    known = "resource_id" if row["resource_id"] else "source_id" if row["source_id"] else "operation_id"
    name = "id" if known == "operation_id" else known
    return RecordKey(id=row[name], known_by=known, resource=row["resource"], connection_id=row["connection_id"])
