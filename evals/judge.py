"""Judge answers by code: do they hold the facts, and do they call well what is not?"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .facts import Atom, Json, Rate, Said, leaves, missing_in, plain
from .questions import Question

NOT_AS_EXPECTED = (KeyError, IndexError, TypeError, AttributeError)
"""What reading an answer of another shape than the plan expects can raise."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is missing in an answer, and whether it says that all is well although it is not."""

    structured: bool
    text: bool
    false_all_clear: bool
    missing: str = ""

    @property
    def right(self) -> bool:
        """Whether each of the two is enough alone."""
        return self.structured and self.text and not self.false_all_clear


def judge(question: Question, content: Json | None, text: str) -> Verdict:
    """Judge one answer; a refusal has no structured result, so its text alone counts."""
    absent = missing_in(text, question.facts)
    if content is None:
        return Verdict(not absent, not absent, false_all_clear=False, missing=_short(absent))
    wanted, found = plain(question.facts), _read(question, content)
    differing = wanted ^ found
    clear = not question.all_clear and _all_clear(content, text)
    missing = _short(sorted(differing, key=repr)) or _short(absent)
    return Verdict(not differing, not absent, clear, missing)


def judge_said(question: Question, text: str) -> Verdict:
    """Judge what a model wrote by its last line of JSON: every value of the facts, and not a heap of others."""
    lines = _ANSWER.findall(text)
    try:
        said = json.loads(lines[-1]) if lines else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return Verdict(structured=False, text=False, false_all_clear=False, missing="no line of JSON behind ANSWER")
    told = [str(leaf) for leaf in leaves(said.get("facts"))]
    wanted = {atom for fact in question.facts for atom in fact}
    absent = [atom for atom in wanted if not any(_told(atom, value) for value in told)]
    heaped = len(told) > MOST_EXTRA * sum(map(len, question.facts)) + MOST_EXTRA
    clear = said.get("all_clear") is True and not question.all_clear
    right = not absent and not heaped
    return Verdict(right, right, clear, "more values than were asked for" if heaped else _short(absent))


_ANSWER = re.compile(r"ANSWER\W{0,4}:\W{0,4}(\{.*\})")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT")
_MINUTE = "2026-10-14T16:05"
MOST_EXTRA = 3
"""So many times the values asked for, and so many more, are no heap."""


def _told(atom: Atom, value: str) -> bool:
    """Return whether a value is the one wanted, however a model writes numbers, shares, times and words."""
    if isinstance(atom, Rate):
        number = _number(value.rstrip("% "))
        return number is not None and (round(atom.value * 100, 1) == round(number, 1) or round(atom.value, 3) == number)
    if isinstance(atom, Said):
        return _told(atom.value, value) or value.casefold().startswith(atom.text.casefold())
    if isinstance(atom, int) and not isinstance(atom, bool):
        return _number(value) == atom
    if _TIME.match(atom := str(atom)):
        return value.strip().replace(" ", "T")[: len(_MINUTE)] == atom[: len(_MINUTE)]
    wanted, plain_value = atom.casefold(), value.strip("«»\"'` ").casefold()
    return wanted in plain_value if " " in wanted else wanted == plain_value


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _read(question: Question, content: Json) -> frozenset[tuple[object, ...]]:
    try:
        return plain(question.read(content))
    except NOT_AS_EXPECTED:
        return frozenset()


def _short(facts: Sequence[Any]) -> str:
    told = "; ".join(str(fact) for fact in facts[:3])
    return told + (f"; and {len(facts) - 3} more" if len(facts) > 3 else "")


def _all_clear(content: Json, text: str) -> bool:
    """Return whether an answer calls all well: nothing found, and no caveat in either of its forms."""
    if "state" in content:
        return bool(content["state"] == "in_sync")
    failed = (content.get("totals") or {}).get("failed", content.get("returned"))
    if failed != 0:
        return False
    caveats = list(_caveats(content))
    return not caveats or not any(caveat in text for caveat in caveats)


def _caveats(content: Json) -> Iterator[str]:
    """Give the words in which a text must tell each reservation of a structured result."""
    coverage = content.get("coverage") or {}
    if coverage.get("complete") is False:
        yield "NOT read whole"
    if pending := (content.get("pending") or {}).get("over_1h"):
        yield f"{pending:,} for over 1 h"
    if (content.get("totals") or {}).get("unknown_status"):
        yield "does not know"
    yield from filter(None, (coverage.get("note"), content.get("note")))
