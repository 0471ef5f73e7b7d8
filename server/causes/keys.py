"""What the key of a JSON value says about it: noise, a code, a field, a message, or nothing."""

import re
from functools import lru_cache

from .masks import HOLE

NOISE, CODE, FIELD, MESSAGE, OTHER = range(5)

LONGEST_NAME = 60

_NOISE_KEYS = re.compile(
    r"stack|trace|request_?id|correlation|timestamp|^time$|^date(?:time)?$|url|docs?$|^href|instance|^links?$|ray_?id|^host"
    r"|help|uuid|guid|_id$|Id$|^id$|ID$|version$|^more_?info$|^see$",
    re.I,
)
_CODE_KEYS = re.compile(
    r"code$|^result$|^outcome$|^(?:error_?)?type$|status$|^title$|reason$|exception|^name$|^errno$|^severity$|^error$|^err$|^fault$|^kind$"
    r"|constraint$|^category$|^rule$|^scope$",
    re.I,
)
_FIELD_KEYS = re.compile(
    r"(?:^|_|[a-z](?=[A-Z]))(?:field|path|param|parameter|loc|pointer|property|attribute|column|member|argument|target)s?(?:_?name)?$",
    re.I,
)
_REASONS = re.compile(
    r"(?:\w*(?:errors?|causes?|violations?|issues|fault|inner\w*|failures|validation\w*|invalid\w*)|details?|ModelState|messages|fields)$",
    re.I,
)
_STATUS_KEYS = re.compile(r"(?:http_?)?status(?:_?code)?", re.I)
_MESSAGE_WORDS = (
    "exceptionmessage",
    "message",
    "msg",
    "meldung",
    "nachricht",
    "mensaje",
    "mensagem",
    "messaggio",
    "komunikat",
    "melding",
    "summary",
    "description",
    "detail",
    "string",
    "text",
    "",
    "reason",
    "title",
    "error",
)
"""Words that end the key of a message (errorMsg, fault_string), the most telling first; "" is any other key, as a
field's name is over what is wrong with it, below a title for all of them."""

SPOKEN = _MESSAGE_WORDS.index("")
NO_MESSAGE = len(_MESSAGE_WORDS)

_MESSAGE_KEY = re.compile(rf"({'|'.join(filter(None, _MESSAGE_WORDS))})s?$", re.I)
_FIELD_VALUE = re.compile(r"[A-Za-z_$][\w.\[\]$#-]{0,60}", re.ASCII)
_POINTER = re.compile(r"#?(?:/[\w$-]{1,40}){1,6}/?", re.ASCII)
_REQUEST_PATH = re.compile(r"\d{3}|/api\b|/v\d")
_CODE_VALUE = re.compile(r"\S{1,80}")
_NAME_VALUE = re.compile(
    r"[A-Z]{3,}|[A-Z]+(?:_[A-Z0-9]+)+|[\w.]*(?:Error|Exception|Fault|Failure|Violation)|[a-z]+(?:_[a-z]+)+"
)
_IDLIKE = re.compile(r"\d+|\S*@\S*|(?=.*\d)[0-9a-fA-F-]{8,}|(?=\w*\d\w*\d)\w{10,}")
_DIGITS = re.compile(r"\d+")


@lru_cache(maxsize=4096)
def kind_of(key: str) -> tuple[int, int]:
    """Return what a key says about its value, and how likely it makes a text the message (0 the most)."""
    named = _MESSAGE_KEY.search(key)
    rank = _MESSAGE_WORDS.index(named[1].lower()) if named else NO_MESSAGE
    if _FIELD_KEYS.search(key):
        return FIELD, rank
    if _NOISE_KEYS.search(key) and not named:
        return NOISE, rank
    if _CODE_KEYS.search(key):
        return CODE, rank
    return (MESSAGE if named else OTHER), rank if named else SPOKEN


@lru_cache(maxsize=4096)
def leads_to_reasons(key: str) -> bool:
    """Tell whether the reason stands under a key, where a sentence beside it may say only that something is wrong."""
    return _REASONS.match(key) is not None


@lru_cache(maxsize=8192)
def told_by_word(key: str, word: str) -> tuple[str, str]:
    """Return the atom of a value without spaces that names the cause, and how a reader is told of it."""
    kind, _ = kind_of(key)
    shown = not _STATUS_KEYS.fullmatch(key) and "://" not in word
    if kind == FIELD:
        field = _field(word)
        return (f"field={field}", field[:LONGEST_NAME] if shown else "") if field else ("", "")
    if kind == CODE and word and _is_code(key, word):
        return f"{key}={word}", word[:LONGEST_NAME] if shown else ""
    return "", ""


@lru_cache(maxsize=8192)
def told_by_number(key: str, number: float) -> tuple[str, str]:
    """Return the atom of a number that is a code, and how a reader is told of it; the HTTP status stands elsewhere."""
    if kind_of(key)[0] != CODE:
        return "", ""
    return f"{key}={number}", "" if _STATUS_KEYS.fullmatch(key) else f"{key} {number}".strip()[:LONGEST_NAME]


def label_of(key: str) -> str:
    """Return a key as it stands before a value: list positions left open, one that is an id hidden."""
    return HOLE if _IDLIKE.fullmatch(key) else _DIGITS.sub("#", key)[:LONGEST_NAME]


def codes(key: str, word: str) -> bool:
    """Tell whether a word is a code, and neither an id nor a name."""
    return bool(word) and " " not in word and _is_code(key, word)


def _is_code(key: str, word: str) -> bool:
    if key.lower() == "name":
        return bool(_NAME_VALUE.fullmatch(word))
    if word.isdigit():
        return len(word) < 9
    return bool(_CODE_VALUE.fullmatch(word)) and not _IDLIKE.fullmatch(word)


def _field(word: str) -> str:
    """Return the field a value names, list positions left open; nothing where it is a request's address."""
    if _FIELD_VALUE.fullmatch(word) or word.startswith("$."):
        return _DIGITS.sub("#", word)
    return _DIGITS.sub("#", word) if _POINTER.fullmatch(word) and not _REQUEST_PATH.search(word) else ""
