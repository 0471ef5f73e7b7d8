"""JSON that a strict reader refuses: what is odd in it costs itself, not the page it stands on.

TSPs, and what lies between, cut texts in the middle of a character, write NaN, and nest without end. Such a value is
replaced and counted. A body that is broken in its structure, or cut short, is no JSON here either.
"""

import json
import math
import re
from collections import Counter
from typing import Any

DEEPEST = 64
"""Levels of nesting that are read; no field of ours lies deeper than the fifth."""

LONGEST_NUMBER = 40

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)", re.DOTALL
)
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


def read(body: bytes, odd: Counter[str]) -> Any:
    """Return the value of a JSON body. What is no character becomes U+FFFD, what is no number or lies too deep null.

    `odd` counts both, by kind.

    Raises:
        ValueError: The body is broken or cut short.
    """
    text = _of_characters(body, odd)

    def number(word: str) -> int | float | None:
        value: int | float | None = None
        if len(word) <= LONGEST_NUMBER:
            value = int(word) if word.lstrip("-").isdecimal() else float(word)
        if value is None or not math.isfinite(value):
            odd["numbers"] += 1
            return None
        return value

    def told(text: str) -> Any:
        return json.loads(text, strict=False, parse_int=number, parse_float=number, parse_constant=number)

    try:
        return told(text)
    except RecursionError:
        odd.pop("numbers", None)
        return told(_flat(text, odd))


def _of_characters(body: bytes, odd: Counter[str]) -> str:
    """Decode a body, replacing bytes that are no UTF-8 and halves of pairs, which what cuts a text by length leaves."""
    text = body.decode("utf-8-sig", "replace")
    if "\\u" in text:
        text = _ESCAPE.sub(lambda escape: escape[0] if escape[1] is None else "\ufffd", text)
    if replaced := text.count("\ufffd") - body.count("\ufffd".encode()):
        odd["characters"] += replaced
    return text


def _flat(text: str, odd: Counter[str]) -> str:
    """Replace what lies deeper than `DEEPEST` by null."""
    kept, depth, begin = [], 0, 0
    for bracket in _BRACKET.finditer(text):
        if bracket[0] in "{[":
            depth += 1
            if depth == DEEPEST:
                kept.append(text[begin : bracket.start()])
        elif bracket[0] in "}]":
            if depth == DEEPEST:
                kept.append("null")
                begin = bracket.end()
                odd["nesting"] += 1
            depth -= 1
    return "".join([*kept, text[begin:]])
