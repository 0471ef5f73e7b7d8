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
from ..settings import Settings
from ..tenants import EVERYONE, load_tenants
from .callers import caller
from .connections import Connection
from .door import MCP, WholeRequests, door
from .ending import Ending
from .health import Health, state_of
from .limits import Limits
from .names import LOOPBACK, Names, is_every_address, is_loopback, name_of
from .sign_in import Guarded, SignIn
from .tokens import Verifier


def serve_http(
    server: OpsServer,
    host: str,
    port: int,
    allowed: Sequence[str],
    guarded: Guarded | None,
    instead: str,
    drain_s: float = 0,
) -> None:
    """Serve MCP until a signal ends it; `allowed` are the host names by which clients may reach it.

    `instead` says what stands in the place of a sign-in where it is not `guarded`. `drain_s` is for how long it says, told
    to end, that it is not ready, before it takes no more connections.

    Raises:
        BadSettings: It cannot listen there, a host is none, or others reach it and nothing guards it.
    """
    if not guarded and not instead and host.strip() and not is_loopback(host):
        raise BadSettings(UNGUARDED.format(host))
    check_free(host, port)
    shown = f"[{host}]" if ":" in host else host
    names = names_for(host, [*allowed, *([guarded.host] if guarded else [])])
    signed_in = f"sign-in by {guarded.issuer}" if guarded else instead or "no sign-in, for this machine alone"
    sys.stderr.write(f"Serving MCP at http://{shown}:{port}{MCP}, {signed_in} (Ctrl-C ends it)\n")
    if not is_loopback(host) and not allowed and not guarded:
        sys.stderr.write(warning(host))
    health = Health(lambda: state_of(server.opened))
    app = application(server, names, guarded=guarded, health=health)
    server_of(app, host, port, health=health, drain_s=drain_s).run()


UNGUARDED = (
    "--host {} lets other machines reach this server, and nothing says who may ask: whoever reaches it would read with your "
    "Catena credentials. Let callers sign in (CATENA_AUTH_ISSUER and CATENA_AUTH_AUDIENCE), name the gateway that lets only "
    "yours through (--behind NAME), say that it shall have no sign-in (--no-sign-in), or leave out --host."
)


def guarded_by(settings: Settings) -> Guarded | None:
    """Return who signs the tokens of callers, for which address, and who they may be; None where nobody signs in.

    Raises:
        BadSettings: The file of tenants cannot be used.
    """
    issuer, audience, path = settings.auth_issuer, settings.auth_audience, settings.tenants_file
    tenants = load_tenants(path) if path else EVERYONE
    return Guarded(issuer, audience, tenants) if issuer and audience else None


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
        "WARNING: other machines reach this server, and it asks nobody to sign in: whoever reaches it reads with your "
        f"Catena credentials. Clients that call it anything but {known} are refused (421), but any program can give that "
        "name.\n         Add --allowed-host with the name clients use, and let only your gateway or network reach it; "
        "or leave out --host.\n"
    )


def application(
    server: OpsServer,
    names: Names,
    limits: Limits | None = None,
    guarded: Guarded | None = None,
    health: Health | None = None,
) -> ASGIApp:
    """Return the whole application: MCP and health behind the door, and MCP behind the sign-in where there is one."""
    if server.watch:
        server.watch.who = caller
    health = health or Health(lambda: state_of(server.opened))
    # The door has checked names already, and whole ones: the SDK compares only how they begin.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(streamable_http_path=MCP, stateless_http=True, transport_security=unchecked)
    inside = WholeRequests(app, limits or Limits())
    if guarded is None:
        return door(inside, names, health)
    app.router.routes.extend(guarded.routes())
    return door(SignIn(inside, guarded, Verifier(guarded.issuer, guarded.audience)), names, health)


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
