"""From the body of a failed attempt to what identifies its cause, and to the message a person would quote from it.

Names, ids, times and numbers differ between two failures of one cause; codes and field names do not. So free text is
masked, values under code-like and field-like keys are kept, and everything else about the body's form is dropped.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

VERSION = "1"
"""Goes into every id: a change of the rules below must change it, so that an old id never means another cause."""

LONGEST_BODY = 65_536
LONGEST_MARKUP = 16_384
LONGEST_CACHED = 2_000
LONGEST_MESSAGE = 400
LONGEST_NAME = 60
LONGEST_TITLE = 80
MOST_NAMES = 3
DEEPEST = 12
MOST_VALUES = 200

_NOISE_KEYS = re.compile(
    r"stack|trace|request_?id|correlation|timestamp|^time$|^date$|url|docs?$|^href|instance|^link|ray_?id|^host", re.I
)
_CODE_KEYS = re.compile(
    r"code$|^(?:error_?)?type$|^status$|^title$|^reason$|exception|^name$|^errno$|^severity$|^error$", re.I
)
_FIELD_KEYS = re.compile(r"^(?:field|path|param|parameter|loc|pointer|property|attribute|column)s?(?:_?name)?$", re.I)
_STATUS_KEYS = re.compile(r"(?:http_?)?status(?:_?code)?", re.I)
_MESSAGE_WORDS = ("message", "msg", "description", "detail", "string", "text", "reason", "title", "error")
"""Words that end the key of a message (errorMsg, fault_string), the most telling first."""

_MESSAGE_KEY = re.compile(rf"({'|'.join(_MESSAGE_WORDS)})s?$", re.I)
_FRAME = re.compile(
    r"^[ \t]{0,40}(?:at [\w$.<>]{1,300} ?\(|at [\w$.<>`\[\], ]{1,300} in |File \"|\.\.\. \d+ more|goroutine \d+|--- End of)",
    re.M,
)
_PYTHON_TRACE = re.compile(r"^Traceback \(most recent call last\):", re.M)
_TAG_BLOCKS = re.compile(r"<(script|style)\b[^>]{0,500}>.{0,5000}?</\1\s*>|<!--.{0,5000}?-->", re.I | re.S)
_TITLES = re.compile(
    r"<(?:\w+:)?(title|h1|h2|faultcode|faultstring|code|message|errorcode|errormessage|detail|reason|text)\b[^>]{0,500}>"
    r"([^<]{1,2000})</",
    re.I,
)
_TAGS = re.compile(r"<[^<>]{1,500}>")
_BROKEN_PAIRS = re.compile(r'"(\w{1,40})"\s*:\s*(?:"((?:[^"\\]|\\.){0,500})|(-?\d{1,18}))')

_NAMES_A_FIELD = re.compile(r"(?:field|parameter|param|property|column|header|key|attribute|tag|the|for)\s*$", re.I)
_IDENTIFIER = re.compile(r"[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+")
_IDENTIFIER_PATH = re.compile(r"[A-Za-z_][\w.\[\]-]{0,60}", re.ASCII)
# A quotation (not the apostrophe of "can't"), or a word with a digit, an "@" or a backslash, or an address or path.
_VARIABLE = re.compile(
    r"""(?<!\w)(?P<quote>["'`])(?P<value>(?:(?!(?P=quote)).){1,200})(?P=quote)(?!\w)"""
    r"""|\S*[\d@\\]\S*|(?:https?://|/)\S+"""
)
_OPENING = re.compile(r"[(\[{<'\"]*(?:[A-Za-z_.]+[=:])?")
_CLOSING = re.compile(r"[)\]}>'\".,;:!?]*$")
_FUSED = re.compile(r"<\*>(?:[\s,;:/.-]*<\*>)+")
HOLE = "<*>"


@dataclass(frozen=True)
class Signature:
    """`skeleton` identifies the cause within a source, type and status; `message` is the body's own sentence."""

    skeleton: str
    message: str
    title: str


def group_id(source_name: str, error_type: str | None, status_code: int | None, skeleton: str) -> str:
    """Return the stable id of a cause: the same in any window, order, process or replica."""
    parts = (VERSION, source_name, error_type or "", "" if status_code is None else str(status_code), skeleton)
    return "g_" + hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=4).hexdigest()


def signature_of(details: str | None) -> Signature:
    """Return what identifies the cause told by an attempt's `error_details`, whatever its shape."""
    # Half of a surrogate pair can come out of a cut body, and can be written nowhere.
    body = (details or "")[:LONGEST_BODY].encode("utf-8", "replace").decode().strip()
    return _repeated(body) if len(body) <= LONGEST_CACHED else _signature(body)


@lru_cache(maxsize=8192)  # most failures of an incident repeat a body to the letter
def _repeated(body: str) -> Signature:
    return _signature(body)


def _signature(body: str) -> Signature:
    if not body:
        return Signature("<empty>", "", "no message")
    if body.lstrip("-").isdigit():  # a bare number is the TSP's own code, and all it says
        return Signature(f"code={body}", f"code {body}", f"code {body[:LONGEST_NAME]}")
    if body[0] in '{["':
        return _of_json(body)
    if body[0] == "<":
        return _of_markup(body)
    return _of_text(body)


def _of_json(body: str) -> Signature:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        pairs = _BROKEN_PAIRS.findall(body)[:MOST_VALUES]
        if not pairs:
            return _of_text(body)
        value = {key: int(number) if number else text for key, text, number in pairs}
    if isinstance(value, str):
        return signature_of(value)
    found: list[tuple[str, str, Any]] = []
    _walk(value, "", found, DEEPEST)
    atoms = {f"{path}={_atom(key, leaf)}" for path, key, leaf in found if not _NOISE_KEYS.search(key)}
    sentence = _sentence_of(found)
    names = [name for _, key, leaf in found if _names_the_cause(key, leaf) for name in [_named(key, leaf)]]
    new = [name for name in dict.fromkeys(names) if name not in sentence][:MOST_NAMES]
    return Signature("\x1e".join(sorted(atoms)), _with(sentence, new), _title(sentence, new))


def _walk(value: Any, path: str, found: list[tuple[str, str, Any]], depth: int) -> None:
    """Collect (path, key, leaf) in the body's order; array positions do not count, text that is JSON is opened."""
    if depth == 0 or len(found) >= MOST_VALUES:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _walk(inner, f"{path}.{key}", found, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, f"{path}[]", found, depth - 1)
    elif isinstance(value, str) and value[:1] in ("{", "[") and (opened := _opened(value)) is not None:
        _walk(opened, path, found, depth - 1)
    elif value is not None:
        found.append((path, path.rpartition(".")[2].removesuffix("[]"), value))


def _opened(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def _atom(key: str, leaf: Any) -> str:
    """Keep a value that names the cause, mask one that is free text, drop any other."""
    if isinstance(leaf, str):
        if _FIELD_KEYS.search(key) and _IDENTIFIER_PATH.fullmatch(leaf.strip()):
            return re.sub(r"\d+", "#", leaf.strip())
        if _CODE_KEYS.search(key) and " " not in leaf.strip():
            return leaf.strip()
        return masked(leaf) if " " in leaf.strip() or _MESSAGE_KEY.search(key) else HOLE
    if isinstance(leaf, bool):
        return str(leaf)
    return str(leaf) if _CODE_KEYS.search(key) else HOLE


def _sentence_of(found: list[tuple[str, str, Any]]) -> str:
    """Return the text whose key says most clearly that it is the message, a sentence before a single word."""
    ranked = sorted(
        (_message_rank(key), i, text)
        for i, (_, key, text) in enumerate(found)
        if isinstance(text, str) and text.strip() and not _NOISE_KEYS.search(key)
    )
    ranked = [entry for entry in ranked if entry[0] < len(_MESSAGE_WORDS) or " " in entry[2].strip()]
    sentence = next((text for _, _, text in ranked if " " in text.strip()), ranked[0][2] if ranked else "")
    sentence = _of_markup(sentence).message if sentence.lstrip()[:1] == "<" else sentence.strip()
    return " ".join(sentence[:LONGEST_MESSAGE].split())


def _named(key: str, leaf: Any) -> str:
    return leaf.strip()[:LONGEST_NAME] if isinstance(leaf, str) else f"{key} {leaf}".strip()


def _with(sentence: str, names: list[str]) -> str:
    if not sentence:
        return ", ".join(names) or "no message"
    return f"{sentence} [{', '.join(names)}]" if names else sentence


def _names_the_cause(key: str, leaf: Any) -> bool:
    """Tell whether a code or a field is worth standing behind the message; the HTTP status stands elsewhere already."""
    if isinstance(leaf, bool) or _STATUS_KEYS.fullmatch(key):
        return False
    if _FIELD_KEYS.search(key):
        return isinstance(leaf, str) and bool(_IDENTIFIER_PATH.fullmatch(leaf.strip()))
    return bool(_CODE_KEYS.search(key)) and " " not in str(leaf).strip()


def _message_rank(key: str) -> int:
    """Rank a text by how likely its key makes it the message; under another key, after all of those."""
    named = _MESSAGE_KEY.search(key)
    return _MESSAGE_WORDS.index(named[1].lower()) if named else len(_MESSAGE_WORDS)


def _of_markup(body: str) -> Signature:
    bare = _TAG_BLOCKS.sub(" ", body[:LONGEST_MARKUP])
    said = [" ".join(text.split()) for _, text in _TITLES.findall(bare)]
    message = "; ".join(dict.fromkeys(text for text in said if text)) or " ".join(_TAGS.sub(" ", bare).split())
    message = message[:LONGEST_MESSAGE] or "markup without text"
    return Signature(masked(message), message, _title(message))


def _of_text(body: str) -> Signature:
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    if _PYTHON_TRACE.search(body):
        message = lines[-1]
    else:
        frame = _FRAME.search(body)
        kept = body[: frame.start()] if frame and body[: frame.start()].strip() else body
        message = " ".join(kept.split())
    message = message[:LONGEST_MESSAGE]
    return Signature(masked(message), message, _title(message))


def masked(text: str) -> str:
    """Return `text` with a hole for each part that may vary: quoted values, ids, numbers, addresses, paths."""
    return _FUSED.sub(HOLE, _VARIABLE.sub(lambda match: "".join(_around(match)), _flat(text)))


def varying(text: str) -> list[tuple[str, str]]:
    """Return the parts of `text` that `masked` hides, each with the word before it."""
    flat = _flat(text)
    parts = []
    for match in _VARIABLE.finditer(flat):
        head, hole, tail = _around(match)
        if hole:
            word = (flat[: match.start()] + head).rstrip(" '\"=:([{<").rpartition(" ")[2].strip("'\"`.,:;()")
            parts.append((word if word.isalpha() else "value", match[0].removeprefix(head).removesuffix(tail)))
    return [(word, value.strip("'\"`")) for word, value in parts]


def _flat(text: str) -> str:
    return " ".join(text[:2000].split())


def _around(match: re.Match[str]) -> tuple[str, str, str]:
    """Return what stands before, the hole, and what stands behind it: `uid=0,` is `uid=`, hole, `,`."""
    value = match["value"]
    if value is None:
        word = match[0]
        head = _OPENING.match(word)
        tail = _CLOSING.search(word, len(head[0]) if head else 0)
        return (head[0] if head else "", HOLE, tail[0] if tail else "")
    names_a_field = _NAMES_A_FIELD.search(match.string, max(0, match.start() - 24), match.start())
    if _IDENTIFIER.fullmatch(value) or (names_a_field and value.isalpha()):
        return match[0], "", ""
    return "", HOLE, ""


def _title(sentence: str, names: list[str] | None = None) -> str:
    """Return the message without what varies, short enough for a heading; what names the cause stays."""
    title = _with(masked(sentence).replace(HOLE, "…"), names or [])
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"
