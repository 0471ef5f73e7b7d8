"""What a stranger meets first: the README's tables, its example, the example configuration, the pinned files."""

import base64
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from mcp import Client
from pydantic import SecretStr

from server import __version__
from server.prompts import load_prompts
from server.settings import Settings
from server.tenants import load_tenants
from tests.conftest import Serve, asking, said
from tests.test_cli import environment

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
LINKS = run_path(str(ROOT / "packaging" / "links.py"))
PICTURE = run_path(str(ROOT / "packaging" / "picture.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = "\n".join(page.read_text() for page in PAGES)
"""The README and what it leads to, as one text."""


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


EXAMPLES = {
    page.name: re.findall(r"<!-- example: (\w+) (\{.*?\}) -->\n```text\n(.*?)\n```", page.read_text(), re.S)
    for page in PAGES
}


@pytest.mark.parametrize("page", ["README.md", "tools.md"])
async def test_the_example_answers_are_what_the_demo_answers(serve: Serve, page: str) -> None:
    assert EXAMPLES[page]
    async with asking(serve()) as ask:  # a page is one conversation
        for tool, arguments, answer in EXAMPLES[page]:
            assert said(await ask(tool, **json.loads(arguments))) == answer


PARSERS: dict[str, Callable[[str], Any]] = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
BLOCKS = re.findall(r"^```(json|toml|yaml)\n(.*?)\n```", README, re.S | re.M)
TENANTS = [block for _, block in BLOCKS if "[[tenant]]" in block]
CLIENTS = [(kind, block) for kind, block in BLOCKS if block not in TENANTS]


def test_the_file_of_tenants_that_is_shown_is_one(tmp_path: Path) -> None:
    (tmp_path / "tenants.toml").write_text("".join(TENANTS))
    tenants = load_tenants(tmp_path / "tenants.toml")
    assert [tenant.name for tenant in tenants.each] == ["acme", "support"]


@pytest.mark.parametrize(("kind", "block"), CLIENTS, ids=[f"{kind} {n}" for n, (kind, _) in enumerate(CLIENTS)])
def test_what_a_client_is_given_starts_this_server_with_settings_that_exist(
    kind: str, block: str, tmp_path: Path
) -> None:
    PARSERS[kind](block)
    names = set(re.findall(r"\bCATENA_\w+", block))
    assert {f"CATENA_{field.upper()}" for field in Settings.model_fields} > names
    assert names > {"CATENA_CLIENT_ID"}
    if kind == "yaml":  # which doctor does not read
        return
    file = tmp_path / f"config.{kind}"
    file.write_text(_here(block))
    told = json.loads(
        subprocess.run(
            [sys.executable, "-m", "server", "doctor", "--config", file, "--json"],
            cwd=ROOT, env=environment(), capture_output=True, check=False,
        ).stdout
    )  # fmt: skip
    checks = {check["name"]: check for check in told["checks"]}
    assert checks["catena-ops: start"]["fine"], told
    if "${input:" not in block:
        assert "your-client-id" in checks["catena-ops: settings"]["told"], "it is the very value of the page"


def _here(block: str) -> str:
    """Run the sources in the place of what uvx would fetch."""
    here = json.dumps([sys.executable, "-m", "server"])[1:-1]
    secret = json.dumps(str(ROOT / "LICENSE"))
    block = re.sub(r'"[^"]*/catena/secret"', lambda _: secret, block)
    block = block.replace('["uvx", "catena-ops-mcp"]', f"[{here}]").replace('"uvx"', json.dumps(sys.executable))
    return block.replace('["catena-ops-mcp"]', '["-m", "server"]')


def test_the_commands_of_the_readme_run() -> None:
    blocks = "\n".join(re.findall(r"^ *```sh\n(.*?)\n *```", README, re.S | re.M))
    commands = re.findall(r"^(?:uvx )?catena-ops-mcp ((?:call|doctor)\b[^#\n&]*)", blocks, re.M)
    assert len(commands) >= 3
    for words in {" ".join(command.split()) for command in commands if "--config" not in command}:
        ran = subprocess.run(
            [sys.executable, "-m", "server", *shlex.split(words), "--demo"],
            cwd=ROOT, env=environment(), capture_output=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, (words, ran.stderr)


def test_the_links_of_the_readme_lead_somewhere_and_install_what_it_says() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", page.read_text()):
            assert target.startswith("https://") or not target or (page.parent / target).exists(), (page.name, target)
    for client, link in LINKS["links"]().items():
        assert f"]({link})" in README, f"{client}: python packaging/links.py prints it"
    cursor, vscode = (parse_qs(urlsplit(link).query) for link in LINKS["links"]().values())
    assert json.loads(base64.b64decode(cursor["config"][0])) == {**LINKS["RUN"], "env": LINKS["WRITTEN"]}
    assert json.loads(vscode["config"][0])["env"] == LINKS["ASKED"]
    assert [name["id"] for name in json.loads(vscode["inputs"][0])] == ["catena-id", "catena-secret"]


def test_the_picture_shows_what_the_example_says() -> None:
    assert (ROOT / "docs" / "terminal.svg").read_text() == PICTURE["picture"](PICTURE["first_answer"]()), (
        "python packaging/picture.py draws it"
    )


def test_what_is_handed_out_names_settings_that_exist() -> None:
    known = {f"CATENA_{field.upper()}" for field in Settings.model_fields}
    files = list((ROOT / "packaging").rglob("*.json"))
    assert len(files) >= 5
    for path in files:
        json.loads(path.read_text())
        assert known >= set(re.findall(r"\bCATENA_[A-Z_]+\b", path.read_text())), path


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
