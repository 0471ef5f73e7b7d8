"""Who is let in, and what is answered to those who are not: real requests, byte for byte."""

import json
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import __version__
from server.errors import BadSettings
from server.serving.http import names_for, warning
from server.serving.names import Names, is_loopback
from tests.serving.conftest import QUESTION, Open, request

FOREIGN = [
    "evil.example",
    "127.0.0.1:80.evil.com",
    "localhost:80@evil.com",
    "evil.com@localhost",
    "localhost.evil.com",
    "notlocalhost",
    "localhost..",
    "localhost:123456",
    "localhost:80:80",
    "localhost,evil.com",
    "0.0.0.0:8000",
    "[::1].evil.com",
    "[::2]",
    "http://localhost",
    ":5",
    "",
]
KNOWN = [
    "127.0.0.1",
    "127.0.0.1:65535",
    "LOCALHOST",
    "localhost.",
    "localhost.:8000",
    "[::1]:8000",
    "[0:0:0:0:0:0:0:1]",
    "Ops.Example.com",
    "ops.example.com:443",
    "ops.example.COM.",
]


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/", "/docs", "/healthz/x", "//mcp"])
def test_a_foreign_host_is_refused_on_every_path_in_words_that_name_the_option(web: Open, path: str) -> None:
    server = web("Ops.Example.com")
    for host in FOREIGN:
        said = server.ask(path=path, host=host)
        assert said.status == 421, host
        assert "--allowed-host" in said.body
    for hosts in ([], ["localhost", "localhost"], ["localhost", "evil.com"]):
        assert server.ask(path=path, host=hosts).status in (400, 421)


def test_a_known_host_is_let_in_in_any_case_with_any_port_and_with_a_last_dot(web: Open) -> None:
    server = web("Ops.Example.com")
    for host in KNOWN:
        assert server.ask(host=host).status == 200, host


def test_pages_of_foreign_hosts_are_refused(web: Open) -> None:
    server = web("Ops.Example.com")
    for host in FOREIGN:
        for scheme in ("http", "https"):
            assert server.ask(origin=f"{scheme}://{host}").status == 403, host
    for origin in ("null", "localhost", "file://localhost", "ftp://localhost", "http://localhost/x", "http:localhost"):
        assert server.ask(origin=origin).status == 403, origin
    assert server.ask(origin=["http://localhost", "http://evil.com"]).status == 403
    for host in KNOWN:
        assert server.ask(origin=f"https://{host}").status == 200, host


def test_health_is_told_to_all_and_the_version_to_known_hosts_alone(web: Open) -> None:
    server = web()
    told = [server.ask("GET", "/healthz", b""), server.ask("GET", "/healthz/", b"")]
    assert [json.loads(said.body) for said in told] == 2 * [{"status": "ok", "version": __version__}]
    strangers = [
        server.ask("GET", "/healthz", b"", host="10.0.0.7:8000"),
        server.ask("GET", "/healthz", b"", origin="http://evil.example"),
    ]
    assert [(said.status, said.body) for said in strangers] == 2 * [(200, '{"status":"ok"}')]
    assert not any("access-control-allow-origin" in said.headers for said in strangers)


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_mcp_answers_itself_and_only_to_post(web: Open, path: str) -> None:
    server = web()
    assert server.ask(path=path).status == 200
    for method in ("GET", "DELETE", "PUT", "OPTIONS", "QUERY"):
        said = server.ask(method, path, b"", accept="*/*")
        assert (said.status, said.headers["allow"]) == (405, "POST"), method


def test_a_page_of_a_known_host_may_ask_and_read(web: Open) -> None:
    server, page = web("ops.example.com"), "https://ops.example.com"
    for method in ("POST", "GET", "DELETE"):  # those that are not answered are to be seen as such
        asked = server.ask(
            "OPTIONS",
            body=b"",
            origin=page,
            access_control_request_method=method,
            access_control_request_headers="content-type,mcp-method,mcp-name,mcp-protocol-version,mcp-param-region",
        )
        assert asked.status == 200
        assert asked.headers["access-control-allow-origin"] == page
        assert method in asked.headers["access-control-allow-methods"]
        for header in ("content-type", "mcp-method", "mcp-protocol-version", "mcp-param-region"):
            assert header in asked.headers["access-control-allow-headers"]
    for said in (server.ask(origin=page), server.ask("GET", body=b"", origin=page)):
        assert said.headers["access-control-allow-origin"] == page
        assert said.headers["vary"] == "Origin"
        assert "mcp-protocol-version" in said.headers["access-control-expose-headers"].lower()


def test_a_page_of_another_host_gets_no_leave_to_ask_or_read(web: Open) -> None:
    server = web()
    asked = server.ask("OPTIONS", body=b"", origin="https://evil.example", access_control_request_method="POST")
    for said in (asked, server.ask(origin="https://evil.example"), server.ask()):
        assert not [header for header in said.headers if header.startswith("access-control")]
    assert asked.status == 403


@given(st.text() | st.from_regex(r"(localhost|127\.0\.0\.1|\[::1\])[.:@/\x00-\x7f]*", fullmatch=True))
def test_only_a_known_name_with_a_port_is_known(host: str) -> None:
    if Names(["localhost", "127.0.0.1", "[::1]"]).hosts([host]):
        assert re.fullmatch(r"(localhost\.?|127\.0\.0\.1\.?|\[[0:]+1\])(:[0-9]{0,5})?", host.lower())


@pytest.mark.parametrize("name", ["https://ops.example.com", "*", "*.example.com", "", "ops example", "bücher.example"])
def test_an_allowed_host_that_is_no_name_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(BadSettings, match="--allowed-host takes a host name alone"):
        names_for("127.0.0.1", [name])


def test_a_server_goes_by_the_address_it_listens_on_unless_that_is_every_address() -> None:
    assert names_for("192.0.2.7", []).hosts(["192.0.2.7:8000"])
    assert names_for("2001:db8::7", []).hosts(["[2001:DB8::7]:8000"])
    for everywhere in ("0.0.0.0", "::"):
        assert not names_for(everywhere, []).hosts([everywhere])
        assert "--allowed-host" in warning(everywhere)
    assert [is_loopback(host) for host in ("127.0.0.2", "::1", "localhost", "0.0.0.0", "::", "ops")] == 3 * [
        True
    ] + 3 * [False]


def test_a_body_that_the_client_cuts_leaves_no_trace_in_the_log(web: Open, caplog: pytest.LogCaptureFixture) -> None:
    server = web()
    for cut, version in product((b"", QUESTION[:20]), ("2025-11-25", "2026-07-28")):
        wire = server.wire()
        wire.sendall(request(body=cut, content_length="999", mcp_protocol_version=version))
        wire.close()
    assert server.ask().status == 200
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("x" * 200_000, {}),
        ("resources/read", {"uri": "file:" + "x" * 200_000}),
        ("tools/call", {"name": "x" * 200_000}),
    ],
    ids=["method", "resource", "tool"],
)
def test_what_is_not_known_is_not_said_back_at_length(web: Open, method: str, params: dict[str, str]) -> None:
    asked = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    said = web().ask(body=asked, mcp_protocol_version="2025-11-25")
    assert said.status == 200
    assert '"error"' in said.body
    assert len(said.body) < 3_000
