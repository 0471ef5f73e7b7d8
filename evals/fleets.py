"""Say who is connected to what in this world: other fleets and other TSPs than the demo's, one of them not in the contract."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from server.demo.fleets import Connection
from server.demo.ids import from_datetime, to_datetime, uuid7

NEW_SOURCE = "nordlys_telematikk"
"""A TSP that the API serves before its contract lists it."""

_ROSTER = """
Müller & Söhne Spedition | mapon 24 | eroad 9
vistula-cargo            | mapon 18 | traccar 12
baltija-auto             | mapon 15
karpaty-trans            | mapon 8
southern-cross-haulage   | eroad 26
waikato-milk             | eroad 11
kestrel-couriers         | linxup 30
prairie-oil              | skybitz 20 | linxup 6
little-creek-dairy       | linxup 3
FLT-0042                 | gpsinsight 28
dustbowl-grain           | gpsinsight 9
transportes-del-bajio    | nextraq 22 | gpsinsight 8
acme-intermodal          | transflo 34
acme-intermodal-west     | transflo 14
harbourside-waste        | netradyne 18
laurentide-vrac          | tenna 14
polar-line               | nordlys_telematikk 13
sakura-haulage           | orbcomm 12
ironbridge-demolition    | orbcomm 7
blue-heron-bus           | surfsight 11
quiet-valley-farms       | traccar 9
-                        | traccar 4
"""
_STALE = ("southern-cross-haulage", "eroad")


def connected(now: int, rng: Random) -> Iterator[tuple[Connection, float]]:
    """Give each connection with the number of its writes on a usual day; `now` in microseconds."""
    tsps: dict[str, str] = {}
    for entry in _ROSTER.strip().splitlines():
        ref, *places = (part.strip() for part in entry.split("|"))
        fleet_id = _id(now, 400, rng)
        for source_name, weight in (place.split() for place in places):
            tsp_id = tsps.setdefault(source_name, _id(now, 900, rng))
            yield _connection(now, None if ref == "-" else ref, fleet_id, source_name, tsp_id, rng), float(weight)


def _connection(now: int, ref: str | None, fleet_id: str, source_name: str, tsp_id: str, rng: Random) -> Connection:
    created = to_datetime(now) - timedelta(days=rng.randrange(60, 300), minutes=rng.randrange(1440))
    return Connection(
        id=uuid7(from_datetime(created), rng.getrandbits(62)),
        created_at=created,
        updated_at=created,
        fleet_id=fleet_id,
        fleet_ref=ref,
        tsp_id=tsp_id,
        source_name=source_name,
        credentials={"api_token": "*****"},
        status="stale" if (ref, source_name) == _STALE else "active",
        description=None,
    )


def _id(now: int, days: int, rng: Random) -> str:
    return uuid7(now - days * 86_400_000_000 - rng.randrange(10**9), rng.getrandbits(62))
