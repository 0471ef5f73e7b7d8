"""Questions that are easily answered with "all is well" where it is not: wrong names, parts, troubles that are no failures."""

from collections.abc import Iterator

from ..facts import Said, anywhere, each, facts, together, values
from ..fleets import NEW_SOURCE
from ..truth import Truth, failed
from .question import Question, call

WHO = "copilot"


def traps(t: Truth) -> Iterator[Question]:
    """Ask with wrong names, empty filters, partial windows and troubles that are no failures."""
    yield from _wrong_names(t)
    yield from _parts(t)
    yield from _quiet_troubles(t)


def _wrong_names(t: Truth) -> Iterator[Question]:
    near = facts(("acme-intermodal",))
    yield Question(
        id="fleet-misspelt",
        who=WHO,
        text="Is fleet acme-intermodel all right today? If there is no such fleet, which one is probably meant?",
        call=call("summarize_failures", fleet_refs=["acme-intermodel"]),
        facts=near,
        read=anywhere(near),
    )
    near = facts(("gpsinsight",))
    yield Question(
        id="tsp-misspelt",
        who=WHO,
        text="Any errors with the TSP 'gps insite' today? If the name is wrong, which TSP is meant in Catena's spelling?",
        call=call("summarize_failures", source_name="gps insite"),
        facts=near,
        read=anywhere(near),
    )
    users = failed(t.last(resource="user"))
    yield Question(
        id="drivers-are-users",
        who="support engineer",
        text="How many writes of drivers failed in the last 24 hours?",
        call=call("summarize_failures", resource="driver"),
        then=lambda refused: call("summarize_failures", resource="user"),
        facts=facts((len(users), len(t.last(resource="user")))),
        read=together("totals.failed", "totals.operations"),
    )
    yield Question(
        id="fleet-without-this-tsp",
        who=WHO,
        text="Does acme-intermodal have trouble on mapon this week? If it is not there: on which TSP, how much fails there?",
        call=call("summarize_failures", fleet_refs=["acme-intermodal"], source_name="mapon", from_datetime="-7d"),
        then=lambda empty: call(
            "break_down_failures", by="source_name", fleet_refs=["acme-intermodal"], from_datetime="-7d"
        ),
        facts=facts(("transflo", len(failed(t.last(7, fleet="acme-intermodal"))))),
        read=each("rows", "key.source_name", "failed"),
    )
    unknown = facts(("g_00000000",))
    yield Question(
        id="cause-nobody-has",
        who=WHO,
        text="Is the cause g_00000000 over? If no failure has this id, name the id as unknown.",
        call=call("summarize_failures", group=["g_00000000"]),
        facts=unknown,
        read=lambda content: anywhere(unknown)(content.get("coverage", {})),
    )
    new = t.last(7, source=NEW_SOURCE)
    yield Question(
        id="tsp-not-in-contract",
        who="account manager",
        text=f"How many of last week's writes to the new TSP {NEW_SOURCE} failed, and of how many?",
        call=call("summarize_failures", source_name=NEW_SOURCE, from_datetime="-7d"),
        facts=facts((len(failed(new)), len(new))),
        read=together("totals.failed", "totals.operations"),
    )


def _parts(t: Truth) -> Iterator[Question]:
    yield Question(
        id="partial-window",
        who="copilot",
        text="Read at most 1,500 operations of the last 14 days: was the window read whole (complete true or false)?",
        call=call("summarize_failures", from_datetime="-14d", max_operations=1500),
        facts=facts((Said(False, "NOT read whole"),)),
        read=values("coverage.complete"),
    )
    whole = t.last(5)
    yield Question(
        id="going-on-after-an-early-end",
        who="on-call developer",
        text="Read the last 5 days in parts of at most 3,000 operations: how many failed in all of it, of how many?",
        call=call("summarize_failures", from_datetime="-5d", max_operations=3000),
        then=lambda _: call("summarize_failures", from_datetime="-5d", max_operations=3000),
        facts=facts((len(failed(whole)), len(whole))),
        read=anywhere(facts((len(failed(whole)), len(whole)))),
    )


def _quiet_troubles(t: Truth) -> Iterator[Question]:
    old = t.waiting(1)
    yield Question(
        id="no-failures-but-waiting",
        who="account manager",
        text="Is everything fine at blue-heron-bus today? If not: how many writes hang for over an hour?",
        call=call("summarize_failures", fleet_refs=["blue-heron-bus"]),
        facts=facts((len([w for w in old if w.fleet == "blue-heron-bus"]),)),
        read=values("pending.over_1h"),
    )
    cancelled = t.last(fleet="ironbridge-demolition", status="cancelled")
    yield Question(
        id="no-failures-but-cancelled",
        who="account manager",
        text="Is everything fine at ironbridge-demolition today? If not: in which status are how many writes?",
        call=call("summarize_failures", fleet_refs=["ironbridge-demolition"]),
        facts=facts(("cancelled", len(cancelled))),
        read=anywhere(facts(("cancelled", len(cancelled)))),
    )
    quiet = t.last(fleet="quiet-valley-farms")
    yield Question(
        id="really-all-clear",
        who="account manager",
        text="Is everything fine at quiet-valley-farms today? How many writes were there, and how many failed?",
        call=call("summarize_failures", fleet_refs=["quiet-valley-farms"]),
        facts=facts((Said(len(failed(quiet)), "No failures"), len(quiet))),
        read=together("totals.failed", "totals.operations"),
        all_clear=True,
    )
