"""Say who is connected to what: the fleets of the demo, their size, and one connection per fleet and TSP."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from msgspec import Struct

from .ids import from_datetime, uuid7

# fleet reference, weight in the traffic, connections (the first one carries most of the fleet's writes).
# A dash stands for a fleet that was connected without a reference of the partner's own.
_ROSTER = """
northwind-haulage 100 samsara geotab
great-lakes-carriers 78 geotab motive omnitracs
blue-ridge-freight 64 motive samsara
keystone-parcel 58 motive
cascade-timber-lines 52 samsara zonar
rhein-main-spedition 50 webfleet
lone-star-tankers 47 omnitracs samsara
gulf-coast-drayage 43 geotab samsara
high-plains-grain 40 verizon_connect geotab
prairie-line-logistics 38 samsara
baltic-forwarding 36 wialon webfleet
silver-birch-express 33 samsara isaac
copper-canyon-aggregates 31 trimble motive
maple-leaf-reefer 29 isaac geotab
harbor-city-intermodal 27 motive verizon_connect
tri-county-sanitation 26 verizon_connect lytx
desert-sun-distribution 24 samsara azuga
old-dominion-hotshot 23 jjkeller
nordwest-kuehltransporte 22 webfleet geotab
iberia-ruta-sur 21 teletracnavman webfleet
twin-rivers-beverage 20 geotab lytx
ozark-poultry-transport 19 omnitracs jjkeller
empire-state-courier 18 motive azuga
bayou-petroleum 17 trimble omnitracs
sierra-nevada-movers 16 samsara fleetcomplete
red-barn-dairy 15 geotab
pinnacle-heavy-haul 14 trimble
coastal-pine-lumber 13 zonar
first-light-school-bus 13 zonar geotab
granite-ready-mix 12 verizon_connect samsara
lakeshore-home-delivery 11 azuga motive
black-hills-mining 11 teletracnavman
atlas-crane-services 10 wialon
sunflower-livestock 9 jjkeller samsara
metro-meal-logistics 8 samsara
whitewater-utilities 8 fleetcomplete verizon_connect
arctic-circle-supply 7 isaac
cedar-rapids-feed 6 omnitracs
kestrel-medical-courier 6 lytx motive
juniper-landscaping 5 azuga
evergreen-recycling 4 fleetcomplete
little-sioux-milk 3 geotab
- 3 samsara
bramble-street-bakery 2 motive
sandbox 5 catena_simulator samsara
"""

_CREDENTIALS: dict[str, dict[str, str]] = {
    # As documented, secrets are masked while server and database names are not.
    "geotab": {"server": "my.geotab.example", "database": "fleet", "username": "*****", "password": "*****"},
    "omnitracs": {"company": "*****", "username": "*****", "password": "*****"},
    "webfleet": {"account": "*****", "username": "*****", "password": "*****", "api_key": "*****"},
    "motive": {"access_token": "*****", "refresh_token": "*****"},
    "verizon_connect": {"client_id": "catena", "client_secret": "*****"},
}
_API_TOKEN = {"api_token": "*****"}
_STALE, _PAUSED = ("prairie-line-logistics", "samsara"), ("baltic-forwarding", "wialon")


class Connection(Struct, frozen=True):
    """Hold one connection as `List Connections` shows it."""

    id: str
    created_at: datetime
    updated_at: datetime
    fleet_id: str
    fleet_ref: str | None
    tsp_id: str
    source_name: str
    credentials: dict[str, Any]
    status: str
    description: str | None


class Line(Struct, frozen=True):
    """Hold what the traffic needs to know of a connection: its place, its weight and how many records it began with."""

    index: int
    connection: Connection
    weight: float
    records: int


def _status_of(fleet_ref: str | None, source_name: str) -> str:
    return {_STALE: "stale", _PAUSED: "paused"}.get((fleet_ref or "", source_name), "active")


def _changed(anchor: datetime, created: datetime, status: str) -> datetime:
    # Catena notices the refused credentials and the silent TSP a little after the first write has met them.
    minutes = {"stale": 22 * 60 + 48, "paused": 7 * 60 + 41}.get(status)
    return created if minutes is None else anchor - timedelta(minutes=minutes, seconds=17)


def _some_days_before(anchor: datetime, days: int, rng: Random) -> datetime:
    return anchor - timedelta(days=days, microseconds=rng.randrange(86_400_000_000))


def _identifier(moment: datetime, rng: Random) -> str:
    return uuid7(from_datetime(moment), rng.getrandbits(62))


def build_lines(anchor: datetime, rng: Random) -> list[Line]:
    """Connect every fleet of the roster, in its order."""
    # Weight goes to the first connection: fleets run one TSP in earnest and try others on a few trucks.
    lines: list[Line] = []
    tsp_ids: dict[str, str] = {}
    for entry in _ROSTER.split("\n"):
        if not entry:
            continue
        reference, weight, *sources = entry.split()
        fleet_ref = None if reference == "-" else reference
        fleet_id = _identifier(_some_days_before(anchor, rng.randrange(200, 700), rng), rng)
        for place, source_name in enumerate(sources):
            tsp_id = tsp_ids.setdefault(source_name, _identifier(anchor - timedelta(days=900), rng))
            created = _some_days_before(anchor, rng.randrange(20, 190), rng)
            status = _status_of(fleet_ref, source_name)
            connection = Connection(
                id=_identifier(created, rng),
                created_at=created,
                updated_at=_changed(anchor, created, status),
                fleet_id=fleet_id,
                fleet_ref=fleet_ref,
                tsp_id=tsp_id,
                source_name=source_name,
                credentials=_CREDENTIALS.get(source_name, _API_TOKEN),
                status=status,
                description=None if place == 0 else f"{source_name} beside {sources[0]}",
            )
            share = float(weight) * (0.7 if len(sources) > 1 and place == 0 else 1 / (place + 2) if place else 1.0)
            lines.append(Line(len(lines), connection, share, 20 + int(6 * share)))
    return lines
