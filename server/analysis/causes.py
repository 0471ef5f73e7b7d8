"""Which failures are one cause: rows carry the id of their own signature, answers that of its family."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from ..causes.families import MOST_LEARNED, Member, family_title
from ..causes.memory import Memory

MOST_AT_ONCE = 20_000
"""Signatures that are made objects of at once; more would cost hundreds of bytes each."""

_POOL = ("source_name", "error_type", "status_code")
_COLUMNS = (*_POOL, "skeleton", "group", "title")


MOST_FORMER = 3
"""Older ids that are told of a cause."""


@dataclass(frozen=True)
class Causes:
    """`signatures` and `families` are the ids of each signature and of its family; `titles` and `templates` are by family."""

    signatures: pl.Series
    families: pl.Series
    titles: Mapping[str, str]
    templates: Mapping[str, str]
    became: Mapping[str, list[str]] = field(default_factory=dict)
    """The older ids that became the id of a family."""

    def formerly(self, name: str) -> list[str] | None:
        """Return the older ids to tell of a family; None where there are none."""
        return self.became.get(name, [])[:MOST_FORMER] or None


def causes_in(*frames: pl.DataFrame, memory: Memory | None = None) -> Causes:
    """Find the causes of the failed attempts in some frames; order and counts of rows do not matter.

    `memory` holds what was learned before, and learns from these.
    """
    rows = pl.concat([frame.select(_COLUMNS).drop_nulls("skeleton") for frame in frames]).unique("group")
    rows = rows.with_columns(pl.col("group").cast(pl.String)).sort("group")
    # The ids are hashes, so the first of each kind are those that are learned from in any window.
    several = len(rows) > MOST_AT_ONCE
    learned_from = rows.group_by(_POOL, maintain_order=True).head(MOST_LEARNED) if several else rows
    learned = (memory or Memory()).learn(Member(*row) for row in learned_from.select(_COLUMNS[:4]).iter_rows())
    found: list[str] = []
    titles: dict[str, str] = {}
    templates: dict[str, str] = {}
    for part in rows.iter_slices(MOST_AT_ONCE):
        for *row, title in part.select(*_COLUMNS[:4], "title").iter_rows():
            member = Member(*row)
            name = learned.id_of(member)
            found.append(name)
            if name not in titles:  # the member with the smallest id names its family, whichever row came first
                templates[name] = learned.template_of(member)
                titles[name] = family_title(title, member.skeleton, templates[name])
    return Causes(rows["group"], pl.Series("family", found, dtype=pl.String), titles, templates, learned.became(titles))


def by_cause(frame: pl.DataFrame, causes: Causes) -> pl.DataFrame:
    """Return the frame with the id and title of the family in place of the signature's."""
    family = pl.col("group").cast(pl.String).replace(causes.signatures, causes.families)
    return frame.with_columns(family.alias("group")).with_columns(
        pl.col("group")
        .replace_strict(dict(causes.titles), default=pl.col("title"), return_dtype=pl.String)
        .alias("title"),
        pl.col("group").cast(pl.Categorical),
    )


def now_known(ids: Collection[str], frame: pl.DataFrame, memory: Memory) -> dict[str, str | None]:
    """Return by which id each cause that was asked for is known now, learned from a frame too; None: by none."""
    causes_in(frame, memory=memory)
    return {name: memory.resolve(name) for name in ids}


def with_failures_of(frame: pl.DataFrame, ids: Collection[str], memory: Memory) -> pl.DataFrame:
    """Return the same operations, of which only those count as failed that failed of causes with some ids.

    The others have no status. `ids` are those by which the causes are known now.
    """
    causes = causes_in(frame, memory=memory)
    signatures = causes.signatures.filter(causes.families.is_in(list(ids)))
    others = (pl.col("status") == "failed") & ~pl.col("group").cast(pl.String).is_in(signatures.implode())
    return frame.with_columns(pl.when(others).then(None).otherwise(pl.col("status")).alias("status"))
