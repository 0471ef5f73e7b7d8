"""Settle what stands in the gaps of frames: values of a few, each met with much else, tell causes apart; others vary.

A template is a tuple of tokens in which `GAP` stands for whatever varies.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from .frames import (
    FEWEST_WORDS,
    GAPS,
    LINK,
    MARK,
    OPEN,
    SPACED,
    WORD,
    Framed,
    Tokens,
    class_of,
    filled,
    framed,
    tokens_of,
)
from .masks import GAP, HOLE
from .words import STATE, TELLING

MOST_CLOSED = 12
CLOSED_SHARE = 0.9
FEWEST_EACH = 3
"""A place is closed where at most so many values make up so much of it, each met in so many texts."""

SEVERAL, SINGLE = 3, 5
"""How many values of several words, or of one, make a place open."""

KNOWN_FROM, STANDING_IN = 5, 3
"""Words are names that stand where so many do; two capitals are that stand whole in so many frames."""

LEVELS = (2, 3, 5, 8, 12, 20, 35, 65)
"""In fewer texts than this a small word beside its neighbour may be a value; the strictest first."""

FEWEST_FILLERS = 8

Row = tuple[str, tuple[Tokens, ...]]
"""A text, and what stands in each gap of its frame."""


def settled(texts: Mapping[str, Framed], known: Collection[str]) -> dict[str, Tokens]:
    """Return the template of each text; `known` are words that are names."""
    frames: defaultdict[Tokens, list[Row]] = defaultdict(list)
    for text, (frame, fillers) in texts.items():
        frames[frame].append((text, fillers))
    found: dict[str, Tokens] = {}
    for frame, rows in frames.items():
        _settle(frame, rows, 0, [], known, found)
    return found


def _settle(
    frame: Tokens, rows: list[Row], at: int, done: list[Tokens], known: Collection[str], found: dict[str, Tokens]
) -> None:
    """Settle the gaps of a frame from one on; `done` is what stands for those before it."""
    if at == len(rows[0][1]):
        template = filled(frame, done)
        for text, _ in rows:
            found[text] = template
        return
    values = {fillers[at] for _, fillers in rows}
    if len(values) == 1:
        _settle(frame, rows, at + 1, [*done, next(iter(values))], known, found)
        return
    things = {value for value in values if _names_a_thing(value, known)}
    if things and things != values:
        for part in _apart(rows, at, lambda value: value if value in things else None):
            _settle(frame, part, at, done, known, found)
        return
    left, right = _shared(values)
    if closed := _closed(rows, at, left, right, known):
        for part in closed:
            _settle(frame, part, at, done, known, found)
        return
    cores = {value[left : len(value) - right] for value in values}
    one = next(iter(values))
    # A hole stands for many: few values that each come with one are told apart as those that come with many texts are.
    each_with_many = len(cores) <= MOST_CLOSED and _holed((*one[:left], *one[len(one) - right :]))
    if not each_with_many and _is_open(cores, known):
        one = max(values, key=lambda value: (len(value), value))
        gap = (*one[:left], SPACED if one[left][0] == " " else GAP, *one[len(one) - right :])
        _settle(frame, rows, at + 1, [*done, gap], known, found)
        return
    for part in _apart(rows, at, lambda value: value):
        _settle(frame, part, at + 1, [*done, part[0][1][at]], known, found)


def _apart(rows: list[Row], at: int, by: Callable[[Tokens], Tokens | None]) -> Iterable[list[Row]]:
    parts: defaultdict[Tokens | None, list[Row]] = defaultdict(list)
    for row in rows:
        parts[by(row[1][at])].append(row)
    return parts.values()


def _names_a_thing(value: Tokens, known: Collection[str]) -> bool:
    """Tell whether all that stands in a gap are words for things or fields, and none of them a name."""
    if not _is_thing(value[-1].lstrip(), known):
        return False
    return all(_is_thing(token.lstrip(), known) for token in value[:-1] if class_of(token) < MARK)


def _is_thing(word: str, known: Collection[str]) -> bool:
    plain = word.lower()
    return (plain in TELLING or plain.removesuffix("s") in TELLING) and word not in known


def _shared(values: Collection[Tokens]) -> tuple[int, int]:
    """Return how many tokens all values have in common at either end."""
    one, shortest = next(iter(values)), min(map(len, values))
    left = 0
    while left < shortest and all(value[left] == one[left] for value in values):
        left += 1
    right = 0
    while right < shortest - left and all(value[-1 - right] == one[-1 - right] for value in values):
        right += 1
    return left, right


def _closed(rows: list[Row], at: int, left: int, right: int, known: Collection[str]) -> list[list[Row]]:
    """Return rows apart by the word at an end of what stands in a gap, where a few words make up nearly all of it."""
    # A thing stands before its name; what few names end with, where they differ else, is the form of a firm.
    few = len({row[1][at] for row in rows}) <= 2 * MOST_CLOSED
    for end in (left, -1 - right) if few else (left,):
        words: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            value = row[1][at]
            words[value[end] if len(value) > left + right else ""].append(row)
        often = sorted(
            (word for word, of in words.items() if word and (len(of) >= FEWEST_EACH or _stands_for_many(word, of, at))),
            key=lambda word: (-len(words[word]), word),
        )[:MOST_CLOSED]
        covered = sum(len(words[word]) for word in often)
        if (
            not often
            or (len(often) < 2 and often[0].lstrip().lower() not in TELLING)
            or covered < CLOSED_SHARE * len(rows)
            or _holed(tuple(words))
        ):
            continue
        if 2 * sum(word.lstrip() in known for word in often) > len(often):
            continue
        rest = [row for word, of in words.items() if word not in often for row in of]
        return [*(words[word] for word in often), *([rest] if rest else [])]
    return []


def _stands_for_many(word: str, rows: list[Row], at: int) -> bool:
    """Tell whether a thing is told of with a hole, which stands for many of its kind."""
    return word.lstrip().lower() in TELLING and any(_holed(row[1][at][-1:]) for row in rows)


def _is_open(values: Collection[Tokens], known: Collection[str]) -> bool:
    plain = [[token.lstrip() for token in value if class_of(token) < MARK] for value in values]
    if any(words and all(word.startswith(HOLE) for word in words) for words in plain):
        return True
    if 2 * sum(_tells(words) for words in plain) > len(plain):
        return False
    if any(words and all(word in known for word in words) for words in plain):
        return True
    several = sum(len(words) > 1 for words in plain)
    return several >= SEVERAL or len(values) - several >= SINGLE


def _tells(words: Sequence[str]) -> bool:
    """Tell whether what stands in a gap is a state or a thing."""
    if not words:
        return False
    last = words[-1].lower()
    return STATE.fullmatch(last) is not None or last in TELLING or last.removesuffix("s") in TELLING


def _holed(tokens: Tokens) -> bool:
    return any(token.lstrip().startswith(HOLE) for token in tokens)


def names_in(texts: Mapping[str, Framed], templates: Mapping[str, Tokens]) -> set[str]:
    """Return the words that are names: met where many stand, or two capitals that stand whole in several frames."""
    met: defaultdict[tuple[Tokens, int], set[Tokens]] = defaultdict(set)
    standing: defaultdict[Tokens, set[Tokens]] = defaultdict(set)
    for text, (frame, fillers) in texts.items():
        template = templates[text]
        if not any(token in GAPS for token in template):
            continue
        for number, value in enumerate(fillers):
            met[template, number].add(value)
            if len(value) == 2 and all(class_of(token) == OPEN for token in value) and not _holed(value):
                standing[value].add(frame)
    names: set[str] = set()
    for values in met.values():
        if len(values) >= KNOWN_FROM:
            left, right = _shared(values)
            names.update(
                token.lstrip()
                for value in values
                for token in value[left : len(value) - right]
                if class_of(token) == OPEN and len(token) > 2
            )
    names.update(token.lstrip() for value, frames in standing.items() if len(frames) >= STANDING_IN for token in value)
    return {name for name in names if not name.startswith(HOLE)}


def blanked(counts: Mapping[Tokens, int]) -> dict[Tokens, Tokens]:
    """Return which templates are one but for words in small letters that are met with little else.

    `counts` tells in how many texts each template stands.
    """
    support = _support(counts)
    found: dict[Tokens, Tokens] = {}
    accepted: set[Tokens] = set()
    left = set(counts)
    for level in LEVELS:
        forms: defaultdict[Tokens, list[Tokens]] = defaultdict(list)
        for template in left:
            form = _blank(template, support[template], level)
            if form is not None:
                forms[form].append(template)
        for form, templates in forms.items():
            if form not in accepted and not _varies(form, templates, counts):
                continue
            accepted.add(form)
            for template in templates:
                found[template] = form
                left.discard(template)
    return found


def _support(counts: Mapping[Tokens, int]) -> dict[Tokens, list[int]]:
    """Return for each token of a template the most texts in which it stands beside what is next to it.

    Whatever may vary by its shape is the same neighbour: a small word between names has the support of all of them.
    """
    before: Counter[tuple[str, str]] = Counter()
    behind: Counter[tuple[str, str]] = Counter()
    met: dict[Tokens, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {}
    for template, count in counts.items():
        plain = [GAP if token in GAPS or class_of(token) == OPEN else token for token in template]
        pairs = list(zip(["", *plain], template, strict=False)), list(zip([*plain[1:], ""], template, strict=False))
        met[template] = pairs
        for pair in set(pairs[0]):
            before[pair] += count
        for pair in set(pairs[1]):
            behind[pair] += count
    return {
        template: [max(before[one], behind[other]) for one, other in zip(*pairs, strict=True)]
        for template, pairs in met.items()
    }


def _blank(template: Tokens, support: Sequence[int], level: int) -> Tokens | None:
    form: list[str] = []
    blank = 0
    for token, times in zip(template, support, strict=True):
        if token in GAPS or (times < level and class_of(token) < MARK):
            blank += token not in GAPS
            while len(form) > 1 and class_of(form[-1]) >= LINK and form[-2] in GAPS:
                form.pop()
            if not form or form[-1] not in GAPS:
                form.append(SPACED if token[0] == " " else GAP)
        else:
            form.append(token)
    words = sum(token not in GAPS and class_of(token) < MARK for token in form)
    return tuple(form) if blank and words >= FEWEST_WORDS else None


def _varies(form: Tokens, templates: Sequence[Tokens], counts: Mapping[Tokens, int]) -> bool:
    """Tell whether what was blanked in some templates are values: many, told by no words that recur together."""
    kept = sum(token not in GAPS and class_of(token) < MARK for token in form)
    fillers = [_gone(template, form) for template in templates]
    most_gone = max(map(len, fillers))
    if len(set(fillers)) < FEWEST_FILLERS * (2 if most_gone > kept else 1):
        return False
    small = [[word for word in words if class_of(word) == WORD] for words in fillers]
    pairs = Counter(pair for words in small for pair in set(pairwise(words)))
    if pairs and max(pairs.values()) > max(2, len(fillers) // 10):
        return False
    if 5 * sum(any(word.isupper() and len(word) > 2 for word in words) for words in fillers) > len(fillers):
        return False
    words = [word for filler in fillers for word in filler]
    telling = sum(word.lower() in TELLING or STATE.fullmatch(word) is not None for word in words)
    if 3 * telling > len(words):
        return False
    often = sorted((counts[template] for template in templates), reverse=True)[:MOST_CLOSED]
    covered = sum(count for count in often if count >= FEWEST_EACH)
    return covered < CLOSED_SHARE * sum(counts[template] for template in templates)


def _gone(template: Tokens, form: Tokens) -> tuple[str, ...]:
    """Return the words of a template that its form does not have, in order."""
    kept = Counter(form)
    gone = []
    for token in template:
        if kept[token]:
            kept[token] -= 1
        elif token not in GAPS and class_of(token) < MARK:
            gone.append(token.lstrip())
    return tuple(gone)


def templates_of(texts: Mapping[str, Framed], parts: Collection[str], known: Collection[str]) -> dict[str, Tokens]:
    """Return the template of each text of one source, type and status."""
    templates = settled(texts, known)
    forms = blanked(Counter(templates.values()))
    if not forms:
        return templates
    # What was found to be a value makes a gap; what stands in the other gaps is settled again with all that share it.
    values = {text: _gone(of, forms[of]) for text, of in templates.items() if of in forms}
    again = {text: framed(tokens_of(text), parts, gone) for text, gone in values.items()}
    frames = {frame for frame, _ in again.values()}
    joint = {text: found for text, found in texts.items() if found.frame in frames} | again
    return templates | settled(joint, {*known, *(word for gone in values.values() for word in gone)})
