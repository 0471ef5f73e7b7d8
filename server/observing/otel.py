"""OpenTelemetry: a span a call, with what it read, asked Catena and analysed inside it, and the figures of all calls.

Imported only where `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Names follow OpenTelemetry's conventions where they have one
(MCP servers, HTTP clients), and begin with `catena.` elsewhere. What is sent is a name, a number or a kind: never an
argument, an id, an address with its query, or a text that somebody wrote.
"""

import logging
import os
import time
import uuid
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from threading import Thread

import anyio
import anyio.to_thread
from mcp.types import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .. import __version__
from ..telemetry import Call, Source, Step, Value
from .watch import CANCELLED, Asked, Ended

SERVICE = "catena-ops-mcp"
CALLS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
REQUESTS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bounds of the histograms, as the conventions advise them."""

NO_ERRORS = frozenset({PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, -32002})
"""Codes that say what the caller asked could not be served; the conventions count them as no error of the server."""

END_S = 3.0
"""The most that sending the rest may hold up the end of the server."""

Attributes = dict[str, Value]

logger = logging.getLogger(__name__)


class Telemetry:
    """What is sent to the collector, and how a call is told of."""

    def __init__(self) -> None:
        """Set up what the `OTEL_*` variables say; nothing is sent yet."""
        if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf") != "http/protobuf":
            logger.warning("OTEL_EXPORTER_OTLP_PROTOCOL: telemetry is sent as http/protobuf, the only way spoken here.")
        about = {"service.name": SERVICE, "service.version": __version__, "service.instance.id": str(uuid.uuid4())}
        resource = Resource.create(about).merge(OTELResourceDetector().detect())
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        if _wanted("TRACES"):
            self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        readers = [PeriodicExportingMetricReader(OTLPMetricExporter())] if _wanted("METRICS") else []
        self._metrics = MeterProvider(readers, resource, shutdown_on_exit=False)
        self.tracer = self._traces.get_tracer(SERVICE, __version__)
        self.figures = Figures(self._metrics)

    def begin(self, asked: Asked) -> "Traced":
        """Begin the span of a call, in the trace of its client where that tells one."""
        about = _of_call(asked) | {"jsonrpc.request.id": asked.request_id}
        parent = TraceContextTextMapPropagator().extract({"traceparent": asked.trace}) if asked.trace else None
        name = f"{asked.method} {asked.name}" if asked.name and asked.method != "resources/read" else asked.method
        span = self.tracer.start_span(name, parent, SpanKind.SERVER, about)
        return Traced(self, span)

    def end(self, call: Call, asked: Asked, ended: Ended, seconds: float, held: int | None) -> None:
        """Tell how a call ended; `held` are the operations that this process holds by now."""
        how = _how(ended)
        self.figures.calls.record(seconds, _of_call(asked) | how)
        if held is not None:
            self.figures.held.set(held)
        if isinstance(call, Traced):
            call.span.set_attributes(how | {"catena.operations": call.operations, "catena.requests": call.requests})
            if "error.type" in how:
                call.span.set_status(StatusCode.ERROR)

    async def flush(self) -> None:
        """Send what is left, for as long as that may take at the end; a daemon, since nothing ends a thread that waits."""
        sending = Thread(target=self._flush, daemon=True)
        sending.start()
        await anyio.to_thread.run_sync(sending.join, END_S)

    def _flush(self) -> None:
        self._traces.force_flush()
        self._metrics.force_flush()


class Figures:
    """The metrics: names, units and what they count."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter(SERVICE, __version__)
        self.calls = meter.create_histogram(
            "mcp.server.operation.duration",
            "s",
            "How long requests of MCP clients took to answer.",
            explicit_bucket_boundaries_advisory=CALLS_S,
        )
        self.requests = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "How long Catena and the token endpoint took to answer.",
            explicit_bucket_boundaries_advisory=REQUESTS_S,
        )
        self.operations = meter.create_counter(
            "catena.operations.read", "{operation}", "Operations that came from Catena."
        )
        self.questions = meter.create_counter("catena.reads", "{read}", "Questions, by where their rows came from.")
        self.held = meter.create_gauge("catena.operations.held", "{operation}", "Operations that this process holds.")


class Traced(Call):
    """A call whose steps are spans of its trace."""

    def __init__(self, telemetry: Telemetry, span: Span) -> None:
        super().__init__()
        self.span = span
        self.trace_id = f"{span.get_span_context().trace_id:032x}"
        self._telemetry = telemetry

    def shown(self) -> AbstractContextManager[object]:
        """Let what is done inside be part of its span."""
        return trace.use_span(self.span, end_on_exit=True, record_exception=False, set_status_on_exception=False)

    @contextmanager
    def step(self, name: str) -> Generator[Step]:
        """Begin a span inside."""
        with self._within(f"catena.{name}", SpanKind.INTERNAL, {}) as span:
            yield _Kept(span)

    @contextmanager
    def request(self, method: str, address: str, port: int | None, template: str) -> Generator[Step]:
        """Begin the span of a request, and measure it."""
        self.requests += 1
        about: Attributes = {"http.request.method": method, "server.address": address, "url.template": template}
        about |= {"server.port": port} if port else {}
        answer: Attributes = {}
        began = time.perf_counter()
        try:
            with self._within(f"{method} {template}", SpanKind.CLIENT, about) as span:
                yield _Sent(span, answer)
        except BaseException as exc:
            answer["error.type"] = _kind(exc)
            raise
        finally:
            self._telemetry.figures.requests.record(time.perf_counter() - began, about | answer)

    def read(self, operations: int) -> None:
        """Count operations that came from Catena."""
        super().read(operations)
        self._telemetry.figures.operations.add(operations)

    def came_from(self, source: Source) -> None:
        """Count a question by where its rows came from."""
        self._telemetry.figures.questions.add(1, {"catena.source": source})

    @contextmanager
    def _within(self, name: str, kind: SpanKind, about: Attributes) -> Generator[Span]:
        with self._telemetry.tracer.start_as_current_span(
            name, kind=kind, attributes=about, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as exc:
                _fail(span, _kind(exc))
                raise


class _Kept(Step):
    """A step that is a span."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def told(self, **about: Value) -> None:
        """Note it on the span."""
        self._span.set_attributes({f"catena.{name}": value for name, value in about.items()})


class _Sent(Step):
    """A request under way; its answer is noted on the span and in `answer`."""

    def __init__(self, span: Span, answer: Attributes) -> None:
        self._span = span
        self._answer = answer

    def told(self, **about: Value) -> None:
        """Note the status that it was answered with."""
        status = int(about["status"])
        self._answer["http.response.status_code"] = status
        self._span.set_attributes(self._answer)
        if status >= 400:
            self._answer["error.type"] = str(status)
            _fail(self._span, str(status))


def _kind(exc: BaseException) -> str:
    return CANCELLED if isinstance(exc, anyio.get_cancelled_exc_class()) else type(exc).__name__


def _fail(span: Span, kind: str) -> None:
    """Mark a span as failed, by the kind of error alone: messages hold what others wrote."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _of_call(asked: Asked) -> Attributes:
    about: Attributes = {"mcp.method.name": asked.method, "mcp.protocol.version": asked.protocol}
    about |= (
        {"network.transport": "tcp", "network.protocol.name": "http"}
        if asked.over_http
        else {"network.transport": "pipe"}
    )
    if asked.name and asked.method == "tools/call":
        about |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": asked.name}
    elif asked.name and asked.method == "prompts/get":
        about |= {"gen_ai.prompt.name": asked.name}
    return about


def _how(ended: Ended) -> Attributes:
    how: Attributes = {}
    if ended.outcome == "protocol_error":
        how["rpc.response.status_code"] = str(ended.code)
        if ended.code not in NO_ERRORS:
            how["error.type"] = str(ended.code)
    elif ended.outcome != "ok":
        how["error.type"] = ended.outcome
        if ended.code:
            how["catena.fault"] = ended.code
    return how


def _wanted(signal: str) -> bool:
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp") != "none"
