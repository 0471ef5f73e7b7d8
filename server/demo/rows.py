"""Write an operation down as the API shows it at a given moment.

What lies after that moment is not told: an operation that will fail in a minute is still pending, with fewer logs.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from . import records
from .ids import mix, to_datetime, uuid7
from .operations import Failure, Operation
from .tsp_errors import wait_seconds

_TENANTS = ("ntl_prod", "glc_main", "brf_live", "dsd_eu1", "mlr_42")


class Details:
    """Answer the names that a TSP's text asks for, from the record that was written and the attempt that failed."""

    __slots__ = ("_bits", "_failure")

    def __init__(self, operation: Operation, failure: Failure) -> None:
        self._bits = mix(operation.record)
        self._failure = failure

    def __getitem__(self, name: str) -> str:
        """Work out one detail; only those that a text names are ever worked out."""
        about_record = _OF_RECORD.get(name)
        return _OF_ATTEMPT[name](mix(self._failure.salt)) if about_record is None else about_record(self._bits)


def _request_id(bits: int) -> str:
    text = f"{bits:016x}"
    return f"{text[:8]}-{text[8:]}"


_OF_RECORD: dict[str, Callable[[int], str]] = {
    "email": records.email,
    "username": records.username,
    "first": records.first_name,
    "last": records.last_name,
    "licence": records.licence,
    "plate": records.plate,
    "bad_plate": lambda bits: f"{records.plate(bits)[:2]} {bits % 1000}-{'XYZ'[bits % 3]}/{bits % 17}",
    "unit": records.unit_name,
    "state": lambda bits: ("TX", "OH", "IL", "GA")[bits & 3],
}
_OF_ATTEMPT: dict[str, Callable[[int], str]] = {
    "request_id": _request_id,
    "uuid": lambda bits: uuid7(1_600_000_000_000_000 + bits % 10**14, bits),
    "ray": lambda bits: f"{bits:016x}",
    "number": lambda bits: str(1000 + bits % 880_000),
    "small": lambda bits: str(2 + bits % 97),
    "port": lambda bits: str(32_768 + bits % 28_000),
    "database": lambda bits: _TENANTS[bits % 5],
    "host": lambda bits: f"edge{bits % 9 + 1}.tsp.example",
    "timestamp": lambda bits: to_datetime(1_790_000_000_000_000 + bits % 10**13).strftime("%Y-%m-%d %H:%M:%S UTC"),
}


def _headers_of(failure: Failure) -> dict[str, str] | None:
    status = failure.cause.status
    if status is None:
        return None
    headers = {"X-Request-Id": _request_id(mix(failure.salt))} if failure.salt & 3 else {}
    wait = wait_seconds(failure.cause, failure.salt)
    if wait is not None:
        # TSPs do not agree on the case of header names either.
        headers["Retry-After" if failure.salt & 4 else "retry-after"] = f"{wait:g}"
        headers["X-RateLimit-Remaining"] = "0"
    return headers


def _failure_log(operation: Operation, failure: Failure) -> dict[str, Any]:
    cause, at = failure.cause, to_datetime(failure.at)
    return {
        "id": uuid7(failure.at, mix(failure.salt ^ failure.at)),
        "created_at": at,
        "updated_at": at,
        "resource_operation_id": operation.id,
        "status": "failed",
        "error_type": cause.error_type,
        "error_details": cause.text % Details(operation, failure) if "%" in cause.text else cause.text,
        "response_status_code": cause.status,
        "response_headers": _headers_of(failure),
    }


def _success_log(operation: Operation, settled: int, at: datetime) -> dict[str, Any]:
    bits = mix(settled ^ operation.record)
    return {
        "id": uuid7(settled, bits),
        "created_at": at,
        "updated_at": at,
        "resource_operation_id": operation.id,
        "status": "success",
        "error_type": None,
        "error_details": None,
        "response_status_code": 201 if operation.operation_type == "create" and bits & 1 else 200,
        "response_headers": {"X-Request-Id": _request_id(bits)} if bits & 6 else None,
    }


def payload_of(operation: Operation) -> dict[str, Any]:
    """Give what was sent to the TSP, with the mistake in it when there was one."""
    source_name = operation.connection.source_name
    fields = records.fields_of(source_name, operation.resource, operation.record, operation.edition)
    flaw = operation.flaw
    if flaw is not None and flaw.spoils is not None:
        name, text = flaw.spoils
        fields[name] = text % Details(operation, Failure(0, flaw, 0)) if "%" in text else text
    fields["connection_id"] = operation.connection.id
    if operation.operation_type == "update":
        fields["id"] = records.resource_id(operation.record)
        fields["source_id"] = records.source_id(source_name, operation.record)
    return fields


def source_id_at(operation: Operation, now: int) -> str | None:
    """Give the record's id at the TSP as far as it was known."""
    # A few connections learn the ids of old records only from the TSP's answer, so those updates lack it until then.
    known = operation.operation_type == "update" and operation.record % 16 != 0
    if known or operation.status_at(now) == "success":
        return records.source_id(operation.connection.source_name, operation.record)
    return None


def row_of(operation: Operation, partner_id: str, now: int) -> dict[str, Any]:
    """Show an operation with all its logs up to a moment."""
    status = operation.status_at(now)
    created = updated = to_datetime(operation.created)
    logs = [_failure_log(operation, failure) for failure in operation.failures if failure.at <= now]
    if logs:
        updated = logs[-1]["updated_at"]
    if operation.settled is not None and status != "pending":
        updated = to_datetime(operation.settled)
        if status == "success":
            logs.append(_success_log(operation, operation.settled, updated))
    connection = operation.connection
    named = operation.operation_type == "update" or status == "success"
    return {
        "id": operation.id,
        "created_at": created,
        "updated_at": updated,
        "partner_id": partner_id,
        "connection_id": connection.id,
        "fleet_ref": connection.fleet_ref,
        "source_name": connection.source_name,
        "resource": operation.resource,
        "resource_id": records.resource_id(operation.record) if named else None,
        "source_id": source_id_at(operation, now),
        "operation_type": operation.operation_type,
        "status": status,
        "payload": payload_of(operation),
        "logs": logs,
    }
