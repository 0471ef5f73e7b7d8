"""Show one operation whole: what was written, every attempt with the gap before it, why it failed and what to do."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..analysis.results import OneOperation, WindowRead
from ..analysis.text import fenced
from ..catena.query import Filters, Query
from ..errors import BadArgument, NotFound
from ..runtime import Runtime
from ._arguments import ConnectionId, uuid_of
from ._render import FENCE_NOTE, answer_of, asked, attempt_lines, retry_told, second

if TYPE_CHECKING:
    from ..catena.wire import Operation
    from ..causes.memory import Learned

NEAR = (timedelta(seconds=5), timedelta(minutes=2), timedelta(minutes=30))
"""How far around the time in its id an operation is looked for, nearest first."""

MOST_PAGES = 10
PAGE = 1000


async def get_resource_operation(
    ctx: Context[Runtime],
    operation_id: Annotated[str, Field(description="UUID.")],
    connection_id: ConnectionId = None,
) -> Annotated[CallToolResult, OneOperation]:
    """Show one operation: payload fields, all attempts with gaps, request ids and limits, cause, owner and advice.

    Without connection_id it is looked for around the time inside its id.
    """
    runtime = ctx.request_context.lifespan_context
    operation_id = uuid_of("operation_id", operation_id)
    filters = {"operation_id": operation_id}
    if connection_id:
        filters["connection_id"] = connection_id = uuid_of("connection_id", connection_id)
    with runtime.in_time():
        if connection_id:
            found = await (await runtime.client()).operation(connection_id, operation_id)
        else:
            found = await _look_for(runtime, operation_id)
    from ..analysis.operations import learned_from

    named = await runtime.learning(partial(learned_from, [found]), {found.source_name})
    return answer_of(_told(found, filters, runtime, named), operation_text)


async def _look_for(runtime: Runtime, operation_id: str) -> "Operation":
    """Find an operation by the time in its id, in widening windows of a bounded number of pages.

    Raises:
        BadArgument: The id holds no time.
        NotFound: It is not there.
    """
    from ..catena.walk import Walk

    moment = _time_in(operation_id)
    client = await runtime.client()
    for span in NEAR:
        walk = Walk(client, Query(Filters(), moment - span, moment + span))
        for _ in range(MOST_PAGES):
            page = await walk.next(PAGE)
            for op in page.items:
                if op.id == operation_id:
                    return op
            if walk.ended:
                break
    raise NotFound(
        f"No operation {operation_id!r} around the time in its id ({second(moment)}). Check the id, or pass its "
        "connection_id too, with which it is found wherever it is."
    )


def _time_in(operation_id: str) -> datetime:
    """Read the time of a UUIDv7: its first 48 bits are milliseconds since 1970 (RFC 9562)."""
    uuid = UUID(operation_id)
    if uuid.version != 7:
        raise BadArgument(
            f"operation_id {operation_id!r} holds no time (it is no UUIDv7), so it cannot be looked for. Pass its "
            "connection_id too; list_resource_operations shows both."
        )
    return datetime.fromtimestamp((uuid.int >> 80) / 1000, UTC)


def _told(op: "Operation", filters: dict[str, str], runtime: Runtime, named: "Learned") -> OneOperation:
    from ..analysis.operations import attempts_of, cause_told, row_of

    personal, now = runtime.settings.show_personal_data, runtime.clock()
    row = row_of(op, detail="full", personal=personal, named=named).model_copy(update={"logs": None})
    return OneOperation(
        window=WindowRead(from_datetime=op.created_at, to_datetime=max(now, op.created_at)),
        filters=dict(filters),
        as_of=now,
        operation=row,
        attempts=attempts_of(op, personal),
        cause=cause_told(op, personal, named),
    )


def operation_text(told: OneOperation) -> str:
    """Write one operation: how it stands, each attempt, the cause and what to do."""
    op = told.operation
    place = " ".join(part for part in (op.source_name, op.fleet_ref, f"connection {op.connection_id}") if part)
    ids = " ".join(
        f"{name} {value}" for name, value in (("resource_id", op.resource_id), ("source_id", op.source_id)) if value
    )
    lines = [
        f"{op.operation_type} {op.resource} {op.status} after {len(told.attempts)} attempt(s): {op.id}, created {second(op.created_at)}.",
        f"{place} {ids}".rstrip(),
        asked(told),
        FENCE_NOTE,
    ]
    lines += attempt_lines(told.attempts)
    if told.cause:
        cause = told.cause
        lines.append(
            f"Cause {cause.group} {fenced(cause.title)}. Owner: {cause.owner}; {retry_told(cause.retryable)}. {cause.advice}"
        )
    fields = ", ".join(f"{name} {fenced(str(value))}" for name, value in (op.payload or {}).items())
    return "\n".join([*lines, f"Payload: {fields or 'empty'}"])
