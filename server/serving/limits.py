"""What a connection may take of the server before it is a client's turn to end."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes are bytes, times seconds."""

    connections: int = 512
    """Half of the open files that systems commonly allow a process."""

    backlog: int = 128
    """How many wait to be taken; so many are taken at a time, before they are counted."""

    header_bytes: int = 16_384
    header_s: float = 10.0
    """From the first byte of a request, or from connecting, to the end of its headers."""

    body_bytes: int = 262_144
    """Many times the largest question: a hundred fleet references and a cursor."""

    body_s: float = 20.0
    idle_s: float = 75.0
    """Longer than the minute for which load balancers keep a connection: who closes last never cuts a request off."""

    unread_s: float = 30.0
    """For so long a client may take not one byte of an answer."""

    linger_s: float = 2.0
    """For so long a refused client may still send, so that it comes to read why."""

    grace_s: int = 8
    """How long calls under way may go on when the server is told to end; container hosts kill after ten."""
