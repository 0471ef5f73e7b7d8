"""Which writes are of one record: ids, then fields that agree, then payloads; never by accident, in any order."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.analysis.marks import LONGEST, agree, marks_of
from server.analysis.records import records_of, with_outcome, with_records
from server.analysis.results import Records
from server.analysis.rows import rows_of
from server.catena.wire import Operation, decode_page
from tests.analysis.test_failures import operation

DRIVER = {
    "username": "mokafor412",
    "user_email": "m.okafor@haul.example",
    "license_number": "D4711 22",
    "first_name": "Maria",
    "last_name": "Okafor",
}
OTHER = {
    "username": "jlindqvist7",
    "user_email": "j.lindqvist@haul.example",
    "license_number": "K0815 90",
    "first_name": "James",
    "last_name": "Lindqvist",
}
TRUCK = {"vin": "1FUJA6CK57LX12345", "license_plate_number": "AK 4711", "vehicle_name": "Unit 12"}


def records(operations: Sequence[Operation]) -> Records:
    frame = rows_of(operations)
    return records_of(with_records(frame.filter(pl.col("status") == "failed"), frame))


def create(number: int, payload: Any, status: str = "failed", **given: Any) -> Operation:
    ids = {"resource_id": f"r{number}", "source_id": f"s{number}"} if status == "success" else {}
    return operation(number, number, status, payload=payload, **(ids | given))


def same(one: Any, other: Any, resource: str = "user") -> bool:
    """Tell whether a create that failed and another write with the same purpose count as one record."""
    told = records([create(1, one, resource=resource), create(2, other, "success", resource=resource)])
    both = records([create(1, one, resource=resource), create(2, other, resource=resource)])
    assert (told.recovered == 1) == (both.failed == 1)
    marks = [marks_of(create(1, payload, resource=resource)) or [] for payload in (one, other)]
    assert agree(*marks) == (both.failed == 1), "two writes agree here as among all"
    return both.failed == 1


@pytest.mark.parametrize("field", DRIVER)
def test_a_create_with_any_one_field_corrected_is_the_record_that_failed(field: str) -> None:
    assert same(DRIVER, DRIVER | {field: OTHER[field]})
    assert same(DRIVER, {name: value for name, value in DRIVER.items() if name != field})


@pytest.mark.parametrize("field", DRIVER)
def test_a_field_that_two_drivers_share_by_accident_makes_them_no_one(field: str) -> None:
    assert not same(DRIVER, OTHER | {field: DRIVER[field]})


@pytest.mark.parametrize("field", TRUCK)
def test_a_vehicle_is_known_by_what_stayed_of_vin_plate_and_name(field: str) -> None:
    other = {"vin": "2HSCNAPR67C000001", "license_plate_number": "BX 99", "vehicle_name": "Unit 77"}
    assert same(TRUCK, TRUCK | {field: other[field]}, "vehicle")
    assert not same(TRUCK, other | {field: TRUCK[field]}, "vehicle")
    assert same(
        {"vehicle_name": "Unit 12", "vin": "no vin"}, {"vehicle_name": "Unit 12", "vin": TRUCK["vin"]}, "vehicle"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"email": " M.Okafor@Haul.example"}, {"user_email": "m.okafor@haul.example\n"}),
        ({"license_number": "d4711-22"}, {"license_number": "D471122"}),
        ({"username": "\u200bMOKAFOR412\x00"}, {"username": "\uff4d\uff4f\uff4b\uff41\uff46\uff4f\uff52412"}),
        ({"employee_number": 4711}, {"employee_number": "4711"}),
        ({"first_name": "MARIA", "last_name": "de  la Cruz"}, {"first_name": "Maria", "last_name": "De la Cruz "}),
    ],
    ids=str,
)
def test_case_blanks_width_and_hyphens_make_no_other_record(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert same(one | {"n": 1}, other | {"n": 2})


NOTHING: list[Any] = [
    "",
    " ",
    "test",
    "TEST-TEST",
    "n/a",
    "N.A.",
    "unknown",
    "-",
    "0",
    "0000000",
    "xxxx",
    "12345",
    "none@none.com",
]
NOTHING += [None, True, 4.5, 10**30, [], ["a"], {"id": "a"}, "a" * 1_000_000, "\x00\u202e", "Test Driver"]


@pytest.mark.parametrize("value", NOTHING, ids=lambda value: repr(value)[:20])
def test_what_stands_where_nobody_knew_a_value_identifies_nothing(value: Any) -> None:
    payload = {**dict.fromkeys(DRIVER, value), "external_id": value, "employee_number": value}
    assert not marks_of(create(1, payload))
    assert not same(payload | {"n": 1}, payload | {"n": 2})
    assert records([create(1, payload | {"n": 1})]).by_payload == 1


@pytest.mark.parametrize("payload", [None, [], "text", 7, {}, {"n": [DRIVER]}], ids=str)
def test_payloads_that_are_no_objects_or_hold_none_of_the_fields_cost_nothing(payload: Any) -> None:
    assert marks_of(create(1, payload)) is None
    assert marks_of(create(1, DRIVER, resource="message")) is None


def test_a_payload_that_fills_every_field_has_no_more_marks_than_a_row_takes() -> None:
    every = DRIVER | {
        "external_id": "TMS-1",
        "employee_number": 4711,
        "user_email": "none of it",
        "email": "m@haul.example",
    }
    marks = marks_of(create(1, every))
    assert marks is not None
    assert rows_of([create(1, every), create(2, {}), create(3, DRIVER)])["marks"].to_list()[0] == marks


def test_a_value_that_several_records_have_identifies_nothing() -> None:
    office = {"email": "dispatch@haul.example"}
    known = [create(number, office | {"n": number}, "success") for number in (1, 2)]
    told = records([*known, create(3, office | {"n": 3}), create(4, office | {"n": 4}, "success", resource_id="r1")])
    assert (told.recovered, told.unresolved, told.by_field, told.by_payload) == (0, 1, None, 1)
    crowd = [create(number, office | {"first_name": "A", "last_name": f"L{number}"}) for number in range(40)]
    assert records(crowd).failed == 40


def test_one_that_agrees_with_two_records_is_neither() -> None:
    known = [
        create(1, {"username": "mokafor412", "n": 1}, "success"),
        create(2, {"license_number": "D471122"}, "success"),
    ]
    told = records([*known, create(3, {"username": "mokafor412", "license_number": "D4711 22"})])
    assert (told.unresolved, told.by_payload) == (1, 1)


def test_other_connections_and_kinds_of_record_are_others() -> None:
    for place in ({"connection_id": "c2"}, {"resource": "vehicle"}):
        assert records([create(1, {"external_id": "TMS-1"}), create(2, {"external_id": "TMS-1"}, **place)]).failed == 2


def test_what_a_create_became_is_told_of_the_record_it_led_to() -> None:
    story = [
        create(1, DRIVER | {"user_email": "bad"}),
        create(2, DRIVER | {"username": "has space"}),
        create(3, DRIVER, "success"),
        create(4, {"phone": "+1"}, resource_id="r3", operation_type="update"),
    ]
    told = records(story)
    assert (told.failed, told.unresolved, told.by_field) == (1, 1, 1)
    again = create(5, {"phone": "+2"}, "success", resource_id="r3", source_id=None, operation_type="update")
    assert records([*story[:2], story[2], again]).recovered == 1
    assert records([*story, again]).recovered == 1
    waiting = create(6, DRIVER | {"user_email": "better@haul.example"}, "pending")
    assert records([story[0], waiting]).unknown == 1


def test_the_first_success_after_its_last_failure_is_when_a_record_recovered() -> None:
    story = [create(n, DRIVER | {"n": n}, s) for n, s in ((1, "failed"), (3, "failed"))]
    story += [create(n, DRIVER, "success", resource_id="r") for n in (2, 5, 9)]
    frame = rows_of(story)
    row = with_outcome(with_records(frame.filter(pl.col("status") == "failed"), frame), "record").row(0, named=True)
    assert row["success_at"] == story[3].created_at


def test_a_create_refused_as_a_duplicate_exists_at_the_tsp() -> None:
    refused = create(1, DRIVER, error="Username mokafor412 is already taken")
    assert records([refused]).exist == 1
    assert records([refused, create(2, DRIVER, error="boom")]).exist is None
    assert records([refused, create(2, DRIVER, "success")]).exist is None
    update = create(3, DRIVER, error="Username is already taken", operation_type="update", resource_id="r")
    assert records([update]).exist is None


def test_no_value_of_a_payload_is_in_the_rows() -> None:
    rows = rows_of([create(1, DRIVER)])
    assert not any(value.casefold() in repr(rows.to_dicts()).casefold() for value in DRIVER.values())
    elsewhere = rows_of([create(1, DRIVER, connection_id="c2")])
    assert not {*rows["marks"][0]} & {*elsewhere["marks"][0]}


values = st.sampled_from(["a1", "b2", "c3", "test", "A1 ", None])
payloads = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("username", "license_number", "external_id", "n"), values)
    | {"email": st.sampled_from(["a@b.co", "x@y.co", "no address", "A@B.CO"])},
)
written = st.lists(
    st.tuples(payloads, st.sampled_from(["failed", "failed", "success", "pending"]), st.integers(0, 3)), max_size=14
)


@settings(max_examples=60)
@given(written, st.randoms(use_true_random=False))
def test_records_are_the_same_in_any_order_and_add_up(drawn: list[Any], chance: random.Random) -> None:
    operations = [
        create(number, payload, status, **({"resource_id": f"r{of}", "source_id": None} if status == "success" else {}))
        for number, (payload, status, of) in enumerate(drawn)
    ]
    shuffled = chance.sample(operations, len(operations))
    frame, other = rows_of(operations), rows_of(shuffled)
    named = [
        with_records(f.filter(pl.col("status") == "failed"), f).select("id", "record", "known_by", "success_at")
        for f in (frame, other)
    ]
    assert named[0].sort("id").equals(named[1].sort("id"))
    told = records(operations)
    assert told.failed == told.recovered + told.unresolved + told.unknown
    assert told.failed <= sum(status == "failed" for _, status, _ in drawn)
    # A record that has ids is never two: what fails is led to one of them at most.
    leads = named[0].filter(pl.col("record").str.contains("|r:", literal=True))
    assert set(leads["record"]) <= {f"c1|user|r:r{of}" for of in range(4)}


def test_marks_are_the_same_in_another_process_and_for_another_order_of_fields() -> None:
    turned = dict(reversed(DRIVER.items()))
    assert marks_of(create(1, DRIVER)) == marks_of(create(2, turned))
    assert marks_of(create(1, {"username": "mokafor412"})) == [MARK_OF_LOGIN]


MARK_OF_LOGIN = 7238803162202825169


def test_hostile_values_cost_a_page_nothing() -> None:
    fields = {
        "username": {"a": []},
        "user_email": ["x"] * 1000,
        "license_number": "9" * 1_000_000,
        "first_name": "\ud800",
    }
    row = {
        "id": "a",
        "created_at": "2026-11-23T00:00:00Z",
        "resource": "user",
        "status": "failed",
        "operation_type": "create",
    }
    body = (
        b'{"items":['
        + msgspec.json.encode(row | {"payload": {k: v for k, v in fields.items() if k != "first_name"}})
        + b"]}"
    )
    assert rows_of(decode_page(body).items)["marks"].to_list() == [None]
    assert marks_of(create(1, {"first_name": "\ud800", "last_name": "é" * LONGEST})) is None
    assert marks_of(create(1, {"first_name": "\ud800x", "last_name": "é" * LONGEST})) is not None
