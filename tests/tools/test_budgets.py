"""What an answer costs a model, counted with a real tokenizer (o200k)."""

import json
from typing import Any

import bpe_openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client

from server.catena.outside import one_line
from server.tools import _budget
from tests.conftest import Serve, asking, facts, said

pytestmark = pytest.mark.anyio

_O200K = bpe_openai.get_encoding("o200k_base")


def count(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(_O200K.encode(text))


async def test_the_catalogue_of_tools_fits_its_budget(serve: Serve) -> None:
    async with Client(serve()) as client:
        tools = (await client.list_tools()).tools
    charged = [
        {"name": t.name, "description": t.description, "input_schema": t.input_schema, "output_schema": t.output_schema}
        for t in tools
    ]
    assert count(charged) <= 2_900
    for tool in tools:
        assert count(tool.output_schema) <= 250, tool.name
        assert len(tool.description or "") <= 1_200


async def test_a_summary_of_any_window_fits_its_budget(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for window in ("-1h", "-24h", "-3d", "-10d", "-45d"):
            result = await ask("summarize_failures", from_datetime=window)
            assert count(said(result)) <= 1_500, window
            assert count(facts(result)) <= 2_500, window
            assert len(facts(result)["groups"]) >= min(4, facts(result)["other"]["groups"] + 1)


async def test_causes_asked_for_cost_a_line_each_on_top_of_what_is_told_in_full(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for window in ("-1h", "-24h", "-10d", "-45d"):
            result = await ask("summarize_failures", from_datetime=window, max_groups=50)
            lines = facts(result)["more"]
            assert len(facts(result)["groups"]) >= 3
            assert count(said(result)) <= 1_500 + 60 * len(lines), window
            assert count(facts(result)) <= 2_500 + 100 * len(lines), window
            compared = await ask("compare_failures", from_datetime=window, max_groups=50)
            assert count(said(compared)) <= 500 + 90 * len(facts(compared)["groups"]), window


async def test_a_concise_row_fits_its_budget(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("list_resource_operations")
    rows = facts(result)["operations"]
    assert len(rows) == 25
    lines = [line for line in said(result).splitlines() if line.startswith("2026-")]
    assert len(lines) == 25
    assert count("\n".join(lines)) / len(rows) <= 60
    assert count(rows) / len(rows) <= 130


async def test_no_answer_is_longer_than_a_client_takes(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for arguments in ({"size": 1000}, {"size": 1000, "status": "failed"}, {"size": 1000, "detail": "full"}):
            result = await ask("list_resource_operations", **arguments)
            assert facts(result)["returned"] > 5
            assert count(said(result)) + count(facts(result)) <= 20_000, arguments


async def test_the_estimate_is_close_to_the_count_and_rather_above(serve: Serve) -> None:
    async with asking(serve()) as ask:
        summary = await ask("summarize_failures")
        page = await ask("list_resource_operations", status="failed", detail="full")
    for text in (said(summary), json.dumps(facts(summary)), said(page), json.dumps(facts(page))):
        assert 0.98 <= _budget.tokens(text) / count(text) <= 1.25


@given(st.text(max_size=300))
def test_no_text_that_is_shown_is_estimated_far_below_its_count(text: str) -> None:
    line = one_line(text, 300)
    assert _budget.tokens(line) + 8 >= count(line) / 3
