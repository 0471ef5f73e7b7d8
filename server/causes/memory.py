"""What was learned of causes is remembered: an id seen once is the id of its cause in every later window.

Of each cause the signatures with the smallest hashes are kept, its anchors. They are learned from together with those
of the rows at hand, so a thin window knows what a wide one has shown. A cause takes the oldest id that most anchors of
which belong to it; other ids of it became that one, and still lead to it.
"""

import heapq
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from .families import Families, Member, digest
from .signatures import group_id

MOST_ANCHORS = 24
MOST_CAUSES = 2_000
"""Causes of one source that are remembered; those seen in several forms stay longest, then those seen last."""


TOLD_FOR_S = 3_600.0
"""That two ids became one is told for so long."""


class Cause(msgspec.Struct, array_like=True):
    """A cause as it is remembered; times are seconds since 1970."""

    id: str
    since: float
    seen: float
    error_type: str | None
    status_code: int | None
    anchors: tuple[str, ...]


Key = tuple[str | None, int | None, str]
"""A family within a source: type, status and template."""


@dataclass
class Source:
    """The causes of one source."""

    name: str
    causes: dict[str, Cause] = field(default_factory=dict)
    families: Families | None = None
    ids: dict[Key, str] = field(default_factory=dict)
    became: dict[str, str] = field(default_factory=dict)

    def learn(self, members: Iterable[Member], now: float) -> bool:
        """Learn from members and from what is remembered; return whether there was anything new."""
        of = set(members)
        if all(map(self._knows, of)):
            return False
        of |= {
            Member(self.name, cause.error_type, cause.status_code, anchor)
            for cause in self.causes.values()
            for anchor in cause.anchors
        }
        self.families = Families(of)
        self._name(self.families)
        self._remember(self.families, now)
        return True

    def became_lately(self, now: float) -> list[tuple[str, str]]:
        """Return which ids became which others, as long as it is told."""
        return [
            (old, new)
            for old, new in sorted(self.became.items())
            if (cause := self.causes.get(old)) and now - cause.seen < TOLD_FOR_S
        ]

    def _knows(self, member: Member) -> bool:
        """Tell whether a member was learned from, or is told as one that was."""
        families = self.families
        return families is not None and (
            member in families.learned or (*member[1:3], families.template_of(member)) in self.ids
        )

    def id_of(self, member: Member) -> str:
        """Return the id of a member's cause."""
        template = self.template_of(member)
        return self.ids.get((*member[1:3], template)) or group_id(*member[:3], template)

    def template_of(self, member: Member) -> str:
        """Return the template of a member's family."""
        return self.families.template_of(member) if self.families else member.skeleton

    def _name(self, families: Families) -> None:
        """Give each family the oldest id that leads to it."""
        self.ids, self.became = {}, {}
        for cause in sorted(self.causes.values(), key=lambda cause: (cause.since, cause.id)):
            pool = (self.name, cause.error_type, cause.status_code)
            homes = Counter(families.template_of(Member(*pool, anchor)) for anchor in cause.anchors)
            key = (*pool[1:], min(homes, key=lambda home: (-homes[home], home)))
            if (known := self.ids.setdefault(key, cause.id)) != cause.id:
                self.became[cause.id] = known
        for member, template in sorted(families.learned.items(), key=lambda pair: pair[1]):
            key = (*member[1:3], template)
            if key not in self.ids:
                self.ids[key] = self._new_id(member, template)

    def _new_id(self, member: Member, template: str) -> str:
        """Return the id that a family has where no older one leads to it; one that means another cause is not reused."""
        name = group_id(*member[:3], template)
        return name if name not in self.causes else self._new_id(member, f"{template}\x1f")

    def _remember(self, families: Families, now: float) -> None:
        found: defaultdict[Key, list[str]] = defaultdict(list)
        for member, template in families.learned.items():
            found[*member[1:3], template].append(member.skeleton)
        for key, skeletons in found.items():
            name = self.ids[key]
            known = self.causes.get(name)
            anchors = tuple(heapq.nsmallest(MOST_ANCHORS, skeletons, key=digest))
            self.causes[name] = Cause(name, known.since if known else now, now, key[0], key[1], anchors)
        if len(self.causes) > MOST_CAUSES:
            kept = heapq.nlargest(
                MOST_CAUSES, self.causes.values(), key=lambda c: (len(c.anchors) > 1, c.seen, -c.since, c.id)
            )
            self.causes = {cause.id: cause for cause in kept}


class Memory:
    """The causes of all sources that one set of credentials sees; used by several threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sources: dict[str, Source] = {}
        self._changed: set[str] = set()
        self._steps = 0

    def state(self) -> tuple[int, int]:
        """Return what changes with all that is told from here: by learning, or as what became of ids is told no longer."""
        with self._lock:
            now = self._clock()
            return self._steps, sum(len(source.became_lately(now)) for source in self._sources.values())

    def learn(self, members: Iterable[Member]) -> "Learned":
        """Learn from the members at hand, and return how each of them is named."""
        by_source: defaultdict[str, list[Member]] = defaultdict(list)
        for member in members:
            by_source[member.source_name].append(member)
        now = self._clock()
        with self._lock:
            for name, of in by_source.items():
                if self._source(name).learn(of, now):
                    self._changed.add(name)
                    self._steps += 1
            return Learned({name: self._copy(name) for name in by_source}, now)

    def resolve(self, name: str) -> str | None:
        """Return the id by which the cause of an older id, or of a signature's id, is known now; None: not known."""
        with self._lock:
            for source in self._sources.values():
                if name in source.became:
                    return source.became[name]
                if name in source.causes:
                    return name
            return next(
                (
                    source.id_of(member)
                    for source in self._sources.values()
                    if source.families
                    for member in source.families.learned
                    if group_id(*member) == name
                ),
                None,
            )

    def changed(self) -> list[str]:
        """Return the sources of which something was learned since this was asked last."""
        with self._lock:
            changed, self._changed = sorted(self._changed), set()
            return changed

    def told(self, source: str) -> list[Cause]:
        """Return what is remembered of a source."""
        with self._lock:
            return list(self._source(source).causes.values())

    def take(self, source: str, causes: Sequence[Cause]) -> None:
        """Remember what another server has learned of a source, too."""
        with self._lock:
            held = self._source(source)
            for cause in causes:
                known = held.causes.get(cause.id)
                united = _united(known, cause) if known else cause
                if known is None or (united.since, united.anchors) != (known.since, known.anchors):
                    held.families = None
                    self._steps += 1
                held.causes[cause.id] = united

    def _source(self, name: str) -> Source:
        return self._sources.setdefault(name, Source(name))

    def _copy(self, name: str) -> Source:
        source = self._sources[name]
        return Source(name, source.causes, source.families, source.ids, source.became)


def _united(one: Cause, other: Cause) -> Cause:
    anchors = heapq.nsmallest(MOST_ANCHORS, {*one.anchors, *other.anchors}, key=digest)
    return msgspec.structs.replace(
        one, since=min(one.since, other.since), seen=max(one.seen, other.seen), anchors=tuple(anchors)
    )


@dataclass(frozen=True)
class Learned:
    """How the causes of some sources are named, as it stood when they were learned."""

    sources: Mapping[str, Source]
    now: float

    def id_of(self, member: Member) -> str:
        """Return the id of a member's cause."""
        return self.sources[member.source_name].id_of(member)

    def template_of(self, member: Member) -> str:
        """Return the template of a member's family."""
        return self.sources[member.source_name].template_of(member)

    def became(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """Return which older ids became each of some ids lately."""
        wanted = set(ids)
        found: defaultdict[str, list[str]] = defaultdict(list)
        for source in self.sources.values():
            for old, now in source.became_lately(self.now):
                if now in wanted:
                    found[now].append(old)
        return dict(found)
