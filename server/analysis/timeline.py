"""Failures over time: buckets of whole units, and whether a cause rises, falls, goes on or has stopped."""

import math
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

import polars as pl

from .counting import counts_of
from .summary_results import Bucket, Timeline

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
QUIET_GAPS, QUIET_LONGEST = 3, 2
QUIET_BEFORE = 0.2
MANY_TIMES = 10
_CERTAIN = 1.96
_MICROSECOND = timedelta(microseconds=1)


def timeline_of(frame: pl.DataFrame, start: datetime, end: datetime) -> Timeline:
    """Count operations and failures in buckets from `start` to `end`, empty ones included."""
    if frame.is_empty():
        return Timeline(bucket="1h", buckets=[])
    name, seconds = _unit(start, end)
    at = (pl.col("created_at").dt.epoch("s") // seconds).alias("at")
    failed = (pl.col("status") == "failed").sum().alias("failed")
    counted = {row[0]: row[1:] for row in counts_of(frame, at, and_of=(failed,)).iter_rows()}
    first = int(start.timestamp()) // seconds
    buckets = []
    for number in range(first, first + _buckets(start, end, seconds)):
        operations, failures = counted.get(number, (0, 0))
        moment = datetime.fromtimestamp(number * seconds, start.tzinfo)
        buckets.append(Bucket(start=moment, operations=operations, failed=failures))
    return Timeline(bucket=name, buckets=buckets)


def shape_of(moments: pl.Series, start: datetime, end: datetime) -> list[int]:
    """Count a cause's failures in the buckets that `timeline_of` has for the same stretch."""
    _, seconds = _unit(start, end)
    first = int(start.timestamp()) // seconds
    places = Counter((moments.dt.epoch("s") // seconds).to_list())
    return [places[first + number] for number in range(_buckets(start, end, seconds))]


def _unit(start: datetime, end: datetime) -> tuple[str, int]:
    return next((u for u in _UNITS if _buckets(start, end, u[1]) <= MOST_BUCKETS), _UNITS[-1])


def _buckets(start: datetime, end: datetime, seconds: int) -> int:
    return math.ceil(end.timestamp() / seconds) - int(start.timestamp()) // seconds


def onset_of(moments: pl.Series, start: datetime, end: datetime) -> datetime | None:
    """Return when a cause began anew: its first failure after a long stretch without; None where it just went on.

    `moments` are in order. Long: a fifth of the window, and ten times the median gap, so that a few strays before an
    incident do not hide when it began.
    """
    gaps = _gaps(moments)
    if not gaps:
        return None
    long = max((end - start) / _MICROSECOND * QUIET_BEFORE, median(gaps) * MANY_TIMES)
    place = next((i for i in range(len(gaps) - 1, -1, -1) if gaps[i] >= long), None)
    moment = None if place is None else moments[place + 1]
    return moment if isinstance(moment, datetime) else None


def trend_of(moments: pl.Series, start: datetime, end: datetime) -> str:
    """Return `stopped`, `rising`, `falling` or `steady` for the times of a cause's failures, in order.

    Stopped: quiet for half an hour, and for three times as long as nearly all (95 %) of the gaps before or twice as long
    as any. Rising or falling: the halves of the window differ by more than chance (95 %).
    """
    last, count, gaps = moments[-1], len(moments), sorted(_gaps(moments))
    usual = gaps[math.floor(0.95 * (len(gaps) - 1) + 0.5)] if gaps else 0
    quiet = min(usual * QUIET_GAPS, max(gaps, default=0) * QUIET_LONGEST) * _MICROSECOND
    if end - last > max(SHORTEST_QUIET, quiet):
        return "stopped"
    late = int((moments >= start + (end - start) / 2).sum())
    difference = (late - (count - late)) / math.sqrt(count)
    if abs(difference) < _CERTAIN:
        return "steady"
    return "rising" if difference > 0 else "falling"


def _gaps(moments: pl.Series) -> list[int]:
    """Return the microseconds between moments in order."""
    return [later - sooner for sooner, later in pairwise(moments.to_physical().to_list())]
