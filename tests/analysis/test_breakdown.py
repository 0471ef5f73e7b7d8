"""Breakdowns of rows made by chance: what plain Python counts, whatever is missing, in any order."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.analysis.breakdown import Asked, Found, broken_down
from server.analysis.breakdown_results import DIMENSIONS, OF_FAILURES, BreakdownRow, CauseKey, RecordKey
from server.analysis.rows import joined, rows_of
from server.catena.wire import Log, Operation
from server.causes.memory import Memory
from tests.analysis.test_failures import END, START, operation

PAIRS = [(name,) for name in DIMENSIONS] + list(permutations(DIMENSIONS, 2))


def made(
    number: int, minute: int, status: str, kind: str | None, code: int | None, error: str, **given: Any
) -> Operation:
    log = Log(
        "success" if status == "success" else "failed", error_type=kind, error_details=error, response_status_code=code
    )
    logs = [] if error == "no log" else [log]
    return operation(number, minute, status, logs=logs, **given)


OPERATIONS = st.lists(
    st.builds(
        made,
        st.integers(0, 500),
        st.integers(0, 1439),
        st.sampled_from(["success", "failed", "failed", "pending", "cancelled", ""]),
        st.sampled_from([None, "tsp"]),
        st.sampled_from([None, 400, 502]),
        st.sampled_from(["boom", "User 17 exists", "", "no log"]),
        fleet_ref=st.sampled_from([None, "", "f1", "f2"]),
        connection_id=st.sampled_from(["c1", "c2"]),
        source_name=st.sampled_from(["samsara", "motive"]),
        resource_id=st.sampled_from([None, "r1", "r2"]),
    ),
    max_size=25,
    unique_by=lambda op: op.id,
)


def told(row: BreakdownRow) -> tuple[Any, ...]:
    """Return the values of a row, comparable."""
    return tuple(map(_plain, row.key.values()))


def _plain(value: Any) -> Any:
    if isinstance(value, RecordKey):
        return value.connection_id.text, value.resource.text, value.id.text
    return value.id if isinstance(value, CauseKey) else getattr(value, "text", value)


def broken(operations: Sequence[Operation], asked: Asked) -> Found:
    return broken_down(joined([rows_of(operations)]), START, END, asked, Memory(lambda: 0))


@settings(max_examples=60)
@given(OPERATIONS, st.sampled_from(PAIRS), st.integers(1, 6), st.integers(0, 3), st.sampled_from([None, "failed", "rate", "operations", "name"]))  # fmt: skip
def test_rows_and_what_is_left_out_add_up_and_rows_are_not_told_twice(
    operations: Sequence[Operation], by: tuple[str, ...], most: int, fewest: int, sort: Any
) -> None:
    found = broken(operations, Asked(by, sort=sort, min_operations=fewest))
    failed = sum(op.status == "failed" for op in operations)
    for count in (most, 100):
        rows, other = found.first(count)
        assert sum(row.failed for row in rows) + other.failed == failed == found.totals.failed
        whole = failed if set(by) & set(OF_FAILURES) else len(operations)
        assert sum(row.operations for row in rows) + other.operations == whole
        assert len(rows) + other.rows == found.values
        assert len({told(row) for row in rows}) == len(rows)
        for row in rows:
            assert row.operations >= max(fewest, row.failed)
            assert (row.records is not None) is bool(row.failed)
            assert (row.first_seen is not None) is (bool(row.failed) and not {"hour", "day"} & set(by))
            if row.records:
                assert row.records.failed == row.records.recovered + row.records.unresolved + row.records.unknown
    records = found.totals.records
    assert records is not None
    assert records.failed == records.recovered + records.unresolved + records.unknown <= failed


@settings(max_examples=30)
@given(OPERATIONS, st.sampled_from(["fleet_ref", "connection_id", "source_name", "status"]))
def test_each_value_counts_what_plain_python_counts(operations: Sequence[Operation], dimension: str) -> None:
    (rows, _) = broken(operations, Asked((dimension,))).first(100)
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for op in operations:
        expected[getattr(op, dimension) or ""] += Counter(operations=1, failed=op.status == "failed")
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        found["".join(told(row))] += Counter(operations=row.operations, failed=row.failed)
    assert found == expected


@settings(max_examples=30)
@given(OPERATIONS, st.sampled_from(PAIRS), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    operations: Sequence[Operation], by: tuple[str, ...], shuffler: random.Random
) -> None:
    mixed = list(operations)
    shuffler.shuffle(mixed)
    assert broken(operations, Asked(by)) == broken(mixed, Asked(by))


@pytest.mark.parametrize(("by", "count"), [(("hour",), 24), (("day",), 1), (("day", "hour"), 24)])
def test_stretches_without_any_operation_are_told(by: tuple[str, ...], count: int) -> None:
    (rows, _) = broken([operation(1, 90), operation(2, 600, "success")], Asked(by)).first(100)
    assert len(rows) == count
    assert [told(row) for row in rows] == sorted(told(row) for row in rows)
    assert sum(row.operations for row in rows) == 2


def test_an_operation_outside_the_stretch_is_counted_where_it_is() -> None:
    (rows, _) = broken([operation(1, -90)], Asked(("hour",))).first(100)
    assert [(told(row), row.failed) for row in rows][:2] == [
        (("2026-11-22T22:00:00Z",), 1),
        (("2026-11-23T00:00:00Z",), 0),
    ]


def test_a_value_works_again_from_the_first_success_after_its_last_failure_on() -> None:
    operations = [
        operation(1, 0, "success"), operation(2, 10), operation(3, 20, "success"), operation(4, 30), operation(5, 40, "success"),
        operation(6, 50, "success"), operation(7, 60, connection_id="c2"), operation(8, 60, "success", connection_id="c2"),
    ]  # fmt: skip
    rows, _ = broken(operations, Asked(("connection_id",))).first(9)
    assert [row.recovered_at for row in rows] == [START + timedelta(minutes=40), None]
    rows, _ = broken(operations, Asked(("cause", "connection_id"))).first(9)
    assert [row.recovered_at for row in rows] == [START + timedelta(minutes=40), None]
    for by in (("hour",), ("status",), ("cause",), ("connection_id", "hour")):
        assert not [row for row in broken(operations, Asked(by)).first(99)[0] if row.recovered_at]


def test_only_failures_of_the_chosen_causes_count_and_the_others_stay_operations() -> None:
    operations = [operation(1, error="boom"), operation(2, error="bang"), operation(3, 9, "success")]
    memory, frame = Memory(lambda: 0), joined([rows_of(operations)])
    rows, _ = broken_down(frame, START, END, Asked(("cause",)), memory).first(9)
    boom = next(key.id for row in rows if isinstance(key := row.key["cause"], CauseKey) and key.title.text == "boom")
    found = broken_down(frame, START, END, Asked(("status",), groups=(boom,)), memory)
    assert {told(row): (row.operations, row.failed) for row in found.ranked} == {
        ("failed",): (2, 1),
        ("success",): (1, 0),
    }
    assert (found.totals.operations, found.totals.failed, found.totals.success) == (3, 1, 1)
