"""The client-credentials token: one request for every concurrent caller, renewed before it ends.

Authlib's httpx client was judged and left out: it neither shares one token request between tasks nor renews after a
403, so these lines would be needed beside it.
"""

import re
from dataclasses import dataclass, field

import anyio
import httpx
import msgspec
from pydantic import SecretStr

from ..errors import NotSignedIn, Unreadable
from . import bounded
from .answers import error_of
from .wire import UNDECODABLE

EARLY_S = 30.0
"""How long before its end a token is renewed; Catena's own SDK uses the same margin."""


@dataclass(frozen=True)
class Token:
    """A bearer token, the time (of anyio's clock) from which it is stale, and the scopes it was granted."""

    value: str = field(repr=False)
    stale_at: float
    scopes: frozenset[str]


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float = 60.0
    scope: str = ""


class Tokens:
    """Hands out the current token and renews it."""

    def __init__(self, http: httpx.AsyncClient, url: str, client_id: str, secret: SecretStr, scope: str) -> None:
        self._http = http
        self._url = url
        self._client_id = client_id
        self._secret = secret
        self._scope = scope
        self._token: Token | None = None
        self._lock = anyio.Lock()

    async def current(self) -> Token:
        """Return a token that is good for now, asking for one only where none is held."""
        async with self._lock:
            if self._token is None or anyio.current_time() >= self._token.stale_at:
                self._token = await self._request()
            return self._token

    async def renewed(self, refused: Token) -> Token:
        """Return another token than the one refused; callers refused together share one request."""
        async with self._lock:
            if self._token is None or self._token == refused:
                self._token = await self._request()
            return self._token

    async def _request(self) -> Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret.get_secret_value(),
            "scope": self._scope,
        }
        asked_at = anyio.current_time()
        request = self._http.build_request("POST", self._url, data=form)
        response = await bounded.send(self._http, request, bounded.MEGABYTE)
        if response.status_code != 200:
            raise _refusal(response)
        try:
            granted = msgspec.json.decode(response.content, type=_Granted, strict=False)
        except UNDECODABLE as exc:
            raise Unreadable(_NO_TOKEN) from exc
        if not _HEADER_WORD.fullmatch(granted.access_token):  # the HTTP library would quote it in its error
            raise Unreadable(_NO_TOKEN)
        # A token that lives shorter than the margin is used for half its life instead of never.
        lasts = max(granted.expires_in - EARLY_S, granted.expires_in / 2)
        return Token(granted.access_token, asked_at + lasts, frozenset(granted.scope.split()))


_HEADER_WORD = re.compile(r"[!-~]+")
_NO_TOKEN = "The token endpoint answered, but not with a token. Check that CATENA_TOKEN_URL is its address."


def _refusal(response: httpx.Response) -> Exception:
    """Explain a refusal in words of ours: the endpoint's own may repeat what was sent."""
    if response.status_code in (400, 401, 403):
        return NotSignedIn(
            f"The token endpoint refused the credentials ({response.status_code}). Check CATENA_CLIENT_ID and "
            "CATENA_CLIENT_SECRET, that CATENA_TOKEN_URL belongs to the same environment, and that CATENA_SCOPE is "
            "`organization`."
        )
    if response.status_code == 404:
        return NotSignedIn("The token endpoint was not found (404). Check CATENA_TOKEN_URL.")
    if response.status_code == 429 or response.status_code >= 500:
        return error_of(response)
    return NotSignedIn(
        f"The token endpoint does not take the request ({response.status_code}). Check that CATENA_TOKEN_URL is its "
        "address."
    )
