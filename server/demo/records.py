"""Describe the records that a partner writes: drivers, vehicles, trailers, messages, fuel, inspections.

A record is a number; everything about it follows from that number and from its edition, which counts its changes.
The same record in the same edition gives the same payload, which is how a resent write is recognised.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .ids import DAY, HOUR, MINUTE, mix, to_datetime, uuid7

KINDS = ("user", "vehicle", "trailer", "message", "group_message", "fuel_transaction", "dvir_log")
LASTING = KINDS[:3]
"""Records that are changed later on; the others are written once."""

_LINE_BITS, _NUMBER_BITS = 8, 24
_FIRST = tuple("Maria James Olga Devon Priya Lucas Hanna Tomas Grace Omar Jelena Walter Ines Kofi Ruth Pavel".split())
_LAST = tuple(
    "Okafor Lindqvist Marsh Delgado Novak Whitfield Tanaka Brandt Castellano Ferreira Abbott Kowalski".split()
    + "Haddad Sorensen Pruitt Yilmaz Mbeki Larocque Vance Holloway Petrov Ngata Stroud Eriksen".split()
)
_STATES = ("TX", "OH", "IL", "GA", "PA", "CA", "NC", "ON", "MN", "WA", "TN", "IN")
_TOWNS = ("Amarillo", "Toledo", "Joliet", "Macon", "Altoona", "Fresno", "Hickory", "Guelph", "Duluth", "Yakima")
_MODELS = (("Freightliner", "Cascadia"), ("Kenworth", "T680"), ("Volvo", "VNL 760"), ("Peterbilt", "579"))
_TRAILERS = ("dry_van", "reefer", "flatbed", "tanker", "lowboy", "curtainsider")
_SENTENCES = (
    "Gate code for the dock changed to {0}, please check in with the guard before 14:00.",
    "Load {0} is ready two hours early at door {1}; call dispatch when you are thirty minutes out.",
    "Road closed near mile marker {1}. Take the northern route and confirm that you have read this.",
    "Your reload is confirmed under reference {0}. Seal number and weights are in the documents tab.",
    "Please send the signed delivery receipt of order {0} today, the customer is asking for it.",
    "Reefer set point for stop {1} is 34 F. Photograph the display at arrival and at departure.",
)
_DEFECTS = ("Left mirror loose", "Air leak at glad hand", "Tread depth low on axle 2", "Marker lamp out")
_MERCHANTS = ("Prairie Fuel Stop", "Junction 41 Truck Plaza", "Harbor Diesel", "Twin Pines Travel Center")
_WIALON_LIKE = frozenset(("wialon", "teletracnavman", "zonar", "azuga"))
_LONG_NUMBERS = frozenset(("samsara", "motive", "lytx"))


def lasting_record(resource: str, line: int, number: int) -> int:
    """Number a record that lives at a connection."""
    return ((KINDS.index(resource) << _LINE_BITS | line) << _NUMBER_BITS) | number


def single_record(line: int, at: int) -> int:
    """Number a record that is written once; its time stays readable in it, since the payload carries it too."""
    return at << _LINE_BITS | line


# The same few drivers and vehicles are named in most messages, fuel purchases and inspections.
@lru_cache(maxsize=8192)
def resource_id(record: int) -> str:
    """Give Catena's own id of a record."""
    bits = mix(record)
    return uuid7(1_735_700_000_000_000 + bits % (300 * DAY), bits)


@lru_cache(maxsize=8192)
def source_id(source_name: str, record: int) -> str:
    """Give the id of a record at its TSP, in that TSP's manner."""
    bits = mix(record ^ 0x5C)
    if source_name == "geotab":
        return f"b{bits % 0xFFFFF:X}"
    if source_name in _LONG_NUMBERS:
        return str(281_470_000_000_000 + bits % 9_999_999_999)
    if source_name in _WIALON_LIKE:
        return str(20_000_000 + bits % 9_999_999)
    if source_name == "catena_simulator":
        return f"record:{_FIRST[bits % 16].lower()}_{bits % 977}"
    return f"{source_name[:3].upper()}-{bits % 0xFFFFFFF:07X}"


def first_name(bits: int) -> str:
    """Draw a first name."""
    return _FIRST[bits & 15]


def last_name(bits: int) -> str:
    """Draw a last name."""
    return _LAST[(bits >> 4) % len(_LAST)]


def username(bits: int) -> str:
    """Give the name a driver signs in with."""
    return f"{first_name(bits)[0].lower()}{last_name(bits).lower()}{(bits >> 12) % 900 + 100}"


def email(bits: int) -> str:
    """Give a driver's address; the domain is one that can never exist."""
    return f"{first_name(bits)}.{last_name(bits)}{(bits >> 12) % 900 + 100}@fleet-mail.example".lower()


def phone(bits: int, change: int = 0) -> str:
    """Give a number from the range that is kept for fiction."""
    return f"+1{212 + (bits >> 20) % 600}555{(bits + 37 * change) % 10_000:04d}"


def licence(bits: int) -> str:
    """Give a driver's licence number."""
    return f"{'DKLMS'[bits % 5]}{(bits >> 8) % 100_000_000:08d}"


def vin(bits: int) -> str:
    """Give a vehicle identification number of plausible form."""
    return f"1FUJ{(bits >> 3) % 10**9:09d}{(bits >> 11) % 10**4:04d}"


def plate(bits: int) -> str:
    """Give a number plate in the form every TSP takes."""
    return f"{'ABCDEFGH'[bits & 7]}{'KLMNPRST'[bits >> 3 & 7]}{(bits >> 6) % 100_000:05d}"


def unit_name(bits: int) -> str:
    """Give the name a fleet calls a vehicle or a trailer by."""
    return f"Unit {(bits >> 9) % 9000 + 1000}"


def _changes(edition: int, bits: int, slot: int, slots: int) -> int:
    """Count how often one of the changing fields was touched: each edition touches exactly one, in turn."""
    return (edition + slots - 1 - (slot - bits) % slots) // slots


def _user(source_name: str, line: int, record: int, edition: int) -> dict[str, Any]:
    bits = mix(record)
    town = (bits >> 14) + _changes(edition, bits, 1, 3)
    return {
        "first_name": first_name(bits),
        "last_name": last_name(bits),
        "username": username(bits),
        "email": email(bits),
        "phone": phone(bits, _changes(edition, bits, 0, 3)),
        "role": "driver",
        "activation_status": "active",
        "employee_number": f"E{(bits >> 16) % 90_000 + 10_000}",
        "license_number": licence(bits),
        "license_region": _STATES[(bits >> 18) % 12],
        "license_country": "US",
        "license_expiration_date": f"{2027 + _changes(edition, bits, 2, 3)}-0{bits % 9 + 1}-15",
        "home_terminal_name": f"{_TOWNS[town % 10]} Yard",
        "home_terminal_address": f"{bits % 9000 + 100} Depot Road, {_TOWNS[town % 10]}",
        "time_zone": "America/Chicago",
        "hos_ruleset": "US_70_8",
    }


def _vehicle(source_name: str, line: int, record: int, edition: int) -> dict[str, Any]:
    bits = mix(record)
    make, model = _MODELS[bits >> 5 & 3]
    return {
        "name": unit_name(bits),
        "vin": vin(bits),
        "license_plate": plate(bits),
        "license_region": _STATES[(bits >> 18) % 12],
        "make": make,
        "model": model,
        "year": 2016 + bits % 10,
        "fuel_type": "diesel",
        "tank_capacity_l": 757 + 10 * (bits % 20),
        "odometer_km": 80_000 + bits % 600_000 + 912 * _changes(edition, bits, 0, 3),
        "notes": f"Home yard {_TOWNS[((bits >> 14) + _changes(edition, bits, 1, 3)) % 10]}, service every 40,000 km",
        "tags": ["linehaul", _TOWNS[(bits >> 14) % 10].lower(), f"group-{_changes(edition, bits, 2, 3) + 1}"],
        "status": "active",
    }


def _trailer(source_name: str, line: int, record: int, edition: int) -> dict[str, Any]:
    bits = mix(record)
    return {
        "name": unit_name(bits).replace("Unit", "Trailer"),
        "vin": vin(bits),
        "license_plate": plate(bits),
        "license_region": _STATES[(bits >> 18) % 12],
        "trailer_type": _TRAILERS[bits % 6],
        "length_m": 13.6 if bits & 1 else 16.2,
        "year": 2012 + bits % 13,
        "axles": 2 + (bits & 1),
        "inspection_due": f"{2027 + _changes(edition, bits, 0, 2)}-1{bits % 3}-01",
        "notes": f"Parked at {_TOWNS[((bits >> 14) + _changes(edition, bits, 1, 2)) % 10]}",
        "status": "active",
    }


def _person_at(line: int, bits: int) -> int:
    # Messages and inspections name drivers that the connection had from the beginning.
    return lasting_record("user", line, bits % 16)


def _message(source_name: str, line: int, record: int, edition: int) -> dict[str, Any]:
    bits = mix(record)
    sender, recipient = lasting_record("user", line, 0), _person_at(line, bits)
    return {
        "sender_id": resource_id(sender),
        "source_sender_id": source_id(source_name, sender),
        "recipient_id": resource_id(recipient),
        "source_recipient_id": source_id(source_name, recipient),
        "message_text": _SENTENCES[(bits >> 7) % 6].format(bits % 900_000 + 100_000, bits % 47 + 1)
        + f" - {first_name(mix(sender))} {last_name(mix(sender))}, {phone(mix(sender))}",
        "priority": "high" if bits % 7 == 0 else "normal",
        "sent_at": to_datetime(record >> _LINE_BITS),
    }


def _group_message(source_name: str, line: int, record: int, edition: int) -> dict[str, Any]:
    bits = mix(record)
    people = [_person_at(line, (bits >> shift) & 15) for shift in (4, 8, 12, 16)]
    message = _message(source_name, line, record, edition)
    # A group message is a message with a list where the recipient was.
    del message["recipient_id"], message["source_recipient_id"]
    message["recipient_ids"] = [resource_id(person) for person in people]
    message["source_recipient_ids"] = [source_id(source_name, person) for person in people]
    return message


def _fuel_transaction(source_name: str, line: int, record: int, edition: int) -> dict[str, Any]:
    bits = mix(record)
    vehicle, driver = lasting_record("vehicle", line, bits % 16), _person_at(line, bits >> 4)
    # Quantities are whole and prices have two digits, so a payload is the same text wherever it is encoded.
    litres = 180 + bits % 620
    return {
        "vehicle_id": resource_id(vehicle),
        "source_vehicle_id": source_id(source_name, vehicle),
        "driver_id": resource_id(driver),
        "source_driver_id": source_id(source_name, driver),
        "purchased_at": to_datetime((record >> _LINE_BITS) - HOUR - bits % (9 * HOUR)),
        "fuel_type": "diesel",
        "volume_l": litres,
        "unit_price": round(1.07 + (bits % 30) / 100, 2),
        "currency": "USD",
        "merchant_name": _MERCHANTS[bits >> 6 & 3],
        "merchant_address": f"{bits % 900 + 10} Highway {bits % 90 + 1}, {_TOWNS[(bits >> 14) % 10]}",
        "odometer_km": 80_000 + bits % 600_000,
        "reference": f"FT-{bits % 10**9:09d}",
        "card_last_four": f"{(bits >> 22) % 10_000:04d}",
    }


def _dvir_log(source_name: str, line: int, record: int, edition: int) -> dict[str, Any]:
    bits = mix(record)
    vehicle, driver = lasting_record("vehicle", line, bits % 16), _person_at(line, bits >> 4)
    begun = (record >> _LINE_BITS) - 25 * MINUTE
    return {
        "vehicle_id": resource_id(vehicle),
        "source_vehicle_id": source_id(source_name, vehicle),
        "driver_id": resource_id(driver),
        "source_driver_id": source_id(source_name, driver),
        "inspection_type": "pre_trip" if bits & 1 else "post_trip",
        "started_at": to_datetime(begun),
        "ended_at": to_datetime(begun + 14 * MINUTE),
        "location": f"{_TOWNS[(bits >> 14) % 10]} Yard",
        "odometer_km": 80_000 + bits % 600_000,
        "safe_to_operate": bits % 5 != 0,
        "defects": [{"comment": _DEFECTS[bits & 3], "severity": "minor", "resolved": False}] if bits % 5 == 0 else [],
        "signed_by": f"{first_name(mix(driver))} {last_name(mix(driver))}",
    }


_FIELDS: dict[str, Callable[[str, int, int, int], dict[str, Any]]] = {
    "user": _user,
    "vehicle": _vehicle,
    "trailer": _trailer,
    "message": _message,
    "group_message": _group_message,
    "fuel_transaction": _fuel_transaction,
    "dvir_log": _dvir_log,
}


def line_of(resource: str, record: int) -> int:
    """Read the number of the connection out of a record."""
    shift = _NUMBER_BITS if resource in LASTING else 0
    return record >> shift & (1 << _LINE_BITS) - 1


def fields_of(source_name: str, resource: str, record: int, edition: int) -> dict[str, Any]:
    """Describe a record as a faultless payload would."""
    return _FIELDS[resource](source_name, line_of(resource, record), record, edition)
