"""Tell the story of one record: its writes in order, its state now, and what changed since the last success."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..analysis.record_results import FieldChange, Record, Trace
from ..analysis.results import WindowRead
from ..analysis.window import Window
from ..catena.outside import quote
from ..catena.query import Filters, Query
from ..errors import BadArgument
from ..runtime import Runtime
from ..store.memory import Progress
from ._arguments import ConnectionId, FromDatetime, Resource, ToDatetime, filters_of, fixed_window, uuid_of
from ._progress import progress_to
from ._render import FENCE_NOTE, answer_of, asked, plural, quoted_error, second

if TYPE_CHECKING:
    from ..catena.wire import Operation
    from ..causes.memory import Learned

_STATES = {
    "in_sync": "in sync: the last write succeeded",
    "out_of_sync": "OUT OF SYNC: the last write failed, so the TSP holds something older",
    "pending": "pending: the last write has not ended",
    "never_written": "never written: no write of it succeeded",
}


async def trace_record(
    ctx: Context[Runtime],
    resource: Resource,
    source_id: Annotated[str | None, Field(description="Id at the TSP.")] = None,
    resource_id: Annotated[str | None, Field(description="Catena's id.")] = None,
    connection_id: ConnectionId = None,
    from_datetime: FromDatetime = None,
    to_datetime: ToDatetime = None,
) -> Annotated[CallToolResult, Trace]:
    """Tell the story of one record: its writes, what changed, and whether it is in sync, out of sync, pending or never written.

    Needs source_id or resource_id. Only the window is seen: widen it for older writes.
    """
    runtime = ctx.request_context.lifespan_context
    if bool(source_id) == bool(resource_id):
        raise BadArgument("Name the record by either source_id (its id at the TSP) or resource_id (Catena's id).")
    resource_id = uuid_of("resource_id", resource_id) if resource_id else None
    filters = filters_of(runtime.seen, resource, connection_id, source_id=source_id)
    window = fixed_window(from_datetime, to_datetime, runtime.clock())
    told = progress_to(ctx)
    found, complete = await _collect(
        runtime,
        filters,
        window,
        lambda op: op.source_id == source_id if source_id else op.resource_id == resource_id,
        told,
    )
    _refuse_several(found)
    if found:
        more, whole = await _collect_unnamed(runtime, filters, window, found, told)
        found, complete = [*found, *more], complete and whole
    given = filters.given() | ({"resource_id": resource_id} if resource_id else {})
    from ..analysis.operations import learned_from

    named = await runtime.learning(partial(learned_from, found), {op.source_name for op in found})
    trace = await anyio.to_thread.run_sync(_trace, runtime, window, given, found, complete, named)
    return answer_of(trace, trace_text, personal=runtime.personal)


async def _collect(
    runtime: Runtime, filters: Filters, window: Window, keep: "Callable[[Operation], bool]", told: Progress
) -> "tuple[list[Operation], bool]":
    """Read a window and keep the operations that matter, with their payloads."""
    from ..catena.scan import Scan

    query = Query(filters, window.start, window.end)
    scan = Scan(
        await runtime.client(),
        query,
        lambda ops: list(filter(keep, ops)),
        size=1000,
        most=runtime.settings.max_operations,
        progress=told,
    )
    read = await scan.run(runtime.settings.deadline_s / 2)
    return [op for part in read.parts for op in part], read.coverage.complete


def _refuse_several(found: "Sequence[Operation]") -> None:
    connections = sorted({op.connection_id for op in found})
    if len(connections) > 1:
        raise BadArgument(
            f"{len(connections)} connections have a record of this id: {', '.join(map(quote, connections[:5]))}. Pass connection_id."
        )


async def _collect_unnamed(
    runtime: Runtime, filters: Filters, window: Window, found: "Sequence[Operation]", told: Progress
) -> "tuple[list[Operation], bool]":
    """Find the writes of the record that have no id yet (pending or failed creates), by their identical payload."""
    from ..analysis.rows import fingerprint

    payloads = {fingerprint(op.payload) for op in found if op.operation_type == "create"} - {None}
    if not payloads:
        return [], True
    wider = replace(filters, source_id=None, connection_id=found[0].connection_id)

    def unnamed(op: "Operation") -> bool:
        return not op.source_id and not op.resource_id and fingerprint(op.payload) in payloads

    return await _collect(runtime, wider, window, unnamed, told)


def _trace(
    runtime: Runtime,
    window: Window,
    given: dict[str, str | list[str]],
    found: "Sequence[Operation]",
    complete: bool,
    named: "Learned",
) -> Trace:
    from ..analysis.story import changes_since_success, in_order, state_of, steps_of

    personal, writes = runtime.personal, in_order(found)
    steps = steps_of(writes, personal, named)
    return Trace(
        window=WindowRead(from_datetime=window.start, to_datetime=window.end, default=window.default or None),
        filters=given,
        as_of=runtime.clock(),
        record=_record(given, writes),
        state=state_of(writes),
        story=steps,
        changes=changes_since_success(writes, personal),
        complete=complete,
        note=_note(writes, len(writes) - len(steps), complete),
    )


def _record(given: dict[str, str | list[str]], writes: "Sequence[Operation]") -> Record:
    def known(name: str) -> str | None:
        values = (getattr(op, name) for op in reversed(writes))
        value = next((value for value in values if value), given.get(name))
        return value if isinstance(value, str) else None

    return Record(**{name: known(name) for name in Record.model_fields} | {"resource": str(given["resource"])})


def _note(writes: "Sequence[Operation]", left_out: int, complete: bool) -> str | None:
    notes = []
    if not complete:
        notes.append("The window was not read whole, so writes may be missing. Ask for a shorter one.")
    if left_out:
        notes.append(f"The {left_out} oldest writes are left out.")
    if not writes:
        notes.append("No write of this record in this window. Widen it (from_datetime -45d), and check the id.")
    return " ".join(notes) or None


def trace_text(trace: Trace) -> str:
    """Write the story: state first, then each write, then what changed since the last success."""
    record = trace.record
    known = {name: getattr(record, name) for name in type(record).model_fields if name != "resource"}
    ids = ", ".join(f"{name} {value}" for name, value in known.items() if value)
    first = f"{record.resource} {_STATES[trace.state]}. {plural(len(trace.story), 'write')}."
    lines = [first if trace.story else f"No write of this {record.resource} in this window.", f"{ids}.", asked(trace)]
    lines += [trace.note] if trace.note else []
    lines += [FENCE_NOTE] if trace.story else []
    for step in trace.story:
        error = step.error
        why = f" {error.group} {quoted_error(error.error_type, error.status_code, error.message)}" if error else ""
        changed = f"; differs in {', '.join(map(str, step.changed))}" if step.changed else ""
        attempts = plural(step.attempts, "attempt")
        lines.append(
            f"{second(step.created_at)} {step.operation_id} {step.operation_type} {step.status}, {attempts}{why}{changed}"
        )
    if trace.changes:
        told = "; ".join(_changed(change) for change in trace.changes)
        lines.append(f"Last write against the last success: {told}")
    return "\n".join(lines)


def _changed(change: FieldChange) -> str:
    values = [str(value) for value in (change.before, change.after) if value is not None]
    return f"{change.field} {change.change}" + (f" ({' to '.join(values)})" if values else "")
