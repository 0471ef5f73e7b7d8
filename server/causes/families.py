"""From the signatures of many failures to families: what only one name keeps apart is one cause.

A family is a function of the set of signatures: how often one occurs, and in which order, changes nothing. Codes and
fields that a signature holds to the letter are never made a hole.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from .masks import HOLE, word_before
from .signatures import group_id
from .templates import (
    ATOM_ENDS,
    FIXED,
    GAP,
    NAME,
    OPENER,
    SINGLE,
    STATE,
    TOLD,
    WORD,
    Template,
    Token,
    holed,
    matches,
    text_of,
    tokens_of,
    with_heads,
)

MOST_COMPARED = 5_000
MOST_JOINED = 50_000
"""Signatures of one source, type and status that are compared with each other, and with the families found."""

FEW = 300
"""Signatures of one source, type and status whose families are remembered."""

MOST_ROUNDS = 8
MOST_EDGE = 3
MOST_HEADS = 3

NAMES, WORDS, OPENERS = 3, 5, 6
"""How many fillers make a place variable: names of several words, one word, the first word of a text."""

_TITLE_WORD = re.compile(r"[^\W_][\w'.&@:/-]*\w|\w")
_TITLE_HOLES = re.compile(r"['\"]?…['\".]?(?:[ ,&.]*['\"]?…['\".]?)*")

Group = tuple[str, str | None, int | None]


class Member(NamedTuple):
    """What the family of a failure is a function of."""

    source_name: str
    error_type: str | None
    status_code: int | None
    skeleton: str


def refined(members: Iterable[Member]) -> dict[Member, str]:
    """Return the template of each member's family."""
    groups: defaultdict[Group, set[str]] = defaultdict(set)
    for source, kind, code, skeleton in members:
        groups[source, kind, code].add(skeleton)
    return {
        Member(*group, skeleton): template
        for group, skeletons in groups.items()
        for skeleton, template in (_known if len(skeletons) <= FEW else _families)(frozenset(skeletons)).items()
    }


def resolved(families: Mapping[Member, str]) -> dict[Member, str]:
    """Return the public id of each member's family. A family of one has the id of its signature."""
    return {member: group_id(*member[:3], template) for member, template in families.items()}


def aliases(families: Mapping[Member, str]) -> dict[str, str]:
    """Return by which id each id is known: that of a signature, or of a family, is the id of the family."""
    ids = resolved(families)
    return {group_id(*member): family for member, family in ids.items()} | {family: family for family in ids.values()}


def family_title(title: str, skeleton: str, template: str) -> str:
    """Return a member's title without the words that the members of its family do not share."""
    if template == skeleton or HOLE not in template:
        return title
    shared = set(_TITLE_WORD.findall(template))
    gone = set(_TITLE_WORD.findall(skeleton)) - shared
    return _TITLE_HOLES.sub("…", _TITLE_WORD.sub(lambda found: "…" if found[0] in gone else found[0], title))


def fillers(skeleton: str, template: str) -> list[tuple[str, str]]:
    """Return what a member has where its family has a hole that is none of its own, each with the word before it."""
    found = []
    first, *parts = template.split(HOLE)
    at = len(first) if skeleton.startswith(first) else len(skeleton)
    before = first
    for number, part in enumerate(parts, 1):
        end = skeleton.find(part, at) if part else len(skeleton)
        end = len(skeleton) - len(part) if number == len(parts) and skeleton.endswith(part) else end
        if end < at:
            return []
        if (value := skeleton[at:end]) != HOLE:
            found.append((word_before(before.rpartition("~")[2]), value))
        at, before = end + len(part), part
    return found


@lru_cache(maxsize=1024)  # the next question is most often about the same failures
def _known(skeletons: frozenset[str]) -> dict[str, str]:
    return _families(skeletons)


def _families(skeletons: frozenset[str]) -> dict[str, str]:
    ordered = sorted(skeletons, key=_digest) if len(skeletons) > MOST_COMPARED else list(skeletons)
    found = {skeleton: tokens_of(skeleton) for skeleton in ordered[:MOST_COMPARED]}
    for _ in range(MOST_ROUNDS):
        holes = _holes(set(found.values()))
        if not holes:
            break
        found = {skeleton: holed(template, holes.get(template, {})) for skeleton, template in found.items()}
    found = _absorbed(found)
    texts = {template: text_of(template) for template in set(found.values())}
    told = {skeleton: texts[template] for skeleton, template in found.items()}
    if len(ordered) > MOST_COMPARED:
        told |= _joined(ordered[MOST_COMPARED:MOST_JOINED], texts)
        told |= {skeleton: _overflow(skeleton) for skeleton in ordered[MOST_JOINED:]}
    return told


def _absorbed(found: dict[str, Template]) -> dict[str, Template]:
    """Give templates to the one family whose holes they fill with a name of another form.

    Where many names stand in one place, so may one that looks otherwise: a user name, or the family name first.
    """
    sizes = Counter(found.values())
    wide = sorted(
        (t for t, size in sizes.items() if size >= WORDS and GAP in t), key=lambda t: (t.count(GAP) - len(t), t)
    )
    by_edges: defaultdict[tuple[str, str], list[Template]] = defaultdict(list)
    for template in wide:
        by_edges[_edges(template, *_reach(template))].append(template)
    reaches = {_reach(template) for template in wide}
    home: dict[Template, Template] = {}
    for template in sizes:
        homes = [
            other
            for form in {template, with_heads(template)}
            for reach in reaches
            for other in by_edges.get(_edges(form, *reach), ())
            if other != template and matches(other, form)
        ]
        if homes:
            home[template] = min(homes, key=lambda t: (t.count(GAP) - len(t), t))
        elif (
            sizes[template] < WORDS and len(within := [t for t in wide if t != template and matches(template, t)]) == 1
        ):
            home[template] = within[0]
    return {skeleton: _root(template, home) for skeleton, template in found.items()}


def _reach(template: Template) -> tuple[int, int]:
    """Return how many tokens at both ends no hole reaches, at most as many as tell most templates apart."""
    first = next((i for i, token in enumerate(template) if token == GAP), len(template))
    last = next((i for i, token in enumerate(reversed(template)) if token == GAP), len(template))
    return min(first, MOST_EDGE), min(last, MOST_EDGE)


def _edges(template: Template, first: int, last: int) -> tuple[str, str]:
    return text_of(template[:first]), text_of(template[len(template) - last :])


def _root(template: Template, home: Mapping[Template, Template]) -> Template:
    seen = {template}
    while (further := home.get(template)) is not None and further not in seen:
        template = further
        seen.add(template)
    return template


def _digest(skeleton: str) -> bytes:
    """Return what decides which signatures are compared: the same ones whatever their order."""
    return hashlib.blake2b(skeleton.encode("utf-8", "replace"), digest_size=8).digest()


def _joined(skeletons: Iterable[str], texts: Mapping[Template, str]) -> dict[str, str]:
    """Give signatures that were not compared to the one family whose names they could fill, else to the overflow."""
    by_form: defaultdict[Template, list[Template]] = defaultdict(list)
    for template in texts:
        by_form[holed(template, _gaps(_names(template)))].append(template)
    joined = {}
    for skeleton in skeletons:
        tokens = tokens_of(skeleton)
        names = _names(tokens)
        alike = [template for template in by_form.get(holed(tokens, _gaps(names)), ()) if _names(template) <= names]
        joined[skeleton] = texts[alike[0]] if len(alike) == 1 else _overflow(skeleton)
    return joined


def _names(template: Template) -> set[Token]:
    return {token for token in template if token[1] in (NAME, SINGLE)}


def _overflow(skeleton: str) -> str:
    """Return all that is told of a signature beyond those that are compared: its codes and fields."""
    fixed = [atom for atom in skeleton.split(ATOM_ENDS) if "=" in atom.partition("~")[0]]
    return ATOM_ENDS.join(["<overflow>", *fixed])


def _holes(templates: set[Template]) -> dict[Template, dict[Token, Template]]:
    """Return what stands for which tokens that stand where others do in otherwise equal templates."""
    found: defaultdict[Template, dict[Token, Template]] = defaultdict(dict)
    for form, alike in _alike(templates, joint=True).items():
        for template, tokens in _differing(alike, form in templates).items():
            found[template] |= _gaps(tokens)
    for form, alike in _alike(templates, joint=False).items():
        fillers = {token for tokens in alike.values() for token in tokens} | ({GAP} if form in templates else set())
        enough, led = _enough(fillers), _led(fillers)
        for template, tokens in alike.items():
            for token in tokens:
                if len(fillers) + (GAP in fillers) >= enough.get(token[1], len(fillers) + 2):
                    found[template][token] = _behind(token) if led else (GAP,)
    return found


def _alike(templates: set[Template], *, joint: bool) -> dict[Template, dict[Template, set[Token]]]:
    """Return which templates are one but for a token each, or but for all their names."""
    forms: defaultdict[Template, defaultdict[Template, set[Token]]] = defaultdict(lambda: defaultdict(set))
    for template in templates:
        choices = [{token} for token in set(template) if token[1] != FIXED]
        if joint:
            names = [
                {token for token in template if token[1] in kinds} for kinds in ((NAME, SINGLE), (NAME, SINGLE, OPENER))
            ]
            choices = [chosen for chosen in names if len(chosen) > 1 or any(kind == OPENER for _, kind in chosen)]
        for tokens in choices:
            if _leaves_enough(template, tokens):
                forms[holed(template, _gaps(tokens))][template] |= tokens
    return dict(forms)


def _gaps(tokens: Iterable[Token]) -> dict[Token, Template]:
    return dict.fromkeys(tokens, (GAP,))


def _led(fillers: Iterable[Token]) -> bool:
    """Tell whether names begin with one of very few words: in German, with the thing that they are the name of."""
    names = [text for text, kind in fillers if kind == NAME and " " in text]
    heads = {text.partition(" ")[0] for text in names}
    return 0 < len(heads) <= MOST_HEADS and NAMES * len(heads) <= len(names)


def _behind(token: Token) -> Template:
    """Return what stands for a name whose first word stays."""
    first, several, _ = token[0].partition(" ")
    return ((first, FIXED), GAP) if several else (GAP,)


def _enough(fillers: set[Token]) -> dict[int, int]:
    """Return for each kind of token how many must stand in one place to be hidden there; none where they may not."""
    kinds = Counter(kind for _, kind in fillers)
    if len(fillers) < NAMES - 1 or 3 * kinds[TOLD] >= len(fillers):
        return {}
    if _states(fillers):
        return {WORD: WORDS, OPENER: OPENERS}
    return {NAME: NAMES, SINGLE: NAMES if kinds[NAME] >= 2 else WORDS, WORD: WORDS, OPENER: OPENERS}


def _states(fillers: Iterable[Token]) -> bool:
    """Tell whether most of these name a state (Paused, VM Resumed), which names of people and firms do not."""
    words = [text.rpartition(" ")[2] for text, _ in fillers]
    return 2 * sum(STATE.fullmatch(word) is not None for word in words) > len(words)


def _differing(alike: dict[Template, set[Token]], plain: bool) -> dict[Template, set[Token]]:
    """Return the names that templates of one form do not all have, where there are enough of them to be names."""
    opened = any(kind == OPENER for names in alike.values() for _, kind in names)
    named = sum(any(kind == NAME for _, kind in names) for names in alike.values())
    common = set.intersection(*alike.values())
    enough = OPENERS if opened else NAMES if named + plain >= NAMES else WORDS
    told = set().union(*alike.values()) - common
    if len(alike) + plain < enough or _states(told) or _led(told):
        return {}
    return {template: names - common for template, names in alike.items()}


def _leaves_enough(template: Template, removed: set[Token]) -> bool:
    """Tell whether at least two words, and half of all, stay when these are hidden."""
    words = [token for token in template if token != GAP and (token[1] != FIXED or token[0][:1].isalpha())]
    left = sum(token not in removed for token in words)
    return left >= 2 and 2 * left >= len(words)
