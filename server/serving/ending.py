"""The end of a server behind a load balancer: first it says so, then it takes nothing new, then it is gone."""

import math
import signal
import time
from types import FrameType

import uvicorn

from .health import Health


class Ending(uvicorn.Server):
    """A server that first tells balancers to send no more, while it still takes what they send."""

    def __init__(self, config: uvicorn.Config, health: Health | None, drain_s: float) -> None:
        super().__init__(config)
        self._health = health
        self._drain_s = drain_s
        self._ends_at = math.inf

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a person's Ctrl-C, or a second signal, waits for no balancer."""
        waits = sig == signal.SIGTERM and self._drain_s > 0 and self._ends_at == math.inf
        if self._health:
            self._health.ending = True
        if waits:
            self._ends_at = time.monotonic() + self._drain_s
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """End when balancers have had their time."""
        if time.monotonic() >= self._ends_at:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)
