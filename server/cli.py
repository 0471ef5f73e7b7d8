"""The command. Serving stdio, which hosts wait for, takes a short way past everything only people need."""

import gc
import os
import signal
import sys
from collections.abc import Sequence

from .errors import BadSettings

STDIO: tuple[list[str], ...] = ([], ["serve"], ["serve", "--transport", "stdio"], ["serve", "--transport=stdio"])


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; exit 2 where settings or arguments cannot be used."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    demo = "--demo" in arguments  # goes with every command, wherever it stands
    rest = [word for word in arguments if word != "--demo"]
    try:
        if rest in STDIO:
            serve_stdio(demo)
        else:
            from . import board  # noqa: F401  # adds its commands
            from .commands import run

            run(rest, demo)
    except BadSettings as exc:
        sys.stderr.write(f"catena-ops-mcp: {exc}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def serve_stdio(demo: bool) -> None:
    """Serve MCP over stdin and stdout until stdin closes.

    Raises:
        BadSettings: Settings are missing or cannot be used.
    """
    # What is imported here lives as long as the process: collecting it meanwhile costs a tenth of the start, and
    # again at the end. See benchmarks/start.
    gc.disable()
    from .app import build_server, quiet_logging
    from .settings import load_settings

    settings = load_settings(demo=True) if demo else load_settings()
    if not settings.demo:
        settings.secret()
    quiet_logging()
    server = build_server(settings)
    gc.freeze()
    gc.enable()
    # Reading stdin blocks a thread that no cancellation ends, so Ctrl-C would wait for the next message.
    # A handler of our own, since Polars puts itself before the default one when it is first used.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    server.run()
