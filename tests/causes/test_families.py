"""Families: a function of the set of signatures; names and ids merge, things, fields, codes and states never do."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.causes import families
from server.causes.families import Member, family_title, fillers, refined, resolved
from server.causes.frames import tokens_of
from server.causes.signatures import signature_of

ROOT = Path(__file__).parents[2]
NAMES = ["Jane Doe", "Ana", "Wei Chen", "Fred B. Smith", "Olga van der Berg", "Mohammed Ali", "José O'Brien"]
FIRMS = ["Acme Freight LLC", "Globex", "Fleet & Sons", "Transportes del Norte S.A.", "Initech Rentals"]


def members_of(bodies: Iterable[str]) -> list[Member]:
    """Return the members that bodies of one TSP, type and status are."""
    return [Member("samsara", "tsp", 400, signature_of(body).skeleton) for body in bodies]


def families_of(bodies: list[str]) -> list[str]:
    """Return the template of each body's family."""
    found = refined(members_of(bodies))
    return [found[member] for member in members_of(bodies)]


@pytest.mark.parametrize(
    "bodies",
    [
        [f"Driver {name} is on duty" for name in NAMES],
        [f"{name} is already assigned to vehicle AB-{len(name)}" for name in NAMES],
        [json.dumps({"code": 7, "message": f"Account {firm} is suspended"}) for firm in FIRMS],
        [f"Log of {name} is locked by {other}" for name, other in zip(NAMES, reversed(NAMES), strict=True)],
        [f"Fahrer {name} wurde nicht gefunden" for name in NAMES],
        [f"运营商 {name} 不存在" for name in NAMES],
        [f"Unexpected token {mark} in JSON at position 4" for mark in "<{}u"],
        ["could not reach db1.acme.com: timed out", "could not reach 10.0.0.7:5432: timed out"],
    ],
    ids=lambda bodies: bodies[0][:30],
)  # fmt: skip
def test_names_are_one_family(bodies: list[str]) -> None:
    assert len(set(families_of(bodies))) == 1


@pytest.mark.parametrize(
    "bodies",
    [
        [f"{thing} not found" for thing in ("driver", "vehicle", "trailer", "asset", "geofence", "route", "tag")],
        [f"The {thing} could not be found" for thing in ("Driver", "Vehicle", "Trailer", "Asset", "Geofence", "Route")],
        [f"Please provide a valid {field}" for field in ("Email", "Driver License", "First Name", "Home Terminal Name")],
        [f"Invalid value for {field}." for field in ("activationStatus", "timeZoneName", "licenseState", "eldExempt")],
        [f"Missing parameter {field}" for field in ("driver_id", "vehicle_id", "trip_id", "asset_id", "tag_id", "group_id")],
        [f"Field '{field}' is required" for field in ("email", "Driver License", "First Name", "Last Name", "carrier")],
        [f"state is {state}" for state in ("LOCKED", "ARCHIVED", "DELETED", "SUSPENDED", "EXPIRED", "PAUSED")],
        [f"[unit 7] VM {state} (event)" for state in ("Resumed", "Paused", "Started", "Stopped", "Created")],
        [f"com.acme.{name}: refused" for name in ("LockException", "LimitException", "DuplicateException", "IoError")],
        [f"missing scope {scope}:write" for scope in ("drivers", "vehicles", "trips", "assets", "routes", "tags")],
        [f"[Errno {code}] connect failed" for code in (104, 110, 111)],
        [f"{thing} konnte nicht gelesen werden" for thing in ("Der Fahrer 7", "Der Anhänger 7", "Das Fahrzeug 7", "Die Tour 7")],
        [f"ORA-{code}: request refused" for code in ("00001", "12541", "01400")],
        [json.dumps({"message": "Request failed", "code": code}) for code in range(20)],
        [json.dumps({"errors": {field: ["is not right at all"]}}) for field in ("email", "phone", "serial", "plate")],
        [f"<Error><Code>{code}</Code><Message>Request failed</Message></Error>" for code in ("NoSuchKey", "SlowDown", "X")],
    ],
    ids=lambda bodies: bodies[0][:30],
)  # fmt: skip
def test_things_fields_codes_and_states_stay_apart(bodies: list[str]) -> None:
    assert len(set(families_of(bodies))) == len(bodies)


def test_a_name_behind_the_word_for_a_thing_keeps_the_word() -> None:
    things = ("Fahrer", "Anhänger")
    found = families_of([f"Der {thing} {name} konnte nicht gelesen werden" for thing in things for name in NAMES])
    assert set(found) == {f"~Der {thing} <*> konnte nicht gelesen werden" for thing in things}


@pytest.mark.parametrize(
    "name",
    [
        "kateina.dvokov",
        "rene_62",
        "Weber, Stefan",
        "Rob Li (temp)",
        "DeShawn",
        "Anna d'Alene",
        "Ana Bj\u00c3\u00b6rk",
        "Ana of the Hills",
    ],
)
def test_a_name_of_another_form_joins_those_in_whose_place_it_stands(name: str) -> None:
    bodies = [f"Driver {each} is on duty" for each in [*NAMES, name]]
    assert len(set(families_of(bodies))) == 1


@pytest.mark.parametrize(
    "body",
    [
        "Driver Ana Brown is not on duty",
        "Driver of vehicle 7 is on duty",
        "Driver status is on duty",
        "Driver Ana Brown was removed and Bob is on duty",
        "Driver Ana Brown is off duty",
    ],
)
def test_a_sentence_that_says_something_else_joins_no_family(body: str) -> None:
    *names, other = families_of([*(f"Driver {each} is on duty" for each in NAMES), body])
    assert other not in names


def test_what_fills_the_holes_of_a_family_is_told_with_the_word_before_it() -> None:
    bodies = [f"Driver {name} is on duty in zone {i}" for i, name in enumerate(NAMES)]
    (template,) = set(families_of(bodies))
    told = [fillers(member.skeleton, template) for member in members_of(bodies)]
    assert told == [[("Driver", name)] for name in NAMES]
    assert fillers("Something else", template) == []


def test_source_type_and_status_are_never_crossed() -> None:
    skeletons = [member.skeleton for member in members_of(f"Driver {name} is on duty" for name in NAMES)]
    members = [Member("samsara", "tsp", i % 3, skeleton) for i, skeleton in enumerate(skeletons)]
    assert len(set(resolved(refined(members)).values())) >= 3


TEXTS = st.lists(
    st.sampled_from(["Driver {} is on duty", "{} was not found in {}", "limit of {} reached", "{}", "group '{}' is closed"])
    .flatmap(lambda text: st.sampled_from(NAMES + FIRMS + ["7", "email", "TRUCK"]).map(lambda name: text.replace("{}", name))),
    max_size=40,
)  # fmt: skip


@given(TEXTS, st.randoms(use_true_random=False))
def test_order_and_copies_change_nothing(bodies: list[str], drawn: random.Random) -> None:
    members = members_of(bodies)
    more = members * 2
    drawn.shuffle(more)
    assert refined(more) == refined(members)


@given(TEXTS)
def test_a_family_made_twice_is_the_same_family(bodies: list[str]) -> None:
    found = refined(members_of(bodies))
    templates = {Member(*member[:3], template) for member, template in found.items()}
    assert {*refined(templates).values()} <= {*found.values()}


@given(st.text(st.characters(exclude_characters="\x00\x1e\n\t"), max_size=80))
def test_tokens_join_to_the_text_they_were_read_from(text: str) -> None:
    flat = " ".join(text.split())
    assert "".join(tokens_of(flat)) == flat


def test_a_title_loses_what_members_do_not_share() -> None:
    bodies = [json.dumps({"code": "LOCKED", "message": f"Lead 7 is locked by {name}"}) for name in NAMES]
    for body, template in zip(bodies, families_of(bodies), strict=True):
        signature = signature_of(body)
        assert family_title(signature.title, signature.skeleton, template) == "Lead … is locked by …"


def test_more_signatures_than_are_compared_stay_bounded_whole_and_independent_of_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(families, "MOST_LEARNED", 150)
    names = [
        f"{first}{a} {last}{b}"
        for a, b in zip("abcdefghij", "jihgfedcba", strict=True)
        for first in ("Jan", "Ol", "Wei")
        for last in ("Doe", "Kim", "Lee")
    ]
    members = members_of(
        [f"Driver {name.title()} is on duty" for name in names]
        + [
            json.dumps({"code": "E7", "message": " ".join(random.Random(i).choices("abcdefgh", k=9))})
            for i in range(400)
        ]
    )
    found = refined(members)
    assert set(found) == set(members)
    assert refined(reversed(members)) == found
    assert len({found[member] for member in members[: len(names)]}) <= 2
    overflow = {template for template in found.values() if template.startswith("<overflow>")}
    assert overflow <= {"<overflow>", "<overflow>\x1ecode=E7"}


def test_thousands_of_signatures_take_bounded_time() -> None:
    drawn = random.Random(1)
    words = ["".join(drawn.choices("abcdefgh", k=5)) for _ in range(500)]
    members = members_of(" ".join(drawn.choices(words, k=12)).capitalize() for _ in range(20_000))
    began = time.process_time()
    refined(members)
    assert time.process_time() - began < 10  # far above what it takes


def test_families_are_the_same_in_any_process() -> None:
    code = (
        "import sys, json; from server.causes.families import Member, refined; "
        "found = refined(Member('a', None, None, s) for s in json.load(sys.stdin)); "
        "print(json.dumps(sorted((m.skeleton, t) for m, t in found.items())))"
    )
    drawn = random.Random(4)
    things = ["driver", "Vehicle", "trip"]
    bodies = [
        f"{drawn.choice(things)} {drawn.choice(NAMES)} of {drawn.choice(FIRMS)} is {drawn.choice(['open', 'shut'])} at {word}"
        for word in ("".join(drawn.choices("abcdefghij", k=drawn.randint(1, 7))) for _ in range(300))
    ]
    told = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, input=json.dumps(bodies), env={"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(told) == 1
    assert len(json.loads(told.pop())) == len(set(bodies))
