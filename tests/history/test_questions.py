"""Questions with a history on: the same answers from fewer requests, in the next process too, and nothing of another account's."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from mcp.types import CallToolResult

from server.app import OpsServer, build_server
from server.catena.client import Retries
from server.catena.outside import masked
from server.demo.world import World, anchor_of, build_world
from server.errors import BadSettings
from server.history.kept import History
from server.settings import load_settings
from server.tools import _budget
from tests.conftest import ADDRESS, NOW, Serve, asking, facts, http_to, said, settings_of

pytestmark = pytest.mark.anyio

TEXTS = ("title", "message")
FIVE_DAYS = {"from_datetime": "2026-11-18T15:30:00Z"}
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("summarize_failures", FIVE_DAYS),
    ("summarize_failures", FIVE_DAYS | {"source_name": "samsara", "max_groups": 20}),
    ("summarize_failures", FIVE_DAYS | {"to_datetime": "2026-11-21T08:12:30Z"}),
    ("break_down_failures", FIVE_DAYS | {"by": ["fleet_ref"]}),
    ("break_down_failures", FIVE_DAYS | {"by": ["day", "resource"]}),
    ("break_down_failures", FIVE_DAYS | {"by": ["connection_id"], "fleet_refs": ["northwind-haulage"]}),
    ("compare_failures", {"from_datetime": "-2d", "baseline_from": "-5d", "baseline_to": "-2d"}),
    ("list_resource_operations", FIVE_DAYS | {"outcome": "unresolved"}),
]


async def answer(server: OpsServer, tool: str, **arguments: Any) -> CallToolResult:
    async with asking(server) as ask:
        return await ask(tool, **arguments)


def told(result: CallToolResult) -> dict[str, Any]:
    """Return what an answer tells but for how its rows were come by."""
    found = facts(result)
    coverages = found.get("coverage", {})
    for coverage in (coverages, *(part for part in coverages.values() if isinstance(part, dict))):
        for name in ("pages", "note"):
            coverage.pop(name, None)
    for group in found.get("groups", []):
        group.pop("seen_before", None)
        # Masked on disk, several values are one there.
        group["varies"] = [slot for slot in group.get("varies", []) if "<" not in str(slot["top"])]
    return found


def apart(one: Any, other: Any, at: str = "") -> list[str]:
    """Return where two answers differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [line for key in one | other for line in apart(one.get(key), other.get(key), f"{at}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for n, pair in enumerate(zip(one, other, strict=True)) for line in apart(*pair, f"{at}/{n}")]
    return [] if one == other else [f"{at}: {one} | {other}"]


@pytest.fixture(scope="module")
def world() -> World:
    """A quarter of the demo world, which every process here reads anew."""
    return build_world(anchor_of(NOW), operations=6_000)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A folder for a history."""
    return str(tmp_path / "kept")


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fold a history also where there is little in it."""
    monkeypatch.setattr(History, "few", 0)
    monkeypatch.setattr(History, "worth_folding", 1)


async def fill(serve: Serve, folder: str, **given: Any) -> None:
    """Ask in a process of before, often enough to put the folder in order too."""
    for _ in range(2):
        await answer(serve(history_url=folder, **given), "summarize_failures", **FIVE_DAYS)


def files(folder: str | Path, pattern: str = "*") -> list[Path]:
    return [path for path in Path(folder).rglob(pattern) if path.is_file()]


def lists(sent: list[httpx.Request]) -> int:
    return sum(request.url.path.endswith("/resource-operations") for request in sent)


@pytest.mark.usefixtures("folded")
async def test_the_next_process_answers_the_same_from_fewer_requests(
    serve: Serve, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for budget in ("SUMMARY_TEXT", "SUMMARY_STRUCTURED"):  # what an answer says of the history takes room of it
        monkeypatch.setattr(_budget, budget, 20_000)
    await fill(serve, folder)
    asked = asked_plainly = 0
    for tool, arguments in QUESTIONS:
        sent: list[httpx.Request] = []
        plain: list[httpx.Request] = []
        kept = await answer(serve(sent=sent, history_url=folder), tool, **arguments)
        assert "from the history" in said(kept)
        assert apart(told(kept), told(await answer(serve(sent=plain), tool, **arguments))) == [], (tool, arguments)
        asked, asked_plainly = asked + lists(sent), asked_plainly + lists(plain)
    assert 2 * asked <= asked_plainly


async def test_a_window_that_moved_on_is_told_as_it_stands_now(serve: Serve, folder: str) -> None:
    await fill(serve, folder, now=NOW - timedelta(hours=30))
    sent: list[httpx.Request] = []
    kept = await answer(serve(sent=sent, history_url=folder), "summarize_failures", **FIVE_DAYS)
    assert apart(told(kept), told(await answer(serve(), "summarize_failures", **FIVE_DAYS))) == []
    assert "from the history" in said(kept)


async def test_another_account_finds_nothing(serve: Serve, folder: str) -> None:
    await fill(serve, folder)
    sent: list[httpx.Request] = []
    other = serve(sent=sent, history_url=folder, base_url=f"{ADDRESS}:80")
    result = await answer(other, "summarize_failures", **FIVE_DAYS)
    assert "from the history" not in said(result)
    assert lists(sent) > 2
    assert len(files(folder, "manifest.json")) == 2


async def test_where_the_api_is_away_the_history_answers_and_names_what_is_missing(
    serve: Serve, world: World, folder: str
) -> None:
    await fill(serve, folder)
    later = NOW + timedelta(minutes=40)
    gone = http_to(world, now=later, breaks_after=1)  # the token is still given
    server = build_server(
        settings_of(history_url=folder), clock=lambda: later, open_http=gone, retries=Retries(1, 0, 0)
    )
    found = facts(await answer(server, "summarize_failures", **FIVE_DAYS))
    assert found["coverage"]["complete"] is False
    assert "Missing from every number: 2026-11-23T15:25:00Z to 2026-11-23T16:10:00Z" in found["coverage"]["note"]
    assert found["totals"]["operations"] > 2_500


async def test_a_read_that_ended_early_goes_on_with_the_next_call(serve: Serve, folder: str) -> None:
    counts = []
    for _ in range(8):
        result = await answer(serve(history_url=folder, max_operations=800), "summarize_failures", **FIVE_DAYS)
        counts.append(facts(result)["totals"]["operations"])
        if facts(result)["coverage"]["complete"]:
            break
    whole = facts(await answer(serve(), "summarize_failures", **FIVE_DAYS))["totals"]["operations"]
    assert counts == sorted(set(counts))
    assert counts[0] <= 800 < whole == counts[-1]


async def test_nothing_personal_or_secret_reaches_the_disk(serve: Serve, folder: str) -> None:
    await fill(serve, folder)
    frames = [pl.read_parquet(file) for file in files(folder, "*.parquet")]
    texts = {text for f in frames if "message" in f.columns for name in TEXTS for text in f[name].drop_nulls().unique()}
    assert any("<email>" in text for text in texts)
    shown = [text for text in texts if masked(text, personal=False) != text]
    assert shown == []
    assert not [file for file in files(folder) if file.stat().st_mode & 0o077]


async def test_without_the_setting_nothing_is_written(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = await answer(serve(), "summarize_failures", **FIVE_DAYS)
    assert "history" not in said(result)
    assert files(tmp_path) == []


async def test_only_what_was_read_for_all_operations_is_kept(serve: Serve, folder: str) -> None:
    await answer(serve(history_url=folder), "summarize_failures", source_name="samsara")
    assert files(folder) == []


@pytest.mark.parametrize("url", ["s3://bucket/kept", "postgres://host/db", "kept", "file://host/kept"])
def test_what_is_no_folder_of_this_machine_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match=r"CATENA_HISTORY_URL: must be a (folder of this machine|whole path)"):
        load_settings(history_url=url)


async def test_a_cause_says_when_it_was_seen_before_the_window(serve: Serve, folder: str) -> None:
    await fill(serve, folder)
    found = facts(await answer(serve(history_url=folder), "summarize_failures", from_datetime="-3d"))
    earlier = {"from_datetime": FIVE_DAYS["from_datetime"], "to_datetime": found["window"]["from_datetime"]}
    before = facts(await answer(serve(), "summarize_failures", **earlier, max_groups=50))
    counts = {group["id"]: (group["count"], group["last_seen"]) for group in [*before["groups"], *before["more"]]}
    assert {group["id"] for group in found["groups"]} & counts.keys()
    for group in found["groups"]:
        told = group.get("seen_before")
        assert bool(told) == (group["id"] in counts)
        if told:
            count, last = counts[group["id"]]
            assert told.startswith(f"{count:,} from ")
            assert told.endswith(f" to {last}")
    assert f"seen_before looks back to {FIVE_DAYS['from_datetime']}" in found["coverage"]["note"]
