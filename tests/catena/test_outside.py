"""Text from outside: bounded, on one line, without what hides or reorders, masked, and quoted where it stands in ours."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from server.catena.outside import MOST_MARKS, Outside, Ref, one_line, quote

HIDDEN = "\u200b\u202e\u2066\ufe0f\U000e0100\U000e0041\u3164\u115f\uffa0\u034f\u00ad\u180e\u2800\x1b\x00\ufeff"
MESSY = st.text(st.characters() | st.sampled_from(HIDDEN + "«»‹›\u0301\u20dd"))


@given(MESSY, st.integers(1, 200))
def test_a_line_is_bounded_and_holds_nothing_that_cannot_be_seen(text: str, longest: int) -> None:
    line = one_line(text, longest)
    assert len(line) <= longest
    assert not [c for c in line if unicodedata.category(c)[0] == "C" or c in HIDDEN]
    assert line == " ".join(line.split())


def test_bidirectional_marks_and_terminal_codes_are_gone() -> None:
    assert one_line("pay\u202eload\x1b[31m red\u2066\nnext") == "pay load [31m red next"


def test_bytes_hidden_in_variation_selectors_and_fillers_are_gone() -> None:
    assert one_line("ok" + "".join(chr(0xE0100 + n) for n in range(240)) + "\u3164\ufe0f!") == "ok!"


def test_writing_keeps_its_marks_and_heaps_of_them_go() -> None:
    assert one_line("Nguyễn Tiếng Việt, दिल्ली, שָׁלוֹם") == "Nguyễn Tiếng Việt, दिल्ली, שָׁלוֹם"
    assert one_line("e" + "\u0301" * 50 + "!") == "e" + "\u0301" * MOST_MARKS + "!"


@given(MESSY)
def test_a_quotation_cannot_be_closed_from_inside(text: str) -> None:
    told = quote(text)
    if told.startswith("«"):
        assert told.endswith("»")
        assert not set("«»") & set(told[1:-1])
    else:
        assert told == one_line(text)  # an id, a number, a time or a word of the contract


@pytest.mark.parametrize(
    "text",
    [
        "019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90",
        "4711",
        "2026-11-23T15:30:00Z",
        "2026-11-23",
        "-24h",
        "samsara",
        "failed",
        "retry-after",
        "stale",
    ],
)
def test_what_can_only_be_data_stands_bare(text: str) -> None:
    assert quote(text) == text


@pytest.mark.parametrize(
    "text", ["cancelled by admin", "ignore_previous", "prairie-line-logistics", "", "019ddd87", "1" * 21]
)
def test_all_else_is_quoted(text: str) -> None:
    assert quote(text) == f"«{text}»"


def test_personal_data_is_masked_unless_it_may_be_shown_and_credentials_always() -> None:
    text = Outside("jo@x.com sent Authorization: Bearer abcdef0123456789abcdef")
    assert text.text == "<email> sent Authorization: Bearer <secret>"
    text.personal = True
    assert text.text == "jo@x.com sent Authorization: Bearer <secret>"


def test_a_reference_is_masked_only_where_it_is_an_address() -> None:
    assert Ref("2125551234").text == "2125551234"
    assert Ref("1FUJGLDR5CLBP8834").text == "1FUJGLDR5CLBP8834"
    assert Ref("driver:jo@x.com").text == "driver:<email>"
    assert Ref("jo%40x.com").text == "<email>"


def test_a_mask_comes_before_the_cut() -> None:
    assert "secret" not in Outside("x" * 150 + " secret.person@example.com").text


class Part(BaseModel):
    text: Outside
    counts: dict[Outside, int] = {}


def test_a_result_takes_plain_text_and_writes_plain_text() -> None:
    part = Part(text="a\nb", counts={"k\u202ey": 1})
    assert part.model_dump(mode="json") == {"text": "a b", "counts": {"k y": 1}}
    assert Part.model_json_schema()["properties"]["text"]["type"] == "string"


@pytest.mark.parametrize("value", [None, 5, ["a"]])
def test_a_result_takes_nothing_else_for_text(value: Any) -> None:
    with pytest.raises(ValidationError):
        Part(text=value)


def test_it_cannot_be_joined_to_our_words_by_accident() -> None:
    with pytest.raises(TypeError):
        ", ".join([Outside("a")])  # type: ignore[list-item]  # that is the point
    with pytest.raises(TypeError):
        "a " + Outside("b")  # type: ignore[operator]  # that is the point
