"""The client-credentials token: one request for every concurrent caller, renewed before it ends.

Authlib's httpx client was judged and left out: it neither shares one token request between tasks nor renews after a
403, so these lines would be needed beside it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

import anyio
import httpx
import msgspec
from pydantic import SecretStr

from ..errors import BadSettings, CatenaError, NoToken, NotSignedIn
from . import bounded
from .answers import error_of, in_between
from .wire import UNDECODABLE

EARLY_S = 30.0
"""How long before its end a token is renewed; Catena's own SDK uses the same margin."""


UNTOLD_LIFE_S = 60.0
"""How long a token is taken to live whose life is not told."""

Life = Annotated[float, msgspec.Meta(gt=0, lt=1e9)]


@dataclass(frozen=True)
class Token:
    """A bearer token, the time (of anyio's clock) from which it is stale, and the scopes it was granted."""

    value: str = field(repr=False)
    stale_at: float
    scopes: frozenset[str]


class Tokens:
    """Hands out the current token and renews it; the secret is read again for each, since it may be replaced meanwhile."""

    def __init__(
        self, http: httpx.AsyncClient, url: str, client_id: str, secret: Callable[[], SecretStr], scope: str
    ) -> None:
        self._http = http
        self.url = url
        self._client_id = client_id
        self._read_secret = secret
        self._secret = secret()
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
        with suppress(BadSettings):  # of a file that is being replaced: the last secret read may still do
            self._secret = self._read_secret()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret.get_secret_value(),
            "scope": self._scope,
        }
        asked_at = anyio.current_time()
        request = self._http.build_request("POST", self.url, data=form)
        response = await bounded.send(self._http, request, bounded.MEGABYTE)
        if response.status_code != 200:
            raise self._refusal(response)
        granted = _granted(response.content)
        # A token that lives shorter than the margin is used for half its life instead of never.
        lasts = max(granted.expires_in - EARLY_S, granted.expires_in / 2)
        return Token(granted.access_token, asked_at + lasts, frozenset(granted.scope.split()))

    def _refusal(self, response: httpx.Response) -> CatenaError:
        """Explain a refusal in words of ours: the endpoint's own may repeat what was sent."""
        status = response.status_code
        if status in (400, 401, 403):
            return NotSignedIn(
                f"The token endpoint refused the credentials ({status}). Check CATENA_CLIENT_ID and "
                "CATENA_CLIENT_SECRET, that CATENA_TOKEN_URL belongs to the same environment, and that CATENA_SCOPE is "
                f"`organization`.{self._doubts()}{in_between(response)}"
            )
        if status == 404:
            return NotSignedIn("The token endpoint was not found (404). Check CATENA_TOKEN_URL.")
        if status in (407, 429) or status >= 500:
            return error_of(response)
        return NotSignedIn(
            f"The token endpoint does not take the request ({status}). Check that CATENA_TOKEN_URL is its address."
        )

    def _doubts(self) -> str:
        """Name what looks odd about the credentials that were refused."""
        given = {"CATENA_CLIENT_ID": self._client_id, "CATENA_CLIENT_SECRET": self._secret.get_secret_value()}
        quoted = [name for name, value in given.items() if len(value) > 1 and value[0] == value[-1] in "'\""]
        spaced = [name for name, value in given.items() if any(c.isspace() or not c.isprintable() for c in value)]
        return (
            f" {' and '.join(quoted)} begins and ends with a quotation mark, which is sent too: leave it out."
            if quoted
            else ""
        ) + (f" {' and '.join(spaced)} holds a blank or a line end inside." if spaced else "")


class _Granted(NamedTuple):
    access_token: str
    expires_in: float
    scope: str


def _granted(body: bytes) -> _Granted:
    """Read an answer: only the token itself is needed, anything else that is null or of another form is as if left out.

    Raises:
        NoToken: There is none.
    """
    try:
        told = msgspec.json.decode(body)
    except UNDECODABLE as exc:
        raise NoToken(_NO_TOKEN) from exc
    told = told if isinstance(told, dict) else {}
    token, life, scope = told.get("access_token"), told.get("expires_in"), told.get("scope")
    if not isinstance(token, str) or not _HEADER_WORD.fullmatch(token):  # the HTTP library would quote it in its error
        raise NoToken(_NO_TOKEN)
    try:
        life = msgspec.convert(life, Life, strict=False)
    except msgspec.ValidationError:
        life = UNTOLD_LIFE_S
    return _Granted(token, life, scope if isinstance(scope, str) else "")


_HEADER_WORD = re.compile(r"[!-~]+")
_NO_TOKEN = "The token endpoint answered, but not with a token. Check that CATENA_TOKEN_URL is its address."
