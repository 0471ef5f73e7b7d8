"""Open the real server on this world, in process."""

import httpx
from mcp.types import CallToolResult, TextContent
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from server.app import OpsServer, build_server
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.api import build_api
from server.settings import Settings

from .world import World

_ADDRESS = "http://evals.catena.local"


class OwnSettings(Settings):
    """Settings that no environment can change: answers must not depend on it, and no shared store may see this world."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given in code alone."""
        return (init_settings,)


def server_on(world: World) -> OpsServer:
    """Build a server whose API is the stand-in over a world, and whose clock stands at its end.

    Each session has a runtime of its own: what one has read or learned is not known to the next.
    """
    settings = OwnSettings(
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        base_url=_ADDRESS,
        token_url=_ADDRESS + TOKEN_PATH,
    )
    api = build_api(world, clock=lambda: world.now)
    transport = httpx.ASGITransport(app=api)
    return build_server(
        settings, clock=lambda: world.now, open_http=lambda: httpx.AsyncClient(transport=transport, timeout=30)
    )


def text_of(result: CallToolResult) -> str:
    """Give the text of an answer, which is all that many clients hand on."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))
