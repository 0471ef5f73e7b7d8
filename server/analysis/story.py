"""The story of one record: its writes in order, its state now, and what changed between the last success and now."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..catena.wire import Operation
from ..causes.memory import Learned
from .operations import cause_told, flat_payload, row_of, told
from .record_results import CauseCount, FieldChange, Head, State, Step

OLDEST, NEWEST = 5, 35
"""Writes that are told of a record that has many."""

MOST_CAUSES = 5
MOST_CHANGES = 20


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


def head_of(operations: Sequence[Operation], named: Learned) -> Head:
    """Count the writes of a record, given oldest first, by how they ended and why they failed."""
    successes = [op.created_at for op in operations if op.status == "success"]
    failed = [op for op in operations if op.status == "failed"]
    last = successes[-1] if successes else None
    causes = [cause for op in failed if (cause := cause_told(op, named))]
    titles = {cause.group: cause.title for cause in causes}
    ranked = sorted(Counter(cause.group for cause in causes).items(), key=lambda pair: (-pair[1], pair[0]))
    return Head(
        writes=len(operations),
        succeeded=len(successes),
        failed=len(failed),
        last_success=last,
        first_failure_since=next((op.created_at for op in failed if last is None or op.created_at > last), None),
        causes=[CauseCount(id=name, title=titles[name], count=count) for name, count in ranked[:MOST_CAUSES]],
        more_causes=len(ranked[MOST_CAUSES:]) or None,
    )


def steps_of(operations: Sequence[Operation], personal: bool, named: Learned) -> list[Step]:
    """Return the oldest and the newest writes, oldest first, each with the fields that differ from the write before it."""
    steps = []
    before: dict[str, Any] | None = None
    for number, op in enumerate(operations, 1):
        row, fields = row_of(op, detail="concise", personal=personal, named=named), flat_payload(op)
        changed = [] if before is None else [change.field for change in _changes(before, fields, personal=False)]
        steps.append(
            Step(
                number=number,
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
    return steps if len(steps) <= OLDEST + NEWEST else [*steps[:OLDEST], *steps[-NEWEST:]]


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
