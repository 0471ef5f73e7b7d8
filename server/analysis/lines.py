"""Causes in short: a line each where more are asked for than can be told in full, and going on behind one."""

from typing import TypeVar

import polars as pl

from ..catena.outside import said_back
from ..causes.memory import Memory
from ..errors import BadArgument
from .records import outcomes
from .results import Brief, Line, Other
from .summary_results import Group

MOST_BRIEFS = 3

_V = TypeVar("_V")
_Ordered = list[tuple[str, _V]]


def split_behind(
    ordered: _Ordered[_V], behind: str | None, memory: Memory | None = None
) -> tuple[_Ordered[_V], _Ordered[_V]]:
    """Return the causes up to the one `behind` which to go on, and those that follow it.

    Raises:
        BadArgument: It is none of these.
    """
    if not behind:
        return [], ordered
    name = (memory and memory.resolve(behind)) or behind
    for number, (cause, _) in enumerate(ordered, 1):
        if cause == name:
            return ordered[:number], ordered[number:]
    raise BadArgument(
        f"from_group {said_back(behind)} is no cause of this window and these filters. Pass the id of the last cause "
        "that was told, with the same window and filters, or leave it out to begin with the largest."
    )


def brief_of(name: str, failures: pl.DataFrame) -> Brief:
    members = failures.filter(pl.col("group") == name)
    title, source = members.select(pl.col("title").min(), pl.col("source_name").first()).row(0)
    return Brief(id=name, source_name=source, title=title, count=len(members))


def lines_of(names: list[str], failures: pl.DataFrame) -> list[Line]:
    """Return a line for each of some causes, in the order of their names here."""
    members = failures.filter(pl.col("group").cast(pl.String).is_in(names))
    unresolved = {str(row["group"]): row["unresolved"] for row in outcomes(members).iter_rows(named=True)}
    last = members.group_by(pl.col("group").cast(pl.String).alias("id")).agg(
        pl.len().alias("count"),
        pl.col("created_at").max().alias("last_seen"),
        pl.col("title").min(),
        *(pl.col(name).first() for name in ("source_name", "error_type", "status_code")),
    )
    told = {row["id"]: Line(**row, unresolved=unresolved[row["id"]]) for row in last.iter_rows(named=True)}
    return [told[name] for name in names]


def line_of(group: Group) -> Line:
    """Return a cause that was told in full as a line."""
    same = {name: getattr(group, name) for name in Line.model_fields if name != "unresolved"}
    return Line(**same, unresolved=group.outcome.unresolved)


def one_more(other: Other, group: Group) -> Other:
    """Return what is left out once `group`, the smallest that was shown, is left out too."""
    brief = Brief(id=group.id, source_name=group.source_name, title=group.title, count=group.count)
    return other.model_copy(
        update={
            "groups": other.groups + 1,
            "count": other.count + group.count,
            "largest": [brief, *other.largest][:MOST_BRIEFS],
        }
    )
