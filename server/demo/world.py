"""Build the world of the demo: ten days of writes before an anchor, and what will come in the day and a half after it.

The same anchor, seed and number give the same world in every process, so a test can know the truth in advance.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from ..catena.vocabulary import SOURCES
from .fleets import Connection, build_lines
from .ids import from_datetime, to_datetime, uuid7
from .incidents import EPISODES, Episode, Incident
from .operations import Operation
from .rows import row_of, source_id_at
from .story import Story


@dataclass(frozen=True, slots=True)
class World:
    """Hold everything the stand-in API can show, and the truth behind it."""

    anchor: datetime
    seed: int
    partner_id: str
    connections: tuple[Connection, ...]
    operations: Sequence[Operation] = field(repr=False)
    """Every operation, sorted by time and id, including those that are still to come."""
    created: "array[int]" = field(repr=False)
    """When each of them was created, in microseconds: what a window is looked up in."""
    incidents: tuple[Incident, ...] = field(repr=False)
    incident_of: Mapping[str, str] = field(repr=False)
    """The key of the incident that failed an operation or lets it hang, by operation id."""

    def find(self, operation_id: str) -> Operation | None:
        """Look an operation up by its id."""
        # Ids sort as times do, so no second index is needed.
        place = bisect_left(self.operations, operation_id, key=lambda operation: operation.id)
        found = self.operations[place] if place < len(self.operations) else None
        return found if found is not None and found.id == operation_id else None

    def count_before(self, moment: datetime) -> int:
        """Count the operations created before a moment."""
        return self.count_created(from_datetime(moment))

    def count_created(self, instant: int) -> int:
        """Count the operations created before a number of microseconds."""
        return bisect_left(self.created, instant)

    def row(self, operation: Operation, now: datetime) -> dict[str, Any]:
        """Show an operation as the API does at a moment."""
        return row_of(operation, self.partner_id, from_datetime(now))

    def source_id(self, operation: Operation, now: datetime) -> str | None:
        """Tell a record's id at the TSP as far as it is known at a moment."""
        return source_id_at(operation, from_datetime(now))

    @property
    def sources(self) -> Sequence[str]:
        """Name the TSPs that can be filtered by: those of the contract."""
        return SOURCES


def anchor_of(now: datetime) -> datetime:
    """Give the full hour that has begun, so that a server started twice within it shows the same world."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def build_world(anchor: datetime, *, seed: int = 7, operations: int = 24_000) -> World:
    """Build a world with so many operations in the ten days before the anchor and the same traffic after it."""
    rng = Random(seed)
    lines = build_lines(anchor, rng)
    partner_id = uuid7(from_datetime(anchor - timedelta(days=1000)), rng.getrandbits(62))
    story = Story(anchor, lines, rng)
    story.tell(operations)
    return World(
        anchor=anchor,
        seed=seed,
        partner_id=partner_id,
        connections=tuple(line.connection for line in lines),
        operations=story.operations,
        created=array("q", (operation.created for operation in story.operations)),
        incidents=_incidents(anchor, story),
        incident_of=story.incident_of,
    )


def _incidents(anchor: datetime, story: Story) -> tuple[Incident, ...]:
    struck: dict[str, list[Operation]] = {episode.key: [] for episode in EPISODES}
    for operation in story.operations:
        key = story.incident_of.get(operation.id)
        if key is not None:
            struck[key].append(operation)
    return tuple(_incident(anchor, episode, struck[episode.key]) for episode in EPISODES)


def _incident(anchor: datetime, episode: Episode, struck: list[Operation]) -> Incident:
    start = from_datetime(anchor)
    return Incident(
        key=episode.key,
        title=episode.title,
        source_names=episode.sources,
        fleet_refs=frozenset(ref for operation in struck if (ref := operation.connection.fleet_ref) is not None),
        started=to_datetime(start + episode.began),
        ended=None if episode.ended is None else to_datetime(start + episode.ended),
        owner=episode.owner,
        resource=episode.resources[0] if episode.resources else None,
        causes=episode.causes,
        operation_ids=frozenset(operation.id for operation in struck),
    )
