"""What is small and grave, or the same behind several causes: a few lines, each with its evidence.

Rules are few and strict: a line that says nothing costs the trust in the next one. All counts are exact, ties go by name,
and nothing depends on the order of rows.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from math import sqrt

import polars as pl

from ..catena.outside import Ref, quote
from .counting import counts_of
from .folded import operations_in

MOST_NOTICES = 3
QUOTED_LONGEST = 90

NEW_WITHIN = timedelta(hours=1)
FEWEST_NEW = 3
LONG_BEFORE = timedelta(hours=3)
"""A cause is called new only where the window shows so much of the time before it, without it."""

FEWEST_OF_A_RECORD = 5
MOST_OF_A_CAUSE = 0.5

FEWEST_THROUGH = 12
FEWEST_CAUSES, FEWEST_OF_EACH = 3, 3
HOLDS = 0.5
TIMES_AS_OFTEN = 3.0

FEWEST_IN_PATTERN, FEWEST_DAYS = 20, 3
PATTERN_SHARE = 0.8
PATTERN_HOURS = 3
CERTAIN = 4.0
"""Standard errors; eight places of the day and many causes are looked at."""

GRAVE = (
    r"(?i)\b(?:(?:vehicle|unit|truck|trailer|tractor|condition|inspection|dvir)\W+(?:\w+\W+){0,3}not[ _-]safe"
    r"|not[ _-]safe to (?:drive|operate)|unsafe (?:to|vehicle|condition|defect)\w*|(?:major|critical|safety)[ _-]?(?:related )?defects?"
    r"|(?:placed|vehicle|unit|truck|trailer|tractor)(?: is| was)? out[ -]of[ -]service|do not (?:drive|operate)"
    r"|brakes|brakes? (?:fail|fault|defect|inoperative|leak|worn)\w*)\b"
)
"""Words of inspections for a vehicle that must not drive. `brake` alone is the name of a field or a part."""

NAMES = r"\b(?:[A-Za-z]+(?:_[A-Za-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+|v?\d+\.\d+\.\d+)\b"
"""Names of fields and versions in a message: words of a release, not of a language."""

PLACES = {"connection_id": "connection", "fleet_ref": "fleet", "resource": "resource"}
"""What several causes may have in common. A TSP is no find: causes are of one each."""


def notices_of(failures: pl.DataFrame, frame: pl.DataFrame, start: datetime, end: datetime) -> list[str]:
    """Return at most three lines on failures with `group`, `title` and `record`, the gravest kind first.

    `frame`: all operations that were read, of `start` to `end`.
    """
    failures = failures.sort("created_at", "id")
    kinds = (
        _grave(failures),
        _new(failures, start, end),
        _through(failures, frame),
        _one_record(failures),
        _hours(failures, frame, start, end),
    )
    return list(islice((line for kind in kinds for line in islice(kind, 1)), MOST_NOTICES))


def _grave(failures: pl.DataFrame) -> Iterator[str]:
    """Tell of defects that keep a vehicle off the road, by the words of the messages."""
    found = failures.filter(pl.col("message").str.contains(GRAVE))
    if len(found):
        last = found.row(-1, named=True)
        records = found["record"].n_unique()
        yield (
            f"Safety: {_times(len(found), 'failure')} on {_times(records, 'record')} {'speaks' if len(found) == 1 else 'speak'} "
            f"of it, last {Ref(last['id'])} ({last['group']}): {quote(_around(last['message']), QUOTED_LONGEST)}."
        )


def _around(message: str) -> str:
    """Return the part of a message around its grave words."""
    met = re.search(GRAVE, message)
    begin = max(0, met.start() - 40) if met else 0
    return message[begin:]


def _new(failures: pl.DataFrame, start: datetime, end: datetime) -> Iterator[str]:
    """Tell of the largest cause that began in the last hour."""
    if end - start < NEW_WITHIN + LONG_BEFORE:
        return
    causes = _by_cause(failures, pl.col("created_at").min().alias("first"))
    new = causes.filter(pl.col("first") >= end - NEW_WITHIN, pl.col("len") >= FEWEST_NEW)
    for group, count, first in new.sort("len", "group", descending=[True, False]).iter_rows():
        yield f"New: {group} began {_minute(first)}, {count:,} failures since, none before in this window."


def _one_record(failures: pl.DataFrame) -> Iterator[str]:
    """Tell of one record that makes most of a cause, where its failures are not few."""
    known = failures.filter(pl.col("known_by") != "payload")
    by = known.group_by(pl.col("group").cast(pl.String), "record").agg(
        pl.len().alias("n"), *(pl.col(name).last() for name in ("id", "resource", "resource_id", "source_id"))
    )
    both = by.join(_by_cause(failures), on="group").filter(
        pl.col("n") >= FEWEST_OF_A_RECORD, pl.col("n") >= MOST_OF_A_CAUSE * pl.col("len")
    )
    for row in both.sort("n", "group", "record", descending=[True, False, False]).iter_rows(named=True):
        name = row["resource_id"] or row["source_id"]
        who = f"{quote(row['resource'])} {Ref(name)}" if name else f"the record of {Ref(row['id'])}"
        yield f"One record: {who} makes {row['n']:,} of the {row['len']:,} failures of {row['group']}, last {Ref(row['id'])}."


def _common(failures: pl.DataFrame, frame: pl.DataFrame) -> Iterator[str]:
    """Tell of one value that is behind several causes, far more often than behind all operations."""
    for column, name in PLACES.items():
        causes = _by_cause(failures.drop_nulls(column))
        value = pl.col(column).cast(pl.String).alias("value")
        by = counts_of(failures.drop_nulls(column), pl.col("group").cast(pl.String), value).rename({"len": "n"})
        of_each = by.join(causes, on="group").filter(
            pl.col("n") >= FEWEST_OF_EACH, pl.col("n") >= HOLDS * pl.col("len")
        )
        through = of_each.group_by("value").agg(pl.len().alias("causes"), pl.col("n").sum())
        through = through.filter(pl.col("causes") >= FEWEST_CAUSES, pl.col("n") >= FEWEST_THROUGH)
        if through.is_empty():
            continue
        usual = counts_of(frame.drop_nulls(column), value).rename({"len": "operations"})
        found = through.join(usual, on="value").filter(
            pl.col("n") / len(failures) >= TIMES_AS_OFTEN * pl.col("operations") / operations_in(frame),
        )
        for value_met, causes_met, count, operations in found.sort("n", "value", descending=[True, False]).iter_rows():
            yield (
                f"Common: {name} {Ref(value_met)} makes at least half of each of {causes_met} causes, {count:,} failures "
                f"({count / len(failures):.0%} of all, with {operations / operations_in(frame):.0%} of operations)."
            )


def _through(failures: pl.DataFrame, frame: pl.DataFrame) -> Iterator[str]:
    yield from _names(failures)
    yield from _common(failures, frame)


def _names(failures: pl.DataFrame) -> Iterator[str]:
    """Tell of a field or a version that the messages of several causes name, of more than one TSP: a release is behind it."""
    told = failures.select(
        pl.col("group", "source_name").cast(pl.String), "id", pl.col("message").str.extract_all(NAMES).alias("name")
    )
    met = told.explode("name").drop_nulls("name").unique(["id", "group", "name"])
    of_each = (
        met.group_by("group", "name", "source_name")
        .agg(pl.len().alias("n"))
        .join(_by_cause(failures), on="group")
        .filter(pl.col("n") >= FEWEST_OF_EACH, pl.col("n") >= HOLDS * pl.col("len"))
    )
    through = of_each.group_by("name").agg(
        pl.len().alias("causes"), pl.col("source_name").n_unique().alias("sources"), pl.col("n").sum()
    )
    found = through.filter(
        pl.col("causes") >= FEWEST_CAUSES, pl.col("sources") > 1, pl.col("n") >= FEWEST_THROUGH
    ).sort("n", "name", descending=[True, False])
    for name, causes, sources, count in found.iter_rows():
        yield f"Common: {quote(name, 40)} is in the messages of {causes} causes at {sources} TSPs, {count:,} failures."


def _hours(failures: pl.DataFrame, frame: pl.DataFrame, start: datetime, end: datetime) -> Iterator[str]:
    """Tell of a cause that comes at the same time of day on several days, although operations come at all times."""
    if end - start < timedelta(days=FEWEST_DAYS):
        return
    place = (pl.col("created_at").dt.hour() // PATTERN_HOURS).alias("place")
    by = failures.group_by(pl.col("group").cast(pl.String), place).agg(
        pl.len().alias("n"), pl.col("created_at").dt.date().n_unique().alias("days")
    )
    both = by.join(_by_cause(failures), on="group").filter(
        pl.col("n") >= FEWEST_IN_PATTERN, pl.col("days") >= FEWEST_DAYS, pl.col("n") >= PATTERN_SHARE * pl.col("len")
    )
    usual = {} if both.is_empty() else dict(counts_of(frame, place).iter_rows())
    for group, at, count, days, in_all in both.sort("n", "group", descending=[True, False]).iter_rows():
        expected = usual.get(at, 0) / operations_in(frame)
        if (count / in_all - expected) / sqrt(expected * (1 - expected) / in_all + 1e-12) >= CERTAIN:
            yield (
                f"Time of day: {count:,} of the {in_all:,} failures of {group} came from {at * PATTERN_HOURS:02}:00 to "
                f"{(at + 1) * PATTERN_HOURS:02}:00 UTC, on {days} days; {expected:.0%} of operations do."
            )


def _by_cause(failures: pl.DataFrame, *and_of: pl.Expr) -> pl.DataFrame:
    return counts_of(failures, pl.col("group").cast(pl.String), and_of=and_of)


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"
