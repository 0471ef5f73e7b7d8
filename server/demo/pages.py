"""Cut a sorted collection into pages with keyset cursors, as Catena's pagination library does.

A cursor names the row beside which a page begins and the direction to read in, and nothing else: filters and window
have to be sent again with every page. On the wire it is base64 that has been percent-encoded once more.
"""

import re
from base64 import b64decode, b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

from .answers import Refusal
from .faults import Endless, Order
from .ids import mix

Key = tuple[int, str]
_T = TypeVar("_T")
_CURSOR = re.compile(r"([<>])(?:(\d{1,18})~([0-9a-f-]{36})(?:~\d+)?)?", re.ASCII)
# Older than any row, for a cursor where there is no row to name.
_NOWHERE: Key = (0, "00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Hold where a page begins: right after a row, or right before it and reading backwards."""

    backwards: bool = False
    key: Key | None = None

    def encode(self, nonce: int | None = None) -> str:
        """Write it as it goes over the wire."""
        text = "<" if self.backwards else ">"
        if self.key is not None:
            text += f"{self.key[0]}~{self.key[1]}" + ("" if nonce is None else f"~{nonce}")
        return quote(b64encode(text.encode()), safe="")


def read_cursor(text: str | None) -> Cursor:
    """Read a cursor, percent-encoded once more or not; without one, begin at the beginning."""
    if text is None:
        return Cursor()
    try:
        found = _CURSOR.fullmatch(b64decode(unquote(text), validate=True).decode("ascii"))
    except ValueError as error:
        raise Refusal(400, "Invalid cursor value") from error
    if found is None:
        raise Refusal(400, "Invalid cursor value")
    sign, created, identifier = found.groups()
    return Cursor(sign == "<", None if created is None else (int(created), identifier))


class Ranking(Generic[_T]):
    """Put rows that are sorted by time and id into the order in which they are shown."""

    def __init__(self, rows: Sequence[_T], key: Callable[[_T], Key], order: Order) -> None:
        self._rows = rows
        self._key = key
        self._order = order

    @cached_property
    def _scattered(self) -> list[int]:
        rows, key = self._rows, self._key
        return sorted(range(len(rows)), key=lambda place: scatter(key(rows[place])))

    def at(self, rank: int, count: int) -> _T:
        """Give the row at a rank, of the first `count` rows by time."""
        if self._order == "scattered":
            return self._rows[self._scattered[rank]]
        return self._rows[count - 1 - rank if self._order == "newest" else rank]

    def place(self, key: Key, count: int, *, after: bool) -> int:
        """Find the rank at which a row with this key stands, or the one after it."""
        if self._order == "scattered":
            find = bisect_right if after else bisect_left
            return find(self._scattered, scatter(key), key=lambda place: scatter(self._key(self._rows[place])))
        # Rows are stored oldest first; read from the newest, "after" a key means before its place.
        find = bisect_left if (self._order == "newest") is after else bisect_right
        place = find(self._rows, key, hi=count, key=self._key)
        return count - place if self._order == "newest" else place

    def bounds(self, count: int, after: int, before: int) -> tuple[int, int]:
        """Give the ranks between which the rows numbered `after` to `before` lie."""
        if self._order == "scattered":
            return 0, len(self._rows)
        return (count - before, count - after) if self._order == "newest" else (after, before)


def scatter(key: Key) -> tuple[int, Key]:
    """Give the key by which rows stand in an order that looks like chance but never changes."""
    return mix(key[0] ^ int(key[1][-12:], 16)), key


@dataclass(frozen=True, slots=True)
class Window(Generic[_T]):
    """Hold a stretch of ranks and the filter that rows in it have to pass."""

    ranking: Ranking[_T]
    count: int
    low: int
    high: int
    takes: Callable[[_T], bool]

    def gather(self, start: int, step: int, most: int) -> list[_T]:
        """Read rows from a rank on in one direction until there are enough."""
        found: list[_T] = []
        stop = self.high if step > 0 else self.low - 1
        start = max(start, self.low) if step > 0 else min(start, self.high - 1)
        for rank in range(start, stop, step):
            row = self.ranking.at(rank, self.count)
            if self.takes(row):
                found.append(row)
                if len(found) >= most:
                    break
        return found

    def start(self, cursor: Cursor) -> int:
        """Find the first rank that lies behind a cursor in reading order."""
        if cursor.key is None:
            return self.high if cursor.backwards else self.low
        return self.ranking.place(cursor.key, self.count, after=not cursor.backwards)


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Hold one page and where the neighbouring pages begin; None where there is no neighbour."""

    rows: list[_T]
    current: Cursor
    backwards: Cursor
    previous: Cursor | None
    following: Cursor | None


def cut(window: Window[_T], cursor: Cursor, size: int, key: Callable[[_T], Key], repeat: int = 0) -> Page[_T]:
    """Read the page that a cursor names."""
    start = window.start(cursor)
    if cursor.backwards:
        found = window.gather(start - 1, -1, size + 1)
        # One row more than asked for tells whether there is another page.
        rows, earlier = found[size - 1 :: -1] if found else [], len(found) > size
        later = window.gather(start, 1, 1)
    else:
        # Repeated rows take the room of new ones, as they do when rows are pushed down under a walk by offset.
        again = window.gather(start - 1, -1, min(repeat, size - 1)) if repeat and size > 1 and cursor.key else []
        found = again[::-1] + window.gather(start, 1, size + 1)
        rows, later = found[:size], found[size : size + 1]
        earlier = bool(window.gather(start - 1, -1, 1))
    edge = (key(rows[0]), key(rows[-1])) if rows else (cursor.key, cursor.key)
    return Page(
        rows=rows,
        current=cursor,
        backwards=Cursor(True, key(later[0]) if later else None),
        previous=Cursor(True, edge[0]) if earlier else None,
        following=Cursor(False, edge[1]) if later else None,
    )


def without_end(page: Page[_T], endless: Endless, asked: Cursor, key: Callable[[_T], Key]) -> Page[_T]:
    """Let a page name a next one although there is none, or the one that was just read."""
    end = key(page.rows[-1]) if page.rows else asked.key or _NOWHERE
    if endless == "same" and asked.key is not None:
        return replace(page, following=asked)
    if endless:
        return replace(page, following=page.following or Cursor(False, end))
    return page


def body_of(page: Page[_T], show: Callable[[_T], Any], nonce: int | None = None) -> dict[str, Any]:
    """Write a page down as the contract has it."""
    return {
        "items": [show(row) for row in page.rows],
        "current_page": page.current.encode(),
        "current_page_backwards": page.backwards.encode(),
        "previous_page": page.previous and page.previous.encode(),
        "next_page": page.following and page.following.encode(nonce),
    }
