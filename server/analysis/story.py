"""The story of one record: its writes in order, its state now, and what changed between the last success and now."""

from collections.abc import Sequence
from typing import Any

from ..catena.wire import Operation
from ..causes.memory import Learned
from .identity import IDENTIFYING, identified
from .marks import marks_of
from .operations import flat_payload, row_of, told
from .record_results import FieldChange, State, Step
from .rows import fingerprint, rows_of

MOST_STEPS = 40
MOST_CHANGES = 20


def traits_of(op: Operation) -> list[int]:
    """Return what a write without ids can be known by: its marks and its whole payload."""
    whole = fingerprint(op.payload)
    return [*(marks_of(op) or ()), *([] if whole is None else [whole])]


def of_their_record(found: Sequence[Operation], near: Sequence[Operation]) -> list[Operation]:
    """Return the operations without ids `near` some that are `found` which are of the record of these."""
    rows = identified(rows_of([*found, *near]).select(IDENTIFYING))
    theirs = {*rows["record"].head(len(found))}
    records = rows["record"].tail(len(near)) if near else ()
    return [
        op for op, name in zip(near, records, strict=True) if name in theirs and not (op.resource_id or op.source_id)
    ]


def in_order(operations: Sequence[Operation]) -> list[Operation]:
    """Return each operation once, in its latest state, oldest first."""
    latest: dict[str, Operation] = {}
    for op in operations:
        held = latest.get(op.id)
        if held is None or (op.updated_at or op.created_at) >= (held.updated_at or held.created_at):
            latest[op.id] = op
    return sorted(latest.values(), key=lambda op: (op.created_at, op.id))


def state_of(operations: Sequence[Operation]) -> State:
    """Return how the record stands after its writes, given oldest first."""
    if not operations:
        return "never_written"
    last = operations[-1]
    if last.status == "pending":
        return "pending"
    if last.status == "success":
        return "in_sync"
    # An update is of a record that exists; only creates can leave nothing behind.
    existed = any(op.status == "success" or op.operation_type != "create" for op in operations)
    return "out_of_sync" if existed else "never_written"


def steps_of(operations: Sequence[Operation], personal: bool, named: Learned) -> list[Step]:
    """Return the newest writes, oldest first, each with the fields that differ from the write before it."""
    steps = []
    before: dict[str, Any] | None = None
    for op in operations:
        row, fields = row_of(op, detail="concise", personal=personal, named=named), flat_payload(op)
        changed = [] if before is None else [change.field for change in _changes(before, fields, personal=False)]
        steps.append(
            Step(
                operation_id=row.id,
                created_at=op.created_at,
                operation_type=row.operation_type,
                status=row.status,
                attempts=row.attempts,
                changed=changed[:MOST_CHANGES],
                error=row.error,
            )
        )
        before = fields
    return steps[-MOST_STEPS:]


def changes_since_success(operations: Sequence[Operation], personal: bool) -> list[FieldChange]:
    """Return how the payload of the last write differs from that of the last success before it."""
    if not operations or operations[-1].status == "success":
        return []
    successes = [op for op in operations if op.status == "success"]
    if not successes:
        return []
    return _changes(flat_payload(successes[-1]), flat_payload(operations[-1]), personal)[:MOST_CHANGES]


def _changes(before: dict[str, Any], after: dict[str, Any], personal: bool) -> list[FieldChange]:
    found = []
    for field in sorted(before.keys() | after.keys()):
        if field in before and field in after and before[field] == after[field]:
            continue
        change = "changed" if field in before and field in after else "added" if field in after else "removed"
        values = [None if side.get(field) is None or not personal else told(side[field]) for side in (before, after)]
        found.append(FieldChange(field=field, change=change, before=values[0], after=values[1]))
    return found
