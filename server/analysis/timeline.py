"""Failures over time: buckets of whole units, and whether a cause rises, falls, goes on or has stopped."""

import math
from datetime import datetime, timedelta

import polars as pl

from .results import Bucket, Timeline

MOST_BUCKETS = 13
"""A day in stretches of two hours, wherever it starts; more would cost a summary the room of two causes."""

_UNITS = [
    ("1m", 60),
    ("5m", 300),
    ("15m", 900),
    ("30m", 1800),
    ("1h", 3600),
    ("2h", 7200),
    ("3h", 10_800),
    ("6h", 21_600),
    ("12h", 43_200),
    ("1d", 86_400),
    ("2d", 172_800),
    ("4d", 345_600),
]
SHORTEST_QUIET = timedelta(minutes=30)
QUIET_GAPS = 3
QUIET_BEFORE = 0.2
MANY_TIMES = 10
_CERTAIN = 1.96


def timeline_of(frame: pl.DataFrame, start: datetime, end: datetime) -> Timeline:
    """Count operations and failures in buckets from `start` to `end`, empty ones included."""
    if frame.is_empty():
        return Timeline(bucket="1h", buckets=[])
    name, seconds = next((u for u in _UNITS if _buckets(start, end, u[1]) <= MOST_BUCKETS), _UNITS[-1])
    at = (pl.col("created_at").dt.epoch("s") // seconds).alias("at")
    failed = (pl.col("status") == "failed").sum().alias("failed")
    counted = {row[0]: row[1:] for row in frame.group_by(at).agg(pl.len(), failed).iter_rows()}
    first = int(start.timestamp()) // seconds
    buckets = []
    for number in range(first, first + _buckets(start, end, seconds)):
        operations, failures = counted.get(number, (0, 0))
        moment = datetime.fromtimestamp(number * seconds, start.tzinfo)
        buckets.append(Bucket(start=moment, operations=operations, failed=failures))
    return Timeline(bucket=name, buckets=buckets)


def _buckets(start: datetime, end: datetime, seconds: int) -> int:
    return math.ceil(end.timestamp() / seconds) - int(start.timestamp()) // seconds


def onset_of(moments: pl.Series, start: datetime, end: datetime) -> datetime | None:
    """Return when a cause began anew: its first failure after a long stretch without; None where it just went on.

    Long: a fifth of the window, and ten times the median gap, so that a few strays before an incident do not hide when
    it began.
    """
    ordered = moments.sort()
    gaps = ordered.diff().drop_nulls()
    usual = gaps.median()
    if not isinstance(usual, timedelta):
        return None
    long = gaps >= max((end - start) * QUIET_BEFORE, usual * MANY_TIMES)
    places = long.arg_true().to_list()
    moment = ordered[places[-1] + 1] if places else None
    return moment if isinstance(moment, datetime) else None


def trend_of(moments: pl.Series, start: datetime, end: datetime) -> str:
    """Return `stopped`, `rising`, `falling` or `steady` for the times of a cause's failures, in order.

    Stopped: quiet for half an hour, and for three times as long as nearly all (95 %) of the gaps before. Rising or
    falling: the halves of the window differ by more than chance (95 %).
    """
    last, count = moments.max(), len(moments)
    assert isinstance(last, datetime)
    gap = moments.sort().diff().drop_nulls().quantile(0.95)
    usual = gap if isinstance(gap, timedelta) else timedelta()
    if end - last > max(SHORTEST_QUIET, usual * QUIET_GAPS):
        return "stopped"
    late = int((moments >= start + (end - start) / 2).sum())
    difference = (late - (count - late)) / math.sqrt(count)
    if abs(difference) < _CERTAIN:
        return "steady"
    return "rising" if difference > 0 else "falling"
