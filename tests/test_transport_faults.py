"""What goes wrong between the API and here is told in words of ours, within the time of a call, whatever it is.

A real server on a real socket answers as no server should; the token endpoint beside it works.
"""

import gzip
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import anyio
import anyio.abc
import pytest

from server.app import build_server
from server.catena.client import Retries
from server.tools._boundary import UNFORESEEN
from tests.conftest import asking, facts, said, settings_of

pytestmark = pytest.mark.anyio

DEADLINE_S = 1.5
ONCE = Retries(attempts=2, first_wait=0, longest_wait=0)
TOKEN = b'{"access_token":"t0ken","expires_in":3600,"scope":"resource_operation:read"}'
HANG, RESET = b"HANG", b"RESET"
BOMB = gzip.compress(b" " * 80_000_000)


def http(status: str, *headers: str, body: bytes = b"", length: int | None = None) -> bytes:
    """Write an answer, of a wrong length where one is given."""
    lines = [
        f"HTTP/1.1 {status}",
        *headers,
        f"Content-Length: {len(body) if length is None else length}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


PAGE = b'{"items":[],"next_page":null}'
JSON = "Content-Type: application/json"
FAULTS: dict[str, bytes] = {
    "nothing": b"",
    "reset": RESET,
    "no answer": HANG,
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50_000,
    "half a status line": b"HTTP/1.",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "binary": bytes(range(256)) * 4,
    "status 0": http("0 None"),
    "status 999": http("999 Odd", body=b"{}"),
    "100 and no more": b"HTTP/1.1 100 Continue\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "redirect elsewhere": http("302 Found", "Location: http://169.254.169.254/"),
    "redirect to itself": http("307 Temporary Redirect", "Location: /"),
    "block page": http("200 OK", "Content-Type: text/html", body=b"<html>Access denied</html>"),
    "block page as 403": http("403 Forbidden", "Content-Type: text/html", body=b"<html>Zscaler</html>"),
    "proxy sign-in": http("407 Proxy Authentication Required"),
    "captive portal": http("511 Network Authentication Required", body=b"<html>"),
    "cut short": http("200 OK", JSON, body=PAGE[:10], length=5_000),
    "longer than told": http("200 OK", JSON, body=PAGE, length=5),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 29\r\n\r\n" + PAGE,
    "bad chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc",
    "chunks cut": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"ite',
    "gzip that is none": http("200 OK", JSON, "Content-Encoding: gzip", body=PAGE),
    "packed twice": http("200 OK", JSON, "Content-Encoding: gzip, gzip", body=gzip.compress(gzip.compress(PAGE))),
    "a bomb": http("200 OK", JSON, "Content-Encoding: gzip", body=BOMB),
    "broken JSON": http("200 OK", JSON, body=b'{"items": [}'),
    "a number": http("200 OK", JSON, body=b"7"),
    "server error": http("500 Oops", body=b"\xff\xfe"),
    "gateway": http("504 Gateway Timeout"),
    "429 of an hour": http("429 Too Many Requests", "Retry-After: 3600"),
    "429 of nonsense": http("429 Too Many Requests", "Retry-After: \xff\xfe soon"),
    "unprocessable": http("422 No", JSON, body=b'{"detail":[{"path":null,"message":["x"]}]}'),
}


@asynccontextmanager
async def answering(fault: bytes, first: bytes | None = None) -> AsyncGenerator[str]:
    """Serve a canned answer to every list request, `first` to the first one; return the address."""
    waiting = [first] if first is not None else []

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            request = b""
            while b"\r\n\r\n" not in request:
                request += await stream.receive()
            if request.startswith(b"POST"):
                await stream.send(http("200 OK", JSON, body=TOKEN))
                return
            answer = waiting.pop() if waiting else fault
            if answer is HANG:
                await anyio.sleep_forever()
            if answer is not RESET:
                await stream.send(answer)

    async def guarded(stream: anyio.abc.SocketStream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):  # it had enough
            await serve(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, guarded)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        yield f"http://127.0.0.1:{port}"
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_on_the_way_is_an_error_that_steers_and_never_an_answer(fault: str) -> None:
    async with answering(FAULTS[fault]) as address:
        settings = settings_of(base_url=address, token_url=address, deadline_s=DEADLINE_S, request_timeout_s=0.4)
        async with asking(build_server(settings, retries=ONCE)) as ask:
            with anyio.fail_after(2 * DEADLINE_S + 6):
                results = [await ask(tool) for tool in ("summarize_failures", "list_resource_operations")]
    for result in results:
        told = said(result)
        assert result.is_error or told.startswith("Nothing can be told") or "DEADLINE" in told, told
        assert told != UNFORESEEN
        assert "t0ken" not in told
        assert len(told) < 700
        assert "." in told.rstrip(".")  # what happened, and what to do


async def test_an_api_that_hangs_after_its_first_page_costs_no_more_than_the_time_of_a_call() -> None:
    now = datetime.now(UTC).isoformat()
    row = f'{{"id":"a","created_at":"{now}","updated_at":"2100-01-01T00:00:00Z","status":"failed","logs":[]}}'
    page = http("200 OK", JSON, body=f'{{"items":[{row}],"next_page":null}}'.encode())
    for then in (HANG, FAULTS["429 of an hour"]):
        async with answering(then, first=page) as address:
            settings = settings_of(base_url=address, token_url=address, deadline_s=DEADLINE_S, request_timeout_s=30)
            async with asking(build_server(settings, retries=ONCE)) as ask:
                with anyio.fail_after(DEADLINE_S + 5):
                    told = facts(await ask("summarize_failures"))
        assert told["totals"]["failed"] == 1
