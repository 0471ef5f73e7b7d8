"""Judge answers by code: do they hold the facts, and do they call well what is not?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .facts import Fact, Json, missing_in, plain
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


def _read(question: Question, content: Json) -> frozenset[tuple[object, ...]]:
    try:
        return plain(question.read(content))
    except NOT_AS_EXPECTED:
        return frozenset()


def _short(facts: list[Any] | list[Fact]) -> str:
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
