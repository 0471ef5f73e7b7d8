"""What the tools answer, as pydantic models: fields of the contract, no nulls, times in UTC to the second."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, PlainSerializer, SerializerFunctionWrapHandler, model_serializer

from ..catena.query import iso

Moment = Annotated[datetime, PlainSerializer(lambda t: iso(t.replace(microsecond=0)), return_type=str)]
Exact = Annotated[datetime, PlainSerializer(iso, return_type=str)]
"""A time that is passed back as an argument, so its fraction counts."""


class Result(BaseModel):
    """A part of an answer; what is None is left out, since clients hand nulls on to the model."""

    @model_serializer(mode="wrap")
    def _without_nulls(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class WindowRead(Result):
    """The window of an answer. `default`: nobody asked for it."""

    from_datetime: Exact
    to_datetime: Exact
    default: bool | None = None


class Answer(Result):
    """What every answer carries: the window and filters it used, and when its rows were read."""

    window: WindowRead
    filters: dict[str, str | list[str]]
    as_of: Moment


class Failure(Result):
    """Why one operation failed: its last failed attempt."""

    error_type: str | None = None
    status_code: int | None = None
    message: str
    group: str


class Attempt(Result):
    """One attempt; `after_s` are the seconds since the one before, or since the operation was created."""

    created_at: Moment
    after_s: float
    status: str
    error_type: str | None = None
    status_code: int | None = None
    message: str | None = None
    headers: dict[str, str] = {}


class OperationRow(Result):
    """One operation of a list. `payload` and `logs` only in full detail."""

    id: str
    created_at: Moment
    updated_at: Moment | None = None
    operation_type: str
    resource: str
    source_name: str
    status: str
    connection_id: str
    fleet_ref: str | None = None
    resource_id: str | None = None
    source_id: str | None = None
    attempts: int
    error: Failure | None = None
    payload: dict[str, Any] | None = None
    logs: list[Attempt] | None = None


class OperationList(Answer):
    """A page of operations."""

    operations: list[OperationRow]
    returned: int
    scanned: int
    next_cursor: str | None = None
    note: str | None = None


class Totals(Result):
    """Counts of the operations covered. `failure_rate`: failed / operations."""

    operations: int
    success: int
    failed: int
    pending: int
    failure_rate: float
    retried_successes: int


class Affected(Result):
    """Whom a group hits; `resources` counts its failures by resource."""

    records: int
    fleets: int
    connections: int
    resources: dict[str, int]


class Outcome(Result):
    """What became of the records of a group, by the end of the part read."""

    recovered: int
    unresolved: int
    unknown: int


class Concentration(Result):
    """The one value that is over-represented in a group."""

    dimension: str
    value: str
    share_of_failures: float
    share_of_operations: float


class SlotValue(Result):
    """A value and how many failures carry it."""

    value: str
    count: int


class Slot(Result):
    """A part of the message that differs inside a group."""

    slot: str
    top: list[SlotValue]


class Example(Result):
    """The latest failure of a group."""

    operation_id: str
    connection_id: str
    message: str


class Group(Result):
    """One cause of failures. `began`: the first after a long stretch without, where `first_seen` is an earlier stray.

    `formerly`: ids of lately that became this one.
    """

    id: str
    formerly: list[str] | None = None
    title: str
    source_name: str
    error_type: str | None = None
    status_code: int | None = None
    count: int
    share: float
    first_seen: Moment
    began: Moment | None = None
    last_seen: Moment
    trend: str
    affected: Affected
    top_fleets: list[str]
    top_connections: list[str]
    outcome: Outcome
    retryable: bool | None = None
    owner: str
    advice: str
    concentration: Concentration | None = None
    varies: list[Slot]
    example: Example


class Brief(Result):
    """A cause in short."""

    id: str
    source_name: str
    title: str
    count: int


class Other(Result):
    """What is left out of `groups`; `largest` names the first few."""

    groups: int
    count: int
    largest: list[Brief] = []


class Waiting(Result):
    """A connection and how many operations wait on it."""

    source_name: str
    fleet_ref: str | None = None
    connection_id: str
    count: int


class Pending(Result):
    """Operations without an end yet; `still_trying` of them have failed attempts behind them.

    `mostly`: the connection on which most of those over an hour old wait.
    """

    count: int
    oldest_created_at: Moment | None = None
    over_1h: int
    still_trying: int
    mostly: Waiting | None = None


class Bucket(Result):
    """One stretch of the timeline."""

    start: Moment
    operations: int
    failed: int


class Timeline(Result):
    """Operations and failures over time."""

    bucket: str
    buckets: list[Bucket]


class CoverageRead(Result):
    """What the numbers cover: times absent where no stretch of time can be named."""

    complete: bool
    covered_from: Exact | None = None
    covered_to: Exact | None = None
    scanned: int
    pages: int
    note: str | None = None


class Summary(Answer):
    """The failures of a window, grouped by cause."""

    totals: Totals
    groups: list[Group]
    other: Other
    pending: Pending
    timeline: Timeline
    coverage: CoverageRead


Change = Literal["new", "worse", "gone", "better", "same"]


class Rates(Result):
    """Operations and failures of one window."""

    operations: int
    failed: int
    failure_rate: float


class Compared(Result):
    """A cause in two windows: failures, and their share of all operations. `since`: first seen, of a new or worse one."""

    id: str
    title: str
    source_name: str
    error_type: str | None = None
    status_code: int | None = None
    change: Change
    since: Moment | None = None
    count: int
    baseline_count: int
    rate: float
    baseline_rate: float


class Baseline(Result):
    """The window compared with. `default`: the one of equal length just before."""

    from_datetime: Exact
    to_datetime: Exact
    default: bool | None = None


class Comparison(Answer):
    """The failures of a window against those of another."""

    baseline: Baseline
    verdict: str
    totals: dict[str, Rates]
    groups: list[Compared]
    other: Other
    complete: bool
    note: str | None = None


class Cause(Result):
    """Why an operation failed last, and what to do about it."""

    group: str
    title: str
    owner: str
    retryable: bool | None = None
    advice: str


class OneOperation(Answer):
    """One operation with its attempts. `window` is its life so far."""

    operation: OperationRow
    attempts: list[Attempt]
    cause: Cause | None = None


State = Literal["in_sync", "out_of_sync", "pending", "never_written"]


class Step(Result):
    """One write of a record; `changed` names the fields that differ from the write before it."""

    operation_id: str
    created_at: Moment
    operation_type: str
    status: str
    attempts: int
    changed: list[str]
    error: Failure | None = None


class FieldChange(Result):
    """A field that differs between two payloads; values only where personal data may be shown."""

    field: str
    change: str
    before: str | None = None
    after: str | None = None


class Record(Result):
    """What is known of the identity of a record."""

    resource: str
    connection_id: str | None = None
    source_name: str | None = None
    fleet_ref: str | None = None
    resource_id: str | None = None
    source_id: str | None = None


class Trace(Answer):
    """The story of one record. `changes`: the last write against the last success before it."""

    record: Record
    state: State
    story: list[Step]
    changes: list[FieldChange]
    complete: bool
    note: str | None = None
