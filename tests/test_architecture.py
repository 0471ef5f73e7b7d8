"""The rules of the house: imports point to what stands above, and nothing happens at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "server"
ORDER = [
    "errors",
    "settings",
    "telemetry",
    "masking",
    "catena",
    "store",
    "tenants",
    "causes",
    "analysis",
    "history",
    "reading",
    "accounts",
    "runtime",
    "runtimes",
    "ui",
    "tools",
    "prompts",
    "resources",
    "demo",
    "observing",
    "app",
    "serving",
    "live",
    "doctor",
    "hosts",
    "terminal",
    "commands",
    "board",
    "sync",
    "cli",
    "__main__",
]
ALLOWED = {
    "mcp": {
        "ui",
        "tools",
        "prompts",
        "resources",
        "observing",
        "app",
        "serving",
        "live",
        "hosts",
        "commands",
        "board",
        "sync",
        "cli",
    },
    "httpx": {"catena", "accounts", "runtime", "runtimes", "app", "serving"},
    "jwt": {"serving"},
    "typer": {"commands", "board", "sync"},
    "rich": {"terminal", "commands"},
    "polars": {"analysis", "history", "reading"},
    "redis": {"store"},
    "cryptography": {"store"},
    "uvicorn": {"serving"},
    "h11": {"serving"},
    "opentelemetry": {"observing"},
}
FILES = sorted(SERVER.rglob("*.py"))


def room(path: Path) -> str:
    """Return the part of the house a file stands in."""
    parts = path.relative_to(SERVER).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> list[tuple[str, int]]:
    """Return what a file imports: (module, level), wherever in the file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found += [(name, node.level) for name in names]
    return found


def rooms_imported(path: Path) -> set[str]:
    depth = len(path.relative_to(SERVER).parts)
    return {name.split(".")[0] for name, level in imports(path) if level == depth and name != "__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_to_what_stands_above(path: Path) -> None:
    if path.name == "__init__.py" and path.parent == SERVER:
        return
    here = ORDER.index(room(path))
    below = {name for name in rooms_imported(path) if ORDER.index(name) > here}
    assert not below


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_library_is_imported_only_in_its_rooms(path: Path) -> None:
    used = {name.split(".")[0] for name, level in imports(path) if level == 0}
    strangers = {name for name in used & ALLOWED.keys() if room(path) not in ALLOWED[name]}
    assert not strangers
    assert "server" not in used, "inside the package imports are relative"


def test_every_tool_has_a_file_of_its_name() -> None:
    from server.app import TOOLS

    files = {p.stem for p in (SERVER / "tools").glob("*.py") if not p.stem.startswith("_")}
    assert files == {tool.__name__ for _, tool in TOOLS}


def test_starting_loads_neither_http_nor_frames_nor_the_terminal() -> None:
    code = "import sys, server.app; print([m for m in ('httpx', 'polars', 'redis', 'typer', 'server.demo.api') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_importing_any_module_prints_and_reads_nothing() -> None:
    names = [
        ".".join(p.relative_to(ROOT).with_suffix("").parts) for p in FILES if p.stem not in ("__main__", "__init__")
    ]
    code = f"import importlib, logging; [importlib.import_module(n) for n in {names}]; assert not logging.root.handlers"
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"CATENA_BASE_URL": "no url"},
        check=True,
    )
    assert said.stdout == said.stderr == ""
