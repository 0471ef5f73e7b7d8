"""Most operations go through at once, and only their number is ever asked for: they are counted by place and hour.

Told one by one stays whatever failed, waits, was tried again or has a status of its own. The others stay on disk, with
numbers by which those of a record that failed are found.
"""

import polars as pl

from ..analysis.folded import TIMES
from ..analysis.rows import SCHEMA

PLACE = ("connection_id", "fleet_ref", "source_name", "resource", "operation_type")
HOUR = pl.col("created_at").dt.truncate("1h")
AT_ONCE = (pl.col("status") == "success") & (pl.col("failed_attempts") == 0)

IDS = ("resource_id", "source_id")
HASHED = tuple(f"{name}_hash" for name in IDS)
HASHED_BY = pl.__version__
"""Another version may number texts in another way."""

MARKED = "marks" in SCHEMA
"""Whether rows carry hashed fields of their payload, by which a corrected create is known again."""

_CELLS = (*PLACE, "created_at")
_OF_RECORDS = [
    name
    for name in SCHEMA
    if name in ("id", "created_at", "connection_id", "resource", "status", *IDS, "payload", "marks")
]
"""What decides which record an operation is of, and what became of it."""


def folded(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the rows told one by one, the plain others, and these by place and hour."""
    plain = AT_ONCE
    if MARKED:  # what has nothing but marks leads from one write to the next
        plain = plain & ~(pl.col("marks").is_not_null() & pl.all_horizontal(pl.col(IDS).is_null()))
    which = frame.select(plain.fill_null(value=False).alias("plain"))["plain"]
    told, rest = frame.filter(~which), frame.filter(which)
    counted = rest.group_by(*PLACE, HOUR.alias("hour")).agg(
        pl.col("created_at").min(), pl.len().cast(pl.UInt32).alias(TIMES)
    )
    numbered = rest.with_columns(_hash(pl.col(name)).alias(of) for name, of in zip(IDS, HASHED, strict=True))
    return told, numbered, counted.drop("hour").sort("created_at")


def as_rows(cells: pl.LazyFrame) -> pl.LazyFrame:
    """Return what is counted by place and hour with the columns of operations."""
    told = {"updated_at": pl.col("created_at"), "status": pl.lit("success"), "failed_attempts": pl.lit(0)}
    return cells.select(
        *(
            (pl.col(name) if name in _CELLS else told.get(name, pl.lit(None))).cast(kind).alias(name)
            for name, kind in SCHEMA.items()
        ),
        TIMES,
    )


def related(plain: pl.LazyFrame, failed: pl.DataFrame, story: pl.DataFrame) -> pl.DataFrame:
    """Return the plain rows that may be of a record that failed; some of others too, or twice, which does no harm.

    Those that share an id, a payload or a mark with a failed row, and those of the records that these lead to.
    """
    asked, numbered = [_sharing(failed, story)], [_sharing(failed, story)]
    for name, number in zip((*IDS, "payload"), (*HASHED, "payload"), strict=True):
        values = failed[name].drop_nulls().unique()
        numbers = values if number == name else values.to_frame().select(_hash(pl.col(name))).to_series()
        if name != "resource_id":
            asked.append(pl.col(name).is_in(values.implode()))
        numbered.append(pl.col(number).is_in(numbers.implode()))
    near = plain.filter(pl.any_horizontal(numbered)).select(_OF_RECORDS).collect(engine="streaming")
    if not failed["resource_id"].null_count():
        return near
    leads = pl.concat([near, story.filter(pl.any_horizontal(asked))], how="diagonal").select("resource_id").drop_nulls()
    leads = leads.unique().join(failed.select("resource_id"), on="resource_id", how="anti")
    led = plain.filter(pl.col(HASHED[0]).is_in(leads.select(_hash(pl.col("resource_id"))).to_series().implode()))
    return pl.concat([near, led.select(_OF_RECORDS).collect(engine="streaming")])


def _sharing(failed: pl.DataFrame, story: pl.DataFrame) -> pl.Expr:
    """Tell which rows share a mark with one that has nothing else."""
    if not MARKED:
        return pl.lit(value=False)
    unnamed = pl.all_horizontal(pl.col(IDS).is_null())
    marks = pl.concat([rows.filter(unnamed).select("marks").drop_nulls().explode("marks") for rows in (failed, story)])
    return pl.col("marks").list.set_intersection(marks["marks"].unique().implode()).list.len().fill_null(0) > 0


def _hash(text: pl.Expr) -> pl.Expr:
    """Number a text by 32 bits; null stays null."""
    return pl.when(text.is_not_null()).then((text.hash() % (1 << 32)).cast(pl.UInt32))
