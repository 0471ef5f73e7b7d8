"""The board without a chat: served to one browser on this machine, and as a file to send."""

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .serving.door import KnownOnly
from .serving.names import LOOPBACK, Names
from .ui import board_page

USED_UP = "This address works once, for one browser. Start `catena-ops-mcp board` again for a new one."
_INLINE = re.compile(r"<(script|style)(?: type=\"module\")?>(.*?)</\1>", re.S)


def live_app(server: MCPServer[Any], token: str) -> ASGIApp:
    """Return the app that serves the board and the tools it asks, to whoever comes first with the token."""

    async def frame(_: Request) -> Response:
        return _page(board_page(), "frame-ancestors 'self'; sandbox allow-scripts")

    async def home(_: Request) -> Response:
        page = files(__package__).joinpath("ui/live.html").read_text("utf-8")
        return _page(page, "connect-src 'self'; frame-src 'self'; img-src data:; frame-ancestors 'none'")

    server.custom_route("/", methods=["GET"])(home)
    server.custom_route("/board", methods=["GET"])(frame)
    # Names are checked at the door, and whole ones: the SDK compares only how they begin.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(stateless_http=True, json_response=True, transport_security=unchecked)
    return KnownOnly(OneBrowser(app, token), Names(LOOPBACK))


def _page(page: str, also: str) -> Response:
    headers = {
        "Content-Security-Policy": f"{policy_of(page)}; {also}",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(page, headers=headers)


def policy_of(page: str) -> str:
    """Return a policy under which the scripts and styles that stand in a page work, and nothing else does."""
    allowed: dict[str, list[str]] = {"script": [], "style": []}
    for kind, inline in _INLINE.findall(page):
        allowed[kind].append(f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'")
    scripts, styles = (" ".join(hashes) or "'none'" for hashes in allowed.values())
    return f"default-src 'none'; script-src {scripts}; style-src {styles}; base-uri 'none'; form-action 'none'"


class OneBrowser:
    """Lets in the one browser that brings the token, and later its cookie; whatever else runs here is refused.

    The token works once and leaves the address at once, so that neither history nor a glance at the screen gives it away.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token: str | None = token
        self._pass = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        await (self._checked(Request(scope)) or self._app)(scope, receive, send)

    def _checked(self, request: Request) -> Response | None:
        cookie = f"catena_board_{request.url.port}"  # browsers send a cookie to every port of a host
        given = request.query_params.get("token", "")
        if self._token and request.url.path == "/" and secrets.compare_digest(given.encode(), self._token.encode()):
            self._token = None
            home = RedirectResponse("/", status_code=303, headers={"Referrer-Policy": "no-referrer"})
            home.set_cookie(cookie, self._pass, httponly=True, samesite="strict")
            return home
        if secrets.compare_digest(request.cookies.get(cookie, "").encode(), self._pass.encode()):
            return None
        return PlainTextResponse(USED_UP, status_code=403)


def snapshot_page(answers: Sequence[dict[str, Any]]) -> str:
    """Return the board as one file that holds its answers: results as they go over the wire, drawn below each other."""
    held = json.dumps([{"result": answer} for answer in answers], ensure_ascii=False).replace("<", "\\u003c")
    page = board_page()
    policy = f'<meta http-equiv="Content-Security-Policy" content="{policy_of(page)}">'
    data = f'<script type="application/json" id="snapshot">{held}</script>\n'
    page = page.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{policy}', 1)
    return page.replace('<script type="module">', f'{data}<script type="module">', 1)
