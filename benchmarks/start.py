"""Time the start of the stdio server, which a host waits for, against a bare SDK server with one tool.

The client is a pipe that speaks JSON-RPC by hand, so that it costs nothing: spawn, initialize, tools/list, first answer;
then stdin closes, and the process must end. A second look names the heavy modules that were imported until then.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, Any

ROOT = Path(__file__).parents[1]
ROUNDS = 11
GOAL = 1.25
MUST_WAIT = ("httpx", "polars", "typer", "rich.progress", "redis")
"""Modules that the first answer must not wait for; the others are told only: the SDK itself imports rich and uvicorn."""
WATCHED = (*MUST_WAIT, "rich", "stamina", "msgspec", "uvicorn", "starlette")

BARE = '''
from mcp.server import MCPServer

server = MCPServer("bare")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


server.run()
'''

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "start", "version": "1"}}


@dataclass(frozen=True)
class Times:
    """Seconds from the spawn to the first answer to tools/list, and from closing stdin to the end of the process."""

    first_answer: float
    end: float


def converse(command: list[str], stderr: int | IO[bytes] = subprocess.DEVNULL) -> Times:
    """Start a server, ask for the tools, wait for the answer, close stdin and wait for the end."""
    # It finds the checkout, and no settings of the person who measures.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CATENA_")}
    env = kept | {"PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=env) as server:
        answered = tools_listed(server)
        assert server.wait(10) == 0
    return Times(answered - began, time.perf_counter() - answered)


def tools_listed(server: "subprocess.Popen[bytes]") -> float:
    """Return when the tools were told; stdin is closed right then."""
    assert server.stdin
    assert server.stdout
    send(server.stdin, "initialize", 1, HELLO)
    assert "result" in json.loads(server.stdout.readline())
    send(server.stdin, "notifications/initialized")
    send(server.stdin, "tools/list", 2, {})
    assert json.loads(server.stdout.readline())["result"]["tools"]
    answered = time.perf_counter()
    server.stdin.close()
    return answered


def send(pipe: IO[bytes], method: str, request_id: int | None = None, params: dict[str, Any] | None = None) -> None:
    """Write one message; without an id it is a notification."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    message |= {} if request_id is None else {"id": request_id, "params": params}
    pipe.write(json.dumps(message).encode() + b"\n")
    pipe.flush()


def imported(command: list[str]) -> set[str]:
    """Return the modules that a server imports until it has answered and ended."""
    with tempfile.TemporaryFile() as told:
        converse([command[0], "-X", "importtime", *command[1:]], told)
        told.seek(0)
        lines = told.read().decode().splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def report(ours: list[Times], bare: list[Times]) -> None:
    """Print medians and their ratio; the ratio is what counts, since machines differ."""
    print(f"{'median of ' + str(ROUNDS) + ' rounds':<24}{'ours':>10}{'bare SDK':>10}{'ratio':>8}")
    for what, of in (("spawn to first answer", lambda t: t.first_answer), ("stdin closed to exit", lambda t: t.end)):
        mine, theirs = median(map(of, ours)), median(map(of, bare))
        goal = f"   goal <= {GOAL}: {'ok' if mine / theirs <= GOAL else 'OVER'}" if what.startswith("spawn") else ""
        print(f"{what:<24}{mine * 1000:>7.0f} ms{theirs * 1000:>7.0f} ms{mine / theirs:>8.2f}{goal}")


def report_imports(ours: set[str], bare: set[str]) -> None:
    """Print how many modules each imports, and the heavy ones among ours."""
    print(f"{'modules imported':<24}{len(ours):>10}{len(bare):>10}{len(ours) / len(bare):>8.2f}")
    early = [name for name in WATCHED if name in ours]
    too_early = [name for name in MUST_WAIT if name in ours]
    print(f"heavy modules: {', '.join(early) or 'none'} (the bare server: {', '.join(sorted(set(WATCHED) & bare))})")
    print(
        f"must wait for the first call ({', '.join(MUST_WAIT)}): {'OVER: ' + ', '.join(too_early) if too_early else 'ok'}"
    )


def main() -> None:
    """Measure both servers in turn, so that a slow moment of the machine meets both."""
    ours = [sys.executable, "-m", "server", "--demo"]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(BARE)
        bare = [sys.executable, str(script)]
        modules = imported(ours), imported(bare)  # also warms the files up
        rounds = [(converse(ours), converse(bare)) for _ in range(ROUNDS)]
    report([mine for mine, _ in rounds], [theirs for _, theirs in rounds])
    report_imports(*modules)


if __name__ == "__main__":
    main()
