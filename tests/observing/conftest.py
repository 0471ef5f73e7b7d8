"""A collector of telemetry: a real HTTP server that decodes what OpenTelemetry's exporters send to it."""

import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

KINDS = {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client", Span.SPAN_KIND_INTERNAL: "internal"}


@dataclass
class Told:
    """A span as it came."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    failed: bool
    about: dict[str, Any]


@dataclass
class Collector:
    """What has come so far."""

    url: str = ""
    spans: list[Told] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> None:
        """Decode what was sent."""
        self.bodies.append(body)
        if path == "/v1/traces":
            for traces in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.about = attributes(traces.resource.attributes)
                self.spans += [told(span) for scope in traces.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for figures in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {metric.name: metric for scope in figures.scope_metrics for metric in scope.metrics}

    def called(self, name: str) -> list[Told]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        """Return what was measured under a name: attributes, and the count or value."""
        metric = self.metrics[name]
        kind = str(metric.WhichOneof("data"))
        data = getattr(metric, kind).data_points
        return [(attributes(p.attributes), p.count if kind == "histogram" else p.as_int or p.as_double) for p in data]


def told(span: Span) -> Told:
    return Told(
        span.name,
        KINDS[span.kind],
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.status.code == 2,
        attributes(span.attributes),
    )


def attributes(given: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(given)
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in pairs}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Run a collector, and let the environment name it."""
    collected = Collector()

    class Taken(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            collected.take(self.path, gzip.decompress(body) if packed else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        collected.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")  # all of it comes with the end of the server
        yield collected
        server.shutdown()
