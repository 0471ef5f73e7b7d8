"""The cursor of a list: everything a walk needs to go on, so that passing it alone continues exactly there."""

import base64
import binascii
import re
from datetime import datetime
from typing import Self

import msgspec

from ..errors import BadArgument
from .query import Filters
from .vocabulary import RecordState

PREFIX = "c1."
"""Tells our cursors from the API's own, which are accepted too; the digit is the version."""

BORDER = 6
"""How many rows before the position are remembered: pages that shift repeat rows at their border."""


_PLAIN = re.compile(r"[\w.~=%+/-]*", re.ASCII)

MARK = 5
"""Bytes of a row's mark: 6 of them against a page of 1,000 meet by chance once in 200 million pages."""


BROKEN = "The cursor is broken: it was changed or cut. Pass `next_cursor` unchanged and alone, or start again without a cursor."


class Bookmark(msgspec.Struct, frozen=True, array_like=True):
    """A position in a list: `skip` rows into the page at the API's `cursor`, `border` being the rows before it.

    `size` is how many rows an answer holds; `page_size` how many the page at `cursor` was asked with. A list by
    `outcome` goes on behind the row `after`: created then, with this id, on this connection.
    """

    filters: dict[str, str | list[str]]
    start: datetime
    end: datetime
    default: bool
    status: str | None = None
    group: str | None = None
    detail: str = "concise"
    size: int = 0
    cursor: str | None = None
    page_size: int = 0
    skip: int = 0
    border: bytes = b""
    outcome: RecordState | None = None
    after: tuple[datetime, str, str] | None = None

    @property
    def api_filters(self) -> Filters:
        """The filters the API is asked with."""
        return Filters(**{k: tuple(v) if isinstance(v, list) else v for k, v in self.filters.items()})  # type: ignore[arg-type]  # names come from Filters.given

    def encode(self) -> str:
        """Return the cursor as text of letters, digits and `.-_~=%+/`.

        The API's own stands in it as it is where it is such a text, since encoding it again would lengthen it.
        """
        plain = self.cursor is None or _PLAIN.fullmatch(self.cursor)
        rest = msgspec.msgpack.encode(msgspec.structs.replace(self, cursor=None) if plain else self)
        own = (self.cursor or "") if plain else ""
        return f"{PREFIX}{base64.urlsafe_b64encode(rest).decode().rstrip('=')}.{own}"

    @classmethod
    def decode(cls, cursor: str) -> Self | None:
        """Read a cursor of ours; None for one of the API's own.

        Raises:
            BadArgument: It is ours, and broken.
        """
        if not cursor.startswith(PREFIX):
            return None
        text, _, own = cursor.removeprefix(PREFIX).partition(".")
        try:
            rest = msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=cls)
            return msgspec.structs.replace(rest, cursor=own) if own else rest
        except (binascii.Error, ValueError, msgspec.DecodeError):
            raise BadArgument(BROKEN) from None
