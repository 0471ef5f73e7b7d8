"""A question as people ask it, the plan that should answer it, and the facts a right answer holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..facts import Facts, Json, Read


class Call(NamedTuple):
    """One call of a tool."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. `then` takes a second call from the first answer; `read` finds the facts in the last structured result.

    `all_clear`: whether it is true that nothing is wrong; saying so of any other question is a false all-clear.
    """

    id: str
    who: str
    text: str
    call: Call
    facts: Facts
    read: Read
    then: Callable[[Json], Call] | None = None
    all_clear: bool = False


def call(tool: str, **arguments: Any) -> Call:
    """Write a call down."""
    return Call(tool, arguments)
