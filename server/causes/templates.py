"""Signatures as tokens, so that two that differ in one place can be seen to: read, written, and with holes."""

import re
from collections.abc import Mapping

from .masks import HOLE
from .words import PARTICLES, SMALL, TELLING

ATOM_ENDS = "\x1e"
MOST_WORDS = 100
MOST_IN_A_HOLE = 8

FIXED, NAME, SINGLE, WORD, OPENER, TOLD = range(6)
"""What a token is: never hidden, a name of several words, one capitalised word, a plain word, a text's first word; or
a thing or field by name, which is never hidden either and shows that others in its place are things or fields too."""

STATE = re.compile(r"\w{3,}(?:ed|ing|tion|able|ible|ment|ness|less)", re.I)
"""Words of this form tell what happened; they are no names."""

_NAMED = frozenset("user username login named called host hostname server database schema tenant queue topic".split())
"""Words that a name follows, also one in small letters."""

_CLASSED = frozenset("type category kind class model make color colour".split())
"""Words that one of a list of constants follows."""

_CODELIKE = re.compile(
    r"(?!(?:Ma?c|De|La|Le|Di|Fitz|Van)[A-Z])[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+|\w*_\w*|\w+(?:[.:/]\w+)+"
)
_TOLD = TELLING | SMALL
_LEGAL_FORMS = ("o.o.", "o.o")
"""How the name of a firm may end in small letters."""

_CAPITAL = re.compile(r"[^\W\d_][\w'\u2019.&\u00a0-\u00bf\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122-]*")
"""A capitalised word, also one whose letters were read in the wrong encoding."""

_ELIDED = re.compile(r"[a-z]{1,2}['\u2019-][^\W\d_a-z][\w'\u2019-]*")
_LIKE_AN_ID = re.compile(r"(?=.*[@\\$]|.*<\*>)\S+")
_QUOTED = re.compile(r"""((["'`])[^"'`]+\2)([)\].,:;!?]*)""")
_LINKING = PARTICLES | frozenset("am an of the upon or on in sur les bei ob".split())
"""Small words inside the names of people and places."""

_NAMELIKE = re.compile("\x00?[,()'\"]+\x00?|['\"]?[a-z]+[._-][a-z]+['\"]?|[A-Z][a-z]+")
"""Marks between the parts of a name, a user name, one capitalised word."""

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
        capital = i > 0 and (_begins_a_name(core) or (bool(run) and core in _LEGAL_FORMS))
        if run and (opening or not (capital or core in PARTICLES)):
            _close(run, tokens)
        if opening:
            tokens.append((f"{opening}{_GLUE}", FIXED))
        behind_a_name = bool(run) or (bool(tokens) and tokens[-1][1] == OPENER)
        classed = core.isupper() and words[i - 1].lower() in _CLASSED
        if (capital and not classed) or (core in PARTICLES and behind_a_name):
            run.append(core)
        elif core:
            tokens.append((core, _kind(core, i, words[i - 1].lower())))
        if closing == "," and run and _goes_on(run, words[i + 1 : i + 2]):
            run[-1] += ","
        elif closing:
            _close(run, tokens)
            tokens.append((f"{_GLUE}{closing}", FIXED))
    _close(run, tokens)
    return tokens


def _begins_a_name(core: str) -> bool:
    return _CAPITAL.fullmatch(core) is not None if core[:1].isupper() else _ELIDED.fullmatch(core) is not None


def _goes_on(run: list[str], following: list[str]) -> bool:
    """Tell whether a name goes on behind a comma: the family name may come first."""
    core = _parts(following[0])[1] if following else ""
    return (_begins_a_name(core) or core in PARTICLES) and not any(word.endswith(",") for word in run)


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
    while run and run[-1] in PARTICLES:
        tail.append((run.pop(), FIXED))
    if run:
        tokens.append((" ".join(run), _kind_of_run(run)))
    tokens += reversed(tail)
    run.clear()


def _kind_of_run(run: list[str]) -> int:
    plain = [word.lower().removesuffix(",") for word in run]
    told = sum(word.removesuffix("s") in TELLING or word in _TOLD for word in plain)
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


def fills(tokens: Template) -> bool:
    """Tell whether tokens can be what one hole stands for: a name in any form, and no words of a sentence."""
    return len(tokens) <= MOST_IN_A_HOLE and all(
        kind in (NAME, SINGLE, OPENER)
        or text == HOLE
        or text in _LINKING
        or (kind == WORD and (len(tokens) == 1 or tokens[i - 1][0] == f"({_GLUE}"))
        or (kind == FIXED and _NAMELIKE.fullmatch(text) is not None)
        for i, (text, kind) in enumerate(tokens)
    )


def matches(template: Template, tokens: Template) -> bool:
    """Tell whether `tokens` are `template` with something in its holes that fills one."""
    if len(tokens) < len(template):
        return False
    at, begun = 0, False
    for part in _between_holes(template):
        if begun:
            end = _found(part, tokens, at + 1) if part else len(tokens)
            if end < 0 or not fills(tokens[at:end]):
                return False
            at = end
        elif not _same(tokens[: len(part)], part):
            return False
        at, begun = at + len(part), True
    return at == len(tokens)


def with_heads(template: Template) -> Template:
    """Return a template with the first word of each name as a token of its own."""
    tokens: list[Token] = []
    for text, kind in template:
        head, several, rest = text.partition(" ")
        tokens += [(head, FIXED), (rest, kind)] if several and kind in (NAME, SINGLE) else [(text, kind)]
    return tuple(tokens)


def _same(one: Template, other: Template) -> bool:
    return [text for text, _ in one] == [text for text, _ in other]


def _between_holes(template: Template) -> list[Template]:
    parts: list[list[Token]] = [[]]
    for token in template:
        if token == GAP:
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts]


def _found(part: Template, tokens: Template, start: int) -> int:
    for at in range(start, min(len(tokens) - len(part), start + MOST_IN_A_HOLE) + 1):
        if _same(tokens[at : at + len(part)], part):
            return at
    return -1


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
