"""The real server over HTTP in a thread, with limits of the test's choice, and raw sockets to it."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.types import ASGIApp

from server.serving.http import application, names_for, server_of
from server.serving.limits import Limits
from tests.conftest import Serve
from tests.test_cli import INITIALIZE, free_port, wait_for

PATIENCE_S = 10
QUESTION = json.dumps(INITIALIZE).encode()
Fields = dict[str, str | list[str]]


@dataclass
class Said:
    """One answer as it came: status, headers in lower case, body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class Wire(socket.socket):
    """A connection on which a test sends what it likes."""

    def answer(self) -> Said:
        """Read one answer with a length; status 0 where the connection is closed without one."""
        head = self._until(b"\r\n\r\n")
        if not head:
            return Said(0)
        first, *rest = head.decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
        body = self._body(headers)
        return Said(int(first.split()[1]), headers, body.decode())

    def closed(self) -> bool:
        """Wait until the server closes the connection; False where it says something first."""
        try:
            return self.recv(1) == b""
        except ConnectionError:
            return True

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return self._until(b"\r\n0\r\n\r\n")
        return self._until(None, int(headers.get("content-length", 0)))

    def _until(self, end: bytes | None, size: int = 0) -> bytes:
        got = b""
        while not (got.endswith(end) if end else len(got) >= size):
            byte = self.recv(1)
            if not byte:
                return b""
            got += byte
        return got


@dataclass
class Web:
    """A server that runs."""

    port: int
    limits: Limits
    server: uvicorn.Server
    stack: ExitStack

    def wire(self) -> Wire:
        """Open a connection."""
        wire = self.stack.enter_context(Wire())
        wire.settimeout(PATIENCE_S)
        wire.connect(("127.0.0.1", self.port))
        return wire

    def ask(self, method: str = "POST", path: str = "/mcp", body: bytes = QUESTION, **headers: str | list[str]) -> Said:
        """Send one request as a client of MCP would, on a connection of its own; `headers` replace its own."""
        wire = self.wire()
        wire.sendall(request(method, path, body, **headers))
        return wire.answer()


def request(method: str = "POST", path: str = "/mcp", body: bytes = QUESTION, **headers: str | list[str]) -> bytes:
    """Write a request; a header with an empty list is left out."""
    given: Fields = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "content-length": str(len(body)),
    }
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1"]
    for name, values in given.items():
        lines += [f"{name}: {value}" for value in ([values] if isinstance(values, str) else values)]
    return "\r\n".join([*lines, "", ""]).encode() + body


Open = Callable[..., Web]


@contextmanager
def running(app: ASGIApp, limits: Limits, port: int | None = None) -> Iterator[Web]:
    """Run an application the way `serve` does; end it like a signal would."""
    port = port or free_port()
    server = server_of(app, "127.0.0.1", port, limits)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(port)
    with ExitStack() as stack:
        try:
            yield Web(port, limits, server, stack)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def web(serve: Serve) -> Iterator[Open]:
    """Run servers on the demo world, with allowed hosts and limits."""
    with ExitStack() as stack:

        def opened(*allowed: str, host: str = "127.0.0.1", **limits: float) -> Web:
            given = Limits(**{"connections": 50, **limits})  # type: ignore[arg-type]  # whole numbers where they must be
            return stack.enter_context(running(application(serve(), names_for(host, allowed), given), given))

        yield opened
