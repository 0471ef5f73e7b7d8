"""Guidance: each line of the table is right about its own examples, and evidence outweighs it."""

import re
import tomllib
from typing import Any

import pytest

from server.causes.guidance import TABLE, guidance_for, kind_of, table, told_to_exist

RAW = tomllib.loads(TABLE.read_text(encoding="utf-8"))
LINES = [pytest.param(entry, id=f"{entry['kind']}-{i}") for i, entry in enumerate(RAW["words"])]


@pytest.mark.parametrize("entry", LINES)
def test_each_line_of_words_has_a_source_and_wins_for_its_examples(entry: dict[str, Any]) -> None:
    assert entry["source"]
    for said in entry["says"]:
        assert kind_of("tsp", "tsp", 418, said)[0] == entry["kind"], said
        assert told_to_exist("tsp", "tsp", 418, said) == (entry["kind"] == "a duplicate"), said


@pytest.mark.parametrize("entry", LINES)
def test_each_expression_of_a_line_is_shown_by_one_of_its_examples(entry: dict[str, Any]) -> None:
    apart = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")
    said = "\n".join(f"{said}\n{apart.sub(' ', said)}" for said in entry["says"])
    unshown = [match for match in entry["match"] if not re.search(match, said, re.I | re.M)]
    assert not unshown


def test_every_line_names_a_kind_that_there_is_and_every_kind_is_told_by_some() -> None:
    kinds = {kind["name"] for kind in RAW["kind"]}
    lines = [*RAW["words"], *RAW["number"], *RAW["code"]]
    assert all(line["source"] for line in lines)
    assert {line["kind"] for line in lines} | {"no reason"} == kinds
    assert {kind["owner"] for kind in RAW["kind"]} <= {"partner", "fleet", "tsp", "catena", "unknown"}


@pytest.mark.parametrize("entry", RAW["number"])
def test_each_published_number_is_told_with_its_meaning(entry: dict[str, Any]) -> None:
    source = str(entry.get("source_name", "any"))
    for number, meaning in entry["numbers"].items():
        status = None if int(number) < 0 or source != "any" else int(number)
        told = kind_of(source, "tsp", status, f"error {number}")
        assert told == (entry["kind"], f"{number} means: {meaning}")
        assert told_to_exist(source, "tsp", status, f"error {number}") == (entry["kind"] == "a duplicate")


@pytest.mark.parametrize("entry", RAW["code"])
def test_each_type_and_status_tells_what_words_do_not(entry: dict[str, Any]) -> None:
    for status in entry.get("statuses", []):
        assert kind_of("tsp", None, status, "xyz")[0] == entry["kind"]
    for kind in entry.get("types", []):
        assert kind_of("tsp", str(kind), None, "xyz")[0] == entry["kind"]


@pytest.mark.parametrize(
    ("kind", "status", "message", "owner", "retryable"),
    [
        ("network", None, "401, message='Sign in first', url='https://api.haul.example/v2/units/77'", "fleet", False),
        ("network", None, "Call ended with status code 422", "partner", False),
        ("network", None, "login.haul.example: authentication timed out", "tsp", True),
        ("network", None, "", "unknown", None),
        ("tsp", 400, "400 Client Error for url: https://api.haul.example/v2/units/9", "unknown", None),
        ("tsp", 500, "", "tsp", None),
        ("tsp", 418, "Something else", "unknown", None),
        ("tsp", 500, "UNIT_ALREADY_EXISTS", "partner", False),
        ("tsp", 403, "{PermissionDeniedException}", "fleet", False),
        ("tsp", 503, "Zu viele Anfragen, bitte in 40 Sekunden erneut.", "partner", True),
    ],
)
def test_who_acts_and_whether_a_retry_helps(
    kind: str, status: int | None, message: str, owner: str, retryable: bool | None
) -> None:
    told = guidance_for("tsp", kind, status, message)
    assert (told.owner, told.retryable) == (owner, retryable)


def test_a_number_of_one_tsp_says_nothing_of_another() -> None:
    assert kind_of("wialon", "tsp", 200, "error 10")[0] == "a rate limit"
    assert kind_of("samsara", "tsp", 200, "error 10") == ("", "")


def test_the_table_is_read_once() -> None:
    assert table() is table()
