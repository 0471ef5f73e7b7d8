"""What an answer says of the rows behind it: what was read, why no more, and how to go on."""

from collections.abc import Mapping, Sequence

from ..analysis.results import CoverageRead
from ..catena.query import iso
from ..reading.question import Reading


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
    if from_cursor:
        notes.append("Read from the cursor on in the API's order; what lies before it is not counted.")
    elif not coverage.complete and coverage.start and coverage.start > reading.window.start:
        notes.append(f"Go on with to_datetime={iso(coverage.start)} and the same from_datetime and filters.")
    elif not coverage.complete and not coverage.holes:
        notes.append("Ask for a shorter window or more filters.")
    if coverage.retry_after is not None:
        notes.append(f"Come back in {max(1, round(coverage.retry_after))} seconds.")
    if reading.note:
        notes.append(reading.note)
    return notes + _drift_notes(reading)


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
