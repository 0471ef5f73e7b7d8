"""A list of operations as text: rows with their connections and causes told once, or ids by connection."""

from collections.abc import Iterable

from ..analysis.list_results import IdsOnConnection, OperationList, OperationRow
from ..catena.outside import Outside, Ref
from ..catena.query import second
from ._render import FENCE_NOTE, asked, attempt_lines, covered, fields_told, plural, quoted_error, words


def list_text(page: OperationList) -> str:
    """Write a list of operations: what was found, connections and causes once, then a line a row."""
    lines = [_found(page), asked(page), *([covered(page.coverage)] if page.coverage else [])]
    lines += [note for note in (page.note, page.payload_values) if note]
    if page.operations:
        places, causes = _places_of(page.operations), _causes_of(page.operations)
        lines.append(FENCE_NOTE)
        lines += [f"{name} = connection {words(*place)}" for place, name in places.items()]
        lines += [f"{group} = {told}" for group, told in causes.items()]
        lines += [line for row in page.operations for line in _row(row, places, causes)]
    if page.ids:
        lines.append(FENCE_NOTE)
        lines += [_ids(place) for place in page.ids]
    if page.next_cursor:
        lines.append(f"next_cursor: {page.next_cursor}")
    return "\n".join(lines)


def _ids(place: IdsOnConnection) -> str:
    where = words(place.connection_id, place.source_name, place.fleet_ref)
    return f"{len(place.operation_ids)} on connection {where}: {' '.join(map(str, place.operation_ids))}"


def _found(page: OperationList) -> str:
    if page.records is not None:
        return _records_found(page)
    if not page.returned:
        more = "so far; go on with next_cursor" if page.next_cursor else "in this window"
        return f"No matching operation {more} ({page.scanned:,} scanned)."
    more = "more follow with next_cursor" if page.next_cursor else "that is all"
    return f"{plural(page.returned, 'operation')} returned of {page.scanned:,} scanned; {more}."


def _records_found(page: OperationList) -> str:
    part = "" if page.coverage and page.coverage.complete else " in the part that was read"
    outcome = str(page.filters["outcome"]).strip("«»")  # a word of ours, which a cursor too cannot change
    if not page.records:
        return f"No record that failed is {outcome}{part} ({page.scanned:,} operations read)."
    more = "more follow with next_cursor" if page.next_cursor else "that is all"
    return (
        f"{plural(page.records, 'record')} {outcome}{part}; {page.returned:,} here, each by its last failure; {more}."
    )


_Place = tuple[Ref, Outside, Ref | None]


def _place(row: OperationRow) -> _Place:
    return row.connection_id, row.source_name, row.fleet_ref


def _places_of(rows: Iterable[OperationRow]) -> dict[_Place, str]:
    return {place: f"c{number}" for number, place in enumerate(dict.fromkeys(map(_place, rows)), 1)}


def _causes_of(rows: Iterable[OperationRow]) -> dict[str, str]:
    """Tell a cause once where several rows share it; the first row's message stands for all that say the same."""
    errors = [row.error for row in rows if row.error]
    return {e.group: quoted_error(e.error_type, e.status_code, e.message) for e in reversed(errors)}


def _row(row: OperationRow, places: dict[_Place, str], causes: dict[str, str]) -> list[str]:
    place = places[_place(row)]
    parts: list[object] = [second(row.created_at), row.id, row.status, row.operation_type, row.resource, place]
    if row.updated_at:
        parts.append(f"updated {second(row.updated_at)}")
    if row.recovered_at:
        parts.append(f"recovered {second(row.recovered_at)}")
    parts += [f"resource_id {row.resource_id}"] if row.resource_id else []
    parts += [f"source_id {row.source_id}"] if row.source_id else []
    parts.append(plural(row.attempts, "attempt"))
    if row.error:
        told = quoted_error(row.error.error_type, row.error.status_code, row.error.message)
        parts.append(row.error.group if causes[row.error.group] == told else f"{row.error.group} {told}")
    lines = [words(*parts)]
    if row.payload is not None:
        lines.append(f"  payload: {fields_told(row)}")
    return [*lines, *(f"  {line}" for line in attempt_lines(row.logs or [], row.logs_left_out))]
