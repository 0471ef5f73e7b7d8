"""A summary tells what is worth noticing through a real client, in both renderings, and keeps to its budget."""

import json

import pytest

from server.demo.world import World
from server.tools import _budget
from tests.conftest import Row, Serve, asking, facts, said
from tests.hostile import against

pytestmark = pytest.mark.anyio


async def test_a_truck_that_must_not_drive_is_not_buried(world: World, truth: list[Row]) -> None:
    rows: list[Row] = json.loads(json.dumps(truth))
    row = next(row for row in rows if row["status"] == "failed" and row["logs"])
    row["logs"][-1]["error_details"] = "DVIR refused: vehicle marked NOT SAFE, brake failure on axle 2"
    async with against(world, lambda: json.dumps({"items": rows, "next_page": None}).encode()) as ask:
        result = await ask("summarize_failures")
    (notice, *_), text = facts(result)["notice"], said(result)
    assert notice.startswith(f"Safety: 1 failure on 1 record speaks of it, last {row['id']} (g_")
    assert "«DVIR refused: vehicle marked NOT SAFE, brake failure on axle 2»" in notice
    assert f"Worth noticing: {notice}" in text
    assert _budget.tokens(text) <= 1_500
    assert _budget.tokens(json.dumps(facts(result), separators=(",", ":"))) <= 2_500


async def test_of_a_usual_day_nothing_is_noticed(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("summarize_failures")
    assert "notice" not in facts(result)
    assert "Worth noticing" not in said(result)
