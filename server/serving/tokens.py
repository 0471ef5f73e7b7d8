"""Whether a token was signed by the issuer, for this server, and is in force; and what it says of its bearer."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import jwt

from .keys import ALGORITHMS, Keys

CLOCKS_DIFFER_S = 30
LONGEST_NAME = 256
"""Characters of a subject or client."""

CLIENT_CLAIMS = ("client_id", "azp", "cid")
"""What issuers call the program that a token was given to: RFC 9068, OpenID Connect, Okta."""

SCOPE_CLAIMS = ("scope", "scp")
"""What issuers call the scopes: RFC 9068; Entra and Okta."""


class BadToken(Exception):
    """A token that is not taken; the message is one of ours and repeats nothing of it."""


class WrongSignature(BadToken):
    """A token that was signed with another key."""


@dataclass(frozen=True)
class Signed:
    """What a token that was verified says."""

    subject: str
    client: str
    scopes: frozenset[str]
    claims: dict[str, Any]


class Verifier:
    """Verifies access tokens (RFC 9068) of one issuer for one audience."""

    def __init__(self, issuer: str, audience: str, keys: Keys | None = None) -> None:
        self._issuer = issuer
        self._audience = [audience, audience.rstrip("/"), audience.rstrip("/") + "/"]
        self._keys = keys or Keys(issuer)

    async def verify(self, token: str) -> Signed:
        """Return what a token says.

        Raises:
            BadToken: It is not taken.
            IssuerAway: It cannot be told.
        """
        try:
            header = jwt.get_unverified_header(token)
        except _UNDECODABLE:
            raise BadToken("It is no JWT.") from None
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise BadToken("It is signed in a way that is not taken here.")
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise BadToken("It is signed with a key that the issuer does not name.")
        try:
            return _signed(self._claims(token, key))
        except WrongSignature:
            newer = await self._keys.anew(kid, algorithm)
            if newer is None or newer is key:
                raise
            return _signed(self._claims(token, newer))

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=CLOCKS_DIFFER_S,
                options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except jwt.InvalidSignatureError:
            raise WrongSignature("Its signature is wrong.") from None
        except _UNDECODABLE as exc:
            raise BadToken(
                next((said for kind, said in _REASONS.items() if isinstance(exc, kind)), _UNUSABLE)
            ) from None
        return claims


_UNDECODABLE = (jwt.PyJWTError, ValueError, OverflowError, RecursionError)
"""What the library raises on what was never a token: of letters, numbers and nesting that it does not expect."""

_UNUSABLE = "It does not say all that it must, or not in the form it must."
_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "It has expired.",
    jwt.ImmatureSignatureError: "It is not in force yet.",
    jwt.InvalidAudienceError: "It is meant for another server.",
    jwt.InvalidIssuerError: "It is of another issuer.",
}


def _signed(claims: dict[str, Any]) -> Signed:
    subject = claims["sub"]
    client = next((claims[name] for name in CLIENT_CLAIMS if isinstance(claims.get(name), str)), "")
    if not subject or max(len(subject), len(client)) > LONGEST_NAME:
        raise BadToken(_UNUSABLE)
    return Signed(subject, client, frozenset(_scopes(claims)), claims)


def _scopes(claims: dict[str, Any]) -> Collection[str]:
    told = next((claims[name] for name in SCOPE_CLAIMS if name in claims), "")
    if isinstance(told, list):
        return [scope for scope in told if isinstance(scope, str)]
    return told.split() if isinstance(told, str) else []
