"""What followed a window that ended before now: only there shows what became of its records."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import anyio

from ..analysis.window import Window
from ..catena.query import LONGEST_SPAN, iso
from ..errors import CatenaError
from ..reading.question import Question, Reading
from ..runtime import Runtime
from ..store.memory import Progress

LEAST_S = 1.0
"""A read of fewer seconds is not begun."""


class Later(NamedTuple):
    """What followed a window, and how far outcomes look; no note where it ends now or nothing failed."""

    reading: Reading | None = None
    note: str | None = None


async def read_with_later(
    runtime: Runtime, question: Question, now: datetime, *, refresh: bool = False, progress: Progress
) -> tuple[Reading, datetime, Later]:
    """Read a window and, with the same filters and within the time of one call, what followed it until now.

    Raises:
        CatenaError: Nothing at all of the window could be read.
    """
    settings, now = runtime.settings, now.replace(microsecond=0)
    ends_at = anyio.current_time() + settings.deadline_s
    ended = question.start is None and now - question.window.end > timedelta(seconds=settings.fresh_s)
    reading, as_of = await runtime.read(question, refresh=refresh, progress=progress)
    if not ended or not (reading.frame["status"] == "failed").any():
        return reading, as_of, Later()
    if not reading.coverage.complete:
        return reading, as_of, _not_read("the window itself was not read whole")
    left_s = ends_at - anyio.current_time()
    if left_s < LEAST_S:
        return reading, as_of, _not_read("the time for one call was used up")
    start = reading.window.end
    end = min(now, start + LONGEST_SPAN)
    rest = replace(question, window=Window(start, end, ago=(None, now - end)))
    try:
        later, _ = await runtime.read(rest, refresh=refresh, time_share=left_s / settings.deadline_s)
    except CatenaError as exc:
        return reading, as_of, _not_read(str(exc).rstrip("."))
    if not later.coverage.complete:
        return reading, as_of, _not_read(later.coverage.stopped or "it could not be read whole")
    from ..analysis.folded import operations_in

    count = operations_in(later.frame)
    read = f"{count:,} operation{'' if count == 1 else 's'}"
    note = f"Outcomes look past the window, up to {iso(later.window.end)} ({read} more)."
    return reading, as_of, Later(later, note)


def _not_read(why: str) -> Later:
    return Later(None, f"Outcomes are as of the window's end: what followed was not read ({why}).")
