"""What Catena sends, decoded: every field we read, and tolerance for what we have not seen yet.

A page is first decoded against exactly the fields of the contract, which costs nothing extra. A page that drifted
(unknown field, missing field, other type) is decoded again field by field, and what was odd is counted. Operations and
logs hold no reference back to themselves, so the garbage collector need not look at them (`gc=False`): with 100,000 of
them in memory it would take twice the time of decoding.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from ..errors import Unreadable

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on a body that is not the JSON it should be."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Log(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One attempt at an operation."""

    status: str
    created_at: datetime = EPOCH
    updated_at: datetime | None = None
    id: str = ""
    resource_operation_id: str = ""
    error_type: str | None = None
    error_details: str | None = None
    response_status_code: int | None = None
    response_headers: dict[str, str] | None = None


class Operation(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One write into a TSP. `payload` stays bytes: it is read only where it is shown or compared."""

    id: str
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
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    logs: list[Log] | None = None

    @property
    def attempts(self) -> list[Log]:
        """The attempts in the order they were made."""
        logs = self.logs or []
        return logs if len(logs) < 2 else sorted(logs, key=lambda log: log.created_at)


class Drift(msgspec.Struct):
    """What did not look like the contract, counted over the operations read."""

    unknown_fields: Counter[str] = msgspec.field(default_factory=Counter)
    misread_fields: Counter[str] = msgspec.field(default_factory=Counter)
    unreadable: int = 0

    def add(self, other: "Drift") -> None:
        """Add the counts of another page."""
        self.unknown_fields += other.unknown_fields
        self.misread_fields += other.misread_fields
        self.unreadable += other.unreadable


class Page(msgspec.Struct):
    """One page of the list and the cursor to the next, None at the end."""

    items: list[Operation]
    next_page: str | None = None
    drift: Drift = msgspec.field(default_factory=Drift)


class _StrictPage(msgspec.Struct):
    items: list[Operation]
    next_page: str | None = None


class _LoosePage(msgspec.Struct):
    items: list[Any]
    next_page: str | None = None


_strict = msgspec.json.Decoder(_StrictPage)
_loose = msgspec.json.Decoder(_LoosePage)
_T = TypeVar("_T", Log, Operation)


def decode_page(body: bytes) -> Page:
    """Decode a page of the list.

    Raises:
        Unreadable: The body is not a page, whatever its rows hold.
    """
    try:
        page = _strict.decode(body)
    except msgspec.ValidationError:
        return _decode_drifted(body)
    except UNDECODABLE as exc:
        raise Unreadable(NOT_JSON) from exc
    return Page(_with_zones(page.items), page.next_page)


NOT_JSON = (
    "Catena answered, but not with the JSON its contract names: cut short, or a page of something in between. "
    "Try again; if it stays, check that CATENA_BASE_URL is the API's address and not a proxy's or a web site's."
)


def _decode_drifted(body: bytes) -> Page:
    try:
        page = _loose.decode(body)
    except UNDECODABLE as exc:
        raise Unreadable(NOT_JSON) from exc
    drift = Drift()
    read = [decode_operation(item, drift) for item in page.items]
    return Page([op for op in read if op is not None], page.next_page, drift)


def decode_operation(item: Any, drift: Drift) -> Operation | None:
    """Convert one decoded JSON object, counting in `drift` what is odd; None where it is no operation at all."""
    if not isinstance(item, dict):
        drift.unreadable += 1
        return None
    logs = _logs_that_fit(item.get("logs"), drift)
    payload = msgspec.Raw(msgspec.json.encode(item.get("payload", {})))
    operation = _fields_that_fit({**item, "logs": None, "payload": payload}, Operation, "", drift)
    if operation is None:
        drift.unreadable += 1
        return None
    operation.logs = logs
    return _with_zones([operation])[0]


def _logs_that_fit(items: Any, drift: Drift) -> list[Log] | None:
    if items is None:
        return None
    if not isinstance(items, list):
        drift.misread_fields["logs"] += 1
        return []
    logs = [_fields_that_fit(item, Log, "logs.", drift) if isinstance(item, dict) else None for item in items]
    drift.misread_fields.update("logs" for log in logs if log is None)
    return [log for log in logs if log is not None]


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
    for name, field in _FIELDS[kind].items():
        if name not in item or (item[name] is None and not field.required):
            continue
        try:
            kept[name] = msgspec.convert(item[name], field.type, strict=False)
        except msgspec.ValidationError:
            drift.misread_fields[path + name] += 1
    missing = [name for name, field in _FIELDS[kind].items() if field.required and name not in kept]
    return None if missing else kind(**kept)


_FIELDS = {kind: {field.name: field for field in msgspec.structs.fields(kind)} for kind in (Log, Operation)}


def _with_zones(operations: list[Operation]) -> list[Operation]:
    """Read a time without a zone as UTC, which the API says all its times are."""
    for op in operations:
        if op.created_at.tzinfo is None or (op.updated_at is not None and op.updated_at.tzinfo is None):
            _with_zone(op)
        for log in op.logs or ():
            if log.created_at.tzinfo is None:
                _with_zone(log)
    return operations


def _with_zone(record: Operation | Log) -> None:
    if record.created_at.tzinfo is None:
        record.created_at = record.created_at.replace(tzinfo=UTC)
    if record.updated_at is not None and record.updated_at.tzinfo is None:
        record.updated_at = record.updated_at.replace(tzinfo=UTC)
