"""Text from outside has a type of its own: cleaned, bounded, masked, and quoted wherever it stands in a sentence of ours.

TSPs, the API and the records themselves write names, ids, messages and words that nobody has seen before. In a text
`str()` quotes them («…») unless they can only be data: an id, a number, a time, a word of the contract. They are no `str`,
so a checker of types finds the place where one would be joined to our words without quotation marks.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ..masking import SAFE_HEADERS, mask_personal, mask_secrets
from .vocabulary import CONNECTION_STATUSES, ERROR_TYPES, OPERATION_TYPES, RESOURCES, SOURCES, STATUSES

LONGEST = 160
"""Characters of a text from outside that are shown."""

LONGEST_READ = 2_000
"""Characters that are looked at: masking comes before the cut, which could leave half an address."""

MOST_MARKS = 2
"""Combining marks in a row that are kept; writing needs no more, and heaps of them cover the lines around."""

TYPES = {
    str: "<text>",
    int: "<number>",
    float: "<number>",
    bool: "<true or false>",
    type(None): "<null>",
    list: "<list>",
    dict: "<object>",
}
"""What is shown of a value that is hidden. Not JSON's own words: `"phone": "string"` reads like a value."""

WORDS = frozenset(
    (
        *RESOURCES,
        *SOURCES,
        *OPERATION_TYPES,
        *STATUSES,
        *ERROR_TYPES,
        *CONNECTION_STATUSES,
        *SAFE_HEADERS,
        *("x-request-id", "x-correlation-id", "x-trace-id"),
        *TYPES.values(),
    )
)
_BARE = re.compile(
    r"[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\d{1,20}|\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)?"
    r"|-?\d{1,6}[smhdw]",
    re.ASCII | re.I,
)
_QUOTATION = re.compile("«[^«»]*»")
_PLAIN_ID = re.compile(r"[\w.:/|-]{1,160}", re.ASCII)

# What no reader sees, and category C does not hold: Unicode's Default_Ignorable_Code_Point, and two blanks that are
# letters or symbols by their category.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U0001d159\U000e0000-\U000e0fff]"
)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return `text` as one line of at most `longest` characters that can be seen, the cut marked with an ellipsis.

    Control, format, bidirectional and invisible characters and heaped marks go: they hide or reorder what is read.
    """
    text = text[: longest * 8]
    if not (text.isascii() and text.isprintable()):  # most text is, and looking each character up costs
        text = "".join(_seen(_UNSEEN.sub("", text)))
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _seen(text: str) -> list[str]:
    kept, marks = [], 0
    for c in text:
        category = unicodedata.category(c)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= MOST_MARKS:
            kept.append(" " if category[0] in "CZ" else c)
    return kept


class Outside:
    """A text from outside. Personal data is masked unless `personal`; credentials always are."""

    __slots__ = ("_cleaned", "_longest", "personal")

    def __init__(self, text: str, longest: int = LONGEST, *, personal: bool = False) -> None:
        self._cleaned = one_line(text, max(longest, LONGEST_READ))
        self._longest = longest
        self.personal = personal

    @classmethod
    def of(cls, text: Any, longest: int = LONGEST) -> Self:
        """Take a text as one from outside; one that is already stays as it is.

        Raises:
            ValueError: It is no text.
        """
        if isinstance(text, cls):
            return text
        if not isinstance(text, str):
            raise ValueError("must be text")  # noqa: TRY004  # which pydantic reports as it does every value
        return cls(text, longest)

    @property
    def text(self) -> str:
        """The text itself, for where nothing of ours stands beside it."""
        return one_line(self._masked(self._cleaned), self._longest)

    def _masked(self, text: str) -> str:
        return masked(text, self.personal)

    def __str__(self) -> str:
        """Return it as it stands in a sentence of ours: quoted so that it cannot end its quotation, or bare."""
        text = self.text
        return text if text in WORDS or _BARE.fullmatch(text) else quoted(text)

    def __repr__(self) -> str:
        """Name the type too, so that it is not taken for a plain text."""
        return f"{type(self).__name__}({self.text!r})"

    def __eq__(self, other: object) -> bool:
        """Equal are texts that say the same."""
        return isinstance(other, Outside) and self._cleaned == other._cleaned

    def __hash__(self) -> int:
        """Hash what does not change with what may be shown."""
        return hash(self._cleaned)

    def __bool__(self) -> bool:
        """Tell whether anything is there to be shown."""
        return bool(self._cleaned)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic take a plain text, and write it as one."""
        return core_schema.no_info_plain_validator_function(
            cls.of,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda told: told.text, return_schema=core_schema.str_schema()
            ),
        )


class Ref(Outside):
    """An id or a reference from outside: it is needed to ask on, so only what looks like an address or a text is masked."""

    __slots__ = ()

    def _masked(self, text: str) -> str:
        return masked(text, self.personal or ("%40" not in text and _PLAIN_ID.fullmatch(text) is not None))


@lru_cache(maxsize=8192)  # the rows of one answer say the same over and over
def masked(text: str, personal: bool) -> str:
    """Return a text without credentials, and without personal data unless that may be shown."""
    text = mask_secrets(text)
    return text if personal else mask_personal(text)


def quoted(text: str) -> str:
    """Put a cleaned text into quotation marks that it cannot close."""
    return "«" + text.replace("«", "‹").replace("»", "›") + "»"


def unquoted(given: Any) -> Any:
    """Return what a caller gave without quotation marks of ours around it: ids and references are copied with them."""
    if isinstance(given, list):
        return [unquoted(value) for value in given]
    inside = given.strip()[1:-1] if isinstance(given, str) and _QUOTATION.fullmatch(given.strip()) else None
    return given if inside is None else inside


def said_back(text: str, longest: int = 40) -> str:
    """Return what a caller gave as it is said back: quoted always, and nothing hidden, since it is theirs."""
    return quoted(one_line(text, longest))


def quote(text: str, longest: int = LONGEST) -> str:
    """Return a text from outside as it stands in a sentence of ours."""
    return str(Outside(text, longest))
