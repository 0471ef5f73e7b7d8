"""One operation by its id, wherever an answer told it: with its connection, from rows read lately, or by the time in it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from ..catena.outside import quote
from ..catena.query import Filters, Query, second
from ..errors import BadArgument, NotFound
from ..runtime import Runtime
from ._arguments import connection_of, uuid_of

if TYPE_CHECKING:
    from ..catena.wire import Operation

NEAR = (timedelta(seconds=5), timedelta(minutes=2), timedelta(minutes=30))
"""How far around the time in its id an operation is looked for, nearest first."""

LATEST_MS = 4_102_444_800_000
"""The year 2100: what lies behind it is no time in an id."""

MOST_PAGES = 10
PAGE = 1000


async def operation_of(runtime: Runtime, operation_id: str, connection_id: str | None) -> "Operation":
    """Read an operation by its id, and its connection where that is given.

    Raises:
        BadArgument: The id is another's, with what takes it, or holds no time to look for it.
        NotFound: It is not there.
    """
    client = await runtime.client()
    row = await runtime.row_with(operation_id.strip(), "id")
    name = operation_id.strip() if row else uuid_of("operation_id", operation_id)
    row = row or await runtime.row_with(name, "id")
    given = connection_of(connection_id, runtime.seen) if connection_id else None
    connection = given or (row and row["connection_id"])
    try:
        return await (client.operation(connection, name) if connection else _look_for(runtime, name))
    except (NotFound, BadArgument) as exc:
        if told := await _another(runtime, name, given):
            raise BadArgument(told) from exc
        raise


async def _another(runtime: Runtime, name: str, connection: str | None) -> str | None:
    """Say what an id is that names no operation, as far as rows read lately tell."""
    row = await runtime.row_with(name, "id", "resource_id", "connection_id", "source_id")
    if row is None:
        return None
    resource, column = quote(row["resource"]), row["held_as"]
    if column == "id":
        return f"operation_id {quote(name)} is of connection {quote(row['connection_id'])}, not of {quote(connection or '')}."
    if column == "connection_id":
        return f"{quote(name)} is a connection, no operation: pass it as `connection_id` to list_resource_operations."
    return (
        f"{quote(name)} is the {column} of a record ({resource}), no operation: pass it as `{column}` with "
        f"resource={resource} to trace_record."
    )


async def _look_for(runtime: Runtime, operation_id: str) -> "Operation":
    """Find an operation by the time in its id, in widening windows of a bounded number of pages.

    Raises:
        BadArgument: The id holds no time.
        NotFound: It is not there.
    """
    from ..catena.walk import Walk

    moment = _time_in(operation_id)
    client = await runtime.client()
    for span in NEAR:
        walk = Walk(client, Query(Filters(), moment - span, moment + span))
        for _ in range(MOST_PAGES):
            page = await walk.next(PAGE)
            for op in page.items:
                if op.id.lower() == operation_id:
                    return op
            if walk.ended:
                break
    raise NotFound(
        f"No operation {operation_id!r} around the time in its id ({second(moment)}). Check the id, or pass its "
        "connection_id too, with which it is found wherever it is. If it is the id of a record, pass it as `resource_id` to "
        "trace_record."
    )


def _time_in(operation_id: str) -> datetime:
    """Read the time of a UUIDv7: its first 48 bits are milliseconds since 1970 (RFC 9562)."""
    uuid = UUID(operation_id)
    milliseconds = uuid.int >> 80
    if uuid.version != 7 or milliseconds > LATEST_MS:
        raise BadArgument(
            f"operation_id {operation_id!r} holds no time (it is no UUIDv7 of our days), so it cannot be looked for. Pass its "
            "connection_id too; list_resource_operations shows both."
        )
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
