"""The command. Serving stdio, which hosts wait for, takes a short way past everything only people need."""

import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import BadSettings

STDIO: tuple[list[str], ...] = ([], ["serve"], ["serve", "--transport", "stdio"], ["serve", "--transport=stdio"])

AT_A_TERMINAL = """\
This is an MCP server: it waits for a client to speak to it, and is not meant to be typed to. Ctrl-C ends it.
  catena-ops-mcp call summarize_failures    one answer, here
  catena-ops-mcp doctor                     checks the setup
  catena-ops-mcp --help                     all commands; --demo with any of them needs no account
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; exit 2 where settings or arguments cannot be used."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console may lack letters that a TSP's message holds
    demo = "--demo" in arguments  # goes with every command, wherever it stands
    rest = [word for word in arguments if word != "--demo"]
    try:
        rest = settings_taken(rest)
        if rest in STDIO:
            serve_stdio(demo)
        else:
            from . import board, sync  # noqa: F401  # they add their commands
            from .commands import run

            run(rest, demo)
    except BadSettings as exc:
        sys.stderr.write(f"catena-ops-mcp: {exc}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def settings_taken(arguments: list[str]) -> list[str]:
    """Take `--settings FILE` out of the arguments, wherever it stands, and its lines into the environment.

    Raises:
        BadSettings: No file is named, or it cannot be used.
    """
    rest, file = [], None
    words = iter(arguments)
    for word in words:
        if word == "--settings" or word.startswith("--settings="):
            file = word.partition("=")[2] or next(words, None)
            if not file:
                raise BadSettings("--settings takes a file of lines NAME=value.")
        else:
            rest.append(word)
    if file:
        from .settings import take_settings

        take_settings(Path(file).expanduser())
    return rest


def serve_stdio(demo: bool) -> None:
    """Serve MCP over stdin and stdout until one of them closes.

    Without credentials it serves all the same, and each call answers with what to set: hosts show what a tool says, and
    of a server that ends at the start only that the connection closed.

    Raises:
        BadSettings: A setting cannot be used.
    """
    # What is imported here lives as long as the process: collecting it meanwhile costs a tenth of the start, and
    # again at the end. See benchmarks/start.
    gc.disable()
    from .app import build_server, quiet_logging
    from .settings import load_settings

    settings = load_settings(demo=True) if demo else load_settings()
    if not settings.demo:
        try:
            settings.secret()
        except BadSettings as exc:
            sys.stderr.write(f"catena-ops-mcp: {exc}\n")
    quiet_logging()
    server = build_server(settings)
    gc.freeze()
    gc.enable()
    if sys.stdin and sys.stdin.isatty():
        sys.stderr.write(AT_A_TERMINAL)
    # Reading stdin blocks a thread that no cancellation ends, so Ctrl-C would wait for the next message.
    # A handler of our own, since Polars puts itself before the default one when it is first used.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    # The first process of a container gets no default one for SIGTERM, and would be killed ten seconds later.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    try:
        server.run()
    except* BrokenPipeError:
        sys.stderr.write("catena-ops-mcp: the client has closed its end.\n")
