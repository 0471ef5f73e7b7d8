"""What a connection may cost: raw sockets that send too little, too much or nothing to the real server."""

import logging
import random
import socket
import threading
from contextlib import suppress

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.serving.limits import Limits
from tests.serving.conftest import QUESTION, Open, Wire, request, running

HEAD = request().removesuffix(QUESTION)
SIZE = 50_000_000


def drip(wire: Wire, data: bytes) -> None:
    """Send byte after byte, each as soon as the server waited for it, until it answers or closes."""
    wire.settimeout(0.02)
    for byte in data:
        wire.sendall(bytes([byte]))
        try:
            wire.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        break
    wire.settimeout(10)


def test_headers_that_never_end_are_answered_408(web: Open) -> None:
    wire = web(header_s=0.3).wire()
    drip(wire, b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 10_000)
    said = wire.answer()
    assert (said.status, said.headers["connection"]) == (408, "close")
    assert "within the time" in said.body
    assert wire.closed()


def test_headers_that_drip_on_a_connection_used_before_are_answered_408(web: Open) -> None:
    wire = web(header_s=0.3).wire()
    wire.sendall(request())
    assert wire.answer().status == 200
    drip(wire, HEAD)
    assert wire.answer().status == 408
    assert wire.closed()


def test_a_body_that_drips_is_answered_408(web: Open) -> None:
    wire = web(body_s=0.3).wire()
    wire.sendall(HEAD)
    drip(wire, QUESTION)
    assert wire.answer().status == 408
    assert wire.closed()


def test_a_chunked_body_that_never_ends_is_answered_408(web: Open) -> None:
    wire = web(body_s=0.3).wire()
    wire.sendall(request(body=b"", content_length=[], transfer_encoding="chunked"))
    drip(wire, b"1\r\n \r\n" * 10_000)
    assert wire.answer().status == 408


def test_a_connection_on_which_nothing_comes_is_closed(web: Open) -> None:
    assert web(header_s=0.2).wire().closed()
    used = web(idle_s=0.2).wire()
    used.sendall(request())
    assert used.answer().status == 200
    assert used.closed()


def test_a_connection_is_kept_open_between_requests(web: Open) -> None:
    wire = web().wire()
    for _ in range(3):
        wire.sendall(request())
        assert wire.answer().status == 200


@pytest.mark.parametrize("size", [5_000, 20_000, 300_000])
def test_headers_that_are_too_large_are_answered_431(web: Open, size: int) -> None:
    web_ = web(header_bytes=4_000)
    assert web_.ask(x="a" * size).status == 431
    wire = web_.wire()
    wire.sendall(b"POST /mcp HTTP/1.1\r\nX: " + b"a" * size)  # and do not end
    assert wire.answer().status == 431


def test_a_body_that_is_too_large_is_answered_413_whether_or_not_it_says_so(web: Open) -> None:
    small = web(body_bytes=1_000)
    assert small.ask(body=b" " * 1_000 + QUESTION).status == 413
    wire = small.wire()
    wire.sendall(request(body=b"", content_length="9" * 20))
    assert wire.answer().status == 413
    chunk = b"3e8\r\n" + b" " * 1_000 + b"\r\n"
    wire = small.wire()
    wire.sendall(request(body=chunk * 2, content_length=[], transfer_encoding="chunked"))
    assert wire.answer().status == 413
    assert small.ask(body=b" " * (1_000 - len(QUESTION)) + QUESTION).status == 200


def test_what_is_no_http_is_answered_400_and_told_once_in_the_log(web: Open, caplog: pytest.LogCaptureFixture) -> None:
    busy = web()
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        request(content_length="-1"),
    ):
        wire = busy.wire()
        wire.sendall(nonsense)
        assert wire.answer().status == 400
        assert wire.closed()
    assert busy.ask().status == 200
    assert [record.getMessage()[:35] for record in caplog.records] == ["Something came that is no HTTP, as "]


def test_where_too_many_connections_are_open_the_one_that_waits_longest_makes_room(web: Open) -> None:
    full = web(connections=3)
    idle, begun, third = full.wire(), full.wire(), full.wire()
    idle.sendall(request())
    assert idle.answer().status == 200  # so it waits only since now
    begun.sendall(HEAD)
    third.sendall(request())
    assert third.answer().status == 200
    assert full.ask().status == 200
    assert idle.closed()
    assert full.ask().status == 200
    assert begun.answer().status == 408


def test_connections_that_are_refused_take_no_more_room_than_others(web: Open) -> None:
    full = web(connections=3)
    wires = [full.wire() for _ in range(30)]
    for wire in wires:
        with suppress(ConnectionError):
            wire.sendall(b"POST /mcp HTTP/1.1\r\nX: ")
    assert full.ask().status == 200
    assert len(full.server.server_state.connections) <= 4


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin an answer, and end it when the client is gone."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass


def test_where_all_connections_have_a_call_under_way_another_is_told_503() -> None:
    with running(endless, Limits(connections=2)) as full:
        calls = [full.wire() for _ in range(2)]
        for call in calls:
            call.sendall(request())
            assert call.recv(1), "it is under way"
        said = full.wire().answer()
        assert (said.status, said.headers["retry-after"]) == (503, "1")
        for call in calls:
            call.close()


def test_a_client_that_does_not_take_its_answer_is_let_go() -> None:
    let_go = threading.Event()

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await Response(b"x" * SIZE)(scope, receive, send)
            await receive()  # ends with the connection
            let_go.set()

    with running(long, Limits(unread_s=0.3)) as server:
        wire = server.wire()
        wire.sendall(request())
        assert let_go.wait(10)
        assert 0 < len(read_all(wire)) < SIZE


def read_all(wire: Wire) -> bytes:
    got = b""
    with suppress(ConnectionError):
        while more := wire.recv(1_000_000):
            got += more
    return got


PIECES = [
    *(line.encode() for line in ("POST /mcp HTTP/1.1", "GET /healthz HTTP/1.1", "GET / HTTP/1.0", "Host: localhost")),
    *(line.encode() for line in ("Content-Length: 5", "Content-Length: -1", "Transfer-Encoding: chunked", "Expect: 100-continue")),
    *(line.encode() for line in ("Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c", "Connection: close")),
    b"\r\n", b"\r\n\r\n", b"\r\n\r\n", b"\n", b"0\r\n\r\n", b"5\r\n12345\r\n", b"zz\r\n", b"\0", b"\xff" * 30,
    b"X: " + b"a" * 3_000, request(), request(body=b"{"), request("GET", "/healthz", b""), HEAD,
]  # fmt: skip


def test_whatever_is_sent_the_server_lives_and_its_log_shows_no_fault(
    web: Open, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(11)
    server = web(header_bytes=2_000, header_s=0.1, body_s=0.1, idle_s=0.1, connections=20)
    for _ in range(300):
        wire = server.wire()
        with suppress(ConnectionError):  # closed before all was sent
            for piece in chance.choices(PIECES, k=chance.randrange(1, 8)):
                wire.sendall(piece + (b"\r\n" if chance.random() < 0.7 else b""))
                if chance.random() < 0.1:
                    wire.recv(1)  # as far as something comes
        if chance.random() < 0.7:
            wire.close()
    assert server.ask().status == 200
    assert [record for record in caplog.records if record.levelno > logging.WARNING or record.exc_info] == []
