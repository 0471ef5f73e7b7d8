"""Answer what fails in a window, for whom, why and who has to act."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import anyio
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..analysis.results import WindowRead
from ..analysis.summary_results import Group, Summary
from ..analysis.window import Window
from ..catena.bookmark import Bookmark
from ..catena.outside import quote
from ..reading.question import Question, Reading
from ..runtime import ASIDE_S, Runtime
from ..ui import TIMELINES
from . import _budget
from ._arguments import (
    ConnectionId,
    Cursor,
    FleetRefs,
    FromDatetime,
    FromGroup,
    Groups,
    MaxGroups,
    OperationType,
    ResourceNamed,
    SourceId,
    SourceName,
    ToDatetime,
    causes_asked,
    filters_of,
    fixed_window,
    resumed,
)
from ._coverage import causes_told, coverage_of
from ._empty import what_is_missing
from ._later import Later, read_with_later
from ._progress import progress_to
from ._render import answer_of, summary_text

if TYPE_CHECKING:
    from ..causes.memory import Memory

MOST_SHOWN = 8
"""More causes than ever fit the budget of a summary."""


async def summarize_failures(
    ctx: Context[Runtime],
    resource: ResourceNamed = None,
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
    max_groups: MaxGroups = None,
    from_group: FromGroup = None,
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
        given = Bookmark(filters.given(), window.start, window.end, window.default)
        start = resumed(given, cursor, runtime.handed_in)
        filters, window = start.api_filters, Window(start.start, start.end, start.default)
    most = min(max_operations or settings.max_operations, settings.max_operations)
    # A list by outcome read the window whole: its cursor says which, and no place to begin at.
    question = Question(filters, window, size, most, start if cursor and not start.outcome else None)
    reading, as_of, later = await read_with_later(
        runtime, question, runtime.clock(), refresh=refresh, progress=progress_to(ctx)
    )
    wanted = _Asked(asked, max_groups, from_group or None, from_cursor=question.start is not None)
    summary = await runtime.analysed(partial(_summary, reading, as_of, later, wanted), reading)
    summary.coverage.say(await what_is_missing(runtime, reading))
    await _add_connection_status(runtime, summary.groups[:MOST_SHOWN])
    await _add_seen_before(runtime, question, summary)
    summary = _fitted(summary, lines=max_groups is not None)
    answer = answer_of(summary, summary_text, personal=runtime.personal)
    if settings.board:
        answer.meta = {TIMELINES: {group.id: group.over_time for group in summary.groups}}
    return answer


class _Asked(NamedTuple):
    """Which causes an answer is to tell: those named (all, where none is), how many, from behind which on.

    `from_cursor`: what lies before a cursor was not read.
    """

    causes: list[str]
    max_groups: int | None
    behind: str | None
    from_cursor: bool


def _summary(reading: Reading, as_of: datetime, later: Later, asked: _Asked, memory: "Memory") -> Summary:
    from ..analysis.causes import now_known, with_failures_of
    from ..analysis.failures import groups_of, pending_of, totals_of
    from ..analysis.timeline import timeline_of

    frame, window, coverage = reading.frame, reading.window, reading.coverage
    start, end = coverage.start or window.start, coverage.end or window.end
    causes = now_known(asked.causes, frame, memory) if asked.causes else {}
    only = {now or name for name, now in causes.items()}
    counted = with_failures_of(frame, only, memory) if only else frame
    most = min(asked.max_groups or MOST_SHOWN, MOST_SHOWN)
    told = groups_of(
        frame,
        start,
        end,
        most=most,
        lines=(asked.max_groups or most) - most,
        behind=asked.behind,
        memory=memory,
        only=only,
        later=later.reading.frame if later.reading else None,
        closers=(reading.closer, later.reading.closer if later.reading else None),
    )
    return Summary(
        window=WindowRead(from_datetime=window.start, to_datetime=window.end, default=window.default or None),
        filters=reading.filters.given() | ({"group": asked.causes} if asked.causes else {}),
        as_of=as_of,
        totals=totals_of(counted, of_causes=bool(only)).model_copy(update={"records": told.records}),
        notice=told.notices or None,
        groups=told.groups,
        more=told.more or None,
        other=told.other,
        pending=pending_of(frame, as_of),
        timeline=timeline_of(counted, start, end),
        coverage=coverage_of(reading, from_cursor=asked.from_cursor, say=(causes_told(causes), later.note)),
    )


async def _add_connection_status(runtime: Runtime, groups: list[Group]) -> None:
    """Say of a cause that a fleet has to mend, and that sits on one connection, how that connection stands."""
    with anyio.move_on_after(ASIDE_S):
        for group in groups:
            if group.owner == "fleet" and group.affected.connections == 1:
                status = await runtime.connection_status(group.example.connection_id.text)
                if status:
                    group.advice += f" The connection is {quote(status, 20)}."


async def _add_seen_before(runtime: Runtime, question: Question, summary: Summary) -> None:
    """Say of each cause when it failed before the window, where a history tells."""
    if runtime.beyond is None or question.start or not summary.groups:
        return
    sources = {group.source_name.text for group in summary.groups}
    found, note = await runtime.beyond.seen_before(question, sources, runtime.memory)
    for group in summary.groups:
        group.seen_before = found.get(group.id)
    summary.coverage.note = " ".join(filter(None, (summary.coverage.note, note))) or None


def _fitted(summary: Summary, *, lines: bool) -> Summary:
    """Tell the smallest causes in short until both renderings fit their budgets: on `lines`, or counted in `other`.

    Lines were asked for and come on top. The causes told are the same whether rows were held or read just now.
    """
    from ..analysis.lines import line_of, one_more

    coverage, held = summary.coverage, summary.coverage.model_copy(update={"pages": 0})
    fits: list[tuple[Callable[[Summary], str], int]] = [
        (summary_text, _budget.SUMMARY_TEXT),
        (lambda s: json.dumps(s.model_dump(mode="json"), separators=(",", ":")), _budget.SUMMARY_STRUCTURED),
    ]
    told, more = summary.model_copy(update={"more": None, "coverage": held}), list(summary.more or [])
    while len(told.groups) > 1 and any(_budget.tokens(render(told)) > most for render, most in fits):
        *kept, last = told.groups
        other = told.other if lines else one_more(told.other, last)
        more = [line_of(last), *more] if lines else more
        told = told.model_copy(update={"groups": kept, "other": other})
    return told.model_copy(update={"more": more or None, "coverage": coverage})
