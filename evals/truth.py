"""Work out what is true of the world, in plain Python and from the writes alone: nothing here knows how the server counts."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from server.demo.ids import DAY, HOUR, SECOND, from_datetime, to_datetime

from .causes import CAUSES, Cause
from .facts import Rate
from .world import World
from .writes import Write

Writes = Sequence[Write]


class Share(NamedTuple):
    """A value with its failed and all writes."""

    value: str
    failed: int
    operations: int

    @property
    def rate(self) -> Rate:
        """The part that failed."""
        return Rate(self.failed / self.operations)


class Ambiguous(ValueError):
    """A question of this world has no single answer."""


def second(at: int) -> str:
    """Write a time as answers do, without its fraction."""
    return to_datetime(at // SECOND * SECOND).strftime("%Y-%m-%dT%H:%M:%SZ")


class Truth:
    """The writes of a world, and what became of each record."""

    def __init__(self, world: World) -> None:
        self.world, self._now = world, from_datetime(world.now)
        self._of_record: defaultdict[str, list[Write]] = defaultdict(list)
        for write in world.operations:
            self._of_record[write.record.key].append(write)

    def last(
        self,
        days: float = 1,
        *,
        until: float = 0,
        fleet: str | None = None,
        source: str | None = None,
        resource: str | None = None,
        status: str | None = None,
    ) -> list[Write]:
        """Return the writes of the last days, up to so many days ago."""
        start, end = (self.world.count_created(self._now - int(ago * DAY)) for ago in (days, until))
        return [
            write
            for write in self.world.operations[start:end]
            if fleet in (None, write.fleet)
            and source in (None, write.source)
            and resource in (None, write.resource)
            and status in (None, write.status)
        ]

    def waiting(self, hours: float, days: float = 1) -> list[Write]:
        """Return what has been pending for longer than some hours."""
        return [w for w in self.last(days, status="pending") if self._now - w.created > hours * HOUR]

    def story(self, record_key: str) -> list[Write]:
        """Return every write of a record, in order."""
        return self._of_record[record_key]

    def outcomes(self, failures: Iterable[Write]) -> dict[str, list[Write]]:
        """Return the last failure of each record by what became of the record."""
        last = {write.record.key: write for write in failures}
        told: dict[str, list[Write]] = {"recovered": [], "unresolved": [], "unknown": []}
        for key, failure in last.items():
            later = [write.status for write in self._of_record[key] if write.created > failure.created]
            state = "recovered" if "success" in later else "unknown" if "pending" in later else "unresolved"
            told[state].append(failure)
        return told

    def works_again(self, failures: Writes) -> str | None:
        """Return when the connection of failures first succeeded after the last of them."""
        last = failures[-1]
        for write in self.world.operations:
            if write.connection is last.connection and write.created > last.created and write.status == "success":
                return second(write.created)
        return None


def failed(writes: Iterable[Write], *causes: str) -> list[Write]:
    """Return those that failed, of some causes or of any."""
    return [write for write in writes if write.failed and (not causes or write.cause in causes)]


def shares(writes: Iterable[Write], key: Callable[[Write], str]) -> list[Share]:
    """Count failed and all writes by a value."""
    all_of, failed_of = Counter[str](), Counter[str]()
    for write in writes:
        all_of[key(write)] += 1
        failed_of[key(write)] += write.failed
    return [Share(value, failed_of[value], count) for value, count in all_of.items()]


def most(of: Iterable[Share], many: int, by: Callable[[Share], float]) -> list[Share]:
    """Return the largest few.

    Raises:
        Ambiguous: The next one is as large.
    """
    ranked = sorted(of, key=by, reverse=True)
    if len(ranked) > many and by(ranked[many]) == by(ranked[many - 1]):
        raise Ambiguous(f"{ranked[many]} is as large as {ranked[many - 1]}")
    return ranked[:many]


def by_failed(share: Share) -> float:
    """Rank by the number that failed."""
    return share.failed


def by_rate(share: Share) -> float:
    """Rank by the part that failed."""
    return share.rate.value


def by_operations(share: Share) -> float:
    """Rank by all writes."""
    return share.operations


def causes_of(failures: Iterable[Write]) -> Counter[str]:
    """Count failures by their true cause."""
    return Counter(write.cause for write in failures)


def largest_cause(failures: Iterable[Write]) -> tuple[Cause, int]:
    """Return the cause of most failures.

    Raises:
        Ambiguous: Two causes have as many.
    """
    (first, many), (_, fewer) = causes_of(failures).most_common(2)
    if many == fewer:
        raise Ambiguous(first)
    return CAUSES[first], many


def retried(writes: Iterable[Write]) -> list[Write]:
    """Return those that went through after failed attempts."""
    return [write for write in writes if write.status == "success" and len(write.attempts) > 1]


def day(write: Write) -> str:
    """Name the day of a write (UTC)."""
    return to_datetime(write.created).strftime("%Y-%m-%d")


def hour(write: Write) -> str:
    """Name the hour of a write (UTC)."""
    return to_datetime(write.created).strftime("%Y-%m-%dT%H:00:00Z")
