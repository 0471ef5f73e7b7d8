"""One operation as it is shown: trimmed, cleaned, personal data hidden."""

from datetime import timedelta
from typing import Any

import msgspec

from ..catena.query import iso
from ..catena.wire import Log, Operation
from .results import Failure, OperationRow
from .signatures import group_id, signature_of
from .text import LONGEST, one_line, shown

SOON = timedelta(minutes=1)
"""An operation that ended this soon is told without its end, where detail is concise."""

CONCISE_MESSAGE = 80
MOST_FIELDS = 60
DEEPEST = 3


def cause_of(source_name: str, log: Log | None) -> tuple[str | None, int | None, str, str, str]:
    """Return error type, status code, group, title and message of a failed attempt; None: failed without a log."""
    if log is None:
        return None, None, group_id(source_name, None, None, "<no log>"), "no attempt logged", ""
    signature = signature_of(log.error_details)
    group = group_id(source_name, log.error_type, log.response_status_code, signature.skeleton)
    return log.error_type, log.response_status_code, group, signature.title, signature.message


def last_failed(op: Operation) -> Log | None:
    """Return the last failed attempt, which is what an operation is said to have failed of."""
    return next((log for log in reversed(op.attempts) if log.status == "failed"), None)


def matches(op: Operation, status: str | None, group: str | None) -> bool:
    """Tell whether an operation has this status and, failed, this cause."""
    if group is not None:
        return op.status == "failed" and cause_of(op.source_name, last_failed(op))[2] == group
    return status is None or op.status == status


def row_of(op: Operation, *, detail: str, personal: bool) -> OperationRow:
    """Return an operation as a row of a list."""
    full = detail == "full"
    updated = op.updated_at or op.created_at
    return OperationRow(
        id=one_line(op.id),
        created_at=op.created_at,
        updated_at=updated if full or updated - op.created_at >= SOON else None,
        operation_type=one_line(op.operation_type),
        resource=one_line(op.resource),
        source_name=one_line(op.source_name),
        status=one_line(op.status),
        connection_id=one_line(op.connection_id),
        fleet_ref=one_line(op.fleet_ref) if op.fleet_ref else None,
        resource_id=one_line(op.resource_id) if op.resource_id and (full or not op.source_id) else None,
        source_id=one_line(op.source_id) if op.source_id else None,
        attempts=len(op.attempts),
        error=_failure(op, personal, LONGEST if full else CONCISE_MESSAGE) if op.status == "failed" else None,
        payload=payload_of(op, personal) if full else None,
        logs=[log_of(log, personal) for log in op.attempts] if full else None,
    )


def _failure(op: Operation, personal: bool, longest: int) -> Failure:
    error_type, code, group, _, message = cause_of(op.source_name, last_failed(op))
    told = shown(message, personal, longest) or "no message"
    return Failure(error_type=error_type and one_line(error_type), status_code=code, message=told, group=group)


def payload_of(op: Operation, personal: bool) -> dict[str, Any]:
    """Return the payload's fields with their types, or with their values where personal data may be shown."""
    payload = msgspec.json.decode(op.payload)
    if not isinstance(payload, dict):
        return {}
    flat: dict[str, Any] = {}
    _flatten(payload, "", flat, personal, DEEPEST)
    return flat


def _flatten(value: dict[str, Any], path: str, flat: dict[str, Any], personal: bool, depth: int) -> None:
    for name, inner in value.items():
        key = one_line(f"{path}{name}", 80)
        if len(flat) >= MOST_FIELDS:
            flat["…"] = "more fields"
            return
        if isinstance(inner, dict) and depth > 1:
            _flatten(inner, f"{key}.", flat, personal, depth - 1)
        else:
            flat[key] = one_line(str(inner)) if personal else _TYPES.get(type(inner), "object")


_TYPES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "array",
    dict: "object",
}


def log_of(log: Log, personal: bool) -> dict[str, Any]:
    """Return an attempt: when, how it ended, what the TSP said, and its request ids and limits."""
    told: dict[str, Any] = {"created_at": iso(log.created_at), "status": one_line(log.status)}
    if log.error_type:
        told["error_type"] = one_line(log.error_type)
    if log.response_status_code is not None:
        told["status_code"] = log.response_status_code
    if log.error_details is not None:
        told["message"] = shown(signature_of(log.error_details).message, personal)
    for name, value in sorted((log.response_headers or {}).items())[:8]:
        told[one_line(name.lower(), 40)] = one_line(value, 80)
    return told
