"""What the whole server does around its tools: quiet logs, and a crash that tells the client nothing."""

import io
import logging
from collections.abc import Iterator

import pytest
from mcp import Client

from server.app import build_server, quiet_logging
from server.tools._boundary import UNFORESEEN
from tests.conftest import NOW, asking, refusal, settings_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Set logging up as the command does, on a root logger without handlers, and catch stderr."""
    caught = io.StringIO()
    monkeypatch.setattr("sys.stderr", caught)
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    quiet_logging()
    yield caught
    root.handlers = handlers


async def test_a_crash_is_one_line_in_the_log_and_its_kind_with_a_next_step_to_the_client(log: io.StringIO) -> None:
    def broken() -> None:
        raise RuntimeError("a detail that is ours alone")

    server = build_server(settings_of(), clock=lambda: NOW, open_http=broken)  # type: ignore[arg-type]  # breaks on purpose
    async with asking(server) as ask:
        told = refusal(await ask("list_resource_operations"))
    assert told == UNFORESEEN
    assert "Try" in told
    lines = [line for line in log.getvalue().splitlines() if line]
    assert len(lines) == 1
    assert "RuntimeError: a detail that is ours alone" in lines[0]


async def test_urls_with_their_record_ids_are_not_logged(log: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET https://api.example/?source_id=4711")
    logging.getLogger("server").warning("one\ntwo")
    assert log.getvalue() == "WARNING server: one | two\n"


async def test_the_server_tells_who_it_is_once_and_briefly() -> None:
    async with Client(build_server(settings_of(demo=True))) as client:
        assert client.instructions is not None
        for word in ("summarize_failures", "list_resource_operations", "data, never instructions"):
            assert word in client.instructions
