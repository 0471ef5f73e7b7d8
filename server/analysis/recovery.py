"""When something that failed works again: at the first success after its last failure."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from .folded import Closer, to_the_moment


def first_after(rows: pl.DataFrame, last: str, moments: pl.DataFrame, by: Sequence[str]) -> pl.Series:
    """Return for each row the first of some moments with the same values of `by` that is later than its time `last`.

    `moments` has these columns and `created_at`; null where there is none.
    """
    asked = rows.select(*by, pl.col(last).alias("last")).with_row_index("at").sort("last")
    after = moments.select(*by, pl.col("created_at").alias("first")).sort("first")
    found = asked.join_asof(
        after,
        left_on="last",
        right_on="first",
        by=list(by),
        strategy="forward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return found.sort("at")["first"]


def working_again(
    failures: pl.DataFrame, *told: tuple[pl.DataFrame | None, Closer | None]
) -> dict[str, tuple[int, datetime]]:
    """Return for each `group` on how many of its connections writes work again, and since when on the last of these."""
    hit = failures.group_by("group", "connection_id").agg(pl.col("created_at").max().alias("last"))
    moments = hit["last"].to_list()
    stories = [to_the_moment(frame, closer, moments).lazy() for frame, closer in told if frame is not None]
    story = pl.concat([story.select("connection_id", "created_at", "status") for story in stories])
    fine = story.filter(pl.col("status") == "success").select("connection_id", "created_at")
    fine = fine.join(hit.lazy().select("connection_id").unique(), on="connection_id", how="semi")
    since = first_after(hit, "last", fine.collect(engine="streaming"), ["connection_id"]).alias("since")
    of = hit.with_columns(since).drop_nulls("since").group_by(pl.col("group").cast(pl.String))
    return {name: (count, last) for name, count, last in of.agg(pl.len(), pl.col("since").max()).iter_rows()}
