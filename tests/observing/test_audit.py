"""The audit: one line for each call, of who asked what and how it ended, and not a word of what was said."""

import json
import os
import re
import stat
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, Implementation, RequestParamsMeta, TextContent
from pydantic import SecretStr

from server.app import OpsServer
from server.demo.access import CLIENT_SECRET
from server.demo.faults import Faults
from server.errors import BadSettings
from server.serving.callers import Caller, called_by
from server.serving.http import application, names_for
from server.serving.limits import Limits
from tests.conftest import Row, Serve, facts, said
from tests.serving.conftest import running

pytestmark = pytest.mark.anyio

DAY: dict[str, Any] = {"from_datetime": "2026-11-22T15:30:00Z", "to_datetime": "2026-11-23T15:30:00Z"}
OPERATION = "catena://operations/{connection_id}/{operation_id}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def text_of(file: Path) -> str:
    file.touch(mode=0o644)
    return file.read_text()


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text_of(file).splitlines()]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_is_one_line_that_says_what_was_asked_and_what_it_cost(
    serve: Serve, truth: list[Row], file: Path, mode: str
) -> None:
    sent: list[httpx.Request] = []
    async with Client(serve(sent=sent, audit_file=str(file)), mode=mode) as client:
        answer = await client.call_tool("summarize_failures", DAY | {"source_name": "samsara", "max_groups": 3})
        again = await client.call_tool("summarize_failures", DAY | {"source_name": "samsara"})
    first, second = lines(file)
    assert first["name"] == "summarize_failures"
    assert first["method"] == "tools/call"
    assert first["arguments"] == {"source_name": "samsara", **DAY, "max_groups": 3}
    assert first["outcome"] == "ok"
    assert first["requests"] == len(sent) > 1, "the token's is one of them"
    assert first["operations"] >= facts(answer)["totals"]["operations"] > 0
    assert (second["requests"], second["operations"]) == (0, 0), "it was held"
    assert len(said(again)) < second["bytes"] < 10 * len(said(again))
    assert first["ms"] > second["ms"] > 0
    assert first["program"] == "mcp"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
    assert first["protocol"] == ("2025-11-25" if mode == "legacy" else "2026-07-28")
    assert first["request_id"] != second["request_id"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_calls_over_http_are_told_with_who_calls_whatever_the_client_speaks(
    serve: Serve, file: Path, mode: str
) -> None:
    server = serve(audit_file=str(file))
    app = application(server, names_for("127.0.0.1", []))

    async def signed_in(scope: Any, receive: Any, send: Any) -> None:
        with called_by(Caller("dana", "support-copilot", "north", frozenset())):
            await app(scope, receive, send)

    with running(signed_in, Limits(connections=50)) as web:
        async with Client(f"http://127.0.0.1:{web.port}/mcp", mode=mode) as client:
            await client.call_tool("summarize_failures", {"refresh": True})
    (line,) = lines(file)
    assert [line[key] for key in ("subject", "client", "tenant")] == ["dana", "support-copilot", "north"]
    assert line["arguments"] == {"refresh": True}
    assert line["operations"] > 3000


async def test_prompts_and_resources_are_told_by_the_names_that_the_server_gave_them(
    serve: Serve, truth: list[Row], file: Path
) -> None:
    row = truth[-1]
    async with Client(serve(audit_file=str(file))) as client:
        await client.get_prompt("triage_failures", {"window": "24h", "source_name": "jane@example.com"})
        await client.read_resource("catena://vocabulary")
        await client.read_resource(f"catena://operations/{row['connection_id']}/{row['id']}")
        with pytest.raises(MCPError):
            await client.read_resource("catena://jane@example.com")
        await client.list_tools()
    told = [(line["method"], line["name"], line["outcome"], line["operations"]) for line in lines(file)]
    assert told == [
        ("prompts/get", "triage_failures", "ok", 0),
        ("resources/read", "catena://vocabulary", "ok", 0),
        ("resources/read", OPERATION, "ok", 1),
        ("resources/read", "unknown", "protocol_error", 0),
    ]
    assert lines(file)[0]["arguments"] == {"window": "24h", "source_name": "given"}


async def test_what_went_wrong_is_told_by_its_kind(serve: Serve, file: Path) -> None:
    async with Client(serve(client_secret=SecretStr("wrong"), audit_file=str(file))) as client:
        await client.call_tool("summarize_failures", {"source_name": "samsra"})
        await client.call_tool("summarize_failures", {"sauce": "samsara"})
        await client.call_tool("summarize_failures", {"size": "many"})
        with pytest.raises(MCPError):
            await client.call_tool("summarise", {})
        await client.call_tool("summarize_failures", {})
    told = [(line["name"], line["outcome"], line["code"]) for line in lines(file)]
    assert told == [
        ("summarize_failures", "tool_error", "BadArgument"),
        ("summarize_failures", "tool_error", "BadArgument"),
        ("summarize_failures", "tool_error", "ValidationError"),
        ("unknown", "protocol_error", -32602),
        ("summarize_failures", "tool_error", "NotSignedIn"),
    ]
    assert lines(file)[1]["arguments"] == {"(unknown)": 1}


async def test_a_refusal_by_what_stands_before_the_tools_is_told_too(serve: Serve, file: Path) -> None:
    server = serve(audit_file=str(file))

    async def refusing(ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        if ctx.method != "tools/call":
            return await call_next(ctx)
        return CallToolResult(content=[TextContent(type="text", text="come back later")], is_error=True)

    server.middleware.append(refusing)
    async with Client(server) as client:
        await client.call_tool("list_resource_operations", {})
    (line,) = lines(file)
    assert line["outcome"] == "tool_error"
    assert line["bytes"] > len("come back later")


async def test_a_call_that_its_client_leaves_is_told_as_cancelled(serve: Serve, file: Path) -> None:
    async with Client(serve(Faults(latency_s=30), audit_file=str(file))) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "summarize_failures", {})
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await client.read_resource("catena://vocabulary")
    assert [line["outcome"] for line in lines(file)] == ["cancelled", "ok"]


async def test_the_trace_of_the_client_is_told_so_that_both_are_found_together(serve: Serve, file: Path) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with Client(serve(audit_file=str(file))) as client:
        for parent in (f"00-{trace}-b7ad6b7169203331-01", "00-jane@example.com-b7ad6b7169203331-01"):
            meta = cast("RequestParamsMeta", {"traceparent": parent})
            await client.call_tool("list_resource_operations", {}, meta=meta)
    assert [line.get("trace_id") for line in lines(file)] == [trace, None]


SECRET = st.from_regex(r"[A-Z]?[a-z@+]{0,5}zqx[0-9 ]{0,7}", fullmatch=True)
VALUE = st.recursive(
    SECRET, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SECRET, inner, max_size=2), max_leaves=3
)
NAMES = ("resource source_name source_id fleet_refs from_datetime to_datetime operation status outcome detail group by sort "
         "cursor size max_groups refresh operation_id connection_id baseline_from window").split()  # fmt: skip
ARGUMENTS = st.dictionaries(st.sampled_from(NAMES) | SECRET, VALUE, max_size=5)
TOOL = st.sampled_from(["summarize_failures", "trace_record", "break_down_failures"]) | SECRET


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tool=TOOL, arguments=ARGUMENTS, prompt=st.dictionaries(st.sampled_from(NAMES), SECRET, max_size=3), uri=SECRET)
def test_no_text_of_an_argument_is_ever_told(
    serve: Serve, file: Path, tool: str, arguments: dict[str, Any], prompt: dict[str, str], uri: str
) -> None:
    async def call(server: OpsServer) -> None:
        async with Client(server) as client:
            for ask in (
                lambda: client.call_tool(tool, arguments),
                lambda: client.get_prompt("triage_failures" if prompt else uri, prompt),
                lambda: client.read_resource(f"catena://{uri}"),
            ):
                try:
                    await ask()
                except MCPError:
                    continue

    file.unlink(missing_ok=True)
    anyio.run(call, serve(audit_file=str(file)))
    assert len(lines(file)) == 3
    assert "zqx" not in file.read_text().lower()


async def test_nothing_of_a_payload_a_message_or_a_secret_is_ever_told(
    serve: Serve, truth: list[Row], file: Path
) -> None:
    row = next(row for row in truth if row["status"] == "failed" and row["logs"] and row["payload"])
    ids = {"connection_id": row["connection_id"], "operation_id": row["id"]}
    async with Client(serve(audit_file=str(file), show_personal_data=True)) as client:
        shown = said(await client.call_tool("get_resource_operation", ids))
        await client.call_tool("list_resource_operations", {"detail": "full", "size": 50})
        await client.call_tool("summarize_failures", {"fleet_refs": [row["fleet_ref"]]})
    told = text_of(file)
    assert len(lines(file)) == 3
    texts = [text for text in re.findall(r"[^\s«»\"':,{}\[\]]{9,}", shown) if text not in told or "-" in text]
    assert len(texts) > 10, "the answer itself was full of them"
    for text in (*ids.values(), row["fleet_ref"], CLIENT_SECRET, *map(str, row["payload"].values())):
        assert len(text) < 4 or text not in told, text


async def test_a_client_cannot_write_into_the_audit_with_its_name(serve: Serve, file: Path) -> None:
    about = Implementation(name='x"}\n{"forged": 1}\u2028' + 200 * "n", version="1\r2")
    async with Client(serve(audit_file=str(file)), client_info=about) as client:
        await client.call_tool("list_resource_operations", {})
    (line,) = lines(file)
    assert len(line["program"]) == 64
    assert re.fullmatch(r"[\w .?:]+", line["program"] + line["program_version"], re.ASCII)


async def test_the_file_is_its_owners_alone_and_does_not_grow_without_end(
    serve: Serve, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.observing.audit.LARGEST_BYTES", 2_000)
    text_of(file)
    async with Client(serve(audit_file=str(file))) as client:
        for _ in range(60):
            await client.read_resource("catena://vocabulary")
    files = sorted(file.parent.iterdir())
    assert len(files) == 6
    assert all(one.stat().st_size <= 2_000 for one in files)
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
async def test_a_full_disk_ends_no_call_and_is_complained_of_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with Client(serve(audit_file="/dev/full")) as client:
        for _ in range(3):
            assert facts(await client.call_tool("list_resource_operations", {}))["returned"] == 25
    assert [record.getMessage() for record in caplog.records] == [
        "The audit cannot be written any more (OSError). This is told once."
    ]


@pytest.mark.parametrize("where", ["-", "stderr"])
async def test_the_audit_can_go_to_stderr_and_never_to_stdout(
    serve: Serve, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Client(serve(audit_file=where)) as client:
        await client.read_resource("catena://vocabulary")
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["name"] == "catena://vocabulary"


def test_a_file_that_cannot_be_written_is_said_at_the_start(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="CATENA_AUDIT_FILE"):
        serve(audit_file=str(tmp_path / "nowhere" / "audit"))


async def test_without_the_setting_nothing_watches(serve: Serve) -> None:
    assert serve().watch is None
