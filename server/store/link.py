"""The way to a Redis or Valkey that may be slow, restarted or gone: nothing waits for it long, or asks it in vain."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import anyio.to_thread
from pydantic import SecretStr

from ..errors import BadSettings

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT_S = 1.0
AWAY_S = 5.0
"""After it failed it is left alone for so long."""

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


TOLD = {
    "NOAUTH": "it wants a password: redis://user:password@host:port/db",
    "WRONGPASS": "it refuses the user or the password",
    "AuthenticationError": "it refuses the user or the password",
    "NOPERM": "its user may not do what is needed",
    "NoPermissionError": "its user may not do what is needed",
    "ReadOnlyError": "it is a replica that only reads; name the primary",
    "MovedError": "it is part of a cluster; name a single server",
    "OutOfMemoryError": "its memory is full",
    "BusyLoadingError": "it is still loading",
    "MISCONF": "it cannot save to its disk and takes nothing",
    "TimeoutError": "no answer within a second",
}
"""What Redis says, by the first word of its answer or the class its client makes of it."""


def check_address(url: SecretStr) -> None:
    """Check what only Redis' own client knows to be wrong about an address; nothing is sent.

    Raises:
        BadSettings: It cannot be used.
    """
    from redis import ConnectionPool, RedisError

    try:
        ConnectionPool.from_url(url.get_secret_value()).make_connection()
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RedisError) as exc:
        # Of the options after the `?`, since the rest has been checked; the client's own words may repeat them.
        raise BadSettings(
            f"Settings that cannot be used: CATENA_STORE_URL: an option after the `?` is unknown or has a value that "
            f"cannot be used ({type(exc).__name__}). Leave it out and start again."
        ) from None


def _why(exc: Exception) -> str:
    from ..catena.reasons import broken, causes_of

    said = str(exc).partition(" ")[0]
    told = TOLD.get(type(exc).__name__) or TOLD.get(said)
    return told or broken(list(causes_of(exc)), "CATENA_STORE_URL")[0]


class Away(Exception):
    """There is no Redis to ask at the moment."""


class Link:
    """Asks Redis in a thread: its client for asyncio would bind this server to one event loop."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url
        self._redis: Redis | None = None
        self._away_until = 0.0
        self._well = True
        self._why = ""

    @property
    def address(self) -> str:
        """Where it is, without user and password."""
        parts = urlsplit(self._url.get_secret_value())
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def ask(self, act: Callable[["Redis"], _T]) -> _T:
        """Do something with Redis.

        Raises:
            Away: It did not answer, in time or at all, or cannot do it; or it was so a moment ago.
        """
        if time.monotonic() < self._away_until:
            raise Away(self._why)
        try:
            answer = await anyio.to_thread.run_sync(self._do, act, abandon_on_cancel=True)
        except Away as exc:
            self._lost(str(exc))
            raise
        if not self._well:
            self._well = True
            logger.warning("The store at %s is back: what is read is shared again.", self.address)
        return answer

    def _do(self, act: Callable[["Redis"], _T]) -> _T:
        from redis import Redis, RedisError
        from redis.backoff import NoBackoff
        from redis.exceptions import LockError
        from redis.retry import Retry

        try:
            if self._redis is None:
                once_more = Retry(NoBackoff(), 1, (ConnectionError,))  # for connections that a restart has closed
                self._redis = Redis.from_url(
                    self._url.get_secret_value(),
                    socket_timeout=TIMEOUT_S,
                    socket_connect_timeout=TIMEOUT_S,
                    retry=once_more,
                )
            return act(self._redis)
        except LockError:  # it did answer: the lock is another's
            raise
        except (RedisError, OSError) as exc:
            raise Away(_why(exc)) from exc

    def _lost(self, why: str) -> None:
        self._away_until, self._why = time.monotonic() + AWAY_S, why
        if self._well:
            self._well = False
            logger.warning(
                "The store at %s cannot be used (%s): this server reads and remembers on its own until it is back.",
                self.address,
                why,
            )

    def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            self._redis.close()
