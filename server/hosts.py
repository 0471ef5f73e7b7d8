"""What an MCP client's configuration file starts, and whether that works: the very command, with its own environment."""

import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import msgspec
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import get_default_environment

from .doctor import Check, Report, Tell
from .errors import BadSettings

BLOCKS = ("mcpServers", "servers", "mcp_servers", "mcp")
"""What clients call the block of servers: most, VS Code, Codex, opencode."""

STARTS_IN_S = 90
"""How long a command may take: uvx fetches what it needs the first time."""

OURS = re.compile(r"catena[-_]ops|(^|\s)-m server\b")
FILLED_IN = re.compile(r"\$?\{[\w.:-]+\}")
"""A value that a client asks for or looks up, like ${input:secret} of VS Code."""

SERVING = ("serve", "--transport", "stdio", "--transport=stdio")


@dataclass(frozen=True)
class Entry:
    """One server of a configuration file: a command with its environment, or an address; or what is `wrong` with it."""

    name: str
    command: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    url: str = ""
    cwd: str | None = None
    wrong: str = ""

    @property
    def ours(self) -> bool:
        """Whether it runs this server, as far as its words tell."""
        return bool(OURS.search(" ".join((self.name, *self.command, self.url))))


def entries_of(path: Path) -> list[Entry]:
    """Read the servers of a configuration file: JSON, as most clients write it, or TOML as Codex does.

    Raises:
        BadSettings: It cannot be read; clients ignore such a file without a word.
    """
    try:
        text = path.read_text("utf-8-sig")
        told = tomllib.loads(text) if path.suffix == ".toml" else json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))
    except (OSError, ValueError) as exc:
        what = f"line {exc.lineno}: {exc.msg}" if isinstance(exc, json.JSONDecodeError) else type(exc).__name__
        raise BadSettings(f"{path} cannot be read ({what}). Correct it: a client ignores it without a word.") from None
    return list(_entries(told))


def _entries(told: Any) -> Iterator[Entry]:
    for name in BLOCKS:
        block = told.get(name) if isinstance(told, dict) else None
        if not isinstance(block, dict):
            continue
        yield from _entries(block)  # "mcp": {"servers": ...}
        for key, entry in block.items():
            try:
                yield _entry(key, msgspec.convert(entry, _Entry))
            except msgspec.ValidationError as exc:  # tells kinds and places, no values
                yield Entry(key, wrong=str(exc))


class _Entry(msgspec.Struct):
    """As clients write it, all their words for the same."""

    command: str | list[str] = ""
    args: list[str] = []
    env: dict[str, str] = {}
    environment: dict[str, str] = {}
    env_vars: list[str] = []  # Codex' names of variables that are handed on
    url: str = ""
    httpUrl: str = ""  # Gemini's name
    serverUrl: str = ""  # Windsurf's
    cwd: str | None = None


def _entry(name: str, told: _Entry) -> Entry:
    command = [told.command] if isinstance(told.command, str) else told.command
    env = {key: os.environ[key] for key in told.env_vars if key in os.environ}
    env |= {key: os.path.expandvars(value) for key, value in (told.env | told.environment).items()}
    url = told.url or told.httpUrl or told.serverUrl
    return Entry(name, [word for word in (*command, *told.args) if word], env, url, told.cwd)


async def check_config(path: Path, tell: Tell) -> None:
    """Check each server of a configuration file that is this one."""
    try:
        entries = entries_of(path)
    except BadSettings as exc:
        return tell(Check("config", False, str(exc)))
    ours = [entry for entry in entries if entry.ours and (entry.command or entry.url or entry.wrong)]
    names = ", ".join(entry.name for entry in entries) or "none"
    if not ours:
        return tell(Check("config", False, f"{path} holds no entry that runs catena-ops-mcp (servers there: {names})"))
    tell(Check("config", True, f"{path}: {', '.join(entry.name for entry in ours)} of the servers {names}"))
    for entry in ours:
        await _check_entry(entry, tell)


async def _check_entry(entry: Entry, tell: Tell) -> None:
    def told(check: Check) -> None:
        tell(msgspec.structs.replace(check, name=f"{entry.name}: {check.name}"))

    if entry.wrong:
        return told(Check("entry", False, f"it is not as clients take it: {entry.wrong}"))
    if entry.url:
        return told(await _starts(entry.url))
    program = shutil.which(entry.command[0], path=entry.env.get("PATH"))
    if program is None:
        return told(Check("command", False, f"{entry.command[0]!r} is not found; write its absolute path"))
    where = (
        program
        if Path(entry.command[0]).is_absolute()
        else f"{program}; a client that is started from the desktop may not find it: write this path"
    )
    told(Check("command", True, where))
    parameters = StdioServerParameters(command=entry.command[0], args=entry.command[1:], env=entry.env, cwd=entry.cwd)
    start = await _starts(parameters)
    told(start)
    if unfilled := [name for name, value in entry.env.items() if FILLED_IN.fullmatch(value)]:
        return told(Check("settings", None, f"not tried: the client fills {', '.join(unfilled)} in"))
    if start.fine:
        await _inside(entry, told)


async def _starts(server: StdioServerParameters | str) -> Check:
    began = anyio.current_time()
    try:
        with anyio.fail_after(STARTS_IN_S):
            async with Client(server) as client:
                tools = (await client.list_tools()).tools
    except (OSError, MCPError, TimeoutError, ExceptionGroup) as exc:
        return Check(
            "start", False, f"it does not answer as an MCP server ({type(exc).__name__}); run it by hand to see why"
        )
    took = anyio.current_time() - began
    return Check("start", True, f"answers as an MCP server in {took:.1f} s with {len(tools)} tools")


async def _inside(entry: Entry, tell: Tell) -> None:
    """Let the very command check its setup, with the environment a client gives it."""
    words = [word for word in entry.command if word not in SERVING]
    env = get_default_environment() | entry.env
    try:
        with anyio.fail_after(STARTS_IN_S):
            ran = await anyio.run_process([*words, "doctor", "--json"], env=env, cwd=entry.cwd, check=False)
        report = msgspec.json.decode(ran.stdout, type=Report)
    except (OSError, TimeoutError, msgspec.DecodeError):
        return tell(Check("doctor", None, "not tried: this command takes no `doctor --json`"))
    for check in report.checks:
        tell(check)
