"""What identifies a record beside its ids: fields of its payload, hashed, so that a corrected create is known again.

Which fields those are depends on the kind of record. A mark is a number of 64 bits that equal values of one kind share on
one connection and resource; its lowest bits tell the kind. The values themselves are kept nowhere.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from ..catena.wire import Operation

KIND_BITS = 4


class Kind(NamedTuple):
    """A kind of value. `weight`: how much it tells that two agree or differ; two kinds outweigh any single one.

    `form`: what a value must look like; one that does not is `odd`, since to correct it makes no other record.
    """

    number: int
    weight: int
    code: bool = False
    form: re.Pattern[str] | None = None


EXTERNAL, LOGIN, VIN = Kind(0, 5), Kind(1, 5), Kind(2, 5, code=True, form=re.compile(r"[^\W_]{17}"))
EMPLOYEE, LICENCE, PLATE = Kind(3, 4), Kind(4, 4, code=True), Kind(5, 4, code=True)
EMAIL, NAME, ODD = Kind(6, 3, form=re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")), Kind(7, 3), Kind(8, 3)
WEIGHTS = {kind.number: kind.weight for kind in (EXTERNAL, LOGIN, VIN, EMPLOYEE, LICENCE, PLATE, EMAIL, NAME, ODD)}

MOST_MARKS = len(WEIGHTS)
"""Marks of one payload: one of each kind."""

_NUMBERED = (("external_id", EXTERNAL), ("vin", VIN), ("license_plate_number", PLATE), ("license_plate", PLATE))
FIELDS: dict[str, tuple[tuple[str, Kind], ...]] = {
    "user": (
        ("external_id", EXTERNAL),
        ("username", LOGIN),
        ("employee_number", EMPLOYEE),
        ("license_number", LICENCE),
        ("user_email", EMAIL),
        ("email", EMAIL),
    ),
    "vehicle": (*_NUMBERED, ("vehicle_name", NAME), ("name", NAME)),
    "trailer": (*_NUMBERED, ("trailer_name", NAME), ("name", NAME)),
}
"""By resource, in the order in which they are asked; of two fields of one kind the first that is told counts."""

PERSON = ("first_name", "last_name")
"""A person's name is both together."""

LONGEST = 200
"""A longer value is no identifier, and would cost time."""

_BIGGEST = 10**18
_GENERIC = re.compile(
    r"(?:[\W_]|(?:tests?|tester|testing|demo|sample|example|dummy|fake|te?mp|foo|ba[rz]|asdf|qwerty|abc|xyz|x+|n|a|na|nan|null"
    r"|nil|none?|not|undefined|unknown|unbekannt|inconnu|desconocido|sconosciuto|неизвестно|тест|prueba|default|empty|blank"
    r"|missing|todo|tb[ad]|pending|placeholder|invalid|available|applicable|set|drivers?|users?|vehicles?|trucks?|trailers?"
    r"|unit|name|first|last|e?mail|login|admin|string|noreply|reply|com|org|net|edu|0+|1234\d*)(?![^\W_]))*"
    r"|[\W_]*([^\W_])(?:[\W_]*\1)+"
)
"""What stands where nobody knew a value, or one sign over and over: it identifies nothing."""

_NO_CODE = re.compile(r"[\W_]+")


def marks_of(op: Operation) -> list[int] | None:
    """Return the marks of an operation, at most one of a kind; None where its payload identifies nothing.

    A write of a record that has its ids needs none: a create, once it succeeds, is what leads from marks to ids.
    """
    fields = FIELDS.get(op.resource)
    if fields is None or (op.operation_type == "update" and (op.resource_id or op.source_id)):
        return None
    payload = op.payload
    if not isinstance(payload, dict):
        return None
    place, found = _place(op.connection_id, op.resource), dict[int, int]()
    for name, kind in fields:
        if (value := payload.get(name)) is not None and kind.number not in found and (plain := _plain(value)):
            _note(found, kind, plain, place)
    if op.resource == "user":
        first, last = (_plain(payload.get(name)) for name in PERSON)
        if first and last:
            _note(found, NAME, f"{first} {last}", place)
    return list(found.values()) or None


def agree(one: Iterable[int], other: Iterable[int]) -> bool:
    """Tell whether the marks of two writes on one connection and resource agree by more than they differ."""
    kinds = {mark % (1 << KIND_BITS): mark for mark in other}
    score = 0
    for mark in one:
        kind = mark % (1 << KIND_BITS)
        if kind in kinds:
            score += WEIGHTS[kind] if kinds[kind] == mark else -WEIGHTS[kind]
    return score > 0


def _note(found: dict[int, int], kind: Kind, plain: str, place: Any) -> None:
    if _GENERIC.fullmatch(plain):
        return
    if kind.code:
        plain = _NO_CODE.sub("", plain)
    if kind.form and not kind.form.fullmatch(plain):
        plain, kind = f"{kind.number} {plain}", ODD
    hashed = place.copy()
    hashed.update(f"{kind.number} {plain}".encode())  # no lone surrogate is left in it: none can be printed
    found[kind.number] = int.from_bytes(hashed.digest()) >> KIND_BITS << KIND_BITS | kind.number


@lru_cache(maxsize=4096)
def _place(connection_id: str, resource: str) -> Any:
    """Return the beginning of the hashes of one place, so that a value on another connection has another mark."""
    return blake2b(f"{connection_id}|{resource}|".encode("utf-8", "surrogatepass"), digest_size=8)


def _plain(value: Any) -> str:
    """Return a value without what one writes this way or that: case, width, blanks; empty where it is no identifier."""
    if not isinstance(value, str):
        return str(value) if type(value) is int and abs(value) < _BIGGEST else ""
    if len(value) > LONGEST:
        return ""
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    if not value.isprintable():
        value = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in value)
    return " ".join(value.casefold().split())
