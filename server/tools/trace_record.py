"""Tell the story of one record: its writes in order, its state now, and what changed since the last success."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..analysis.record_results import FieldChange, Head, Record, Trace
from ..analysis.results import WindowRead
from ..analysis.window import DEFAULT_SPAN, Window
from ..catena.outside import quote
from ..catena.query import LONGEST_SPAN, Filters, second
from ..errors import BadArgument
from ..reading.one_record import Found, Identity, RecordReads
from ..runtime import Runtime
from ..store.memory import Progress
from ._arguments import ConnectionId, Resource, ToDatetime, filters_of, fixed_window, uuid_of
from ._empty import why_empty
from ._one_operation import operation_of
from ._progress import progress_to
from ._render import FENCE_NOTE, answer_of, asked, plural, quotation, quoted_error

if TYPE_CHECKING:
    from ..catena.wire import Operation
    from ..causes.memory import Learned

_STATES = {
    "in_sync": "in sync: the last write succeeded",
    "out_of_sync": "OUT OF SYNC: the last write failed, so the TSP holds something older",
    "pending": "pending: the last write has not ended",
    "never_written": "never written: no write of it succeeded",
}
TOLD_IN_S = 3.0
"""Kept back of a call's time to tell what was read."""


async def trace_record(
    ctx: Context[Runtime],
    resource: Resource = None,
    source_id: Annotated[str | None, Field(description="Id at the TSP.")] = None,
    resource_id: Annotated[str | None, Field(description="Catena's id.")] = None,
    operation_id: Annotated[str | None, Field(description="Any write of it.")] = None,
    connection_id: ConnectionId = None,
    from_datetime: Annotated[str | None, Field(description="Default -45d, by resource_id -1d.")] = None,
    to_datetime: ToDatetime = None,
) -> Annotated[CallToolResult, Trace]:
    """Tell the story of one record: its writes, what changed, and whether it is in sync, out of sync, pending or never written.

    Needs operation_id, or resource with source_id or resource_id.
    """
    runtime = ctx.request_context.lifespan_context
    if [bool(source_id), bool(resource_id), bool(operation_id)].count(True) != 1:
        raise BadArgument(
            "Name the record by either source_id (its id at the TSP), resource_id (Catena's id) or operation_id (any write "
            "of it)."
        )
    ends_at = anyio.current_time() + max(runtime.settings.deadline_s - TOLD_IN_S, runtime.settings.deadline_s / 2)
    if operation_id:
        record, given, around = await _of_operation(runtime, operation_id, resource, connection_id)
    else:
        record, given = await _of_ids(runtime, resource, source_id, resource_id, connection_id)
        around = None
    window = _window(from_datetime, to_datetime, runtime.clock(), record, around)
    found = await _found(runtime, record, window, ends_at, progress_to(ctx))
    from ..analysis.operations import learned_from

    named = await runtime.learning(partial(learned_from, found.operations), {op.source_name for op in found.operations})
    trace = await anyio.to_thread.run_sync(_trace, runtime, given, record, found, named)
    trace.note = (
        " ".join(filter(None, (trace.note, _of_window(found, around), await _why_none(runtime, given, found)))) or None
    )
    return answer_of(trace, trace_text, personal=runtime.personal)


Given = dict[str, str | list[str]]


async def _of_operation(
    runtime: Runtime, operation_id: str, resource: str | None, connection_id: str | None
) -> tuple[Identity, Given, datetime]:
    """Return the record that an operation wrote, what was asked by, and when it was created."""
    with runtime.in_time():
        op = await operation_of(runtime, operation_id, connection_id)
    filters = filters_of(runtime.seen, resource, op.connection_id if connection_id else None)
    if filters.resource not in (None, op.resource):
        raise BadArgument(f"operation_id {quote(op.id)} wrote a {quote(op.resource)}. Leave `resource` out.")
    record = Identity(op.resource, op.connection_id)
    record.learn([op])
    return record, {"operation_id": op.id, **filters.given()}, op.created_at


async def _of_ids(
    runtime: Runtime, resource: str | None, source_id: str | None, resource_id: str | None, connection_id: str | None
) -> tuple[Identity, Given]:
    """Return the record that an id names, and what was asked by."""
    filters = filters_of(runtime.seen, resource, connection_id, source_id=source_id)
    if filters.resource is None:
        raise BadArgument("resource_id needs `resource`, by which the API can filter. Add it, or pass an operation_id.")
    record = Identity(filters.resource, filters.connection_id)
    if source_id:
        record.source_ids.add(source_id)
        return record, filters.given()
    name = (resource_id or "").strip()
    known = await runtime.row_with(name, "resource_id")
    name = name if known else uuid_of("resource_id", name)
    record.resource_ids.add(name)
    return record, filters.given() | {"resource_id": name}


def _window(start: str | None, end: str | None, now: datetime, record: Identity, around: datetime | None) -> Window:
    """Fix the window; where nobody named its start, as far back as the API filters, or from before the operation named."""
    window = fixed_window(start, end, now)
    if start:
        return window
    if record.source_ids:
        return replace(window, start=window.end - LONGEST_SPAN)
    begin = around - DEFAULT_SPAN if around else window.start
    if begin < window.end - LONGEST_SPAN:  # then it is no stretch up to now
        return Window(begin, begin + LONGEST_SPAN)
    return replace(window, start=min(begin, window.start))


async def _found(runtime: Runtime, record: Identity, window: Window, ends_at: float, told: Progress) -> Found:
    """Read the writes of a record.

    Raises:
        BadArgument: Several connections have a record of this id.
    """
    reads = RecordReads(await runtime.client(), runtime.settings.max_operations, ends_at, told)
    found = await reads.named(record, window)
    runtime.seen.learn_from(found.operations)
    connections = sorted({op.connection_id for op in found.operations})
    if len(connections) > 1:
        raise BadArgument(
            f"{len(connections)} connections have a record of this id: {', '.join(map(quote, connections[:5]))}. Pass connection_id."
        )
    record.learn(found.operations)
    record.connection_id = record.connection_id or next(iter(connections), None)
    return await reads.whole(record, found) if record.connection_id else found


def _trace(runtime: Runtime, given: Given, record: Identity, found: Found, named: "Learned") -> Trace:
    from ..analysis.story import changes_since_success, head_of, in_order, state_of, steps_of

    personal, writes, window = runtime.personal, in_order(found.operations), found.window
    steps = steps_of(writes, personal, named)
    return Trace(
        window=WindowRead(from_datetime=window.start, to_datetime=window.end, default=window.default or None),
        filters=given,
        as_of=runtime.clock(),
        record=_record({"resource": record.resource, **given}, writes),
        state=state_of(writes),
        head=head_of(writes, named),
        story=steps,
        left_out=len(writes) - len(steps) or None,
        changes=changes_since_success(writes, personal),
        complete=found.complete,
        note=None
        if found.complete
        else "The window was not read whole, so writes may be missing. Ask for a shorter one.",
    )


def _of_window(found: Found, around: datetime | None) -> str | None:
    """Say what of a record's writes may lie outside what was read."""
    if found.operations and found.since:
        return (
            f"Writes without an id at the TSP (creates that failed) were looked for from {second(found.since)} on only."
        )
    if found.operations and around and found.known is not None:
        return "Its writes carry no id at the TSP by which the API could filter: the window begins a day before the operation."
    return None


async def _why_none(runtime: Runtime, given: Given, found: Found) -> str | None:
    """Say why there is no write: whether the values were ever seen, and what else an id may be."""
    if found.operations:
        return None
    if not found.complete:
        return None
    name = str(given.get("source_id") or given.get("resource_id") or "")
    if row := name and await runtime.row_with(name, "id"):
        return f"{quote(row['id'])} is an operation: pass it as `operation_id`."
    asked_by = Filters(**{key: value for key, value in given.items() if key in Filters.__dataclass_fields__})  # type: ignore[arg-type]  # names come from Filters.given
    why = await why_empty(runtime, asked_by, found.window)
    if "resource_id" not in given:
        return why
    row = await runtime.row_with(name, "resource_id")
    seen = (
        f"resource_id {quote(name)} was seen: {quote(row['resource'])} on connection {quote(row['connection_id'])}."
        if row
        else None
    )
    by_us = (
        "The API does not filter by resource_id, so only this window was read: pass from_datetime=-7d, or source_id."
    )
    return " ".join(filter(None, (seen, by_us)))


def _record(given: dict[str, str | list[str]], writes: "Sequence[Operation]") -> Record:
    def known(name: str) -> str | None:
        values = (getattr(op, name) for op in reversed(writes))
        value = next((value for value in values if value), given.get(name))
        return value if isinstance(value, str) else None

    return Record(**{name: known(name) for name in Record.model_fields} | {"resource": str(given["resource"])})


def trace_text(trace: Trace) -> str:
    """Write the story: state first, then each write, then what changed since the last success."""
    record = trace.record
    known = {name: getattr(record, name) for name in type(record).model_fields if name != "resource"}
    ids = ", ".join(f"{name} {value}" for name, value in known.items() if value)
    first = f"{record.resource} {_STATES[trace.state]}. {_head(trace.head)}"
    lines = [first if trace.story else f"No write of this {record.resource} in this window.", f"{ids}.", asked(trace)]
    lines += [trace.note] if trace.note else []
    lines += [FENCE_NOTE] if trace.story else []
    before = 0
    for step in trace.story:
        if step.number > before + 1:
            lines.append(f"… {plural(trace.left_out or 0, 'write')} left out …")
        before, error = step.number, step.error
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


def _head(head: Head) -> str:
    others = head.writes - head.succeeded - head.failed
    rest = f", {others:,} with another status" if others else ""
    last = f" Last success {second(head.last_success)}." if head.last_success else ""
    since = f" Failing since {second(head.first_failure_since)}." if head.first_failure_since else ""
    causes = "; ".join(f"{cause.id} {quotation(cause.title)} {cause.count:,}" for cause in head.causes)
    more = f"; {plural(head.more_causes, 'more cause')}" if head.more_causes else ""
    why = f" Causes: {causes}{more}." if causes else ""
    return (
        f"{plural(head.writes, 'write')}: {head.succeeded:,} succeeded, {head.failed:,} failed{rest}.{last}{since}{why}"
    )


def _changed(change: FieldChange) -> str:
    values = [str(value) for value in (change.before, change.after) if value is not None]
    return f"{change.field} {change.change}" + (f" ({' to '.join(values)})" if values else "")
