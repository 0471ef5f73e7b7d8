"""From rows to causes: totals, groups, pending and timeline of the failures in a window."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import polars as pl

from ..catena.outside import Outside
from ..catena.vocabulary import STATUSES
from ..causes.families import fillers
from ..causes.guidance import Evidence, guidance_for
from ..causes.memory import Memory
from ..causes.signatures import varying
from .causes import Causes, by_cause, causes_in
from .contrast import Counts, concentration_of, counted, counted_by_group
from .counting import by_text, counts_by_group
from .folded import Closer, number_of, operations_in, story_of, to_the_moment
from .lines import MOST_BRIEFS, brief_of, lines_of, split_behind
from .notices import notices_of
from .records import outcomes, records_of, with_records
from .recovery import working_again
from .results import Line, Other, Records, Totals
from .summary_results import Affected, Example, Group, Outcome, Pending, Slot, SlotValue, Waiting
from .timeline import onset_of, shape_of, trend_of

MOST_NAMED = 3
MOST_CONNECTIONS = 1
"""Named beside the count; an id of 36 characters costs as much as a sentence."""

MOST_SLOTS = 2
SLOT_LONGEST = 40

ENDED = ("success", "failed")

_NOT_TOLD = ("updated_at", "attempts", "failed_attempts")
_OF_MEMBERS = [
    "id",
    "created_at",
    "connection_id",
    "source_name",
    "error_type",
    "status_code",
    "group",
    "title",
    "message",
]
"""Of a million operations each column that is carried along costs megabytes, several times."""

_K = TypeVar("_K", str, tuple[str, str])


OF_CAUSES = "all operations, but as failed only those that failed of the causes in `group`"


def totals_of(frame: pl.DataFrame, *, of_causes: bool = False) -> Totals:
    """Count operations by status; `of_causes` where only failures of some causes count as failed."""
    by_status = by_text(frame, "status")
    failed = by_status.get("failed", 0)
    operations = operations_in(frame)
    retried = frame.select(((pl.col("status") == "success") & (pl.col("failed_attempts") > 0)).sum()).item()
    return Totals(
        operations=operations,
        success=by_status.get("success", 0),
        failed=failed,
        pending=by_status.get("pending", 0),
        unknown_status=sum(count for status, count in by_status.items() if status not in STATUSES) or None,
        failure_rate=round(failed / operations, 4) if operations else 0.0,
        retried_successes=retried,
        covers=OF_CAUSES if of_causes else None,
    )


def pending_of(frame: pl.DataFrame, as_of: datetime) -> Pending:
    """Count the operations without an end, by age at `as_of`."""
    pending = frame.filter(pl.col("status") == "pending")
    created, oldest = pending["created_at"], pending["created_at"].min()
    hour_ago = as_of - timedelta(hours=1)
    return Pending(
        count=len(created),
        oldest_created_at=oldest if isinstance(oldest, datetime) else None,
        over_1h=int((created < hour_ago).sum()),
        still_trying=frame.select(((pl.col("status") == "pending") & (pl.col("failed_attempts") > 0)).sum()).item(),
        mostly=_waiting(pending.filter(pl.col("created_at") < hour_ago)),
    )


def _waiting(pending: pl.DataFrame) -> Waiting | None:
    """Return the connection on which at least half of some operations wait."""
    places = pending.group_by(pl.col("connection_id", "source_name", "fleet_ref").cast(pl.String)).len()
    if places.is_empty():
        return None
    connection, source, fleet, count = places.sort("len", "connection_id", descending=[True, False]).row(0)
    if 2 * count < len(pending):
        return None
    return Waiting(source_name=source, fleet_ref=fleet or None, connection_id=connection, count=count)


class Told(NamedTuple):
    """The largest causes in full, those after them on a line each, what neither tells, and the records of all."""

    groups: list[Group]
    other: Other
    more: list[Line]
    records: Records
    notices: list[str]


def groups_of(
    frame: pl.DataFrame,
    start: datetime,
    end: datetime,
    *,
    most: int,
    lines: int = 0,
    behind: str | None = None,
    memory: Memory | None = None,
    only: Collection[str] = (),
    later: pl.DataFrame | None = None,
    closers: tuple[Closer | None, Closer | None] = (None, None),
) -> Told:
    """Return the causes of failures by size, from the one `behind` which to go on: `most` in full, then so many `lines`.

    Of the causes in `only` where it has any. `later`: what followed the window, for what became of its records.
    `closers` of both: where rows stand for several operations.

    Raises:
        BadArgument: The cause to go on behind is none of these.
    """
    causes = causes_in(frame, memory=memory)
    failed = by_cause(frame.filter(pl.col("status") == "failed").drop(_NOT_TOLD), causes)
    asked = pl.col("group").cast(pl.String).is_in(list(only)) if only else pl.lit(value=True)
    failed = failed.filter(asked)
    following = ((frame, closers[0]), (later, closers[1]))
    failures = with_records(failed, story_of(failed, *following))
    ordered = sorted(by_text(failures, "group").items(), key=lambda pair: (-pair[1], pair[0]))
    before, ordered = split_behind(ordered, behind, memory)
    told = failures.filter(pl.col("group").cast(pl.String).is_in([name for name, _ in ordered[:most]]))
    working = working_again(told, *following)
    whole = _Whole(frame, told, (start, end), causes, len(failures), working, closers[0])
    groups = [_group(name, whole) for name, _ in ordered[:most]]
    more = lines_of([name for name, _ in ordered[most : most + lines]], failures)
    left = ordered[most + lines :]
    briefs = [brief_of(name, failures) for name, _ in left[:MOST_BRIEFS]]
    count = sum(count for _, count in [*before, *left])
    other = Other(groups=len(before) + len(left), count=count, before=len(before) or None, largest=briefs)
    return Told(groups, other, more, records_of(failures), notices_of(failures, frame, start, end))


class _Whole:
    """What the groups that are told share: the operations of the window, counted once, and how to tell of them."""

    def __init__(
        self,
        frame: pl.DataFrame,
        told: pl.DataFrame,
        window: tuple[datetime, datetime],
        causes: Causes,
        failed: int,
        working: Mapping[str, tuple[int, datetime]],
        closer: Closer | None,
    ) -> None:
        self.frame, self.closer = frame, closer
        self.failed, self.window, self.causes, self.working = failed, window, causes, working
        self.counts, self.operations = counted(frame), operations_in(frame)
        self.cured = _cured(frame, causes)
        in_order = told.select(_OF_MEMBERS).sort("created_at", "id")
        parts = in_order.partition_by("group", as_dict=True, maintain_order=True)
        self.members = {str(key[0]): part for key, part in parts.items()}
        self.counts_of = counted_by_group(told)
        self.records = {str(row["group"]): row for row in outcomes(told).iter_rows(named=True)}
        self.messages = counts_by_group(told, pl.col("message"))
        self.skeletons = counts_by_group(told, pl.col("skeleton"))
        self.evidence = _evidence(self)


def _cured(frame: pl.DataFrame, causes: Causes) -> Counter[str]:
    """Count by cause the operations that met it and went through."""
    family = dict(zip(causes.signatures, causes.families, strict=True))
    found: Counter[str] = Counter()
    for signature, count in by_text(
        frame.select("group", "status").filter(pl.col("status") == "success"), "group"
    ).items():
        found[family[signature]] += count
    return found


def _group(name: str, whole: _Whole) -> Group:
    window = whole.window
    members, counts, records = whole.members[name], whole.counts_of[name], whole.records[name]
    connections = _top(counts, "connection", MOST_CONNECTIONS)
    # The example lies on the connection that is named, so that one id serves both.
    named = members.filter(pl.col("connection_id") == connections[0]) if connections else members
    example = named.row(-1, named=True)
    guidance = guidance_for(
        example["source_name"],
        example["error_type"],
        example["status_code"],
        example["title"] + " " + example["message"],
        whole.evidence[name],
    )
    # What is wrong with a payload never kept other writes of its connection from working.
    of_payload = guidance.owner == "partner" and guidance.retryable is False
    working, works_since = (None, None) if of_payload else whole.working.get(name, (None, None))
    moments = members["created_at"]
    began = onset_of(moments, *window)
    return Group(
        id=name,
        formerly=whole.causes.formerly(name),
        title=example["title"],
        source_name=example["source_name"],
        error_type=example["error_type"],
        status_code=example["status_code"],
        count=len(members),
        share=round(len(members) / whole.failed, 3),
        first_seen=moments[0],
        began=began,
        last_seen=moments[-1],
        over_time=shape_of(moments, *window),
        trend=trend_of(moments.filter(moments >= began) if began else moments, *window),
        affected=_affected(counts, records["records"]),
        top_fleets=_top(counts, "fleet", MOST_NAMED),
        top_connections=connections,
        outcome=_outcome(records, told_last=working is None),
        working=working,
        works_since=works_since,
        retryable=guidance.retryable,
        owner=guidance.owner,
        advice=guidance.advice,
        concentration=concentration_of(counts, len(members), whole.counts, whole.operations),
        varies=_varies(name, whole),
        example=Example(
            operation_id=example["id"],
            connection_id=example["connection_id"],
            message=example["message"] or "no message",
        ),
    )


def _outcome(records: Mapping[str, Any], *, told_last: bool) -> Outcome:
    told = {name: records[name] for name in Outcome.model_fields} | {"exist": records["exist"] or None}
    return Outcome(**told if told_last else told | {"recovered_at": None})


def _evidence(whole: _Whole) -> dict[str, Evidence]:
    """Count for each group what retries did, and how other connections of the TSP fared while the cause went on."""
    fared: list[pl.Expr] = []
    moments = {members["created_at"][at] for members in whole.members.values() for at in (0, -1)}
    frame = to_the_moment(whole.frame, whole.closer, moments)
    for name, members in whole.members.items():
        touched = pl.Series(list(whole.counts_of[name]["connection"]), dtype=pl.Categorical).implode()
        others = (
            (pl.col("source_name") == members["source_name"][0])
            & pl.col("created_at").is_between(members["created_at"][0], members["created_at"][-1])
            & pl.col("connection_id").is_in(touched).not_()
        )
        fared += [number_of(frame, others & (pl.col("status") == status)).alias(f"{name} {status}") for status in ENDED]
    counts = frame.lazy().select(fared).collect(engine="streaming").row(0, named=True) if fared else {}
    found = {}
    for name, members in whole.members.items():
        cured = whole.cured.get(name, 0)
        fine, failed = (counts[f"{name} {status}"] for status in ENDED)
        found[name] = Evidence(met=cured + len(members), cured=cured, others=fine + failed, others_fine=fine)
    return found


def _affected(counts: Counts, records: int) -> Affected:
    return Affected(
        records=records,
        fleets=len(counts["fleet"]),
        connections=len(counts["connection"]),
        resources=counts["resource"],
    )


def _top(counts: Counts, dimension: str, most: int) -> list[str]:
    return list(counts[dimension])[:most]


def _varies(name: str, whole: _Whole) -> list[Slot]:
    """Tell the parts of the message that take a few values; one that differs nearly every time is an id.

    The template is the family's: names that its signatures hold apart vary too.
    """
    template = whole.causes.templates[name]
    slots: defaultdict[tuple[bool, int], Counter[tuple[str, str]]] = defaultdict(Counter)
    for message, count in sorted(whole.messages[name]):
        for position, part in enumerate(varying(message)):
            slots[False, position][part] += count
    for skeleton, count in whole.skeletons[name]:
        for position, part in enumerate(fillers(skeleton, template)):
            slots[True, position][part] += count
    told = [_slot(parts) for _, parts in sorted(slots.items()) if _tells(parts)]
    return told[:MOST_SLOTS]


def _slot(parts: Counter[tuple[str, str]]) -> Slot:
    (word, _), _ = _most_common(parts)[0]
    values: Counter[str] = Counter()
    for (_, value), count in parts.items():
        values[Outside(value, SLOT_LONGEST).text] += count  # what is masked alike counts together
    return Slot(
        slot=word,
        top=[SlotValue(value=v, count=n) for v, n in _most_common(values)[:MOST_NAMED]],
    )


def _tells(parts: Counter[tuple[str, str]]) -> bool:
    return 2 <= len(parts) <= parts.total() / 2 and parts.most_common(1)[0][1] >= parts.total() / 20


def _most_common(counts: Counter[_K]) -> list[tuple[_K, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
