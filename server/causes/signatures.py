"""From the body of a failed attempt to what identifies its cause, and to the message a person would quote from it.

Names, ids, times and numbers differ between two failures of one cause; codes and field names do not. So free text is
masked, values under code-like and field-like keys are kept, and everything else about the body's form is dropped.
"""

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

from .bodies import LONGEST_LEAD, LONGEST_REPR, of_json, of_led, of_pairs, of_repr
from .masks import GAP, masked, varying
from .prose import Body, of_markup, of_text
from .titles import title_of

__all__ = ["VERSION", "Signature", "group_id", "masked", "signature_of", "varying"]

VERSION = "4"
"""Goes into every id: a change of the rules must change it, so that an old id never means another cause."""

ATOM_ENDS = "\x1e"
CUT = "<cut>"
_MARKS = str.maketrans(f"{GAP}{ATOM_ENDS}", "  ")
"""The atom of a body that ends in the middle."""

LONGEST_BODY = 65_536
LONGEST_CACHED = 2_000
_REPR = re.compile(r"""\{['"]|b['"][{<\[]""")


class Signature(NamedTuple):
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
    body = (details or "")[:LONGEST_BODY].strip()
    return _repeated(body) if len(body) <= LONGEST_CACHED else _signature(body)


@lru_cache(maxsize=8192)  # most failures of an incident repeat a body to the letter
def _repeated(body: str) -> Signature:
    return _signature(body)


def _signature(body: str) -> Signature:
    if not body:
        return Signature("<empty>", "", "no message")
    if not body.isascii():  # half of a surrogate pair can come out of a cut body, and can be written nowhere
        body = body.encode("utf-8", "replace").decode()
    if body.lstrip("-").isdigit():  # a bare number is the TSP's own code, and all it says
        return Signature(f"code={body}", f"code {body}", f"code {body[:60]}")
    if body[0] == "<":
        return _signed(of_markup(body))
    apart = of_json(body) if body[0] in '{["' else of_pairs(body)
    if apart is None and len(body) <= LONGEST_REPR and _REPR.match(body):
        apart = of_repr(body)
    if apart is None and "{" in body[:LONGEST_LEAD]:
        apart = of_led(body)
    if isinstance(apart, str):  # a body that is one quoted text may hold JSON again
        return signature_of(apart)
    return _signed(apart or of_text(body))


def _signed(body: Body) -> Signature:
    fields = frozenset(atom.removeprefix("field=") for atom in body.atoms if atom.startswith("field="))
    title = title_of(body.line, body.names, fields)
    atoms = sorted((*body.atoms, CUT)) if body.cut else body.atoms
    skeleton = ATOM_ENDS.join(atoms)
    if GAP in skeleton or skeleton.count(ATOM_ENDS) >= len(
        atoms
    ):  # the marks that are put between atoms and into gaps are in none of them
        skeleton = ATOM_ENDS.join(atom.translate(_MARKS) for atom in atoms)
    return Signature(skeleton, _with(body.sentence, body.names), title)


def _with(sentence: str, names: tuple[str, ...]) -> str:
    if not sentence:
        return ", ".join(names) or "no message"
    return f"{sentence} [{', '.join(names)}]" if names else sentence
