"""The stretch of time a question is about: written by people and models, fixed once, never sliding."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ..catena.outside import said_back
from ..catena.query import LONGEST_SPAN, iso
from ..errors import BadArgument

DEFAULT_SPAN = timedelta(days=1)
"""The API's own default."""

CLOCKS_MAY_DIFFER = timedelta(minutes=5)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RELATIVE = re.compile(
    r"-?(\d{1,6})\s*(s(?:ec(?:onds?)?)?|m(?:in(?:utes?)?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:eeks?)?)(?:\s+ago)?"
)
_UNIX = re.compile(r"\d{10}(\d{3})?")
"""Seconds or milliseconds since 1970, as programs write times."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 2015, 2100
"""What lies outside is a number taken for a date."""

FORMS = "ISO 8601 (2026-06-25T16:00:00Z, no zone = UTC) or relative to now (-90m, -24h, -7d, now)"


@dataclass(frozen=True)
class Window:
    """From `start` (included) to `end` (not included), aware UTC.

    `default`: nobody named a time. `ago`: how far each end lies before now, where it moves on with now; None where it
    is fixed.
    """

    start: datetime
    end: datetime
    default: bool = False
    ago: tuple[timedelta | None, timedelta | None] = (None, None)

    @property
    def length(self) -> timedelta:
        """The time between both ends."""
        return self.end - self.start

    @property
    def ends(self) -> tuple[datetime | timedelta, datetime | timedelta]:
        """Both ends as they were asked for: equal for windows that are one but for the moment they were asked at."""
        return (
            self.start if self.ago[0] is None else self.ago[0],
            self.end if self.ago[1] is None else self.ago[1],
        )

    def moved_back(self, held: "Window", at_most: timedelta) -> "Window":
        """Return this window as it stood when rows of `held` were read, if its end moves with now as theirs does.

        Never by more than `at_most`: what was read longer ago, or of another time, must not stand for now.
        """
        slid = self.end - held.end
        if self.ago[1] is None or self.ago[1] != held.ago[1] or not timedelta(0) < slid <= at_most:
            return self
        return replace(self, start=self.start if self.ago[0] is None else self.start - slid, end=held.end)


def window_of(from_datetime: str | None, to_datetime: str | None, now: datetime) -> Window:
    """Fix both ends of a window; a missing end is now, a missing start one day before the end.

    Raises:
        BadArgument: A time cannot be read, the ends are reversed, lie ahead, or span more than the API takes.
    """
    now = now.replace(microsecond=0)
    end = moment_of(to_datetime, "to_datetime", now) if to_datetime else now
    start = moment_of(from_datetime, "from_datetime", now) if from_datetime else end - DEFAULT_SPAN
    if start > now + CLOCKS_MAY_DIFFER:
        raise BadArgument(
            f"The window {iso(start)} to {iso(end)} lies ahead: now it is {iso(now)}. Ask for a past one."
        )
    if start == end and (day := _day(from_datetime)) and _day(to_datetime):
        raise BadArgument(
            f"from_datetime and to_datetime are the same day, and a date alone is its midnight. For that day ask for "
            f"from_datetime={day} with to_datetime={iso(end + DEFAULT_SPAN)}."
        )
    if start >= end:
        raise BadArgument(
            f"The window is empty or reversed: from_datetime {iso(start)} is not before to_datetime {iso(end)}. "
            "Swap them, or leave to_datetime out to read until now."
        )
    if end - start > LONGEST_SPAN:
        raise BadArgument(
            f"The window spans {(end - start).total_seconds() / 86400:.1f} days; the API takes 45 at most. Ask for "
            f"from_datetime={iso(end - LONGEST_SPAN)} with to_datetime={iso(end)} first, then for the time before."
        )
    ago_end = now - end if _moves(to_datetime) else None
    ago_start = now - start if (_moves(from_datetime) if from_datetime else ago_end is not None) else None
    return Window(start, end, default=not from_datetime and not to_datetime, ago=(ago_start, ago_end))


def _day(text: str | None) -> str:
    """Return a time that is a date alone; nothing where it is more."""
    return text.strip() if text and len(text.strip()) <= len("2026-11-23") else ""


def _moves(text: str | None) -> bool:
    """Tell whether a time moves on with now: where it is relative, or not given."""
    relative = (text or "now").strip().lower()
    return relative == "now" or bool(_RELATIVE.fullmatch(relative))


def moment_of(text: str, name: str, now: datetime) -> datetime:
    """Read one time.

    Raises:
        BadArgument: It is neither ISO 8601 nor relative to now, or of a year without operations.
    """
    text = text.strip()
    if text.lower() == "now":
        return now
    try:
        moment = _read(text, now)
    except (ValueError, OverflowError):
        raise BadArgument(f"{name} {said_back(text)} is not a time. Write it as {FORMS}.") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadArgument(
            f"{name} {said_back(text)} reads as the year {moment.year}, of which there are no operations. "
            f"Write it as {FORMS}."
        )
    return moment


def _read(text: str, now: datetime) -> datetime:
    if relative := _RELATIVE.fullmatch(text.lower()):
        return now - timedelta(**{_UNITS[relative[2][0]]: int(relative[1])})
    if unix := _UNIX.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(text) * (1 if unix[1] else 1000))
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
