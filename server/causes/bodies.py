"""Take a JSON body apart, nested, quoted or cut: what tells the cause (atoms), and the sentence a person would quote."""

import ast
import re
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import msgspec

from .keys import (
    CODE,
    FIELD,
    LONGEST_NAME,
    MESSAGE,
    NO_MESSAGE,
    NOISE,
    OTHER,
    SPOKEN,
    kind_of,
    label_of,
    leads_to_reasons,
    told_by_number,
    told_by_word,
)
from .masks import DENSE, HOLE, canonical, masked, unitless
from .prose import LONGEST_MESSAGE, Body, of_markup, without_trace
from .words import PARTICLES

MOST_NAMES = 3
DEEPEST = 12
MOST_VALUES = 200
MOST_OPEN = 64
LONGEST_LEAD = 120
LONGEST_PLACEHOLDER = 24
LONGEST_REPR = 8_000

_SAID = (str, list)
_UNTOLD = (SPOKEN, NO_MESSAGE)
_OPENERS = frozenset("{[")
_CLOSERS = {"{": "}", "[": "]"}
_LOGGED_PAIR = re.compile(r'([\w.-]{1,40})=(?:"((?:[^"\\]|\\.)*+)"|(\S*+))')
_LOGGED = re.compile(rf"\s*{_LOGGED_PAIR.pattern}(?:\s++{_LOGGED_PAIR.pattern}){{2,}}\s*")
_PAIRS = re.compile(r"\s*[\w.-]{1,40}=[^=&;|]*+(?:[&;|]\s*[\w.-]{1,40}=[^=&;|]*+)+[&;|]?\s*")
_SMALL_NUMBER = re.compile(r"-?\d{1,8}")
_WRAPPER = re.compile(r"body|response|content|data|result|payload|raw", re.I)
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
"""A reason that a wrapper holds bare."""

_PLACEHOLDER = re.compile(r"no message (?:given|available)\.?|n/?a|null|none|unknown|-+", re.I)
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?$")
_JSON_TOKEN = re.compile(
    r'[ \t\r\n]*("(?:[^"\\]|\\.)*+"|-?\d[\d.eE+-]*+(?=[\s,}\]])|true|false|null|[{}\[\]:,])[ \t\r\n]*'
)


class Leaf(NamedTuple):
    """A key and its value; what the key says of it: its kind, its rank as a message; and how deep among reasons it stands."""

    key: str
    value: Any
    kind: int
    rank: int
    why: int = 0


def of_json(text: str) -> Body | str | None:
    """Return a JSON body taken apart; a text that is all it holds; None where it is no JSON."""
    whole = _opened(text)
    if whole is None and text[0] == '"' and not text.startswith('"{\\'):
        return None  # a sentence that begins with a quoted name
    value = _opened(_closed(text)) if whole is None else whole
    if isinstance(value, str):
        return value
    if not isinstance(value, dict | list):
        return None
    found: list[Leaf] = []
    _walk(value, "", found, DEEPEST)
    if not found and whole is None:
        return None
    return _told(found)._replace(cut=whole is None)


def of_repr(text: str) -> Body | str | None:
    """Return what Python writes of a dict or of bytes, taken apart; None where it is neither."""
    if text[0] == "b":
        plain = text[2:-1] if text.endswith(text[1]) else text[2:]
        return plain.replace("\\'", "'").replace("\\\\", "\\")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    if not isinstance(value, dict):
        return None
    found: list[Leaf] = []
    _walk(value, "", found, DEEPEST)
    return _told(found) if found else None


def of_led(text: str) -> Body | None:
    """Return a body that has words before its JSON, taken apart; None where there is no JSON to the end."""
    begin = text.find("{", 0, LONGEST_LEAD)
    lead = text[:begin].strip() if begin > 0 else ""
    if not lead or not text.endswith("}") or "\n" in lead:
        return None
    value = _opened(text[begin:])
    if not isinstance(value, dict) or not value:
        return None
    found: list[Leaf] = []
    _walk(value, "", found, DEEPEST)
    body = _told(found)
    sentence, line, kept = _spoken(lead.rstrip(":- "))
    atoms = tuple(sorted((*body.atoms, f"lead~{kept}")))
    return body._replace(atoms=atoms) if body.line else body._replace(atoms=atoms, sentence=sentence, line=line)


def of_pairs(text: str) -> Body | None:
    """Return a body of `key=value` pairs, as forms, plain records and lines of logs are, taken apart; None where it is none."""
    mark = next((mark for mark in "&;|" if mark in text), "")
    if mark and _PAIRS.fullmatch(text):
        parts = [part.partition("=") for part in text.split(mark, MOST_VALUES)[:MOST_VALUES] if part.strip()]
        pairs = [(key.strip(), unquote_plus(value) if mark == "&" else value) for key, _, value in parts]
    elif "=" in text and _LOGGED.fullmatch(text):
        pairs = [(key, quoted or bare) for key, quoted, bare in islice(_LOGGED_PAIR.findall(text), MOST_VALUES)]
    else:
        return None
    found: list[Leaf] = []
    for key, value in pairs:
        said = value.strip()
        kind, rank = kind_of(key)
        if kind != NOISE:
            found.append(Leaf(key, int(said) if _SMALL_NUMBER.fullmatch(said) else said, kind, rank))
    return _told(found) if len(pairs) > 1 and found else None


def _opened(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def _closed(text: str) -> str:
    """Return JSON that was cut in the middle as JSON: what is open is closed, a value cut short is dropped."""
    ends: list[str] = []
    before, key, at = "", "", 0
    whole: tuple[int, list[str]] = (0, [])
    while match := _JSON_TOKEN.match(text, at):
        token = match[1]
        if len(ends) > MOST_OPEN or (token in "}]" and (not ends or ends.pop() != token)):
            break
        at = match.end()
        if token in _CLOSERS:
            ends.append(_CLOSERS[token])
        if token[0] == '"' and ends[-1:] == ["}"] and before in "{,":
            key = token[1:-1]
        elif token not in ":,":
            whole = (at, ends[:])
        before = token
    if before == ":" and kind_of(key)[0] == MESSAGE and text[at : at + 1] == '"':
        return text[:at] + _CUT_ESCAPE.sub("", text[at:]) + '"' + "".join(reversed(ends))
    return text[: whole[0]] + "".join(reversed(whole[1]))


def _walk(value: Any, key: str, found: list[Leaf], depth: int, why: int = 0) -> None:
    """Collect leaves in the body's order; positions in a list do not count, a text that is JSON is opened.

    `why` counts the keys on the way under which the reason stands.
    """
    if depth == 0 or len(found) >= MOST_VALUES:
        return
    if isinstance(value, dict):
        _walk_object(value, key, found, depth, why)
    elif isinstance(value, list):
        if value and kind_of(key)[0] == FIELD and all(isinstance(step, str | int) for step in value):
            path = ".".join(step if isinstance(step, str) else "#" for step in value)
            found.append(Leaf(key, path, *kind_of(key), why))
            return
        for inner in value:
            if isinstance(inner, dict) and depth > 1:  # its keys are no fields, whatever the list is called
                _walk_object(inner, "", found, depth - 1, why)
            else:
                _walk(inner, key, found, depth - 1, why)
    elif isinstance(value, str) and value[:1] in _OPENERS and isinstance(opened := _opened(value), dict | list):
        _walk(opened, key, found, depth - 1, why)
    elif value is not None:
        kind, rank = kind_of(key)
        if kind != NOISE:
            found.append(Leaf(key, value.strip() if isinstance(value, str) else value, kind, rank, why))


def _walk_object(value: dict[str, Any], key: str, found: list[Leaf], depth: int, why: int) -> None:
    graph = "message" in value and ("locations" in value or "extensions" in value)
    pinned = "key" in value and ("value" in value or "type" in value)
    root = depth == DEEPEST and all(isinstance(inner, list) for inner in value.values())
    for name, inner in value.items():
        if graph and name == "path":  # of GraphQL: the operation, then where in its result
            inner = inner[:1] if isinstance(inner, list) else None
        if (
            (why or root)
            and type(inner) in _SAID
            and (reasons := _reasons(name, inner, key if depth < DEEPEST else ""))
        ):
            # What is wrong with a field stands under its name, whatever that is: it says more than the key of a message.
            found.append(Leaf("field", name, FIELD, NO_MESSAGE, why))
            found += [Leaf(name, reason, MESSAGE, SPOKEN, why + 1) for reason in reasons]
        elif type(inner) is str and inner[:1] not in _OPENERS:  # most values, so no call for them
            kind, rank = kind_of(name)
            if pinned and name == "key":
                found.append(Leaf("field", inner.strip(), FIELD, NO_MESSAGE, why))
            elif kind != NOISE:
                found.append(Leaf(name, inner.strip(), kind, rank, why))
        elif inner is not None:
            _walk(inner, name, found, depth - 1, why + leads_to_reasons(name))


def _reasons(name: str, value: Any, above: str) -> list[str]:
    """Return what a list, or a text right under the key of reasons, says is wrong with the field it is named by."""
    if isinstance(value, str):
        plain = leads_to_reasons(above) and kind_of(name)[0] == OTHER and kind_of(name)[1] == SPOKEN
        return [value.strip()] if plain and " " in value else []
    if not isinstance(value, list) or not value or leads_to_reasons(name) or kind_of(name)[0] in (FIELD, MESSAGE):
        return []
    if not all(isinstance(reason, str) for reason in value):
        return []
    told = [reason.strip() for reason in value]
    return told if any(" " in reason or (reason.isalpha() and reason.islower()) for reason in told) else []


def _told(found: list[Leaf]) -> Body:
    atoms: set[str] = set()
    names: dict[str, None] = {}
    best = (True, True, 0, NO_MESSAGE, 0)
    text = ""
    for i, (key, value, kind, rank, why) in enumerate(found):
        if isinstance(value, str) and kind == OTHER and " " not in value and value.isascii():
            if value.isupper() and _WRAPPER.fullmatch(key) and _CONSTANT.fullmatch(value):
                atoms.add(f"{key}={value}")
                names[value[:LONGEST_NAME]] = None
            continue  # else an id, most likely, and the most common of all values
        atom, name = _atom(key, value, kind, rank)
        if atom:
            atoms.add(atom)
        if name:
            names[name] = None
        if not isinstance(value, str) or not value:
            continue
        entry = (False, " " not in value and not why, -why, rank, i)
        if entry < best and _speaks(value, rank, why):
            nothing = len(value) < LONGEST_PLACEHOLDER and _PLACEHOLDER.fullmatch(value) is not None
            if (entry := (nothing, *entry[1:])) < best:
                best, text = entry, value
    sentence, line, _ = _spoken(text)
    new = [name for name in names if name not in sentence][:MOST_NAMES]
    return Body(tuple(sorted(atoms)) or _opaque(found), sentence, line, tuple(new))


def _atom(key: str, value: Any, kind: int, rank: int) -> tuple[str, str]:
    """Keep a value that names the cause, mask a text, leave out any other; with it, how a reader is told of it."""
    if not isinstance(value, str):
        return ("", "") if isinstance(value, bool) else told_by_number(key, value)
    worded = " " in value or not value.isascii() or (kind == MESSAGE and value.isalpha() and value.islower())
    if kind in (CODE, FIELD) and not worded and (told := told_by_word(key, value))[0]:
        return told
    if not value or kind == FIELD or not (worded or rank not in _UNTOLD):
        return "", ""
    if not _speaks(value, rank, kind == MESSAGE):
        return "", ""
    return f"{'' if kind in (MESSAGE, CODE) else label_of(key)}~{_spoken(value)[2]}", ""


def _opaque(found: list[Leaf]) -> tuple[str, ...]:
    """Return what there is of a body that says nothing: its keys, with the values that are no ids."""
    atoms = set()
    for key, value, *_ in found:
        plain = isinstance(value, bool) or (isinstance(value, int) and abs(value) < 100_000)
        plain = plain or (isinstance(value, str) and value.isupper() and value.replace("_", "").isalpha())
        atoms.add(f"{label_of(key)}={value if plain else HOLE}")
    return tuple(sorted(atoms)) or ("{}",)


def _speaks(text: str, rank: int, why: int = 0) -> bool:
    return rank not in _UNTOLD or (rank == SPOKEN and why > 0) or _says(text)


@lru_cache(maxsize=256)  # asked for its atom and for the title
def _says(text: str) -> bool:
    """Tell a sentence from a name or an address under a key of which nothing is known."""
    words = [word.strip(".,;:!?") for word in text.split()]
    return (not text.isascii() and DENSE.search(text) is not None) or (
        len(words) > 2 and sum(w.isalpha() and not w[:1].isupper() and w not in PARTICLES for w in words) > 1
    )


@lru_cache(maxsize=256)  # the message of a body is asked for twice: for its cause, and for its title
def _spoken(text: str) -> tuple[str, str, str]:
    """Return a text as one line, that line with holes, and what of it stands for the cause."""
    if text[:1] == "<":
        page = of_markup(text)
        return page.sentence, page.line, page.atoms[-1].removeprefix("~")
    if "\n" in text:
        text = without_trace(text)
    flat = " ".join(text[: 2 * LONGEST_MESSAGE].split())[:LONGEST_MESSAGE]
    line = unitless(masked(flat))
    return flat, line, canonical(line)
