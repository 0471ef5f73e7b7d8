"""By which time of an operation a window goes: the API filters by `occurred_at`, which no operation shows."""

from datetime import datetime, timedelta

import anyio

from ..errors import CatenaError
from .client import CatenaClient
from .query import Query

MOST_AT_ONCE = 100
A_MOMENT = timedelta(milliseconds=1)
APART = timedelta(seconds=1)
"""How near and how far the two times of an operation are to tell by which of them the filter goes."""


async def find_window_field(client: CatenaClient, query: Query, operation_id: str, created_at: datetime) -> None:
    """Ask for the very moment an operation was created: the API does not say by which of its times a window goes.

    The operation must have been updated at another time (`APART`). One request, once for a client.
    """
    client.window_field = "unknown"  # so that nobody else asks meanwhile
    try:
        found = await client.list_page(query.within(created_at - A_MOMENT, created_at + A_MOMENT), MOST_AT_ONCE)
    except anyio.get_cancelled_exc_class():
        client.window_field = None  # the time was up: a later read tries again
        raise
    except CatenaError:  # the read goes on without knowing it
        return
    if any(op.id == operation_id for op in found.items):
        client.window_field = "created_at"
