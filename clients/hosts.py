"""Command-line hosts with a model by script: how each is pointed to it and to the server, and what it sends the model.

A host runs in a home of its own. What it is to start is a command for stdio, or an address.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from model import Script

Server = list[str] | str
Sent = tuple[str, list[str]]
"""The tools as the model was told of them, and what it was shown of each call."""


def _home(place: Path) -> dict[str, str]:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    return {"HOME": str(place), "PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}


def _ran(command: list[str], home: Path, env: dict[str, str]) -> None:
    subprocess.run(
        command, cwd=home, env=env, check=True, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL
    )


def _entry(server: Server, url: str = "url") -> dict[str, Any]:
    return {url: server} if isinstance(server, str) else {"command": server[0], "args": server[1:]}


def claude_code(modules: Path, home: Path, server: Server, model: str, script: Script) -> Sent:
    """Claude Code; tools are loaded up front, and waited for."""
    env = _home(home) | {"ANTHROPIC_BASE_URL": model, "ANTHROPIC_API_KEY": "none", "ENABLE_TOOL_SEARCH": "false",
                         "MCP_CONNECTION_NONBLOCKING": "0", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}  # fmt: skip
    entry = _entry(server) | ({"type": "http"} if isinstance(server, str) else {})
    (home / "mcp.json").write_text(json.dumps({"mcpServers": {"catena-ops": entry}}))
    program = next(modules.glob("@anthropic-ai/claude-code-*/claude"), modules / ".bin" / "claude")
    _ran([str(program), "-p", "what fails?", "--mcp-config", "mcp.json", "--strict-mcp-config",
          "--allowedTools", "mcp__catena-ops"], home, env)  # fmt: skip
    last = script.requests[-1]
    blocks = [b for m in last["messages"] if isinstance(m["content"], list) for b in m["content"]]
    shown = [_joined(block["content"]) for block in blocks if block.get("type") == "tool_result"]
    return json.dumps([tool for tool in last["tools"] if "catena" in tool["name"]]), shown


def codex(modules: Path, home: Path, server: Server, model: str, script: Script) -> Sent:
    """Codex; without `required` its first turn may come before the tools."""
    env = _home(home)
    (home / ".codex").mkdir()
    entry = "\n".join(f"{key} = {json.dumps(value)}" for key, value in _entry(server).items())
    (home / ".codex" / "config.toml").write_text(
        f'model = "scripted"\nmodel_provider = "scripted"\n[model_providers.scripted]\nname = "scripted"\n'
        f'base_url = "{model}/v1"\nwire_api = "responses"\n[mcp_servers.catena-ops]\n{entry}\nrequired = true\n'
        'default_tools_approval_mode = "approve"\nstartup_timeout_sec = 60\ntool_timeout_sec = 60\n'
    )
    _ran(
        [str(modules / ".bin" / "codex"), "exec", "--skip-git-repo-check", "-s", "read-only", "what fails?"], home, env
    )
    last = script.requests[-1]
    shown = [_joined(item["output"]) for item in last["input"] if item.get("type") == "function_call_output"]
    return json.dumps([tool for tool in last["tools"] if "catena" in json.dumps(tool)]), shown


def gemini_cli(modules: Path, home: Path, server: Server, model: str, script: Script) -> Sent:
    """Gemini CLI."""
    env = _home(home) | {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": model}
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps({
        "mcpServers": {"catena-ops": _entry(server, "httpUrl") | {"trust": True}},
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
    }))  # fmt: skip
    (home / ".gemini" / "trustedFolders.json").write_text(json.dumps({str(home): "TRUST_FOLDER"}))
    _ran([str(modules / ".bin" / "gemini"), "-p", "what fails?", "-y", "-m", "gemini-2.5-flash"], home, env)
    last = script.requests[-1]
    parts = [part for content in last["contents"] for part in content.get("parts", [])]
    shown = [_joined(p["functionResponse"]["response"]) for p in parts if "functionResponse" in p]
    declared = [one for tool in last["tools"] for one in tool.get("functionDeclarations", [])]
    return json.dumps([one for one in declared if "catena" in one["name"]]), shown


def _joined(content: Any) -> str:
    """Return what a model is shown as one text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(map(_joined, content))
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return str(content["text"])
    if isinstance(content, dict) and set(content) & {"output", "error", "content"}:
        return "\n".join(_joined(content[key]) for key in ("output", "error", "content") if key in content)
    return json.dumps(content)
