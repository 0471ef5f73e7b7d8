"""One set of Catena credentials: the connections, the token and the pace that everything shares which reads with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import anyio

from .settings import Settings

if TYPE_CHECKING:
    import httpx

    from .catena.auth import Tokens
    from .catena.limiter import Limiter
    from .store.link import Link
    from .store.sealed import Seal


class Line(NamedTuple):
    """An open way to the API; `link` leads to the Redis that servers share, where there is one."""

    http: httpx.AsyncClient
    tokens: Tokens
    limiter: Limiter
    link: Link | None


class Account:
    """Opens the way to the API once, for all who read with its credentials."""

    def __init__(self, settings: Settings, open_http: Callable[[], httpx.AsyncClient] | None = None) -> None:
        self.settings = settings
        self._open_http = open_http
        self._opening = anyio.Lock()
        self._line: Line | None = None
        self._exit = AsyncExitStack()

    async def line(self) -> Line:
        """Return the way to the API, opened on first use.

        Raises:
            BadSettings: There are no credentials, or the way out of this machine is not set up.
        """
        async with self._opening:
            if self._line is None:
                self._line = await self._open()
            return self._line

    async def aclose(self) -> None:
        """Close what was opened."""
        await self._exit.aclose()

    def seal(self, *part: str) -> Seal:
        """Return the seal of what is kept for these credentials, or for a part of what they see."""
        from .store.sealed import Seal

        settings = self.settings
        # Not the token: one small request an hour and server is less to lose than a key that opens everything.
        return Seal(settings.secret(), settings.base_url, settings.client_id, settings.scope, *part)

    async def _open(self) -> Line:
        from .catena.auth import Tokens
        from .catena.limiter import Limiter
        from .catena.network import open_http
        from .catena.shared_pace import SharedPace
        from .store.shared import SharedStore

        settings = self.settings
        settings.secret()
        most, link = settings.max_concurrency, self._open_link()
        open_them = self._open_http or partial(
            open_http, (settings.base_url, settings.token_url), settings.request_timeout_s, most + 2
        )
        http = await self._exit.enter_async_context(open_them())
        tokens = Tokens(http, settings.token_url, settings.client_id, settings.secret, settings.scope)
        pace = SharedPace(SharedStore(link, self.seal(), 0).swap) if link else None
        return Line(http, tokens, Limiter(most, pace), link)

    def _open_link(self) -> Link | None:
        if not self.settings.shares:
            return None
        from .store.link import Link

        link = Link(self.settings.store_url)
        self._exit.callback(link.close)
        return link
