"""Build all that is handed out into `dist/`: wheel, sdist, bundle, registry entry, plugin. Run by `make package`.

Versions stand in one place, `server/__init__.py`; the others hold 0.0.0 and get it here.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HERE = ROOT / "packaging"
DIST = ROOT / "dist"
NAME = "catena-ops-mcp"


def main() -> None:
    """Build everything anew."""
    shutil.rmtree(DIST, ignore_errors=True)
    wheel = build_wheel()
    version = wheel.name.split("-")[1]
    print(f"wheel   {told(wheel)}\nsdist   {told(next(DIST.glob('*.tar.gz')))}")
    try:
        print(f"bundle  {told(build_bundle(wheel, version))}")
    except (OSError, subprocess.CalledProcessError) as exc:
        print(f"bundle  skipped: it needs a lock file, and uv cannot write one here ({type(exc).__name__})")
    (DIST / "server.json").write_text(filled(HERE / "server.json", version))
    print(f"entry   {told(DIST / 'server.json')}")
    print(f"plugin  {told(build_plugin(version))}")


def build_wheel() -> Path:
    """Build sdist and wheel without fetching anything; return the wheel."""
    hatchling = [sys.executable, "-m", "hatchling", "build", "-d", str(DIST), "-t", "sdist", "-t", "wheel"]
    subprocess.run(hatchling, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return next(DIST.glob("*.whl"))


def filled(template: Path, version: str) -> str:
    """Return a template with the version in its places."""
    return template.read_text().replace("0.0.0", version)


def build_bundle(wheel: Path, version: str) -> Path:
    """Build the mcpb bundle: the wheel's package beside a project that only names what it needs."""
    folder = DIST / "bundle"
    folder.mkdir()
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder, [name for name in packed.namelist() if name.startswith("catena_ops_mcp/")])
    (folder / "manifest.json").write_text(filled(HERE / "mcpb" / "manifest.json", version))
    (folder / "pyproject.toml").write_text(project_of(version))
    for file in (HERE / "mcpb" / "main.py", ROOT / "README.md", ROOT / "LICENSE"):
        shutil.copy(file, folder)
    subprocess.run(["uv", "lock", "-q", "--directory", str(folder)], check=True)
    bundle = DIST / f"{NAME}-{version}.mcpb"
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            packed.write(path, path.relative_to(folder))
    return bundle


def project_of(version: str) -> str:
    """Return the bundle's project: our dependencies, held to the versions that are pinned for this release."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = re.findall(r"^(\S+==\S+(?: ; [^\\\n]+?)?) *\\?$", (ROOT / "requirements" / "run.txt").read_text(), re.M)
    lists = {"dependencies": project["dependencies"], "constraint-dependencies": pins}
    dependencies, constraints = (
        f"{name} = [\n" + "".join(f"  {json.dumps(line)},\n" for line in lines) + "]\n" for name, lines in lists.items()
    )
    return (
        f'[project]\nname = "{NAME}-bundle"\nversion = "{version}"\n'
        f'requires-python = "{project["requires-python"]}"\n{dependencies}\n[tool.uv]\npackage = false\n{constraints}'
    )


def build_plugin(version: str) -> Path:
    """Build the plugin folder for Claude Code and Codex, and pack it."""
    folder = DIST / "plugin"
    shutil.copytree(HERE / "plugin", folder)
    return Path(shutil.make_archive(str(DIST / f"{NAME}-plugin-{version}"), "zip", folder))


def told(path: Path) -> str:
    """Return a file's name and size."""
    return f"{path.relative_to(ROOT)}, {path.stat().st_size / 1000:.0f} kB"


if __name__ == "__main__":
    main()
