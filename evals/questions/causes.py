"""Questions of what fails and why: the largest cause, since when, who must act, what changed, what is grave."""

from collections import Counter
from collections.abc import Callable, Iterator

from ..causes import CAUSES, RELEASE
from ..facts import Json, Said, anywhere, each, facts, singly, together, values
from ..truth import Truth, causes_of, failed, largest_cause, retried, second
from .question import Question, call

SUMMARY = "summarize_failures"


def causes(t: Truth) -> Iterator[Question]:
    """Ask for causes."""
    yield from _now(t)
    yield from _who_must_act(t)
    yield from _changes(t)
    yield from _grave(t)
    yield from _told(t)


def of(source: str, status: int | None = None) -> Callable[[Json], bool]:
    """Find a cause by its TSP and status, where those tell it."""
    return lambda row: row["source_name"] == source and row.get("status_code") == status


def _now(t: Truth) -> Iterator[Question]:
    today = t.last()
    bad = failed(today)
    cause, count = largest_cause(bad)
    of_cause = failed(bad, cause.key)
    yield Question(
        id="largest-cause",
        who="on-call developer",
        text="What is the largest cause of failures in the last 24 hours: TSP, status code, number of failures, first seen?",
        call=call(SUMMARY),
        facts=facts((of_cause[0].source, cause.status or 0, count, second(of_cause[0].created))),
        read=each("groups", "source_name", "status_code", "count", "first_seen", first=1),
    )
    yield Question(
        id="how-much-fails",
        who="on-call developer",
        text="How many writes failed in the last 24 hours, of how many?",
        call=call(SUMMARY),
        facts=facts((len(bad), len(today))),
        read=together("totals.failed", "totals.operations"),
    )
    kinds = len({(write.source, write.cause) for write in bad})
    yield Question(
        id="how-many-causes",
        who="on-call developer",
        text="How many distinct causes of failure are there in the last 24 hours, those of each TSP counted apart?",
        call=call(SUMMARY),
        facts=facts((Said(kinds, f"{kinds} causes"),)),
        read=lambda c: facts((len(c["groups"]) + len(c.get("more", ())) + c["other"]["groups"],)),
    )
    yield Question(
        id="helped-by-retries",
        who="on-call developer",
        text="How many writes of the last seven days went through only after failed attempts?",
        call=call(SUMMARY, from_datetime="-7d"),
        facts=singly([len(retried(t.last(7)))]),
        read=values("totals.retried_successes"),
    )
    mixed = t.last(14, source="netradyne")
    codes = causes_of(failed(mixed))
    yield Question(
        id="causes-of-one-tsp",
        who="support engineer",
        text="Which status codes did netradyne fail with in the last 14 days, how often each?",
        call=call("break_down_failures", by="status_code", source_name="netradyne", from_datetime="-14d"),
        facts=facts(*((CAUSES[key].status or 0, count) for key, count in codes.items())),
        read=each("rows", "key.status_code", "failed"),
    )


def _who_must_act(t: Truth) -> Iterator[Question]:
    stale = failed(t.last(4), "session")
    owners = (
        ("right", "traccar", 400),
        ("down", "mapon", 503),
        ("night", "linxup", 429),
        ("session", "eroad", 401),
        ("class_skybitz", "skybitz", 500),  # the TSP stumbles over a value that the partner's release got wrong
    )
    place = stale[0].connection.id
    yield Question(
        id="since-when-signed-out",
        who="support engineer",
        text="Since when does eroad refuse the sign-in of southern-cross-haulage, on which connection, how often in 4 days?",
        call=call(SUMMARY, source_name="eroad", fleet_refs=["southern-cross-haulage"], from_datetime="-4d"),
        facts=facts((second(stale[0].created), len(stale), place)),
        read=each("groups", "first_seen", "count", "example.connection_id", where=of("eroad", 401)),
    )
    for key, source, status in owners:
        owner = CAUSES[key].owner
        yield Question(
            id=f"who-acts-{key}",
            who="copilot",
            text=f"{source} fails with status {status} in the last three days: who has to act (partner, fleet, tsp or catena)?",
            call=call(SUMMARY, source_name=source, from_datetime="-3d"),
            facts=facts((source, status, Said(owner, f"Owner: {owner}"))),
            read=each("groups", "source_name", "status_code", "owner", where=of(source, status)),
        )
    yield Question(
        id="does-a-retry-help",
        who="copilot",
        text="Does sending again help against linxup's rate limit of the last seven days (true or false)?",
        call=call(SUMMARY, source_name="linxup", from_datetime="-7d"),
        facts=facts((429, Said(True, "retry helps"))),
        read=each("groups", "status_code", "retryable", where=of("linxup", 429)),
    )


def _changes(t: Truth) -> Iterator[Question]:
    now, before = failed(t.last()), failed(t.last(2, until=1))
    yield Question(
        id="worse-than-yesterday",
        who="on-call developer",
        text="Is it worse, better or the same as the day before? How many failed then and now?",
        call=call("compare_failures"),
        facts=facts(("Worse", len(now), len(before))),
        read=lambda c: facts(
            (c["verdict"].split(":")[0], c["totals"]["window"]["failed"], c["totals"]["baseline"]["failed"])
        ),
    )
    counts, earlier = causes_of(now), causes_of(before)
    fresh = [key for key, count in counts.items() if count >= 6 and not earlier[key]]
    yield Question(
        id="new-since-yesterday",
        who="on-call developer",
        text="Which causes with six failures or more are new in the last 24 hours? TSP and number of each.",
        call=call("compare_failures"),
        facts=facts(*((_source(t, key), counts[key]) for key in fresh)),
        read=each("groups", "source_name", "count", where=lambda row: row["change"] == "new" and row["count"] >= 6),
    )
    gone = [key for key, count in earlier.items() if count >= 6 and not counts[key]]
    yield Question(
        id="gone-since-yesterday",
        who="on-call developer",
        text="Which causes with six failures or more of the day before are gone today? TSP and number of each then.",
        call=call("compare_failures"),
        facts=facts(*((_source(t, key), earlier[key]) for key in gone)),
        read=each(
            "groups",
            "source_name",
            "baseline_count",
            where=lambda row: row["change"] == "gone" and row["baseline_count"] >= 6,
        ),
    )
    recent = failed(t.last(1 / 24), "certificate")
    yield Question(
        id="began-within-the-hour",
        who="on-call developer",
        text="Which TSP has a trouble with at least three failures that began within the last hour, since when, how many?",
        call=call("compare_failures", from_datetime="-1h", baseline_from="-25h", baseline_to="-1h"),
        facts=facts((recent[0].source, second(recent[0].created), len(recent))),
        read=each(
            "groups", "source_name", "since", "count", where=lambda row: row["change"] == "new" and row["count"] > 2
        ),
    )


def _source(t: Truth, key: str) -> str:
    return failed(t.last(2), key)[0].source


def _grave(t: Truth) -> Iterator[Question]:
    unsafe = failed(t.last(), "brakes")
    yield Question(
        id="safety",
        who="account manager",
        text="Is anything of the last 24 hours critical for safety? Which TSP refused it, and how many such writes failed?",
        call=call(SUMMARY, max_groups=50),
        facts=facts((unsafe[0].source, 422, len(unsafe))),
        read=each("groups|more", "source_name", "status_code", "count", where=of("netradyne", 422)),
    )
    noticed = facts(("not safe to operate",))
    yield Question(
        id="safety-is-noticed",
        who="copilot",
        text="What fails today, and what is small but grave? Quote the words of the TSP.",
        call=call(SUMMARY),
        facts=noticed,
        read=lambda content: anywhere(noticed)({"notice": content.get("notice")}),
    )
    released = [w for w in failed(t.last()) if w.payload.get("vehicle_class") == RELEASE and "class" in w.cause]
    through = facts((RELEASE, len(released)))
    yield Question(
        id="bad-release",
        who="on-call developer",
        text="Does one value of ours run through several causes today? Which value, and how many failures has it?",
        call=call(SUMMARY),
        facts=through,
        read=lambda content: anywhere(through)({"notice": content.get("notice")}),
    )
    per_tsp = Counter(write.source for write in released)
    yield Question(
        id="bad-release-by-tsp",
        who="on-call developer",
        text=f"How many failures that name {RELEASE} did gpsinsight, linxup and skybitz send in the last 24 hours?",
        call=call("break_down_failures", by="cause", resource="vehicle", most=30),
        facts=facts(*((RELEASE, source, count) for source, count in per_tsp.items())),
        read=lambda content: facts(
            *(_named(row) for row in content["rows"] if RELEASE in row["key"]["cause"]["title"])
        ),
    )
    stubborn = failed(t.story(t.world.named["truck"].key))
    yield Question(
        id="one-record-again-and-again",
        who="support engineer",
        text="At tenna one vehicle makes most failures of the last 24 hours: which (Catena's id), and how many?",
        call=call("break_down_failures", by="record", source_name="tenna", most=3),
        facts=facts((stubborn[0].record.resource_id, len(stubborn))),
        read=each("rows", "key.record.id", "failed", first=1),
    )


def _named(row: Json) -> tuple[str, str, int]:
    return RELEASE, row["key"]["cause"]["source_name"], row["failed"]


def _told(t: Truth) -> Iterator[Question]:
    down = failed(t.last(2), "down")
    yield Question(
        id="what-to-tell-the-tsp",
        who="support engineer",
        text="I write to mapon's support about the 503s of the last two days: how many, from when to when?",
        call=call(SUMMARY, source_name="mapon", from_datetime="-2d"),
        facts=facts((503, len(down), second(down[0].created), second(down[-1].created))),
        read=each("groups", "status_code", "count", "first_seen", "last_seen", where=of("mapon", 503)),
    )
    fixed = failed(t.last(4), "odometer")
    yield Question(
        id="is-it-fixed",
        who="account manager",
        text="gpsinsight refused odometers (422, 'odometer_km'): is that over in the last four days, when was the last one?",
        call=call(SUMMARY, source_name="gpsinsight", from_datetime="-4d"),
        facts=facts((len(fixed), second(fixed[-1].created), Said("stopped", "stopped"))),
        read=each("groups", "count", "last_seen", "trend", where=lambda row: "odometer" in row["title"]),
    )
    japanese = facts(("文字以内で入力してください",))
    yield Question(
        id="in-the-words-of-the-tsp",
        who="support engineer",
        text="What exactly does orbcomm answer to sakura-haulage's drivers in the last seven days (end of the sentence)?",
        call=call(SUMMARY, source_name="orbcomm", from_datetime="-7d"),
        facts=japanese,
        read=anywhere(japanese),
    )
    silent = failed(t.last(14, source="nextraq"), "mute")
    yield Question(
        id="without-a-word",
        who="support engineer",
        text="How many failures of nextraq in the last 14 days came with no message at all (status 500)?",
        call=call(SUMMARY, source_name="nextraq", from_datetime="-14d"),
        facts=facts((500, len(silent))),
        read=each("groups|more", "status_code", "count", where=of("nextraq", 500)),
    )
