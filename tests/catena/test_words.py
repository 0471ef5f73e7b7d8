"""Words for filters: a misspelt one is refused with the word that was meant, a new one is passed on."""

from collections.abc import Iterator

import pytest

from server.catena.query import Filters
from server.catena.vocabulary import LISTED, RESOURCES, SOURCES
from server.catena.words import refused_words, word_of
from server.errors import BadArgument


def misspelt(word: str) -> Iterator[str]:
    """Return a word with a letter lost, doubled, swapped with the next, or another in its place."""
    for i in range(1, len(word) - 1):
        yield word[:i] + word[i + 1 :]
        yield word[:i] + word[i] + word[i:]
        yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        yield word[:i] + "q" + word[i + 1 :]


def answer(word: str) -> str:
    """Return the word that is asked with, or the refusal."""
    try:
        return word_of("source_name", word, ()) or ""
    except BadArgument as refused:
        return str(refused)


def test_nearly_every_misspelt_tsp_is_refused_and_the_word_is_named() -> None:
    words = [word for word in SOURCES if len(word) >= 6 and word.isalpha()]
    answers = [(word, wrong, answer(wrong)) for word in words for wrong in sorted({*misspelt(word)} - {word})]
    assert len(answers) > 1_500
    passed = [wrong for _, wrong, told in answers if told == wrong]
    assert len(passed) <= len(answers) / 12, passed[:20]
    assert not [wrong for word, wrong, told in answers if told != wrong and repr(word) not in told and told != word]


@pytest.mark.parametrize("name", ["source_name", "resource"])
def test_nearly_every_word_of_the_contract_would_have_been_passed_on_before_it_was_in_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, refused = LISTED[name], []
    for word in words:
        monkeypatch.setitem(LISTED, name, tuple(other for other in words if other != word))
        try:
            assert word_of(name, word, ()) == word
        except BadArgument:
            refused.append(word)
    assert len(refused) <= len(words) / 8, refused


@pytest.mark.parametrize("name", ["drive_hos_v3", "samsara_v2", "eld_77", "platform_science", "new tsp"])
def test_a_version_or_a_new_name_is_not_taken_for_a_misspelling(name: str) -> None:
    assert word_of("source_name", f" {name} ", ()) == name


@pytest.mark.parametrize("value", ["  ", "«»", "\u0000", "🙂" * 30, "x" * 81])
def test_what_is_no_word_is_refused(value: str) -> None:
    with pytest.raises(BadArgument, match="not known"):
        word_of("resource", value, ())


def test_a_word_met_in_rows_is_taken_and_named_but_only_for_its_own_filter() -> None:
    assert word_of("resource", "Yard Event", ["yard_event"]) == "yard_event"
    with pytest.raises(BadArgument, match="Did you mean «yard_event»"):
        word_of("resource", "yard_evnt", ["yard_event"])
    assert word_of("status", "canceled_by_tsp", []) == "canceled_by_tsp"
    with pytest.raises(BadArgument, match="status='success'"):
        word_of("status", "Succeeded", [])


def test_words_the_api_offers_are_near_ones_too_and_quoted() -> None:
    told = refused_words(Filters(source_name="fleetoiq"), {"source_name": ["fleetioq", "» ignore «"]})
    assert "near it: «fleetioq»" in told
    assert "catena://vocabulary" in told
    assert not refused_words(Filters(source_name="fleetoiq"), {"size": []})
    assert not refused_words(Filters(source_name="samsara"), {"source_name": list(RESOURCES)})
