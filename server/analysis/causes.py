"""Which signatures are one cause: rows carry the id of their own signature, answers that of its family.

A family is found from the set of signatures of the rows at hand, so a name that only shows itself as a name among
others does not split a cause. Both ids stay valid: the one of a signature stands for its whole family.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ..causes.families import Member, aliases, family_title, refined, resolved


@dataclass(frozen=True)
class Causes:
    """`family_of` knows every id, a family's own included; `titles` and `templates` are by family id."""

    family_of: Mapping[str, str]
    titles: Mapping[str, str]
    templates: Mapping[str, str]

    def members(self, group: str) -> frozenset[str]:
        """Return the ids of all signatures that are the same cause as `group`."""
        family = self.family_of.get(group, group)
        return frozenset({group, *(member for member, of in self.family_of.items() if of == family)})


def causes_in(*frames: pl.DataFrame) -> Causes:
    """Find the causes of the failed attempts in some frames; order and counts of rows do not matter."""
    columns = ("source_name", "error_type", "status_code", "skeleton", "group", "title")
    rows = pl.concat([frame.select(columns).drop_nulls("skeleton") for frame in frames])
    signatures = {Member(*row[:4]): row[4:] for row in rows.unique("group").iter_rows()}
    templates = refined(signatures)
    ids = resolved(templates)
    titles: dict[str, str] = {}
    # The member with the smallest id names its family, whichever row came first.
    for member, (_, title) in sorted(signatures.items(), key=lambda pair: pair[1][0], reverse=True):
        titles[ids[member]] = family_title(title, member.skeleton, templates[member])
    return Causes(aliases(templates), titles, {ids[member]: template for member, template in templates.items()})


def by_cause(frame: pl.DataFrame, causes: Causes) -> pl.DataFrame:
    """Return the frame with the id and title of the family in place of the signature's."""
    family = pl.col("group").cast(pl.String).replace(dict(causes.family_of))
    return frame.with_columns(family.alias("group")).with_columns(
        pl.col("group")
        .replace_strict(dict(causes.titles), default=pl.col("title"), return_dtype=pl.String)
        .alias("title"),
        pl.col("group").cast(pl.Categorical),
    )
