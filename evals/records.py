"""Describe what the partner of this world writes: a record has a true identity, whatever ids the API knows of it."""

from dataclasses import dataclass
from random import Random
from typing import Any

from server.demo.fleets import Connection
from server.demo.ids import to_datetime, uuid7

LASTING = ("user", "vehicle", "trailer")
"""Kinds that are changed later on; the others are written once."""

_FIRST = "Anneliese Bartosz Cedric Dagný Eun-ji Florian Guadalupe Haruto Ingrid José Kahurangi Lech Mireille Nils Oksana".split()
_LAST = (
    "Brześć Caron Dunne Eriksdóttir Fuentes Gruber Hōjō Iwasaki Jankowski Kowhai Lefèvre Müller Nygård Ortega".split()
)
_LINES = (
    "Dock {0} is closed until 17:00, use gate {1}.",
    "Bitte Ladung {0} erst ab Rampe {1} übernehmen.",
    "Confirma la entrega {0} en el patio {1}.",
    "Load {0} rolled to tomorrow; park at bay {1}.",
)


@dataclass(frozen=True, slots=True)
class Record:
    """One driver, vehicle, message, ...: `key` is what it truly is; the ids are those it has once it was written."""

    key: str
    resource: str
    connection: Connection
    resource_id: str
    source_id: str
    seed: int


def new_record(connection: Connection, resource: str, at: int, rng: Random) -> Record:
    """Make up a record that begins at a time, in microseconds."""
    seed, resource_id = rng.getrandbits(40), uuid7(at - rng.randrange(10**12), rng.getrandbits(62))
    source_id = f"{resource[:2].upper()}{seed % 10**8:08d}"
    return Record(f"{connection.id[:8]}:{resource}:{seed:x}", resource, connection, resource_id, source_id, seed)


def details_of(record: Record) -> dict[str, str]:
    """Give the names and numbers of a record that texts of TSPs repeat."""
    seed = record.seed
    first, last = _FIRST[seed % len(_FIRST)], _LAST[seed // 16 % len(_LAST)]
    return {
        "person": f"{first} {last}",
        "login": f"{first[:2]}{last[:5]}{seed % 977}".lower().replace("-", ""),
        "phone": f"+1 555 {seed % 900 + 100} {seed // 7 % 9000 + 1000}",
        "licence": f"{'KLMNP'[seed % 5]}{seed // 5 % 10**8:08d}",
        "unit": f"Truck {seed % 4000 + 100}",
        "plate": f"{'WGKPS'[seed % 5]}{'ABCEZ'[seed // 5 % 5]} {seed // 11 % 90000 + 10000}",
    }


def payload_of(record: Record, edition: int) -> dict[str, Any]:
    """Write a record down; each edition changes one field, and the same edition gives the same payload."""
    made = {"user": _user, "vehicle": _vehicle, "trailer": _vehicle, "dvir_log": _inspection, "fuel_transaction": _fuel}
    return made.get(record.resource, _message)(record, edition) | {"connection_id": record.connection.id}


def _user(record: Record, edition: int) -> dict[str, Any]:
    told = details_of(record)
    first, last = told["person"].rsplit(" ", 1)
    return {
        "first_name": first,
        "last_name": last,
        "username": told["login"],
        "email": f"{told['login']}@crew-mail.example",
        "phone": told["phone"],
        "license_number": told["licence"],
        "license_region": "AB",
        "employee_number": f"E{record.seed % 90_000 + 10_000}",
        "home_terminal_name": f"Terminal {edition + record.seed % 7}",
        "role": "driver",
    }


def _vehicle(record: Record, edition: int) -> dict[str, Any]:
    told = details_of(record)
    return {
        "name": told["unit"],
        "vin": f"3AK{record.seed % 10**14:014d}",
        "license_plate": told["plate"],
        "vehicle_class": "TRUCK",
        "year": 2015 + record.seed % 11,
        "odometer_km": 90_000 + record.seed % 400_000 + 640 * edition,
    }


def _message(record: Record, edition: int) -> dict[str, Any]:
    seed = record.seed
    text = _LINES[seed % 4].format(seed % 900_000 + 100_000, seed % 40 + 1)
    return {"sender_id": record.resource_id[:-4] + "0000", "message_text": text, "priority": "normal"}


def _fuel(record: Record, edition: int) -> dict[str, Any]:
    seed = record.seed
    return {
        "reference": f"FX-{seed % 10**9:09d}",
        "volume_l": 150 + seed % 500,
        "currency": "CAD",
        "fuel_type": "diesel",
    }


def _inspection(record: Record, edition: int) -> dict[str, Any]:
    bad = record.seed % 6 == 0
    return {
        "inspection_type": "pre_trip",
        "number": record.seed % 10**6,
        "started_at": to_datetime(1_780_000_000_000_000 + record.seed),
        "safe_to_operate": not bad,
        "defects": [{"part": "lamp", "severity": "minor"}] if bad else [],
    }
