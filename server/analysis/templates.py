"""Signatures as tokens, so that two that differ in one place can be seen to: read, written, and with holes."""

import re
from collections.abc import Mapping

from .masks import HOLE
from .words import SMALL, TELLING

ATOM_ENDS = "\x1e"
MOST_WORDS = 100

FIXED, NAME, SINGLE, WORD, OPENER, TOLD = range(6)
"""What a token is: never hidden, a name of several words, one capitalised word, a plain word, a text's first word; or
a thing or field by name, which is never hidden either and shows that others in its place are things or fields too."""

STATE = re.compile(r"\w{3,}(?:ed|ing|tion|able|ible|ment|ness|less)", re.I)
"""Words of this form tell what happened; they are no names."""

_NAMED = frozenset("user username login named called host hostname server database schema tenant queue topic".split())
"""Words that a name follows, also one in small letters."""

_CLASSED = frozenset("type category kind class model make color colour".split())
"""Words that one of a list of constants follows."""

_CODELIKE = re.compile(r"(?!Ma?c[A-Z])[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+|\w*_\w*|\w+(?:[.:/]\w+)+")
_TOLD = TELLING | SMALL
_PARTICLES = frozenset(
    "de da di do du del des der den dos das van von zu ter ten la le & and y und et bin al el og".split()
)
_CAPITAL = re.compile(r"[^\W\d_][\w'\u2019.&-]*")
_LIKE_AN_ID = re.compile(r"(?=.*[@\\$]|.*<\*>)\S+")
_QUOTED = re.compile(r"""((["'`])[^"'`]+\2)([)\].,:;!?]*)""")
_WORD = re.compile(r"""(["'`])[^"'`]{1,80}\1[)\].,:;!?]*(?=\s|$)|\S+""")
_EDGES = re.compile(r"^([(\[{\"'<]*)(.*?)([)\]}\"'>,;:!?]*)$", re.S)

_GLUE = "\x00"
"""Stands in a token where no space stands in the text, so that a template is written as it was read."""

_END = f"{_GLUE}{ATOM_ENDS}{_GLUE}"
GAP = (HOLE, FIXED)

Token = tuple[str, int]
Template = tuple[Token, ...]


def tokens_of(skeleton: str) -> Template:
    """Read a signature: an atom kept to the letter is one token, a text as many as it has words."""
    tokens: list[Token] = []
    for atom in skeleton.split(ATOM_ENDS):
        label, told, text = atom.partition("~")
        if not told or "=" in label:
            tokens.append((f"{atom}{_END}", FIXED))
            continue
        words = [found[0] for found in _WORD.finditer(text)]
        tokens += [(f"{label}~{_GLUE}", FIXED), *_words(words[:MOST_WORDS])]
        if len(words) > MOST_WORDS:
            tokens.append((" ".join(words[MOST_WORDS:]), FIXED))
        tokens.append((_END, FIXED))
    return tuple(tokens)


def text_of(template: Template) -> str:
    """Write a template as the signature it was read from, but for its holes."""
    line = " ".join(text for text, _ in template if text)
    return line.replace(f" {_GLUE}", "").replace(f"{_GLUE} ", "").replace(_GLUE, "").removesuffix(ATOM_ENDS)


def _words(words: list[str]) -> list[Token]:
    """Return the words of a text as tokens: a run of capitalised words is one, punctuation is one of its own."""
    tokens: list[Token] = []
    run: list[str] = []
    for i, word in enumerate(words):
        opening, core, closing = _parts(word)
        capital = i > 0 and core[:1].isupper() and _CAPITAL.fullmatch(core) is not None
        if run and (opening or not (capital or core in _PARTICLES)):
            _close(run, tokens)
        if opening:
            tokens.append((f"{opening}{_GLUE}", FIXED))
        behind_a_name = bool(run) or (bool(tokens) and tokens[-1][1] == OPENER)
        classed = core.isupper() and words[i - 1].lower() in _CLASSED
        if (capital and not classed) or (core in _PARTICLES and behind_a_name):
            run.append(core)
        elif core:
            tokens.append((core, _kind(core, i, words[i - 1].lower())))
        if closing:
            _close(run, tokens)
            tokens.append((f"{_GLUE}{closing}", FIXED))
    _close(run, tokens)
    return tokens


def _parts(word: str) -> tuple[str, str, str]:
    """Return the punctuation before a word, the word, and the punctuation behind it."""
    if word.isalnum():
        return "", word, ""
    if word.startswith(HOLE) and not word[len(HOLE) :].strip(")]}\"'>,;:!?"):
        return "", HOLE, word[len(HOLE) :]
    if HOLE in word:
        core = word.rstrip(",;:!?")
        return "", core, word[len(core) :]
    if quoted := _QUOTED.fullmatch(word):
        return "", quoted[1], quoted[3]
    found = _EDGES.match(word)
    if not found or not found[2]:
        return "", word, ""
    return found[1], found[2], found[3]


def _close(run: list[str], tokens: list[Token]) -> None:
    """End a run of capitalised words; a particle behind it does not belong to it."""
    tail: list[Token] = []
    while run and run[-1] in _PARTICLES:
        tail.append((run.pop(), FIXED))
    if run:
        tokens.append((" ".join(run), _kind_of_run(run)))
    tokens += reversed(tail)
    run.clear()


def _kind_of_run(run: list[str]) -> int:
    told = sum(word.lower().removesuffix("s") in TELLING or word.lower() in _TOLD for word in run)
    if told == len(run):
        return TOLD
    if len(run) == 1:
        return FIXED if _CODELIKE.fullmatch(run[0]) else SINGLE if run[0].isalpha() else NAME
    return SINGLE if told else NAME


def _kind(word: str, position: int, before: str) -> int:
    if before in _CLASSED and word.strip("'\"").isupper():
        return NAME
    if word.lower() in TELLING or word.lower().removesuffix("s") in TELLING:
        return TOLD
    if word == HOLE or word.lower() in SMALL or (word.islower() and STATE.fullmatch(word)):
        return FIXED
    if position == 0 and not _LIKE_AN_ID.fullmatch(word):
        return OPENER if word[0].isupper() and not _CODELIKE.fullmatch(word) else FIXED
    if before in _NAMED or _LIKE_AN_ID.fullmatch(word):
        return NAME
    if len(word) == 1:
        return NAME
    return WORD if word.replace("-", "").isalpha() and not _CODELIKE.fullmatch(word) else FIXED


def holed(template: Template, tokens: Mapping[Token, Template]) -> Template:
    """Put for each of the tokens what stands for it, one hole for several side by side."""
    if not tokens:
        return template
    kept: list[Token] = []
    for token in template:
        for now in tokens.get(token, (token,)):
            if now != GAP or not kept or kept[-1] != GAP:
                kept.append(now)
    return tuple(kept)
