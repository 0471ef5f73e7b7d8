"""Read on from a bookmark, in the API's own order: each operation once, and any position can be left and found again."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import anyio
import msgspec

from ..errors import CatenaError, RateLimited
from .bookmark import BORDER, MARK, Bookmark
from .client import CatenaClient
from .coverage import Coverage, Read
from .query import Query
from .scan import TIME_IS_UP, why
from .walk import Walk
from .wire import Drift, Operation

_T = TypeVar("_T")


class Reader:
    """Reads page after page from a bookmark on, each operation once, and tells the bookmark of any position."""

    def __init__(self, client: CatenaClient, start: Bookmark, page_size: int) -> None:
        self._walk = Walk(client, Query(start.api_filters, start.start, start.end), start.cursor)
        self._start = start
        self._page_size = page_size
        self._skip = start.skip
        self.drift = Drift()
        self._before = _marks_of(start.border)
        self._seen = set(self._before)
        # The page read last: the cursor it was asked with, its rows, and the rows before it.
        self._asked, self._asked_size = start.cursor, page_size
        self._marks: list[bytes] = []

    @property
    def ended(self) -> bool:
        """Whether the page read last was the last one."""
        return self._walk.ended

    async def next(self) -> list[tuple[int, Operation]]:
        """Read the next page; return the operations not seen before, each with its position in the page.

        Raises:
            CatenaError: No usable answer; `bookmark()` still stands where it stood.
        """
        asked = self._walk.cursor
        # A page that was left in the middle is the same page only at the same size.
        size = self._start.page_size if self._skip else self._page_size
        page = await self._walk.next(size)
        self._before = self._border(len(self._marks))
        self._asked, self._asked_size = asked, size
        self.drift.add(page.drift)
        self._marks = [_mark(op) for op in page.items]
        begin, self._skip = self._begin(), 0
        fresh = []
        for position, (op, this) in enumerate(zip(page.items, self._marks, strict=True)):
            if position >= begin and this not in self._seen:
                fresh.append((position, op))
            self._seen.add(this)
        return fresh

    def _begin(self) -> int:
        """Return where a page that was left in the middle goes on: behind the rows of the border, if they moved."""
        if not self._skip:
            return 0
        known = [i for i, this in enumerate(self._marks) if this in self._before]
        return max(known) + 1 if known else self._skip

    def bookmark(self, position: int | None = None) -> Bookmark:
        """Return the bookmark of a position in the page read last; None: behind that page."""
        if position is None:
            return self._at(self._walk.cursor, 0, len(self._marks))
        return self._at(self._asked, position, position)

    def _at(self, cursor: str | None, skip: int, read: int) -> Bookmark:
        border = self._border(read)
        return msgspec.structs.replace(
            self._start, cursor=cursor, page_size=self._asked_size, skip=skip, border=b"".join(border)
        )

    def _border(self, read: int) -> tuple[bytes, ...]:
        return (*self._before, *self._marks[:read])[-BORDER:]


def _mark(op: Operation) -> bytes:
    """Return the short mark by which a row at the border is known again."""
    return hashlib.blake2b("|".join(map(str, op.identity)).encode(), digest_size=MARK).digest()


async def read_on(
    client: CatenaClient,
    start: Bookmark,
    collect: Callable[[list[Operation]], _T],
    *,
    size: int,
    most: int,
    deadline_s: float,
) -> Read[_T]:
    """Read everything behind a bookmark, in the API's own order; no stretch of time can be said to be covered.

    Raises:
        CatenaError: Nothing at all could be read.
    """
    reader, parts, rows, pages, stopped, error = Reader(client, start, size), [], 0, 0, "", None
    with anyio.move_on_after(deadline_s) as deadline:
        while not reader.ended:
            if rows >= most:
                stopped = f"the limit of {most:,} operations for one call was reached"
                break
            try:
                found = await reader.next()
            except CatenaError as exc:
                if not pages:
                    raise
                stopped, error = why(exc), exc
                break
            pages += 1
            parts.append(collect([op for _, op in found[: most - rows]]))
            rows += len(found)
    if deadline.cancelled_caught:
        stopped = TIME_IS_UP
    wait = error.retry_after if isinstance(error, RateLimited) else None
    return Read(parts, Coverage(None, None, None, False, pages, reader.drift, stopped, wait))


def _marks_of(border: bytes) -> tuple[bytes, ...]:
    return tuple(border[i : i + MARK] for i in range(0, len(border), MARK))
