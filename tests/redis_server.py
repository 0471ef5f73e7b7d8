"""A real Redis (or Valkey) of the tests' own: on a free port, in memory, gone afterwards."""

import shutil
import subprocess
import tempfile
from types import TracebackType
from typing import Self

import pytest
from redis import Redis

from tests.test_cli import free_port, wait_for

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """One server, which can be killed and started again on the same port."""

    def __init__(self) -> None:
        if not PROGRAM:
            pytest.skip("there is no redis-server or valkey-server here; install one to run what needs it")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty."""
        assert PROGRAM
        options = {"--port": str(self.port), "--save": "", "--dir": self._folder.name, "--bind": "127.0.0.1"}
        self._process = subprocess.Popen(
            [PROGRAM, *(word for pair in options.items() for word in pair)], stdout=subprocess.DEVNULL
        )
        wait_for(self.port)

    def kill(self) -> None:
        """Kill it, as a machine that fails would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def client(self) -> "Redis":
        """Return a client of the test's own."""
        return Redis.from_url(self.url)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()
