"""Questions of who and what fails most: fleets, TSPs, connections, kinds of record, days and hours."""

from collections.abc import Iterator

from ..causes import CAUSES
from ..facts import Fact, Json, Said, each, facts
from ..truth import Truth, by_failed, by_operations, by_rate, day, failed, hour, most, shares
from .question import Question, call

TOOL = "break_down_failures"


def places(t: Truth) -> Iterator[Question]:
    """Ask for breakdowns."""
    yield from _fleets_and_tsps(t)
    yield from _connections(t)
    yield from _kinds(t)
    yield from _times(t)


def _fleets_and_tsps(t: Truth) -> Iterator[Question]:
    week = t.last(7)
    yield Question(
        id="top-fleets",
        who="account manager",
        text="Which five fleets had the most failed writes in the last seven days, and how many each?",
        call=call(TOOL, by="fleet_ref", from_datetime="-7d", most=5),
        facts=facts(*((s.value, s.failed) for s in most(shares(week, lambda w: w.fleet), 5, by_failed))),
        read=each("rows", "key.fleet_ref", "failed"),
    )
    (worst,) = most([s for s in shares(t.last(), lambda w: w.source) if s.operations >= 30], 1, by_rate)
    yield Question(
        id="tsp-with-highest-rate",
        who="on-call developer",
        text="Of TSPs with at least 30 writes in the last 24 hours, which has the highest failure rate, and how high is it?",
        call=call(TOOL, by="source_name", sort="rate", min_operations=30),
        facts=facts((worst.value, worst.failed, worst.rate)),
        read=each("rows", "key.source_name", "failed", "failure_rate", first=1),
    )
    yield Question(
        id="busiest-tsps",
        who="account manager",
        text="Which three TSPs did we write to most in the last seven days, how many writes each?",
        call=call(TOOL, by="source_name", sort="operations", from_datetime="-7d", most=3),
        facts=facts(*((s.value, s.operations) for s in most(shares(week, lambda w: w.source), 3, by_operations))),
        read=each("rows", "key.source_name", "operations"),
    )
    clean = [s for s in shares(week, lambda w: w.fleet) if not s.failed and s.operations >= 50]
    yield Question(
        id="fleets-without-failures",
        who="account manager",
        text="Which fleets with at least 50 writes in the last seven days had no failure at all? Give their numbers of writes.",
        call=call(TOOL, by="fleet_ref", from_datetime="-7d", most=100, min_operations=50),
        facts=facts(*((s.value or Said("", "none"), s.operations) for s in clean)),
        read=each("rows", "key.fleet_ref", "operations", where=lambda row: not row["failed"]),
    )
    owner = t.world.connection("acme-intermodal", "transflo")
    one = t.last(7, fleet="acme-intermodal")
    yield Question(
        id="not-its-namesake",
        who="support engineer",
        text="How many writes of acme-intermodal (not its western sister) failed in the last seven days, on which connection?",
        call=call(TOOL, by="connection_id", fleet_refs=["acme-intermodal"], from_datetime="-7d"),
        facts=facts((owner.id, len(failed(one)), len(one))),
        read=each("rows", "key.connection_id", "failed", "operations"),
    )


def _connections(t: Truth) -> Iterator[Question]:
    busy = [s for s in shares(t.last(7), lambda w: w.connection.id) if s.operations >= 50]
    (worst,) = most(busy, 1, by_rate)
    yield Question(
        id="worst-connection",
        who="support engineer",
        text="Which connection with at least 50 writes in the last seven days has the worst failure rate? Give id and rate.",
        call=call(TOOL, by="connection_id", sort="rate", min_operations=50, from_datetime="-7d"),
        facts=facts((worst.value, worst.rate)),
        read=each("rows", "key.connection_id", "failure_rate", first=1),
    )
    down = failed(t.last(2), "down")
    spread = shares(down, lambda w: w.connection.id)
    yield Question(
        id="where-the-outage-is",
        who="on-call developer",
        text="On which connections did mapon answer 503 in the last two days, and how often on each?",
        call=call("summarize_failures", source_name="mapon", from_datetime="-2d"),
        then=lambda told: call(
            TOOL, by="connection_id", group=_group(told, 503), from_datetime="-2d", source_name="mapon"
        ),
        facts=facts(*((s.value, s.failed) for s in spread)),
        read=each("rows", "key.connection_id", "failed", where=lambda row: row["failed"] > 0),
    )
    again = {s.value: t.works_again([w for w in down if w.connection.id == s.value]) for s in spread}
    yield Question(
        id="where-it-works-again",
        who="on-call developer",
        text="Which of mapon's connections that answered 503 in the last two days work again, and since when?",
        call=call("summarize_failures", source_name="mapon", from_datetime="-2d"),
        then=lambda told: call(
            TOOL, by="connection_id", group=_group(told, 503), from_datetime="-2d", source_name="mapon"
        ),
        facts=facts(*((place, since) for place, since in again.items() if since)),
        read=each("rows", "key.connection_id", "recovered_at", where=lambda row: "recovered_at" in row),
    )
    yield Question(
        id="where-it-still-fails",
        who="on-call developer",
        text="Which of mapon's connections that answered 503 in the last two days has had no success since?",
        call=call("summarize_failures", source_name="mapon", from_datetime="-2d"),
        then=lambda told: call(
            TOOL, by="connection_id", group=_group(told, 503), from_datetime="-2d", source_name="mapon"
        ),
        facts=facts(*((place, Said("none", "no success since")) for place, since in again.items() if not since)),
        read=lambda content: facts(
            *(
                (row["key"]["connection_id"], "none")
                for row in content["rows"]
                if row["failed"] and "recovered_at" not in row
            )
        ),
    )


def _group(told: Json, status: int) -> list[str]:
    return [group["id"] for group in told["groups"] if group.get("status_code") == status]


def _kinds(t: Truth) -> Iterator[Question]:
    week = t.last(7)
    yield Question(
        id="kinds-of-record",
        who="on-call developer",
        text="Failures of the last seven days by kind of record?",
        call=call(TOOL, by="resource", from_datetime="-7d"),
        facts=facts(*((s.value, s.failed) for s in shares(week, lambda w: w.resource))),
        read=each("rows", "key.resource", "failed"),
    )
    creates = t.last(14, source="transflo", resource="user")
    yield Question(
        id="creates-or-updates",
        who="support engineer",
        text="Do creates or updates of drivers fail at transflo? Failed and all of each, for 14 days.",
        call=call(TOOL, by="operation", source_name="transflo", resource="user", from_datetime="-14d"),
        facts=facts(*((s.value, s.failed, s.operations) for s in shares(creates, lambda w: w.operation_type))),
        read=each("rows", "key.operation", "failed", "operations"),
    )
    bad = failed(week)
    yield Question(
        id="error-types",
        who="on-call developer",
        text="How do last week's failures split by error type?",
        call=call(TOOL, by="error_type", from_datetime="-7d"),
        facts=facts(*((s.value, s.failed) for s in shares(bad, lambda w: CAUSES[w.cause].error_type))),
        read=each("rows", "key.error_type", "failed"),
    )
    yield Question(
        id="cancelled-writes",
        who="support engineer",
        text="How many writes of the last seven days are in the status cancelled?",
        call=call(TOOL, by="status", from_datetime="-7d"),
        facts=facts(("cancelled", len(t.last(7, status="cancelled")))),
        read=each("rows", "key.status", "operations", where=lambda row: row["key"]["status"] == "cancelled"),
    )


def _times(t: Truth) -> Iterator[Question]:
    fortnight = shares(t.last(14), day)
    yield Question(
        id="failures-per-day",
        who="account manager",
        text="How many writes failed on each day of the last 14 days, of how many?",
        call=call(TOOL, by="day", from_datetime="-14d"),
        facts=facts(*((s.value, s.failed, s.operations) for s in fortnight)),
        read=lambda content: facts(*((r["key"]["day"][:10], r["failed"], r["operations"]) for r in content["rows"])),
    )
    (worst,) = most(shares(t.last(), hour), 1, by_failed)
    yield Question(
        id="worst-hour",
        who="on-call developer",
        text="In which hour of the last 24 did most writes fail, and how many?",
        call=call(TOOL, by="hour", sort="failed", most=1),
        facts=facts((Said(worst.value, worst.value.replace(":00:00Z", "Z")), worst.failed, worst.rate)),
        read=each("rows", "key.hour", "failed", "failure_rate"),
    )
    nights = failed(t.last(7, source="linxup"), "night")
    yield Question(
        id="every-night",
        who="support engineer",
        text="Linxup limits kestrel-couriers again and again: at which hour (UTC) of each of the last seven days, how often?",
        call=call(TOOL, by=["day", "hour"], source_name="linxup", sort="failed", most=7, from_datetime="-7d"),
        facts=facts(
            *((s.value[:10], Said(int(s.value[11:13]), s.value[11:13]), s.failed) for s in shares(nights, hour))
        ),
        read=lambda content: facts(*map(_night, content["rows"])),
    )


def _night(row: Json) -> Fact:
    key = row["key"]
    return key["day"][:10], int(str(key["hour"])[:2]), row["top_cause"]["count"]
