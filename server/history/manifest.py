"""Which stretches of time a history covers, and in which files: the one place that says so, replaced as a whole."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec

from ..catena.wire import Drift
from ..causes.signatures import VERSION as SIGNATURES

VERSION = f"1 {SIGNATURES}"
"""Of the files and of the rules that name causes: what another version wrote is not read, and makes room."""

AGAIN_FROM = timedelta(hours=1)
TIMES_AS_OLD = 4
SETTLED = timedelta(days=1)
"""What is not settled is read again when it is four times as old as it was when it was read last, an hour at least. It
is settled once it was read at the age of a day and nothing in it waits: how long Catena changes operations is not
documented."""

UNSURE = timedelta(minutes=5)
"""What was created so lately is not kept: operations may show up late."""

Stretch = tuple[datetime, datetime]


class Folded(msgspec.Struct, frozen=True):
    """The rows of a part in three files: those `told` one by one, the `plain` others, and these counted by the hour."""

    told: str
    plain: str
    cells: str
    hashed_by: str

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return self.told, self.plain, self.cells


class Part(msgspec.Struct, frozen=True):
    """All operations created from `start` on and before `end`, of one UTC day, as they stood at `as_of` or later.

    When they were read, each of them was `age` seconds old or more. `waiting` of its `rows` had not ended. It has one file, or three of a fold; none where there are no rows.
    """

    start: datetime
    end: datetime
    as_of: datetime
    age: float
    rows: int
    waiting: int
    drift: Drift
    file: str | None = None
    fold: Folded | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return (*((self.file,) if self.file else ()), *(self.fold.files if self.fold else ()))

    @property
    def single(self) -> tuple[str, ...]:
        """The names of the files that hold each of its operations once."""
        return (self.fold.told, self.fold.plain) if self.fold else self.files

    @property
    def ripe(self) -> bool:
        """Whether what ended in it stands for good."""
        return self.age >= SETTLED.total_seconds()

    @property
    def settled(self) -> bool:
        """Whether it stands for good."""
        return self.ripe and not self.waiting

    def due(self, now: datetime) -> bool:
        """Tell whether it is to be read again."""
        return not self.settled and now - self.end >= max(AGAIN_FROM, timedelta(seconds=TIMES_AS_OLD * self.age))


class Manifest(msgspec.Struct):
    """The parts of a history, the oldest first, and the files that were replaced, which readers may still use."""

    version: str = VERSION
    parts: list[Part] = []
    dropped: list[tuple[str, datetime]] = []

    def encode(self) -> bytes:
        """Return it as bytes."""
        return msgspec.json.encode(self)

    def replaced(self, old: Sequence[Part], new: Iterable[Part], now: datetime) -> "Manifest":
        """Return it with other parts in the place of some."""
        gone = [part for part in self.parts if part in old]
        parts = sorted([*(p for p in self.parts if p not in old), *new], key=lambda part: part.start)
        assert all(one.end <= other.start for one, other in pairwise(parts)), "two parts cover the same time"
        return Manifest(VERSION, parts, [*self.dropped, *((file, now) for part in gone for file in part.files)])

    def files(self) -> set[str]:
        """Return the names of all files that may be in use."""
        return {file for part in self.parts for file in part.files} | {file for file, _ in self.dropped}

    def within(self, start: datetime, end: datetime) -> list[Part]:
        """Return the parts that hold any of a stretch."""
        return [part for part in self.parts if part.start < end and part.end > start]


def decoded(told: bytes) -> Manifest:
    """Read a manifest; an empty one for what is none of this version."""

    def counts(kind: type, value: Any) -> Any:
        return kind(value)

    try:
        found = msgspec.json.decode(told, type=Manifest, dec_hook=counts)
    except (msgspec.DecodeError, TypeError, ValueError):
        return Manifest()
    return found if found.version == VERSION else Manifest()


def gaps(start: datetime, end: datetime, parts: Iterable[Part]) -> Iterator[Stretch]:
    """Return the stretches that no part covers, the oldest first."""
    for part in sorted(parts, key=lambda part: part.start):
        if part.start > start:
            yield start, min(part.start, end)
        start = max(start, part.end)
        if start >= end:
            return
    if start < end:
        yield start, end


def drift_of(parts: Iterable[Part]) -> Drift:
    """Return what did not look like the contract in some parts, together."""
    drift = Drift(Counter(), Counter(), Counter())
    for part in parts:
        drift.add(part.drift)
    return drift
