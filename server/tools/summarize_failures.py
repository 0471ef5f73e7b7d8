"""Answer what fails in a window, for whom, why and who has to act."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..analysis.results import CoverageRead, Group, Summary, WindowRead
from ..analysis.window import Window
from ..catena.bookmark import Bookmark
from ..catena.outside import quote
from ..questions import Question, Reading, sources_in
from ..runtime import ASIDE_S, Runtime
from ..ui import TIMELINES
from . import _budget
from ._arguments import (
    ConnectionId,
    Cursor,
    FleetRefs,
    FromDatetime,
    Groups,
    OperationType,
    Resource,
    SourceId,
    SourceName,
    ToDatetime,
    causes_asked,
    filters_of,
    fixed_window,
    resumed,
)
from ._coverage import causes_told, coverage_of
from ._empty import why_empty
from ._progress import progress_to
from ._render import answer_of, summary_text

if TYPE_CHECKING:
    from ..causes.memory import Memory

MOST_SHOWN = 8
"""More causes than ever fit the budget of a summary."""


async def summarize_failures(
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
    size: Annotated[int, Field(ge=1, le=1000, description="Page size of the read.")] = 1000,
    group: Groups = None,
    max_groups: Annotated[int, Field(ge=1, le=50)] = 10,
    max_operations: Annotated[int | None, Field(ge=1, description="Read at most so many.")] = None,
    refresh: Annotated[bool, Field(description="Read again, not from the last minute's rows.")] = False,
) -> Annotated[CallToolResult, Summary]:
    """Summarize what fails in a window: every operation is read and failures are grouped by cause.

    First choice for "what is failing, since when, for whom, why, who must act, is it fixed?". Tells totals, causes with
    owner, advice, outcome per record and an example, pending, timeline, and in `coverage` exactly what was read.
    For the operations of one cause pass its id as `group` to list_resource_operations.
    """
    runtime = ctx.request_context.lifespan_context
    settings, asked = runtime.settings, causes_asked(group)
    filters = filters_of(runtime.seen, resource, connection_id, source_name, fleet_refs, operation, source_id)
    window = fixed_window(from_datetime, to_datetime, runtime.clock())
    if cursor:
        start = resumed(Bookmark(filters.given(), window.start, window.end, window.default), cursor)
        filters, window = start.api_filters, Window(start.start, start.end, start.default)
    most = min(max_operations or settings.max_operations, settings.max_operations)
    question = Question(filters, window, size, most, start if cursor else None)
    reading, as_of = await runtime.read(question, refresh=refresh, progress=progress_to(ctx))
    analyse = partial(_summary, reading, question, as_of, max_groups, asked)
    summary = await runtime.learning(analyse, sources_in(reading.frame))
    if not summary.totals.operations and summary.coverage.complete:
        summary.coverage.note = (
            " ".join(filter(None, (why_empty(filters, runtime.fleets_seen), summary.coverage.note))) or None
        )
    await _add_connection_status(runtime, summary.groups[:MOST_SHOWN])
    summary = _fitted(summary)
    answer = answer_of(summary, summary_text, personal=settings.show_personal_data)
    if settings.board:
        answer.meta = {TIMELINES: {group.id: group.over_time for group in summary.groups}}
    return answer


def _summary(
    reading: Reading, question: Question, as_of: datetime, max_groups: int, asked: list[str], memory: "Memory"
) -> Summary:
    from ..analysis.causes import now_known, with_failures_of
    from ..analysis.failures import groups_of, pending_of, totals_of
    from ..analysis.timeline import timeline_of

    frame, window, coverage = reading.frame, reading.window, reading.coverage
    start, end = coverage.start or window.start, coverage.end or window.end
    causes = now_known(asked, frame, memory) if asked else {}
    only = {now or name for name, now in causes.items()}
    counted = with_failures_of(frame, only, memory) if only else frame
    groups, other = groups_of(frame, start, end, most=min(max_groups, MOST_SHOWN), memory=memory, only=only)
    return Summary(
        window=WindowRead(from_datetime=window.start, to_datetime=window.end, default=window.default or None),
        filters=question.filters.given() | ({"group": asked} if asked else {}),
        as_of=as_of,
        totals=totals_of(counted, of_causes=bool(only)),
        groups=groups,
        other=other,
        pending=pending_of(frame, as_of),
        timeline=timeline_of(counted, start, end),
        coverage=_coverage(reading, question, causes),
    )


def _coverage(reading: Reading, question: Question, causes: dict[str, str | None]) -> CoverageRead:
    read = coverage_of(reading, from_cursor=question.start is not None)
    read.note = " ".join(filter(None, (causes_told(causes), read.note))) or None
    return read


async def _add_connection_status(runtime: Runtime, groups: list[Group]) -> None:
    """Say of a cause that a fleet has to mend, and that sits on one connection, how that connection stands."""
    with anyio.move_on_after(ASIDE_S):
        for group in groups:
            if group.owner == "fleet" and group.affected.connections == 1:
                status = await runtime.connection_status(group.example.connection_id.text)
                if status:
                    group.advice += f" The connection is {quote(status, 20)}."


def _fitted(summary: Summary) -> Summary:
    """Leave out the smallest groups until both renderings fit their budgets; they stay counted in `other`."""
    from ..analysis.failures import one_more

    fits: list[tuple[Callable[[Summary], str], int]] = [
        (summary_text, _budget.SUMMARY_TEXT),
        (lambda s: json.dumps(s.model_dump(mode="json"), separators=(",", ":")), _budget.SUMMARY_STRUCTURED),
    ]
    while len(summary.groups) > 1 and any(_budget.tokens(render(summary)) > most for render, most in fits):
        *kept, last = summary.groups
        summary = summary.model_copy(update={"groups": kept, "other": one_more(summary.other, last)})
    return summary
