"""Why an answer may be empty: a filter that matches nothing looks like an all-clear."""

from collections.abc import Collection

from ..catena.outside import quote
from ..catena.query import Filters
from ..errors import nearest


def why_empty(filters: Filters, fleets_seen: Collection[str]) -> str | None:
    """Say which filters nothing matched and what to try; None where there were none. `fleets_seen`: references read lately."""
    given = filters.given()
    if not given:
        return None
    said = [f"No operation of the window matches all of {', '.join(given)}; that is no sign that nothing fails."]
    for ref in [ref for ref in filters.fleet_refs if ref not in fleets_seen][:3]:
        near = ", ".join(map(quote, nearest(ref, fleets_seen)))
        if near:
            said.append(f"No fleet {quote(ref)} was seen lately; near it: {near}.")
    if filters.source_id:
        said.append("A create that failed has no source_id yet: its record is found by fleet_refs or connection_id.")
    said.append("Check the values, leave a filter out, or widen the window (from_datetime=-7d).")
    return " ".join(said)
