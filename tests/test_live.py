"""The board without a chat: who is let in, under which policy, and what a snapshot holds."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import pytest
from httpx2 import Response  # what Starlette's client speaks
from starlette.testclient import TestClient

from server.live import live_app, policy_of, snapshot_page
from tests.conftest import Serve

TOKEN = "a-token-of-a-test"
HOME = "http://127.0.0.1:8123"
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {
        "name": "summarize_failures",
        "arguments": {},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}
HEADERS = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "summarize_failures",
}


@pytest.fixture
def guest(serve: Serve) -> Iterator[TestClient]:
    """Somebody on this machine, who knows nothing yet."""
    app = live_app(serve(), TOKEN)
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        yield client


def come_in(guest: TestClient) -> Response:
    return guest.get("/", params={"token": TOKEN})


def test_the_token_is_taken_once_and_leaves_the_address(guest: TestClient) -> None:
    answer = come_in(guest)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    for word in ("catena_board_8123=", "HttpOnly", "SameSite=strict"):
        assert word in answer.headers["set-cookie"]
    assert guest.get("/").status_code == 200
    stranger = guest
    stranger.cookies.clear()
    again = come_in(stranger)
    assert again.status_code == 403
    assert "works once" in again.text


@pytest.mark.parametrize("path", ["/", "/board", "/?token=", "/?token=a-token-of-a-tes%C3%A9", "/board?token=" + TOKEN])
def test_nobody_else_sees_anything(guest: TestClient, path: str) -> None:
    assert guest.get(path).status_code == 403
    guest.cookies.set("catena_board_8123", "guessed")
    assert guest.get(path).status_code == 403


def test_the_tools_answer_only_the_one_browser(guest: TestClient) -> None:
    assert guest.post("/mcp", json=CALL, headers=HEADERS).status_code == 403
    come_in(guest)
    answer = guest.post("/mcp", json=CALL, headers=HEADERS)
    assert answer.json()["result"]["structuredContent"]["totals"]["operations"] > 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:8123"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/", "/board", "/mcp"])
def test_other_hosts_and_origins_are_refused_even_with_the_pass(
    guest: TestClient, path: str, headers: dict[str, str], status: int
) -> None:
    come_in(guest)
    assert guest.get(path, headers=headers, params={"token": TOKEN}).status_code == status


@pytest.mark.parametrize(("path", "says"), [("/", "connect-src 'self'"), ("/board", "sandbox allow-scripts")])
def test_a_page_may_do_what_stands_in_it_and_nothing_else(guest: TestClient, path: str, says: str) -> None:
    come_in(guest)
    answer = guest.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert says in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    for inline in re.findall(r"<(?:style|script)[^>]*>(.+?)</(?:style|script)>", answer.text, re.S):
        assert b64encode(sha256(inline.encode()).digest()).decode() in policy


def test_a_snapshot_holds_hostile_text_as_data_and_keeps_it_whole() -> None:
    evil = '</script><script>alert(1)</script><!-- \u2028 " \\'
    page = snapshot_page([{"structuredContent": {"verdict": evil}}])
    held = re.findall(r'<script type="application/json" id="snapshot">(.*?)</script>', page, re.S)
    assert json.loads(held[0]) == [{"result": {"structuredContent": {"verdict": evil}}}]
    assert page.count("</script>") == 2
    assert f'content="{policy_of(page)}"' in page
