"""Shapes of bodies: the reason is found in each, titled as a person would, and kept apart from the reason beside it."""

import json
from typing import Any

import pytest

from server.causes.families import Member, refined
from server.causes.signatures import signature_of


def body(value: Any) -> str:
    return json.dumps(value)


def together(*bodies: str) -> int:
    """Return how many causes some bodies are."""
    members = [Member("acme", "tsp", 400, signature_of(each).skeleton) for each in bodies]
    return len(set(refined(members).values()))


FAULT = "<Envelope><Fault><faultcode>Server</faultcode><faultstring>Failed. ---&gt; A.YardException: Yard is full\n   at A.{}(Int32 n) in c:\\x.cs:line {}</faultstring></Fault></Envelope>"
POOL = "XPool(host='{}', port=443): Gave up with url: /a/{} (Caused by XError(\"XConn(host='{}', port=443): No way through: [Errno 111] Door shut\"))"


@pytest.mark.parametrize(
    ("told", "title", "other"),
    [
        (body({"yard_id": ["Choose a yard."]}), "yard_id: Choose a yard", body({"gate_id": ["Choose a gate."]})),
        (body({"errors": {"seal": ["is odd"]}}), "seal is odd", body({"errors": {"seal": ["is old"]}})),
        (body({"errors": {"seal": "is not known here"}}), "seal is not known here", body({"errors": {"door": "is not known here"}})),
        (body({"tyre": ["worn"]}), "tyre: worn", body({"tyre": ["flat"]})),
        (body({"status": ["Say one of three words."]}), "status: Say one of three words", body({"code": ["Say one of three words."]})),
        ('"mileage" has to be whole', '"mileage" has to be whole', '"mileage" has to be above one'),
        (body({"message": "body/wheels must be even"}), "body/wheels must be even", body({"message": "body/doors must be even"})),
        ("403, message='Keep out', url='https://a.example/1'", "Keep out", "429, message='Keep calm', url='https://a.example/1'"),
        ("{'code': 7, 'message': 'Van is at the yard', 'data': None}", "Van is at the yard", "{'code': 7, 'message': 'Van is on the road', 'data': None}"),
        ("b'{\"error\":\"Van is at the yard\"}'", "Van is at the yard", "b'{\"error\":\"Van is on the road\"}'"),
        ('TSP said: {"state":{"code":3,"text":"Van is at the yard"}}', "Van is at the yard", 'TSP said: {"state":{"code":4,"text":"Van is at the yard"}}'),
        ('HTTP 500: {"error":17}', "HTTP 500 [error 17]", 'HTTP 500: {"error":18}'),
        (body({"status_code": 400, "body": "SEAL_TOO_LONG"}), "SEAL_TOO_LONG", body({"status_code": 400, "body": "SEAL_TOO_SHORT"})),
        (body({"error": "Clash", "cause": {"type": "x", "key": "seal", "value": "7"}}), "seal: Clash [x]", body({"error": "Clash", "cause": {"type": "x", "key": "door", "value": "7"}})),
        (body({"message": "Not accepted.", "details": [{"target": "axles", "message": "Axles go up to nine"}]}), "Axles go up to nine",
         body({"message": "Not accepted.", "details": [{"target": "doors", "message": "Doors go up to nine"}]})),
        (body({"Message": "An error.", "ExceptionMessage": "Yard list is gone"}), "Yard list is gone", body({"Message": "An error.", "ExceptionMessage": "Gate list is gone"})),
        (body({"error": "Gone Away", "message": "No message available"}), "Gone Away", body({"error": "Gone Home", "message": "No message available"})),
        ("'x' does not match '^[a-z]+$'", "… does not match '^[a-z]+$'", "'y' does not match '^[A-Z]+$'"),
        (POOL.format("a.example", 1, "a.example"), "No way through: Door shut", "XPool(host='a.example', port=443): Gave up with url: /a/1"),
        ("it was not stored; rule [uq_yard_seal]; nested exception is x.y.RuleException: it was not stored", "it was not stored; rule [uq_yard_seal]; nested exception is x.y.RuleException…", "it was not stored; rule [uq_gate_seal]; nested exception is x.y.RuleException: it was not stored"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)  # fmt: skip
def test_the_reason_is_the_title_and_tells_causes_apart(told: str, title: str, other: str) -> None:
    assert signature_of(told).title == title
    assert together(told, other) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FAULT.format("Save", 4), FAULT.format("Store", 91)),
        ("org.a.YardException: Yard is full at org.a.B.save(B.java:4) at org.a.C.put(C.java:7)", "org.a.YardException: Yard is full at org.a.D.store(D.java:90)"),
        (body({"fuel": ['"steam" is not a valid fuel.']}), body({"fuel": ['"peat" is not a valid fuel.']})),
        (body({"error": "Yard cannot go", "in": [{"ref": "b1", "name": "LOW-7"}]}), body({"error": "Yard cannot go", "in": [{"ref": "c2", "name": "TOW-93"}]})),
        ("Name mismatch: cert is for DNS:*.acme.io, DNS:acme.io", "Name mismatch: cert is for DNS:*.globex.eu, DNS:globex.eu"),
        (body({"errors": [{"message": "No such yard here", "locations": [], "path": ["yard", 3, "gate"]}]}), body({"errors": [{"message": "No such yard here", "locations": [], "path": ["yard"]}]})),
        ("Unexpected token < in JSON at position 0", "Unexpected token } in JSON at position 9"),
        ("[Jan 3, 2026 10:00:01 AM] could not be read", "[Thu Mar 5 10:00:01 UTC 2026] could not be read"),
        ("too many calls from Jensen A/S: 17 in 3 s", "too many calls from Jensen A/S: 8 in 9 s"),
        (POOL.format("a-1.b.biz", 1, "a-1.b.biz"), POOL.format("c-27.dd.info", 2, "c-27.dd.info")),
    ],
    ids=lambda value: value[:24],
)  # fmt: skip
def test_frames_values_and_records_named_on_the_way_split_no_cause(one: str, other: str) -> None:
    assert together(one, other) == 1


def test_a_cut_body_joins_the_one_cause_it_begins() -> None:
    whole = [body({"error": {"code": "CLASH", "message": f"{name} drives from 3 to 9 on {van} for Acme"}})
             for name, van in [("Ana Berg", "Iron Horse"), ("Ole Hill", "Big Red"), ("Mia Wong", "Blue Moon"), ("Per Sato", "Old Betsy")]]  # fmt: skip
    cut = body({"error": {"code": "CLASH", "message": "Eva Klein drives from 3 to 9 on Old Nelly for Acme"}})[:70]
    assert together(*whole) == 1
    assert together(*whole, cut) == 1
    assert together(*whole, cut.replace("CLASH", "OTHER")) == 2


@pytest.mark.parametrize(
    "title", ["Text was too long to be written to the table 'Yard.dbo.Everything', column 'SealNumber'. It was: 'x'."]
)
def test_a_long_title_keeps_the_column_that_it_is_about(title: str) -> None:
    told = signature_of(title).title
    assert told.endswith("… column 'SealNumber'")
    assert len(told) <= 80


def test_a_title_is_never_holes_alone() -> None:
    assert signature_of("4711 (0815)").title == "no words in the message"
    assert signature_of(body({"message": "4711 / 0815", "code": "E_SEAL"})).title == "E_SEAL"
