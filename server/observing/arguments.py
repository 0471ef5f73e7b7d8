"""What may be told of the arguments of a call: closed words, numbers and times. All else is told as given, and no more."""

import re
from collections.abc import Mapping
from typing import Any

from ..analysis.breakdown_results import DIMENSIONS
from ..catena.outside import WORDS

GIVEN = "given"
OTHERS = "(unknown)"
"""Under this name stands how many arguments there are that nobody knows; their names are a caller's text."""

LARGEST_NUMBER = 10_000_000
"""A larger one may be somebody's: phone numbers have seven digits or more."""

_TIMES = re.compile(r".*_datetime|baseline_(from|to)")
_TIME = re.compile(r"now|-\d{1,5}[smhdw]|20\d\d-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


def told(given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as they may be told; `known` are the properties of a schema, by name."""
    given = {name: value for name, value in given.items() if value not in (None, "")}
    shown = {name: _value(name, given[name], known[name]) for name in known if name in given}
    others = len(given) - len(shown)
    return shown | ({OTHERS: others} if others else {})


def _value(name: str, value: Any, declared: Mapping[str, Any]) -> Any:
    values = value if isinstance(value, list) else [value]
    return value if values and all(_closed(name, one, declared) for one in values) else GIVEN


def _closed(name: str, value: Any, declared: Mapping[str, Any]) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        least, most = declared.get("minimum", 0), declared.get("maximum", LARGEST_NUMBER)
        return bool(least <= value <= most < LARGEST_NUMBER + 1) and "integer" in declared.get("type", ())
    if isinstance(value, str):
        closed = value in WORDS or value in DIMENSIONS or value in declared.get("enum", ())
        return closed or (_TIMES.fullmatch(name) is not None and _TIME.fullmatch(value) is not None)
    return False
