"""What did not look like the contract: kept in the answer, counted, and said."""

from collections import Counter
from collections.abc import Mapping

import polars as pl

from ..catena.outside import quote
from ..catena.vocabulary import ERROR_TYPES, OPERATION_TYPES, RESOURCES, SOURCES, STATUSES
from ..catena.wire import Drift
from .counting import by_text

MOST_NAMED = 4

_KNOWN = {
    "status": STATUSES,
    "resource": RESOURCES,
    "source_name": SOURCES,
    "operation_type": OPERATION_TYPES,
    "error_type": ERROR_TYPES,
}


def drift_notes(frame: pl.DataFrame, drift: Drift) -> list[str]:
    """Say, a sentence each, what was unreadable, of another type, an unknown value or an unknown field."""
    values = unknown_values(frame)
    notes = []
    if drift.unreadable:
        notes.append(no_operations(drift.unreadable))
    if drift.outside:
        notes.append(
            f"{drift.outside:,} operations lie outside the window by both of their times and are not counted: the API "
            "did not keep to the window."
        )
    if values:
        notes.append(f"Values this server does not know, counted as they are: {_counts(values)}.")
    if drift.misread_fields:
        notes.append(f"Fields of an unexpected type, read as missing: {_counts(_quoted(drift.misread_fields))}.")
    if drift.unknown_fields:
        notes.append(f"Fields this server does not know, ignored: {_counts(_quoted(drift.unknown_fields))}.")
    if drift.odd:
        notes.append(f"Values that no JSON holds, replaced: {_counts(drift.odd)}.")
    return notes


def no_operations(count: int) -> str:
    """Say that entries of a list are in no number."""
    return f"{count:,} entries of the list were no operations (no id or time) and are not counted."


def unknown_values(frame: pl.DataFrame) -> Counter[str]:
    """Count the rows with a value that the contract does not list, by `column value`."""
    found: Counter[str] = Counter()
    for column, known in _KNOWN.items():
        counts = by_text(frame, column).items()
        found.update({f"{column} {quote(value, 60)}": count for value, count in counts if value and value not in known})
    return found


def _quoted(counts: Mapping[str, int]) -> dict[str, int]:
    return {quote(name, 60): count for name, count in counts.items()}


def _counts(counts: Mapping[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    told = ", ".join(f"{name} ({count:,})" for name, count in ranked[:MOST_NAMED])
    return f"{told} and {len(ranked) - MOST_NAMED} more" if len(ranked) > MOST_NAMED else told
