"""What became of the records that failed: written later, still wrong, or not to be told."""

from collections.abc import Mapping

import polars as pl

from ..catena.vocabulary import OUTCOMES
from ..causes.guidance import told_to_exist
from .identity import IDENTIFYING, IDS, PLACE, identified, of_payload
from .recovery import first_after
from .results import Records

_COUNTED: dict[str, pl.Expr] = {
    **{str(state): pl.col("outcome") == state for state in OUTCOMES},
    "exist": pl.col("exists") & (pl.col("outcome") == "unresolved"),
    "by_field": pl.col("known_by") == "field",
    "by_payload": pl.col("known_by") == "payload",
}
"""What is counted of records, and of which; the last three are told where there are any."""


def with_records(failed: pl.DataFrame, story: pl.DataFrame) -> pl.DataFrame:
    """Return failed rows, told by cause, with the `record` that each is of, and what it is `known_by`.

    `exists`: a create that was refused because the record is there; `success_at`, `pending_at`: the first success of the
    record after the failure, and the first of its operations since that waits.
    """
    near = _near(failed, story)
    rows = identified(pl.concat([failed.select(IDENTIFYING), near.select(IDENTIFYING)]))
    named, around = rows.head(len(failed)), rows.tail(len(near)).hstack(near.select("status", "created_at"))
    failed = failed.with_columns(named["record"], named["known_by"], _exists(failed).alias("exists"))
    events = pl.concat(
        [
            around.select(_EVENT),
            around.filter(pl.col("payload").is_not_null()).select(of_payload().alias("record"), *_EVENT[1:]),
            _of_the_same(failed, around, story).select(_EVENT),
        ]
    )
    for status in ("success", "pending"):
        moments = events.filter(pl.col("status") == status).select("record", "created_at")
        failed = failed.with_columns(first_after(failed, "created_at", moments, ["record"]).alias(f"{status}_at"))
    return failed


_EVENT = ("record", "status", "created_at")


def _near(failed: pl.DataFrame, story: pl.DataFrame) -> pl.DataFrame:
    """Return the operations that share an id, a payload or a mark with failed ones.

    Of a million operations only these matter: naming the others would cost hundreds of megabytes.
    """
    found = [_sharing(story, failed, name) for name in (*IDS, "payload")]
    marked = story.lazy().with_row_index("at").filter(pl.col("marks").is_not_null())
    marks = marked.select("at", *IDS, pl.col("marks").alias("mark")).explode("mark")
    # Chains of corrected payloads lead over operations of other causes, so all without ids count, not only `failed`.
    unnamed = marks.filter(pl.all_horizontal(pl.col(IDS).is_null())).select("mark").unique()
    found.append(marks.join(unnamed, on="mark", how="semi").select("at").collect(engine="streaming")["at"])
    return story[pl.concat(found).unique()]


def _sharing(story: pl.DataFrame, failed: pl.DataFrame, name: str) -> pl.Series:
    """Return the places of the rows that have a value of failed ones, on the same connection and resource."""
    asked_for = failed.select(*PLACE, name).drop_nulls().unique().lazy()
    # By the value alone first: that is quick, and leaves few rows to tell apart by place.
    like = pl.col(name).is_in(failed[name].drop_nulls().unique().implode())
    known = story.lazy().with_row_index("at").select("at", *PLACE, name).filter(like)
    return known.join(asked_for, on=[*PLACE, name], how="semi").select("at").collect(engine="streaming")["at"]


def _of_the_same(failed: pl.DataFrame, around: pl.DataFrame, story: pl.DataFrame) -> pl.DataFrame:
    """Return what else happened to the records that failed rows without a Catena id were led to."""
    led = failed.filter(pl.col("resource_id").is_null()).select("record").unique()
    ids = around.select("record", *PLACE, "resource_id").drop_nulls().unique().join(led, on="record", how="semi")
    return story[_sharing(story, ids, "resource_id")].join(ids, on=[*PLACE, "resource_id"])


def _exists(failed: pl.DataFrame) -> pl.Expr:
    creates = failed.filter(pl.col("operation_type") == "create")
    of_cause = (pl.col(name).first() for name in ("source_name", "error_type", "status_code"))
    causes = creates.group_by(pl.col("group").cast(pl.String)).agg(*of_cause, pl.col("title", "message").min())
    names = [
        group
        for group, source, error_type, code, title, message in causes.iter_rows()
        if told_to_exist(source, error_type, code, f"{title} {message}")
    ]
    return (pl.col("operation_type") == "create") & pl.col("group").cast(pl.String).is_in(names)


def outcomes(failures: pl.DataFrame) -> pl.DataFrame:
    """Return per `group` the number of its `records`, how many of them are what, and when the last one recovered."""
    told = with_outcome(failures.select("group", *_TOLD_BY), "group", "record")
    last = pl.col("success_at").max().alias("recovered_at")
    return told.group_by("group").agg(pl.len().alias("records"), *counts(), last)


def records_of(failures: pl.DataFrame) -> Records:
    """Count the distinct records that failed, of whatever causes, by what became of them."""
    records = with_outcome(failures.select(_TOLD_BY), "record")
    return records_told(len(records), records.select(counts()).row(0, named=True))


def counts() -> list[pl.Expr]:
    """Count the records of a frame, or of a group, by what became of them and by what they are known."""
    return [which.sum().alias(name) for name, which in _COUNTED.items()]


def records_told(failed: int, counted: Mapping[str, int]) -> Records:
    """Return records that failed and their counts."""
    told = {name: counted[name] for name in _COUNTED}
    return Records(
        failed=failed, **{name: count if name in OUTCOMES else count or None for name, count in told.items()}
    )


def with_outcome(failures: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return one row for each record (or cause and record), its last failure, with what became of it in `outcome`.

    `known_by` is the weakest of what its failures are known by.
    A later success makes it recovered. One that waits in a later operation, or that nothing identifies, is unknown.
    """
    last = failures.sort("created_at", "id").group_by(by).agg(pl.exclude("known_by").last(), pl.col("known_by").max())
    told = (
        pl.when(pl.col("success_at").is_not_null())
        .then(pl.lit("recovered"))
        .when(pl.col("pending_at").is_not_null() | pl.col("known_by").is_null())
        .then(pl.lit("unknown"))
        .otherwise(pl.lit("unresolved"))
    )
    return last.with_columns(told.alias("outcome"))


_TOLD_BY = ["record", "known_by", "exists", "id", "created_at", "success_at", "pending_at"]
