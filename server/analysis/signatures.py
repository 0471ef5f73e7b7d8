"""From the body of a failed attempt to what identifies its cause, and to the message a person would quote from it.

Names, ids, times and numbers differ between two failures of one cause; codes and field names do not. So free text is
masked, values under code-like and field-like keys are kept, and everything else about the body's form is dropped.
"""

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

from .bodies import of_json
from .masks import HOLE, masked, varying
from .prose import Body, of_markup, of_text
from .templates import ATOM_ENDS

__all__ = ["VERSION", "Signature", "group_id", "masked", "signature_of", "varying"]

VERSION = "2"
"""Goes into every id: a change of the rules must change it, so that an old id never means another cause."""

LONGEST_BODY = 65_536
LONGEST_CACHED = 2_000
LONGEST_TITLE = 80
SAYS_ENOUGH = 3


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
    apart = of_json(body) if body[0] in '{["' else None
    if isinstance(apart, str):  # a body that is one quoted text may hold JSON again
        return signature_of(apart)
    return _signed(apart or of_text(body))


def _signed(body: Body) -> Signature:
    return Signature(ATOM_ENDS.join(body.atoms), _with(body.sentence, body.names), _title(body.line, body.names))


def _with(sentence: str, names: tuple[str, ...]) -> str:
    if not sentence:
        return ", ".join(names) or "no message"
    return f"{sentence} [{', '.join(names)}]" if names else sentence


@lru_cache(maxsize=4096)
def _title(line: str, names: tuple[str, ...]) -> str:
    """Return the message without what varies, short enough for a heading.

    What names the cause stands behind it only where the words alone would say too little.
    """
    title = ""
    if sum(word.isalpha() and HOLE not in word for word in line.split()) >= SAYS_ENOUGH:
        names = ()
    for part in (line, *_innermost(line), _SENTENCES.split(line, maxsplit=1)[0].rstrip(" ;,:")):
        title = _with(_EDGE.sub("", part).replace(HOLE, "…"), names)
        if len(title) <= LONGEST_TITLE:
            return title
    cut = title[: LONGEST_TITLE - 1]
    return (cut.rpartition(" ")[0] if " " in cut[LONGEST_TITLE // 2 :] else cut).rstrip(" ,;:…") + "…"


def _innermost(line: str) -> tuple[str, ...]:
    """Return what the last cause says in an error that tells what it was caused by, with and without its name."""
    _, caused, rest = line.rpartition("Caused by")
    found = _CAUSE.match(rest) if caused else None
    if not found:
        return ()
    said = found[2].strip(_QUOTING)
    return f"{found[1]}: {said}", said


_SENTENCES = re.compile(r"(?<=[\w>)'\"][.;!?]) +(?=[A-Z<\"'(])")
_CAUSE = re.compile(r"[:\s]*([A-Za-z_.]+)\b(?:.*(?:>: |[(,] ?[\"']))?(.{8,})$")
_QUOTING = "'\":() "
_EDGE = re.compile(r"^<\*>\s*[|:\u2013\u2014-]+\s*(?=\w)")
