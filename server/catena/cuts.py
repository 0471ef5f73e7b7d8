"""Where a shard that turned out large is cut, by how thick its rows were so far."""

import math
from datetime import datetime, timedelta
from typing import Any

from .shards import Shard

PAGES_PER_PIECE = 10
"""Pages that a piece of a shard left in the middle should hold: more waste less, fewer lose less where the time runs out."""

FEWEST_PAGES = 4
"""Pages that a piece of a window should hold of which is known only how thick rows lie in all of it."""

LONG_WALK = 8
"""After this many pages a shard that goes on was denser than it looked, and is cut."""

PAGES_WORTH_SPLITTING = 2
"""Pages that a shard must still hold for another to take of it."""

MOST_PIECES = 64
PIECES_OF_A_SIZE = 12
SHORTEST_SHARD = timedelta(seconds=2)

FEWEST_ROWS = 10
"""Rows from which the density of a shard can be judged."""

_MICROSECOND = timedelta(microseconds=1)


def cut_first(start: datetime, end: datetime, rows: float, size: int, most: int) -> list[datetime]:
    """Return the borders of pieces of a window of about so many rows, for `most` at a time: few of a page or two."""
    pages = rows / size
    pieces = math.ceil(max(min(most, pages / FEWEST_PAGES), pages / PAGES_PER_PIECE))
    return [start + (end - start) / pieces * i for i in range(pieces)] + [end] if pieces > 1 else [start, end]


def cut_anew(shard: Shard[Any], number: int, target: float) -> list[datetime]:
    """Return the borders of pieces of about `target` rows, to be read from their beginning; nothing: walk on.

    `number` pages of the shard have been read; its own start comes first, its own end last.
    """
    length = shard.end - shard.start
    if length <= SHORTEST_SHARD or not shard.rows:
        return []
    span = max(shard.reach[1] - shard.reach[0], _MICROSECOND)
    rows = shard.rows * min(length / span, 1e6)
    if number == LONG_WALK:
        rows = max(rows, shard.rows * 2.0)
    elif number > 1 or shard.rows < FEWEST_ROWS:
        return []
    if rows <= target * 1.25:  # also a long walk, where pages came short or empty: one piece would be no cut
        return []
    pieces = min(math.ceil(rows / target), MOST_PIECES, math.ceil(length / SHORTEST_SHARD))
    return [shard.start + length / pieces * i for i in range(pieces)] + [shard.end]


def cut_smaller(shard: Shard[Any], target: int) -> list[datetime]:
    """Return the borders of pieces of about `target` rows of a shard that holds more than was thought; nothing: too short."""
    length = shard.end - shard.start
    if length <= SHORTEST_SHARD or not shard.reach:
        return []
    span = max(shard.reach[1] - shard.reach[0], _MICROSECOND)
    rows = shard.rows * max(min(length / span, 1e6), 2.0)
    pieces = min(math.ceil(rows / target), MOST_PIECES, math.ceil(length / SHORTEST_SHARD))
    return [shard.start + length / pieces * i for i in range(pieces)] + [shard.end]


def older_half(shard: Shard[Any], size: int) -> datetime | None:
    """Return where to cut a shard, whose next page is under way, so that another can read its older half; None: too short.

    What stays holds a whole number of pages and a little less, so that its last page is nearly full.
    """
    if shard.last is None or shard.rest < PAGES_WORTH_SPLITTING * size:
        return None
    kept = size * (0.97 * max(1, round(shard.rest / size / 2)) - 0.1)
    return shard.last - (shard.last - shard.start) * (kept / shard.rest)


def rest_shared(shard: Shard[Any], size: int, hungry: int, most_rows: float) -> list[datetime]:
    """Return the borders of pieces of what is left of a shard, for itself and for the `hungry` that have nothing to do.

    Its own start comes first, and last the time from which on all of it has been read. A piece holds a whole number of
    pages and a little less, so that no last page is nearly empty, and at most `most_rows`.
    """
    assert shard.last is not None
    pages = max(1, min(PAGES_PER_PIECE, math.ceil(shard.rest / (hungry + 1) / size)))
    rows = min(size * (0.97 * pages - 0.1), most_rows)
    length, end = (shard.last - shard.start) * min(rows / shard.rest, 1), shard.last + _MICROSECOND
    borders = [end]
    while end - length * 1.25 > shard.start and len(borders) < MOST_PIECES:
        # How thick the rows are is known nearby, and less and less with the distance.
        length *= 1 if len(borders) <= PIECES_OF_A_SIZE else 8
        end = max(end - length, shard.start)
        borders.append(end)
    return [shard.start, *reversed(borders[:-1] if borders[-1] == shard.start else borders)]
