"""Show one operation whole: what was written, every attempt with the gap before it, why it failed and what to do."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..analysis.record_results import OneOperation
from ..analysis.results import HIDDEN, WindowRead
from ..catena.query import second
from ..runtime import Runtime
from ._arguments import ConnectionId
from ._one_operation import operation_of
from ._render import (
    FENCE_NOTE,
    answer_of,
    asked,
    attempt_lines,
    fields_told,
    plural,
    quotation,
    retry_told,
    words,
)

if TYPE_CHECKING:
    from ..catena.wire import Operation
    from ..causes.memory import Learned


async def get_resource_operation(
    ctx: Context[Runtime],
    operation_id: Annotated[str, Field(description="UUID.")],
    connection_id: ConnectionId = None,
) -> Annotated[CallToolResult, OneOperation]:
    """Show one operation: payload fields, all attempts with gaps, request ids and limits, cause, owner and advice.

    Without connection_id it is looked for around the time inside its id.
    """
    runtime = ctx.request_context.lifespan_context
    with runtime.in_time():
        found = await operation_of(runtime, operation_id, connection_id)
    filters = {"operation_id": found.id} | ({"connection_id": found.connection_id} if connection_id else {})
    from ..analysis.operations import learned_from

    named = await runtime.learning(partial(learned_from, [found]), {found.source_name})
    told = await anyio.to_thread.run_sync(_told, found, filters, runtime, named)
    return answer_of(told, operation_text, personal=runtime.personal)


def _told(op: "Operation", filters: dict[str, str], runtime: Runtime, named: "Learned") -> OneOperation:
    from ..analysis.operations import MOST_ATTEMPTS, attempts_of, cause_told, row_of

    personal, now = runtime.personal, runtime.clock()
    attempts = attempts_of(op, MOST_ATTEMPTS)
    row = row_of(op, detail="full", personal=personal, named=named).model_copy(
        update={"logs": None, "logs_left_out": None}
    )
    return OneOperation(
        window=WindowRead(from_datetime=op.created_at, to_datetime=max(now, op.created_at)),
        filters=dict(filters),
        as_of=now,
        operation=row,
        attempts=attempts.shown,
        attempts_left_out=attempts.left_out or None,
        payload_values=HIDDEN if row.payload and not personal else None,
        cause=cause_told(op, named),
    )


def operation_text(told: OneOperation) -> str:
    """Write one operation: how it stands, each attempt, the cause and what to do."""
    op = told.operation
    ids = [f"{name} {value}" for name, value in (("resource_id", op.resource_id), ("source_id", op.source_id)) if value]
    lines = [
        f"{op.operation_type} {op.resource} {op.status} after {plural(op.attempts, 'attempt')}: {op.id}, created {second(op.created_at)}.",
        words(op.source_name, op.fleet_ref, f"connection {op.connection_id}", *ids),
        asked(told),
        FENCE_NOTE,
    ]
    lines += attempt_lines(told.attempts, told.attempts_left_out)
    if told.cause:
        cause = told.cause
        lines.append(
            f"Cause {cause.group} {quotation(cause.title)}. Owner: {cause.owner}; {retry_told(cause.retryable)}. {cause.advice}"
        )
    hidden = f" {told.payload_values}" if told.payload_values else ""
    return "\n".join([*lines, f"Payload: {fields_told(op)}.{hidden}"])
