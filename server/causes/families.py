"""From the signatures of many failures to families: one cause told with other names, lists and values is one.

The unit is a text, not a signature. A text becomes a frame with gaps (`frames`); what stands in the gaps of all texts
of a frame settles whether they vary or tell causes apart (`slots`); a text that stands alone joins the one template
that it fills (`strays`). A family is a source, type and status, the codes and fields that a signature holds to the
letter, and the *set* of the templates of its texts: lists of any length and order fall away by that alone.
It is a function of the set of signatures: how often one occurs, and in which order, changes nothing.
"""

import hashlib
import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .frames import Framed, Tokens, framed, frames_of, tokens_of
from .masks import GAP, HOLE, word_before
from .signatures import ATOM_ENDS, CUT, group_id
from .slots import names_in, settled, templates_of
from .strays import Templates, absorbed, begins, between, most_told

MOST_LEARNED = 4_000
"""Signatures of one source, type and status that are learned from, those with the smallest hash; others are looked up."""

MOST_KEPT = 6_000
"""Texts of one source, type and status whose template is kept, also once looked up."""

FEWEST_OF_A_FRAME = 5
"""Texts of one frame from which on another text of it needs no closer look."""

MOST_BEGUN = 300
OVERFLOW = "<overflow>"

_TITLE_WORD = re.compile(r"[^\W_][\w'.&@:/-]*\w|\w")
_TITLE_HOLES = re.compile(r"['\"]?…['\".]?(?:[ ,&.#-]*['\"]?…['\".]?)*")

Pool = tuple[str, str | None, int | None]


class Member(NamedTuple):
    """What the family of a failure is a function of."""

    source_name: str
    error_type: str | None
    status_code: int | None
    skeleton: str


def digest(skeleton: str) -> bytes:
    """Return what decides which signatures are learned from and remembered: the same ones whatever their order."""
    return hashlib.blake2b(skeleton.encode("utf-8", "replace"), digest_size=8).digest()


def apart(skeleton: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the codes and fields that a signature holds to the letter, and its texts with their labels."""
    fixed, texts = [], []
    for atom in skeleton.split(ATOM_ENDS):
        label, told, text = atom.partition("~")
        if told and "=" not in label:
            texts.append((label, text))
        else:
            fixed.append(atom)
    return fixed, texts


class Families:
    """The families of one source, learned from some of its signatures; it tells the family of any other too."""

    def __init__(self, members: Iterable[Member]) -> None:
        pools: defaultdict[Pool, set[str]] = defaultdict(set)
        for source, kind, code, skeleton in members:
            pools[source, kind, code].add(skeleton)
        learned = {pool: _bounded(skeletons) for pool, skeletons in pools.items()}
        texts = {pool: {text for s in skeletons for _, text in apart(s)[1]} for pool, skeletons in learned.items()}
        frames, self._parts = frames_of({text for of in texts.values() for text in of})
        in_pool = {pool: {text: frames[text] for text in of} for pool, of in texts.items()}
        self._names = frozenset(name for of in in_pool.values() for name in names_in(of, settled(of, ())))
        self._texts = {
            pool: absorbed(templates_of(of, self._parts, self._names), self._names) for pool, of in in_pool.items()
        }
        self._by_frame = {pool: _settled_frames(of, self._texts[pool]) for pool, of in in_pool.items()}
        self._wide: dict[Pool, Templates] = {}
        self._full = {pool for pool, skeletons in pools.items() if len(skeletons) > MOST_LEARNED}
        self.learned: dict[Member, str] = {}
        """The template of the family of each member that was learned from."""
        for pool, skeletons in learned.items():
            found = {skeleton: self._of(pool, skeleton) for skeleton in skeletons}
            cut = [skeleton for skeleton in skeletons if CUT in skeleton]
            if cut:
                sizes = Counter(template for skeleton, template in found.items() if CUT not in skeleton)
                found |= {skeleton: _begun(found[skeleton], sizes) for skeleton in cut}
            self.learned.update((Member(*pool, skeleton), template) for skeleton, template in found.items())

    def template_of(self, member: Member) -> str:
        """Return the template of a member's family, whether it was learned from or not."""
        known = self.learned.get(member)
        return self._of(member[:3], member.skeleton) if known is None else known

    def _of(self, pool: Pool, skeleton: str) -> str:
        known = self._texts.setdefault(pool, {})
        told = set()
        fixed, texts = apart(skeleton)
        for label, text in texts:
            template = known.get(text)
            if template is None:
                template = self._looked_up(pool, text)
                if len(known) < MOST_KEPT:
                    known[text] = template
            told.add(f"{label}~{template}")
        return ATOM_ENDS.join(sorted((*fixed, *told))).replace(GAP, HOLE)

    def _looked_up(self, pool: Pool, text: str) -> str:
        """Return the template that a text fills which was not learned from; else the text itself, or the overflow."""
        settled = self._by_frame.get(pool, {}).get(framed(tokens_of(text), self._parts).frame)
        if settled is not None and between(settled[1], text) is not None:
            return settled[0]
        wide = self._wide.get(pool)
        if wide is None:
            wide = self._wide[pool] = Templates(Counter(self._texts[pool].values()))
        plain = text.replace(HOLE, GAP)
        found = {template for template, _ in wide.filled_by(plain, self._names)}
        if plain in found or not found:
            return OVERFLOW if pool in self._full and not found else plain
        return most_told(found)


def refined(members: Iterable[Member]) -> dict[Member, str]:
    """Return the template of each member's family."""
    sources: defaultdict[str, set[Member]] = defaultdict(set)
    for member in members:
        sources[member.source_name].add(member)
    found: dict[Member, str] = {}
    for of in sources.values():
        families = Families(of)
        found |= {member: families.template_of(member) for member in of}
    return found


def resolved(families: Mapping[Member, str]) -> dict[Member, str]:
    """Return the public id of each member's family."""
    return {member: group_id(*member[:3], template) for member, template in families.items()}


def _settled_frames(frames: Mapping[str, Framed], templates: Mapping[str, str]) -> dict[Tokens, tuple[str, list[str]]]:
    """Return the one template that all texts of a frame have, and its parts, where there are enough of them."""
    found: defaultdict[Tokens, Counter[str]] = defaultdict(Counter)
    for text, (frame, _) in frames.items():
        found[frame][templates[text]] += 1
    return {
        frame: (template, template.split(GAP))
        for frame, of in found.items()
        if len(of) == 1 and (template := next(iter(of))).count(GAP) and of[template] >= FEWEST_OF_A_FRAME
    }


def _bounded(skeletons: set[str]) -> list[str]:
    return heapq.nsmallest(MOST_LEARNED, skeletons, key=digest) if len(skeletons) > MOST_LEARNED else list(skeletons)


def _begun(template: str, sizes: Mapping[str, int]) -> str:
    """Return the template of the one family that a cut signature begins; else its own."""
    fixed, texts = apart(template)
    must = set(fixed) - {CUT}
    found = []
    for whole in sorted(sizes, key=lambda whole: (-sizes[whole], whole))[:MOST_BEGUN]:
        its_fixed, its_texts = apart(whole)
        if must <= set(its_fixed) and texts and all(any(begins(w, t) for _, w in its_texts) for _, t in texts):
            found.append(whole)
    return found[0] if len(found) == 1 else ATOM_ENDS.join(atom for atom in template.split(ATOM_ENDS) if atom != CUT)


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
    parts = [text.split(HOLE) for _, text in apart(template)[1] if HOLE in text]
    for _, text in apart(skeleton)[1]:
        for of in parts:
            if (values := between(of, text)) is not None:
                named = [word_before(part) for part in of]
                found += [(name, value) for name, value in zip(named, values, strict=False) if value != HOLE]
                break
    return found
