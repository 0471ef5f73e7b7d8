"""Words given for a filter: matched kindly, refused where one is meant that is known, and passed on where none is near.

The API knows new TSPs and kinds of record before its contract does, so only it can say that a word is none.
"""

import difflib
from collections.abc import Collection, Mapping

from ..errors import BadArgument, nearest, plain_word
from .outside import quote, said_back
from .query import Filters
from .vocabulary import LISTED, RESOURCE_SYNONYMS, STATUS_SYNONYMS

CLOSE = 0.85
"""Likeness from which on a word is another one misspelt. One of twenty TSPs of today is as like another."""

LONGEST_WORD = 80

_SYNONYMS = {"resource": RESOURCE_SYNONYMS, "status": STATUS_SYNONYMS}


def word_of(name: str, value: str | None, seen: Collection[str]) -> str | None:
    """Return the word a filter is to be asked with: "J. J. Keller" is `jjkeller`; `seen` are words met in rows.

    Raises:
        BadArgument: Another word is meant, which is named; or it is no word.
    """
    if not value:
        return None
    plain, known = plain_word(value), (*LISTED[name], *seen)
    for word in known:
        if plain_word(word) == plain:
            return word
    meant = _SYNONYMS.get(name, {}).get(plain)
    if meant:
        raise BadArgument(f"{name} {said_back(value)} is called {meant!r} in Catena. Pass {name}={meant!r}.")
    if not plain or len(value) > LONGEST_WORD or _misspelt(plain, known):
        raise BadArgument(f"{name} {said_back(value)} is not known.{_meant(value, LISTED[name], seen)}{_all(name)}")
    return value.strip()


def _meant(value: str, listed: Collection[str], seen: Collection[str]) -> str:
    """Name the nearest words: those of the contract as they are, those met in rows as the quotations they are."""
    near = nearest(value, (*listed, *seen))
    told = [repr(word) if word in listed else quote(word, LONGEST_WORD) for word in near]
    return f" Did you mean {' or '.join(told)}?" if told else ""


def _misspelt(plain: str, known: Collection[str]) -> bool:
    """Tell whether a word is very like a known one. With other digits it is another: versions are told apart by them."""
    return any(
        difflib.SequenceMatcher(None, plain, other).ratio() >= CLOSE and _digits(plain) == _digits(other)
        for other in map(plain_word, known)
    )


def _digits(word: str) -> str:
    return "".join(filter(str.isdigit, word))


def _all(name: str) -> str:
    few = len(LISTED[name]) <= 5
    return f" Known: {', '.join(LISTED[name])}." if few else " catena://vocabulary lists all."


def refused_words(filters: Filters, offered: Mapping[str, Collection[str]]) -> str:
    """Say of each word that was passed on, and that the API does not take, which are near and where all are.

    `offered`: what the API says it takes, by the name of the parameter that it refuses; empty where it does not say.
    """
    given = {name: getattr(filters, name) for name in LISTED if name in Filters.__dataclass_fields__}
    told = []
    for name, value in given.items():
        if not value or value in LISTED[name] or (offered and name not in offered):
            continue
        near = nearest(value, (*LISTED[name], *offered.get(name, ())))
        named = f"; near it: {', '.join(quote(word, 60) for word in near)}" if near else "; no known word is near it"
        told.append(f" The {name} {said_back(value)} is new to this server too{named}.{_all(name)}")
    return "".join(told)
