"""The `CATENA_*` settings: read from the environment once, checked, and explained when they are wrong."""

import codecs
import logging
import os
import re
from contextlib import suppress
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import BadSettings, did_you_mean


def _web_address(url: str) -> str:
    """Check what no request could use; a complaint never repeats the value, which may hold a password."""
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except ValueError:  # of a port that is none, brackets without end, a name that is too long
        raise ValueError("must be an address like https://host or https://host:443/path") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("must be an http or https address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or password, which no request sends: leave that part out")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ValueError("ends in a query or fragment (? or #): leave that part out")
    if port == 0 or not url.isprintable() or not _HOST.fullmatch(host) or " " in url or "\\" in url:
        raise ValueError("holds a port 0, a blank, or characters that no address holds")
    return url


def _exact_address(url: str) -> str:
    """Check an address that others know letter by letter, a last slash included; nobody between may change what it says."""
    url = url.strip()
    _web_address(url)
    if not over_tls(url):
        raise ValueError("must be an https address; http is taken on this machine alone")
    return url


def over_tls(url: str) -> bool:
    """Return whether nobody between reads or changes what an address says: by TLS, or since it is this machine's."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


_HOST = re.compile(r"[\w.:%-]+", re.A)
WebAddress = Annotated[str, AfterValidator(_web_address)]
ExactAddress = Annotated[str, AfterValidator(_exact_address)]


def _plain(value: SecretStr | str) -> SecretStr | str:
    """Take off what shells, editors and stores put around a value."""
    return SecretStr(value.get_secret_value().strip()) if isinstance(value, SecretStr) else value.strip()


PLACEHOLDER = re.compile(r"\$?\{[\w.:-]+\}|\$[A-Z][A-Z_]{3,}|%\w+%|<[\w -]+>|your-client-(id|secret)")
"""What a host, a shell or a reader of the documentation should have replaced."""

UNFILLED = "is a placeholder that nothing has filled in, like ${input:…} or your-client-id"


def _filled(value: str) -> str:
    if PLACEHOLDER.fullmatch(value):
        raise ValueError(UNFILLED)
    return value


Stripped = AfterValidator(_plain)

MEMORY = "memory://"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
IN_CLEAR = "http without TLS, so whoever is between reads the secret and what is asked; use https"

logger = logging.getLogger(__name__)


def _store_address(url: SecretStr) -> SecretStr:
    url = SecretStr(url.get_secret_value().strip())
    parts = urlsplit(url.get_secret_value())
    database = parts.path.removeprefix("/")
    with suppress(ValueError):  # of a port that is none
        shared = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
        if url.get_secret_value() == MEMORY or (shared and (not database or database.isdecimal())):
            return url
    raise ValueError("must be memory://, or redis://host:port/db, or rediss://host:port/db for TLS")


StoreAddress = Annotated[SecretStr, AfterValidator(_store_address)]
"""Hidden, since it may hold a password."""


def _folder(url: str) -> str:
    """Check where a history is to lie: on this machine, wherever a host starts the server."""
    url = url.strip()
    parts = urlsplit(url)
    if len(parts.scheme) > 1 and parts.scheme != "file":  # a single letter is a drive
        raise ValueError(
            "must be a folder of this machine: /path or file:///path. Engines that several servers share (s3, Postgres, "
            "ClickHouse) are not supported"
        )
    path = Path(unquote(parts.path) if parts.scheme else url).expanduser()
    if url and (not path.is_absolute() or parts.netloc not in ("", "localhost")):
        raise ValueError("must be a whole path: /path/to/folder or file:///path/to/folder")
    return url and str(path)


Folder = Annotated[str, AfterValidator(_folder)]

NO_CREDENTIALS = (
    "No Catena credentials. Set CATENA_CLIENT_ID and CATENA_CLIENT_SECRET (or CATENA_CLIENT_SECRET_FILE, a file that "
    "holds the secret) in the environment of this command or in the `env` block of your MCP client, "
    "or use --demo for the built-in stand-in API, which needs no account."
)

TENANT_WITHOUT = (
    "This server has no Catena credentials for the tenant {!r}, which you belong to, and reads with no other's. Ask who runs "
    "it to set what its tenants file names for it."
)


class Settings(BaseSettings):
    """Everything that can be set from outside. Times are seconds."""

    model_config = SettingsConfigDict(
        env_prefix="CATENA_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    client_id: Annotated[str, Stripped] = Field("", description="Client id of your Catena service credentials.")
    client_secret: Annotated[SecretStr, Stripped] = Field(SecretStr(""), description="Client secret.")
    client_secret_file: Path | None = Field(None, description="A file that holds the secret, instead of the setting.")
    base_url: WebAddress = Field("https://api.catenatelematics.com", description="Catena's API.")
    token_url: WebAddress = Field(
        "https://auth.catenatelematics.com/realms/catena/protocol/openid-connect/token",
        description="Where tokens are asked for.",
    )
    scope: Annotated[str, Stripped, AfterValidator(_filled)] = Field(
        "organization", description="Scope of the token request."
    )
    max_concurrency: int = Field(8, ge=1, le=64, description="Most requests to the API at a time.")
    request_timeout_s: float = Field(30, gt=0, description="Longest wait for one answer of the API.")
    max_operations: int = Field(200_000, ge=1, description="Most operations one call reads.")
    max_answer_mb: int = Field(
        64, ge=1, le=1024, description="The most one answer of the API may unpack to, in megabytes."
    )
    store_url: StoreAddress = Field(
        SecretStr("memory://"),
        description="Where rows just read are held: here, or in the Redis or Valkey of `redis://host:port/db`, which "
        "several servers share.",
    )
    history_url: Folder = Field(
        "", description="A folder of this machine in which what was read is kept beyond the process."
    )
    history_days: int = Field(45, ge=1, le=3650, description="How many days the history reaches back.")
    deadline_s: float = Field(45, gt=0, description="Longest time of one call; then the part read so far is told.")
    fresh_s: float = Field(60, ge=0, description="How old held rows may be for a window that ends now.")
    show_personal_data: bool = Field(
        False,
        description="Show payload values, and e-mail, phone, licence and plate numbers and the like in text of others.",
    )
    board: bool = Field(True, description="Let chats that know MCP Apps show the failure board beside an answer.")
    audit_file: Annotated[str, Stripped] = Field(
        "", description="A file for a line a call: who asked what, and what it cost; `-` for stderr."
    )
    auth_issuer: ExactAddress | None = Field(
        None, description="Who signs the tokens of callers over HTTP, as in `iss`; unset: no sign-in."
    )
    auth_audience: ExactAddress | None = Field(
        None, description="The address of this server as callers know it, as in `aud`; needed with an issuer."
    )
    caller_calls: int = Field(8, ge=1, description="Most calls of one signed-in caller at a time.")
    caller_questions: int = Field(120, ge=1, description="Most calls of one signed-in caller in a minute.")
    caller_operations: int = Field(
        1_000_000, ge=1, description="Most operations read for one signed-in caller in a minute."
    )
    tenants_file: Path | None = Field(
        None, description="A TOML file that says which callers see what, with whose credentials; needs a sign-in."
    )
    demo: bool = Field(False, description="Use the built-in stand-in API; same as --demo.")

    _no_credentials: str = PrivateAttr(NO_CREDENTIALS)

    def of_tenant(self, name: str, client_id: str, secret: SecretStr, secret_file: Path | None) -> Self:
        """Return the same settings with the credentials of a tenant, and none other where it has none."""
        own = {"client_id": client_id, "client_secret": secret, "client_secret_file": secret_file}
        settings = self.model_copy(update=own)
        settings._no_credentials = TENANT_WITHOUT.format(name)
        return settings

    @property
    def in_clear(self) -> list[str]:
        """Settings whose address is reached without TLS over a network, so that the secret or a token can be read there."""
        urls = {"CATENA_BASE_URL": self.base_url, "CATENA_TOKEN_URL": self.token_url}
        return [name for name, url in urls.items() if not over_tls(url)]

    @property
    def shares(self) -> bool:
        """Whether what is read is shared with other servers."""
        return self.store_url.get_secret_value() != MEMORY

    def secret(self) -> SecretStr:
        """Return the client secret, read from its file where one is named.

        Raises:
            BadSettings: The credentials are missing, are placeholders, or the file cannot be read.
        """
        if self.client_secret_file is None:
            secret = self.client_secret
        else:
            try:
                secret = SecretStr(_text_of(self.client_secret_file.read_bytes()).strip())
            except (OSError, UnicodeDecodeError) as exc:
                raise BadSettings(
                    f"CATENA_CLIENT_SECRET_FILE names {str(self.client_secret_file)!r}, which cannot be read "
                    f"({type(exc).__name__}). Name a readable file that holds the secret alone."
                ) from exc
        if not self.client_id or not secret.get_secret_value():
            raise BadSettings(self._no_credentials)
        for name, value in (("CATENA_CLIENT_ID", self.client_id), ("CATENA_CLIENT_SECRET", secret.get_secret_value())):
            if PLACEHOLDER.fullmatch(value):
                raise BadSettings(
                    f"{name} {UNFILLED}. Write the value itself into the `env` block of your MCP client, or set "
                    "what the client should fill in."
                )
        return secret


def _text_of(body: bytes) -> str:
    """Decode a small file as editors and PowerShell write it, whatever the locale here."""
    utf16 = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return body.decode("utf-16" if utf16 else "utf-8-sig")


def _complaint(error: ErrorDetails) -> str:
    given = error["input"]
    if isinstance(given, str) and PLACEHOLDER.fullmatch(given.strip()):
        return UNFILLED
    return error["msg"].removeprefix("Value error, ")


def load_settings(**given: object) -> Settings:
    """Read the settings from the environment; `given` values win.

    Raises:
        BadSettings: A value cannot be used; each is named with what it must be, never with what it was.
    """
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic checks the values at run time
    except ValidationError as exc:
        wrong = "; ".join(f"CATENA_{str(e['loc'][0]).upper()}: {_complaint(e)}" for e in exc.errors())
        raise BadSettings(f"Settings that cannot be used: {wrong}. Correct them and start again.") from None
    if settings.shares and not find_spec("redis"):
        raise BadSettings(
            "CATENA_STORE_URL names a Redis, and the package `redis` is not installed. Install this server with its "
            "extra `redis` (pip install 'catena-ops-mcp[redis]'), or unset it to hold rows in memory."
        )
    if bool(settings.auth_issuer) != bool(settings.auth_audience):
        raise BadSettings(
            "CATENA_AUTH_ISSUER and CATENA_AUTH_AUDIENCE go together: who signs the tokens of callers, and the address of "
            "this server that they are meant for, like https://ops.example.com/mcp. Set both, or none."
        )
    if settings.tenants_file and not settings.auth_issuer:
        raise BadSettings(
            "CATENA_TENANTS_FILE tells callers apart, who are known by their sign-in alone. Set CATENA_AUTH_ISSUER and "
            "CATENA_AUTH_AUDIENCE too, or unset it."
        )
    if settings.in_clear and not settings.demo:
        logger.warning("%s: %s.", " and ".join(settings.in_clear), IN_CLEAR)
    return settings


def take_settings(file: Path) -> None:
    """Put the lines `NAME=value` of a file into the environment; what stands there already wins.

    Raises:
        BadSettings: The file cannot be read, or a line is none or names a setting that does not exist.
    """
    from dotenv.parser import parse_stream

    try:
        lines = list(parse_stream(StringIO(_text_of(file.read_bytes()))))
    except (OSError, UnicodeDecodeError) as exc:
        raise BadSettings(f"--settings names {str(file)!r}, which cannot be read ({type(exc).__name__}).") from None
    known = [f"CATENA_{name.upper()}" for name in Settings.model_fields]
    for line in lines:
        if line.error or (line.key and line.value is None):
            raise BadSettings(f"--settings: line {line.original.line} is not NAME=value.")
        if line.key and line.key.startswith("CATENA_") and line.key not in known:
            raise BadSettings(f"--settings: {line.key[:60]!r} is no setting.{did_you_mean(line.key, known)}")
        if line.key and not os.environ.get(line.key):
            os.environ[line.key] = line.value or ""
