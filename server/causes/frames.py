"""Texts as frames: what stays the same in them, and the gaps in which names, numbers and other values may stand."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from .masks import HOLE
from .words import PARTICLES, SMALL, TELLING

GAP, SPACED = "\x00", " \x00"
"""Stands in a frame where something may vary; the second where a space stands before it."""

GAPS = (GAP, SPACED)
MOST_TOKENS = 150
FEWEST_WORDS = 2
"""Words that must stay beside the gaps of a frame: fewer tell no cause."""

FEWEST_FRAMES = 2
FEWEST_NAMED = 5
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
_MOST_CLASSES = 50_000
WORD, OPEN, LINK, MARK = range(4)
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
    found: list[str] = _TOKEN.findall(text)
    if len(found) > MOST_TOKENS:
        found[MOST_TOKENS:] = ["".join(found[MOST_TOKENS:])]
    return found


def class_of(token: str) -> int:
    """Return what a token is by its shape alone: a word that stays, one that may vary, a link between such, a mark."""
    known = _CLASSES.get(token)
    if known is None:
        if len(_CLASSES) >= _MOST_CLASSES:
            _CLASSES.clear()
        known = _CLASSES[token] = _class_of(token.lstrip())
    return known


def _class_of(word: str) -> int:
    if word.startswith(HOLE):
        return OPEN
    if word in _JOINING or word in PARTICLES:
        return LINK
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


def framed(tokens: list[str], parts: Collection[str]) -> Framed:
    """Return the frame of a text: a run of what may vary, with links between, is one gap.

    `parts` are small words that belong to names: beside what may vary they do so too.
    """
    found = _framed(tokens, parts, 0)
    if _words_in(found.frame) >= FEWEST_WORDS:
        return found
    found = _framed(tokens, parts, 1)
    return found if _words_in(found.frame) >= FEWEST_WORDS else Framed(tuple(tokens), ())


def _words_in(frame: Tokens) -> int:
    return sum(token not in GAPS and class_of(token) in (WORD, OPEN) for token in frame)


def _framed(tokens: list[str], parts: Collection[str], kept: int) -> Framed:
    frame: list[str] = tokens[:kept]
    fillers: list[Tokens] = []
    run: list[str] = []
    length = 0  # of the run up to its last token that may vary
    for token in tokens[kept:] if kept else tokens:
        kind = class_of(token)
        if kind == OPEN:
            run.append(token)
            length = len(run)
        elif kind == LINK and (length or token.lstrip() in _OPENING or token.lstrip().isalpha()):
            run.append(token)
        elif parts and token.lstrip() in parts:
            run.append(token)
            length = len(run) if length else 0
        else:
            if run:
                _close(run, length, frame, fillers)
                run, length = [], 0
            frame.append(token)
    if run:
        _close(run, length, frame, fillers)
    return Framed(tuple(frame), tuple(fillers))


def _close(run: list[str], length: int, frame: list[str], fillers: list[Tokens]) -> None:
    if length:
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
                while end and class_of(found[end - 1]) == LINK:
                    end -= 1
                if end and found[end - 1] in GAPS:
                    del found[end:]
                else:
                    found.append(SPACED if token[0] == " " else GAP)
            else:
                found.append(token)
    return tuple(found)


def name_parts(texts: Mapping[str, list[str]]) -> frozenset[str]:
    """Learn which small words belong to names: those beside a gap of frames that also stand without the word.

    Only where that is so in several frames in which names stand, and never a thing, a field or a word of a sentence.
    """
    parts: frozenset[str] = frozenset()
    for _ in range(MOST_ROUNDS):
        frames: defaultdict[Tokens, set[str]] = defaultdict(set)
        for text, tokens in texts.items():
            frames[framed(tokens, parts).frame].add(text)
        found: defaultdict[str, set[Tokens]] = defaultdict(set)
        for frame in frames:
            for at, token in enumerate(frame):
                word = token.lstrip()
                if class_of(token) != WORD or (word in SMALL and word not in _INSIDE) or word in TELLING:
                    continue
                if (without := _without(frame, at)) and len(frames.get(without, ())) >= FEWEST_NAMED:
                    found[word].add(without)
        new = {word for word, where in found.items() if len(where) >= FEWEST_FRAMES}
        if not new - parts:
            break
        parts |= new
    return parts


def _without(frame: Tokens, at: int) -> Tokens | None:
    """Return a frame without a word beside a gap, and with the gaps and links beside it as one; None where is none."""
    left, right = at, at + 1
    while left and (frame[left - 1] in GAPS or class_of(frame[left - 1]) == LINK):
        left -= 1
    while right < len(frame) and (frame[right] in GAPS or class_of(frame[right]) == LINK):
        right += 1
    while left < at and frame[left] not in GAPS:
        left += 1
    while right > at + 1 and frame[right - 1] not in GAPS:
        right -= 1
    if left == at and right == at + 1:
        return None
    return (*frame[:left], SPACED if frame[left][0] == " " else GAP, *frame[right:])
