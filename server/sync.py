"""The command that fills the history, once or for as long as it runs."""

import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from .app import OpsServer, build_server
from .commands import app, progress_bar, settings_of
from .errors import BadSettings, OpsError

if TYPE_CHECKING:
    from mcp.shared.dispatcher import ProgressFnT

    from .history.kept import History

WAIT_FOR_WRITER_S = 3.0
"""A server that keeps what a question read is done sooner."""

ANOTHER_WRITES = "Another process fills this history. Let it, or end it first."
NO_FOLDER = "CATENA_HISTORY_URL names no folder to keep a history in. Set it, and start again."

Bar = Callable[[], "AbstractAsyncContextManager[ProgressFnT]"]


@app.command()
def sync(
    ctx: typer.Context,
    days: Annotated[
        int | None, typer.Option(min=1, help="How many days back to begin; default and most: CATENA_HISTORY_DAYS.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is new, until SIGTERM or Ctrl-C.")] = False,
) -> None:
    """Fill the history (CATENA_HISTORY_URL) at the pace the API allows; goes on where it was left. Exit 1 if it cannot."""
    settings = settings_of(ctx)
    if not settings.history_url:
        raise BadSettings(NO_FOLDER)
    try:
        told = anyio.run(_synced, build_server(settings), days or settings.history_days, follow, progress_bar)
    except BadSettings:
        raise
    except OpsError as exc:
        typer.echo(f"catena-ops-mcp: {exc}", err=True)
        raise typer.Exit(1) from None
    typer.echo(told)


async def _synced(server: OpsServer, days: int, follow: bool, bar: Bar) -> str:
    """Fill the history and return what became of it; SIGTERM and Ctrl-C end it between two writes."""
    from .history.filling import Filling

    async with server.runtime() as runtime, bar() as progress, _ending() as ended:
        assert runtime.beyond is not None
        history = runtime.beyond.history

        async def tell(operations: int, share: float) -> None:
            await progress(share, 1.0, f"read {operations:,} operations")

        with history.writing(WAIT_FOR_WRITER_S) as writer:
            if writer is None:
                raise OpsError(ANOTHER_WRITES)
            typer.echo(f"Filling {history.folder.path}; what is read stays, whenever it ends.", err=True)
            filling = Filling(await runtime.client(), history, writer, runtime.clock, tell)
            with ended:
                await (filling.follow(days) if follow else filling.fill(days))
            return _told(history, filling.read)


@asynccontextmanager
async def _ending() -> AsyncGenerator[anyio.CancelScope]:
    """Give a scope that SIGTERM and Ctrl-C leave, instead of ending the process in the middle of a write."""
    ended = anyio.CancelScope()

    async def wait(signals: AsyncIterable[signal.Signals]) -> None:
        async for _ in signals:
            ended.cancel()

    if sys.platform == "win32":
        yield ended
        return
    async with anyio.create_task_group() as tasks:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            tasks.start_soon(wait, signals)
            yield ended
            tasks.cancel_scope.cancel()


def _told(history: "History", read: int) -> str:
    """Say what the history holds."""
    parts = history.folder.manifest().parts
    if not parts:
        return f"{read:,} operations read; the history is empty."
    rows, megabytes = sum(part.rows for part in parts), history.folder.bytes_used() / 1e6
    return (
        f"{read:,} operations read now; the history holds {rows:,} from {parts[0].start:%Y-%m-%d %H:%M} to "
        f"{parts[-1].end:%Y-%m-%d %H:%M} UTC, {megabytes:,.1f} MB."
    )
