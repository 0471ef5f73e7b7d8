"""The whole path through a real MCP client: in memory, over stdio and over HTTP, in both eras of the protocol."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from server.app import TOOLS
from server.demo.faults import Faults
from tests.conftest import Serve
from tests.test_cli import environment, free_port, started, wait_for

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
STDIO = StdioServerParameters(command=sys.executable, args=["-m", "server", "--demo"], cwd=ROOT, env=environment())


async def use_everything(client: Client) -> None:
    """List and use each tool, prompt and resource."""
    tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {tool.__name__ for _, tool in TOOLS}
    for tool in tools:
        assert tool.annotations is not None
        assert (tool.annotations.read_only_hint, tool.annotations.idempotent_hint) == (True, True)
        if not tool.input_schema.get("required") and tool.name != "trace_record":  # which takes one of three ids
            result = await client.call_tool(tool.name, {})
            assert not result.is_error
            assert result.structured_content
    wrong = await client.call_tool("summarize_failures", {"size": 0})
    assert wrong.is_error
    assert isinstance(wrong.content[0], TextContent)
    assert "1 to 1000" in wrong.content[0].text
    for prompt in (await client.list_prompts()).prompts:
        assert (await client.get_prompt(prompt.name)).messages
    operations = await client.call_tool("list_resource_operations", {"size": 1})
    row = (operations.structured_content or {})["operations"][0]
    got = await client.call_tool("get_resource_operation", {"operation_id": row["id"]})
    assert not got.is_error
    traced = await client.call_tool("trace_record", {"resource": row["resource"], "source_id": "any"})
    assert not traced.is_error
    for uri in ("catena://vocabulary", f"catena://operations/{row['connection_id']}/{row['id']}"):
        assert (await client.read_resource(uri)).contents


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_everything_works_in_memory(serve: Serve, mode: str, anyio_backend: str) -> None:
    async with Client(serve(), mode=mode) as client:
        await use_everything(client)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_everything_works_over_stdio(mode: str) -> None:
    with anyio.fail_after(30):
        async with Client(STDIO, mode=mode) as client:
            await use_everything(client)


@asynccontextmanager
async def over_http(*arguments: str) -> AsyncGenerator[str]:
    port = free_port()
    with started("serve", "--transport", "http", "--port", str(port), "--demo", *arguments):
        await anyio.to_thread.run_sync(wait_for, port)
        yield f"http://127.0.0.1:{port}"


async def test_everything_works_over_http_and_strangers_are_refused() -> None:
    async with over_http() as address:
        for mode in ("auto", "legacy"):
            async with Client(f"{address}/mcp", mode=mode) as client:
                await use_everything(client)
        async with httpx.AsyncClient(base_url=address) as http:
            assert (await http.get("/healthz")).json()["status"] == "ok"
            headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
            evil_host = await http.post("/mcp", json={}, headers={**headers, "Host": "evil.example"})
            evil_origin = await http.post("/mcp", json={}, headers={**headers, "Origin": "https://evil.example"})
            assert evil_host.status_code == 421
            assert evil_origin.status_code == 403


async def test_a_server_beyond_loopback_still_checks_the_host() -> None:
    async with (
        over_http("--host", "0.0.0.0", "--no-sign-in", "--allowed-host", "ops.example") as address,
        httpx.AsyncClient() as http,
    ):
        refused = await http.post(f"{address}/mcp", json={}, headers={"Host": "evil.example"})
        known = await http.post(f"{address}/mcp", json={}, headers={"Host": "ops.example"})
        assert refused.status_code == 421
        assert known.status_code != 421


class Sent(list[httpx.Request]):
    """Notes requests, and tells when there are enough."""

    def __init__(self, enough: int) -> None:
        super().__init__()
        self.enough, self.reached = enough, anyio.Event()

    def append(self, request: httpx.Request) -> None:
        super().append(request)
        if len(self) == self.enough:
            self.reached.set()


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_cancelled_call_stops_its_requests(serve: Serve, anyio_backend: str) -> None:
    sent = Sent(enough=6)
    question = {"from_datetime": "-10d", "size": 20}  # more than a thousand pages
    async with Client(serve(Faults(latency_s=0.02), sent=sent)) as client:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as calls:
                calls.start_soon(client.call_tool, "summarize_failures", question)
                await sent.reached.wait()
                calls.cancel_scope.cancel()
            await anyio.wait_all_tasks_blocked()
            before = len(sent)
            assert not (await client.call_tool("list_resource_operations", {"size": 1})).is_error
    assert before < 60
    assert len(sent) == before + 1


async def test_nothing_is_sent_before_the_first_tool_call(serve: Serve) -> None:
    sent: list[httpx.Request] = []
    async with Client(serve(sent=sent)) as client:
        await client.list_tools()
        await client.get_prompt("triage_failures")
        await client.read_resource("catena://vocabulary")
        assert sent == []
