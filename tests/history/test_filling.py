"""A history is filled at the pace the API allows, goes on where it was left, and follows what is new and what waited."""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import polars as pl
import pytest

from server.app import build_server
from server.catena.wire import Drift
from server.demo.api import build_api
from server.demo.faults import Faults
from server.demo.world import World, anchor_of, build_world
from server.history.filling import Filling, NotByCreation
from server.history.kept import History
from tests.conftest import AT_ONCE, NOW, asking, facts, settings_of
from tests.history.crash import Wrong, killed
from tests.test_cli import run, started

pytestmark = pytest.mark.anyio
DAYS = 5


@pytest.fixture(scope="module")
def world() -> World:
    """A quarter of the demo world."""
    return build_world(anchor_of(NOW), operations=6_000)


class Filler:
    """Fills one history again and again, in a new process each time, while the clock goes on."""

    def __init__(self, world: World, folder: Path, faults: Faults | None = None) -> None:
        self.world, self.folder, self.faults = world, folder, faults or Faults()
        self.now = NOW
        self.sent: list[httpx.Request] = []

    @asynccontextmanager
    async def filling(self) -> AsyncGenerator[Filling]:
        api = build_api(self.world, clock=lambda: self.now, faults=self.faults)

        async def note(request: httpx.Request) -> None:
            self.sent.append(request)

        def opened() -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=httpx.ASGITransport(app=api), event_hooks={"request": [note]})

        async def tell(operations: int, share: float) -> None:
            assert 0 <= share <= 1.0001

        settings = settings_of(history_url=str(self.folder))
        server = build_server(settings, clock=lambda: self.now, open_http=opened, retries=AT_ONCE)
        async with server.runtime() as runtime:
            assert runtime.beyond
            with runtime.beyond.history.writing() as writer:
                assert writer
                client = await runtime.client()
                yield Filling(client, runtime.beyond.history, writer, lambda: self.now, tell)

    async def fill(self, days: int = DAYS) -> History:
        async with self.filling() as filling:
            await filling.fill(days)
            return filling.history

    def truth(self, start: datetime, end: datetime) -> list[tuple[Any, ...]]:
        """Return what the API shows of a stretch now."""
        rows = [
            self.world.row(op, self.now)
            for op in self.world.operations[self.world.count_before(start) : self.world.count_before(end)]
        ]
        told = msgspec.json.decode(msgspec.json.encode(rows))
        return sorted((row["id"], row["status"]) for row in told)


def rows_in(history: History) -> list[tuple[Any, ...]]:
    parts = history.folder.manifest().parts
    files = [file for part in parts for file in part.single]
    frame = pl.read_parquet(history.folder.paths(*files))
    return sorted(frame.select("id", pl.col("status").cast(pl.String)).iter_rows())


@pytest.mark.parametrize(
    "faults", [Faults(), Faults(errors=0.1, drift=True, order="scattered"), Faults(repeat=3, order="oldest")]
)
async def test_all_of_it_is_there_once_and_a_second_filling_has_nothing_to_do(
    world: World, tmp_path: Path, faults: Faults
) -> None:
    filler = Filler(world, tmp_path, faults)
    history = await filler.fill()
    start, end = NOW - timedelta(days=DAYS), NOW - timedelta(minutes=5)
    if not faults.drift:
        assert rows_in(history) == filler.truth(start, end)
    else:  # later statuses have other names there
        assert [row[0] for row in rows_in(history)] == [row[0] for row in filler.truth(start, end)]
    filler.sent.clear()
    await filler.fill()
    assert [request for request in filler.sent if request.url.path.endswith("/resource-operations")] == []


async def test_what_is_new_and_what_waited_is_followed_until_it_is_settled(world: World, tmp_path: Path) -> None:
    filler = Filler(world, tmp_path)
    filler.now = NOW - timedelta(days=2)
    begins = filler.now - timedelta(days=2)
    await filler.fill(2)
    for minutes in (1, 30, 60, 60, 300, 60, 720, 1440):
        filler.now += timedelta(minutes=minutes)
        history = await filler.fill(2)
    assert rows_in(history) == filler.truth(begins, filler.now - timedelta(minutes=5))
    parts = history.folder.manifest().parts
    assert any(part.ripe for part in parts)
    assert len(parts) < 30


async def test_a_filling_that_is_cut_off_goes_on_where_it_ended(world: World, tmp_path: Path) -> None:
    filler = Filler(world, tmp_path)
    async with filler.filling() as filling:
        reads = 0
        stretch = filling._stretch

        async def cut(start: datetime, end: datetime) -> int:
            nonlocal reads
            reads += 1
            if reads == 4:
                raise KeyboardInterrupt
            return await stretch(start, end)

        filling._stretch = cut  # type: ignore[method-assign]  # the process ends there
        with pytest.raises(KeyboardInterrupt):
            await filling.fill(DAYS)
        held = sum(part.rows for part in filling.history.folder.manifest().parts)
    assert held > 0
    async with filler.filling() as filling:
        await filling.fill(DAYS)
        assert filling.read + held == len(rows_in(filling.history))


async def test_where_windows_go_by_another_time_nothing_is_kept(world: World, tmp_path: Path) -> None:
    filler = Filler(world, tmp_path)
    async with filler.filling() as filling:
        filling.client.window_field = "unknown"
        with pytest.raises(NotByCreation):
            await filling.fill(DAYS)
        assert filling.history.folder.manifest().parts == []


async def test_days_beyond_the_setting_are_deleted(world: World, tmp_path: Path) -> None:
    filler = Filler(world, tmp_path)
    history = await filler.fill()
    history.days = 2
    with history.writing() as writer:
        assert writer
        writer.put(NOW - timedelta(minutes=5), NOW, NOW + timedelta(minutes=5), writer.rows([]), Drift())
    parts = history.folder.manifest().parts
    assert parts[0].start >= NOW - timedelta(days=3)
    later = NOW + timedelta(hours=1)
    history.folder.put(history.folder.manifest(), later)
    names = {file.name for file in history.folder.path.glob("*.parquet")}
    assert names == {file for part in parts for file in part.files}


async def test_while_another_process_writes_questions_are_answered_and_kept_nowhere(
    world: World, tmp_path: Path
) -> None:
    filler = Filler(world, tmp_path)
    async with filler.filling() as filling:
        server = build_server(
            settings_of(history_url=str(tmp_path)),
            clock=lambda: NOW,
            open_http=lambda: httpx.AsyncClient(transport=httpx.ASGITransport(app=build_api(world, clock=lambda: NOW))),
        )
        async with asking(server) as ask:
            assert facts(await ask("summarize_failures"))["coverage"]["complete"]
        assert filling.history.folder.manifest().parts == []


def test_the_command_fills_says_what_there_is_and_refuses_to_be_a_second_writer(tmp_path: Path) -> None:
    kept = {"CATENA_HISTORY_URL": str(tmp_path)}
    ran = run("sync", "--demo", "--days", "2", **kept)
    assert ran.returncode == 0, ran.stderr
    assert "operations read now; the history holds" in ran.stdout
    with started("sync", "--demo", "--follow", "--days", "2", **kept) as follower:
        assert follower.stderr is not None
        assert "Filling" in follower.stderr.readline()
        assert "Another process fills this history" in run("sync", "--demo", **kept).stderr
        follower.send_signal(signal.SIGTERM)
        told, said = follower.communicate(timeout=20)
    assert follower.returncode == 0, said
    assert "the history holds" in told
    assert run("sync", "--demo").returncode == 2


def test_a_process_that_is_killed_leaves_nothing_lost_or_doubled() -> None:
    wrong, rows, _ = killed(3)
    assert wrong == Wrong()
    assert rows > 1_000
