"""Causes in full, in short and left out, and the records of all of them, whatever is asked for: nothing lost, nothing twice."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.analysis.failures import groups_of, totals_of
from server.analysis.rows import rows_of
from server.catena.wire import Log
from tests.analysis.test_failures import END, START, operation

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["failed", "success", "pending"]),
        st.sampled_from("abcdefgh"),
        st.integers(0, 4),
        st.integers(0, 600),
    ),
    max_size=60,
)
"""Status, error type, record and minute of some operations."""


def frame_of(rows: list[tuple[str, str, int, int]]) -> Any:
    operations = []
    for number, (status, kind, record, minute) in enumerate(rows):
        known = {"source_id": f"s{record}", "payload": {}}
        identity: dict[str, Any] = known if record < 3 else {"payload": {"record": record}}
        plain = operation(number, minute, status, **identity)
        logs = [Log(status="failed", created_at=plain.created_at, error_type=kind, error_details="boom")]
        operations.append(
            operation(number, minute, status, **identity, logs=logs if status == "failed" else plain.logs)
        )
    return rows_of(operations)


@settings(max_examples=60)
@given(rows=ROWS, most=st.integers(0, 5), lines=st.integers(0, 5), behind=st.integers(0, 8))
def test_full_short_and_left_out_add_up_to_all_failures_and_keep_their_order(
    rows: list[tuple[str, str, int, int]], most: int, lines: int, behind: int
) -> None:
    frame = frame_of(rows)
    every = [(g.id, g.count) for g in groups_of(frame, START, END, most=50).groups]
    start = min(behind, len(every))
    told = groups_of(frame, START, END, most=most, lines=lines, behind=every[start - 1][0] if start else None)
    shown = [(group.id, group.count) for group in told.groups] + [(line.id, line.count) for line in told.more]
    assert shown == every[start : start + most + lines]
    assert len(told.groups) == min(most, len(every) - start)
    assert sum(n for _, n in shown) + told.other.count == totals_of(frame).failed
    assert len(shown) + told.other.groups == len(every)
    assert not {brief.id for brief in told.other.largest} & {name for name, _ in [*shown, *every[:start]]}


@settings(max_examples=60)
@given(rows=ROWS, later=ROWS)
def test_each_record_counts_once_whatever_its_causes_and_by_what_followed(
    rows: list[tuple[str, str, int, int]], later: list[tuple[str, str, int, int]]
) -> None:
    following = [(status, kind, record, minute + 601) for status, kind, record, minute in later]
    told = groups_of(frame_of(rows), START, END, most=50, later=frame_of(following) if following else None)
    expected: Counter[str] = Counter()
    for record in {record for status, _, record, _ in rows if status == "failed"}:
        last = max(minute for status, _, number, minute in rows if (status, number) == ("failed", record))
        after = {status for status, _, number, minute in [*rows, *following] if number == record and minute > last}
        expected["recovered" if "success" in after else "unknown" if "pending" in after else "unresolved"] += 1
        expected["by_payload"] += record >= 3
    records = told.records
    assert records.failed == expected["recovered"] + expected["unknown"] + expected["unresolved"]
    for name in ("recovered", "unknown", "unresolved"):
        assert getattr(records, name) == expected[name]
    assert (records.by_payload or 0) == expected["by_payload"]
