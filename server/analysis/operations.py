"""One operation as it is shown: trimmed, cleaned, personal data hidden."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec

from ..catena.wire import Log, Operation
from ..causes.families import Member
from ..causes.guidance import guidance_for
from ..causes.memory import Learned, Memory
from ..causes.signatures import group_id, signature_of
from .results import Attempt, Cause, Failure, OperationRow
from .text import LONGEST, one_line, shown

SOON = timedelta(minutes=1)
"""An operation that ended this soon is told without its end, where detail is concise."""

CONCISE_MESSAGE = 80
MOST_FIELDS = 60
MOST_HEADERS = 8
DEEPEST = 3


class Why(NamedTuple):
    """Why an attempt failed. `group` is the id of its signature alone; see `causes.memory` for what belongs together."""

    error_type: str | None
    status_code: int | None
    group: str
    title: str
    message: str
    skeleton: str


def cause_of(source_name: str, log: Log | None) -> Why:
    """Return why an attempt failed; None: the operation failed without a log."""
    if log is None:
        return Why(None, None, group_id(source_name, None, None, "<no log>"), "no attempt logged", "", "<no log>")
    signature = signature_of(log.error_details)
    group = group_id(source_name, log.error_type, log.response_status_code, signature.skeleton)
    return Why(log.error_type, log.response_status_code, group, signature.title, signature.message, signature.skeleton)


def last_failed(op: Operation) -> Log | None:
    """Return the last failed attempt, which is what an operation is said to have failed of."""
    return next((log for log in reversed(op.attempts) if log.status == "failed"), None)


def learned_from(operations: Iterable[Operation], memory: Memory) -> Learned:
    """Return how the causes of some operations are named, learned from them and from what is remembered."""
    return memory.learn(_member(op) for op in operations if op.status == "failed" or last_failed(op))


def _member(op: Operation) -> Member:
    why = cause_of(op.source_name, last_failed(op))
    return Member(op.source_name, why.error_type, why.status_code, why.skeleton)


def matches(op: Operation, status: str | None, group: str | None, named: Learned) -> bool:
    """Tell whether an operation has this status or, where a cause is asked for, failed of it."""
    if group:
        return op.status == "failed" and named.id_of(_member(op)) == group
    return status is None or op.status == status


def row_of(op: Operation, *, detail: str, personal: bool, named: Learned) -> OperationRow:
    """Return an operation as a row of a list; `named` tells the ids of causes."""
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
        error=_failure(op, personal, named, LONGEST if full else CONCISE_MESSAGE) if op.status == "failed" else None,
        payload=payload_of(op, personal) if full else None,
        logs=attempts_of(op, personal) if full else None,
    )


def _failure(op: Operation, personal: bool, named: Learned, longest: int) -> Failure:
    why = cause_of(op.source_name, last_failed(op))
    return Failure(
        error_type=why.error_type and one_line(why.error_type),
        status_code=why.status_code,
        message=shown(why.message, personal, longest) or "no message",
        group=named.id_of(_member(op)),
    )


def payload_of(op: Operation, personal: bool) -> dict[str, Any]:
    """Return the payload's fields with their types, or with their values where personal data may be shown."""
    fields = flat_payload(op)
    if not personal:
        return {name: _TYPES.get(type(value), "object") for name, value in fields.items()}
    return {name: one_line(str(value)) for name, value in fields.items()}


def flat_payload(op: Operation) -> dict[str, Any]:
    """Return the payload's fields by path, at most so many and so deep."""
    payload = msgspec.json.decode(op.payload)
    flat: dict[str, Any] = {}
    if isinstance(payload, dict):
        _flatten(payload, "", flat, DEEPEST)
    return flat


def _flatten(value: dict[str, Any], path: str, flat: dict[str, Any], depth: int) -> None:
    for name, inner in value.items():
        key = one_line(f"{path}{name}", 80)
        if len(flat) >= MOST_FIELDS:
            return
        if isinstance(inner, dict) and depth > 1:
            _flatten(inner, f"{key}.", flat, depth - 1)
        else:
            flat[key] = inner


_TYPES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "array",
    dict: "object",
}


def attempts_of(op: Operation, personal: bool) -> list[Attempt]:
    """Return the attempts in order, each with the seconds since the one before or since the operation was made."""
    told, before = [], op.created_at
    for log in op.attempts:
        message = None if log.error_details is None else signature_of(log.error_details).message
        headers = sorted((log.response_headers or {}).items())[:MOST_HEADERS]
        told.append(
            Attempt(
                created_at=log.created_at,
                after_s=round((log.created_at - before).total_seconds(), 1),
                status=one_line(log.status),
                error_type=log.error_type and one_line(log.error_type),
                status_code=log.response_status_code,
                message=None if message is None else shown(message, personal) or "no message",
                headers={one_line(name.lower(), 40): one_line(value, 80) for name, value in headers},
            )
        )
        before = log.created_at
    return told


def cause_told(op: Operation, personal: bool, named: Learned) -> Cause | None:
    """Return why an operation failed last and what to do about it; None where no attempt failed."""
    log = last_failed(op)
    if log is None and op.status != "failed":
        return None
    why = cause_of(op.source_name, log)
    guidance = guidance_for(op.source_name, why.error_type, why.status_code, f"{why.title} {why.message}")
    return Cause(
        group=named.id_of(_member(op)),
        title=shown(why.title, personal, 80),
        owner=guidance.owner,
        retryable=guidance.retryable,
        advice=guidance.advice,
    )
