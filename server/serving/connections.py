"""Connections that cost no more than they may: uvicorn's own know no time limit for headers, body or reading."""

import asyncio
import logging
import sys
from contextlib import suppress
from typing import ClassVar, Literal

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from .limits import Limits

Awaited = Literal["headers", "body", "request", "nothing"]
"""What the client has to send next: the rest of a request it has begun, or the first byte of one."""

SAID = {
    400: "This is no HTTP request that can be read. The server speaks plain HTTP/1.1; TLS ends before it.",
    408: "The request was not sent within the time for it. Send it whole, and at once.",
    431: "The headers of the request are too large.",
    503: "Too many connections are open. Try again in a moment.",
}

logger = logging.getLogger(__name__)


class Connection(H11Protocol):
    """One connection; where there are too many, the one that has kept the server waiting longest makes room."""

    limits: ClassVar[Limits]
    _told: ClassVar[bool] = False
    _awaits: Awaited = "nothing"
    _waits_since = 0.0
    _refused = False
    _due: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection where there is room."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that whatever is left unread is told
        self._watch()
        self._find_room()

    def data_received(self, data: bytes) -> None:
        """Read on, unless what the client sends is no longer wanted."""
        if not self._refused:
            super().data_received(data)
            self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        for clock in (self._due, self._unread):
            if clock:
                clock.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the clock for a client that does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.limits.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that clock."""
        if self._unread:
            self._unread.cancel()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too much of it; uvicorn calls this while it handles the error that says which."""
        if not self._told:
            type(self)._told = True
            logger.warning("Something came that is no HTTP, as TLS or a scan of ports is. This is told once.")
        error = sys.exc_info()[1]
        self._refuse(error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400)

    def shutdown(self) -> None:
        """End as soon as nothing is under way."""
        if self._refused:
            self.transport.close()
        else:
            super().shutdown()

    @property
    def _ending(self) -> bool:
        return self._refused or self.transport.is_closing()

    def _awaited(self) -> Awaited:
        if self.conn.their_state is h11.SEND_BODY:
            return "body"
        if self.conn.their_state is not h11.IDLE:
            return "nothing"
        return "headers" if self.conn.trailing_data[0] else "request"

    def _watch(self) -> None:
        """Start the clock for what the client has to send next; it runs on while that stays the same."""
        awaited: Awaited = "nothing" if self._ending else self._awaited()
        if awaited == self._awaits:
            return
        if self._due:
            self._due.cancel()
        self._awaits, self._waits_since, self._due = awaited, self.loop.time(), None
        if awaited != "nothing":
            limits, used = self.limits, self.cycle is not None
            allowed = {"headers": limits.header_s, "body": limits.body_s, "request": limits.idle_s}
            self._due = self.loop.call_later(allowed[awaited] if used else limits.header_s, self._give_up)

    def _find_room(self) -> None:
        """Where too many are open, close one that no call needs; refuse this one where that is not enough."""
        others = [
            c for c in self.connections if isinstance(c, Connection) and c is not self and not c.transport.is_closing()
        ]
        over = len(others) - self.limits.connections + 1
        spare = [c for c in others if c._refused or c._awaits != "nothing"] if over > 0 else []
        if spare:
            first = min(spare, key=lambda c: (not c._refused, c._waits_since))
            first._give_up()
            first.transport.close()
        if over > len(spare[:1]):
            self._refuse(503)

    def _give_up(self) -> None:
        """End a connection whose client sends nothing, or not all of a request."""
        if self._refused or self._awaits == "request":
            self.transport.close()
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Say why no request is taken any more, as far as an answer is still due, and close when that can be read."""
        if self._ending:
            return
        self._refused = True
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._say(status)
        if self.cycle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()
        if self._due:
            self._due.cancel()
        self._due = self.loop.call_later(self.limits.linger_s, self.transport.close)
        # Closing now would reset the connection where bytes are still to come, and with it the answer.
        if not self.transport.get_write_buffer_size():
            with suppress(OSError):  # the client is gone already
                self.transport.write_eof()

    def _say(self, status: int) -> None:
        text = SAID.get(status, SAID[400]).encode()
        headers = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(text)))]
        headers += [("connection", "close")] + ([("retry-after", "1")] if status == 503 else [])
        events = (
            h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status]),
            h11.Data(data=text),
            h11.EndOfMessage(),
        )
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
