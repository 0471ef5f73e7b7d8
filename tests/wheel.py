"""Build the wheel and use what it installs, with the sources out of reach. Run by `make wheel`, not by pytest."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser.test_in_a_browser import missing

CLICKS = "/opens to|copied|go to the chat|asked for|opens the board|one file/"
"""Which checks of the board press its buttons against a real server."""


def main() -> None:
    """Fail where a file is missing from the wheel, or the installed command does not answer from `/`."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        names = zipfile.ZipFile(wheel).namelist()
        prompts = {path.name for path in (ROOT / "prompts").glob("*.md")}
        missing = {name for name in prompts if f"catena_ops_mcp/_prompts/{name}" not in names}
        assert not missing, f"prompts missing from the wheel: {missing}"
        tops = {name.partition("/")[0] for name in names}
        assert len(tops) == 2, f"the wheel holds more than the server and what is told of it: {tops}"
        assert any(name.endswith("/licenses/LICENSE") for name in names), "the licence is missing"
        strange_server(Path(folder) / "strange")
        assert not [n for n in names if "/ui/source" in n], "the wheel holds what the page is made of"
        assert "catena_ops_mcp/ui/board.html" in names
        command = install(wheel, Path(folder) / "env")
        tried = press(command)
        version = said(command, "--version")
        called = json.loads(said(command, "call", "summarize_failures", "--demo", "--json"))
        listed = json.loads(said(str(Path(command).with_name("python")), "-c", LIST))
    assert called["coverage"]["complete"], called["coverage"]
    assert set(listed["prompts"]) == {name.removesuffix(".md") for name in prompts}, listed
    assert str(ROOT) not in listed["home"], f"the sources were in reach: {listed['home']}"
    sys.stdout.write(f"wheel: {wheel.name} answers as {version.strip()}, {len(prompts)} prompts, {tried}\n")


def build(folder: Path) -> Path:
    """Build the wheel without fetching anything."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "-q",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "-w", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


def install(wheel: Path, folder: Path) -> str:
    """Install the wheel alone into an environment that sees our dependencies, but not our editable install."""
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    # A plain path line does not run the .pth files it leads to, and with them not the editable install.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "--python", str(folder / "bin/python")]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    return str(folder / "bin/catena-ops-mcp")


def strange_server(folder: Path) -> None:
    """Put another package `server` in reach of Python, as other projects do."""
    (folder / "server").mkdir(parents=True)
    (folder / "server" / "__init__.py").write_text("raise SystemExit('the server of another project')")
    os.environ["PYTHONPATH"] = str(folder)


def press(command: str) -> str:
    """Press the board's buttons in a browser against the installed server, where there is a browser; say whether."""
    if lacks := missing():
        return f"its board not tried: no {lacks}"
    tests = [str(ROOT / "tests/browser" / name) for name in ("board.test.mjs", "live.test.mjs")]
    env = os.environ | {"CATENA_OPS_COMMAND": command, "CATENA_OPS_FOLDER": "/"}
    ran = subprocess.run(
        ["node", "--test", "--test-reporter=tap", f"--test-name-pattern={CLICKS}", *tests],
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    return f"its board's buttons pressed in {re.findall(r'^# pass (.*)', ran.stdout, re.M)[0]} checks"


def said(*command: str) -> str:
    """Run a command from `/`, where a host may start it, and return what it prints."""
    return subprocess.run(command, check=True, cwd="/", stdout=subprocess.PIPE, text=True, timeout=60).stdout


LIST = """
import json, sys, anyio, catena_ops_mcp as server
from mcp import Client, StdioServerParameters
async def main():
    async with Client(StdioServerParameters(command=sys.executable, args=["-m", "catena_ops_mcp", "--demo"])) as client:
        return [p.name for p in (await client.list_prompts()).prompts]
print(json.dumps({"home": server.__file__, "prompts": anyio.run(main)}))
"""

if __name__ == "__main__":
    main()
