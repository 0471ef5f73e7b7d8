"""Opens the server to HTTP clients, says to whom, and ends it when the calls under way are answered."""

import socket
import sys
from collections.abc import Sequence

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp

from ..app import OpsServer
from ..errors import BadSettings
from .callers import caller
from .connections import Connection
from .door import MCP, door
from .ending import Ending
from .health import Health, state_of
from .limits import Limits
from .names import LOOPBACK, Names, is_every_address, is_loopback, name_of


def serve_http(server: OpsServer, host: str, port: int, allowed: Sequence[str], drain_s: float = 0) -> None:
    """Serve MCP until a signal ends it; `allowed` are the host names by which clients may reach it.

    `drain_s` is for how long it says, told to end, that it is not ready, before it takes no more connections.

    Raises:
        BadSettings: It cannot listen there, or a host is none.
    """
    check_free(host, port)
    shown = f"[{host}]" if ":" in host else host
    names = names_for(host, allowed)
    sys.stderr.write(f"Serving MCP at http://{shown}:{port}{MCP} (Ctrl-C ends it)\n")
    if not is_loopback(host) and not allowed:
        sys.stderr.write(warning(host))
    health = Health(lambda: state_of(server.opened))
    server_of(application(server, names, health=health), host, port, health=health, drain_s=drain_s).run()


def names_for(host: str, allowed: Sequence[str]) -> Names:
    """Return the names of a server that listens on an address.

    Raises:
        BadSettings: An allowed name is none.
    """
    for name in allowed:
        if name_of(name) is None:
            raise BadSettings(
                f"--allowed-host takes a host name alone, like ops.example.com; {name[:100]!r} is none. "
                "A name with other letters than a-z is written as browsers send it (xn--...)."
            )
    own = [] if is_every_address(host) else [f"[{host}]" if ":" in host else host]
    return Names([*LOOPBACK, *own, *allowed])


def warning(host: str) -> str:
    """Say what it means to be reached from other machines without naming how."""
    known = "localhost" if is_every_address(host) else f"localhost or {host}"
    return (
        "WARNING: other machines reach this server, and it has no sign-in: whoever reaches it reads with your Catena "
        f"credentials. Clients that call it anything but {known} are refused (421), but any program can give that "
        "name.\n         Add --allowed-host with the name clients use, and let only your gateway or network reach it; "
        "or leave out --host.\n"
    )


def application(server: OpsServer, names: Names, limits: Limits | None = None, health: Health | None = None) -> ASGIApp:
    """Return the whole application: MCP and health behind the door."""
    if server.watch:
        server.watch.who = caller
    # The door has checked names already, and whole ones: the SDK compares only how they begin.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(streamable_http_path=MCP, stateless_http=True, transport_security=unchecked)
    return door(app, names, limits or Limits(), health or Health(lambda: state_of(server.opened)))


def server_of(
    app: ASGIApp, host: str, port: int, limits: Limits | None = None, health: Health | None = None, drain_s: float = 0
) -> uvicorn.Server:
    """Return a server for any application, with limits on what its connections cost."""
    # It would end every stream of events when the server begins to end, with the answers still to come in them.
    AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]  # of a library half typed
    limits = limits or Limits()
    return Ending(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            backlog=limits.backlog,
            log_config=None,  # what it logs goes where all of the server's does
            log_level="error",  # it warns of every request that is none
            access_log=False,
            proxy_headers=False,  # nothing here depends on who a proxy says it asks for
            http=type("LimitedConnection", (Connection,), {"limits": limits}),
            ws="none",
            h11_max_incomplete_event_size=limits.header_bytes,
            timeout_keep_alive=round(limits.idle_s) + 1,  # the connection's own clock comes first
            timeout_graceful_shutdown=limits.grace_s,
        ),
        health,
        drain_s,
    )


def check_free(host: str, port: int) -> None:
    """See that an address can be listened on.

    Raises:
        BadSettings: It cannot.
    """
    if not host.strip():
        raise BadSettings("--host is empty, which would mean every address. Give one, or leave it out for loopback.")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as exc:
        raise BadSettings(
            f"Cannot listen on {host} port {port}: {exc.strerror}. Choose another --port or --host."
        ) from None
