"""What a summary of failures answers."""

from pydantic import Field

from ..catena.outside import Outside, Ref
from .results import Answer, CoverageRead, Line, Moment, Other, Part, Result, Title, Totals


class Affected(Result):
    """Whom a group hits; `resources` counts its failures by resource."""

    records: int
    fleets: int
    connections: int
    resources: dict[Outside, int]


class Outcome(Result):
    """What became of the records of a group, up to now, or to the end of the window where `coverage.note` says so.

    `recovered_at`: when the last of them did, where the group's `works_since` does not tell more. `exist`: unresolved creates, refused because the record exists at the TSP.
    """

    recovered: int
    unresolved: int
    unknown: int
    recovered_at: Moment | None = None
    exist: int | None = None


class Concentration(Result):
    """The one value that is over-represented in a group."""

    dimension: str
    value: Ref
    share_of_failures: float
    share_of_operations: float


class SlotValue(Result):
    """A value and how many failures carry it."""

    value: Part
    count: int


class Slot(Result):
    """A part of the message that differs inside a group."""

    slot: Part
    top: list[SlotValue]


class Example(Result):
    """The latest failure of a group."""

    operation_id: Ref
    connection_id: Ref
    message: Outside


class Group(Result):
    """One cause of failures. `began`: the first after a long stretch without, where `first_seen` is an earlier stray.

    `seen_before`: its failures before the window, as far as a history tells.
    `formerly`: ids of lately that became this one. `over_time`: its failures in each bucket of the timeline, which the
    board draws; no part of the answer. `working`: on how many of its connections writes work again, `works_since` then
    on the last of these; told where it is no matter of each payload.
    """

    id: str
    formerly: list[str] | None = None
    title: Title
    source_name: Outside
    error_type: Outside | None = None
    status_code: int | None = None
    count: int
    share: float
    first_seen: Moment
    began: Moment | None = None
    last_seen: Moment
    seen_before: str | None = None
    over_time: list[int] = Field([], exclude=True)
    trend: str
    affected: Affected
    top_fleets: list[Ref]
    top_connections: list[Ref]
    outcome: Outcome
    working: int | None = None
    works_since: Moment | None = None
    retryable: bool | None = None
    owner: str
    advice: str
    concentration: Concentration | None = None
    varies: list[Slot]
    example: Example


class Waiting(Result):
    """A connection and how many operations wait on it."""

    source_name: Outside
    fleet_ref: Ref | None = None
    connection_id: Ref
    count: int


class Pending(Result):
    """Operations without an end yet; `still_trying` of them have failed attempts behind them.

    `mostly`: the connection on which most of those over an hour old wait.
    """

    count: int
    oldest_created_at: Moment | None = None
    over_1h: int
    still_trying: int
    mostly: Waiting | None = None


class Bucket(Result):
    """One stretch of the timeline."""

    start: Moment
    operations: int
    failed: int


class Timeline(Result):
    """Operations and failures over time."""

    bucket: str
    buckets: list[Bucket]


class Summary(Answer):
    """The failures of a window, grouped by cause."""

    totals: Totals
    notice: list[str] | None = None
    groups: list[Group]
    more: list[Line] | None = None
    other: Other
    pending: Pending
    timeline: Timeline
    coverage: CoverageRead
