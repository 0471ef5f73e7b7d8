"""Check and run what `make package` built. What this machine has no tool or no network for is skipped, and says why."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
MCPB = "@anthropic-ai/mcpb@2.1.2"
IMAGE = "localhost/catena-ops-mcp"
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "check", "version": "1"}}
ASKED: list[dict[str, Any]] = [
    {"id": 1, "method": "initialize", "params": HELLO},
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/call", "params": {"name": "summarize_failures", "arguments": {}}},
]


UNREACHED = (
    "dns error",
    "network",
    "enotfound",
    "eai_again",
    "econnrefused",
    "failed to fetch",
    "error sending request",
)


class Skip(Exception):
    """This machine cannot do it."""


def main() -> None:
    """Run every check; exit 1 where one fails."""
    failed = False
    for name, check in CHECKS.items():
        began = time.monotonic()
        try:
            print(f"ok    {name:<9} {check()} ({time.monotonic() - began:.1f} s)")
        except Skip as exc:
            print(f"skip  {name:<9} {exc}")
        except (AssertionError, OSError, subprocess.SubprocessError) as exc:
            failed = True
            said = getattr(exc, "stderr", None) or getattr(exc, "stdout", None) or ""
            print(f"FAIL  {name:<9} {exc} {said}")
    sys.exit(failed)


def tool(name: str) -> str:
    """Return the path of a tool."""
    found = shutil.which(name)
    if not found:
        raise Skip(f"{name} is not here")
    return found


def ran(*command: str, **env: str) -> str:
    """Run a command without settings of ours, and return what it prints."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CATENA_")}
    done = subprocess.run(command, cwd="/", env=kept | env, check=True, capture_output=True, text=True, timeout=300)
    return done.stdout


def fetched(*command: str) -> str:
    """Run a command that may have to fetch something; where the network does not give it, skip."""
    try:
        return ran(*command)
    except subprocess.CalledProcessError as exc:
        if any(
            word in exc.stderr.lower() for word in ("dns error", "network", "enotfound", "eai_again", "econnrefused")
        ):
            raise Skip("what it needs cannot be fetched here") from None
        raise


def answered(*command: str, **env: str) -> tuple[float, dict[str, object]]:
    """Speak MCP to a command over stdio, as a host does: seconds to the first answer, and the answer to a call."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CATENA_")}
    began = time.monotonic()
    with subprocess.Popen(command, cwd="/", env=kept | env, text=True, stdin=-1, stdout=-1) as server:
        assert server.stdin
        assert server.stdout
        for message in ASKED:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        server.stdin.flush()
        assert "result" in json.loads(server.stdout.readline())
        first = time.monotonic() - began
        result: dict[str, object] = json.loads(server.stdout.readline())["result"]
        server.stdin.close()
    return first, result


def metadata() -> str:
    """Let the index's own client look at wheel and sdist."""
    ran(tool("twine"), "check", "--strict", *map(str, [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]))
    return "twine finds nothing to say"


def wheel() -> str:
    """Run the wheel from an empty environment, cold and warm, as `uvx catena-ops-mcp` will."""
    command = [tool("uvx"), "--from", str(next(DIST.glob("*.whl"))), "catena-ops-mcp"]
    with tempfile.TemporaryDirectory() as cache:
        cold = _timed(lambda: fetched(command[0], "--cache-dir", cache, *command[1:], "--version"))
    fetched(*command, "--version")
    warm, result = answered(*command, "--demo")
    assert not result["isError"], result
    return f"uvx answers initialize in {warm:.1f} s warm; {cold:.1f} s to --version with an empty cache"


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def sdist() -> str:
    """Build a wheel from the sdist and compare it with the one that was built."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "--no-build-isolation", "-w", folder]
        ran(*pip, str(next(DIST.glob("*.tar.gz"))))
        built, ours = next(Path(folder).glob("*.whl")), next(DIST.glob("*.whl"))
        assert zipfile.ZipFile(built).namelist() == zipfile.ZipFile(ours).namelist()
    return "builds the same wheel"


def bundle() -> str:
    """Unpack the bundle and run it as a host would: with the credentials left empty, and with the demo switched on."""
    packed = next(DIST.glob("*.mcpb"), None)
    if packed is None:
        raise Skip("it was not built")
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(packed).extractall(folder)
        manifest = json.loads((Path(folder) / "manifest.json").read_text())
        server = manifest["server"]["mcp_config"]
        command = [tool(server["command"]), *(word.replace("${__dirname}", folder) for word in server["args"])]
        prepared = _timed(lambda: fetched(command[0], "sync", "-q", "--frozen", "--directory", folder))
        defaults = {
            f"${{user_config.{key}}}": _told(field["default"]) for key, field in manifest["user_config"].items()
        }
        env = {name: defaults[value] for name, value in server["env"].items()}
        first, unset = answered(*command, **env)
        later, result = answered(*command, **env | {"CATENA_DEMO": "true"})
    assert unset["isError"], unset
    assert "CATENA_CLIENT_ID" in str(unset["content"])
    assert not result["isError"], result
    size = packed.stat().st_size / 1000
    return (
        f"{size:.0f} kB; prepared in {prepared:.1f} s, then answers initialize in {first:.1f} s, later in {later:.1f} s"
    )


def _told(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def manifest() -> str:
    """Let the bundle's own tool look at the manifest."""
    if not (DIST / "bundle").exists():
        raise Skip("it was not built")
    said = fetched(tool("npx"), "--yes", MCPB, "validate", str(DIST / "bundle" / "manifest.json"))
    assert "passes" in said or "valid" in said.lower(), said
    return "mcpb calls it valid"


def entry() -> str:
    """Check the registry entry, and that the README as published claims its name."""
    ran(tool("skillsaw"), "lint", str(DIST / "server.json"))
    told = json.loads((DIST / "server.json").read_text())
    assert f"mcp-name: {told['name']}" in (ROOT / "README.md").read_text()
    return f"{told['name']} {told['version']}"


def plugin() -> str:
    """Check manifest and skill of the plugin folder."""
    ran(tool("skillsaw"), "lint", str(DIST / "plugin"))
    return "manifest and skill are well formed"


def dockerfile() -> str:
    """Lint the recipe of the image."""
    ran(tool("hadolint"), str(ROOT / "packaging" / "Dockerfile"))
    return "hadolint finds nothing to say"


def compose() -> str:
    """Check the compose file against the schema of compose files."""
    ran(
        tool("check-jsonschema"),
        "--builtin-schema",
        "vendor.compose-spec",
        str(ROOT / "packaging/compose/compose.yaml"),
    )
    return "the schema of compose files takes it"


def image() -> str:
    """Run the image: who it runs as, a tool call over stdio, HTTP and its health check, and a folder it cannot write."""
    buildah = tool("buildah")
    env = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
    if not ran(buildah, "images", "-q", "--filter", f"reference={IMAGE}", **env).strip():
        raise Skip("it was not built")
    container = ran(buildah, "from", "--pull-never", IMAGE, **env).strip()
    try:
        inside = [buildah, "run", container, "--"]
        assert ran(*inside, "id", "-u", **env).strip() == "65532"
        assert ran(*inside, "sh", "-c", "touch /opt/app/x 2>/dev/null || echo refused", **env).strip() == "refused"
        first, result = answered(*inside, "catena-ops-mcp", "--demo", **env)
        assert not result["isError"], result
        assert ran(*inside, "sh", "-c", HEALTH, **env).strip() == "200"
    finally:
        ran(buildah, "rm", container, **env)
    size = ran(buildah, "images", "--format", "{{.Size}}", IMAGE, **env).strip()
    return f"{size}; answers initialize in {first:.1f} s, healthy over HTTP, as user 65532"


HEALTH = """
catena-ops-mcp serve --transport http --demo --port 8931 2>/dev/null & server=$!
for try in 1 2 3 4 5 6 7 8 9 10; do
  python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8931/healthz', timeout=2).status)" 2>/dev/null && break
  sleep 1
done
kill $server
"""

CHECKS: dict[str, Callable[[], str]] = {
    "metadata": metadata,
    "wheel": wheel,
    "sdist": sdist,
    "bundle": bundle,
    "manifest": manifest,
    "entry": entry,
    "plugin": plugin,
    "recipe": dockerfile,
    "compose": compose,
    "image": image,
}

if __name__ == "__main__":
    main()
