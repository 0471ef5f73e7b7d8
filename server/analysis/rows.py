"""Operations as one Polars frame: what the analysis needs of each, payloads left behind."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import polars as pl

from ..catena.wire import Operation
from .operations import cause_of, last_failed

SCHEMA: dict[str, pl.DataType] = {
    "id": pl.String(),
    "created_at": pl.Datetime("us", "UTC"),
    "updated_at": pl.Datetime("us", "UTC"),
    "connection_id": pl.Categorical(),
    "fleet_ref": pl.Categorical(),
    "source_name": pl.Categorical(),
    "resource": pl.Categorical(),
    "operation_type": pl.Categorical(),
    "status": pl.Categorical(),
    "resource_id": pl.String(),
    "source_id": pl.String(),
    "payload": pl.UInt64(),
    "attempts": pl.UInt16(),
    "failed_attempts": pl.UInt16(),
    "error_type": pl.Categorical(),
    "status_code": pl.Int32(),
    "group": pl.Categorical(),
    "title": pl.String(),
    "message": pl.String(),
    "skeleton": pl.String(),
}
"""`payload` is a fingerprint, null where the payload is empty. The last six tell of the last failed attempt, also of
operations that went through or still wait: whether retries help shows in them."""


def rows_of(operations: Sequence[Operation]) -> pl.DataFrame:
    """Return one row an operation."""
    records = [_row(op) for op in operations]
    columns = zip(*records, strict=True) if records else ([] for _ in SCHEMA)
    return pl.DataFrame(dict(zip(SCHEMA, columns, strict=True)), schema=SCHEMA, strict=False)


def joined(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Put parts together: each operation once, in its latest state, whatever the order of the parts."""
    frame = pl.concat([pl.DataFrame(schema=SCHEMA), *parts])
    ordered = frame.sort("created_at", "id", "updated_at", "status", "attempts", nulls_last=False, maintain_order=True)
    return ordered.unique("id", keep="last", maintain_order=True)


def _row(op: Operation) -> tuple[Any, ...]:
    logs = op.logs or ()
    failed = sum(log.status == "failed" for log in logs)
    return (
        op.id,
        op.created_at,
        op.updated_at or op.created_at,
        op.connection_id,
        op.fleet_ref,
        op.source_name,
        op.resource,
        op.operation_type,
        op.status,
        op.resource_id,
        op.source_id,
        fingerprint(op.payload),
        len(logs),
        failed,
        *(cause_of(op.source_name, last_failed(op)) if failed or op.status == "failed" else (None,) * 6),
    )


def fingerprint(payload: msgspec.Raw) -> int | None:
    """Return a number that equal payloads share, whatever the order of their fields; None for an empty one."""
    value = msgspec.json.decode(payload)
    if not value:
        return None
    digest = hashlib.blake2b(msgspec.json.encode(value, order="sorted"), digest_size=8).digest()
    return int.from_bytes(digest)
