"""Answers kept with the rows they were made of: an equal question costs no second analysis, and none outlives its rows.

What an analysis tells follows from its rows, its arguments and what was learned of causes. All three are the key, and
it is made of the very arguments the analysis is called with, so that none can be forgotten.
"""

from __future__ import annotations

import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import anyio.to_thread
import msgspec

if TYPE_CHECKING:
    import polars as pl

    from ..analysis.folded import Closer
    from ..causes.memory import Memory

MOST_BYTES = 1_000_000
"""Of answers that are kept with the rows of one read; a summary takes 20,000."""

MOST_PART = 0.5
"""The share of the rows of a read that its parts may hold once more."""

_K = TypeVar("_K")
_V = TypeVar("_V")
_T = TypeVar("_T")

_NUMBERS = count()
"""No two reads of a process share one, so a name never means other rows than it did."""


class Lately(Generic[_K, _V]):
    """Keeps what was used last, as long as it weighs at most so much together; used by several threads."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._kept: OrderedDict[_K, tuple[_V, int]] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def get(self, key: _K) -> _V | None:
        """Return what is kept under a key."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: _K, value: _V, weight: int) -> None:
        """Keep something; what was used longest ago makes room, and what is too heavy is not kept."""
        with self._lock:
            if key in self._kept or weight > self._most:
                return
            self._kept[key] = (value, weight)
            self._weight += weight
            while self._weight > self._most:
                self._weight -= self._kept.popitem(last=False)[1][1]


class Kept:
    """What was made of the rows of one read: parts of them, by name, and answers, by all they follow from.

    A part weighs its rows, and at least `least`, so that there are not many empty ones.
    """

    def __init__(self, rows: int) -> None:
        self.least = 1 + rows // 100
        self.parts: Lately[str, pl.DataFrame] = Lately(rows * MOST_PART)
        self.answers: Lately[bytes, bytes] = Lately(MOST_BYTES)
        self.turns: dict[bytes, tuple[anyio.Lock, list[None]]] = {}


class Rows:
    """The rows of a reading under a name that means them alone: a part is named by its read and how it was cut.

    `closer`: where rows stand for several operations.
    """

    def __init__(
        self, frame: pl.DataFrame, name: str = "", kept: Kept | None = None, closer: Closer | None = None
    ) -> None:
        self.frame, self.closer = frame, closer
        self.name = name or str(next(_NUMBERS))
        self.kept = kept or Kept(len(frame))

    @cached_property
    def sources(self) -> frozenset[str]:
        """The TSPs that the rows are about."""
        return frozenset(self.frame["source_name"].unique().cast(str))

    def part(self, cut: Callable[[pl.DataFrame], pl.DataFrame], by: object) -> Rows:
        """Return a part of the rows; `by` is all that `cut` goes by."""
        name = f"{self.name} {_encoded(by).decode()}"
        frame = self.kept.parts.get(name)
        if frame is None:
            frame = cut(self.frame)
            self.kept.parts.put(name, frame, max(len(frame), self.kept.least))
        return Rows(frame, name, self.kept)


async def answered(analyse: partial[_T], rows: Rows, memory: Memory) -> _T:
    """Return what an analysis tells, made anew or kept; its last argument is the memory.

    One caller makes it for all who ask the same meanwhile. Each gets a copy, since answers are completed by who asked.

    Raises:
        TypeError: An argument cannot be told apart from others: rows that have no name, for one.
    """
    kept, asked = (
        rows.kept,
        _encoded((analyse.func.__module__, analyse.func.__qualname__, analyse.args, analyse.keywords)),
    )
    lock, waiting = kept.turns.setdefault(asked, (anyio.Lock(), []))
    waiting.append(None)
    try:
        async with lock:
            return await anyio.to_thread.run_sync(_told, analyse, kept.answers, asked, memory)
    finally:
        waiting.pop()
        if not waiting:
            del kept.turns[asked]


def _told(analyse: partial[_T], answers: Lately[bytes, bytes], asked: bytes, memory: Memory) -> _T:
    learned = memory.state()
    key = asked + _encoded(learned)
    if found := answers.get(key):
        told: _T = pickle.loads(found)
        return told
    told = analyse(memory)
    if memory.state() == learned:  # else it cannot be said which of it the answer knew
        answers.put(key, frozen := pickle.dumps(told), len(key) + len(frozen))
    return told


def _named(part: Any) -> Any:
    if isinstance(part, Rows):
        return part.name
    raise TypeError(f"{type(part).__name__} is no argument that an answer can be kept by")


_encoded = msgspec.json.Encoder(enc_hook=_named).encode
