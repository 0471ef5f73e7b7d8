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
from ..reading.question import Question, Reading
from ..runtime import Runtime
from ..store.memory import Progress
from ._coverage import causes_told, coverage_of
from ._found import Found
from ._later import Later, read_with_later
from ._render import EXIST, guessed, plural

if TYPE_CHECKING:
    from ..analysis.by_outcome import LastFailures, Position
    from ..causes.memory import Memory

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
    from ..analysis.folded import operations_in

    same = (window.start, window.end) == (start.start, start.end)
    window = window if same else Window(start.start, start.end, start.default)
    question = Question(start.api_filters, window, PAGE, runtime.settings.max_operations)
    reading, as_of, later = await read_with_later(runtime, question, runtime.clock(), progress=progress)
    told = await runtime.analysed(partial(_told, reading, later, outcome, start.group, start.after), reading)
    start = msgspec.structs.replace(start, start=reading.window.start, end=reading.window.end)
    found = Found.begun(start)
    found.scanned, found.records = operations_in(reading.frame), told.records.failed
    found.coverage = coverage_of(reading, say=(later.note,))
    if start.group:
        found.say(causes_told({start.group: told.cause}))
    if known := guessed(told.records):
        found.say(f"Of these {told.records.failed:,}, {known}.")
    if told.records.exist:
        found.say(f"{plural(told.records.exist, 'create')} of them {EXIST}: there is a record to update.")
    await anyio.to_thread.run_sync(_fill, found, told, start)
    return found, start, as_of


def _told(
    reading: Reading,
    later: Later,
    outcome: RecordState,
    group: str | None,
    after: "Position | None",
    memory: "Memory",
) -> "LastFailures":
    from ..analysis.by_outcome import last_failures

    following = later.reading.frame if later.reading else None
    closers = (reading.closer, later.reading.closer if later.reading else None)
    return last_failures(reading.frame, following, outcome, group, after, memory, closers)


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
