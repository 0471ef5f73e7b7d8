"""Kill the process that fills a history, at moments chosen by chance, and see whether its manifest ever claims too much.

`python -m tests.history.crash` does so fifty times; the suite a few times.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import polars as pl

from server.demo.ids import from_datetime
from server.demo.world import World, anchor_of, build_world
from server.history.folder import Folder
from tests.test_cli import COMMAND, ROOT, environment, free_port, wait_for

OPERATIONS = 12_000
DAYS = 6
LONGEST_S = 1.5
"""The most a filling is let live: about as long as the whole of it takes where nothing else runs."""


class Wrong(msgspec.Struct):
    """What was wrong with a history: operations that its manifest claims and that lack, or that are there twice."""

    lacking: int = 0
    twice: int = 0
    strangers: int = 0


def found_wrong(folder: Path, world: World) -> Wrong:
    """Compare each part of a history with what the API has of its stretch."""
    wrong = Wrong()
    there = Folder(folder)
    for part in there.manifest().parts:
        first, last = (bisect_left(world.created, from_datetime(moment)) for moment in (part.start, part.end))
        truth = {operation.id for operation in world.operations[first:last]}
        ids = pl.read_parquet(there.paths(*part.single))["id"].to_list() if part.single else []
        wrong.lacking += len(truth - set(ids))
        wrong.strangers += len(set(ids) - truth)
        wrong.twice += len(ids) - len(set(ids))
    return wrong


@contextmanager
def api(now: datetime) -> Iterator[dict[str, str]]:
    """Serve the world of `now` over HTTP; give the settings that point to it."""
    port = free_port()
    program = [sys.executable, "benchmarks/_api.py", "--port", str(port), "--now", now.isoformat(), "--delay", "0.02"]
    with subprocess.Popen([*program, "--operations", str(OPERATIONS)], cwd=ROOT, stdout=subprocess.DEVNULL) as served:
        try:
            wait_for(port)
            address = f"http://127.0.0.1:{port}"
            yield environment(
                CATENA_BASE_URL=address,
                CATENA_TOKEN_URL=f"{address}/token",
                CATENA_CLIENT_ID="id",
                CATENA_CLIENT_SECRET="secret",  # of no account
            )
        finally:
            served.terminate()


def killed(kills: int, seed: int = 7) -> tuple[Wrong, int, int]:
    """Kill so many fillings; return what was wrong after any of them, operations in the last history, and full fills."""
    random, now, wrong, fills = Random(seed), datetime.now(UTC), Wrong(), 0
    world = build_world(anchor_of(now), operations=OPERATIONS)
    with tempfile.TemporaryDirectory() as root, api(now) as settings:
        kept, rows = Path(root) / "0", 0
        for _ in range(kills):
            with _started(settings, kept) as filling:
                assert filling.stderr is not None
                filling.stderr.readline()  # which says that it begins
                try:
                    filling.wait(random.random() * LONGEST_S)
                except subprocess.TimeoutExpired:
                    filling.send_signal(signal.SIGKILL)
            for folder in kept.glob("history-*"):
                wrong = _together(wrong, found_wrong(folder, world))
            if filling.returncode == 0:
                fills, kept = fills + 1, Path(root) / f"{fills + 1}"
        with _started(settings, kept) as last:
            last.communicate()
        assert last.returncode == 0
        (folder,) = kept.glob("history-*")
        wrong = _together(wrong, found_wrong(folder, world))
        rows = sum(part.rows for part in Folder(folder).manifest().parts)
        whole = world.count_before(now - timedelta(minutes=6)) - world.count_before(now - timedelta(days=DAYS))
        wrong.lacking += max(0, whole - rows - OPERATIONS // 1000)
        strays = {file.name for file in folder.glob("*.parquet")} - Folder(folder).manifest().files()
        wrong.strangers += len(strays)
    return wrong, rows, fills


def _together(one: Wrong, other: Wrong) -> Wrong:
    return Wrong(one.lacking + other.lacking, one.twice + other.twice, one.strangers + other.strangers)


def _started(settings: dict[str, str], kept: Path) -> "subprocess.Popen[bytes]":
    command = [*COMMAND, "sync", "--days", str(DAYS)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=settings | {"CATENA_HISTORY_URL": str(kept)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def main() -> None:
    """Kill fifty times, or as often as the command line says, and print what was wrong."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    began = time.perf_counter()
    wrong, rows, fills = killed(kills, seed=os.getpid())
    sys.stdout.write(
        f"{kills} kills, {fills} fills between them, {rows:,} operations in the last: lacking {wrong.lacking}, "
        f"twice {wrong.twice}, strangers {wrong.strangers} ({time.perf_counter() - began:.0f} s)\n"
    )
    sys.exit(1 if wrong != Wrong() else 0)


if __name__ == "__main__":
    main()
