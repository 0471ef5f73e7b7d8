"""What is told of a call while it runs: counted for the audit, and kept as spans and metrics where telemetry is on.

The parts that work on a call tell of it here, in a line each. Nothing is imported for it. Where nobody watches, what is
told goes nowhere.
"""

import logging
import os
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Literal

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
Value = str | int | float | bool
Source = Literal["held", "shared", "api"]
"""Where the rows of a question come from: this process, another server, or Catena."""

logger = logging.getLogger(__name__)


class Step:
    """A stretch of work under way."""

    def told(self, **about: Value) -> None:
        """Note what is known of it by now; numbers and words of ours, never text of others."""


SILENT = nullcontext(Step())


class Call:
    """One call and what it cost. What it shares with another call counts for the one that began it."""

    def __init__(self) -> None:
        self.requests = 0
        """Sent for it, those for a token among them."""

        self.operations = 0
        """Read from Catena for it."""

        self.fault = ""
        """The kind of error that it was refused with."""

        self.trace_id = ""
        """Under which it is found again where telemetry is on."""

    def shown(self) -> AbstractContextManager[object]:
        """Let what is done inside be part of it."""
        return SILENT

    def step(self, name: str) -> AbstractContextManager[Step]:
        """Begin a stretch of work."""
        return SILENT

    def request(self, method: str, address: str, port: int | None, template: str) -> AbstractContextManager[Step]:
        """Begin a request; how it was answered is told as `status`."""
        self.requests += 1
        return SILENT

    def read(self, operations: int) -> None:
        """Count operations that came from Catena."""
        self.operations += operations

    def came_from(self, source: Source) -> None:
        """Count a question by where its rows came from."""


_CALL: ContextVar[Call] = ContextVar("call", default=Call())  # noqa: B039  # what counts for nobody is never read


def telemetry_is_asked_for() -> bool:
    """Return whether the environment names a collector, and what speaks to one is installed; complain where it is not."""
    if not os.environ.get(ENDPOINT):
        return False
    if not _installed("opentelemetry.exporter.otlp.proto.http"):
        logger.warning(
            "%s is set, and the packages that it needs are not installed: nothing is sent. Install this server with its "
            "extra `otel` (pip install 'catena-ops-mcp[otel]').",
            ENDPOINT,
        )
        return False
    return True


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of a package that it would stand in
        return False


def current() -> Call:
    """Return the call that is being answered; one that nobody reads, where nobody watches."""
    return _CALL.get()


@contextmanager
def answering(call: Call) -> Generator[None]:
    """Count what is done inside, and in tasks that begin inside, for this call."""
    token = _CALL.set(call)
    try:
        with call.shown():
            yield
    finally:
        _CALL.reset(token)
