"""Who has to act on a cause, whether sending again can help, and what to do, each with its reason.

What tells it is a table, `guidance.toml`: words in several languages first, numbers that TSPs publish, then type and
status. The status alone is never trusted: TSPs fail inside 200, send duplicates as 500 and permission errors as 400.
What retries really did outweighs all of them; what fits no line stays unknown.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Guidance:
    """What to do about a cause. `retryable` None: not to be told. `exists`: a create of it failed on a record that is there."""

    owner: str
    retryable: bool | None
    advice: str
    exists: bool = False


@dataclass(frozen=True)
class Evidence:
    """What else is seen of a cause.

    Of `met` operations that ran into it and ended, `cured` went through on a later attempt. While it went on, `others`
    writes of the same TSP ended on connections it did not touch, `others_fine` of them well.
    """

    met: int = 0
    cured: int = 0
    others: int = 0
    others_fine: int = 0

    @property
    def others_work(self) -> bool:
        """Whether the TSP itself works, as seen from other connections."""
        return self.others >= FEWEST_OTHERS and self.others_fine >= self.others * OTHERS_SHARE

    @property
    def retries_help(self) -> bool:
        """Whether so many went through that it is more than luck."""
        return self.cured >= FEWEST_CURED and self.cured >= self.met * CURED_SHARE


FEWEST_CURED = 3
CURED_SHARE = 0.1
FEWEST_OTHERS = 10
OTHERS_SHARE = 0.8

TABLE = Path(__file__).with_name("guidance.toml")
UNTOLD = "no reason"

_UNKNOWN = Guidance("unknown", None, "Cause not recognised: read the example before sending again.")
_TOLD_STATUS = re.compile(
    r"(?:^|\s)([1-5]\d\d), message=|^([1-5]\d\d) (?:Client|Server) Error|\bstatus(?: code)?[ :=]+([1-5]\d\d)\b", re.I
)
"""The status that a client's exception tells where there is no other."""

_NUMBER = re.compile(r"(?:error(?: ?code)?|code|err|result|status)\b[:= ]+(-?\d{1,6})\b", re.I)
_SAYS_NOTHING = re.compile(
    r"(?:no message ?)*|(?:\W|\b(?:[1-5]\d\d|client|server|error|bad request|for url|fetch failed|request failed|https?:\S*)(?!\w))+",
    re.I,
)
_APART = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")
"""Where constants and names of classes fall into words."""


class Line(NamedTuple):
    """A line of the table: what tells a kind. A place that asks for nothing fits anything."""

    kind: str
    words: re.Pattern[str] | None
    network: bool
    types: tuple[str, ...]
    statuses: tuple[int, ...]


class Table(NamedTuple):
    """The table as it is asked: kinds by name, lines in order, and numbers by TSP ("" for any) with what they mean."""

    kinds: dict[str, Guidance]
    lines: tuple[Line, ...]
    numbers: dict[tuple[str, int], tuple[str, str]]


@lru_cache(maxsize=1)
def table() -> Table:
    """Return the table, read once."""
    raw = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    kinds = {
        kind["name"]: Guidance(kind["owner"], kind.get("retryable"), kind["advice"], kind.get("exists", False))
        for kind in raw["kind"]
    }
    numbers = {
        (entry.get("source_name", ""), int(number)): (entry["kind"], meaning)
        for entry in raw["number"]
        for number, meaning in entry["numbers"].items()
    }
    return Table(kinds, tuple(_lines(raw)), numbers)


def _lines(raw: dict[str, Any]) -> Iterator[Line]:
    for entry in raw["words"]:
        yield Line(entry["kind"], re.compile("|".join(entry["match"]), re.I), entry.get("network", False), (), ())
    for entry in raw["code"]:
        yield Line(entry["kind"], None, False, tuple(entry.get("types", ())), tuple(entry["statuses"]))


def kind_of(source_name: str, error_type: str | None, status_code: int | None, message: str) -> tuple[str, str]:
    """Return the kind of a cause and what tells it; empty where no line of the table fits."""
    if status_code is None and (told := _TOLD_STATUS.search(message)):
        status_code = int(next(filter(None, told.groups())))
        error_type = None if error_type == "network" else error_type
    if status_code == 429:  # unmistakable, whatever the words
        return "a rate limit", "status 429"
    if status_code in (None, 400) and _SAYS_NOTHING.fullmatch(message.strip()):
        return UNTOLD, ""
    if found := _by_number(source_name, status_code, message):
        return found
    text = _with_words_apart(message)
    unanswered = error_type == "network"  # a time-out of a login host is no refused sign-in
    for line in table().lines:
        if line.words is not None:
            if (line.network or not unanswered) and line.words.search(text):
                return line.kind, f"the message tells of {line.kind}"
        elif error_type in line.types:
            return line.kind, f"error type {error_type}"
        elif status_code in line.statuses:
            return line.kind, f"status {status_code}"
    return "", ""


def told_to_exist(source_name: str, error_type: str | None, status_code: int | None, message: str) -> bool:
    """Tell whether a record could not be made since it exists; most messages are told apart by a few words alone."""
    kinds, text = table().kinds, _with_words_apart(message)
    if not _NUMBER.search(message) and not any(words.search(text) for words in _words_of_what_exists()):
        return False
    kind, _ = kind_of(source_name, error_type, status_code, message)
    return bool(kind) and kinds[kind].exists


@lru_cache(maxsize=1)
def _words_of_what_exists() -> list[re.Pattern[str]]:
    return [line.words for line in table().lines if line.words and table().kinds[line.kind].exists]


def _with_words_apart(message: str) -> str:
    apart = _APART.sub(" ", message)
    return message if apart == message else f"{message}\n{apart}"


def _by_number(source_name: str, status_code: int | None, message: str) -> tuple[str, str] | None:
    """Return what a number means that the TSP, or a network before it, publishes."""
    numbers = table().numbers
    for found in _NUMBER.finditer(message):
        number = int(found[1])
        general = number < 0 or number == status_code
        known = numbers.get((source_name, number)) or (numbers.get(("", number)) if general else None)
        if known:
            return known[0], f"{number} means: {known[1]}"
    return None


def guidance_for(
    source_name: str, error_type: str | None, status_code: int | None, message: str, evidence: Evidence | None = None
) -> Guidance:
    """Return who acts, whether a retry can help, and the advice with its reasons in brackets."""
    kind, reason = kind_of(source_name, error_type, status_code, message)
    told = table().kinds[kind] if kind else _UNKNOWN
    reasons = [reason] if reason else []
    if evidence is not None and evidence.retries_help:
        advice = told.advice if told.retryable else "Send again"
        told = Guidance(told.owner, True, advice)
        reasons.append(f"{evidence.cured:,} of {evidence.met:,} went through on a retry")
    if evidence is not None and evidence.others_work and told.owner in ("fleet", "tsp"):
        reasons.append("other connections of the TSP work")
    if not reasons:
        return told if told is _UNKNOWN else Guidance(told.owner, told.retryable, f"{told.advice}.")
    return Guidance(told.owner, told.retryable, f"{told.advice} ({'; '.join(reasons)}).")
