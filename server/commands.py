"""The commands for people: serve over HTTP, call one tool, check the setup, run the stand-in API."""

import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from . import __version__
from .app import OpsServer, build_server, quiet_logging
from .errors import BadArgument
from .runtime import utc_now
from .settings import Settings, load_settings
from .terminal import drawn
from .ui import TIMELINES

if TYPE_CHECKING:
    from mcp.shared.dispatcher import ProgressFnT
    from rich.console import RenderableType

Ports = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]

app = typer.Typer(
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Transport(StrEnum):
    """How a client talks to the server."""

    stdio = "stdio"
    http = "http"
    streamable_http = "streamable-http"
    """The protocol's own name of the same."""


def run(arguments: Sequence[str], demo: bool) -> None:
    """Run one command; `demo` stands for --demo anywhere on the line."""
    quiet_logging()
    app(list(arguments), obj=demo, prog_name="catena-ops-mcp")


def settings_of(ctx: typer.Context) -> Settings:
    """Read the settings and refuse to start a real connection without credentials."""
    settings = load_settings(demo=True) if ctx.obj else load_settings()
    if not settings.demo and not settings.tenants_file:  # tenants bring their own
        settings.secret()
    return settings


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"catena-ops-mcp {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Without a command: MCP over stdio. Settings are CATENA_* environment variables, or lines of a file; see the README."
)
def _root(
    _demo: Annotated[
        bool, typer.Option("--demo", help="Use the built-in stand-in API: no account, nothing sent.")
    ] = False,
    _settings: Annotated[
        Path | None, typer.Option("--settings", help="A file of settings, NAME=value a line; the environment wins.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Tell an assistant what fails in Catena's resource operations, since when, for whom, why, and who has to act."""


@app.command()
def serve(
    ctx: typer.Context,
    transport: Annotated[Transport, typer.Option(help="stdio for a local client, http for many.")] = Transport.stdio,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Ports = 8000,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="Host name by which clients reach a server beyond loopback; may repeat.")
    ] = None,
    behind: Annotated[
        str, typer.Option(help="Name of the gateway that lets only your callers through, in the place of a sign-in.")
    ] = "",
    no_sign_in: Annotated[
        bool, typer.Option("--no-sign-in", help="Let whoever reaches it ask, beyond loopback too.")
    ] = False,
    drain: Annotated[
        float, typer.Option(min=0, help="Seconds for which, told to end (SIGTERM), /readyz says so before it ends.")
    ] = 0,
) -> None:
    """Serve MCP. Over HTTP at /mcp, stateless, with /healthz and /readyz; beyond loopback with a sign-in (CATENA_AUTH_ISSUER)."""
    if transport is Transport.stdio:
        raise typer.BadParameter("stdio takes no host or port; leave them out, or add --transport http")
    from .serving.calls import Calls
    from .serving.http import guarded_by, serve_http

    settings = settings_of(ctx)
    guarded = guarded_by(settings)
    if guarded and (behind or no_sign_in):
        raise typer.BadParameter(
            "CATENA_AUTH_ISSUER is set, so callers sign in: leave --behind and --no-sign-in out, or unset it"
        )
    instead = f"behind {behind}" if behind else "NO SIGN-IN" if no_sign_in else ""
    server = build_server(settings, calling=Calls(guarded.tenants, settings).lent if guarded else None)
    serve_http(server, host, port, allowed_host or [], guarded, instead, drain)


@app.command()
def call(
    ctx: typer.Context,
    tool: Annotated[str, typer.Argument(help="Name of the tool.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON object.")] = "{}",
    as_json: Annotated[bool, typer.Option("--json", help="Print the structured result.")] = False,
) -> None:
    """Call one tool through an in-process MCP client; drawn where stdout is a terminal. Exit 1 on a tool error."""
    given = arguments_of(arguments)
    server = build_server(settings_of(ctx))
    failed, said = anyio.run(_call, server, tool, given, as_json)
    if isinstance(said, str):
        typer.echo(said, err=failed)
    else:
        Console().print(said)
    raise typer.Exit(1 if failed else 0)


def arguments_of(arguments: str) -> dict[str, Any]:
    """Decode the arguments of a tool from the command line."""
    try:
        given = json.loads(arguments)
    except ValueError as exc:
        raise typer.BadParameter(f"the arguments are no JSON ({exc}); write them as '{{\"size\": 10}}'") from None
    if not isinstance(given, dict):
        raise typer.BadParameter("the arguments must be a JSON object, like '{\"size\": 10}'")
    return given


async def _call(
    server: OpsServer, tool: str, given: dict[str, Any], as_json: bool
) -> "tuple[bool, str | RenderableType]":
    """Return whether the call failed, and what to print."""
    from mcp import Client, MCPError
    from mcp.types import TextContent

    async with Client(server) as client, progress_bar() as told:
        try:
            result = await client.call_tool(tool, given, progress_callback=told)
        except MCPError as exc:
            return True, str(exc)
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    if result.is_error:
        return True, text
    if as_json:
        # Escapes where the console lacks letters: a question mark in their place would be another value.
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        return False, json.dumps(result.structured_content, indent=2, ensure_ascii=not unicode)
    picture = (
        drawn(result.structured_content or {}, (result.meta or {}).get(TIMELINES)) if sys.stdout.isatty() else None
    )
    return False, picture or text


@asynccontextmanager
async def progress_bar() -> AsyncGenerator["ProgressFnT"]:
    """Show progress on stderr where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("reading", total=1.0)

        async def told(progress: float, total: float | None, message: str | None) -> None:
            bar.update(task, completed=progress, total=total, description=message or "reading")

        yield told


@app.command()
def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="An MCP client's configuration file: check what it starts, and with what.")
    ] = None,
) -> None:
    """Check settings, network, token, scope, one list call, store and clock: a line each. Exit 1 if one fails."""
    from .doctor import Check, Report, check_setup

    told: list[Check] = []

    def tell(check: Check) -> None:
        told.append(check)
        if not as_json:
            typer.echo(f"{_MARKS[check.fine]} {check.name:<9} {check.told}")

    if config is None:
        anyio.run(check_setup, lambda: settings_of(ctx), tell)
    else:
        from .hosts import check_config

        anyio.run(check_config, config, tell)
    fine = all(check.fine is not False for check in told)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(Report(__version__, fine, told)), indent=2))
    raise typer.Exit(0 if fine else 1)


_MARKS = {True: "ok  ", False: "FAIL", None: "skip"}


@app.command()
def demo_api(
    port: Ports = 8765,
    now: Annotated[str | None, typer.Option(help="Stop the API's clock at this time (ISO 8601).")] = None,
    operations: Annotated[int, typer.Option(min=100, help="Operations in the ten days before now.")] = 24_000,
    seed: Annotated[int, typer.Option(help="Another seed is another story.")] = 7,
    faults: Annotated[str, typer.Option(help="Faults to switch on, e.g. errors=0.15,rate=20,drift=true.")] = "",
) -> None:
    """Run the stand-in API as a real HTTP server and print the settings that point to it."""
    from .demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
    from .demo.api import build_api
    from .demo.faults import Faults
    from .demo.world import anchor_of, build_world
    from .serving.http import check_free, server_of

    check_free("127.0.0.1", port)
    try:
        moment = _moment(now) if now else None
        switched = Faults.parse(faults)
    except (BadArgument, ValueError) as exc:
        raise typer.BadParameter(str(exc)) from None

    def clock() -> datetime:
        return moment or utc_now()

    api = build_api(build_world(anchor_of(clock()), seed=seed, operations=operations), clock=clock, faults=switched)
    address = f"http://127.0.0.1:{port}"
    typer.echo(
        f"Stand-in API at {address} (Ctrl-C ends it). Point the server to it with\n"
        f"  CATENA_BASE_URL={address}\n"
        f"  CATENA_TOKEN_URL={address}{TOKEN_PATH}\n"
        f"  CATENA_CLIENT_ID={CLIENT_ID}\n"
        f"  CATENA_CLIENT_SECRET={CLIENT_SECRET}\n"
        f"  CATENA_SCOPE=organization"
    )
    sys.stdout.flush()
    server_of(api, "127.0.0.1", port).run()


def _moment(text: str) -> datetime:
    from .analysis.window import moment_of

    return moment_of(text, "--now", utc_now())
