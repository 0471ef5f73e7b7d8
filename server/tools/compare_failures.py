"""Compare the failures of a window with those of another: what is new, gone, worse or better."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..analysis.comparison_results import Baseline, Comparison
from ..analysis.results import Other, WindowRead
from ..analysis.window import Window
from ..catena.query import iso, second
from ..reading.question import Question, Reading
from ..runtime import Runtime
from ._arguments import (
    ConnectionId,
    FleetRefs,
    FromDatetime,
    FromGroup,
    MaxGroups,
    OperationType,
    Resource,
    SourceId,
    SourceName,
    ToDatetime,
    filters_of,
    fixed_window,
)
from ._coverage import coverage_of
from ._empty import what_is_missing
from ._progress import progress_to
from ._render import FENCE_NOTE, answer_of, asked, covered, percent, plural, quotation, was_also, words

if TYPE_CHECKING:
    from ..causes.memory import Memory

PAGE = 1000
MOST_CAUSES = 12


async def compare_failures(
    ctx: Context[Runtime],
    resource: Resource = None,
    connection_id: ConnectionId = None,
    source_name: SourceName = None,
    fleet_refs: FleetRefs = None,
    operation: OperationType = None,
    source_id: SourceId = None,
    from_datetime: FromDatetime = None,
    to_datetime: ToDatetime = None,
    baseline_from: Annotated[str | None, Field(description="Default: the same length just before.")] = None,
    baseline_to: Annotated[str | None, Field()] = None,
    max_groups: MaxGroups = None,
    from_group: FromGroup = None,
) -> Annotated[CallToolResult, Comparison]:
    """Compare the failures of a window with a baseline: new, gone, worse, better or same per cause, and a verdict.

    For "did it get worse, since the deploy, than yesterday?". Small numbers are not called a change.
    """
    runtime = ctx.request_context.lifespan_context
    filters = filters_of(runtime.seen, resource, connection_id, source_name, fleet_refs, operation, source_id)
    now = runtime.clock()
    window = fixed_window(from_datetime, to_datetime, now)
    read = partial(runtime.read, progress=progress_to(ctx), time_share=0.5)
    most = runtime.settings.max_operations
    reading, as_of = await read(Question(filters, window, PAGE, most))
    # Rows held from a minute ago have a window of then: the baseline ends where that one begins.
    baseline = _baseline(reading.window, baseline_from, baseline_to, now)
    before, _ = await read(Question(filters, baseline, PAGE, most))
    compare = partial(_comparison, reading, before, filters.given(), as_of, (max_groups or MOST_CAUSES, from_group))
    comparison = await runtime.analysed(compare, reading, before)
    missing = await what_is_missing(runtime, reading)
    comparison.coverage["window"].say(missing)
    if not missing:
        comparison.coverage["baseline"].say(await what_is_missing(runtime, before))
    return answer_of(comparison, comparison_text, personal=runtime.personal)


def _baseline(window: Window, start: str | None, end: str | None, now: datetime) -> Window:
    """Return the window to compare with; by default the one of equal length that ends where `window` begins."""
    if start or end:
        return fixed_window(start, end, now)
    return Window(window.start - window.length, window.start, default=True)


def _comparison(
    reading: Reading,
    before: Reading,
    filters: dict[str, str | list[str]],
    as_of: datetime,
    asked_for: tuple[int, str | None],
    memory: "Memory",
) -> Comparison:
    from ..analysis.comparison import compared, rates_of, verdict_of
    from ..analysis.lines import split_behind

    most, behind = asked_for
    causes = compared(reading.frame, before.frame, memory=memory)
    earlier, following = split_behind([(cause.id, cause) for cause in causes], behind, memory)
    told, left = following[:most], following[most:]
    rates, baseline_rates = rates_of(reading.frame), rates_of(before.frame)
    window, baseline = reading.window, before.window
    complete = reading.coverage.complete and before.coverage.complete
    return Comparison(
        window=WindowRead(from_datetime=window.start, to_datetime=window.end, default=window.default or None),
        filters=filters,
        as_of=as_of,
        baseline=Baseline(from_datetime=baseline.start, to_datetime=baseline.end, default=baseline.default or None),
        verdict=verdict_of(rates, baseline_rates, causes),
        totals={"window": rates, "baseline": baseline_rates},
        groups=[cause for _, cause in told],
        other=Other(
            groups=len(earlier) + len(left),
            count=sum(cause.count for _, cause in [*earlier, *left]),
            before=len(earlier) or None,
        ),
        coverage={"window": coverage_of(reading), "baseline": coverage_of(before)},
        complete=complete,
        note=None if complete else NOT_WHOLE,
    )


NOT_WHOLE = (
    "Not both windows were read whole, so the shares are of the parts that were read (the newest of each). "
    "Compare shorter windows, or add filters."
)


def comparison_text(comparison: Comparison) -> str:
    """Write a comparison: verdict, both windows, and a line a cause."""
    baseline = comparison.baseline
    default = " (default: just before)" if baseline.default else ""
    lines = [
        comparison.verdict,
        asked(comparison),
        f"Baseline {iso(baseline.from_datetime)} to {iso(baseline.to_datetime)}{default}.",
        covered(comparison.coverage["window"]),
        covered(comparison.coverage["baseline"], "baseline"),
        *([comparison.note] if comparison.note else []),
        *([FENCE_NOTE] if comparison.groups else []),
    ]
    for cause in comparison.groups:
        kind = words(cause.source_name, cause.error_type, cause.status_code)
        shares = (
            f"{cause.count:,} ({percent(cause.rate)}), before {cause.baseline_count:,} ({percent(cause.baseline_rate)})"
        )
        since = f", since {second(cause.since)}" if cause.since else ""
        lines.append(
            f"{cause.change}: {cause.id}{was_also(cause.formerly)} {kind} {quotation(cause.title)}: {shares}{since}, last {second(cause.last_seen)}"
        )
    other = comparison.other
    if other.groups:
        before = f", {other.before:,} of them up to from_group" if other.before else ""
        follow = other.groups > (other.before or 0) and comparison.groups
        on = f" from_group={comparison.groups[-1].id} goes on." if follow else ""
        lines.append(
            f"Not shown: {plural(other.groups, 'more cause')} with {plural(other.count, 'failure')}{before}.{on}"
        )
    return "\n".join(lines)
