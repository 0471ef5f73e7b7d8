"""What a comparison of two windows answers."""

from typing import Literal

from ..catena.outside import Outside
from .results import Answer, CoverageRead, Exact, Moment, Other, Result, Title

Change = Literal["new", "worse", "gone", "better", "same"]


class Rates(Result):
    """Operations and failures of one window."""

    operations: int
    failed: int
    failure_rate: float


class Compared(Result):
    """A cause in two windows: failures, and their share of all operations. `since`: first seen, of a new or worse one.

    `last_seen`: in the window, or else in the baseline. `formerly`: ids of lately that became this one.
    """

    id: str
    formerly: list[str] | None = None
    title: Title
    source_name: Outside
    error_type: Outside | None = None
    status_code: int | None = None
    change: Change
    since: Moment | None = None
    last_seen: Moment
    count: int
    baseline_count: int
    rate: float
    baseline_rate: float


class Baseline(Result):
    """The window compared with. `default`: the one of equal length just before."""

    from_datetime: Exact
    to_datetime: Exact
    default: bool | None = None


class Comparison(Answer):
    """The failures of a window against those of another."""

    baseline: Baseline
    verdict: str
    totals: dict[str, Rates]
    groups: list[Compared]
    other: Other
    coverage: dict[str, CoverageRead]
    complete: bool
    note: str | None = None
