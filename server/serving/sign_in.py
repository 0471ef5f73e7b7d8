"""Sign-in over HTTP: this server as an OAuth 2.1 resource server (RFC 6750, RFC 9728). It verifies tokens and gives none."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.shared.auth import ProtectedResourceMetadata
from mcp.types import INVALID_REQUEST
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..tenants import EVERYONE, Tenants
from .callers import Caller, called_by
from .keys import IssuerAway
from .tokens import BadToken, Verifier

NAME = "Catena resource operations"
READ = "ops:read"
PERSONAL = "ops:pii"
"""Shows personal data to the caller who holds it."""

WANTED = "Catena-Personal-Data"
"""A header by which a client that wants personal data, with the value `show`, is told to sign in for it.

No argument of a tool: a text that a model reads must not talk it into asking.
"""

FOR_ALL = "/.well-known/"
"""What is there for those who have no token yet; a client that looks in vain must be told so, not refused."""

AGAIN_S = 10
"""After so long a client may ask again where the issuer could not be reached."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Guarded:
    """The server as its issuer and its callers know it; `metadata` is where it says so itself."""

    issuer: str
    audience: str
    tenants: Tenants = EVERYONE

    @cached_property
    def _told(self) -> ProtectedResourceMetadata:
        return ProtectedResourceMetadata.model_validate(
            {"resource": self.audience, "authorization_servers": [self.issuer]}
        )

    @property
    def host(self) -> str:
        """The name by which clients reach the server."""
        host = urlsplit(self.audience).hostname or ""
        return f"[{host}]" if ":" in host else host

    @cached_property
    def metadata(self) -> str:
        """The address of the metadata."""
        return str(build_resource_metadata_url(self._told.resource))

    def routes(self) -> list[Route]:
        """Return the protected resource metadata, by which a client that is refused finds the issuer."""
        told = self._told
        return create_protected_resource_routes(told.resource, told.authorization_servers, [READ, PERSONAL], NAME)

    def refusal(self, status: int, error: str, why: str, scopes: Collection[str]) -> Response:
        """Return a refusal with all that a client needs to come back with a token that does."""
        challenge = {"error": error, "error_description": why} if error else {}
        challenge |= {"scope": " ".join(sorted(scopes, reverse=True)), "resource_metadata": self.metadata}
        told = ", ".join(f'{name}="{value}"' for name, value in challenge.items())
        return refused(status, why, {"WWW-Authenticate": f"Bearer {told}"})


def refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal whose reason clients of MCP show: they read no body but an error of the protocol."""
    error = {"code": INVALID_REQUEST, "message": why}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status, headers)


class SignIn:
    """Lets in who brings a token of the issuer for this server with the scope to read. The token goes no further than here."""

    def __init__(self, app: ASGIApp, guarded: Guarded, verifier: Verifier) -> None:
        self._app = app
        self._guarded = guarded
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(FOR_ALL):
            return await self._app(scope, receive, send)
        given = await self._caller(Headers(scope=scope))
        if isinstance(given, Response):
            return await given(scope, receive, send)
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"authorization"]
        with called_by(given):
            await self._app({**scope, "headers": headers}, receive, send)

    async def _caller(self, headers: Headers) -> Caller | Response:
        """Return who sends a request, or the answer to who may not come in."""
        refusal, wanted = self._guarded.refusal, {READ}
        if headers.get(WANTED, "").strip().lower() == "show":
            wanted.add(PERSONAL)
        given = headers.getlist("authorization")
        if not given:
            return refusal(401, "", "Sign in: this server wants a token of its issuer.", wanted)
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
            return refusal(401, "invalid_token", "One Authorization header with a Bearer token is taken.", wanted)
        try:
            signed = await self._verifier.verify(token.strip())
        except BadToken as exc:
            return refusal(401, "invalid_token", f"The token is not taken. {exc}", wanted)
        except IssuerAway:
            return refused(503, _ISSUER_AWAY, {"Retry-After": str(AGAIN_S)})
        held = signed.scopes & {READ, PERSONAL}
        if lacking := " ".join(sorted(wanted - held)):
            return refusal(403, "insufficient_scope", f"The token lacks the scope {lacking}.", wanted | held)
        tenant = self._guarded.tenants.of(signed.claims)
        if tenant is None:
            logger.warning("A caller who belongs to no tenant, or to several, was refused: %r", signed.subject)
            return refused(403, _NO_TENANT)  # without a challenge: no other token of theirs would do
        return Caller(signed.subject, signed.client, tenant.name, held)


_NO_TENANT = "Your sign-in is good, and belongs to no tenant of this server. Ask who runs it."
_ISSUER_AWAY = "The issuer of the tokens does not answer, so yours cannot be verified now. Try again in a moment."
