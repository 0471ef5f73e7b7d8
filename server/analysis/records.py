"""What became of the records that failed: written later, still wrong, or not to be told."""

import polars as pl

from ..catena.vocabulary import OUTCOMES
from .results import Records

IDENTITIES = ("resource_id", "source_id", "payload")
"""What makes two operations on one connection and resource the same record: the first of these that is known."""

BY_PAYLOAD = pl.col("payload").is_not_null() & pl.all_horizontal(pl.col(IDENTITIES[:-1]).is_null())
"""Whether that two operations are of one record is only guessed."""

_PLACE = ("connection_id", "resource")


def with_records(failed: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Return failed rows with `record` (who they are about) and the last success and pending of it in a whole frame."""
    for name in IDENTITIES:
        # Of a million operations only those of records that failed matter: counting the others costs hundreds of megabytes.
        asked_for = pl.col(name).is_in(failed[name].drop_nulls().unique().implode())
        latest = frame.lazy().filter(asked_for).select(*_PLACE, name, "status", "created_at").group_by(*_PLACE, name)
        last = latest.agg(_last("success", name), _last("pending", name)).collect(engine="streaming")
        failed = failed.join(last, on=[*_PLACE, name], how="left", maintain_order="left")
    return failed.with_columns(
        _record().alias("record"),
        _by_identity("success").alias("success_at"),
        _by_identity("pending").alias("pending_at"),
    ).drop(f"{status}_{name}" for status in ("success", "pending") for name in IDENTITIES)


def _last(status: str, name: str) -> pl.Expr:
    return pl.col("created_at").filter(pl.col("status") == status).max().alias(f"{status}_{name}")


def outcomes(failures: pl.DataFrame) -> pl.DataFrame:
    """Return per `group` the numbers of its records: recovered, unresolved, unknown; see `with_outcome`."""
    return _counted(with_outcome(failures.select("group", *_TOLD_BY), "group", "record"), "group")


def records_of(failures: pl.DataFrame) -> Records:
    """Count the distinct records that failed, of whatever causes, by what became of them."""
    records = with_outcome(failures.select(_TOLD_BY), "record")
    told = records.select(*_STATES, BY_PAYLOAD.sum().alias("by_payload")).row(0, named=True)
    return Records(failed=len(records), **told | {"by_payload": told["by_payload"] or None})


def with_outcome(failures: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return one row for each record (or cause and record), its last failure, with what became of it in `outcome`.

    A later success makes it recovered. One that waits in a later operation, or that nothing identifies, is unknown.
    """
    last = failures.sort("created_at", "id").unique(by, keep="last")
    recovered = (pl.col("success_at") > pl.col("created_at")).fill_null(value=False)
    waiting = (pl.col("pending_at") > pl.col("created_at")).fill_null(value=False)
    told = (
        pl.when(recovered)
        .then(pl.lit("recovered"))
        .when(waiting | ~_identified())
        .then(pl.lit("unknown"))
        .otherwise(pl.lit("unresolved"))
    )
    return last.with_columns(told.alias("outcome"))


def _counted(records: pl.DataFrame, by: str) -> pl.DataFrame:
    return records.group_by(by).agg(pl.len().alias("records"), *_STATES)


_STATES = [(pl.col("outcome") == state).sum().alias(state) for state in OUTCOMES]
_TOLD_BY = ["record", "id", "created_at", "success_at", "pending_at", *IDENTITIES]


def _identified() -> pl.Expr:
    return pl.any_horizontal(pl.col(name).is_not_null() for name in IDENTITIES).alias("identified")


def _by_identity(status: str) -> pl.Expr:
    """Take the time of the identity that names the record, not of a weaker one."""
    chain = pl.when(pl.col(IDENTITIES[0]).is_not_null()).then(pl.col(f"{status}_{IDENTITIES[0]}"))
    for name in IDENTITIES[1:]:
        chain = chain.when(pl.col(name).is_not_null()).then(pl.col(f"{status}_{name}"))  # type: ignore[assignment]  # Then -> ChainedThen
    return chain.otherwise(None)


def _record() -> pl.Expr:
    """Name the record of a row; one that nothing identifies is a record of its own."""
    identity = pl.coalesce(
        pl.lit("r:") + pl.col("resource_id"),
        pl.lit("s:") + pl.col("source_id"),
        pl.lit("p:") + pl.col("payload").cast(pl.String),
        pl.lit("o:") + pl.col("id"),
    )
    return pl.concat_str(
        pl.col("connection_id").cast(pl.String), pl.col("resource").cast(pl.String), identity, separator="|"
    )
