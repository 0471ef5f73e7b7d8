"""What is answered about one operation and about the story of one record."""

from typing import Literal

from ..catena.outside import Outside, Ref
from .list_results import OperationRow
from .results import Answer, Attempt, Failure, FieldName, Moment, Result, Title


class Cause(Result):
    """Why an operation failed last, and what to do about it."""

    group: str
    title: Title
    owner: str
    retryable: bool | None = None
    advice: str


class OneOperation(Answer):
    """One operation with its attempts. `window` is its life so far."""

    operation: OperationRow
    attempts: list[Attempt]
    attempts_left_out: int | None = None
    payload_values: str | None = None
    cause: Cause | None = None


State = Literal["in_sync", "out_of_sync", "pending", "never_written"]


class CauseCount(Result):
    """A cause and how many writes failed of it."""

    id: str
    title: Title
    count: int


class Head(Result):
    """A record in short. `first_failure_since`: the first failure after the last success, where one followed it.

    `causes`: those of most failures, and how many more there are.
    """

    writes: int
    succeeded: int
    failed: int
    last_success: Moment | None = None
    first_failure_since: Moment | None = None
    causes: list[CauseCount]
    more_causes: int | None = None


class Step(Result):
    """One write of a record, `number` from 1; `changed` names the fields that differ from the write before it."""

    number: int
    operation_id: Ref
    created_at: Moment
    operation_type: Outside
    status: Outside
    attempts: int
    changed: list[FieldName]
    error: Failure | None = None


class FieldChange(Result):
    """A field that differs between two payloads; values only where personal data may be shown."""

    field: FieldName
    change: str
    before: Outside | None = None
    after: Outside | None = None


class Record(Result):
    """What is known of the identity of a record."""

    resource: Outside
    connection_id: Ref | None = None
    source_name: Outside | None = None
    fleet_ref: Ref | None = None
    resource_id: Ref | None = None
    source_id: Ref | None = None


class Trace(Answer):
    """The story of one record. `changes`: the last write against the last success before it.

    `left_out`: writes between the oldest and the newest of the story.
    """

    record: Record
    state: State
    head: Head
    story: list[Step]
    left_out: int | None = None
    changes: list[FieldChange]
    complete: bool
    note: str | None = None
