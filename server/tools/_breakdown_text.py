"""A breakdown as text: what was counted, then a line a row."""

from collections.abc import Collection

from ..analysis.breakdown_results import OF_FAILURES, TIMES, Breakdown, BreakdownRow, CauseKey, RecordKey, recovers
from ..analysis.results import Records, Totals
from ..catena.outside import Ref
from ..catena.query import second
from ._render import (
    FENCE_NOTE,
    OF_CAUSES,
    asked,
    became,
    covered,
    no_operations,
    other_causes,
    percent_of,
    plural,
    quotation,
    untold,
    words,
)


def breakdown_text(told: Breakdown) -> str:
    """Write a breakdown: totals, what was asked and read, a line a row, what is left out."""
    lines = [_verdict(told), asked(told), covered(told.coverage)]
    lines += [told.note] if told.note else []
    lines += [FENCE_NOTE] if told.rows else []
    lines += _rows(told)
    if told.other.rows:
        lines.append(_left_out(told))
    return "\n".join(lines)


def _rows(told: Breakdown) -> list[str]:
    """Write a line a row; the title of a cause stands where it is named first."""
    lines, titled = [], set[str]()
    for number, row in enumerate(told.rows, 1):
        parts = _row(row, titled)
        if row.failed and not row.recovered_at and recovers(told.by):
            parts.append("no success since")
        place = "" if set(told.by) & set(TIMES) else f"{number}. "
        lines.append(place + "; ".join(parts))
        if row.top_cause:
            titled.add(row.top_cause.id)
    return lines


def _left_out(told: Breakdown) -> str:
    other = told.other
    failed = plural(other.failed, "failure")
    counts = failed if set(told.by) & set(OF_FAILURES) else f"{plural(other.operations, 'operation')} and {failed}"
    return f"Not shown (most, min_operations, and an answer has its length): {plural(other.rows, 'more row')} with {counts}."


def _verdict(told: Breakdown) -> str:
    totals, part = told.totals, "" if told.coverage.complete else " in the part that was read"
    if not totals.operations:
        return no_operations(told) if told.coverage.complete else "Nothing can be told: no part of the window was read."
    of, unknown = OF_CAUSES if totals.covers else "", totals.unknown_status or 0
    first = (
        f"{totals.failed:,} of {plural(totals.operations, 'operation')} failed{of}{part} ({percent_of(totals.failed, totals.operations)})"
        if totals.failed
        else f"No failures{of} in {'the other ' if unknown else ''}{plural(totals.operations - unknown, 'operation')}{part}"
    )
    records = f", on {_records(totals.records)}" if totals.records and totals.failed else ""
    values = f"{plural(told.values, 'value')}, {told.failing:,} with failures"
    return f"{untold(totals)}{first}{records}. {_others(totals)}. By {' and '.join(told.by)}: {values}."


def _others(totals: Totals) -> str:
    """Say what did not fail."""
    retried = f", {totals.retried_successes:,} of them after failed attempts" if totals.retried_successes else ""
    return f"{other_causes(totals)}{totals.success:,} succeeded{retried}; {totals.pending:,} pending"


def _records(records: Records) -> str:
    return f"{plural(records.failed, 'record')} ({became(records)})"


def _row(row: BreakdownRow, titled: Collection[str]) -> list[str]:
    key = " · ".join(_value(name, value) for name, value in row.key.items())
    owner = words(row.source_name, row.fleet_ref)
    counts = f"{row.failed:,}" if row.failure_rate is None else f"{row.failed:,}/{row.operations:,}"
    rate = "" if row.failure_rate is None else f" ({percent_of(row.failed, row.operations)})"
    parts = [f"{words(key, owner and f'({owner})')}: {counts}{rate}"]
    if row.records:
        parts.append(_records(row.records))
    if row.top_cause:
        cause = row.top_cause
        title = None if cause.id in titled else quotation(cause.title)
        parts.append(f"mostly {words(cause.id, title)} {cause.count:,}")
    if row.first_seen and row.last_seen:
        parts.append(f"{second(row.first_seen)} to {second(row.last_seen)}")
    if row.recovered_at:
        parts.append(f"works again since {second(row.recovered_at)}")
    return parts


def _value(name: str, value: CauseKey | RecordKey | int | Ref) -> str:
    if name in TIMES and isinstance(value, Ref):
        return value.text.replace(":00:00Z", "Z")  # words of ours, and there may be a hundred of them
    if isinstance(value, CauseKey):
        return f"{value.id} {value.source_name} {quotation(value.title)}"
    if isinstance(value, RecordKey):
        return f"{value.resource} {value.known_by} {value.id} on {value.connection_id}"
    return str(value) if value or value == 0 else "none"
