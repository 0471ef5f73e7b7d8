"""Text from outside: bounded, on one line, without what hides or reorders, masked."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from server.analysis.text import fenced, one_line, shown


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


def test_credentials_go_always_and_personal_data_unless_it_is_asked_for() -> None:
    text = "jo@x.com sent api_key=a1b2c3d4e5"
    assert shown(text, personal=True) == "jo@x.com sent api_key=<secret>"
    assert shown(text, personal=False) == "<email> sent api_key=<secret>"


def test_masking_comes_before_the_cut() -> None:
    text = "x" * 150 + " jane@fleet.example"
    assert "jane" not in shown(text, personal=False)
    assert len(shown(text, personal=False)) <= 160
