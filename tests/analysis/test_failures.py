"""From rows to results: exact on every number, deterministic, and equal whatever the order or the parts."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.analysis.contrast import concentration_of, counted
from server.analysis.drift import unknown_values
from server.analysis.failures import groups_of, pending_of, totals_of
from server.analysis.records import outcomes, with_records
from server.analysis.rows import fingerprint, joined, rows_of
from server.analysis.summary_results import Concentration
from server.analysis.timeline import onset_of, timeline_of, trend_of
from server.catena.wire import Log, Operation
from server.causes.guidance import Evidence, guidance_for

START = datetime(2026, 11, 23, tzinfo=UTC)
END = START + timedelta(days=1)


def operation(number: int, minute: float = 0, status: str = "failed", error: str = "boom", **given: Any) -> Operation:
    moment = START + timedelta(minutes=minute)
    logs = [Log(status="success" if status == "success" else "failed", created_at=moment, error_details=error)]
    values: dict[str, Any] = {
        "id": f"op{number:05}",
        "created_at": moment,
        "connection_id": "c1",
        "fleet_ref": "f1",
        "source_name": "samsara",
        "resource": "user",
        "operation_type": "create",
        "status": status,
        "payload": {"n": number},
        "logs": [] if status == "pending" else logs,
    }
    return Operation(**(values | given))


def outcome(*operations: Operation) -> dict[str, int]:
    frame = rows_of(operations)
    told = outcomes(with_records(frame.filter(frame["status"] == "failed"), frame)).row(0, named=True)
    return {name: told[name] for name in ("records", "recovered", "unresolved", "unknown")}


def test_a_later_success_of_the_same_record_recovers_it() -> None:
    for identity in ({"resource_id": "r"}, {"source_id": "s"}, {"payload": {"a": 1, "b": 2}}):
        again = identity if "payload" not in identity else {"payload": {"b": 2, "a": 1}, "resource_id": "new"}
        assert outcome(operation(1, 0, **identity), operation(2, 5, "success", **again))["recovered"] == 1
        assert outcome(operation(1, 5, **identity), operation(2, 0, "success", **again))["unresolved"] == 1
        elsewhere = operation(2, 5, "success", **again, connection_id="c2")
        assert outcome(operation(1, 0, **identity), elsewhere)["unresolved"] == 1


def test_the_strongest_identity_decides() -> None:
    failed = operation(1, 0, resource_id="r1", source_id="s", payload={"a": 1})
    other = operation(2, 5, "success", resource_id="r2", source_id="s", payload={"a": 1})
    assert outcome(failed, other)["unresolved"] == 1


def test_a_record_that_failed_again_after_its_success_is_unresolved_once() -> None:
    told = outcome(
        operation(1, 0, resource_id="r"), operation(2, 5, "success", resource_id="r"), operation(3, 9, resource_id="r")
    )
    assert told == {"records": 1, "recovered": 0, "unresolved": 1, "unknown": 0}


def test_a_waiting_or_unidentified_record_is_unknown() -> None:
    assert outcome(operation(1, 0, resource_id="r"), operation(2, 5, "pending", resource_id="r"))["unknown"] == 1
    assert outcome(operation(1, 0, payload={}), operation(2, 0, payload={}))["unknown"] == 2


def test_equal_payloads_have_equal_fingerprints_and_empty_ones_none() -> None:
    assert fingerprint({"a": {"x": 1, "y": 2}}) == fingerprint({"a": {"y": 2, "x": 1}})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({}) is None


OPERATIONS = st.lists(
    st.builds(
        operation,
        st.integers(0, 500),
        st.integers(0, 1439),
        st.sampled_from(["success", "failed", "failed", "pending", "cancelled"]),
        st.sampled_from(
            ["boom", "bang 17", "bang 18", '{"message":"Invalid token."}', "", "user 'x' exists", "user 'y' exists"]
        ),
        connection_id=st.sampled_from(["c1", "c2", "c3"]),
        fleet_ref=st.sampled_from(["f1", "f2", None]),
        resource_id=st.sampled_from([None, "r1", "r2"]),
    ),
    max_size=60,
    unique_by=lambda op: op.id,
)


@settings(max_examples=60)
@given(OPERATIONS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_and_parts_never_change_a_result(
    operations: list[Operation], shuffler: random.Random, parts: int
) -> None:
    whole = joined([rows_of(operations)])
    mixed = list(operations)
    shuffler.shuffle(mixed)
    pieces = joined([rows_of(mixed[i::parts]) for i in range(parts)])
    assert groups_of(whole, START, END, most=50) == groups_of(pieces, START, END, most=50)
    assert totals_of(whole) == totals_of(pieces)
    assert timeline_of(whole, START, END) == timeline_of(pieces, START, END)


@settings(max_examples=60)
@given(OPERATIONS, st.integers(1, 4))
def test_every_count_adds_up(operations: list[Operation], most: int) -> None:
    frame = joined([rows_of(operations)])
    totals = totals_of(frame)
    groups, other, *_ = groups_of(frame, START, END, most=most)
    assert totals.operations == len({op.id for op in operations})
    assert sum(g.count for g in groups) + other.count == totals.failed
    for group in groups:
        assert sum(group.affected.resources.values()) == group.count
        known = group.outcome
        assert known.recovered + known.unresolved + known.unknown == group.affected.records <= group.count
        assert group.first_seen <= group.last_seen
    unknown = sum(n for name, n in unknown_values(frame).items() if name.startswith("status"))
    assert totals.success + totals.failed + totals.pending + unknown == totals.operations


def test_an_operation_read_twice_counts_in_its_latest_state() -> None:
    waiting = operation(1, 0, "pending", updated_at=START)
    done = operation(1, 0, "success", updated_at=START + timedelta(minutes=1))
    for parts in ([waiting, done], [done, waiting]):
        frame = joined([rows_of([op]) for op in parts])
        assert (len(frame), totals_of(frame).success) == (1, 1)


def test_successes_after_failed_attempts_are_no_failures() -> None:
    logs = [Log(status="failed", created_at=START), Log(status="success", created_at=END)]
    totals = totals_of(rows_of([operation(1, 0, "success", logs=logs)]))
    assert (totals.failed, totals.retried_successes) == (0, 1)


def test_the_last_failed_attempt_names_the_cause() -> None:
    early, late = (
        Log(status="failed", created_at=START, error_details="early", error_type="network"),
        Log(status="failed", created_at=END, error_details="late", error_type="tsp", response_status_code=500),
    )
    frame = rows_of([operation(1, logs=[late, early])])
    assert frame.select("error_type", "status_code", "message").row(0) == ("tsp", 500, "late")


def test_what_varies_is_told_of_names_too_where_values_repeat() -> None:
    names = ["Ana Brown", "Ana Brown", "Wei Chen", "Wei Chen", "Bo Lind", "Bo Lind"]
    failures = [operation(i, i, error=f"Driver {name} is refused on terminal {i % 2}") for i, name in enumerate(names)]
    (group,), *_ = groups_of(rows_of(failures), START, END, most=5)
    told = {slot.slot.text: [(v.value.text, v.count) for v in slot.top] for slot in group.varies}
    assert told == {"terminal": [("0", 3), ("1", 3)], "Driver": [("Ana Brown", 2), ("Bo Lind", 2), ("Wei Chen", 2)]}


def test_a_failure_without_a_log_has_a_group_of_its_own() -> None:
    groups, *_ = groups_of(rows_of([operation(1, logs=[]), operation(2, error="")]), START, END, most=9)
    assert {group.title.text for group in groups} == {"no attempt logged", "no message"}


def test_an_empty_window_has_empty_results() -> None:
    frame = joined([])
    assert totals_of(frame).operations == 0
    assert groups_of(frame, START, END, most=9)[0] == []
    assert pending_of(frame, END).count == 0


@pytest.mark.parametrize(
    ("minutes", "trend"),
    [
        (list(range(0, 300, 5)), "stopped"),
        (list(range(0, 1440, 10)), "steady"),
        ([*range(0, 720, 60), *range(720, 1440, 5)], "rising"),
        ([*range(0, 720, 5), *range(720, 1440, 60)], "falling"),
        ([1430], "steady"),
        ([10], "stopped"),
        (list(range(1200, 1290, 2)), "stopped"),
        (list(range(1390, 1440, 2)), "rising"),
    ],
)
def test_trend_tells_what_the_times_do(minutes: list[int], trend: str) -> None:
    frame = rows_of([operation(n, minute) for n, minute in enumerate(minutes)])
    assert trend_of(frame["created_at"], START, END) == trend


def concentrated(failures: list[Operation], everything: pl.DataFrame) -> Concentration | None:
    return concentration_of(counted(rows_of(failures)), len(failures), counted(everything), len(everything))


def test_concentration_is_told_only_where_a_value_is_really_over_represented() -> None:
    spread = [operation(n, n, connection_id=f"c{n % 4}", fleet_ref=f"f{n % 4}", status="success") for n in range(80)]
    bad = [operation(100 + n, n * 70, connection_id="c1", fleet_ref="f1") for n in range(10)]
    frame = rows_of([*spread, *bad])
    found = concentrated(bad, frame)
    assert found is not None
    assert (found.dimension, found.value.text, found.share_of_failures) == ("connection", "c1", 1.0)
    assert found.share_of_operations == round(30 / 90, 3)
    even = [operation(200 + n, n * 50, connection_id=f"c{n % 4}", fleet_ref=f"f{n % 4}") for n in range(20)]
    assert concentrated(even, rows_of([*spread, *even])) is None
    assert concentrated(bad[:3], frame) is None


@pytest.mark.parametrize(
    ("kind", "code", "message", "owner", "retryable"),
    [
        ("auth", 401, "Invalid token.", "fleet", False),
        ("tsp", 200, "Invalid session @ 'db'", "fleet", False),
        ("tsp", 500, "Duplicate driver key", "partner", False),
        ("tsp", 400, "permission denied for entity", "fleet", False),
        ("tsp", 200, "API calls quota exceeded", "partner", True),
        ("tsp", 429, "", "partner", True),
        ("network", None, "read timed out", "tsp", True),
        ("tsp", 503, "maintenance", "tsp", True),
        ("validation", 400, "Invalid value for timeZone", "partner", False),
        ("tsp", 404, "Object not found.", "partner", False),
        ("tsp", 500, "Something odd", "tsp", None),
        ("network", None, "connect to login.tsp.example: timed out", "tsp", True),
        ("tsp", 403, "nope", "fleet", False),
        ("auth", 400, "User 'svc' has no right 'Driver.Write' in group 7", "fleet", False),
        ("tsp", 400, "Email has already been taken", "partner", False),
        ("tsp", 200, "El vehículo ya existe", "partner", False),
        ("tsp", 200, "Something odd", "unknown", None),
        (None, None, "", "unknown", None),
        ("brand_new", 299, "?", "unknown", None),
    ],
)
def test_guidance_weighs_words_before_type_and_status(
    kind: str | None, code: int | None, message: str, owner: str, retryable: bool | None
) -> None:
    told = guidance_for("tsp", kind, code, message)
    assert (told.owner, told.retryable) == (owner, retryable)
    assert told.advice.endswith(".")


def test_advice_tells_its_reason() -> None:
    assert guidance_for("tsp", "tsp", 429, "").advice.endswith("(status 429).")
    assert guidance_for("tsp", "auth", None, "x").advice.endswith("(error type auth).")
    assert guidance_for("tsp", "tsp", 500, "already exists").advice.endswith("(the message tells of a duplicate).")


def test_other_connections_that_work_are_told_where_it_says_who_must_act() -> None:
    working, failing = Evidence(met=5, others=40, others_fine=38), Evidence(met=5, others=40, others_fine=20)
    assert "other connections of the TSP work" in guidance_for("tsp", "auth", 401, "x", working).advice
    assert "other connections" not in guidance_for("tsp", "auth", 401, "x", failing).advice
    assert "other connections" not in guidance_for("tsp", "validation", 400, "x", working).advice


def test_what_retries_did_outweighs_the_words() -> None:
    refused = guidance_for("tsp", "validation", 400, "value refused", Evidence(met=40, cured=12))
    assert refused.retryable is True
    assert "12 of 40 went through on a retry" in refused.advice
    assert guidance_for("tsp", "validation", 400, "value refused", Evidence(met=40, cured=2)).retryable is False
    assert guidance_for("tsp", "validation", 400, "value refused", Evidence(met=400, cured=12)).retryable is False


@pytest.mark.parametrize(
    ("minutes", "began"),
    [
        ([*range(600, 720, 4)], None),
        ([3, *range(600, 720, 4)], 600),
        ([3, 40, *range(600, 720, 4)], 600),
        ([*range(0, 200, 4), *range(900, 1000, 4)], 900),
        ([*range(0, 1440, 60)], None),
        ([5, 900], None),
        ([5], None),
    ],
)
def test_a_cause_begins_anew_after_a_long_stretch_without(minutes: list[int], began: int | None) -> None:
    frame = rows_of([operation(n, minute) for n, minute in enumerate(minutes)])
    expected = None if began is None else START + timedelta(minutes=began)
    assert onset_of(frame["created_at"], START, END) == expected
