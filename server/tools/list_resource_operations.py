"""List operations of a window, by status or cause too, without losing or doubling one."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import anyio
import anyio.to_thread
import msgspec
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..analysis.list_results import OperationList
from ..analysis.results import HIDDEN, WindowRead
from ..analysis.window import Window
from ..catena.bookmark import Bookmark
from ..catena.outside import said_back
from ..catena.vocabulary import RecordState
from ..catena.words import word_of
from ..errors import BadArgument, CatenaError
from ..reading.question import Question, Reading
from ..runtime import Runtime
from ._arguments import (
    GROUP_ID,
    ConnectionId,
    Cursor,
    FleetRefs,
    FromDatetime,
    OperationType,
    Resource,
    SourceId,
    SourceName,
    Status,
    ToDatetime,
    filters_of,
    fixed_window,
    resumed,
)
from ._coverage import causes_told
from ._empty import no_such_status, why_empty
from ._found import Found
from ._progress import progress_to
from ._records import check_outcome, records_found
from ._render import answer_of
from ._render_list import list_text

if TYPE_CHECKING:
    from ..catena.reader import Reader
    from ..causes.memory import Memory

CONCISE: Literal["concise"] = "concise"
FILTERED_PAGE = 1000
"""Rows a request asks for where most of them may not match."""


async def list_resource_operations(
    ctx: Context[Runtime],
    resource: Resource = None,
    connection_id: ConnectionId = None,
    source_name: SourceName = None,
    fleet_refs: FleetRefs = None,
    operation: OperationType = None,
    source_id: SourceId = None,
    from_datetime: FromDatetime = None,
    to_datetime: ToDatetime = None,
    cursor: Cursor = None,
    size: Annotated[int | None, Field(ge=1, le=1000, description="Default 25; 500 ids.")] = None,
    status: Status = None,
    group: Annotated[str | None, Field(description="A cause's id (g_…) from summarize_failures.")] = None,
    outcome: Annotated[
        RecordState | None, Field(description="Records that failed: one row each, its last failure.")
    ] = None,
    detail: Annotated[
        Literal["concise", "full", "ids"], Field(description="full adds payload fields and attempts.")
    ] = CONCISE,
) -> Annotated[CallToolResult, OperationList]:
    """List single operations (writes into TSPs), in the API's order.

    For "show me the failed ones", for ids to hand over, for the operations of one cause (`group`), or for "which records
    are still wrong?" (`outcome` unresolved). To learn what fails and why, call summarize_failures first. Go on by passing
    `next_cursor` alone. Concise rows carry one record id, and updated_at only from a minute on.
    """
    runtime = ctx.request_context.lifespan_context
    filters = filters_of(runtime.seen, resource, connection_id, source_name, fleet_refs, operation, source_id)
    now = runtime.clock()
    window = fixed_window(from_datetime, to_datetime, now)
    status = word_of("status", status, runtime.seen.of("status"))
    _check_group(group, status)
    start = Bookmark(
        filters.given(), window.start, window.end, window.default, status, group, detail, size or 0, outcome=outcome
    )
    if cursor:
        start = resumed(start, cursor, runtime.handed_in)
        # What is at its default counts as not given, so that passing the cursor alone goes on as it began.
        kept = start.detail if detail == CONCISE else detail
        start = msgspec.structs.replace(start, detail=kept, size=size or start.size)
    if start.outcome:
        check_outcome(start)
        found, start, now = await records_found(runtime, start, start.outcome, window, progress_to(ctx))
    else:
        ends_at = anyio.current_time() + runtime.settings.deadline_s
        cause = await _cause(runtime, start, window) if start.group else None
        found = await _find(runtime, start, cause, ends_at)
    personal, ids = runtime.personal, found.ids() if found.ids_alone else None
    if not found.rows and found.goes_on is None:
        found.say(await _why_none(runtime, found, start))
    page = OperationList(
        window=WindowRead(from_datetime=start.start, to_datetime=start.end, default=start.default or None),
        filters=_filters_told(start),
        as_of=now,
        operations=[] if found.ids_alone else found.rows,
        ids=ids,
        returned=len(found.rows),
        records=found.records,
        coverage=found.coverage,
        scanned=found.scanned,
        next_cursor=runtime.handed_out(found.goes_on) if found.goes_on else None,
        note=found.note,
        payload_values=HIDDEN if start.detail == "full" and found.rows and not personal else None,
    )
    return answer_of(page, list_text, personal=personal)


async def _why_none(runtime: Runtime, found: Found, start: Bookmark) -> str | None:
    """Say why a list that came to its end holds nothing."""
    if found.coverage and not found.coverage.complete:
        return None
    if not found.scanned:
        return await why_empty(runtime, start.api_filters, Window(start.start, start.end))
    if start.group and not await anyio.to_thread.run_sync(runtime.memory.resolve, start.group):
        return causes_told({start.group: None})
    return no_such_status(start.status, runtime.seen)


def _check_group(group: str | None, status: str | None) -> None:
    if group and not GROUP_ID.fullmatch(group):
        raise BadArgument(
            f"group {said_back(group)} is no id of a cause (g_ and 8 hex digits). Take it from summarize_failures."
        )
    if group and status not in (None, "failed"):
        raise BadArgument(f"group names a cause of failures, so status={status!r} matches nothing. Leave status out.")


async def _cause(runtime: Runtime, start: Bookmark, window: Window) -> str:
    """Return the id by which the cause asked for is known now, learned from the rows of the window where it is not."""
    asked = start.group or ""
    if known := await anyio.to_thread.run_sync(runtime.memory.resolve, asked):
        return known
    window = window if (window.start, window.end) == (start.start, start.end) else Window(start.start, start.end)
    question = Question(start.api_filters, window, FILTERED_PAGE, runtime.settings.max_operations)
    reading, _ = await runtime.read(question)
    await runtime.analysed(partial(_learn, reading), reading)
    return await anyio.to_thread.run_sync(runtime.memory.resolve, asked) or asked


def _learn(reading: Reading, memory: "Memory") -> None:
    from ..analysis.causes import causes_in

    causes_in(reading.frame, memory=memory)


def _filters_told(start: Bookmark) -> dict[str, str | list[str]]:
    extra = {"status": start.status, "group": start.group, "outcome": start.outcome}
    return start.filters | {name: value for name, value in extra.items() if value}


async def _find(runtime: Runtime, start: Bookmark, cause: str | None, ends_at: float) -> Found:
    """Read page after page until enough rows match, the answer is full, or a limit is reached."""
    from ..analysis.drift import no_operations
    from ..catena.reader import Reader

    filtered = bool(start.status or start.group)
    found = Found.begun(start)
    reader = Reader(await runtime.client(), start, FILTERED_PAGE if filtered else found.size)
    if start.group:
        found.say(causes_told({start.group: cause}))
    with anyio.move_on_after(ends_at - anyio.current_time()) as deadline:
        try:
            await _fill(found, reader, start, cause, runtime)
        except CatenaError as exc:
            if not found.scanned:
                raise
            found.note = f"The list ended early, next_cursor goes on: {exc}"
    if reader.drift.unreadable:
        found.say(no_operations(reader.drift.unreadable))
    if deadline.cancelled_caught:
        found.note = "The time for one call (CATENA_DEADLINE_S) was used up; next_cursor goes on."
    return found


async def _fill(found: Found, reader: "Reader", start: Bookmark, cause: str | None, runtime: Runtime) -> None:
    from ..analysis.operations import learned_from, matches, row_of

    personal = runtime.personal
    while True:
        page = list(await reader.next())
        runtime.seen.learn_from([op for _, op in page])
        learn = partial(learned_from, [op for _, op in page])
        named = await runtime.learning(learn, {op.source_name for _, op in page})
        for position, op in page:
            if matches(op, start.status, cause, named):
                row = row_of(op, detail=start.detail, personal=personal, named=named)
                if not found.add(row):
                    found.goes_on = reader.bookmark(position)
                    if not found.full:
                        found.cut_short()
                    return
            found.scanned += 1
        found.goes_on = None if reader.ended else reader.bookmark()
        if reader.ended or found.full or found.scanned >= runtime.settings.max_operations:
            return
