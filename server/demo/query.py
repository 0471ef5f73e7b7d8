"""Read the query of a list request as strictly as the real API does, and in its words."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from starlette.requests import Request

from ..catena.vocabulary import OPERATION_TYPES, RESOURCES
from .answers import Problem, invalid
from .ids import from_datetime
from .served import W

MOST_REFS, MOST_ROWS, USUAL_ROWS, MOST_DAYS = 100, 1000, 300, 45

_T = TypeVar("_T")
# As pydantic reads numbers from text: spaces around, a sign and a fraction of zero are accepted.
_INTEGER = re.compile(r"\s*[+-]?\d{1,12}(\.0{1,12})?\s*", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?\s?([Zz]|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Hold which operations are asked for; times are microseconds."""

    after: int
    before: int
    size: int
    cursor: str | None = None
    resource: str | None = None
    connection_id: str | None = None
    source_name: str | None = None
    fleet_refs: frozenset[str] = frozenset()
    operation: str | None = None
    source_id: str | None = None

    def takes(self, row: W, named: Callable[[W], str | None]) -> bool:
        """Say whether an operation passes every filter; `named` tells its id at the TSP."""
        connection = row.connection
        return (
            self.after <= row.created < self.before
            and (self.resource is None or row.resource == self.resource)
            and (self.operation is None or row.operation_type == self.operation)
            and (self.source_name is None or connection.source_name == self.source_name)
            and (self.connection_id is None or connection.id == self.connection_id)
            and (not self.fleet_refs or connection.fleet_ref in self.fleet_refs)
            and (self.source_id is None or named(row) == self.source_id)
        )


class Invalid(Exception):
    """Say why a value cannot be read."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


@dataclass(slots=True)
class Reader:
    """Read parameters one by one and gather what is wrong with all of them, as one answer has to name every problem."""

    request: Request
    problems: list[Problem] = field(default_factory=list)

    def one(self, name: str, convert: Callable[[str], _T], default: _T) -> _T:
        """Read a parameter; of several values the last one counts."""
        given = self.request.query_params.get(name)
        return default if given is None else self._converted(f"query.{name}", given, convert, default)

    def many(self, name: str, most: int, convert: Callable[[str], str] = str) -> list[str]:
        """Read a parameter that may be repeated."""
        given = self.request.query_params.getlist(name)
        if len(given) > most:
            message = f"List should have at most {most} items after validation, not {len(given)}"
            self.refuse(f"query.{name}", str(given), Invalid("too_long", message))
            return []
        return [self._converted(f"query.{name}.{place}", text, convert, "") for place, text in enumerate(given)]

    def part(self, name: str, convert: Callable[[str], str]) -> str:
        """Read a part of the path."""
        return self._converted(f"path.{name}", self.request.path_params[name], convert, "")

    def _converted(self, path: str, given: str, convert: Callable[[str], _T], default: _T) -> _T:
        try:
            return convert(given)
        except Invalid as error:
            self.refuse(path, given, error)
            return default

    def refuse(self, path: str, given: str, error: Invalid) -> None:
        """Note a problem."""
        # A value that is far too long is not sent back whole.
        problem = {"path": path, "input": given[:200], "message": str(error), "error_type": error.error_type}
        self.problems.append(problem)

    def settle(self) -> None:
        """Refuse the request when there was any problem."""
        if self.problems:
            raise invalid(self.problems)


def uuid(text: str) -> str:
    """Read a UUID in any of the forms it is written in."""
    try:
        return str(UUID(text))
    except ValueError as error:
        raise Invalid("uuid_parsing", "Input should be a valid UUID") from error


def one_of(values: Sequence[str]) -> Callable[[str], str]:
    """Make a reader of one of these words."""

    def read(text: str) -> str:
        if text not in values:
            listed = ", ".join(f"'{value}'" for value in values[:-1])
            raise Invalid("enum", f"Input should be {listed} or '{values[-1]}'")
        return text

    return read


def integer(least: int, most: int) -> Callable[[str], int]:
    """Make a reader of a number within limits."""

    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise Invalid("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
        number = int(float(text))
        if number < least:
            raise Invalid("greater_than_equal", f"Input should be greater than or equal to {least}")
        if number > most:
            raise Invalid("less_than_equal", f"Input should be less than or equal to {most}")
        return number

    return read


def moment(text: str) -> datetime:
    """Read an ISO 8601 time; without a zone it is UTC."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError("not in the form of a time")
        read = datetime.fromisoformat(text.upper())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        # An offset can push a time in year 1 or 9999 out of the calendar: that is no valid time either.
        raise Invalid("datetime_from_date_parsing", f"Input should be a valid datetime or date, {error}") from error


def read_list_query(request: Request, now: datetime, sources: Sequence[str]) -> ListQuery:
    """Read the ten parameters of the list of operations."""
    reader = Reader(request)
    optional: dict[str, Any] = {
        "resource": reader.one("resource", one_of(RESOURCES), None),
        "connection_id": reader.one("connection_id", uuid, None),
        "source_name": reader.one("source_name", one_of(sources), None),
        # A fleet reference is the partner's own text: an unknown one is no error, it only matches nothing.
        "fleet_refs": frozenset(reader.many("fleet_refs", MOST_REFS)),
        "operation": reader.one("operation", one_of(OPERATION_TYPES), None),
        "source_id": reader.one("source_id", str, None),
    }
    begin = reader.one("from_datetime", moment, now - timedelta(days=1))
    end = reader.one("to_datetime", moment, now)
    cursor = reader.one("cursor", str, "") or None
    size = reader.one("size", integer(1, MOST_ROWS), USUAL_ROWS)
    reader.settle()
    _check_together(reader, begin, end)
    return ListQuery(after=from_datetime(begin), before=from_datetime(end), size=size, cursor=cursor, **optional)


def _check_together(reader: Reader, begin: datetime, end: datetime) -> None:
    """Check what no single parameter shows: that is done only once each of them could be read."""
    params = reader.request.query_params
    if "source_id" in params and "resource" not in params:
        problem = Invalid("value_error", "Value error, `source_id` requires the `resource` parameter")
        reader.refuse("query.source_id", params["source_id"], problem)
    if end - begin > timedelta(days=MOST_DAYS):
        problem = Invalid("value_error", f"Value error, `to_datetime - from_datetime` cannot exceed {MOST_DAYS} days")
        reader.refuse("query.from_datetime", begin.isoformat(), problem)
    reader.settle()
