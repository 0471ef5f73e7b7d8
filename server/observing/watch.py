"""The one place that every request passes: what is told of it, to the audit and to telemetry, is made here."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import msgspec
from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS
from pydantic import BaseModel, ValidationError

from ..telemetry import Call, answering
from .arguments import told
from .known import METHODS, UNKNOWN, Catalogue, Known

if TYPE_CHECKING:
    from .audit import Audit
    from .otel import Telemetry

LONGEST_NAME = 64
"""Characters of what a client says of itself."""

CANCELLED = "cancelled"

_ODD = re.compile(r"[^\w .@/+:-]", re.ASCII)
_TRACE = re.compile(r"00-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}")


class Who(Protocol):
    """Who calls, as the sign-in knows it."""

    @property
    def subject(self) -> str: ...
    @property
    def client(self) -> str: ...
    @property
    def tenant(self) -> str: ...


def nobody() -> Who | None:
    """Return who calls where there is no sign-in."""
    return None


@dataclass(frozen=True)
class Asked:
    """A request. All of it is from closed lists, or cut and cleaned; no argument stands in it as text."""

    method: str
    name: str | None
    arguments: Mapping[str, Any]
    protocol: str
    over_http: bool
    client: tuple[str, str] | None
    request_id: str
    trace: str | None
    """The client's `traceparent`, where it sends one that is whole."""


@dataclass(frozen=True)
class Ended:
    """How a request ended: `code` is the protocol's, or the kind of a tool's error; `size` is bytes of the answer."""

    outcome: str
    code: int | str | None = None
    size: int | None = None


class Watch:
    """Middleware that tells of each request what the audit and telemetry are for."""

    who: Callable[[], Who | None]

    def __init__(self, server: Catalogue, audit: "Audit | None", telemetry: "Telemetry | None") -> None:
        self.who = nobody
        self._server = server
        self._audit = audit
        self._telemetry = telemetry
        self._known: Known | None = None

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Answer a request, and tell of it however it ends; notifications are not told."""
        if ctx.request_id is None:
            return await call_next(ctx)
        self._known = self._known or await Known.of(self._server)
        asked, began, at = asked_of(ctx, self._known), time.perf_counter(), time.time()
        call = self._telemetry.begin(asked) if self._telemetry else Call()
        ended = Ended(CANCELLED)
        with answering(call):
            try:
                result = await call_next(ctx)
                ended = _ended(result, call)
                return result
            except BaseException as exc:
                ended = _failed(exc)
                raise
            finally:
                seconds = time.perf_counter() - began
                if self._telemetry:
                    self._telemetry.end(call, asked, ended, seconds, getattr(ctx.lifespan_context, "rows_held", None))
                if self._audit:
                    self._audit.tell(at, asked, ended, call, seconds, self.who())

    async def close(self) -> None:
        """Let go of what was opened and send what is left; what is told later opens it again."""
        if self._audit:
            self._audit.close()
        if self._telemetry:
            await self._telemetry.flush()


def asked_of(ctx: ServerRequestContext[Any, Any], known: Known) -> Asked:
    """Return what may be told of a request."""
    params, meta = ctx.params or {}, ctx.meta or {}
    method = ctx.method if ctx.method in METHODS else UNKNOWN
    name, properties = known.named(method, params)
    arguments = params.get("arguments")
    return Asked(
        method,
        name,
        told(arguments, properties) if isinstance(arguments, Mapping) else {},
        _clean(ctx.protocol_version),
        ctx.request is not None,
        _client_of(ctx),
        _clean(ctx.request_id),
        _trace_of(meta.get("traceparent")) or _trace_of(getattr(ctx.request, "headers", {}).get("traceparent")),
    )


def trace_id(traceparent: str) -> str:
    """Return the id of the trace that a `traceparent` belongs to."""
    return traceparent.split("-")[1]


def _trace_of(told: object) -> str | None:
    return told if isinstance(told, str) and _TRACE.fullmatch(told) else None


def _client_of(ctx: ServerRequestContext[Any, Any]) -> tuple[str, str] | None:
    """Return name and version of the client's program: each request tells it, or `initialize` did on this connection."""
    told = ctx.session.client_params
    return (_clean(told.client_info.name), _clean(told.client_info.version)) if told else None


def _clean(text: object) -> str:
    return _ODD.sub("?", str(text)[:LONGEST_NAME])


def _ended(result: HandlerResult, call: Call) -> Ended:
    if isinstance(result, BaseModel):  # of middleware that answered by itself
        result = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    size = len(msgspec.json.encode(result)) if result is not None else None
    if result is not None and result.get("isError") is True:
        return Ended("tool_error", call.fault or None, size)
    return Ended("ok", None, size)


def _failed(exc: BaseException) -> Ended:
    if isinstance(exc, anyio.get_cancelled_exc_class()):
        return Ended(CANCELLED)
    if isinstance(exc, MCPError):
        return Ended("protocol_error", exc.error.code)
    return Ended("protocol_error", INVALID_PARAMS if isinstance(exc, ValidationError) else INTERNAL_ERROR)
