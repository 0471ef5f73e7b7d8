"""What load balancers ask: is the process alive, and should it get questions. Told to anybody, so it tells a word alone."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

import anyio
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from .. import __version__
from ..errors import OpsError
from ..runtime import Runtime
from ..runtimes import Runtimes

ALIVE = "/healthz"
READY = "/readyz"

CHECK_S = 5.0
"""The most that a check takes; balancers give up after a few seconds."""

KNOWN_S = 5.0
"""For so long a good answer stands, however many ask."""

TRY_AGAIN_S = 15.0
"""After so long a bad one is tried again: each try asks for a token, and too many refusals lock an account."""

State = Literal["ok", "degraded", "unready", "ending"]
"""`degraded`: the shared store is away, and this server answers on its own."""

SERVES = ("ok", "degraded")

logger = logging.getLogger(__name__)


@dataclass
class Health:
    """Whether this server can answer, as last looked at."""

    look: Callable[[], Awaitable[State]]
    now: Callable[[], float] = time.monotonic
    ending: bool = False
    _state: State = "ok"
    _stands_until: float = 0.0
    _looking: anyio.Lock = field(default_factory=anyio.Lock)

    async def answer(self, scope: Scope, *, stranger: bool) -> Response | None:
        """Answer a question about health; None where a request asks something else."""
        if scope["method"] not in ("GET", "HEAD"):
            return None
        path = scope["path"].rstrip("/")
        if path == ALIVE:
            return JSONResponse({"status": "ok"} if stranger else {"status": "ok", "version": __version__})
        if path == READY:
            state = await self.state()
            return JSONResponse({"status": state}, HTTPStatus.OK if state in SERVES else HTTPStatus.SERVICE_UNAVAILABLE)
        return None

    async def state(self) -> State:
        """Return whether this server should get questions."""
        if self.ending:
            return "ending"
        async with self._looking:  # one look serves all who ask meanwhile
            if self.now() >= self._stands_until:
                before, self._state = self._state, await self.look()
                self._stands_until = self.now() + (KNOWN_S if self._state == "ok" else TRY_AGAIN_S)
                if self._state != before:
                    logger.warning("Readiness is now %s, and was %s.", self._state, before)
        return self._state


async def state_of(opened: Runtime | Runtimes | None) -> State:
    """See that a token can be had, or is held, and that the shared store answers; what fails is told in the log alone.

    Of tenants it tells only that calls are taken: with whose credentials Catena is asked is known when a caller is.
    """
    if opened is None:
        return "unready"
    if isinstance(opened, Runtimes):
        return "ok"
    state: State = "unready"
    with anyio.move_on_after(CHECK_S):
        try:
            await (await opened.client()).token()
            sharing = await opened.sharing()
            fine, told = (True, "") if sharing is None else await sharing.store.check()
            state = "ok" if fine else "degraded"
        except OpsError as exc:
            told = str(exc)
        if state != "ok":
            logger.warning("Not ready: %s", told)
    return state
