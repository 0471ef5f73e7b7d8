"""Telemetry: a trace of each call, figures of all of them, in OpenTelemetry's words, and nothing that is anybody's."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest
from mcp import Client, MCPError
from mcp.types import RequestParamsMeta
from pydantic import SecretStr

from server.demo.access import CLIENT_SECRET
from server.demo.faults import Faults
from server.observing.otel import END_S
from server.serving.http import application, names_for
from server.serving.limits import Limits
from tests.conftest import Row, Serve, facts
from tests.observing.conftest import Collector
from tests.serving.conftest import running
from tests.test_cli import environment

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FROM_A_CLIENT = cast("RequestParamsMeta", {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "who=jane"})
LIST = "/v2/integrations/connections/resource-operations"
TOKEN = "/realms/catena/protocol/openid-connect/token"
CONNECTION = "/v2/integrations/connections/{connection_id}"
ONE = "/v2/integrations/connections/{connection_id}/resource-operations/{operation_id}"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_is_a_span_in_its_clients_trace_with_what_it_did_inside(
    serve: Serve, collector: Collector, mode: str
) -> None:
    async with Client(serve(), mode=mode) as client:
        answer = facts(await client.call_tool("summarize_failures", {"from_datetime": "-5d"}, meta=FROM_A_CLIENT))
    (call,) = collector.called("tools/call summarize_failures")
    assert (call.kind, call.trace, call.parent) == ("server", TRACE, PARENT)
    assert call.about["mcp.method.name"] == "tools/call"
    assert call.about["gen_ai.tool.name"] == "summarize_failures"
    assert call.about["gen_ai.operation.name"] == "execute_tool"
    assert call.about["network.transport"] == "pipe"
    (read,) = collector.called("catena.read")
    (analysis,) = collector.called("catena.analysis")
    shards, requests = collector.called("catena.shard"), collector.called(f"GET {LIST}")
    assert read.parent == analysis.parent == call.id
    assert read.about == {"catena.operations": answer["totals"]["operations"], "catena.complete": True}
    assert len(shards) > 1
    assert {shard.parent for shard in shards} == {read.id}
    assert sum(shard.about["catena.operations"] for shard in shards) == answer["totals"]["operations"]
    assert {request.kind for request in requests} == {"client"}
    assert {request.parent for request in requests} <= {span.id for span in (*shards, read)}
    assert call.about["catena.requests"] == sum(span.kind == "client" for span in collector.spans)
    assert {span.trace for span in (read, analysis, *shards, *requests)} == {TRACE}
    assert collector.about["service.name"] == "catena-ops-mcp"
    assert collector.about["service.instance.id"]


async def test_over_http_a_gateways_trace_is_continued_where_the_client_tells_none(
    serve: Serve, collector: Collector
) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "list_resource_operations"}}
    with running(application(serve(), names_for("127.0.0.1", [])), Limits(connections=9)) as web:
        header = {"traceparent": f"00-{TRACE}-{PARENT}-01", "mcp_protocol_version": "2025-11-25"}
        assert web.ask(body=json.dumps(body).encode(), **header).status == 200
    (call,) = collector.called("tools/call list_resource_operations")
    assert (call.trace, call.parent) == (TRACE, PARENT)
    assert (call.about["network.transport"], call.about["network.protocol.name"]) == ("tcp", "http")


async def test_the_figures_tell_durations_requests_refusals_rows_and_what_was_held(
    serve: Serve, collector: Collector
) -> None:
    async with Client(serve(Faults(rate=3))) as client:
        answer = facts(await client.call_tool("summarize_failures", {"from_datetime": "-9d"}))
        await client.call_tool("summarize_failures", {"source_name": "samsara"})
        await client.call_tool("summarize_failures", {"source_name": "samsra"})
    read = answer["totals"]["operations"]
    calls = {
        (about["mcp.method.name"], about.get("error.type")): n
        for about, n in collector.points("mcp.server.operation.duration")
    }
    assert calls["tools/call", None] == 2
    assert calls["tools/call", "tool_error"] == 1
    assert collector.metrics["mcp.server.operation.duration"].unit == "s"
    answers = collector.points("http.client.request.duration")
    refused = [(about, n) for about, n in answers if about["http.response.status_code"] == 429]
    assert [about["error.type"] for about, _ in refused] == ["429"]
    assert {about["url.template"] for about, _ in answers} == {LIST, CONNECTION, TOKEN}
    ((_, operations),) = collector.points("catena.operations.read")
    assert operations >= read > 20_000
    assert {about["catena.source"]: n for about, n in collector.points("catena.reads")} == {"api": 1, "held": 1}
    assert collector.points("catena.operations.held") == [({}, read)]


async def test_errors_are_told_by_kind_and_code_as_the_conventions_have_them(
    serve: Serve, collector: Collector
) -> None:
    async with Client(serve(client_secret=SecretStr("wrong"))) as client:
        await client.call_tool("summarize_failures", {})
        with pytest.raises(MCPError):
            await client.call_tool("jane@example.com", {})
    (refused,) = collector.called("tools/call summarize_failures")
    assert refused.failed
    assert (refused.about["error.type"], refused.about["catena.fault"]) == ("tool_error", "NotSignedIn")
    (unknown,) = collector.called("tools/call unknown")
    assert unknown.about["rpc.response.status_code"] == "-32602"
    assert not unknown.failed, "it is the caller's error, not the server's"
    (token,) = collector.called(f"POST {TOKEN}")
    assert token.failed
    assert token.about["error.type"] == "401"


async def test_nothing_that_is_anybodys_is_sent(serve: Serve, truth: list[Row], collector: Collector) -> None:
    row = next(row for row in truth if row["status"] == "failed" and row["logs"] and row["payload"])
    ids = {"connection_id": row["connection_id"], "operation_id": row["id"]}
    about = {"from_datetime": "2026-11-22T01:02:03Z", "fleet_refs": [row["fleet_ref"]]}
    async with Client(serve(show_personal_data=True)) as client:
        await client.call_tool("get_resource_operation", ids, meta=FROM_A_CLIENT)
        await client.call_tool("list_resource_operations", about | {"detail": "full"})
        await client.read_resource("catena://operations/{connection_id}/{operation_id}".format(**ids))
        for name in ("jane@example.com", "summarise"):
            with pytest.raises(MCPError):
                await client.call_tool(name, {"jane@example.com": "jane@example.com"})
            with pytest.raises(MCPError):
                await client.get_prompt(name)
            with pytest.raises(MCPError):
                await client.read_resource(f"catena://{name}")
    assert len(collector.called(f"GET {ONE}")) == 2
    sent = b"".join(collector.bodies)
    values = [value for value in row["payload"].values() if isinstance(value, str) and len(value) > 3]
    assert values
    for text in (*ids.values(), row["fleet_ref"], "01:02:03", "jane", "summarise", CLIENT_SECRET, *values):
        assert text.encode() not in sent, text


LOADED = """
import anyio, sys
from mcp import Client
from server.app import build_server
from server.settings import load_settings
async def main():
    async with Client(build_server(load_settings(demo=True))) as client:
        await client.call_tool("list_resource_operations", {})
anyio.run(main)
print(sorted(m for m in sys.modules if m.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "requests"))))
print(sorted(m for m in sys.modules if m.startswith("server.observing")))
"""


def test_without_an_endpoint_nothing_of_it_is_imported_even_by_a_call() -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines()[0] == "[]"
    assert "otel" not in said.stdout


INSTRUMENTED = """
import anyio
from mcp import Client, MCPError
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
from server.app import build_server
from server.settings import load_settings
async def main():
    async with Client(build_server(load_settings(demo=True))) as client:
        try:
            await client.call_tool("jane@example.com", {})
        except MCPError:
            print("refused")
anyio.run(main)
"""


def test_who_instruments_the_process_as_a_whole_gets_no_names_of_callers_from_the_sdk_either() -> None:
    said = subprocess.run(
        [sys.executable, "-c", INSTRUMENTED], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert "refused" in said.stdout
    assert "SpanKind.SERVER" not in said.stdout
    assert "jane" not in said.stdout


def test_an_endpoint_without_the_packages_is_told_and_changes_nothing(
    serve: Serve, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.telemetry.find_spec", lambda name: None)
    assert serve().watch is None
    assert "catena-ops-mcp[otel]" in caplog.text


async def test_what_the_environment_says_of_the_service_and_its_signals_counts(
    serve: Serve, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ops-north")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    async with Client(serve()) as client:
        await client.call_tool("list_resource_operations", {})
    assert collector.about["service.name"] == "ops-north"
    assert collector.spans
    assert not collector.metrics


def test_a_collector_that_never_answers_costs_no_answer_and_holds_up_no_end() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        env = environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        began = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-m", "server", "call", "list_resource_operations", "--demo"],
            cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
    assert "operations" in ran.stdout
    assert ran.stderr == ""
    assert time.monotonic() - began < 3 * END_S + 10, "the exporter's own patience is longer"
