"""Signatures: another code or field is another cause; another name, id, time, number or order is not."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.catena.outside import Outside
from server.causes.signatures import group_id, masked, signature_of, varying

SAME_CAUSE: list[tuple[str, str]] = [
    ("Invalid session @ 'brf_live'", "Invalid session @ 'dsd_eu1'"),
    ('{"message":"Invalid token.","requestId":"a1-b2"}', '{ "requestId": "c3-d4", "message": "Invalid token." }'),
    ("User 'jane@x.com' already exists", "User 'john@y.org' already exists"),
    ("limit must be lesser than 200 but got value 512", "limit must be lesser than 100 but got value 7"),
    (
        '{"errors":[{"code":"taken","field":"email"},{"code":"taken","field":"email"}]}',
        '{"errors":[{"code":"taken","field":"email"}]}',
    ),
    (
        "<html><head><title>502 Bad Gateway</title></head><body>ray 8a1</body></html>",
        "<HTML><title>502  Bad Gateway</title><p>ray 9</p>",
    ),
    (
        '{"error":"{\\"message\\":\\"deep one\\",\\"traceId\\":\\"1\\"}"}',
        '{"error":"{\\"traceId\\":\\"2\\",\\"message\\":\\"deep one\\"}"}',
    ),
    (
        "System.IO.IOException: disk full\n   at A.B.C(Int32 x) in c:\\a.cs:line 7",
        "System.IO.IOException: disk full\n   at D.E(F g)",
    ),
    ("GET /v2/drivers/123 timed out after 3000ms", "GET /v2/drivers/9f/x timed out after 12ms"),
    ("retry in 1 second", "retry in 2m30s"),
    ("closed on Tue, 14 Jan 2026 11:22:33 GMT", "closed on 2026-01-14T11:22:33.5+02:00"),
    ("valid until Nov 23, 2026 4:05 PM", "valid until 11/23/2026"),
    ("body has 2048 bytes (2 KB), too many", "body has 17 bytes, too many"),
    ("車両ID 6835106 は既に登録されています", "車両ID 77 は既に登録されています"),
    ("arn:aws:iam::1353:user/david may not", "arn:aws:iam::77:user/ana may not"),
    ("plate of 1M8GDM9AXKP042788 is taken", "plate of JHMABCDEFGHJKLMNP is taken"),
    (
        '{"code":"X1","message":"No such unit","items":[{"id":"12","na',
        '{"code":"X1","message":"No such unit","items":[{"id":"1234","name":"x","b":[1,',
    ),
    ('{"code":"X1","message":"No such unit","vin":"A"}', '{"message":"No such unit","code":"X1","hint":null}'),
    (
        "java.io.IOException: disk full\n\tat a.b.C(D.java:7)\nCaused by: x.Y: quota\n\tat e.F(G.java:8)",
        "java.io.IOException: disk full\n\tat a.b.C(D.java:9)\n\tat q.R(S.java:1)\nCaused by: x.Y: quota\n\t... 3 more",
    ),
    (
        "TypeError: x is not a function\n    at run (/srv/app-1/x.js:1:2)",
        "TypeError: x is not a function\n    at Object.<anonymous> (/srv/app-22/y.js:3:4)\n    at z (/q.js:5:6)",
    ),
]

SAME_CAUSE += [
    (
        "status=ERR;code=208;ref=6SPYSS18;msg=Transaction refused",
        "ref=9ENJWJWE;msg=Transaction refused;status=ERR;code=208",
    ),
    (
        "result=error&reason=Invalid+card+number&holder=Jo%C3%A3o+O.",
        "result=error&reason=Invalid+card+number&holder=Ana",
    ),
    ("ERR,312,driver unknown,20230705,T-2123", "ERR,312,driver unknown,20241017,9732"),
    (
        "<h1>502 Bad Gateway</h1><hr><center>nginx/1.18.0 (Ubuntu)</center>",
        "<h1>502 Bad Gateway</h1><hr><center>nginx</center>",
    ),
    ("Access to gw.tracker.pl denied", "Access to eu.api.fleetview.cz denied"),
    ("vehicle HJC-7234 is taken", "vehicle NA88 TEY is taken"),
    ("vehicle HJC-7234 is taken", "vehicle HH-YY 5223 is taken"),
    ("Key (account_id, name)=(45, 4116) already exists.", "Key (account_id, name)=(9671, VAN 30) already exists."),
    ("The duplicate key value is (3576, aisha88).", "The duplicate key value is (12, Lars Berg)."),
    ("row refused (SQL: insert into a values (1, Ana))", "row refused (SQL: insert into a values (2, 'Bo', null))"),
    ("Session iEmbdprFBEkfHfErFprAsH has expired", "Session 7yjfmuy4qB9amsCauFCwm6 has expired"),
    ("no certificate matches host name 'gw.pulse.co.uk'", "no certificate matches host name 'api.orbit.com'"),
    ("Server left. [PATCH https://a.mx/v2/x]", "Server left. [POST https://api.b.de/v2/y/1bc3]"),
    (
        "<s><faultcode>soap:Client</faultcode><faultstring>Session ended</faultstring></s>",
        "<s><faultcode>soapenv:Client</faultcode><faultstring>Session ended</faultstring></s>",
    ),
    ("quota of key DC5GXE*** exceeded", "quota of key EZAULY*** exceeded"),
    ("Nie znaleziono kierowcy „Jan Nowak” w bazie", "Nie znaleziono kierowcy „Ola” w bazie"),
    ('{"message":"refused","note":"Jürgen Lefèvre"}', '{"message":"refused","note":"Ana Brown"}'),
]

OTHER_CAUSE: list[tuple[str, str]] = [
    ('{"error": 17}', '{"error": 18}'),
    ("17", "18"),
    ('{"message":"Invalid token."}', '{"message":"Invalid user."}'),
    ('{"errors":[{"code":"taken","field":"email"}]}', '{"errors":[{"code":"taken","field":"phone"}]}'),
    ('{"errors":[{"code":"taken","field":"email"}]}', '{"errors":[{"code":"blank","field":"email"}]}'),
    ("Invalid value for driverActivationStatus.", "Invalid value for timeZoneName."),
    ("Missing parameter 'vehicle'", "Missing parameter 'driver'"),
    ("com.acme.DuplicateException: refused", "com.acme.PermissionException: refused"),
    ("", "null"),
    ("Error 1001: refused", "Error 1002: refused"),
    ("[Errno 111] failed", "[Errno 104] failed"),
    ("SQLSTATE[23000]: refused", "SQLSTATE[42S02]: refused"),
    ("upstream returned HTTP 502", "upstream returned HTTP 503"),
    ("'email' is required", "'carrier' is required"),
    ("lacks scope 'write:vehicles'", "lacks scope 'write:drivers'"),
    ('{"errors":{"email":["has already been taken"]}}', '{"errors":{"plate":["has already been taken"]}}'),
    ('{"errors":[{"source":{"pointer":"/data/vin"}}]}', '{"errors":[{"source":{"pointer":"/data/name"}}]}'),
    (
        '{"detail":[{"loc":["body",3,"vin"],"msg":"required"}]}',
        '{"detail":[{"loc":["body",3,"name"],"msg":"required"}]}',
    ),
    ("<fault><faultcode>a:1</faultcode></fault>", "<fault><faultcode>a:2</faultcode></fault>"),
    ('<e><error code="101">Failed</error></e>', '<e><error code="102">Failed</error></e>'),
    ("<title>502 Bad Gateway</title>", "<title>503 Service Unavailable</title>"),
    ("status=ERR;code=208;msg=Transaction refused", "status=ERR;code=207;msg=Transaction refused"),
    ("ERR,312,driver unknown,20230705,T-2123", "ERR,313,driver unknown,20230705,T-2123"),
    ("field driver.address.id is wrong", "field driver.address.no is wrong"),
    ("DriverNotFoundException", "VehicleNotFoundException"),
    ("unit 7 VIN is missing", "unit 7 SIM is missing"),
    ("boom\n\tat a.B(C.java:1)\nCaused by: x.Timeout: a", "boom\n\tat a.B(C.java:1)\nCaused by: x.Refused: b"),
]


@pytest.mark.parametrize(("one", "other"), SAME_CAUSE, ids=lambda body: body[:30])
def test_what_only_varies_is_the_same_cause(one: str, other: str) -> None:
    assert signature_of(one).skeleton == signature_of(other).skeleton
    assert signature_of(one).title == signature_of(other).title


@pytest.mark.parametrize(("one", "other"), OTHER_CAUSE, ids=lambda body: body[:30])
def test_another_code_field_or_sentence_is_another_cause(one: str, other: str) -> None:
    assert signature_of(one).skeleton != signature_of(other).skeleton


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"message":"Invalid token.","requestId":"x"}', "Invalid token."),
        ('{"error_message": "invalid API key"}', "invalid API key"),
        ('{"error": 17}', "error 17"),
        ('{"errorCode":"1113","errorMsg":"plate refused by rule"}', "plate refused by rule [1113]"),
        (
            "<html><head><title>502 Bad Gateway</title></head><body><h1>Sorry</h1></body></html>",
            "502 Bad Gateway; Sorry",
        ),
        (
            "<soap:Fault><faultcode>c:17</faultcode><faultstring>No such unit</faultstring></soap:Fault>",
            "c:17; No such unit",
        ),
        ('Traceback (most recent call last):\n  File "a.py", line 1\nValueError: bad plate', "ValueError: bad plate"),
        ("boom\n   at a.b.C(D.java:7)\n   at e.F(G.java:8)", "boom"),
        ('{"message":"cut in the mid', "cut in the mid"),
        (
            '{"error":{"message":"Incorrect login credentials","code":-32000,"data":{"type":"InvalidUserException"}}}',
            "Incorrect login credentials [code -32000, InvalidUserException]",
        ),
        ("", ""),
    ],
)
def test_the_message_is_what_a_person_would_quote(body: str, message: str) -> None:
    assert signature_of(body).message == message


@given(st.text(max_size=400))
def test_any_text_has_a_bounded_signature_that_can_be_written(body: str) -> None:
    signature = signature_of(body)
    for part in (signature.skeleton, signature.message, signature.title):
        part.encode()
    assert len(signature.title) <= 80
    assert signature_of(body) == signature


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(JSON.filter(lambda value: isinstance(value, dict)))
def test_spacing_and_the_order_of_keys_never_make_another_cause(value: dict[str, Any]) -> None:
    turned = dict(reversed(list(value.items())))
    assert signature_of(json.dumps(value)).skeleton == signature_of(json.dumps(turned, indent=3)).skeleton


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_number_in_a_sentence_never_makes_another_cause(one: int, other: int) -> None:
    sentence = "vehicle {} was refused because odometer {} is lower"
    assert masked(sentence.format(one, other)) == masked(sentence.format(other, one))


@pytest.mark.parametrize(
    "body",
    ["[" * 1_000_000, '{"a":' * 100_000, "<a" * 40_000, "<script " * 10_000, "<!--" * 20_000, '"' * 80_000, "\\" * 80_000,
     " \n" * 40_000, "a1 " * 30_000, "\n at " * 20_000, "'a b'" * 20_000, "{" + '"a":1,' * 20_000, "\ud800" * 1000,
     "x" * 5_000_000, "a@" * 40_000, "license " * 10_000, "+1 " * 30_000],
    ids=lambda body: repr(body[:6]),
)  # fmt: skip
def test_hostile_bodies_take_bounded_time(body: str) -> None:
    began = time.process_time()
    str(Outside(signature_of(body).message))
    assert time.process_time() - began < 2  # far above what any takes; a catastrophic pattern takes minutes


def test_ids_are_the_same_in_another_process_with_another_hash_seed() -> None:
    here = [group_id("samsara", "auth", 401, signature_of(body).skeleton) for pair in SAME_CAUSE for body in pair]
    code = (
        "import sys, json; from server.causes.signatures import *; "
        "print(json.dumps([group_id('samsara', 'auth', 401, signature_of(b).skeleton) for b in json.load(sys.stdin)]))"
    )
    bodies = json.dumps([body for pair in SAME_CAUSE for body in pair])
    root = Path(__file__).parent.parent.parent
    for seed in ("1", "2"):
        ran = subprocess.run([sys.executable, "-c", code], cwd=root, env={"PYTHONHASHSEED": seed}, input=bodies,
                             capture_output=True, text=True, check=True)  # fmt: skip
        assert json.loads(ran.stdout) == here


def test_source_type_and_status_are_part_of_the_id() -> None:
    ids = {group_id("samsara", "auth", 401, "x"), group_id("geotab", "auth", 401, "x"), group_id("samsara", "tsp", 401, "x"),
           group_id("samsara", "auth", None, "x"), group_id("samsara", "auth", 403, "x")}  # fmt: skip
    assert len(ids) == 5
    assert all(len(i) == 10 and i.startswith("g_") for i in ids)


def test_golden_ids_do_not_change_without_a_new_version() -> None:
    golden = {
        ("samsara", "auth", 401, '{"message":"Invalid token.","requestId":"1"}'): "g_5989c91b",
        ("motive", "tsp", 429, '{"error_message":"Too many requests, try again later"}'): "g_3b08d13c",
    }
    for (source, kind, code, body), expected in golden.items():
        assert group_id(source, kind, code, signature_of(body).skeleton) == expected


def test_what_varies_is_told_with_the_word_before_it() -> None:
    assert varying("User 'jane' already exists on server db-7") == [("User", "jane"), ("server", "db-7")]
    assert varying("Invalid value for driverActivationStatus") == []


def test_a_line_of_a_log_is_one_cause_whatever_the_order_of_its_pairs() -> None:
    lines = [
        'level=error msg="command rejected: unit offline" unit=A-3 acct=12 seen=2026-11-23T10:00:00Z',
        'seen=2026-11-24T09:30:00Z acct=99 unit=B-17 level=error msg="command rejected: unit offline"',
    ]
    assert len({signature_of(line).skeleton for line in lines}) == 1
    assert signature_of(lines[0]).title == "command rejected: unit offline"
    assert signature_of(lines[0].replace("offline", "locked")).skeleton != signature_of(lines[0]).skeleton


def test_a_short_sentence_under_a_key_of_another_language_is_the_message() -> None:
    failed, locked = (
        signature_of(f'{{"Meldung": "Anmeldung f\u00fcr Benutzer \'x7\' {what}.", "Zeit": "27.09.2026"}}')
        for what in ("fehlgeschlagen", "gesperrt")
    )
    assert failed.skeleton != locked.skeleton
    assert "fehlgeschlagen" in failed.title
