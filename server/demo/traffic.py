"""Draw the writes of a partner: when they happen, at which connection, and of which record."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from random import Random

from msgspec import Struct

from .fleets import Line
from .ids import DAY, HOUR, from_datetime, to_datetime
from .records import KINDS, LASTING, lasting_record, single_record
from .tsp_errors import Cause

PAST, FUTURE = 10 * DAY, 36 * HOUR
"""How far a world reaches to both sides of its anchor."""

# In UTC, so the busy hours are those of North America; nights never fall silent, as some fleets sit in Europe.
_HOUR_OF_DAY = (46, 42, 40, 40, 42, 48, 55, 62, 70, 78, 86, 92, 97, 100, 100, 99, 97, 94, 90, 84, 76, 67, 58, 51)
_DAY_OF_WEEK = (1.0, 1.04, 1.05, 1.02, 0.97, 0.66, 0.56)

# Share of each kind of record in what is written, and how many of those writes are creates.
_MIX = {"": (27, 20, 9, 27, 3, 9, 5), "webfleet": (15, 10, 52, 12, 2, 7, 2), "wialon": (18, 40, 20, 12, 2, 5, 3)}
_CREATES = {"user": 0.34, "vehicle": 0.22, "trailer": 0.35}


class Write(Struct, gc=False):
    """Hold what the partner wants written; sending it again is the same write with one more resend."""

    line: Line
    resource: str
    operation_type: str
    record: int
    edition: int = 0
    flaw: Cause | None = None
    resends: int = 0


def kinds_at(source_name: str) -> tuple[int, ...]:
    """Give the mix of records that is written to a TSP, in the order of `KINDS`."""
    return _MIX.get(source_name, _MIX[""])


def share_of(resources: Sequence[str], operation_type: str | None, source_name: str) -> float:
    """Estimate which part of the writes to a TSP has one of these kinds and this type."""
    weights = dict(zip(KINDS, kinds_at(source_name), strict=True))

    def typed(resource: str) -> float:
        creates = _CREATES.get(resource, 1.0)
        return {"create": creates, "update": 1 - creates}.get(operation_type or "", 1.0)

    return sum(weights[kind] * typed(kind) for kind in resources or KINDS) / sum(weights.values())


def _busy(moment: datetime) -> float:
    return _HOUR_OF_DAY[moment.hour] * _DAY_OF_WEEK[moment.weekday()]


def arrivals(anchor: datetime, count: int, rng: Random, *, future: bool = True) -> list[int]:
    """Draw the times of `count` writes before the anchor, and of as many per busy hour after it, in order."""
    start = from_datetime(anchor)
    hours = range(-PAST // HOUR, FUTURE // HOUR)
    weights = [_busy(to_datetime(start + hour * HOUR)) for hour in hours]
    # One draw for each side: the number before the anchor is promised, the one after it only follows.
    past = PAST // HOUR
    drawn = rng.choices(hours[:past], weights[:past], k=count)
    if future:
        later = round(count * sum(weights[past:]) / sum(weights[:past]))
        drawn += rng.choices(hours[past:], weights[past:], k=later)
    return sorted(start + hour * HOUR + int(rng.random() * HOUR) for hour in drawn)


class Partner:
    """Remember which records exist at each connection and what was last written of them."""

    def __init__(self, lines: Sequence[Line], rng: Random) -> None:
        self._rng = rng
        self._lines = lines
        self._weights = list(accumulate(line.weight for line in lines))
        self._kinds = {line.index: list(accumulate(kinds_at(line.connection.source_name))) for line in lines}
        self._numbers = {(line.index, kind): line.records for line in lines for kind in LASTING}
        self._created: dict[tuple[int, str], list[int]] = {place: [] for place in self._numbers}
        self._editions: dict[int, int] = {}

    def writes(self, count: int) -> Iterator[Line]:
        """Draw the connections that the next writes go to."""
        return iter(self._rng.choices(self._lines, cum_weights=self._weights, k=count))

    def next_write(self, line: Line, at: int) -> Write:
        """Make up the next write to a connection."""
        kinds = self._kinds[line.index]
        resource = KINDS[bisect(kinds, self._rng.random() * kinds[-1])]
        creates = _CREATES.get(resource)
        if creates is None:
            return Write(line, resource, "create", single_record(line.index, at))
        if self._rng.random() < creates:
            return self.creation(line, resource)
        record = self._existing(line, resource)
        return Write(line, resource, "update", record, self.changed(record))

    def _existing(self, line: Line, resource: str) -> int:
        created = self._created[line.index, resource]
        drawn = int(self._rng.random() * (line.records + len(created)))
        if drawn < line.records:
            return lasting_record(resource, line.index, drawn)
        return created[drawn - line.records]

    def creation(self, line: Line, resource: str) -> Write:
        """Make up a record that the TSP does not know yet."""
        # The number is taken even if the creation fails: nothing may be mistaken for a record that exists.
        number = self._numbers[line.index, resource]
        self._numbers[line.index, resource] = number + 1
        return Write(line, resource, "create", lasting_record(resource, line.index, number))

    def learn(self, write: Write) -> None:
        """Remember a record whose creation has succeeded, so that it may be changed from now on."""
        if write.operation_type == "create" and write.resource in LASTING:
            self._created[write.line.index, write.resource].append(write.record)

    def changed(self, record: int) -> int:
        """Count one more change of a record."""
        edition = self._editions.get(record, 0) + 1
        self._editions[record] = edition
        return edition
