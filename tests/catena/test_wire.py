"""Whatever drifts in a page, no readable operation is lost, and what was odd is counted."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.catena.wire import EPOCH, Drift, Operation, decode_operation, decode_page
from server.errors import Unreadable

NAMES = Operation.__struct_fields__
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
MOMENTS = st.integers(0, 4_000_000_000_000_000).map(lambda micros: EPOCH + timedelta(microseconds=micros))
TIMES = st.builds(
    lambda moment, zone: moment.isoformat().removesuffix("+00:00") + zone, MOMENTS, st.sampled_from(["", "Z"])
)
ODD = st.none() | st.booleans() | st.integers(-10, 10**20) | WORDS | st.lists(WORDS, max_size=2) | st.just({"a": [1]})

GOOD_LOGS = st.fixed_dictionaries(
    {"id": WORDS, "created_at": TIMES, "updated_at": TIMES, "resource_operation_id": WORDS, "status": WORDS},
    optional={
        "error_type": st.none() | WORDS,
        "error_details": st.none() | WORDS,
        "response_status_code": st.none() | st.integers(100, 599),
        "response_headers": st.none() | st.dictionaries(WORDS, WORDS, max_size=2),
    },
)
GOOD_ROWS = st.fixed_dictionaries(
    {"id": IDS, "created_at": TIMES},
    optional={
        "updated_at": TIMES,
        "partner_id": WORDS,
        "connection_id": WORDS,
        "fleet_ref": st.none() | WORDS,
        "source_name": WORDS,
        "resource": WORDS,
        "resource_id": st.none() | WORDS,
        "source_id": st.none() | WORDS,
        "operation_type": WORDS,
        "status": WORDS,
        "payload": st.dictionaries(WORDS, st.none() | WORDS | st.integers(), max_size=2),
        "logs": st.lists(GOOD_LOGS, max_size=2),
    },
)
ODD_LOGS = ODD | st.dictionaries(st.sampled_from(["status", "created_at", "error_type", "shift"]), ODD | WORDS)
ODD_FIELDS = st.dictionaries(
    st.sampled_from([name for name in NAMES if name not in ("id", "created_at")]) | WORDS.map("new_".__add__),
    ODD | st.lists(ODD_LOGS, max_size=2),
    max_size=6,
)


def body(*items: Any, **more: Any) -> bytes:
    return json.dumps({"items": items, "next_page": None, **more}).encode()


def plain(operation: Operation) -> dict[str, Any]:
    fields = {name: getattr(operation, name) for name in NAMES}
    return {**fields, "logs": operation.logs or []}


@given(rows=st.lists(GOOD_ROWS, max_size=4))
def test_both_ways_of_decoding_read_equal_rows_equally(rows: list[dict[str, Any]]) -> None:
    strict = decode_page(body(*rows))
    tolerant = decode_page(body({"id": "drifted", "created_at": "2026-01-01T00:00:00Z", "new": 1}, *rows))
    assert strict.drift == Drift()
    assert tolerant.drift == Drift(unknown_fields=tolerant.drift.unknown_fields.__class__(new=1))
    assert [plain(op) for op in strict.items] == [plain(op) for op in tolerant.items[1:]]


@given(rows=st.lists(st.tuples(GOOD_ROWS, ODD_FIELDS), max_size=4), strangers=st.lists(ODD, max_size=2))
def test_no_operation_with_an_id_and_a_time_is_lost(
    rows: list[tuple[dict[str, Any], dict[str, Any]]], strangers: list[Any]
) -> None:
    page = decode_page(body(*[{**row, **odd} for row, odd in rows], *strangers))
    assert [op.id for op in page.items] == [row["id"] for row, _ in rows]
    assert page.drift.unreadable == len(strangers)
    assert sum(page.drift.unknown_fields[name] for name in page.drift.unknown_fields if name.startswith("new_")) == sum(
        name.startswith("new_") for _, odd in rows for name in odd
    )
    assert [attempt.created_at.tzinfo for op in page.items for attempt in op.attempts].count(None) == 0


@given(item=ODD | st.dictionaries(st.sampled_from(NAMES), ODD | TIMES))
def test_an_object_is_an_operation_or_counted_as_unreadable(item: Any) -> None:
    page = decode_page(body(item))
    assert len(page.items) + page.drift.unreadable == 1


def row(**fields: Any) -> dict[str, Any]:
    return {"id": "op", "created_at": "2026-06-25T16:12:45Z", **fields}


@pytest.mark.parametrize(
    ("fields", "unknown", "misread"),
    [
        ({"new": 1}, {"new": 1}, {}),
        ({"status": 7}, {}, {"status": 1}),
        ({"logs": 7}, {}, {"logs": 1}),
        ({"logs": {"status": "failed"}}, {}, {"logs": 1}),
        ({"logs": [7, {"status": "failed"}]}, {}, {"logs": 1}),
        ({"logs": [{"error_type": "tsp"}]}, {}, {"logs": 1}),
        ({"logs": [{"status": "failed", "shift": 1}]}, {"logs.shift": 1}, {}),
        ({"logs": [{"status": "failed", "response_status_code": "soon"}]}, {}, {"logs.response_status_code": 1}),
        ({"logs": [{"status": "failed", "response_status_code": "502"}]}, {}, {}),
        ({"logs": None, "payload": None, "status": "cancelled", "resource": "yard_event"}, {}, {}),
    ],
)
def test_what_is_odd_is_counted_by_its_name(
    fields: dict[str, Any], unknown: dict[str, int], misread: dict[str, int]
) -> None:
    page = decode_page(body(row(**fields)))
    assert [op.id for op in page.items] == ["op"]
    assert dict(page.drift.unknown_fields) == unknown
    assert dict(page.drift.misread_fields) == misread


@pytest.mark.parametrize("missing", [{"id": None}, {"id": 5}, {"created_at": "yesterday"}, {"created_at": 1e308}])
def test_a_row_without_an_id_or_a_time_is_counted(missing: dict[str, Any]) -> None:
    page = decode_page(body(row(), row(**missing)))
    assert len(page.items) == page.drift.unreadable == 1


@pytest.mark.parametrize("more", [{}, {"new": 1}], ids=["as the contract says", "drifted"])
def test_a_time_without_a_zone_is_utc(more: dict[str, Any]) -> None:
    log = {"status": "failed", "created_at": "2026-06-25T16:12:46", "updated_at": "2026-06-25T16:12:47"}
    (op,) = decode_page(body(row(created_at="2026-06-25T16:12:45", updated_at=None, logs=[log], **more))).items
    assert op.created_at == datetime(2026, 6, 25, 16, 12, 45, tzinfo=UTC)
    assert op.attempts[0].updated_at == datetime(2026, 6, 25, 16, 12, 47, tzinfo=UTC)


def test_one_operation_alone_reads_its_times_as_utc_too() -> None:
    logs = [{"status": "failed", "created_at": "2026-06-25T16:12:46"}, {"status": "failed"}]
    op = decode_operation(row(created_at="2026-06-25T16:12:45", logs=logs), Drift())
    assert op is not None
    assert op.created_at.tzinfo is not None
    assert op.attempts[0].created_at == EPOCH


def test_attempts_are_told_in_the_order_they_were_made() -> None:
    logs = [{"status": "failed", "created_at": f"2026-06-25T16:12:0{n}Z"} for n in (2, 0, 1)]
    (op,) = decode_page(body(row(logs=logs))).items
    assert [attempt.created_at.second for attempt in op.attempts] == [0, 1, 2]


PAGE = body(row(logs=[{"status": "failed", "error_details": "late"}], payload={"a": "é"}), row(id="second", new=1))


@pytest.mark.parametrize("length", range(0, len(PAGE) - 1, 7))
def test_a_page_cut_short_is_unreadable_and_never_a_shorter_page(length: int) -> None:
    with pytest.raises(Unreadable, match="cut short"):
        decode_page(PAGE[:length])


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"null",
        b"[]",
        b'"page"',
        b"{}",
        b'{"items": null}',
        b'{"items": {}}',
        b'{"items": [], "next_page": 4}',
        b"<!doctype html><title>Sign in</title>",
        b"upstream connect error",
        b'{"items": [{"id": "a", "new": ' + b"[" * 200_000 + b"]" * 199_999 + b"}]}",
        b'{"items": [{"id": "a" "new": "\xff"}]}',
        b'{"items": [], "next_page": nothing}',
    ],
)
def test_what_is_not_a_page_is_unreadable(page: bytes) -> None:
    with pytest.raises(Unreadable, match="CATENA_BASE_URL"):
        decode_page(page)


def test_a_page_without_a_cursor_is_the_last() -> None:
    assert decode_page(b'{"items": []}').next_page is None
    assert decode_page(b'{"items": [], "next_page": "Pg%3D%3D", "total": 7}').next_page == "Pg%3D%3D"


RAW = b'{"items": [{"id": "a", "created_at": "2026-06-25T16:12:45Z"}, %s], "next_page": "more"}'
ROW = b'{"id": "b", "created_at": "2026-06-25T16:12:45Z", "logs": [{"status": "failed"}], %s}'


@pytest.mark.parametrize(
    ("field", "name", "value", "odd"),
    [
        (b'"source_id": "Caf\xe9"', "source_id", "Caf\ufffd", "characters"),
        (rb'"source_id": "half \ud83d"', "source_id", "half \ufffd", "characters"),
        (rb'"source_id": "\ude00 half"', "source_id", "\ufffd half", "characters"),
        (
            rb'"source_id": "\\ud83d whole \ud83d\ude00", "payload": NaN',
            "source_id",
            "\\ud83d whole \U0001f600",
            "numbers",
        ),
        (b'"payload": {"n": NaN, "m": 1}', "payload", {"n": None, "m": 1}, "numbers"),
        (b'"payload": {"n": -Infinity}', "payload", {"n": None}, "numbers"),
        (b'"payload": {"n": 1e999}', "payload", {"n": None}, "numbers"),
        (b'"payload": {"n": ' + b"9" * 5_000 + b"}", "payload", {"n": None}, "numbers"),
        (b'"payload": {"n": "\xff"}', "payload", {"n": "\ufffd"}, "characters"),
        (b'"payload": {"n": ' + b'{"x":[' * 50_000 + b"]}" * 50_000 + b', "m": 1}', None, None, "nesting"),
        (b'"source_id": "line\nbreak"', "source_id", "line\nbreak", None),
    ],
    ids=str,
)
def test_what_no_json_holds_costs_itself_and_nothing_beside_it(
    field: bytes, name: str | None, value: Any, odd: str | None
) -> None:
    page = decode_page(RAW % (ROW % field))
    assert [op.id for op in page.items] == ["a", "b"]
    assert page.next_page == "more"
    assert name is None or getattr(page.items[1], name) == value
    assert set(page.drift.odd) == ({odd} if odd else set())
    assert len(page.items[1].attempts) == 1


@pytest.mark.parametrize(
    ("fields", "misread"),
    [
        ({"logs": [{"status": "failed", "response_status_code": 2**33}]}, "logs.response_status_code"),
        ({"logs": [{"status": "failed", "created_at": "0001-01-01T00:00:00+05:00"}]}, "logs"),
        ({"updated_at": "tomorrow"}, "updated_at"),
        ({"payload": {"n": 10**30}}, None),
    ],
)
def test_a_value_that_cannot_be_costs_its_field(fields: dict[str, Any], misread: str | None) -> None:
    page = decode_page(body(row(), row(**fields)))
    assert len(page.items) == 2
    assert {name for name, count in page.drift.misread_fields.items() if count} == ({misread} if misread else set())


@pytest.mark.parametrize("fields", [{"id": ""}, {"created_at": "0001-01-01T00:00:00+05:00"}])
def test_an_empty_id_and_a_time_before_all_times_are_none(fields: dict[str, Any]) -> None:
    page = decode_page(body(row(), row(**fields)))
    assert len(page.items) == page.drift.unreadable == 1


def test_times_of_any_zone_are_told_in_utc() -> None:
    (op,) = decode_page(body(row(created_at="2026-06-25T18:12:45+02:00"))).items
    assert op.created_at.isoformat() == "2026-06-25T16:12:45+00:00"


def test_a_status_in_another_case_is_the_status() -> None:
    (op,) = decode_page(body(row(status="FAILED", logs=[{"status": "Failed"}]))).items
    assert (op.status, op.attempts[0].status) == ("failed", "failed")


def test_an_empty_cursor_ends_the_list() -> None:
    assert decode_page(b'{"items": [], "next_page": ""}').next_page is None


def test_a_payload_is_read_as_it_was_sent() -> None:
    (op,) = decode_page(b'{"items": [{"id": "a", "created_at": "2026-01-01T00:00:00Z", "payload": {"n": 1.50}}]}').items
    assert op.payload == {"n": 1.5}
