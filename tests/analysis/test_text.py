"""Text from outside: bounded, on one line, without what hides or reorders, personal data masked."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.analysis.text import fenced, mask_personal, one_line, shown


@given(st.text(), st.integers(1, 200))
def test_a_line_is_bounded_and_holds_no_control_or_format_characters(text: str, longest: int) -> None:
    line = one_line(text, longest)
    assert len(line) <= longest
    assert not [c for c in line if unicodedata.category(c)[0] == "C"]
    assert line == " ".join(line.split())


def test_bidirectional_marks_and_terminal_codes_are_gone() -> None:
    assert one_line("pay\u202eload\x1b[31m red\u2066\nnext") == "pay load [31m red next"


@given(st.text())
def test_a_fence_cannot_be_closed_from_inside(text: str) -> None:
    quoted = fenced(text)
    assert quoted.startswith("«")
    assert quoted.endswith("»")
    assert not set("«»") & set(quoted[1:-1])


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Email jane.o'neil+test@fleet-7.example.com is taken", "jane.o'neil"),
        ("user jo@localhost exists", "jo@localhost"),
        ("User 'jo@x.com' exists", "jo@x.com"),
        ("phone +1 (555) 201-3344 in use", "201-3344"),
        ("Phone number 555-201-3344 invalid", "201-3344"),
        ("call (555) 201-3344", "201-3344"),
        ("mobile=5552013344", "5552013344"),
        ("+49 170 1234567 is no number", "1234567"),
        ("the number 4152013344 is taken", "4152013344"),
        ("license number: D1234567 is taken", "D1234567"),
        ("licence no AB-12345 expired", "AB-12345"),
        ("driver's license D1234567", "D1234567"),
        ('{"licenseNumber":"X99887766"}', "X99887766"),
    ],
)
def test_personal_values_are_masked(text: str, gone: str) -> None:
    assert gone in shown(text, personal=True)
    assert gone not in shown(text, personal=False)


@pytest.mark.parametrize(
    "text",
    [
        "Vehicle 281474976710656 not found",
        "request 2026-11-23T10:00:00Z failed",
        "status 504 after 30000 ms",
        "id 019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90 unknown",
        "license plate B-AB 123 refused",
        "epoch 1795446000",
    ],
)
def test_ids_times_and_counts_stay(text: str) -> None:
    assert mask_personal(text) == text


LOCAL = st.from_regex(r"[a-z][a-z0-9._+-]{0,15}[a-z0-9]", fullmatch=True)
AROUND = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="@"), max_size=60)


@given(before=AROUND, local=LOCAL, host=st.from_regex(r"[a-z]{2,10}\.(com|example|de)", fullmatch=True), after=AROUND)
def test_no_address_leaks_from_any_surroundings(before: str, local: str, host: str, after: str) -> None:
    assert f"{local}@{host}" not in shown(f"{before}{local}@{host}{after}", personal=False)


@given(before=AROUND, digits=st.from_regex(r"[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}", fullmatch=True), after=AROUND)
def test_no_spaced_phone_number_leaks(before: str, digits: str, after: str) -> None:
    assert digits not in shown(f"{before} {digits} {after}", personal=False)


def test_a_quotation_keeps_both_its_marks() -> None:
    assert mask_personal("User 'jo@x.com' already exists") == "User '<email>' already exists"


def test_masking_comes_before_the_cut() -> None:
    text = "x" * 150 + " jane@fleet.example"
    assert "jane" not in shown(text, personal=False)
    assert len(shown(text, personal=False)) <= 160
