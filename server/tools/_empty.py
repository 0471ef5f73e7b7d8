"""Why an answer may be empty: a filter that matches nothing looks like an all-clear."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

import anyio
import anyio.to_thread

from ..analysis.window import Window
from ..catena.outside import quote
from ..catena.query import LONGEST_SPAN, Filters, Query
from ..catena.vocabulary import LISTED, STATUSES
from ..errors import CatenaError, nearest, plain_word
from ..reading.question import Reading
from ..reading.seen import FIELDS, Seen
from ..runtime import ASIDE_S, Runtime

PAGE = 1000
MOST_TOLD = 4
"""Values of which it is told whether they were seen; looking for what is near costs time for each."""

MOST_NEAR = 3
LIKE_WORD, LIKE_ID = 0.6, 0.85
"""How like a value must be to be told as near; ids made in the same days are like one another by half."""

HIDDEN_PART = re.compile("<[a-z ]+>")
"""What stands in answers for personal data."""


async def why_empty(runtime: Runtime, filters: Filters, window: Window) -> str | None:
    """Say which filters nothing matched, whether their values were ever seen, and which are near; None without filters."""
    if not filters.given():
        return None
    if any(value not in runtime.seen.of(name) for name, value in _values(filters)):
        await _look_around(runtime, window)
    said = [
        f"No operation of the window matches all of {', '.join(filters.given())}; that is no sign that nothing fails.",
        *await anyio.to_thread.run_sync(_told, _values(filters), runtime.seen),
    ]
    if filters.source_id:
        said.append(await _of_record(runtime, filters.source_id))
    wider = "-7d" if window.length.days < 7 else "-45d" if window.length < LONGEST_SPAN else None
    widen = (
        f", leave a filter out, or widen the window (from_datetime={wider})." if wider else " or leave a filter out."
    )
    return " ".join([*said, f"Check the values{widen}"])


async def what_is_missing(runtime: Runtime, reading: Reading) -> str | None:
    """Say why a window that was read whole holds nothing, or nothing of some of the fleets, or more than was asked for."""
    filters, frame = reading.filters, reading.frame
    if frame.is_empty():
        return await why_empty(runtime, filters, reading.window) if reading.coverage.complete else None
    asked = {name: {v for n, v in _values(filters) if n == name} for name in FIELDS if getattr(filters, name, None)}
    found = {name: set(frame[FIELDS[name]].drop_nulls().unique().cast(str)) for name in asked}
    said = [_not_kept(name, found[name] - asked[name]) for name in asked if not _same(found[name], asked[name])]
    missing = [("fleet_refs", ref) for ref in filters.fleet_refs if ref not in found["fleet_refs"]]
    if missing and len(filters.fleet_refs) > 1 and reading.coverage.complete:
        said.append(f"{len(missing)} of the {len(filters.fleet_refs)} fleet_refs have no operation here.")
        said += await anyio.to_thread.run_sync(_told, missing, runtime.seen)
    return " ".join(said) or None


def _same(found: Iterable[str], asked: Iterable[str]) -> bool:
    """Tell whether all that was found was asked for, in whatever case."""
    return {*map(plain_word, found)} <= {*map(plain_word, asked)}


def _not_kept(name: str, others: set[str]) -> str:
    named = ", ".join(map(quote, sorted(others)[:MOST_TOLD]))
    return f"The API did not keep to {name}: operations of {named}{', …' if len(others) > MOST_TOLD else ''} are counted too."


def no_such_status(status: str | None, seen: Seen) -> str | None:
    """Say of a status that no operation read has, and that the contract does not know, which ones were met."""
    if status is None or status in STATUSES:
        return None
    near = [word for word in nearest(status, seen.of("status")) if word != status]
    likely = f" Near it: {', '.join(map(quote, near))}." if near else ""
    met = ", ".join(quote(word) for word in sorted(seen.of("status"))[:MOST_TOLD])
    return f"No operation read has the status {quote(status)}, which this server filters, not the API. Seen: {met}.{likely}"


def _values(filters: Filters) -> list[tuple[str, str]]:
    """Return the values of the filters whose values are learned, by name."""
    given = {name: value for name, value in filters.given().items() if name in FIELDS}
    return [(name, v) for name, value in given.items() for v in ([value] if isinstance(value, str) else value)]


async def _look_around(runtime: Runtime, window: Window) -> None:
    """Learn from one page without filters what there is, so that a server that just began can tell too."""
    with anyio.move_on_after(ASIDE_S), suppress(CatenaError):
        page = await (await runtime.client()).list_page(Query(Filters(), window.start, window.end), PAGE)
        runtime.seen.learn_from(page.items)


def _told(values: Sequence[tuple[str, str]], seen: Seen) -> list[str]:
    """Say of some values which were ever seen, and what is near those that were not."""
    met = [f"{name} {quote(value)}" for name, value in values if value in seen.of(name)]
    never = [(name, value) for name, value in values if value not in seen.of(name)]
    told = [_never_seen(name, value, seen) for name, value in never[:MOST_TOLD]]
    if len(never) > MOST_TOLD:
        told.append(f"{len(never) - MOST_TOLD} more were never seen either.")
    if met:
        told.append(f"Seen in other answers: {', '.join(met[:MOST_TOLD])}{', …' if len(met) > MOST_TOLD else ''}.")
    return told


def _never_seen(name: str, value: str, seen: Seen) -> str:
    if not seen.of(name):
        return f"{name} {quote(value)}: nothing was read that could tell whether it exists."
    near = nearest(value, seen.of(name), likeness=LIKE_ID if name == "connection_id" else LIKE_WORD)
    known = ", though the API's contract names it" if value in LISTED.get(name, ()) else ""
    likely = f"; near it: {', '.join(map(quote, near))}" if near else "; nothing near it was"
    return f"{name} {quote(value)} was never seen by this server{known}{likely}."


async def _of_record(runtime: Runtime, source_id: str) -> str:
    """Say whether an id at a TSP is in rows read lately; there are too many to remember them all."""
    if row := await runtime.row_with(source_id, "source_id"):
        return (
            f"source_id {quote(source_id)} was seen: {quote(row['resource'])} of {quote(row['source_name'])} on "
            f"connection {quote(row['connection_id'])}."
        )
    if HIDDEN_PART.search(source_id):
        return f"source_id {quote(source_id)} has a part that is hidden: pass an operation_id of the record to trace_record."
    near = (await runtime.ids_like(source_id, "source_id"))[:MOST_NEAR]
    likely = f"; near it: {', '.join(map(quote, near))}" if near else ""
    return (
        f"source_id {quote(source_id)} is in none of the rows read lately{likely}. A create that failed has no source_id "
        "yet: its record is found by fleet_refs or connection_id."
    )
