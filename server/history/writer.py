"""What is put into a history, and put in order there. One process writes at a time; see `Folder.writing`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import groupby

import msgspec
import polars as pl

from ..analysis.held import between
from ..analysis.rows import SCHEMA
from ..catena.outside import LONGEST_READ, masked, one_line
from ..catena.wire import Drift
from ..masking import mask_secrets
from .folder import Folder
from .folding import HASHED_BY, folded
from .manifest import AGAIN_FROM, Folded, Manifest, Part, Stretch, gaps

WORTH_FOLDING = 2_000
"""Rows of a part from which on it is folded: fewer are read as fast one by one."""

A_DAY = timedelta(days=1)


class Writer:
    """Writes into a folder for as long as it is the only one. `days`: what is older makes room."""

    def __init__(self, folder: Folder, days: int, worth_folding: int = WORTH_FOLDING) -> None:
        self._folder = folder
        self._days = timedelta(days=days)
        self._worth_folding = worth_folding

    def put(self, start: datetime, end: datetime, as_of: datetime, frame: pl.DataFrame, drift: Drift) -> None:
        """Keep all operations that were created in a stretch, in the place of what was known of it before.

        A part that reaches beyond the stretch stays as it is.
        """
        manifest = self._folder.manifest()
        known = manifest.within(start, end)
        old = [part for part in known if start <= part.start and part.end <= end and part.as_of <= as_of]
        free = gaps(start, end, [part for part in known if part not in old])
        pieces = [piece for stretch in free for piece in by_day(*stretch)]
        rows = _masked(frame).sort("created_at", "id")
        new = [self._part(piece, as_of, None, between(rows, *piece), Drift()) for piece in pieces]
        if new:
            new[-1] = msgspec.structs.replace(new[-1], drift=drift)
        replaced = manifest.replaced(old, new, as_of)
        self._folder.put(self._without_old(replaced, as_of), as_of)

    def tidy(self, now: datetime) -> bool:
        """Put the oldest parts that lie in disorder into one; return whether there were any."""
        manifest = self._folder.manifest()
        for run in _runs(manifest.parts, now):
            fold = sum(part.rows for part in run) >= self._worth_folding
            if len(run) > 1 or (fold and not stands(run[0].fold)):
                self._unite(manifest, run, fold, now)
                return True
        return False

    def _unite(self, manifest: Manifest, run: Sequence[Part], fold: bool, now: datetime) -> None:
        frame = self.rows(run)
        drift = Drift()
        for part in run:
            drift.add(part.drift)
        stretch, read = (run[0].start, run[-1].end), (min(part.as_of for part in run), min(part.age for part in run))
        if fold:
            told, plain, cells = (self._folder.write(rows) for rows in folded(frame))
            new = msgspec.structs.replace(
                self._part(stretch, *read, frame.clear(), drift),
                rows=len(frame),
                waiting=_waiting(frame),
                fold=Folded(told, plain, cells, HASHED_BY),
            )
        else:
            new = self._part(stretch, *read, frame, drift)
        self._folder.put(manifest.replaced(run, [new], now), now)

    def _part(self, stretch: Stretch, as_of: datetime, age: float | None, frame: pl.DataFrame, drift: Drift) -> Part:
        """Write the rows of a part; without an `age` it is that of its end at `as_of`."""
        age = (as_of - stretch[1]).total_seconds() if age is None else age
        file = self._folder.write(frame) if len(frame) else None
        return Part(*stretch, as_of, age, len(frame), _waiting(frame), drift, file)

    def rows(self, parts: Iterable[Part]) -> pl.DataFrame:
        """Return every operation of some parts."""
        files = [file for part in parts for file in part.single]
        frames = [pl.read_parquet(path, columns=list(SCHEMA)) for path in self._folder.paths(*files)]
        return pl.concat([_NOTHING, *frames]).sort("created_at", "id")

    def _without_old(self, manifest: Manifest, now: datetime) -> Manifest:
        old = [part for part in manifest.parts if part.end < now - self._days]
        return manifest.replaced(old, [], now)


_NOTHING = pl.DataFrame(schema=SCHEMA)


def stands(fold: Folded | None) -> bool:
    """Tell whether a fold is there, and can be looked up in."""
    return fold is not None and fold.hashed_by == HASHED_BY


def _waiting(frame: pl.DataFrame) -> int:
    return int((frame["status"] == "pending").sum())


def by_day(start: datetime, end: datetime) -> Iterator[Stretch]:
    """Cut a stretch where days end."""
    while start < end:
        midnight = datetime.combine(start.date(), time(), UTC) + A_DAY
        yield start, min(end, midnight)
        start = midnight


def _runs(parts: Sequence[Part], now: datetime) -> Iterator[list[Part]]:
    """Return which parts belong together: of a day that is over and will not change, else of an hour."""
    for _, day in groupby(_chained(parts), key=lambda pair: (pair[0], pair[1].start.date())):
        of_day = [part for _, part in day]
        closed = of_day[-1].end == datetime.combine(of_day[-1].start.date(), time(), UTC) + A_DAY
        if closed and all(part.ripe for part in of_day):
            yield of_day
            continue
        for _, hour in groupby(of_day, key=lambda part: (part.start.hour, part.ripe)):
            run = list(hour)
            if now - run[-1].end >= AGAIN_FROM:
                yield run


def _chained(parts: Sequence[Part]) -> Iterator[tuple[int, Part]]:
    """Number the parts by the chain without a gap that they stand in."""
    chain, end = 0, None
    for part in parts:
        chain += part.start != end
        end = part.end
        yield chain, part


def _masked(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows without credentials and personal data in what TSPs said; what identifies a cause loses credentials."""
    return frame.with_columns(
        _each(frame["title"], lambda text: masked(one_line(text, LONGEST_READ), personal=False)),
        _each(frame["message"], lambda text: masked(one_line(text, LONGEST_READ), personal=False)),
        _each(frame["skeleton"], mask_secrets),
    )


def _each(texts: pl.Series, mask: Callable[[str], str]) -> pl.Series:
    """Mask each text once, however often it stands there."""
    said = texts.unique().drop_nulls().to_list()
    return texts.replace_strict(said, [mask(text) for text in said], default=None, return_dtype=pl.String)
