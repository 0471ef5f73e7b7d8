"""Say what a right answer holds: facts, how they are read out of a structured result, and how they stand in a text.

A fact is a few values that belong together, as ("samsara", 12): in a structured result they stand in one row, in a text
on one line or on the lines indented below it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share between 0 and 1, which a text tells as a percentage with one decimal."""

    value: float


@dataclass(frozen=True, slots=True)
class Said:
    """A value that a text tells in other words than a structured result."""

    value: str | int | bool
    text: str


Atom = str | int | Rate | Said
Fact = tuple[Atom, ...]
Facts = frozenset[Fact]
Read = Callable[[Json], Facts]


def facts(*told: Fact) -> Facts:
    """Gather facts."""
    return frozenset(told)


def singly(values: Iterable[Atom]) -> Facts:
    """Make a fact of each value."""
    return frozenset((value,) for value in values)


def plain(of: Facts) -> frozenset[tuple[object, ...]]:
    """Return facts as a structured result has them: rates to a hundredth of a percent."""
    return frozenset(tuple(_plain(atom) for atom in fact) for fact in of)


def _plain(atom: Atom) -> object:
    if isinstance(atom, Rate):
        return round(atom.value, 4)
    return atom.value if isinstance(atom, Said) else atom


def within(part: Any, path: str) -> Any:
    """Follow a path like `key.fleet_ref` or `groups.0.id`; None where it ends."""
    for step in path.split("."):
        if isinstance(part, list) and step.isdecimal():
            part = part[int(step)] if int(step) < len(part) else None
        else:
            part = part.get(step) if isinstance(part, dict) else None
    return part


def each(path: str, *fields: str, where: Callable[[Json], bool] = lambda row: True, first: int | None = None) -> Read:
    """Read a fact from each row of a list; of several lists (`groups|more`) one after the other."""

    def read(content: Json) -> Facts:
        rows = [row for name in path.split("|") for row in within(content, name) or () if where(row)]
        return frozenset(tuple(_atom(within(row, field)) for field in fields) for row in rows[:first])

    return read


def values(*paths: str) -> Read:
    """Read a fact of one value from each path."""
    return lambda content: frozenset((_atom(within(content, path)),) for path in paths)


def together(*paths: str) -> Read:
    """Read one fact of several values."""
    return lambda content: frozenset([tuple(_atom(within(content, path)) for path in paths)])


def anywhere(of: Facts) -> Read:
    """Look for facts anywhere in a result: for hints, and for what has no fixed place."""

    def read(content: Json) -> Facts:
        held = list(leaves(content))
        return frozenset(fact for fact in of if all(any(_is(_plain(atom), leaf) for leaf in held) for atom in fact))

    return read


def _is(value: object, leaf: object) -> bool:
    if isinstance(leaf, str):
        return bool(_alone(str(value)).search(leaf))
    return value == leaf and type(value) is type(leaf)


def leaves(part: Any) -> Iterator[object]:
    """Give the values inside a piece of JSON, one by one."""
    if isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from leaves(inner)
    else:
        yield part


def _atom(value: Any) -> Atom:
    return Rate(value) if isinstance(value, float) else value


def missing_in(text: str, of: Facts) -> list[Fact]:
    """Return the facts that a text does not hold."""
    blocks = list(_blocks(text))
    return [fact for fact in of if not any(all(_stands(atom, block) for atom in fact) for block in blocks)]


def _blocks(text: str) -> Iterator[str]:
    """Cut a text into lines, each with the indented ones below it."""
    return (found[0] for found in re.finditer(r"^.*(?:\n[ \t]+.*)*", text, re.M))


def _stands(atom: Atom, block: str) -> bool:
    return any(_alone(form).search(block) for form in forms_of(atom))


def forms_of(atom: Atom) -> tuple[str, ...]:
    """Return how a text may write a value."""
    if isinstance(atom, Said):
        return (atom.text,)
    if isinstance(atom, Rate):
        return (f"{atom.value * 100:.1f}".removesuffix(".0") + " %",)
    if isinstance(atom, int):
        return (f"{atom:,}", str(atom))
    return (atom,)


def _alone(form: str) -> re.Pattern[str]:
    """Find a value that is no part of a longer number or word."""
    return re.compile(rf"(?<!\w)(?<!\d[.,])(?<!\w-){re.escape(form)}(?!\w|[.,]\d|-\w)")
