"""Who sees what: a file maps claims of verified tokens to Catena credentials, and to connections and fleets."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from pydantic import SecretStr

from .catena.allowance import EVERYTHING, Allowance
from .errors import BadSettings
from .settings import Settings

Words = str | list[str]


class _Block(msgspec.Struct, forbid_unknown_fields=True):
    """One `[[tenant]]` of the file. Credentials are named by where they stand, never written here."""

    name: str
    claims: dict[str, Words]
    client_id_env: str = ""
    client_id_file: str = ""
    client_secret_env: str = ""
    client_secret_file: str = ""
    connections: list[UUID] | None = None
    fleets: list[str] | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tenant: list[_Block]


@dataclass(frozen=True)
class Credentials:
    """Catena credentials; the file of the secret is read again for each token."""

    client_id: str
    secret: SecretStr
    secret_file: Path | None


@dataclass(frozen=True)
class Tenant:
    """Callers whose tokens carry these claims, each with one of its values; no credentials: those of the server."""

    name: str
    claims: tuple[tuple[str, frozenset[str]], ...] = ()
    credentials: Credentials | None = None
    allowance: Allowance = EVERYTHING

    def settings(self, server: Settings) -> Settings:
        """Return the settings of a server with the credentials of this tenant; the stand-in API has but one."""
        own = self.credentials
        if own is None or server.demo:
            return server
        return server.of_tenant(self.name, own.client_id, own.secret, own.secret_file)

    def has(self, claims: Mapping[str, Any]) -> bool:
        """Return whether a caller with these claims belongs to it."""
        return all(_values(claims, name) & wanted for name, wanted in self.claims)


@dataclass(frozen=True)
class Tenants:
    """All tenants of a server."""

    each: tuple[Tenant, ...]

    def named(self, name: str) -> Tenant | None:
        """Return a tenant by its name."""
        return next((tenant for tenant in self.each if tenant.name == name), None)

    def of(self, claims: Mapping[str, Any]) -> Tenant | None:
        """Return the tenant of a caller; None where there is none, or where it could be several: nobody guesses here."""
        found = [tenant for tenant in self.each if tenant.has(claims)]
        return found[0] if len(found) == 1 else None


EVERYONE = Tenants((Tenant(""),))
"""The one tenant of a server without a file: whoever signs in sees what its own credentials see."""


def load_tenants(path: Path, environ: Mapping[str, str] = os.environ) -> Tenants:
    """Read the file of tenants.

    Raises:
        BadSettings: It cannot be read or used; what it holds is not repeated.
    """
    try:
        told = msgspec.convert(tomllib.loads(path.read_text("utf-8-sig")), _File)
    except (OSError, ValueError) as exc:  # of TOML and of msgspec too, which tell places and kinds, and no values
        why = str(exc) if isinstance(exc, msgspec.ValidationError | tomllib.TOMLDecodeError) else type(exc).__name__
        raise BadSettings(
            f"CATENA_TENANTS_FILE names {str(path)!r}, which cannot be used: {why}. Correct it."
        ) from None
    names = [block.name for block in told.tenant]
    if len(set(names)) < len(names) or not all(names) or not all(block.claims for block in told.tenant):
        raise BadSettings("Each [[tenant]] of CATENA_TENANTS_FILE needs a name of its own, and claims.")
    return Tenants(tuple(_tenant(block, environ) for block in told.tenant))


def _tenant(block: _Block, environ: Mapping[str, str]) -> Tenant:
    claims = tuple((name, frozenset(_several(values))) for name, values in block.claims.items())
    connections = None if block.connections is None else frozenset(map(str, block.connections))
    allowance = Allowance(connections, None if block.fleets is None else frozenset(block.fleets))
    client_id = environ.get(block.client_id_env, "").strip() or _text_of(block.client_id_file)
    secret = SecretStr(environ.get(block.client_secret_env, "").strip())
    secret_file = Path(block.client_secret_file) if block.client_secret_file else None
    return Tenant(block.name, claims, Credentials(client_id, secret, secret_file), allowance)


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text("utf-8-sig").strip() if path else ""
    except (OSError, UnicodeDecodeError):
        return ""  # as if not set: who belongs to the tenant is told so


def _several(values: Words) -> list[str]:
    return [values] if isinstance(values, str) else values


def _values(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Return the values of a claim; `realm_access.roles` is looked for inside too, where no claim has that name."""
    told: Any = claims.get(name)
    if told is None and "." in name:
        told = claims
        for part in name.split("."):
            told = told.get(part) if isinstance(told, Mapping) else None
    values: Iterable[Any] = told if isinstance(told, list) else [told]
    return frozenset(value for value in values if isinstance(value, str))
