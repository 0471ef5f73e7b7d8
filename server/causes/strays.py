"""Give texts that stand alone to the one much wider template whose gaps they fill, and cut ones to what they begin."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from .frames import MARK, WORD, Tokens, class_of, tokens_of
from .masks import GAP, HOLE
from .words import LINKING, SMALL, STATE, TELLING

MOST_COUNTED, WIDER = 50, 4
"""A template takes in one of a quarter as many texts; more than so many count no more."""

MOST_TOKENS = 80
MOST_WIDE = 300
SHORTEST_BEGUN = 12
"""Letters beside its gaps that a cut text must share with what it begins."""


def absorbed(templates: Mapping[str, Tokens], known: Collection[str] = ()) -> dict[str, str]:
    """Return the template of each text, strays given to the template that they fill."""
    counts = Counter(templates.values())
    written = {template: "".join(template) for template in counts}
    sizes: Counter[str] = Counter()
    for template, count in counts.items():
        sizes[written[template]] += count
    wide = Templates({text: count for text, count in sizes.items() if GAP in text})
    home: dict[str, str] = {}
    for text, count in sizes.items():
        count = min(count, MOST_COUNTED)
        found = [
            of
            for of, fillers in wide.filled_by(text, known)
            if of != text and (min(sizes[of], MOST_COUNTED) >= WIDER * count or all(map(_ends_in_a_hole, fillers)))
        ]
        if found:
            home[text] = most_told(found)
    return {text: _root(written[template], home) for text, template in templates.items()}


def _root(text: str, home: Mapping[str, str]) -> str:
    seen = {text}
    while (further := home.get(text)) is not None and further not in seen:
        text = further
        seen.add(text)
    return text if home.get(text) is None else min(seen)  # two that fill each other are one


def most_told(templates: Iterable[str]) -> str:
    """Return the template that says the most."""
    return max(templates, key=lambda template: (len(template) - template.count(GAP), template))


class Templates:
    """Templates by what stands in them, so that those a text may fill are found fast."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._by_token: defaultdict[str, list[tuple[str, list[str]]]] = defaultdict(list)
        wide = sorted((text for text in sizes if GAP in text), key=lambda text: (-sizes[text], text))
        for text in wide[:MOST_WIDE]:
            words = [token for token in tokens_of(text.replace(GAP, HOLE)) if class_of(token) == WORD]
            if words:
                self._by_token[max(words, key=lambda word: (len(word), word))].append((text, text.split(GAP)))

    def filled_by(self, text: str, known: Collection[str]) -> list[tuple[str, list[str]]]:
        """Return the templates whose gaps a text fills with what can be a name or a value, and what it fills them with."""
        return [
            (template, fillers)
            for token in self._by_token.keys() & tokens_of(text.replace(GAP, HOLE))
            for template, parts in self._by_token[token]
            if (fillers := between(parts, text)) is not None and all(fills(filler, known) for filler in fillers)
        ]


def between(parts: list[str], text: str) -> list[str] | None:
    """Return what stands between the parts of a template in a text; None where the text does not fit."""
    first, *rest = parts
    if not text.startswith(first):
        return None
    at, fillers = len(first), []
    for number, part in enumerate(rest, 1):
        if number == len(rest):
            end = len(text) - len(part)
            if end <= at or not text.endswith(part):
                return None
        else:
            end = text.find(part, at + 1)
            if end < 0:
                return None
        fillers.append(text[at:end])
        at = end + len(part)
    return fillers


def begins(template: str, text: str) -> bool:
    """Tell whether a text that was cut can be the beginning of a template; both with holes."""
    first, *parts = template.split(HOLE)
    if not text.startswith(first):
        return len(text) >= SHORTEST_BEGUN and first.startswith(text)
    at = told = len(first)
    for part in parts:
        end = text.find(part, at + 1) if part else -1
        if end < 0:
            return told >= SHORTEST_BEGUN
        at, told = end + len(part), told + len(part)
    return at == len(text)


def fills(filler: str, known: Collection[str] = ()) -> bool:
    """Tell whether what stands in a gap can be a name or a value, and no words of a sentence."""
    tokens = tokens_of(filler)
    if len(tokens) > MOST_TOKENS or filler[0] in ",;:.":
        return False
    words = [token.lstrip() for token in tokens if class_of(token) < MARK]
    if words and GAP not in filler and all(_telling(word.lower()) and word not in known for word in words):
        return False
    inner = {word for word in words[1:-1] if word in LINKING}
    return not any(
        word in SMALL or _telling(word) or STATE.fullmatch(word)
        for word in words
        if word.islower() and word not in inner
    )


def _telling(word: str) -> bool:
    return word in TELLING or word.removesuffix("s") in TELLING


def _ends_in_a_hole(filler: str) -> bool:
    """Tell whether what stands in a gap is a hole again, at most with a capitalised word or a label before it."""
    head, hole, tail = filler.partition(GAP)
    return bool(hole) and not tail.strip(")]'\"") and (not head.endswith(" ") or head[0].isupper())
