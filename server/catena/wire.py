"""What Catena sends, decoded: every field we read, and tolerance for what we have not seen yet.

A page is first decoded against exactly the fields of the contract, which costs nothing extra. A page that drifted
(unknown field, missing field, other type) or that holds what no strict reader takes is decoded again field by field, and
what was odd is counted: one odd row costs that row, one odd field that field. Operations and logs hold no reference back
to themselves, so the garbage collector need not look at them (`gc=False`): with 100,000 of them in memory it would take
twice the time of decoding.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any, TypeVar

import msgspec

from ..errors import Unreadable
from . import odd_json
from .vocabulary import STATUSES

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on a body that is not the JSON it should be."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Id = Annotated[str, msgspec.Meta(min_length=1)]
StatusCode = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
"""What a column of the analysis holds; the statuses of HTTP have three digits."""


class Log(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One attempt at an operation."""

    status: str
    created_at: datetime = EPOCH
    updated_at: datetime | None = None
    id: str = ""
    resource_operation_id: str = ""
    error_type: str | None = None
    error_details: str | None = None
    response_status_code: StatusCode | None = None
    response_headers: dict[str, str] | None = None


class Operation(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One write into a TSP. `payload` is whatever was written, an object by the contract."""

    id: Id
    created_at: datetime
    updated_at: datetime | None = None
    partner_id: str = ""
    connection_id: str = ""
    fleet_ref: str | None = None
    source_name: str = ""
    resource: str = ""
    resource_id: str | None = None
    source_id: str | None = None
    operation_type: str = ""
    status: str = ""
    payload: Any = None
    logs: list[Log] | None = None

    @property
    def attempts(self) -> list[Log]:
        """The attempts in the order they were made."""
        logs = self.logs or []
        return logs if len(logs) < 2 else sorted(logs, key=lambda log: log.created_at)

    @property
    def identity(self) -> tuple[str, str, datetime]:
        """What no two operations share, and one keeps: ids that are equal by mistake lose no row."""
        return self.id, self.connection_id, self.created_at


class Drift(msgspec.Struct):
    """What did not look like the contract, counted over the operations read.

    `unreadable` and `outside` (of the window, by both of their times) are rows that are not counted anywhere else;
    `odd` are values that no JSON holds, by kind.
    """

    unknown_fields: Counter[str] = msgspec.field(default_factory=Counter)
    misread_fields: Counter[str] = msgspec.field(default_factory=Counter)
    odd: Counter[str] = msgspec.field(default_factory=Counter)
    unreadable: int = 0
    outside: int = 0

    def add(self, other: "Drift") -> None:
        """Add the counts of another page."""
        self.unknown_fields += other.unknown_fields
        self.misread_fields += other.misread_fields
        self.odd += other.odd
        self.unreadable += other.unreadable
        self.outside += other.outside


class Page(msgspec.Struct):
    """One page of the list and the cursor to the next, None at the end."""

    items: list[Operation]
    next_page: str | None = None
    drift: Drift = msgspec.field(default_factory=Drift)
    left_out: frozenset[int] = frozenset()
    """Marks of the rows that may not be seen: enough to tell that a page repeats, or is not empty."""


class _StrictPage(msgspec.Struct):
    items: list[Operation]
    next_page: str | None = None


_strict = msgspec.json.Decoder(_StrictPage)
_loose = msgspec.json.Decoder()
_T = TypeVar("_T", Log, Operation)


Admits = Callable[[Operation], bool]
"""Tells whether an operation may be seen."""


def decode_page(body: bytes, admits: Admits | None = None) -> Page:
    """Decode a page of the list; what `admits` does not let pass leaves nothing but a mark.

    Raises:
        Unreadable: The body is not a page, whatever its rows hold.
    """
    try:
        page = _strict.decode(body)
    except UNDECODABLE:
        return _decode_drifted(body, admits)
    records: list[Operation | Log] = [*page.items, *chain.from_iterable(op.logs for op in page.items if op.logs)]
    if not all(map(_settled, records)):
        return _decode_drifted(body, admits)
    if admits is None:
        return Page(page.items, page.next_page or None)
    kept, left_out = [op for op in page.items if admits(op)], [op for op in page.items if not admits(op)]
    return Page(kept, page.next_page or None, left_out=_marks_of(left_out))


def _marks_of(operations: Iterable[Operation]) -> frozenset[int]:
    return frozenset(hash(op.identity) for op in operations)


NOT_JSON = (
    "Catena answered, but not with the JSON its contract names: cut short, or a page of something in between. "
    "Try again; if it stays, check that CATENA_BASE_URL is the API's address and not a proxy's or a web site's."
)


def _decode_drifted(body: bytes, admits: Admits | None) -> Page:
    drift = Drift()
    page = decode_any(body, drift)
    items, cursor = (page.get("items"), page.get("next_page")) if isinstance(page, dict) else (None, None)
    if not isinstance(items, list) or not (cursor is None or isinstance(cursor, str)):
        raise Unreadable(NOT_JSON)
    if admits is None:
        read = [decode_operation(item, drift) for item in items]
        return Page([op for op in read if op is not None], cursor or None, drift)
    kept, left_out = [], []
    for item in items:
        op = decode_operation(item, own := Drift())
        if op is None:
            drift.unreadable += 1  # whose it is cannot be told: it is counted, and nothing of it is told
        elif admits(op):
            kept.append(op)
            drift.add(own)
        else:
            left_out.append(op)
    return Page(kept, cursor or None, drift, _marks_of(left_out))


def decode_any(body: bytes, drift: Drift) -> Any:
    """Decode a body of any form, counting in `drift` what no JSON holds.

    Raises:
        Unreadable: It is no JSON, or was cut short.
    """
    try:
        return _loose.decode(body)
    except UNDECODABLE:
        pass
    try:
        return odd_json.read(body, drift.odd)
    except ValueError as exc:
        raise Unreadable(NOT_JSON) from exc


def decode_one(body: bytes) -> Operation:
    """Decode the answer that is one operation.

    Raises:
        Unreadable: It is none.
    """
    operation = decode_operation(decode_any(body, drift := Drift()), drift)
    if operation is None:
        raise Unreadable(NOT_JSON)
    return operation


def decode_operation(item: Any, drift: Drift) -> Operation | None:
    """Convert one decoded JSON object, counting in `drift` what is odd; None where it is no operation at all."""
    if not isinstance(item, dict):
        drift.unreadable += 1
        return None
    logs = _logs_that_fit(item.get("logs"), drift)
    operation = _fields_that_fit({**item, "logs": None}, Operation, "", drift)
    if operation is None or not _settled(operation):
        drift.unreadable += 1
        return None
    operation.logs = logs
    return operation


def _logs_that_fit(items: Any, drift: Drift) -> list[Log] | None:
    if items is None:
        return None
    if not isinstance(items, list):
        drift.misread_fields["logs"] += 1
        return []
    logs = [_fields_that_fit(item, Log, "logs.", drift) if isinstance(item, dict) else None for item in items]
    kept = [log for log in logs if log is not None and _settled(log)]
    drift.misread_fields.update(["logs"] * (len(logs) - len(kept)))
    return kept


def _fields_that_fit(item: dict[str, Any], kind: type[_T], path: str, drift: Drift) -> _T | None:
    """Build a `kind` from the fields of `item` that can be read; None where one it cannot do without is missing."""
    known = _FIELDS[kind]
    if unknown := item.keys() - known.keys():
        drift.unknown_fields.update(path + name for name in unknown)
        item = {name: value for name, value in item.items() if name in known}
    try:
        return msgspec.convert(item, kind, strict=False)
    except msgspec.ValidationError:
        return _field_by_field(item, kind, path, drift)


def _field_by_field(item: dict[str, Any], kind: type[_T], path: str, drift: Drift) -> _T | None:
    kept: dict[str, Any] = {}
    misread = []
    for name, field in _FIELDS[kind].items():
        if name not in item or (item[name] is None and not field.required):
            continue
        try:
            kept[name] = msgspec.convert(item[name], field.type, strict=False)
        except msgspec.ValidationError:
            misread.append(path + name)
    if any(field.required and name not in kept for name, field in _FIELDS[kind].items()):
        return None
    drift.misread_fields.update(misread)
    return kind(**kept)


_FIELDS = {kind: {field.name: field for field in msgspec.structs.fields(kind)} for kind in (Log, Operation)}


def _settled(record: Operation | Log) -> bool:
    """Write times as UTC and a status in small letters, as the contract does; False where its time is none."""
    if record.status not in STATUSES and record.status.lower() in STATUSES:
        record.status = record.status.lower()
    try:
        if record.created_at.tzinfo is not UTC:
            record.created_at = _utc(record.created_at)
        if record.updated_at is not None and record.updated_at.tzinfo is not UTC:
            record.updated_at = _utc(record.updated_at)
    except OverflowError:
        return False
    return True


def _utc(moment: datetime) -> datetime:
    """Read a time without a zone as UTC, which the API says all its times are."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
