"""What an answer says of the rows behind it: what was read, why no more, and how to go on."""

from collections.abc import Mapping, Sequence

from ..analysis.results import CoverageRead
from ..catena.query import iso
from ..reading.question import Reading
from ._render import percent, plural


def coverage_of(reading: Reading, *, from_cursor: bool = False, say: Sequence[str | None] = ()) -> CoverageRead:
    """Return what was read; the note says why it ended early, what did not look like the contract, and what else to `say`."""
    from ..analysis.folded import operations_in

    coverage = reading.coverage
    return CoverageRead(
        complete=coverage.complete,
        covered_from=coverage.start,
        covered_to=coverage.end,
        scanned=operations_in(reading.frame),
        kept=reading.kept,
        left_out=coverage.drift.unreadable + coverage.drift.outside or None,
        pages=coverage.pages,
        note=" ".join(filter(None, [*_notes(reading, from_cursor), *say])) or None,
    )


def _notes(reading: Reading, from_cursor: bool) -> list[str]:
    """Say why the read ended early and how to go on, and what did not look like the contract."""
    coverage, notes = reading.coverage, []
    if coverage.holes:
        missing = ", ".join(f"{iso(start)} to {iso(end)}" for start, end in coverage.holes)
        notes.append(
            f"Missing from every number: {missing}, which could not be read ({coverage.stopped}). Ask for it again."
        )
    elif coverage.stopped:
        notes.append(f"The read ended early: {coverage.stopped}.")
    notes += _effort_notes(reading)
    if from_cursor:
        notes.append("Read from the cursor on in the API's order; what lies before it is not counted.")
    elif not coverage.complete:
        notes += _ways_on(reading)
    if coverage.retry_after is not None:
        notes.append(f"Come back in {plural(max(1, round(coverage.retry_after)), 'second')}.")
    if reading.note:
        notes.append(reading.note)
    return notes + _drift_notes(reading)


_GOES_ON = "Ask exactly the same again to go on: what was read is kept for ten minutes, and the numbers add up."


def _effort_notes(reading: Reading) -> list[str]:
    """Say how much of the window a read that ended early covers, at what pace, and how many such calls are missing."""
    coverage, effort = reading.coverage, reading.coverage.effort
    if effort is None:
        return []
    notes = []
    if not coverage.complete:
        share = (coverage.end - coverage.start) / reading.window.length if coverage.start and coverage.end else 0.0
        pace = f", {_figure(effort.rows / effort.seconds)} operations/s" if effort.seconds > 0 else ""
        notes.append(
            f"{percent(share)} of the window's time is covered; this call read {plural(effort.rows, 'operation')} on "
            f"{plural(effort.pages, 'page')} in {_figure(effort.seconds)} s{pace}."
        )
        if effort.calls_left and coverage.goes_on:
            notes.append(f"Estimated from the time read so far: {plural(effort.calls_left, 'more such call')}.")
    if coverage.carried:
        notes.append(f"All numbers are sums of {effort.calls} calls; what waited at the first may have ended since.")
    return notes


def _ways_on(reading: Reading) -> list[str]:
    coverage, notes = reading.coverage, []
    if coverage.goes_on:
        notes.append(_GOES_ON)
    if coverage.start and coverage.start > reading.window.start:
        only = "For the rest alone ask with" if coverage.goes_on else "Go on with"
        notes.append(f"{only} to_datetime={iso(coverage.start)} and the same from_datetime and filters.")
    elif not coverage.holes and not coverage.goes_on:
        notes.append("Ask for a shorter window or more filters.")
    return notes


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def _drift_notes(reading: Reading) -> list[str]:
    from ..analysis.drift import drift_notes

    return drift_notes(reading.frame, reading.coverage.drift)


def causes_told(causes: Mapping[str, str | None]) -> str | None:
    """Say which causes that were asked for have another id now, or none."""
    told = [f"{asked} is known as {now} now." for asked, now in causes.items() if now and asked != now]
    unknown = [asked for asked, now in causes.items() if not now]
    if unknown:
        told.append(f"No failure that was read lately has the cause {', '.join(unknown)}: check the id, or the window.")
    return " ".join(told) or None
