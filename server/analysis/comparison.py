"""Two windows side by side: which causes are new, gone, worse, better or the same. Small numbers are no change."""

import math
from collections.abc import Callable
from datetime import datetime

import polars as pl

from ..causes.memory import Memory
from .causes import by_cause, causes_in
from .comparison_results import Change, Compared, Rates
from .failures import totals_of
from .folded import operations_in

CERTAIN = 1.96
"""Standard errors between two shares from which on chance explains it in fewer than 5 of 100 cases."""

FEWEST = 50
"""Operations a window needs before anything is said of its share of failures."""

ORDER = ("new", "worse", "gone", "better", "same")


def rates_of(frame: pl.DataFrame) -> Rates:
    """Return operations, failures and their share."""
    totals = totals_of(frame)
    return Rates(operations=totals.operations, failed=totals.failed, failure_rate=totals.failure_rate)


def change_of(count: int, of: int, before: int, of_before: int) -> Change:
    """Return what became of a share: `count` of `of` now, `before` of `of_before` in the baseline.

    A two-proportion test at 95 %: what it does not tell apart is `same`.
    """
    if not of or not of_before:
        return "same"
    pooled = (count + before) / (of + of_before)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before))
    difference = count / of - before / of_before
    if error == 0 or abs(difference) < CERTAIN * error:
        return "same"
    if difference > 0:
        return "new" if before == 0 else "worse"
    return "gone" if count == 0 else "better"


def compared(now: pl.DataFrame, before: pl.DataFrame, *, memory: Memory | None = None) -> list[Compared]:
    """Return every cause of either window with both rates, changes first and the largest difference first."""
    known = causes_in(now, before, memory=memory)
    now, before = by_cause(now, known), by_cause(before, known)
    counts, earlier = _counts(now), _counts(before)
    of, of_before = operations_in(now), operations_in(before)
    first, last = _seen(now, pl.Expr.min), _seen(before, pl.Expr.max) | _seen(now, pl.Expr.max)
    causes = (
        pl.concat([now, before], how="diagonal")
        .filter(pl.col("status") == "failed")
        .sort("title", "id")
        .unique("group", keep="first")
    )
    found = []
    for cause in causes.iter_rows(named=True):
        count, count_before = counts.get(cause["group"], 0), earlier.get(cause["group"], 0)
        found.append(
            Compared(
                id=cause["group"],
                formerly=known.formerly(cause["group"]),
                title=cause["title"],
                source_name=cause["source_name"],
                error_type=cause["error_type"],
                status_code=cause["status_code"],
                change=(change := change_of(count, of, count_before, of_before)),
                since=first.get(cause["group"]) if change in ("new", "worse") else None,
                last_seen=last[cause["group"]],
                count=count,
                baseline_count=count_before,
                rate=_rate(count, of),
                baseline_rate=_rate(count_before, of_before),
            )
        )
    return sorted(found, key=lambda c: (ORDER.index(c.change), -abs(c.rate - c.baseline_rate), c.id))


def verdict_of(now: Rates, before: Rates, causes: list[Compared]) -> str:
    """Say in one line whether things are worse, and which kinds of change there are."""
    if min(now.operations, before.operations) < FEWEST:
        return (
            f"Too few operations to compare: {now.operations:,} now, {before.operations:,} in the baseline. "
            "Choose windows that hold more (baseline_from, baseline_to)."
        )
    overall = change_of(now.failed, now.operations, before.failed, before.operations)
    word = {"same": "No change overall", "new": "Worse", "worse": "Worse", "gone": "Better", "better": "Better"}[
        overall
    ]
    kinds = [
        f"{sum(c.change == kind for c in causes)} {kind}" for kind in ORDER if any(c.change == kind for c in causes)
    ]
    return (
        f"{word}: {now.failed:,} of {now.operations:,} operations failed ({now.failure_rate * 100:.1f} %), "
        f"{before.failed:,} of {before.operations:,} in the baseline ({before.failure_rate * 100:.1f} %). "
        f"Causes: {', '.join(kinds) or 'none'}."
    )


def _counts(frame: pl.DataFrame) -> dict[str, int]:
    failed = frame.filter(pl.col("status") == "failed")
    return dict(failed.group_by(pl.col("group").cast(pl.String)).len().iter_rows())


def _seen(frame: pl.DataFrame, which: Callable[[pl.Expr], pl.Expr]) -> dict[str, datetime]:
    failed = frame.filter(pl.col("status") == "failed")
    return dict(failed.group_by(pl.col("group").cast(pl.String)).agg(which(pl.col("created_at"))).iter_rows())


def _rate(count: int, of: int) -> float:
    return round(count / of, 5) if of else 0.0
