"""Hold one write of this world, with the true cause of each failed attempt, and show it as the API does."""

from typing import Any

from msgspec import Struct

from server.demo.fleets import Connection
from server.demo.ids import mix, to_datetime, uuid7

from .causes import Cause
from .records import Record


class Attempt(Struct, frozen=True):
    """One attempt; `cause` None: it went through. Times are microseconds since 1970."""

    at: int
    cause: Cause | None
    text: str = ""


class Write(Struct, frozen=True):
    """One operation and what it truly is about."""

    created: int
    id: str
    record: Record
    operation_type: str
    status: str
    payload: dict[str, Any]
    attempts: tuple[Attempt, ...]

    @property
    def key(self) -> tuple[int, str]:
        """Give what rows are sorted by."""
        return self.created, self.id

    @property
    def connection(self) -> Connection:
        """Give the connection it was written to."""
        return self.record.connection

    @property
    def resource(self) -> str:
        """Give the kind of record."""
        return self.record.resource

    @property
    def source(self) -> str:
        """Name the TSP."""
        return self.record.connection.source_name

    @property
    def fleet(self) -> str:
        """Give the partner's reference of the fleet, empty where there is none."""
        return self.record.connection.fleet_ref or ""

    @property
    def failed(self) -> bool:
        """Whether it failed for good."""
        return self.status == "failed"

    @property
    def cause(self) -> str:
        """Name the true cause of a failed write: that of its last attempt."""
        last = self.attempts[-1].cause if self.failed else None
        return last.key if last else ""

    @property
    def named(self) -> bool:
        """Whether the API knows the record's ids by now."""
        return self.operation_type == "update" or self.status == "success"


def row_of(write: Write, partner_id: str) -> dict[str, Any]:
    """Show a write as the API lists it."""
    record, connection = write.record, write.connection
    updated = write.attempts[-1].at if write.attempts else write.created
    return {
        "id": write.id,
        "created_at": to_datetime(write.created),
        "updated_at": to_datetime(updated),
        "partner_id": partner_id,
        "connection_id": connection.id,
        "fleet_ref": connection.fleet_ref,
        "source_name": connection.source_name,
        "resource": record.resource,
        "resource_id": record.resource_id if write.named else None,
        "source_id": record.source_id if write.named else None,
        "operation_type": write.operation_type,
        "status": write.status,
        "payload": write.payload,
        "logs": [_log(write.id, attempt) for attempt in write.attempts],
    }


def _log(operation_id: str, attempt: Attempt) -> dict[str, Any]:
    cause, at, bits = attempt.cause, to_datetime(attempt.at), mix(attempt.at)
    headers = {"X-Request-Id": f"{bits:016x}"}
    if cause and cause.waits:
        headers["Retry-After"] = str(20 + bits % 40)
    return {
        "id": uuid7(attempt.at, bits),
        "created_at": at,
        "updated_at": at,
        "resource_operation_id": operation_id,
        "status": "failed" if cause else "success",
        "error_type": cause and cause.error_type,
        "error_details": attempt.text if cause else None,
        "response_status_code": cause.status if cause else 200,
        "response_headers": headers if cause is None or cause.status else None,
    }
