"""Whether a cause was seen before a window, when, and since when it was gone."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl

from ..analysis.causes import by_cause, causes_in
from ..analysis.held import within
from ..catena.query import Filters
from ..causes.memory import Memory
from .folder import Folder
from .manifest import Part

_SIGNATURE = ("group", "source_name", "error_type", "status_code", "skeleton", "title")


class Earlier(NamedTuple):
    """The failures of a cause before a moment."""

    failed: int
    first: datetime
    last: datetime


def earlier_of(
    folder: Folder,
    parts: Sequence[Part],
    before: datetime,
    filters: Filters,
    sources: Collection[str],
    memory: Memory,
) -> dict[str, Earlier]:
    """Return, by the id of each cause of some TSPs, its failures in parts of a history before a moment."""
    files = [name for part in parts if (name := part.fold.told if part.fold else part.file)]
    if not files:
        return {}
    failed = pl.concat([pl.scan_parquet(path) for path in folder.paths(*files)]).filter(
        pl.col("status") == "failed",
        pl.col("created_at") < before,
        pl.col("source_name").cast(pl.String).is_in(sorted(sources)),
    )
    created = pl.col("created_at")
    times = (pl.len().alias("count"), created.min().alias("first"), created.max().alias("last"))
    signatures = within(failed, Filters(), filters).group_by(_SIGNATURE).agg(times).collect(engine="streaming")
    causes = by_cause(signatures, causes_in(signatures, memory=memory)).group_by(pl.col("group").cast(pl.String))
    found = causes.agg(pl.col("count").sum(), pl.col("first").min(), pl.col("last").max())
    return {name: Earlier(count, first, last) for name, count, first, last in found.iter_rows()}
