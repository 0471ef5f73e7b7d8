"""A server that callers sign in to, and calls by clients of either era of the protocol."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from mcp.server.mcpserver import Context
from pydantic import BaseModel

from server.app import build_server
from server.catena.turns import party
from server.demo.faults import Faults
from server.demo.world import World
from server.runtime import Runtime
from server.serving.callers import caller
from server.serving.calls import Calls
from server.serving.http import application, names_for
from server.serving.limits import Limits
from server.serving.sign_in import Guarded
from server.tenants import EVERYONE, Tenants
from tests.conftest import AT_ONCE, NOW, http_to, settings_of
from tests.serving.conftest import Said, Web, running
from tests.serving.issuer import Issuer
from tests.test_cli import free_port

METADATA = "/.well-known/oauth-protected-resource/mcp"
ERAS = ["2025-11-25", "2026-07-28"]


class Seen(BaseModel):
    """What a tool sees of who calls it."""

    subject: str
    client: str
    tenant: str
    scopes: list[str]
    personal: bool
    headers: str


async def who_calls(ctx: Context[Runtime]) -> Seen:
    """Tell who calls, and what is seen of the request."""
    known, request = caller(), ctx.request_context.request
    assert known is not None
    assert party() is not None
    return Seen(
        subject=known.subject,
        client=known.client,
        tenant=known.tenant,
        scopes=sorted(known.scopes),
        personal=ctx.request_context.lifespan_context.personal,
        headers=json.dumps(dict(request.headers) if request else {}),
    )


@contextmanager
def signed_in(
    world: World,
    issuer: Issuer,
    tenants: Tenants = EVERYONE,
    *,
    faults: Faults | None = None,
    sent: list[httpx.Request] | None = None,
    **given: Any,
) -> Iterator[Web]:
    """Run a server on the demo world that wants tokens of an issuer; the issuer's tokens are for the last one run."""
    port, settings = free_port(), settings_of(**given)
    issuer.audience = f"http://127.0.0.1:{port}/mcp"
    lent = Calls(tenants, settings).lent
    server = build_server(
        settings, clock=lambda: NOW, open_http=http_to(world, faults, sent=sent), retries=AT_ONCE, calling=lent
    )
    server.add_tool(who_calls)
    app = application(server, names_for("127.0.0.1", []), guarded=Guarded(issuer.address, issuer.audience, tenants))
    with running(app, Limits(connections=50), port) as web:
        yield web


def asked(web: Web, token: str | None, tool: str = "who_calls", era: str = ERAS[1], **arguments: Any) -> Said:
    """Call a tool as a client of either era does."""
    return requested(web, token, "tools/call", {"name": tool, "arguments": arguments}, era)


def requested(web: Web, token: str | None, method: str, params: dict[str, Any], era: str = ERAS[1]) -> Said:
    """Send one request of the protocol."""
    meta = {"io.modelcontextprotocol/protocolVersion": era, "io.modelcontextprotocol/clientCapabilities": {}}
    params = params | ({"_meta": meta} if era == ERAS[1] else {})
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    name = params.get("name") or params.get("uri")
    named = {"mcp_method": method} | ({"mcp_name": name} if name else {}) if era == ERAS[1] else {}
    signed = {} if token is None else {"authorization": f"Bearer {token}"}
    return web.ask(body=body, mcp_protocol_version=era, **named, **signed)


def answer(said: Said) -> dict[str, Any]:
    """Return the whole answer of the protocol."""
    assert said.status in (200, 400), said  # 400: the answer is an error of the protocol
    body = next((line[6:] for line in said.body.splitlines() if line.startswith("data: {")), said.body)
    decoded: dict[str, Any] = json.loads(body)
    return decoded


def told(said: Said) -> dict[str, Any]:
    """Return the structured result of a call that worked."""
    result = answer(said)["result"]
    assert not result.get("isError"), result
    content: dict[str, Any] = result["structuredContent"]
    return content


def refused(said: Said) -> str:
    """Return the text of a call that was refused by the tool."""
    result = answer(said)["result"]
    assert result["isError"], result
    return "\n".join(block["text"] for block in result["content"])


def challenge(said: Said) -> dict[str, str]:
    """Return the parts of a challenge."""
    scheme, _, parts = said.headers["www-authenticate"].partition(" ")
    assert scheme == "Bearer"
    assert re.fullmatch(r'\w+="[^"]*"(, \w+="[^"]*")*', parts)
    return dict(re.findall(r'(\w+)="([^"]*)"', parts))
