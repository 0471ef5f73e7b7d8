"""What a stranger meets first: the README's tables, its example, the example configuration, the pinned files."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from pydantic import SecretStr

from server import __version__
from server.prompts import load_prompts
from server.settings import Settings
from tests.conftest import Serve, asking, said

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def default_of(field: Any) -> str:
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if value in ("", None):
        return "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_the_table_of_settings_is_the_settings() -> None:
    rows = re.findall(r"^\| `(CATENA_\w+)` \| (.+?) \| (.+?) \|$", README, re.M)
    fields = Settings.model_fields.items()
    assert rows == [(f"CATENA_{name.upper()}", default_of(field), field.description) for name, field in fields]


async def test_the_tables_of_tools_name_every_tool_and_argument(serve: Serve) -> None:
    async with Client(serve()) as client:
        tools = (await client.list_tools()).tools
    for tool in tools:
        assert f"| `{tool.name}` |" in README
        for argument in tool.input_schema["properties"]:
            assert f"`{argument}`" in README, argument
    for prompt in load_prompts():
        assert f"`{prompt.name}`" in README


async def test_the_example_answer_is_what_the_demo_answers(serve: Serve) -> None:
    examples = re.findall(r"<!-- example: (\w+) (\{.*?\}) -->\n```text\n(.*?)\n```", README, re.S)
    assert examples
    async with asking(serve()) as ask:
        for tool, arguments, answer in examples:
            assert said(await ask(tool, **json.loads(arguments))) == answer


def test_every_block_of_json_in_the_readme_parses() -> None:
    blocks = re.findall(r"```json\n(.*?)\n```", README, re.S)
    assert len(blocks) >= 2
    for block in blocks:
        json.loads(block)


def test_the_example_configuration_names_a_command_that_starts() -> None:
    servers = json.loads((ROOT / "claude_desktop_config.example.json").read_text())["mcpServers"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name, entry in servers.items():
        assert Path(entry["command"]).name in scripts
        assert Path(entry["command"]).is_absolute()
        assert {f"CATENA_{field.upper()}" for field in Settings.model_fields} >= set(entry.get("env", {}))
        ran = subprocess.run(
            [sys.executable, "-m", "server", *entry["args"]],
            check=False, cwd=ROOT, env={"PATH": "", **entry.get("env", {})}, input="", capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert (ran.returncode, ran.stdout) == (0, ""), (name, ran.stderr)


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert next(version for version in versions if version != "Unreleased") == __version__


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_pinned_files_hold_hashes_and_no_hosts(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    pins = re.findall(r"^(\S+?)==\S+.*?(?=^\S|\Z)", text, re.M | re.S)
    assert pins
    assert "://" not in text
    for block in re.split(r"^(?=\S)", text, flags=re.M)[1:]:
        assert "--hash=sha256:" in block, block[:60]


def test_each_dependency_is_pinned_and_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = (ROOT / "requirements" / "run.txt").read_text()
    for dependency in project["dependencies"]:
        name = re.split(r"[><=\[ ]", dependency)[0]
        assert re.search(rf"^{re.escape(name)}==", pinned, re.M), name
        assert f"`{name}`" in README, name
