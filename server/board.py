"""The commands that show the failure board without a chat: live in a browser, or as a file to send."""

import json
import secrets
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from .app import OpsServer, build_server
from .commands import app, arguments_of, progress_bar, settings_of
from .errors import BadSettings
from .settings import Settings

HOST = "127.0.0.1"
ANSWERS: tuple[tuple[str, dict[str, Any]], ...] = (("summarize_failures", {"max_groups": 50}), ("compare_failures", {}))
"""What a report holds; the first takes every argument that is given, the others those they know."""


@app.command()
def board(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any that is free.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
) -> None:
    """Show the failure board in a browser, with new data every minute. Its address works once, on this machine."""
    from .live import live_app
    from .serving.http import server_of

    token = secrets.token_urlsafe(24)
    serving = live_app(build_server(_with_board(ctx)), token)
    try:
        listening = socket.create_server((HOST, port))
    except OSError as exc:
        raise BadSettings(f"Cannot listen on {HOST} port {port}: {exc.strerror}. Choose another --port.") from None
    address = f"http://{HOST}:{listening.getsockname()[1]}/?token={token}"
    typer.echo(f"Failure board at {address} (for one browser, once; Ctrl-C ends it)")
    sys.stdout.flush()
    if open_browser:
        webbrowser.open(address)
    server_of(serving, HOST, port).run(sockets=[listening])


def _with_board(ctx: typer.Context) -> Settings:
    """Return the settings; who asks for the board gets it, whatever chats are given."""
    return settings_of(ctx).model_copy(update={"board": True})


@app.command()
def report(
    ctx: typer.Context,
    html: Annotated[Path, typer.Option(help="File to write.")],
    arguments: Annotated[str, typer.Argument(help="Window and filters as a JSON object, as for `call`.")] = "{}",
) -> None:
    """Write the failures of a window, beside those of the one before, into one file to send. Exit 1 on a tool error."""
    from .live import snapshot_page

    settings = _with_board(ctx)
    answers = anyio.run(_answers, build_server(settings), arguments_of(arguments))
    if isinstance(answers, str):
        typer.echo(answers, err=True)
        raise typer.Exit(1)
    try:
        html.write_text(snapshot_page(answers), "utf-8")
    except OSError as exc:
        raise typer.BadParameter(f"{str(html)!r} cannot be written: {exc.strerror}", param_hint="--html") from None
    personal = "with personal values (CATENA_SHOW_PERSONAL_DATA)" if settings.show_personal_data else "masked"
    typer.echo(f"Written: {html} ({html.stat().st_size / 1000:,.0f} kB), what the tools answered just now, {personal}")


async def _answers(server: OpsServer, given: dict[str, Any]) -> list[dict[str, Any]] | str:
    """Return the answers of a report as they go over the wire, or the error of the one that failed."""
    from mcp import Client
    from mcp.types import TextContent

    answers = []
    async with Client(server) as client, progress_bar() as told:
        takes = {tool.name: tool.input_schema["properties"] for tool in (await client.list_tools()).tools}
        for tool, own in ANSWERS:
            asked = own | (given if tool == ANSWERS[0][0] else {k: v for k, v in given.items() if k in takes[tool]})
            result = await client.call_tool(tool, asked, progress_callback=told)
            if result.is_error:
                return "\n".join(block.text for block in result.content if isinstance(block, TextContent))
            answers.append(json.loads(result.model_dump_json(by_alias=True, include={"structured_content", "meta"})))
    return answers
