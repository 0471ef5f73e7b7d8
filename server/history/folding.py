"""Most operations go through at once, and only their number is ever asked for: they are counted by place and hour.

Told one by one stays whatever failed, waits, was tried again or has a status of its own, and each success of a record
that failed before: these decide what became of records. So a summary of a fold is that of the rows, number for number.
"""

import polars as pl

from ..analysis.folded import TIMES
from ..analysis.records import IDENTITIES
from ..analysis.rows import SCHEMA

PLACE = ("connection_id", "fleet_ref", "source_name", "resource", "operation_type")
HOUR = pl.col("created_at").dt.truncate("1h")
AT_ONCE = (pl.col("status") == "success") & (pl.col("failed_attempts") == 0)

_CELLS = (*PLACE, "created_at")
KEYED = ("connection_id", "resource", *IDENTITIES)


def keys_of(failed: pl.DataFrame) -> pl.Series:
    """Return a number for each identity of records that failed; two that share one cost only room."""
    keys = pl.concat([failed.select(_key(name).alias("key")).drop_nulls() for name in IDENTITIES])
    return keys["key"].unique()


def folded(frame: pl.DataFrame, failing: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the rows told one by one, the plain others, and these by place and hour.

    `failing`: keys of the records that failed in these rows or before them.
    """
    of_failing = pl.any_horizontal(_key(name).is_in(failing.implode()) for name in IDENTITIES).fill_null(value=False)
    plain = frame.select((AT_ONCE & ~of_failing).fill_null(value=False).alias("plain"))["plain"]
    told, rest = frame.filter(~plain), frame.filter(plain)
    return (
        told,
        rest,
        rest.group_by(*PLACE, HOUR.alias("hour"))
        .agg(pl.col("created_at").min(), pl.len().cast(pl.UInt32).alias(TIMES))
        .drop("hour")
        .sort("created_at"),
    )


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


def _key(name: str) -> pl.Expr:
    """Number an identity on its connection and resource; null where an operation has none of this kind."""
    place = [pl.col(column).cast(pl.String) for column in KEYED[:2]]
    whole = pl.concat_str(*place, pl.lit(name), pl.col(name).cast(pl.String), separator="\x1f")
    return pl.when(pl.col(name).is_not_null()).then(whole.hash())
