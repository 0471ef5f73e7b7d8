"""The folder of a history: files that are whole before they are named, a manifest that is replaced as one, one writer."""

import os
import sys
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import polars as pl

from ..errors import BadSettings
from .manifest import Manifest, decoded

MANIFEST = "manifest.json"
LOCK = "writer.lock"
KEPT_FOR_READERS = timedelta(minutes=10)
"""How long a file that was replaced stays, for who still reads by the manifest of before."""

ROW_GROUP = 50_000
LOOK_AGAIN_S = 0.05


class Folder:
    """One folder on local disk. Whoever dies while writing leaves the manifest of before, or the new one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest(self) -> Manifest:
        """Return what there is; an empty manifest where there is nothing."""
        try:
            return decoded((self.path / MANIFEST).read_bytes())
        except OSError:
            return Manifest()

    @contextmanager
    def writing(self, wait_s: float = 0.0) -> Generator[bool]:
        """Be the one who writes, if nobody else is; the system lets go of it when this process dies.

        Raises:
            BadSettings: The folder cannot be used.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as exc:
            raise BadSettings(
                f"CATENA_HISTORY_URL names a folder that cannot be written ({exc.strerror}). Name another, or unset it."
            ) from exc
        try:
            ends_at = time.monotonic() + wait_s
            while not (taken := _locked(lock)) and time.monotonic() < ends_at:
                time.sleep(LOOK_AGAIN_S)
            if taken:
                self._sweep()
            yield taken
        finally:
            os.close(lock)

    def write(self, frame: pl.DataFrame) -> str:
        """Write rows into a new file that survives a loss of power; return its name, which no manifest holds yet."""
        name = f"{uuid.uuid4().hex}.parquet"
        with _created(self.path / name) as file:
            frame.write_parquet(file, compression="zstd", row_group_size=ROW_GROUP)
        return name

    def put(self, manifest: Manifest, now: datetime) -> None:
        """Replace the manifest, then delete the files that nobody can still be reading."""
        kept = [(file, when) for file, when in manifest.dropped if now - when < KEPT_FOR_READERS]
        old = {file for file, _ in manifest.dropped} - {file for file, _ in kept}
        manifest.dropped = kept
        told = self.path / f"{MANIFEST}.new"
        with _created(told) as file:
            file.write(manifest.encode())
        told.replace(self.path / MANIFEST)
        self._settle_names()
        for name in old - manifest.files():
            (self.path / name).unlink(missing_ok=True)

    def paths(self, *names: str) -> list[Path]:
        """Return where some files lie."""
        return [self.path / name for name in names]

    def bytes_used(self) -> int:
        """Return how much of the disk it takes."""
        return sum(file.stat().st_size for file in self.path.glob("*.parquet"))

    def _sweep(self) -> None:
        """Delete what a writer that died had written and not named."""
        named = self.manifest().files()
        for file in self.path.glob("*.parquet"):
            if file.name not in named:
                file.unlink(missing_ok=True)

    def _settle_names(self) -> None:
        """Let the names in the folder survive a loss of power too; Windows does so by itself."""
        if sys.platform != "win32":
            folder = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


@contextmanager
def _created(path: Path) -> Generator[BinaryIO]:
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600), "wb"
    ) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


if sys.platform == "win32":
    import msvcrt

    def _locked(lock: int) -> bool:
        with suppress(OSError):
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
            return True
        return False
else:
    import fcntl

    def _locked(lock: int) -> bool:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False
