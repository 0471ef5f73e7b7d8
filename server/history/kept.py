"""A history on this machine: which parts of it stand for a window now, and their rows."""

from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from pydantic import SecretStr

from ..catena.query import Filters
from ..catena.wire import Drift
from ..causes.memory import Memory
from ..store.sealed import named_for
from .earlier import Earlier, earlier_of
from .folder import Folder
from .manifest import UNSURE, Part, Stretch, gaps
from .past import FEW_ROWS, Past, past_of
from .writer import WORTH_FOLDING, Writer


class History:
    """What one account read, kept for `days`; others may write it meanwhile, and find nothing of another account's."""

    few = FEW_ROWS
    worth_folding = WORTH_FOLDING

    def __init__(self, path: Path, days: int) -> None:
        self.folder = Folder(path)
        self.days = days

    def standing(self, start: datetime, end: datetime, now: datetime, *, settled: bool = False) -> list[Part]:
        """Return the parts that stand for a window; only what is `settled` of them where all else is to be read again."""
        parts = self.folder.manifest().within(start, end)
        return [part for part in parts if part.settled or not (settled or part.due(now))]

    def past(self, parts: Sequence[Part], start: datetime, end: datetime, filters: Filters) -> Past:
        """Return the rows that parts hold of a window and of some filters.

        Raises:
            OSError: A file of them was replaced too long ago, so that it is gone.
        """
        return past_of(self.folder, parts, start, end, filters, self.few)

    def earlier(
        self, before: datetime, filters: Filters, sources: Collection[str], memory: Memory
    ) -> tuple[datetime | None, dict[str, Earlier]]:
        """Return since when the history tells of the time before a moment, and which causes of some TSPs failed then."""
        parts = [part for part in self.folder.manifest().parts if part.start < before]
        begins = parts[0].start if parts else None
        return begins, earlier_of(self.folder, parts, before, filters, sources, memory)

    def missing(self, now: datetime, days: int) -> list[Stretch]:
        """Return the stretches of some days that were never read, the oldest first."""
        first, last = now - timedelta(days=min(days, self.days)), now - UNSURE
        return list(gaps(first, last, self.folder.manifest().within(first, last)))

    def due(self, now: datetime) -> list[Part]:
        """Return the parts that are to be read again."""
        first = now - timedelta(days=self.days)
        return [part for part in self.folder.manifest().parts if part.start >= first and part.due(now)]

    @contextmanager
    def writing(self, wait_s: float = 0.0) -> Generator[Writer | None]:
        """Give the one who writes; None where another process does."""
        with self.folder.writing(wait_s) as taken:
            yield Writer(self.folder, self.days, self.worth_folding) if taken else None

    def keep(self, start: datetime, end: datetime, as_of: datetime, frame: pl.DataFrame, drift: Drift) -> None:
        """Keep what a question read, unless another process writes; and put a little in order."""
        end = min(end, as_of - UNSURE)
        with self.writing() as writer:
            if writer and start < end:
                writer.put(start, end, as_of, frame, drift)
                writer.tidy(as_of)


def path_of(root: str, secret: SecretStr, *tenant: str) -> Path:
    """Return the folder of one account: under another secret or address nobody finds it."""
    return Path(root) / named_for(secret, "history", *tenant)
