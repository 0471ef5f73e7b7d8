"""The arguments the tools share: named and limited as the API's query parameters, described once, checked in one place."""

import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BeforeValidator, Field

from ..analysis.window import Window, window_of
from ..catena.bookmark import Bookmark
from ..catena.outside import one_line, said_back
from ..catena.query import MOST_FLEETS, Filters
from ..catena.vocabulary import OPERATION_TYPES, RESOURCES
from ..catena.words import word_of
from ..errors import BadArgument
from ..reading.seen import Seen


def _one_of(words: Collection[str]) -> dict[str, Any]:
    """Advertise known words without refusing others here: the API may know more than its contract of today."""
    return {"enum": list(words)}


def as_list(value: Any) -> Any:
    """Take one word for a list of it."""
    return [value] if isinstance(value, str) else value


GROUP_ID = re.compile(r"g_[0-9a-f]{8}")
MOST_GROUPS = 50
LONGEST_REF = 256
LONGEST_CURSOR = 8_192
"""Characters; no reference, id or cursor has nearly as many, and all of them go into one address."""


# No enum: clients would check it and answer for the server, which knows "driver" and whatever the API adds.
ResourceNamed = Annotated[str | None, Field(description=f"Kind of record: {' '.join(RESOURCES)}. Drivers are `user`.")]
"""For the one tool that names the words; they cost 75 tokens each time, and clients show all tools or always this one."""

Resource = Annotated[str | None, Field(description="Kind of record, as in summarize_failures.")]
ConnectionId = Annotated[str | None, Field(description="Connection UUID.")]
SourceName = Annotated[str | None, Field(description="TSP, e.g. samsara.")]
FleetRefs = Annotated[list[str] | None, BeforeValidator(as_list), Field(description="Your fleet references, <= 100.")]
OperationType = Annotated[str | None, Field(json_schema_extra=_one_of(OPERATION_TYPES))]
SourceId = Annotated[str | None, Field(description="Record id at the TSP; needs `resource`.")]
FromDatetime = Annotated[str | None, Field(description="ISO 8601 or -90m, -24h, -7d. Default -1d; span <= 45 days.")]
ToDatetime = Annotated[str | None, Field(description="Default now.")]
Groups = Annotated[
    list[str] | None, BeforeValidator(as_list), Field(description="Ids of causes (g_…): only their failures.")
]
Cursor = Annotated[str | None, Field(description="`next_cursor` of a list, alone.")]
MaxGroups = Annotated[int | None, Field(ge=1, le=50, description="Causes to tell, small ones on a line.")]
FromGroup = Annotated[str | None, Field(description="Go on behind this cause.")]
# No enum here either: the API has answered with other statuses than its contract names.
Status = Annotated[str | None, Field(description="pending, success, failed, or another one seen.")]


def filters_of(
    seen: Seen,
    resource: str | None = None,
    connection_id: str | None = None,
    source_name: str | None = None,
    fleet_refs: list[str] | None = None,
    operation: str | None = None,
    source_id: str | None = None,
) -> Filters:
    """Check the filters and write them as the API wants them; `seen` are values the API itself has returned.

    Raises:
        BadArgument: Another value is meant (which is named), or one is malformed, or lacks its companion.
    """
    fleets = tuple(dict.fromkeys(ref.strip() for ref in fleet_refs or () if ref.strip()))
    _check_fleets(fleets)
    _check_length("source_id", source_id)
    if len(fleets) > MOST_FLEETS:
        raise BadArgument(
            f"fleet_refs has {len(fleets)} values; the API takes {MOST_FLEETS} at most. Ask in parts of {MOST_FLEETS}."
        )
    if source_id and not resource:
        raise BadArgument(
            "source_id needs `resource`, since TSPs use the same id for different kinds of record. Add it."
        )
    return Filters(
        resource=word_of("resource", resource, seen.of("resource")),
        connection_id=connection_of(connection_id, seen) if connection_id else None,
        source_name=word_of("source_name", source_name, seen.of("source_name")),
        fleet_refs=fleets,
        operation=word_of("operation", operation, seen.of("operation")),
        source_id=source_id or None,
    )


def _check_fleets(fleets: tuple[str, ...]) -> None:
    """Refuse several references in one text: as one it would match nothing, and look like an answer."""
    for ref in fleets:
        _check_length("fleet_refs", ref)
    if len(fleets) == 1 and "," in fleets[0]:
        parts = ", ".join(f'"{one_line(part, 40)}"' for part in fleets[0].split(",")[:4])
        raise BadArgument(
            f"fleet_refs is one text with commas in it. Pass a list: [{parts}]; a reference that has a comma itself, "
            "beside another."
        )


def _check_length(name: str, value: str | None, most: int = LONGEST_REF) -> None:
    if value and len(value) > most:
        raise BadArgument(f"{name} has {len(value):,} characters; at most {most:,} are taken. Check what was passed.")


def several(values: Iterable[str] | None) -> list[str]:
    """Return each word of a list once; models write `a,b` for a list of two, and no word has a comma."""
    words = (word.strip() for value in values or () for word in value.split(","))
    return list(dict.fromkeys(word for word in words if word))


def causes_asked(group: Iterable[str] | None) -> list[str]:
    """Check the ids of causes.

    Raises:
        BadArgument: One of them is none, or there are too many.
    """
    ids = several(group)
    for wrong in [name for name in ids if not GROUP_ID.fullmatch(name)]:
        raise BadArgument(
            f"group {said_back(wrong)} is no id of a cause (g_ and 8 hex digits). Take it from summarize_failures."
        )
    if len(ids) > MOST_GROUPS:
        raise BadArgument(f"group has {len(ids)} ids; at most {MOST_GROUPS} are taken. Ask in parts.")
    return ids


def connection_of(connection_id: str, seen: Seen) -> str:
    """Check the id of a connection; one the API itself has returned is taken as it stands.

    Raises:
        BadArgument: It is neither that nor a UUID.
    """
    given = connection_id.strip()
    return given if given in seen.of("connection_id") else uuid_of("connection_id", given)


def uuid_of(name: str, value: str) -> str:
    """Check an id.

    Raises:
        BadArgument: It is no UUID, with what takes it where it is something else that answers tell.
    """
    try:
        return str(UUID(value.strip()))
    except ValueError:
        raise BadArgument(f"{name} {said_back(value)} is {_what_it_is(value.strip())}") from None


_ELSEWHERE = (
    (GROUP_ID, "a cause: pass it as `group` to summarize_failures, break_down_failures or list_resource_operations."),
    (re.compile(r"c\d+\.\S*"), "a cursor: pass it as `cursor`, alone, to list_resource_operations."),
    (
        re.compile(r"c\d{1,4}"),
        "the short name of a connection in one list: its first lines tell the UUID, which is taken.",
    ),
)


def _what_it_is(value: str) -> str:
    for form, told in _ELSEWHERE:
        if form.fullmatch(value):
            return told
    return (
        "no UUID (36 characters, like 019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90). list_resource_operations shows the ids of "
        "operations and connections, by fleet_refs or source_name too; trace_record takes a record's id at the TSP."
    )


def fixed_window(from_datetime: str | None, to_datetime: str | None, now: datetime) -> Window:
    """Fix the window; see `window_of`. Empty texts count as not given, as models send them."""
    return window_of(from_datetime or None, to_datetime or None, now)


def resumed(given: Bookmark, cursor: str, handed_in: Callable[[str], Bookmark | None]) -> Bookmark:
    """Return where a cursor goes on: one of ours carries its question, the API's own takes the one given.

    Raises:
        BadArgument: The cursor is broken, or carries another question than the one given.
    """
    _check_length("cursor", cursor, LONGEST_CURSOR)
    held = handed_in(cursor)
    if held is None:
        return msgspec.structs.replace(given, cursor=cursor)
    same_filters = not given.filters or given.filters == held.filters
    same_window = given.default or (given.start, given.end) == (held.start, held.end)
    if (
        same_filters
        and same_window
        and all(getattr(given, name) in (None, getattr(held, name)) for name in ("status", "group", "outcome"))
    ):
        return held
    raise BadArgument(
        "The cursor carries its own window, filters, status, group and outcome, and the arguments say otherwise. "
        "Pass the cursor alone to go on, or leave it out to start again."
    )
