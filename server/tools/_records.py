"""Records by what became of them, as rows of a list: from all operations of the window, and what followed it."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread
import msgspec

from ..analysis.window import Window
from ..catena.bookmark import Bookmark
from ..catena.vocabulary import RecordState
from ..errors import BadArgument
from ..reading.question import Question, sources_in
from ..runtime import Runtime
from ..store.memory import Progress
from ._coverage import coverage_of
from ._found import Found
from ._later import read_with_later

if TYPE_CHECKING:
    from ..analysis.by_outcome import LastFailures

PAGE = 1000


def check_outcome(start: Bookmark) -> None:
    """Refuse what does not go with an outcome.

    Raises:
        BadArgument: With what to pass.
    """
    if start.status not in (None, "failed"):
        raise BadArgument(
            f"outcome is of records that failed, so status={start.status!r} matches nothing. Leave it out."
        )
    if start.detail == "full":
        raise BadArgument(
            'outcome goes with detail "concise" or "ids". For payload and attempts pass an id to '
            "get_resource_operation."
        )
    if start.cursor:
        raise BadArgument("outcome goes on with `next_cursor` of such a list only, not with a cursor of another.")


async def records_found(
    runtime: Runtime, start: Bookmark, outcome: RecordState, window: Window, progress: Progress
) -> tuple[Found, Bookmark, datetime]:
    """Return the records with an outcome from a position on, with the window their rows are of, and when those were read.

    Raises:
        CatenaError: Nothing at all of the window could be read.
    """
    from ..analysis.by_outcome import last_failures
    from ..analysis.folded import operations_in

    same = (window.start, window.end) == (start.start, start.end)
    window = window if same else Window(start.start, start.end, start.default)
    question = Question(start.api_filters, window, PAGE, runtime.settings.max_operations)
    reading, as_of, later = await read_with_later(runtime, question, runtime.clock(), progress=progress)
    find = partial(
        last_failures,
        reading.frame,
        later.reading.frame if later.reading else None,
        outcome,
        start.group,
        start.after,
        closers=(reading.closer, later.reading.closer if later.reading else None),
    )
    told = await runtime.learning(find, sources_in(reading.frame))
    start = msgspec.structs.replace(start, start=reading.window.start, end=reading.window.end)
    found = Found.begun(start)
    found.scanned, found.records = operations_in(reading.frame), told.records
    found.coverage = coverage_of(reading, say=(later.note,))
    if told.cause != start.group:
        found.say(f"{start.group} is known as {told.cause} now.")
    if told.by_payload:
        found.say(f"{told.by_payload:,} of the {told.records:,} are known as one record only by an identical payload.")
    await anyio.to_thread.run_sync(_fill, found, told, start)
    return found, start, as_of


def _fill(found: Found, told: "LastFailures", start: Bookmark) -> None:
    from ..analysis.by_outcome import position_of, row_told

    last = start.after
    for row in told.rows.iter_rows(named=True):
        if not found.add(row_told(row)):
            found.goes_on = msgspec.structs.replace(start, after=last)
            if not found.full:
                found.cut_short()
            return
        last = position_of(row)
