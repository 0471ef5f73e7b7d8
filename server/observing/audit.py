"""The audit: a line a call, of who asked what and how it ended, without a word of what was said."""

import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from typing import Any

import msgspec

from ..errors import BadSettings
from ..telemetry import Call
from .watch import LONGEST_NAME, Asked, Ended, Who, trace_id

TOLD = frozenset({"tools/call", "prompts/get", "resources/read"})
"""What is audited: every request that can show something of Catena. The others list what is the same for all."""

LARGEST_BYTES = 20_000_000
OLD_FILES = 5
LONGEST_WHO = 4 * LONGEST_NAME

STDERR = ("-", "stderr")

logger = logging.getLogger(__name__)


class _Private(RotatingFileHandler):
    """A file that its owner alone reads, old ones too."""

    def _open(self) -> TextIOWrapper:
        if not os.path.exists(self.baseFilename):
            os.close(os.open(self.baseFilename, os.O_CREAT | os.O_WRONLY, 0o600))
        elif os.path.isfile(self.baseFilename):
            with suppress(OSError):  # it is another's
                os.chmod(self.baseFilename, 0o600)
        return super()._open()


class Audit:
    """Writes the lines. A line that cannot be written ends no call, but is complained of in the log."""

    def __init__(self, where: str) -> None:
        """Open it.

        Raises:
            BadSettings: The file cannot be written.
        """
        try:
            self._handler = (
                logging.StreamHandler(sys.stderr)
                if where in STDERR
                else _Private(os.path.expanduser(where), maxBytes=LARGEST_BYTES, backupCount=OLD_FILES)
            )
        except OSError as exc:
            raise BadSettings(
                f"CATENA_AUDIT_FILE cannot be written ({exc.strerror or type(exc).__name__}). Name a file in a folder "
                "that this server may write to, or - for stderr."
            ) from None
        self._handler.handleError = self._complain  # type: ignore[method-assign]  # its own prints a traceback
        self._complained = False

    def tell(self, at: float, asked: Asked, ended: Ended, call: Call, seconds: float, who: Who | None) -> None:
        """Write the line of one call; `at` is when it began, in seconds of the epoch."""
        if asked.method in TOLD:
            line = line_of(at, asked, ended, call, seconds, who)
            record = logging.makeLogRecord({"msg": msgspec.json.encode(line).decode()})
            self._handler.handle(record)

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # what was left to write is complained of already
            self._handler.close()

    def _complain(self, record: logging.LogRecord) -> None:
        if not self._complained:
            self._complained = True
            logger.error(
                "The audit cannot be written any more (%s). This is told once.", type(sys.exc_info()[1]).__name__
            )


def line_of(at: float, asked: Asked, ended: Ended, call: Call, seconds: float, who: Who | None) -> dict[str, Any]:
    """Return what is told of a call; what is not known is left out."""
    name, version = asked.client or (None, None)
    line = {
        "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "subject": who and who.subject[:LONGEST_WHO],
        "client": who and who.client[:LONGEST_WHO],
        "tenant": who and who.tenant[:LONGEST_WHO],
        "method": asked.method,
        "name": asked.name,
        "arguments": asked.arguments,
        "outcome": ended.outcome,
        "code": ended.code,
        "ms": round(1000 * seconds, 1),
        "operations": call.operations,
        "requests": call.requests,
        "bytes": ended.size,
        "trace_id": call.trace_id or (trace_id(asked.trace) if asked.trace else None),
        "program": name,
        "program_version": version,
        "protocol": asked.protocol,
        "request_id": asked.request_id,
    }
    return {key: value for key, value in line.items() if value is not None}
