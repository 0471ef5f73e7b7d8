"""Answer who and what fails most: failures by fleet, TSP, connection, kind of record, cause, hour or day."""

import json
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import BeforeValidator, Field

from ..analysis.breakdown_results import DIMENSIONS, OF_FAILURES, TIMES, Breakdown, Sort
from ..analysis.results import WindowRead
from ..catena.outside import said_back
from ..errors import BadArgument, did_you_mean
from ..reading.question import Question, Reading
from ..runtime import Runtime
from . import _budget
from ._arguments import (
    ConnectionId,
    FleetRefs,
    FromDatetime,
    Groups,
    OperationType,
    Resource,
    SourceId,
    SourceName,
    ToDatetime,
    as_list,
    causes_asked,
    filters_of,
    fixed_window,
    several,
)
from ._breakdown_text import breakdown_text
from ._coverage import causes_told, coverage_of
from ._empty import what_is_missing
from ._progress import progress_to
from ._render import answer_of

if TYPE_CHECKING:
    from ..analysis.breakdown import Asked, Found
    from ..causes.memory import Memory

PAGE = 1000
FEW_ROWS = 10
MOST_ROWS = 100
MOST_DIMENSIONS = 2

By = Annotated[
    list[str],
    BeforeValidator(as_list),
    Field(description=f"One or two of {' '.join(DIMENSIONS)} (UTC)."),
]


async def break_down_failures(
    ctx: Context[Runtime],
    by: By,
    resource: Resource = None,
    connection_id: ConnectionId = None,
    source_name: SourceName = None,
    fleet_refs: FleetRefs = None,
    operation: OperationType = None,
    source_id: SourceId = None,
    from_datetime: FromDatetime = None,
    to_datetime: ToDatetime = None,
    group: Groups = None,
    sort: Annotated[Sort | None, Field(description="Default failed; hours and days go in order.")] = None,
    min_operations: Annotated[int | None, Field(ge=1, description="Rows of at least so many.")] = None,
    most: Annotated[
        int | None, Field(ge=1, le=MOST_ROWS, description="Rows; else 10, or all hours and days that fit.")
    ] = None,
    refresh: Annotated[bool, Field(description="As in summarize_failures.")] = False,
) -> Annotated[CallToolResult, Breakdown]:
    """Count failures by one or two dimensions, with rate, records, main cause, first, last and when writes worked again.

    For "which fleets fail most, which TSP has the highest rate, which connection is worst, how many a day, the worst
    hour, where does this cause (`group`) occur and where is it over?".
    """
    from ..analysis.breakdown import Asked

    runtime = ctx.request_context.lifespan_context
    filters = filters_of(runtime.seen, resource, connection_id, source_name, fleet_refs, operation, source_id)
    dimensions = _dimensions(by)
    rows = most or (MOST_ROWS if set(dimensions) & set(TIMES) else FEW_ROWS)
    asked = Asked(dimensions, tuple(causes_asked(group)), sort, min_operations or 0, rows)
    window = fixed_window(from_datetime, to_datetime, runtime.clock())
    question = Question(filters, window, PAGE, runtime.settings.max_operations)
    reading, as_of = await runtime.read(question, refresh=refresh, progress=progress_to(ctx))
    answer, found = await runtime.analysed(partial(_broken_down, reading, as_of, asked), reading)
    answer.coverage.say(await what_is_missing(runtime, reading))
    fitted = _fitted(answer, found, asked.most, chosen=most is not None)
    return answer_of(fitted, breakdown_text, personal=runtime.personal)


def _dimensions(by: list[str]) -> tuple[str, ...]:
    """Check what to break down by.

    Raises:
        BadArgument: A word is no dimension, or there are none or more than two.
    """
    words = several(by)
    for word in words:
        if word not in DIMENSIONS:
            raise BadArgument(
                f"by {said_back(word)} is not known.{did_you_mean(word, DIMENSIONS)} Known: {', '.join(DIMENSIONS)}."
            )
    if not 1 <= len(words) <= MOST_DIMENSIONS:
        raise BadArgument(f"by takes one or two of {', '.join(DIMENSIONS)}; {len(words)} were given.")
    return tuple(words)


def _broken_down(reading: Reading, as_of: datetime, asked: "Asked", memory: "Memory") -> "tuple[Breakdown, Found]":
    from dataclasses import replace

    from ..analysis.breakdown import broken_down
    from ..analysis.causes import now_known

    window, read = reading.window, coverage_of(reading)
    causes = now_known(asked.groups, reading.frame, memory) if asked.groups else {}
    known = replace(asked, groups=tuple({now or name: None for name, now in causes.items()}))
    found = broken_down(
        reading.frame, read.covered_from or window.start, read.covered_to or window.end, known, memory, reading.closer
    )
    read.note = " ".join(filter(None, (causes_told(causes), read.note))) or None
    rows, other = found.first(asked.most)
    answer = Breakdown(
        window=WindowRead(from_datetime=window.start, to_datetime=window.end, default=window.default or None),
        filters=reading.filters.given() | ({"group": list(asked.groups)} if asked.groups else {}),
        as_of=as_of,
        by=list(asked.by),
        totals=found.totals,
        values=found.values,
        failing=found.failing,
        rows=rows,
        other=other,
        note=_of_failures(asked),
        coverage=read,
    )
    return answer, found


def _of_failures(asked: "Asked") -> str | None:
    told = [name for name in asked.by if name in OF_FAILURES]
    return f"Only failures have {' and '.join(told)}: the operations of a row are its failures." if told else None


SHORTENED = "To tell more hours and days, rows lack {}; ask for fewer (`most`, a shorter window) to see them."


def _fitted(answer: Breakdown, found: "Found", most: int, *, chosen: bool) -> Breakdown:
    """Leave out what does not fit: of hours and days details before rows, of all else the last rows.

    Rows that were asked for may fill an answer; otherwise both renderings have the budget of a summary.
    """

    def fits(told: Breakdown) -> bool:
        text = _budget.tokens(breakdown_text(told))
        structured = _budget.tokens(json.dumps(told.model_dump(mode="json"), separators=(",", ":")))
        if chosen:
            return text + structured <= _budget.ANSWER
        return text <= _budget.BREAKDOWN_TEXT and structured <= _budget.SUMMARY_STRUCTURED

    def cut(told: Breakdown, rows: int, *without: str) -> Breakdown:
        kept, other = found.first(rows)
        kept = [row.model_copy(update=dict.fromkeys(without)) for row in kept]
        note = SHORTENED.format(" and ".join(without)) if without else None
        said = " ".join(filter(None, (told.note, note))) or None
        return told.model_copy(update={"rows": kept, "other": other, "note": said})

    leaner: list[tuple[str, ...]] = [()]
    if set(answer.by) & set(TIMES):
        leaner += [("records",), ("records", "top_cause")]
    for without in leaner:
        if fits(whole := cut(answer, most, *without)):
            return whole
    few, many = 1, len(answer.rows)
    while few < many:
        middle = (few + many + 1) // 2
        few, many = (middle, many) if fits(cut(answer, middle, *leaner[-1])) else (few, middle - 1)
    return cut(answer, few, *leaner[-1])
