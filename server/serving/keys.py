"""The issuer's public keys: found through its own metadata, held for a while, and asked for again when they change."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx
import jwt
import msgspec

from ..catena import bounded
from ..catena.network import open_http
from ..catena.reasons import unanswered
from ..catena.wire import UNDECODABLE
from ..errors import OpsError
from ..settings import over_tls

ALGORITHMS = frozenset("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA".split())
"""Asymmetric ones alone: with a shared secret, or with none, anybody who knows the public key could sign."""

FRESH_S = 300.0
"""After so long keys are asked for again, so that one which the issuer has withdrawn ends."""

AGAIN_S = 2.0
AWAY_S = 10.0
"""The issuer is asked at most so often, whatever keys tokens name; more seldom where it did not answer."""

LAST_S = 3600.0
"""For so long keys still count while the issuer cannot be reached."""

ANSWER_S = 5.0
MOST_KEYS = 100


logger = logging.getLogger(__name__)


class IssuerAway(OpsError):
    """The issuer cannot be asked for its keys now."""


class Keys:
    """The keys of one issuer, by their ids."""

    def __init__(self, issuer: str, now: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._now = now
        self._asking = anyio.Lock()
        self._told: dict[str | None, dict[str, Any]] = {}
        self._made: dict[tuple[str | None, str], jwt.PyJWK] = {}
        self._told_at = self._asked_at = -float("inf")
        self._away = ""

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the key of an id for an algorithm; None where the issuer has none.

        Raises:
            IssuerAway: It cannot be told, since the issuer does not answer.
        """
        known = kid in self._told
        # What is known answers meanwhile: an issuer that hangs holds up one caller, not all.
        if not known or (self._now() - self._told_at > FRESH_S and not self._asking.locked()):
            await self._ask()
        if self._now() - self._told_at > LAST_S or (kid not in self._told and self._away):
            raise IssuerAway(self._away or "the issuer was not asked yet")
        return self._made.get((kid, algorithm)) or self._make(kid, algorithm)

    async def anew(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the key as the issuer names it now: some give a new key the id of the old one, or none."""
        await self._ask()
        return await self.find(kid, algorithm)

    async def count(self) -> int:
        """Return how many keys the issuer names.

        Raises:
            IssuerAway: It does not tell.
        """
        await self._ask()
        if self._away:
            raise IssuerAway(self._away)
        return len({id(key) for key in self._told.values()})

    def _make(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        told = self._told.get(kid)
        if told is None or told.get("alg", algorithm) != algorithm:
            return None
        try:
            key = self._made[kid, algorithm] = jwt.PyJWK(told, algorithm)
        except jwt.PyJWTError:  # of another kind than the algorithm wants
            return None
        return key

    async def _ask(self) -> None:
        """Ask the issuer, once for all who wait, and not again at once."""
        async with self._asking:
            if self._now() - self._asked_at < (AWAY_S if self._away else AGAIN_S):
                return
            try:
                with anyio.fail_after(ANSWER_S):
                    told = await self._fetch()
            except (OpsError, TimeoutError) as exc:
                self._away = str(exc) or "it did not answer in time"
                logger.warning("The issuer (CATENA_AUTH_ISSUER) cannot be asked for its keys: %s", self._away)
            else:
                self._told, self._made, self._away, self._told_at = told, {}, "", self._now()
            self._asked_at = self._now()  # not before: who is cancelled leaves the asking to the next

    async def _fetch(self) -> dict[str | None, dict[str, Any]]:
        async with await anyio.to_thread.run_sync(open_http, (self._issuer,), ANSWER_S, 2) as http:

            async def get(url: str) -> Any:
                try:
                    answer = await bounded.send(http, http.build_request("GET", url), bounded.MEGABYTE)
                    return msgspec.json.decode(answer.content) if answer.status_code == 200 else None
                except httpx.HTTPError as exc:
                    raise unanswered(exc, "CATENA_AUTH_ISSUER") from exc
                except UNDECODABLE:
                    return None

            for place in _places(self._issuer):
                told = await get(place)
                if isinstance(told, dict) and told.get("issuer") == self._issuer:
                    break
            else:
                raise IssuerAway(
                    "its metadata is not where RFC 8414 and OpenID Connect place it, or names another issuer"
                )
            address = told.get("jwks_uri")
            if not isinstance(address, str) or not over_tls(address):
                raise IssuerAway("its metadata names no https address of its keys")
            keys = dict(_usable(await get(address)))
        if not keys:
            raise IssuerAway("it names no key that can be used")
        return keys


def _places(issuer: str) -> tuple[str, str]:
    """Return where an issuer's metadata may be."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}",
    )


def _usable(told: Any) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Return public keys that sign, by id; the only one of an issuer also for tokens that name none."""
    listed = told.get("keys") if isinstance(told, dict) else None
    keys = [key for key in listed or [] if isinstance(key, dict)] if isinstance(listed, list) else []
    keys = [key for key in keys if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"]
    if len(keys) == 1:
        yield None, keys[0]
    yield from ((key["kid"], key) for key in keys[:MOST_KEYS] if isinstance(key.get("kid"), str))
