"""One operation as it is shown: trimmed, cleaned, personal data hidden."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from ..catena.outside import LONGEST, TYPES, Outside
from ..catena.wire import Log, Operation
from ..causes.families import Member
from ..causes.guidance import guidance_for
from ..causes.memory import Learned, Memory
from ..causes.signatures import group_id, signature_of
from ..masking import safe_header
from .list_results import OperationRow
from .record_results import Cause
from .results import Attempt, Failure

SOON = timedelta(minutes=1)
"""An operation that ended this soon is told without its end, where detail is concise."""

CONCISE_MESSAGE = 80
MOST_FIELDS = 60
MOST_HEADERS = 8
DEEPEST = 3
FIRST_SHOWN = 3
MOST_IN_ROW = 6
MOST_ATTEMPTS = 20
"""Attempts that are shown of one operation, in a row of a list and alone: the first and the last of them."""


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
    return status is None or op.status.casefold() == status.casefold()


def row_of(op: Operation, *, detail: str, personal: bool, named: Learned) -> OperationRow:
    """Return an operation as a row of a list; `named` tells the ids of causes."""
    full = detail == "full"
    updated = op.updated_at or op.created_at
    fields = payload_of(op, personal) if full else None
    logs = attempts_of(op, MOST_IN_ROW) if full else None
    return OperationRow(
        id=op.id,
        created_at=op.created_at,
        updated_at=updated if full or updated - op.created_at >= SOON else None,
        operation_type=op.operation_type,
        resource=op.resource,
        source_name=op.source_name,
        status=op.status,
        connection_id=op.connection_id,
        fleet_ref=op.fleet_ref or None,
        resource_id=op.resource_id if op.resource_id and (full or not op.source_id) else None,
        source_id=op.source_id or None,
        attempts=len(op.logs or ()),
        error=_failure(op, named, LONGEST if full else CONCISE_MESSAGE) if op.status == "failed" else None,
        payload=fields and fields.shown,
        payload_left_out=fields and (fields.left_out or None),
        logs=logs and logs.shown,
        logs_left_out=logs and (logs.left_out or None),
    )


def _failure(op: Operation, named: Learned, longest: int) -> Failure:
    why = cause_of(op.source_name, last_failed(op))
    return Failure(
        error_type=why.error_type,
        status_code=why.status_code,
        message=Outside(why.message or "no message", longest),
        group=named.id_of(_member(op)),
    )


_T = TypeVar("_T")


class Cut(NamedTuple, Generic[_T]):
    """The part of something that is shown, and how much of it is left out."""

    shown: _T
    left_out: int


def payload_of(op: Operation, personal: bool) -> Cut[dict[str, str]]:
    """Return the payload's fields with their types, or with their values where personal data may be shown."""
    fields = flat_payload(op)
    shown = dict(islice(fields.items(), MOST_FIELDS))
    return Cut(
        {name: told(value) if personal else type_of(value) for name, value in shown.items()}, len(fields) - len(shown)
    )


def type_of(value: Any) -> str:
    """Return what is shown of a value that is hidden."""
    return TYPES.get(type(value), TYPES[dict])


def told(value: Any) -> str:
    """Return a value as text; one that can be read but not written, by its type."""
    try:
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    except (OverflowError, RecursionError):
        return type_of(value)


def flat_payload(op: Operation) -> dict[str, Any]:
    """Return the payload's fields by path, at most so deep."""
    flat: dict[str, Any] = {}
    if isinstance(op.payload, dict):
        _flatten(op.payload, "", flat, DEEPEST)
    return flat


def _flatten(value: dict[str, Any], path: str, flat: dict[str, Any], depth: int) -> None:
    for name, inner in value.items():
        if isinstance(inner, dict) and inner and depth > 1:
            _flatten(inner, f"{path}{name}.", flat, depth - 1)
        else:
            flat[f"{path}{name}"] = inner


def attempts_of(op: Operation, most: int) -> Cut[list[Attempt]]:
    """Return the first and the last attempts, each with the seconds since the one before or since the operation was made."""
    attempts = op.attempts
    last = max(most - FIRST_SHOWN, 0)
    shown = range(len(attempts))
    kept = list(shown) if len(attempts) <= most else [*shown[:FIRST_SHOWN], *shown[-last:]]
    return Cut([_attempt(op, attempts, number) for number in kept], len(attempts) - len(kept))


def _attempt(op: Operation, attempts: Sequence[Log], number: int) -> Attempt:
    log = attempts[number]
    before = attempts[number - 1].created_at if number else op.created_at
    message = None if log.error_details is None else signature_of(log.error_details).message or "no message"
    headers = log.response_headers or {}
    shown = sorted((name, value) for name, value in headers.items() if safe_header(name))[:MOST_HEADERS]
    return Attempt(
        number=number + 1,
        created_at=log.created_at,
        after_s=round((log.created_at - before).total_seconds(), 1),
        status=log.status,
        error_type=log.error_type,
        status_code=log.response_status_code,
        message=message,
        headers={name.lower(): value for name, value in shown},
        headers_left_out=len(headers) - len(shown) or None,
    )


def cause_told(op: Operation, named: Learned) -> Cause | None:
    """Return why an operation failed last and what to do about it; None where no attempt failed."""
    log = last_failed(op)
    if log is None and op.status != "failed":
        return None
    why = cause_of(op.source_name, log)
    guidance = guidance_for(op.source_name, why.error_type, why.status_code, f"{why.title} {why.message}")
    return Cause(
        group=named.id_of(_member(op)),
        title=why.title,
        owner=guidance.owner,
        retryable=guidance.retryable,
        advice=guidance.advice,
    )
