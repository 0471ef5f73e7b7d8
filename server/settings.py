"""The `CATENA_*` settings: read from the environment once, checked, and explained when they are wrong."""

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import BadSettings


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    return url.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]

MEMORY = "memory://"


def _store_address(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    database = parts.path.removeprefix("/")
    with suppress(ValueError):  # of a port that is none
        shared = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
        if url.get_secret_value() == MEMORY or (shared and (not database or database.isdecimal())):
            return url
    raise ValueError("must be memory://, or redis://host:port/db, or rediss://host:port/db for TLS")


StoreAddress = Annotated[SecretStr, AfterValidator(_store_address)]
"""Hidden, since it may hold a password."""

NO_CREDENTIALS = (
    "No Catena credentials. Set CATENA_CLIENT_ID and CATENA_CLIENT_SECRET (or CATENA_CLIENT_SECRET_FILE, a file that "
    "holds the secret) in the environment of this command or in the `env` block of your MCP client, "
    "or use --demo for the built-in stand-in API, which needs no account."
)


class Settings(BaseSettings):
    """Everything that can be set from outside. Times are seconds."""

    model_config = SettingsConfigDict(
        env_prefix="CATENA_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    client_id: str = Field("", description="Client id of your Catena service credentials.")
    client_secret: SecretStr = Field(SecretStr(""), description="Client secret.")
    client_secret_file: Path | None = Field(None, description="A file that holds the secret, instead of the setting.")
    base_url: WebAddress = Field("https://api.catenatelematics.com", description="Catena's API.")
    token_url: WebAddress = Field(
        "https://auth.catenatelematics.com/realms/catena/protocol/openid-connect/token",
        description="Where tokens are asked for.",
    )
    scope: str = Field("organization", description="Scope of the token request.")
    max_concurrency: int = Field(8, ge=1, le=64, description="Most requests to the API at a time.")
    request_timeout_s: float = Field(30, gt=0, description="Longest wait for one answer of the API.")
    max_operations: int = Field(200_000, ge=1, description="Most operations one call reads.")
    store_url: StoreAddress = Field(
        SecretStr("memory://"),
        description="Where rows just read are held: here, or in the Redis or Valkey of `redis://host:port/db`, which "
        "several servers share.",
    )
    deadline_s: float = Field(45, gt=0, description="Longest time of one call; then the part read so far is told.")
    fresh_s: float = Field(60, ge=0, description="How old held rows may be for a window that ends now.")
    show_personal_data: bool = Field(
        False, description="Show payload values, and e-mail, phone and licence numbers inside messages."
    )
    board: bool = Field(True, description="Let chats that know MCP Apps show the failure board beside an answer.")
    demo: bool = Field(False, description="Use the built-in stand-in API; same as --demo.")

    @property
    def shares(self) -> bool:
        """Whether what is read is shared with other servers."""
        return self.store_url.get_secret_value() != MEMORY

    def secret(self) -> SecretStr:
        """Return the client secret, read from its file where one is named.

        Raises:
            BadSettings: The credentials are missing or the file cannot be read.
        """
        if self.client_secret_file is None:
            secret = self.client_secret
        else:
            try:
                secret = SecretStr(self.client_secret_file.read_text().strip())
            except (OSError, UnicodeDecodeError) as exc:
                raise BadSettings(
                    f"CATENA_CLIENT_SECRET_FILE names {str(self.client_secret_file)!r}, which cannot be read "
                    f"({type(exc).__name__}). Name a readable file that holds the secret alone."
                ) from exc
        if not self.client_id or not secret.get_secret_value():
            raise BadSettings(NO_CREDENTIALS)
        return secret


def load_settings(**given: object) -> Settings:
    """Read the settings from the environment; `given` values win.

    Raises:
        BadSettings: A value cannot be used; each is named with what it must be, never with what it was.
    """
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic checks the values at run time
    except ValidationError as exc:
        wrong = "; ".join(f"CATENA_{str(e['loc'][0]).upper()}: {e['msg']}" for e in exc.errors(include_input=False))
        raise BadSettings(f"Settings that cannot be used: {wrong}. Correct them and start again.") from None
    if settings.shares and not find_spec("redis"):
        raise BadSettings(
            "CATENA_STORE_URL names a Redis, and the package `redis` is not installed. Install this server with its "
            "extra `redis` (pip install 'catena-ops-mcp[redis]'), or unset it to hold rows in memory."
        )
    return settings
