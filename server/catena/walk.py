"""Follow the cursor of one query page by page, and refuse pages that repeat or never end."""

from ..errors import BrokenPaging
from .client import CatenaClient
from .query import Query
from .wire import Page

MOST_EMPTY_PAGES = 50
"""In a row: what filters after it has cut its pages answers with many, what is broken with ever more."""


class Walk:
    """Follows the cursor of one query page by page, empty pages too, and refuses pages that repeat or never end."""

    def __init__(self, client: CatenaClient, query: Query, cursor: str | None = None) -> None:
        self._client = client
        self._query = query
        self._empty = 0
        self._last: set[int] = set()
        self._asked: set[str] = set()
        self.cursor = cursor
        self.ended = False

    async def next(self, size: int) -> Page:
        """Read the next page of at most `size` operations and move the cursor behind it.

        Raises:
            BrokenPaging: The cursor or the rows repeat, or empty pages do not end.
            CatenaError: No usable answer.
        """
        page = await self._client.list_page(self._query, size, self.cursor)
        self.ended = page.next_page is None
        these = {hash(op.identity) for op in page.items} | page.left_out
        self._empty = 0 if these else self._empty + 1
        repeats = page.next_page in self._asked or (bool(these) and these <= self._last)
        if not self.ended and (repeats or self._empty > MOST_EMPTY_PAGES):
            raise BrokenPaging(
                "Catena's list did not come to an end: it repeated a cursor or its rows, or went on with empty pages. "
                "Ask for a shorter window; if it stays, tell Catena's support."
            )
        if page.next_page is not None:
            self._asked.add(page.next_page)
        self._last = these
        self.cursor = page.next_page
        return page
