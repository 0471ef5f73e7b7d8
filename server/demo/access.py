"""Hand out tokens as the authorisation server does, and say what a token may read."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from .answers import Refusal, answer, unauthorized
from .faults import Faults

CLIENT_ID = "demo-client"
# Printed by the demo server and written in its documentation: they protect nothing.
CLIENT_SECRET = "demo-secret"
NARROW_CLIENT_ID = "demo-narrow"
TOKEN_PATH = "/realms/catena/protocol/openid-connect/token"

READ_OPERATIONS, READ_CONNECTIONS = "resource_operation:read", "connection:read"
_GRANTS = {CLIENT_ID: f"{READ_OPERATIONS} {READ_CONNECTIONS}", NARROW_CLIENT_ID: READ_CONNECTIONS}
_MOST_TOKENS = 1000


@dataclass(slots=True)
class Grant:
    """Hold what one token is good for."""

    scopes: tuple[str, ...]
    expires: datetime
    uses: int = 0


class Access:
    """Remember the tokens that were handed out."""

    def __init__(self, clock: Callable[[], datetime], faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self._grants: dict[str, Grant] = {}

    async def token(self, request: Request) -> Response:
        """Answer the client credentials grant in Keycloak's manner."""
        # The form is read by hand: Starlette's own reader needs a package that nothing else here wants.
        form = {name: values[-1] for name, values in parse_qs((await request.body()).decode("latin-1")).items()}
        grant_type, scope = form.get("grant_type"), form.get("scope")
        if grant_type is None:
            return _refused(400, "invalid_request", "Missing form parameter: grant_type")
        if grant_type != "client_credentials":
            return _refused(400, "unsupported_grant_type", "Unsupported grant_type")
        # The client is checked before the scope, so a stranger learns nothing about scopes.
        granted = _GRANTS.get(form.get("client_id", ""))
        if granted is None or not secrets.compare_digest(
            form.get("client_secret", "").encode(), CLIENT_SECRET.encode()
        ):
            return _refused(401, "invalid_client", "Invalid client or Invalid client credentials")
        if scope != "organization":
            return _refused(400, "invalid_scope", f"Invalid scopes: {scope or ''}")
        return self._issue(granted)

    def _issue(self, granted: str) -> Response:
        now, life = self._clock(), self._faults.token_life_s
        self._grants = {token: grant for token, grant in self._grants.items() if grant.expires > now}
        if len(self._grants) >= _MOST_TOKENS:
            # A server that runs for weeks must not grow with every client that never reuses its token.
            del self._grants[next(iter(self._grants))]
        token = secrets.token_urlsafe(32)
        self._grants[token] = Grant(tuple(granted.split()), now + timedelta(seconds=life))
        body = {
            "access_token": token,
            "expires_in": life,
            # Keycloak hands out no refresh token in this flow and says so with a zero.
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": granted,
        }
        return answer(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def check(self, request: Request, scope: str) -> None:
        """Let a request pass that carries a token good for a scope."""
        # The scheme is a word without case (RFC 9110), the token is not.
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("Not authenticated")
        grant = self._grants.get(token.strip())
        if grant is None:
            raise unauthorized("Invalid token")
        # Uses count before the scope is looked at: a refused request has used the token too.
        grant.uses += 1
        worn_out = 0 < self._faults.token_uses < grant.uses
        if worn_out or grant.expires <= self._clock():
            raise unauthorized("Token expired")
        if scope not in grant.scopes:
            raise Refusal(403, f"Missing scope: {scope}")


def _refused(status: int, code: str, description: str) -> Response:
    return answer({"error": code, "error_description": description}, status)
