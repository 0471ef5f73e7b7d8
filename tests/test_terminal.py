"""Answers drawn for a terminal: the figures of the answer, text of others as text, and nothing wider than the screen."""

import os
import pty
import subprocess
from contextlib import suppress
from typing import Any

import pytest
from rich.console import Console

from server.terminal import drawn
from server.ui import TIMELINES
from tests.conftest import Serve, asking, facts
from tests.test_cli import COMMAND, ROOT, environment, run

pytestmark = pytest.mark.anyio

EVIL = "[bold red]not markup[/] :warning: \x1b[31m\u202egnp.exe"


def shown(answer: dict[str, Any], timelines: dict[str, list[int]] | None = None, width: int = 100) -> str:
    console = Console(record=True, width=width, force_terminal=True, file=open(os.devnull, "w"))  # noqa: SIM115  # closed with the test
    picture = drawn(answer, timelines)
    assert picture is not None
    with console.file:
        console.print(picture)
        text = console.export_text()
    assert all(len(line) <= width for line in text.splitlines())
    return text


async def test_a_summary_tells_each_cause_with_who_acts_and_what_is_still_wrong(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("summarize_failures")
    summary = facts(result)
    text = shown(summary, (result.meta or {})[TIMELINES])
    totals = summary["totals"]
    assert text.startswith(f"{totals['failed']} of {totals['operations']:,} operations failed 15.5 %")
    assert "Read whole. 3,060 operations." in text
    for group in summary["groups"]:
        assert group["id"] in text
        assert group["source_name"] in text
    assert "fleet acts" in text
    assert "do not retry" in text
    assert "█" in text
    assert f"{summary['other']['groups'] - len(summary['other']['largest'])} smaller causes not shown." in text


async def test_causes_told_before_are_not_called_smaller(serve: Serve) -> None:
    async with asking(serve()) as ask:
        first = facts(await ask("summarize_failures", max_groups=3))
        rest = facts(await ask("summarize_failures", max_groups=50, from_group=first["groups"][-1]["id"]))
    text = shown(rest)
    assert "3 causes up to from_group not shown." in text
    assert "smaller" not in text
    assert all(line["id"] in text for line in rest["more"])


async def test_a_part_is_never_called_the_whole(serve: Serve) -> None:
    async with asking(serve()) as ask:
        text = shown(facts(await ask("summarize_failures", max_operations=1000)))
    assert "operations failed in the part that was read" in text
    assert "NOT read whole." in text
    assert "Covers " in text


async def test_two_windows_stand_beside_each_other(serve: Serve) -> None:
    async with asking(serve()) as ask:
        comparison = facts(await ask("compare_failures"))
    text = shown(comparison)
    assert text.startswith(comparison["verdict"][:60])
    for cause in comparison["groups"]:
        assert cause["id"] in text
    assert "gone" in text


async def test_a_story_is_told_write_by_write(serve: Serve, truth: list[dict[str, Any]]) -> None:
    row = next(row for row in truth if row["status"] == "failed" and row["source_id"])
    asked = {"resource": row["resource"], "source_id": row["source_id"], "connection_id": row["connection_id"]}
    async with asking(serve()) as ask:
        trace = facts(await ask("trace_record", **asked))
    text = shown(trace)
    assert text.count("✕") + text.count("✓") + text.count("…") >= len(trace["story"])
    assert trace["state"].replace("_", " ") in text


def rows(by: list[str], *keys: Any) -> dict[str, Any]:
    return {
        "by": by,
        "window": {"from_datetime": "2026-11-22T00:00:00Z", "to_datetime": "2026-11-23T00:00:00Z"},
        "totals": {"operations": 400, "failed": 60, "failure_rate": 0.15},
        "rows": [
            {"key": key, "operations": 100, "failed": 10 * i, "failure_rate": i / 10, "records": {"unresolved": i}}
            for i, key in enumerate(keys)
        ],
        "other": {"rows": 3, "operations": 9, "failed": 1},
        "coverage": {"complete": True, "scanned": 400},
    }


def test_a_breakdown_is_bars_in_proportion() -> None:
    text = shown(rows(["fleet_ref"], "a-fleet", "b-fleet", "c-fleet"))
    bars = {line.split()[0]: line.count("█") for line in text.splitlines() if "fleet" in line and "%" in line}
    assert bars["c-fleet"] == 2 * bars["b-fleet"] > bars["a-fleet"] == 0
    assert "3 more rows with 1 failures not shown." in text


@pytest.mark.parametrize("by", [["fleet_ref"], ["cause"], ["record"], ["status_code"], ["hour"], ["day", "hour"]])
async def test_what_the_tool_breaks_down_is_drawn_row_by_row(serve: Serve, by: list[str]) -> None:
    async with asking(serve()) as ask:
        told = facts(await ask("break_down_failures", by=by))
    text = shown(told, width=160)
    assert text.startswith(f"473 of {told['totals']['operations']:,} operations failed 15.5 %")
    assert "?" not in text
    assert "{" not in text
    for row in told["rows"]:
        (*_, value) = row["key"].values()
        name = (value.get("title") or value["id"]) if isinstance(value, dict) else value
        assert str(name)[:12] in text


def test_two_dimensions_are_a_table() -> None:
    keys = [{"hour": hour, "day": day} for hour in ("05", "06", "07") for day in ("2026-11-21", "2026-11-22")]
    lines = shown(rows(["hour", "day"], *keys)).splitlines()
    assert any(line.split() == ["hour", "2026-11-21", "2026-11-22"] for line in lines)
    assert any(line.split() == ["06", "20", "30"] for line in lines)


def test_text_of_others_is_text_on_one_line() -> None:
    text = shown(rows(["fleet_ref"], EVIL))
    assert "[bold red]not markup[/] :warning:" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_what_has_no_shape_here_is_left_to_its_text() -> None:
    assert drawn({"operations": []}) is None


def on_a_terminal(*arguments: str) -> str:
    """Run the command with a terminal as stdout and return what it shows."""
    controller, terminal = pty.openpty()
    ran = subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, env=environment(TERM="xterm", COLUMNS="100"), stdout=terminal,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(terminal)
    parts = []
    with suppress(OSError):  # how Linux tells the end of a terminal
        while part := os.read(controller, 65_536):
            parts.append(part)
    os.close(controller)
    assert ran.wait(60) == 0
    return b"".join(parts).decode()


def test_call_draws_on_a_terminal_and_writes_text_elsewhere() -> None:
    drawn_there = on_a_terminal("call", "summarize_failures", "--demo")
    assert "\x1b[" in drawn_there
    assert "over time" in drawn_there
    elsewhere = run("call", "summarize_failures", "--demo").stdout
    assert "\x1b[" not in elsewhere
    assert "Failed/operations per" in elsewhere
