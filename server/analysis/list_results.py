"""What a list of operations answers."""

from ..catena.outside import Outside, Ref
from .results import Answer, Attempt, CoverageRead, Failure, FieldName, Moment, Result


class OperationRow(Result):
    """One operation of a list. `payload` and `logs` only in full detail, `recovered_at` only of a record that recovered."""

    id: Ref
    created_at: Moment
    updated_at: Moment | None = None
    operation_type: Outside
    resource: Outside
    source_name: Outside
    status: Outside
    recovered_at: Moment | None = None
    connection_id: Ref
    fleet_ref: Ref | None = None
    resource_id: Ref | None = None
    source_id: Ref | None = None
    attempts: int
    error: Failure | None = None
    payload: dict[FieldName, Outside] | None = None
    payload_left_out: int | None = None
    logs: list[Attempt] | None = None
    logs_left_out: int | None = None


class IdsOnConnection(Result):
    """The ids of operations on one connection."""

    source_name: Outside
    fleet_ref: Ref | None = None
    connection_id: Ref
    operation_ids: list[Ref]


class OperationList(Answer):
    """A page of operations, or their ids alone.

    `records`: of a list by outcome, how many records there are in all; `coverage`: of which operations.
    """

    operations: list[OperationRow]
    ids: list[IdsOnConnection] | None = None
    returned: int
    records: int | None = None
    coverage: CoverageRead | None = None
    scanned: int
    next_cursor: str | None = None
    payload_values: str | None = None
    note: str | None = None
