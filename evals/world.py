"""Build the world the questions are about: forty days of writes before a fixed moment, each failure with its true cause."""

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from itertools import count
from random import Random
from string import Template
from typing import Any, NamedTuple

from server.catena.vocabulary import SOURCES
from server.demo.fleets import Connection
from server.demo.ids import DAY, HOUR, MINUTE, SECOND, from_datetime, mix, to_datetime, uuid7

from .causes import CAUSES
from .fleets import NEW_SOURCE, connected
from .incidents import BURSTS, INCIDENTS, Incident
from .records import LASTING, Record, details_of, new_record, payload_of
from .writes import Attempt, Write, row_of

NOW = datetime(2026, 10, 14, 16, 5, tzinfo=UTC)
SEED = 20261014
DAYS, BUSY_DAYS, QUIET, VOLUME = 40, 14, 0.15, 2
"""How many days there are, and how many of them are busy; the older ones have a part of their writes."""

_BY_HOUR = (3, 2, 2, 2, 4, 8, 14, 20, 24, 25, 24, 22, 22, 24, 25, 24, 22, 18, 14, 11, 9, 7, 5, 4)
_MIX = {"user": 24, "vehicle": 26, "trailer": 9, "message": 22, "fuel_transaction": 11, "dvir_log": 8}
_CREATES = {"user": 0.4, "vehicle": 0.25, "trailer": 0.3}
_POOL = {"user": 12, "vehicle": 14, "trailer": 5}


@dataclass(frozen=True)
class World:
    """What the stand-in API serves, and the records that questions name."""

    now: datetime
    partner_id: str
    connections: Sequence[Connection]
    operations: Sequence[Write] = field(repr=False)
    named: Mapping[str, Record] = field(repr=False)

    @property
    def sources(self) -> Sequence[str]:
        """The TSPs the API knows: one more than its contract."""
        return (*SOURCES, NEW_SOURCE)

    def find(self, operation_id: str) -> Write | None:
        """Look a write up by its id."""
        return self._by_id.get(operation_id)

    def count_created(self, instant: int) -> int:
        """Count the writes created before a number of microseconds."""
        return bisect_left(self._created, instant)

    def row(self, operation: Write, now: datetime) -> dict[str, Any]:
        """Show a write; the world stands still, so it looks the same at any moment."""
        return self._rows[operation.id]

    def source_id(self, operation: Write, now: datetime) -> str | None:
        """Tell a record's id at the TSP."""
        return operation.record.source_id if operation.named else None

    def connection(self, fleet: str, source: str) -> Connection:
        """Find a connection by whom it joins."""
        return next(c for c in self.connections if (c.fleet_ref, c.source_name) == (fleet, source))

    @cached_property
    def _by_id(self) -> dict[str, Write]:
        return {write.id: write for write in self.operations}

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        # Shown to every session anew: made once they cost a tenth of it.
        return {write.id: row_of(write, self.partner_id) for write in self.operations}

    @cached_property
    def _created(self) -> "array[int]":
        return array("q", (write.created for write in self.operations))


class Intent(NamedTuple):
    """What the partner wants written; `changed`: fields that were corrected; `fine`: what cannot strike again.

    `fate`: what alone strikes it, of a record that a question names.
    """

    record: Record
    operation_type: str
    edition: int
    changed: Mapping[str, str]
    fine: Incident | None = None
    fate: Incident | None = None


@cache
def build_world(seed: int = SEED) -> World:
    """Build the same world each time."""
    story = Story(Random(seed))
    story.tell()
    return World(NOW, uuid7(story.now - 900 * DAY, 5), story.connections, story.writes, story.named)


_TRUCK = Incident(causes=("locked",), sources=("tenna",), began=20.0, share=1.0)
_BRAKES = Incident(causes=("brakes",), sources=("netradyne",), began=24.0, share=1.0)
_DRIVER = Incident(causes=("gone",), sources=("gpsinsight",), began=24 * 13.0, share=1.0)


class Story:
    """Draw the writes one after the other, since what failed is sent again later."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.now = rng, from_datetime(NOW)
        self.weights = {c.id: (c, VOLUME * weight) for c, weight in connected(self.now, rng)}
        self.connections = [connection for connection, _ in self.weights.values()]
        self.writes: list[Write] = []
        self.named: dict[str, Record] = {}
        self.pools = {(c.id, kind): self._pool(c, kind) for c in self.connections for kind in LASTING}
        self.editions: dict[str, int] = {}
        self._due: list[tuple[int, int, Connection | Intent]] = []
        self._order = count()

    def tell(self) -> None:
        """Write everything down, oldest first."""
        for connection, weight in self.weights.values():
            self._usual(connection, weight)
        for (fleet, source), began, ended, many in BURSTS:
            place = next(c for c in self.connections if (c.fleet_ref, c.source_name) == (fleet, source))
            for _ in range(many):
                self._plan(self._back(self.rng.uniform(ended, began)), place)
        self._stubborn_truck()
        self._forgotten_driver()
        self._bad_brakes()
        while self._due:
            at, _, due = heapq.heappop(self._due)
            self._send(due if isinstance(due, tuple) else self._intent(due, at), at)

    def _pool(self, connection: Connection, kind: str) -> list[Record]:
        began = self.now - (DAYS + 30) * DAY
        return [new_record(connection, kind, began, self.rng) for _ in range(_POOL[kind])]

    def _back(self, hours: float) -> int:
        return self.now - int(hours * HOUR)

    def _plan(self, at: int, due: Connection | Intent) -> None:
        if at < self.now:
            heapq.heappush(self._due, (at, next(self._order), due))

    def _usual(self, connection: Connection, weight: float) -> None:
        for day in range(1, DAYS + 1):
            many = int(weight * (1 if day <= BUSY_DAYS else QUIET) + self.rng.random())
            start = self.now - day * DAY
            for hour in self.rng.choices(range(24), _BY_HOUR, k=many):
                moment = to_datetime(start).replace(hour=hour, minute=0, second=0, microsecond=0)
                at = from_datetime(moment) + self.rng.randrange(HOUR)
                self._plan(at if at >= start else at + DAY, connection)

    def _intent(self, connection: Connection, at: int) -> Intent:
        resource = self.rng.choices(list(_MIX), list(_MIX.values()))[0]
        if resource not in LASTING or self.rng.random() < _CREATES[resource]:
            return Intent(new_record(connection, resource, at, self.rng), "create", 0, {})
        return self._update(self.rng.choice(self.pools[connection.id, resource]))

    def _update(self, record: Record) -> Intent:
        edition = self.editions[record.key] = self.editions.get(record.key, 0) + 1
        return Intent(record, "update", edition, {})

    def _stubborn_truck(self) -> None:
        """Let one truck be sent by a job every half hour, and refused each time."""
        place = next(c for c in self.connections if c.source_name == "tenna")
        truck = self.named["truck"] = new_record(place, "vehicle", self.now - 50 * DAY, self.rng)
        for n in range(38):
            self._plan(self._back(19.8 - n * 0.52), Intent(truck, "update", 3, {}, fate=_TRUCK))

    def _forgotten_driver(self) -> None:
        """Let one driver succeed a month ago, and fail ever since, seldom."""
        place = next(c for c in self.connections if c.fleet_ref == "dustbowl-grain")
        driver = self.named["driver"] = new_record(place, "user", self.now - 60 * DAY, self.rng)
        for edition, hours in enumerate((24 * 36.2, 24 * 31.4, 24 * 12.1, 24 * 5.3, 20.6)):
            self._plan(self._back(hours), Intent(driver, "update", edition, {}, fate=_DRIVER))

    def _bad_brakes(self) -> None:
        """Let two inspections be refused that say a vehicle is not safe."""
        place = next(c for c in self.connections if c.source_name == "netradyne")
        for hours in (7.35, 3.15):
            at = self._back(hours)
            self._plan(at, Intent(new_record(place, "dvir_log", at, self.rng), "create", 0, {}, fate=_BRAKES))

    def _trouble(self, intent: Intent, at: int) -> Incident | None:
        """Find what goes wrong with a write, if anything does."""
        record, ago = intent.record, (self.now - at) / HOUR
        if intent.fate:
            return intent.fate if ago <= intent.fate.began else None
        for incident in INCIDENTS:
            if (
                incident.ended <= ago < incident.began
                and incident.hour in (None, to_datetime(at).hour)
                and incident is not intent.fine
                and incident.reaches(
                    record.connection.source_name,
                    record.connection.fleet_ref or "",
                    record.resource,
                    intent.operation_type,
                )
                and self.rng.random() < incident.share
            ):
                return incident
        return None

    def _send(self, intent: Intent, at: int) -> None:
        incident = self._trouble(intent, at)
        payload = payload_of(intent.record, intent.edition) | dict(intent.changed)
        if incident:
            payload |= dict(incident.spoils)
        attempts, status = self._tried(intent, incident, payload, at)
        self.writes.append(
            Write(
                at, uuid7(at, self.rng.getrandbits(62)), intent.record, intent.operation_type, status, payload, attempts
            )
        )
        if status == "success" and intent.operation_type == "create" and intent.record.resource in LASTING:
            self.pools[intent.record.connection.id, intent.record.resource].append(intent.record)
        if status == "failed" and incident and self.rng.random() < incident.again:
            self._again(intent, incident, payload, at)

    def _tried(
        self, intent: Intent, incident: Incident | None, payload: Mapping[str, Any], at: int
    ) -> tuple[tuple[Attempt, ...], str]:
        first = at + self.rng.randrange(2, 9) * SECOND
        if incident is None:
            return (Attempt(first, None),), "success"
        if incident.kind != "fails":
            return (), "pending" if incident.kind == "hangs" else "cancelled"
        cause, tries = CAUSES[self.rng.choice(incident.causes)], incident.tries
        cured = tries > 1 and self.rng.random() < incident.cured
        failures = self.rng.randrange(1, tries) if cured else tries
        times = [
            min(first + n * (n + 1) * MINUTE // 2 + n * self.rng.randrange(20) * SECOND, self.now - SECOND)
            for n in range(tries)
        ]
        told = [Attempt(moment, cause, self._text(cause.text, intent, payload, moment)) for moment in times[:failures]]
        if cured:
            told.append(Attempt(times[failures], None))
        return tuple(told), "success" if cured else "failed"

    def _text(self, text: str, intent: Intent, payload: Mapping[str, Any], at: int) -> str:
        bits = mix(at)
        about = details_of(intent.record)
        details = about | {
            "login": str(payload.get("username", about["login"])),
            "phone": str(payload.get("phone", about["phone"])),
            "uuid": uuid7(at, bits),
            "number": str(1000 + bits % 900_000),
            "small": str(20 + bits % 70),
            "host": f"api-{bits % 7 + 1}.edge.example",
        }
        return Template(text).safe_substitute(details)

    def _again(self, intent: Intent, incident: Incident, payload: Mapping[str, Any], at: int) -> None:
        due = at + int(self.rng.uniform(*incident.after) * HOUR)
        if incident.heals is None:
            self._plan(due, intent)
            return
        corrected = {name: value.replace("$", str(payload[name])) for name, value in incident.heals.items()}
        self._plan(due, intent._replace(changed={**intent.changed, **corrected}, fine=incident))
