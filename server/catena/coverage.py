"""What a read of a window covers, and what it took."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from .wire import Drift

_T = TypeVar("_T")


@dataclass(frozen=True)
class Effort:
    """What the last run of a read did in how many seconds.

    `calls`: how many runs came to an end; `left`: the share of the window's time that is still to be read after them.
    """

    pages: int
    rows: int
    seconds: float
    left: float
    calls: int

    @property
    def calls_left(self) -> int | None:
        """About how many more runs the rest takes, by the time these read; None where it cannot be told."""
        return max(1, math.ceil(self.calls * self.left / (1 - self.left))) if self.left < 1 else None


@dataclass(frozen=True)
class Coverage:
    """What a read covers: start and end, None where no stretch of time can be named.

    `cut_at`: rows created before it do not count, although they were read. `stopped` says in our words why the read
    ended early; `retry_after` is in seconds. `holes` are stretches inside that could not be read. `pages` are those of
    all runs. `goes_on`: who asks the same again reads only the rest.
    """

    start: datetime | None
    end: datetime | None
    cut_at: datetime | None
    complete: bool
    pages: int
    drift: Drift
    stopped: str = ""
    retry_after: float | None = None
    holes: tuple[tuple[datetime, datetime], ...] = ()
    effort: Effort | None = None
    goes_on: bool = False

    @property
    def carried(self) -> bool:
        """Whether it took more than one run."""
        return self.effort is not None and self.effort.calls > 1


@dataclass(frozen=True)
class Read(Generic[_T]):
    """The parts collected from the pages that count, and what they cover."""

    parts: list[_T]
    coverage: Coverage
