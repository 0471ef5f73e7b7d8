"""The threat model of docs/operate.md: what it says is proven by tests that exist, and the rest of the proofs."""

import ast
import json
import re
from pathlib import Path

import httpx
import pytest
from mcp import Client, MCPError

from server.app import TOOLS
from server.demo.access import TOKEN_PATH
from server.serving.http import application, names_for
from server.serving.limits import Limits
from tests.conftest import ADDRESS, Row, Serve
from tests.serving.conftest import QUESTION, running

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
DOC = (ROOT / "docs" / "operate.md").read_text()
LIMITS = Limits(connections=50)
NAMES = names_for("127.0.0.1", [])
ROWS = [line for line in DOC.splitlines() if re.match(r"\| (MCP\d\d|Practice:) ", line)]
NAMED = re.findall(r"`([\w/]+)::(\w+)`", DOC)


def test_every_test_that_the_threat_model_names_exists() -> None:
    assert len(NAMED) > 40
    for file, name in NAMED:
        text = (ROOT / "tests" / f"{file}.py").read_text()
        assert re.search(rf"^(async )?def {name}\(", text, re.M), f"{file}::{name}"


def test_each_risk_and_each_practice_is_met_by_a_test() -> None:
    risks = [row.split()[1] for row in ROWS if row.startswith("| MCP")]
    assert risks == [f"MCP{number:02}" for number in range(1, 11)]
    practices = [re.match(r"\| Practice: ([\w -]+?) \|", row) for row in ROWS[10:]]
    assert [found and found[1] for found in practices] == [
        "confused deputy", "token passthrough", "forged requests", "session hijacking", "local server compromise", "scope minimization",
    ]  # fmt: skip
    for row in ROWS:
        assert "::" in row, row


async def test_only_reads_are_sent_to_the_configured_hosts_whatever_is_asked(serve: Serve, truth: list[Row]) -> None:
    sent: list[httpx.Request] = []
    elsewhere = "http://169.254.169.254/latest"
    row = truth[-1]
    ids = {"connection_id": row["connection_id"], "operation_id": row["id"]}
    about = {"resource": "user", "source_id": elsewhere, "fleet_refs": [elsewhere, "file:///etc/passwd"]}
    async with Client(serve(sent=sent)) as client:
        for _, tool in TOOLS:
            name = tool.__name__
            for arguments in (ids, about, {"cursor": elsewhere}, {"source_name": elsewhere}, {"by": ["fleet_ref"]}):
                await client.call_tool(name, arguments)
        for uri in (
            elsewhere,
            "catena://operations/..%2f..%2f/x",
            "catena://operations/{connection_id}/{operation_id}",
        ):
            with pytest.raises(MCPError):
                await client.read_resource(uri)
    assert len(sent) > 10
    tokens = [request for request in sent if request.method == "POST"]
    assert [str(request.url) for request in tokens] == [ADDRESS + TOKEN_PATH]
    for request in sent:
        assert f"{request.url.scheme}://{request.url.netloc.decode()}" == ADDRESS
        assert request.method == "GET" or request in tokens
        assert "/../" not in request.url.path


def test_what_a_caller_sends_in_its_headers_goes_no_further_than_this_server(serve: Serve) -> None:
    sent: list[httpx.Request] = []
    own = {"authorization": "Bearer of-the-caller", "cookie": "of=the-caller", "x_api_key": "of-the-caller"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_resource_operations"}}
    with running(application(serve(sent=sent), NAMES), LIMITS) as web:
        assert web.ask(body=json.dumps(call).encode(), mcp_protocol_version="2025-11-25", **own).status == 200
    assert len(sent) >= 2
    for request in sent:
        assert "of-the-caller" not in str(request.headers) + request.content.decode()
        assert "cookie" not in request.headers


def test_no_answer_opens_a_session_and_none_is_taken_up(serve: Serve) -> None:
    with running(application(serve(), NAMES), LIMITS) as web:
        for headers in ({}, {"mcp_session_id": "of-another"}):
            said = web.ask(body=QUESTION, **headers)
            assert said.status == 200
            assert "mcp-session-id" not in said.headers
        assert web.ask("GET", body=b"", mcp_session_id="of-another", accept="text/event-stream").status == 405


def test_it_gives_no_tokens_registers_no_clients_and_stands_for_no_other_server(serve: Serve) -> None:
    with running(application(serve(), NAMES), LIMITS) as web:
        for path in ("/authorize", "/token", "/register", "/revoke", "/consent", "/callback", "/login",
                     "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):  # fmt: skip
            assert web.ask("GET", path, b"").status == web.ask("POST", path).status == 404, path


STARTS_OR_RUNS = {"subprocess", "pickle", "marshal", "shelve", "ctypes", "runpy", "code", "pty"}
RUNS = {"eval", "exec", "compile", "__import__"}
STARTS = {"system", "popen", "spawn", "execv", "create_subprocess_exec", "create_subprocess_shell", "open_process", "run_process"}  # fmt: skip


def test_no_part_that_answers_a_call_can_start_a_program_or_run_code() -> None:
    """Only `doctor --config` starts what it checks: at a terminal, a file that its owner names.

    `reading/kept.py` copies answers by pickle, its own of the same process.
    """
    found = set()
    for path in sorted((ROOT / "server").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names: set[str] = set()
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names} & STARTS_OR_RUNS
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0]} & STARTS_OR_RUNS
            elif isinstance(node, ast.Call):
                called = node.func
                names = {called.id} & RUNS if isinstance(called, ast.Name) else {getattr(called, "attr", "")} & STARTS
            found |= {(path.name, name) for name in names}
    assert {file for file, _ in found} <= {"hosts.py", "kept.py"}, found
