"""Which operations are of one record: ids first, then fields of the payload that agree, then an identical payload.

Ids are never guessed. The others lead to the ids of another write where exactly one record of the place has the value; one
that several have leads nowhere. Nothing depends on the order of rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import polars as pl

from .marks import KIND_BITS, WEIGHTS

PLACE = ("connection_id", "resource")
IDS = ("resource_id", "source_id")
KNOWN_BY = (*IDS, "field", "payload")
"""What makes operations on one connection and resource one record: the first of these that tells."""

_KNOWN_BY = pl.Enum(KNOWN_BY)

IDENTIFYING = ("id", *PLACE, *IDS, "payload", "marks")
"""What is asked of rows."""

MOST_SHARING = 16
"""Different sets of marks that may have one in common before it identifies nothing: nobody corrects a record so often."""


def identified(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows, in their order, with the name of the `record` that each is of, and what it is `known_by`.

    `rows` are all that share an id, a mark or a payload with those that matter. What nothing identifies is a record of
    its own, known by nothing.
    """
    rows = rows.with_columns(_named("r", pl.col("resource_id")).alias("record"))
    rows = _led(rows, "source_id").with_columns(pl.coalesce("record", _named("s", pl.col("source_id"))).alias("record"))
    rows = _by_marks(rows)
    known = [
        pl.when(pl.col(name).is_not_null()).then(pl.lit(by))
        for name, by in zip((*IDS, "by_marks", "payload"), KNOWN_BY, strict=True)
    ]
    rows = rows.with_columns(
        pl.coalesce(*known).cast(_KNOWN_BY).alias("known_by"), pl.coalesce("record", "by_marks").alias("record")
    )
    own = pl.coalesce("record", of_payload(), _named("o", pl.col("id")))
    return _led(rows, "payload").with_columns(own.alias("record")).drop("by_marks")


def of_payload() -> pl.Expr:
    """Name the record of which only the payload is known."""
    return _named("p", pl.col("payload").cast(pl.String))


def _named(kind: str, value: pl.Expr) -> pl.Expr:
    place = (pl.col(name).cast(pl.String) for name in PLACE)
    return pl.concat_str(*place, pl.lit(f"{kind}:") + value, separator="|")


def _led(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Name the records of rows that have no name yet by that of the rows with the same value, where it is one."""
    named = rows.filter(pl.col("record").is_not_null(), pl.col(name).is_not_null())
    leads = named.group_by(*PLACE, name).agg(
        pl.col("record").min().alias("lead"), pl.col("record").n_unique().alias("of")
    )
    leads = leads.filter(pl.col("of") == 1).drop("of")
    found = rows.join(leads, on=[*PLACE, name], how="left", maintain_order="left")
    return found.with_columns(pl.coalesce("record", "lead").alias("record")).drop("lead")


def _by_marks(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the record that their marks tell in `by_marks`; null where they have ids, or the marks tell none."""
    key = pl.col("marks").cast(pl.List(pl.String)).list.join("-")
    rows = rows.with_columns(key.alias("key"))
    marked = rows.filter(pl.col("key").is_not_null())
    profiles = marked.group_by("key", "record").agg(pl.col("marks").first()).sort("key", "record").with_row_index("at")
    names = pl.DataFrame(_records_of(profiles), schema={"key": pl.String, "by_marks": pl.String}, orient="row")
    unnamed = pl.when(pl.col("record").is_null()).then("key").alias("key")
    return rows.with_columns(unnamed).join(names, on="key", how="left", maintain_order="left").drop("key")


def _records_of(profiles: pl.DataFrame) -> list[tuple[str, str]]:
    """Return the record of each set of marks without ids, by its key.

    Sets that agree are of one record. Those of one that would have the ids of several tell nothing.
    """
    records = dict(profiles.select("at", "record").drop_nulls().iter_rows())
    keys = dict(profiles.filter(pl.col("record").is_null()).select("at", "key").iter_rows())
    marks = _telling(profiles)
    groups = _joined(sorted(set(marks["at"]) & keys.keys()), agreeing := _agreeing(marks))
    led = defaultdict[int, set[str]](set)
    for one, other in agreeing:
        if other in records:
            led[groups[one]].add(records[other])
    return [
        (keys[at], next(iter(led[group]), f"f:{keys[group]}")) for at, group in groups.items() if len(led[group]) < 2
    ]


def _telling(profiles: pl.DataFrame) -> pl.DataFrame:
    """Return the marks of each set that identify something: not those of several records, or of too many sets."""
    marks = profiles.select("at", "record", pl.col("marks").alias("mark")).explode("mark")
    shared = marks.group_by("mark").agg(
        pl.col("record").drop_nulls().n_unique().alias("records"), pl.len().alias("sets")
    )
    telling = shared.filter(pl.col("records") < 2, pl.col("sets") <= MOST_SHARING)
    kind = pl.col("mark") % (1 << KIND_BITS)
    return marks.join(telling, on="mark", how="semi").with_columns(kind.alias("kind"))


def _agreeing(marks: pl.DataFrame) -> list[tuple[int, int]]:
    """Return the pairs of a set without ids and another whose marks agree by more than they differ."""
    unnamed, other = marks.filter(pl.col("record").is_null()), marks.select("mark", "kind", pl.col("at").alias("with"))
    pairs = unnamed.join(other, on="mark").select("at", "with").filter(pl.col("at") != pl.col("with")).unique()
    both = pairs.join(unnamed, on="at").join(other, on=["with", "kind"], suffix="_with")
    weight = pl.col("kind").replace_strict(WEIGHTS, return_dtype=pl.Int32)
    score = pl.when(pl.col("mark") == pl.col("mark_with")).then(weight).otherwise(-weight)
    agreeing = both.group_by("at", "with").agg(score.sum().alias("score")).filter(pl.col("score") > 0)
    return agreeing.select("at", "with").sort("at", "with").rows()


def _joined(sets: Iterable[int], pairs: Iterable[tuple[int, int]]) -> Mapping[int, int]:
    """Return the smallest of all that each of some sets is joined with, itself included; pairs with others are left out."""
    smallest = {one: one for one in sets}

    def end(one: int) -> int:
        while smallest[one] != one:
            smallest[one] = one = smallest[smallest[one]]
        return one

    for one, other in pairs:
        if one in smallest and other in smallest:
            low, high = sorted((end(one), end(other)))
            smallest[high] = low
    return {one: end(one) for one in smallest}
