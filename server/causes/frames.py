"""Texts as frames: what stays the same in them, and the gaps in which names, numbers and other values may stand."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from sys import intern
from typing import NamedTuple

from .masks import GAP, HOLE
from .words import PARTICLES, SMALL, TELLING

SPACED = f" {GAP}"
GAPS = (GAP, SPACED)
"""Stand in a frame where something may vary, without and with a space before it."""

MOST_TOKENS = 150
FEWEST_WORDS = 2
"""Words that must stay beside the gaps of a frame: fewer tell no cause."""

FEWEST_FRAMES, FEWEST_NAMED = 2, 5
"""A small word belongs to names where it can be left out of so many frames in which so many texts stand."""

MOST_ROUNDS = 3

# A word, also with dots, dashes or a colon inside; a run in a script without spaces; any other character.
_DENSE = "\u2e80-\ud7ff\uf900-\ufaff\uff66-\uff9f"
_TOKEN = re.compile(
    rf" ?(?:<\*>(?:\.(?= |$))?|[^\W{_DENSE}](?:[^\W{_DENSE}]|['\u2019.&:/@+-](?=[^\W{_DENSE}]))*\.?|[{_DENSE}]+|\S)"
)
_INITIALS = re.compile(r"(?:\w\.)+\w?")
_CODELIKE = re.compile(
    r"(?!(?:Ma?c|De|La|Le|Di|Fitz|Van|O)[A-Z])[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+|\w*_\w*|[a-z]\w*(?:[.:/]\w+)+|(?:\w+[:/])+\w+"
)
"""Names in a program and constants: they tell a cause wherever they stand."""

_JOINING = frozenset(",.&'\u2019-/#()\"+\u00b4`")
_CLASSES: dict[str, int] = {}
_MOST_CLASSES = 100_000
WORD, OPEN, MARK, LINK, LEAD = range(5)
"""What a token is: a word that stays, one that may vary, a mark; what links such as vary, and what may begin a run of them."""

_INSIDE = frozenset(("an", "am"))
_OPENING = frozenset("(\"#'")
_CLOSING = {")": "(", '"': '"', "'": "'"}

Tokens = tuple[str, ...]


class Framed(NamedTuple):
    """A text as its frame (`GAP` where something may vary) and what stands in each gap."""

    frame: Tokens
    fillers: tuple[Tokens, ...]


def tokens_of(text: str) -> list[str]:
    """Return a text as tokens, each with the space before it, so that they join to the text again."""
    found = list(map(intern, _TOKEN.findall(text)))  # most tokens repeat, and are compared with each other
    if len(found) > MOST_TOKENS:
        found[MOST_TOKENS:] = ["".join(found[MOST_TOKENS:])]
    return found


def class_of(token: str) -> int:
    """Return what a token is by its shape alone."""
    known = _CLASSES.get(token)
    if known is None:
        if len(_CLASSES) >= _MOST_CLASSES:
            _CLASSES.clear()
        known = _CLASSES[token] = _class_of(token.lstrip())
    return known


def _class_of(word: str) -> int:
    if word.startswith(HOLE):
        return OPEN
    if word in PARTICLES:
        return LEAD
    if word.isalpha() and len(word) > 1 and word[1:].islower():  # most words, so no closer look at them
        return OPEN if word[0].isupper() else WORD
    if word in _JOINING:
        return LEAD if word in _OPENING else LINK
    if _INITIALS.fullmatch(word):
        return OPEN
    if not (word[0].isalnum() or word[0] == "_"):
        return MARK
    if len(word) > 1 and _CODELIKE.fullmatch(word):
        return WORD
    if word[0].isupper() or len(word) == 1 or any(c.isdigit() for c in word):
        return OPEN
    head, elided, rest = word.partition("'")
    return OPEN if elided and len(head) <= 2 and rest[:1].isupper() else WORD


def framed(tokens: list[str], parts: Collection[str], values: Collection[str] = ()) -> Framed:
    """Return the frame of a text: a run of what may vary, with links between, is one gap.

    `parts` are small words that belong to names: beside what may vary they do so too. `values` may vary themselves.
    """
    kinds = list(map(_CLASSES.get, tokens))
    if None in kinds:
        kinds = list(map(class_of, tokens))
    if values:
        kinds = [OPEN if token.lstrip() in values else kind for token, kind in zip(tokens, kinds, strict=True)]
    found, words = _framed(tokens, kinds, parts, 0)
    if words < FEWEST_WORDS:  # then the first word is no name
        found, words = _framed(tokens, kinds, parts, 1)
    return found if words >= FEWEST_WORDS else Framed(tuple(tokens), ())


def _framed(tokens: list[str], kinds: list[int | None], parts: Collection[str], kept: int) -> tuple[Framed, int]:
    """Return a frame and the number of words in it; the first `kept` tokens are no part of a gap."""
    frame: list[str] = tokens[:kept]
    fillers: list[Tokens] = []
    run: list[str] = []
    length = 0  # of the run up to its last token that may vary
    words = kept
    for at in range(kept, len(tokens)):
        token, kind = tokens[at], kinds[at]
        if kind == OPEN:
            run.append(token)
            length = len(run)
        elif kind == LEAD or (kind == LINK and length):
            run.append(token)
        elif parts and token.lstrip() in parts:
            run.append(token)
            length = len(run) if length else 0
        else:
            if run:
                _close(run, length, frame, fillers)
                run, length = [], 0
            words += kind == WORD
            frame.append(token)
    if run:
        _close(run, length, frame, fillers)
    return Framed(tuple(frame), tuple(fillers)), words


def _close(run: list[str], length: int, frame: list[str], fillers: list[Tokens]) -> None:
    if length:
        if length < len(run):
            while length < len(run) and any(_CLOSING.get(run[length]) == token.lstrip() for token in run[:length]):
                length += 1
        fillers.append(tuple(run[:length]))
        frame.append(SPACED if run[0][0] == " " else GAP)
    frame += run[length:]


def filled(frame: Tokens, fillers: Iterable[Tokens]) -> Tokens:
    """Return a frame with its gaps filled; gaps and holes with no more than links between them are one."""
    rest = iter(fillers)
    found: list[str] = []
    for part in frame:
        for token in next(rest) if part in GAPS else (part,):
            if token in GAPS or token.lstrip().startswith(HOLE):
                end = len(found)
                while end and class_of(found[end - 1]) >= LINK:
                    end -= 1
                if end and found[end - 1] in GAPS:
                    del found[end:]
                else:
                    found.append(SPACED if token[0] == " " else GAP)
            else:
                found.append(token)
    return tuple(found)


def frames_of(texts: Iterable[str]) -> tuple[dict[str, Framed], frozenset[str]]:
    """Return the frame of each text and the small words that belong to names, with what all of them tell of small words that belong to names.

    Such a word stands beside a gap of frames that also stand without it; only where that is so in several frames in
    which names stand, and never a thing, a field or a word of a sentence.
    """
    tokens = {text: tokens_of(text) for text in texts}
    found = {text: framed(words, ()) for text, words in tokens.items()}
    parts: frozenset[str] = frozenset()
    for _ in range(MOST_ROUNDS):
        new = _name_parts(Counter(frame for frame, _ in found.values())) - parts
        if not new:
            break
        parts |= new
        for text, words in tokens.items():
            if any(word.lstrip() in new for word in words):
                found[text] = framed(words, parts)
    return found, parts


def _name_parts(frames: Mapping[Tokens, int]) -> frozenset[str]:
    found: defaultdict[str, set[Tokens]] = defaultdict(set)
    for frame in frames:
        for at, token in enumerate(frame):
            word = token.lstrip()
            if class_of(token) != WORD or (word in SMALL and word not in _INSIDE) or word in TELLING:
                continue
            if (without := _without(frame, at)) and frames.get(without, 0) >= FEWEST_NAMED:
                found[word].add(without)
    return frozenset(word for word, where in found.items() if len(where) >= FEWEST_FRAMES)


def _without(frame: Tokens, at: int) -> Tokens | None:
    """Return a frame without a word beside a gap, and with the gaps and links beside it as one; None where is none."""
    left, right = at, at + 1
    while left and (frame[left - 1] in GAPS or class_of(frame[left - 1]) >= LINK):
        left -= 1
    while right < len(frame) and (frame[right] in GAPS or class_of(frame[right]) >= LINK):
        right += 1
    while left < at and frame[left] not in GAPS:
        left += 1
    while right > at + 1 and frame[right - 1] not in GAPS:
        right -= 1
    if left == at and right == at + 1:
        return None
    return (*frame[:left], SPACED if frame[left][0] == " " else GAP, *frame[right:])
