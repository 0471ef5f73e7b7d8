"""A walk follows every cursor to the end of the list, and knows rows by more than an id that may be wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from server.catena.client import CatenaClient
from server.catena.query import Filters, Query
from server.catena.walk import Walk
from server.catena.wire import Operation, Page
from server.errors import BrokenPaging

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 24, tzinfo=UTC)
QUERY = Query(Filters(), NOW - timedelta(days=1), NOW)


class Pages(CatenaClient):
    """Hands out pages one after the other."""

    def __init__(self, *pages: Page) -> None:
        self.pages = list(pages)

    async def list_page(self, query: Query, size: int, cursor: str | None = None) -> Page:
        return self.pages.pop(0)


async def rows_of(*pages: Page) -> int:
    walk, rows = Walk(Pages(*pages), QUERY), 0
    while not walk.ended:
        rows += len((await walk.next(1000)).items)
    return rows


async def test_empty_pages_with_new_cursors_are_followed_to_the_rows_behind_them() -> None:
    empty = [Page([], f"c{number}") for number in range(20)]
    assert await rows_of(*empty, Page([Operation("a", NOW)], None)) == 1


async def test_rows_that_share_an_id_by_mistake_are_rows_of_their_own() -> None:
    page, other = ([Operation("null", NOW - timedelta(seconds=n)) for n in seconds] for seconds in ((1, 2), (3, 4)))
    assert await rows_of(Page(page, "c1"), Page(other, "c2"), Page([], None)) == 4


async def test_rows_that_come_again_end_the_walk_with_an_error() -> None:
    page = [Operation("a", NOW)]
    with pytest.raises(BrokenPaging):
        await rows_of(Page(page, "c1"), Page(page, "c2"))
