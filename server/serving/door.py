"""What a request passes before MCP sees it: is it from a client that is let in, is it one, and is all of it here."""

import asyncio

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .health import Health
from .limits import Limits
from .names import Names

MCP = "/mcp"


def door(app: ASGIApp, names: Names, health: Health) -> ASGIApp:
    """Let in under known names alone; pages of known hosts may read the answers of an application, refusals too."""
    open_to_pages = CORSMiddleware(
        app,
        allow_origin_regex=".*",  # no other comes so far
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=("*",),
        expose_headers=("Mcp-Session-Id", "Mcp-Protocol-Version", "Retry-After", "WWW-Authenticate"),
        allow_private_network=True,
    )
    return KnownOnly(open_to_pages, names, health)


class KnownOnly:
    """Refuses what comes under another host name, or from a page of another host, on every path.

    Health alone is told to all: load balancers ask by address.
    """

    def __init__(self, app: ASGIApp, names: Names, health: Health | None = None) -> None:
        self._app = app
        self._names = names
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            health = await self._health.answer(scope, stranger=refusal is not None) if self._health else None
            app = health or refusal or app
        await app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host_known = self._names.hosts(headers.getlist("host"))
        if host_known and self._names.origins(headers.getlist("origin")):
            return None
        return _NO_SUCH_HOST if not host_known else _NO_SUCH_ORIGIN


class WholeRequests:
    """Passes on what MCP over HTTP without sessions takes, with its body at once, and lets a call end in words."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/") or "/"
        scope = {**scope, "path": path, "raw_path": path.encode()}
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self._limits.header_bytes:
            await _HEADERS_TOO_LARGE(scope, receive, send)
        elif path != MCP:
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":
            await _ONLY_POST(scope, receive, send)
        elif (body := await self._body(scope, receive)) is not None:
            await _to_its_end(self._app, scope, _first(body, receive), send)
        else:
            await _BODY_TOO_LARGE(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body; None where it is too large, or the client is gone and nothing said is heard."""
        if int(Headers(scope=scope).get("content-length", "0")) > self._limits.body_bytes:
            return None
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limits.body_bytes:
                return None
        return bytes(body)


def _first(body: bytes, receive: Receive) -> Receive:
    """Return the body, then whatever else is received."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return whole.pop() if whole else await receive()

    return received


async def _to_its_end(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a call; one that outlasts the time a server has to end is told so."""
    begun = False

    async def noted(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        await app(scope, receive, noted)
    except asyncio.CancelledError:  # nobody but the ending server cancels a request as a whole
        if not begun:
            await _ENDING(scope, receive, send)


def _says(status: int, text: str, **headers: str) -> Response:
    return PlainTextResponse(text, status, {name.replace("_", "-"): value for name, value in headers.items()})


_NO_SUCH_HOST = _says(
    421,
    "This server does not go by the name that the Host header gives. If clients are to reach it by that name, start it "
    "with --allowed-host and the name.",
)
_NO_SUCH_ORIGIN = _says(
    403,
    "Pages of this origin may not use this server. --allowed-host with the name of their host would let them.",
)
_HEADERS_TOO_LARGE = _says(431, "The headers of the request are too large.")
_BODY_TOO_LARGE = _says(413, "The body of the request is larger than any question to this server.")
_ONLY_POST = _says(
    405, "This server keeps no sessions and sends nothing by itself: only POST is answered here.", Allow="POST"
)
_ENDING = _says(503, "The server is ending and the call was not done in time. Call again.", Retry_After="1")
