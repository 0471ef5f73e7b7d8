"""Stand between a client and a server on stdio and note every message: python tee.py FILE COMMAND…"""

import subprocess
import sys
import threading
from typing import IO


def copy(source: IO[bytes], target: IO[bytes], note: IO[bytes], mark: bytes) -> None:
    """Pass lines on, and write each down behind a mark of who said it."""
    for line in source:
        note.write(mark + line)
        note.flush()
        try:
            target.write(line)
            target.flush()
        except (BrokenPipeError, ValueError):
            return
    target.close()


def main() -> None:
    """Run until both ends are closed."""
    with open(sys.argv[1], "ab") as note, subprocess.Popen(sys.argv[2:], stdin=-1, stdout=-1) as server:
        assert server.stdin
        assert server.stdout
        there = threading.Thread(target=copy, args=(sys.stdin.buffer, server.stdin, note, b">"), daemon=True)
        there.start()
        copy(server.stdout, sys.stdout.buffer, note, b"<")


if __name__ == "__main__":
    main()
