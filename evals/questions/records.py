"""Questions of single operations and records: which are still wrong, what is the story of one, what to hand over."""

from collections.abc import Iterator
from typing import Any

from ..facts import Json, Said, anywhere, each, facts, singly, together, values
from ..truth import Truth, failed, second
from ..writes import Write
from .question import Question, call

LIST, TRACE = "list_resource_operations", "trace_record"
PLACE = "connection_id"


def records(t: Truth) -> Iterator[Question]:
    """Ask for operations and records."""
    yield from _still_wrong(t)
    yield from _corrected(t)
    yield from _one_operation(t)
    yield from _one_record(t)
    yield from _waiting(t)


def _still_wrong(t: Truth) -> Iterator[Question]:
    became = t.outcomes(failed(t.last(2, source="mapon"), "down", "silent"))
    every = t.outcomes(failed(t.last(2, source="mapon")))
    yield Question(
        id="still-wrong-at-mapon",
        who="support engineer",
        text="Which records that failed at mapon in the last two days are still wrong? Ids of their last failed operations.",
        call=call(LIST, outcome="unresolved", source_name="mapon", from_datetime="-2d", detail="ids"),
        facts=singly(write.id for write in every["unresolved"]),
        read=lambda c: singly(i for place in c.get("ids", ()) for i in place["operation_ids"]),
    )
    yield Question(
        id="how-many-are-still-wrong",
        who="account manager",
        text="How many records that failed with mapon's 503 or time-outs in two days were written later, how many never?",
        call=call("summarize_failures", source_name="mapon", from_datetime="-2d"),
        then=lambda told: call(
            "summarize_failures", source_name="mapon", from_datetime="-2d", group=_down_and_silent(told["groups"])
        ),
        facts=facts((len(became["recovered"]), len(became["unresolved"]))),
        read=together("totals.records.recovered", "totals.records.unresolved"),
    )
    ours = t.outcomes(failed(t.last(3, fleet="vistula-cargo", source="traccar")))["unresolved"]
    yield Question(
        id="ids-to-hand-over",
        who="account manager",
        text="Operation ids of vistula-cargo's records on traccar that are still wrong, of the last three days?",
        call=call(LIST, outcome="unresolved", fleet_refs=["vistula-cargo"], source_name="traccar",
                  from_datetime="-3d", detail="ids"),
        facts=singly(write.id for write in ours),
        read=lambda c: singly(i for place in c.get("ids", ()) for i in place["operation_ids"]),
    )  # fmt: skip
    yield Question(
        id="operations-of-one-cause",
        who="on-call developer",
        text="List the ids of the writes that failed with skybitz' expired certificate today.",
        call=call("summarize_failures", source_name="skybitz"),
        then=lambda told: call(LIST, group=_certificate(told["groups"])),
        facts=singly(write.id for write in failed(t.last(), "certificate")),
        read=each("operations", "id"),
    )


def _down_and_silent(groups: list[Json]) -> list[str]:
    return [g["id"] for g in groups if g.get("status_code") == 503 or "timed out" in g["title"]]


def _certificate(groups: list[Json]) -> str:
    return next((g["id"] for g in groups if "certificate" in g["title"]), "g_00000000")


def _corrected(t: Truth) -> Iterator[Question]:
    creates = [w for w in t.last(14, source="transflo", resource="user") if w.operation_type == "create"]
    became = t.outcomes(failed(creates))
    yield Question(
        id="creates-sent-again-corrected",
        who="support engineer",
        text="Drivers whose create failed at transflo in 14 days: how many were created later, how many are still missing?",
        call=call(
            "summarize_failures", source_name="transflo", resource="user", operation="create", from_datetime="-14d"
        ),
        facts=facts((len(became["recovered"]), len(became["unresolved"]))),
        read=together("totals.records.recovered", "totals.records.unresolved"),
    )
    mended = next(w for w in reversed(became["recovered"]) if w.cause == "phone")
    later = t.story(mended.record.key)
    yield Question(
        id="story-of-a-corrected-create",
        who="support engineer",
        text=f"The create {mended.id} failed. What became of this driver: the state now, and the id of the write that worked?",
        call=call(TRACE, resource="user", operation_id=mended.id),
        facts=facts((Said("in_sync", "in sync"),), (next(w.id for w in later if w.status == "success"),)),
        read=lambda c: values("state")(c) | each("story", "operation_id", where=lambda s: s["status"] == "success")(c),
        all_clear=True,
    )


def _one_operation(t: Truth) -> Iterator[Question]:
    tried = next(w for w in reversed(failed(t.last(), "night")) if len(w.attempts) == 3)
    yield Question(
        id="one-operation",
        who="support engineer",
        text=f"How many attempts had operation {tried.id}, and with which status code did it end?",
        call=call("get_resource_operation", operation_id=tried.id),
        facts=facts((Said(len(tried.attempts), f"{len(tried.attempts)} attempts"),), (429,)),
        read=values("operation.attempts", "attempts.2.status_code"),
    )
    yield Question(
        id="one-operation-with-its-connection",
        who="copilot",
        text=f"Which kind of record and which fleet is operation {tried.id} (connection {tried.connection.id}) about?",
        call=call("get_resource_operation", operation_id=tried.id, connection_id=tried.connection.id),
        facts=singly([tried.resource, tried.fleet]),
        read=values("operation.resource", "operation.fleet_ref"),
    )
    old = next(iter(t.last(35)))
    yield Question(
        id="an-old-operation",
        who="support engineer",
        text=f"How did operation {old.id} end (status), and when was it created?",
        call=call("get_resource_operation", operation_id=old.id),
        facts=facts((old.status,), (second(old.created),)),
        read=values("operation.status", "operation.created_at"),
    )


def _one_record(t: Truth) -> Iterator[Question]:
    driver = t.world.named["driver"]
    story = t.story(driver.key)
    worked = [w for w in story if w.status == "success"][-1]
    first_bad = next(w for w in story if w.failed and w.created > worked.created)
    yield Question(
        id="is-this-driver-right",
        who="support engineer",
        text=f"Is the driver {driver.source_id} right at gpsinsight? Last success, first failure since, how many writes in 45 days?",
        call=call(TRACE, resource="user", source_id=driver.source_id),
        facts=facts(
            (Said("out_of_sync", "OUT OF SYNC"),),
            (second(worked.created),),
            (second(first_bad.created),),
            (len(story),),
        ),
        read=_head("last_success", "first_failure_since", "writes"),
    )
    truck = t.story(t.world.named["truck"].key)
    yield Question(
        id="how-often-was-it-tried",
        who="support engineer",
        text=f"Vehicle {truck[0].record.resource_id}: how many writes in the last 45 days, how many failed, how many succeeded?",
        call=call(TRACE, resource="vehicle", resource_id=truck[0].record.resource_id),
        facts=facts((len(truck), len(failed(truck)), sum(write.status == "success" for write in truck))),
        read=_counts,
    )
    fine = _untroubled(t)
    yield Question(
        id="in-sync",
        who="account manager",
        text=f"Is vehicle {fine.record.source_id} of FLT-0042 in sync? Name the last write.",
        call=call(TRACE, resource="vehicle", source_id=fine.record.source_id, connection_id=fine.connection.id),
        facts=facts((Said("in_sync", "in sync"),), (fine.id,)),
        read=lambda c: values("state")(c) | facts(*((s["operation_id"],) for s in c["story"][-1:])),
        all_clear=True,
    )
    never = next(w for w in failed(t.last(), "organisation") if len(t.story(w.record.key)) == 1)
    yield Question(
        id="never-written",
        who="support engineer",
        text=f"What is the state of the record that operation {never.id} wrote, and its kind?",
        call=call(TRACE, resource=never.resource, operation_id=never.id),
        facts=facts((Said("never_written", "never written"),), (never.resource,)),
        read=values("state", "record.resource"),
    )


def _untroubled(t: Truth) -> Write:
    """Return the last write of a vehicle that was written before, and worked now."""
    for write in reversed(t.last(fleet="FLT-0042", resource="vehicle", status="success")):
        if write.operation_type == "update" and t.story(write.record.key)[-1] is write:
            return write
    raise LookupError("no vehicle of FLT-0042 is in sync")


def _head(*names: str) -> Any:
    """Read the state and the head of a story, which stands under `head` or beside the state."""

    def read(content: Json) -> Any:
        head = content.get("head") or content
        return values("state")(content) | values(*names)(head)

    return read


def _counts(content: Json) -> Any:
    return together("writes", "failed", "succeeded")(content.get("head") or content)


def _waiting(t: Truth) -> Iterator[Question]:
    old = t.waiting(1)
    yield Question(
        id="pending-for-long",
        who="on-call developer",
        text="How many writes of the last 24 hours hang for over an hour, on which connection, since when the oldest?",
        call=call("summarize_failures"),
        facts=facts((len(old), old[0].connection.id, second(old[0].created))),
        read=together("pending.over_1h", f"pending.mostly.{PLACE}", "pending.oldest_created_at"),
    )
    hanging = t.last(status="pending")
    yield Question(
        id="which-are-pending",
        who="support engineer",
        text="List the ids of all pending writes of the last 24 hours.",
        call=call(LIST, status="pending", detail="ids"),
        facts=singly(write.id for write in hanging),
        read=lambda c: singly(i for place in c.get("ids", ()) for i in place["operation_ids"]),
    )
    cancelled = t.last(2, fleet="ironbridge-demolition", status="cancelled")
    wanted = singly(write.id for write in cancelled)
    yield Question(
        id="which-are-cancelled",
        who="support engineer",
        text="List the ids of ironbridge-demolition's cancelled writes of the last two days.",
        call=call(LIST, status="cancelled", detail="ids", fleet_refs=["ironbridge-demolition"], from_datetime="-2d"),
        facts=wanted,
        read=anywhere(wanted),
    )
