"""Count what the server costs a model in tokens (o200k), against the budgets of the design.

A client pays `tools/list` on every turn and each answer from then on, so both are counted as a client receives them,
beside what the same rows cost as raw pages of the API. The demo's clock is fixed: the figures repeat exactly.
"""

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import httpx
from bpe_openai import Encoding, get_encoding
from mcp import Client
from mcp.types import CallToolResult, TextContent

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.app import build_server
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.api import build_api
from server.demo.contract import OPERATIONS_PATH
from server.demo.world import anchor_of, build_world
from server.settings import load_settings

NOW = datetime(2026, 11, 23, 15, 20, tzinfo=UTC)

ALL_TOOLS, ONE_OUTPUT = 2_900, 250
SUMMARY_TEXT, SUMMARY_STRUCTURED = 1_500, 2_500
ROW_TEXT, ROW_STRUCTURED = 60, 130
ANY_RESULT = 20_000

SUMMARIES: dict[str, dict[str, Any]] = {
    "default window": {},
    "10 days": {"from_datetime": "-10d"},
    "10 days, max_groups=50": {"from_datetime": "-10d", "max_groups": 50},
    "one TSP (omnitracs)": {"source_name": "omnitracs"},
    "no failures (unknown id)": {"resource": "vehicle", "source_id": "none-such"},
}
LISTS: dict[str, dict[str, Any]] = {
    "25 mixed, concise": {},
    "25 failed, concise": {"status": "failed"},
    "25 mixed, full": {"detail": "full"},
    "25 failed, full": {"status": "failed", "detail": "full"},
    "1000 failed, concise": {"status": "failed", "size": 1000},
    "1000 mixed, full": {"size": 1000, "detail": "full"},
}

LONGEST = 100_000
"""Characters that the tokenizer takes at once; a page is longer, and the seams cost a token each."""

API_FILTERS = ("source_name", "resource", "source_id")


@cache
def encoding() -> Encoding:
    """Return the tokenizer; its data is inside the package."""
    return get_encoding("o200k_base")


def tokens(value: object) -> int:
    """Count the tokens of a text, or of a value as compact JSON."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return sum(len(encoding().encode_ordinary(text[i : i + LONGEST])) for i in range(0, len(text), LONGEST))


def verdict(figure: float, budget: float) -> str:
    """Write a figure beside its budget."""
    return f"{figure:,.0f} of {budget:,} {'ok' if figure <= budget else 'OVER'}"


def table(title: str, head: list[str], rows: list[list[str]]) -> None:
    """Print rows in columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    print(f"\n{title}")
    for row in [head, *rows]:
        first, *rest = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *rest]))


async def tool_costs(client: Client) -> None:
    """Print what the tools cost as they are listed."""
    listed = (await client.list_tools()).tools
    rows, received, charged = [], 0, 0
    for tool in listed:
        wire = tool.model_dump(by_alias=True, mode="json", exclude_none=True)
        whole, model = tokens(wire), tokens({name: wire[name] for name in ("name", "description", "inputSchema")})
        output = verdict(tokens(wire["outputSchema"]), ONE_OUTPUT)
        rows.append([tool.name, f"{whole:,}", f"{model:,}", output])
        received, charged = received + whole, charged + model
    rows.append([f"all {len(listed)} tools", verdict(received, ALL_TOOLS), verdict(charged, ALL_TOOLS), ""])
    table("tools/list, tokens", ["tool", "as received", "name+description+input", "output schema"], rows)


@dataclass(frozen=True)
class Answer:
    """One result, its text and its structure."""

    said: str
    content: dict[str, Any]

    @property
    def text(self) -> int:
        """The tokens of a client that forwards the text alone."""
        return tokens(self.said)

    @property
    def structured(self) -> int:
        """The tokens of a client that forwards the structured result alone."""
        return tokens(self.content)

    @property
    def both(self) -> int:
        """The tokens of a client that forwards both."""
        return self.text + self.structured


async def ask(client: Client, tool: str, arguments: dict[str, Any]) -> Answer:
    """Call a tool and count its answer."""
    result: CallToolResult = await client.call_tool(tool, arguments)
    text = "".join(block.text for block in result.content if isinstance(block, TextContent))
    assert not result.is_error, text
    return Answer(text, result.structured_content or {})


async def summary_costs(client: Client, api: httpx.AsyncClient) -> None:
    """Print what summaries cost, and what reading the same pages raw would cost."""
    rows = []
    for what, arguments in SUMMARIES.items():
        answer = await ask(client, "summarize_failures", arguments)
        window = answer.content["window"]
        pages = await raw_pages(api, window | {k: v for k, v in arguments.items() if k in API_FILTERS})
        raw = sum(tokens(page) for page in pages)
        groups = len(answer.content["groups"])
        causes = f"{groups} of {groups + answer.content['other']['groups']}"
        size = sum(len(page.encode()) for page in pages) / 1e6
        rows.append(
            [what, verdict(answer.text, SUMMARY_TEXT), verdict(answer.structured, SUMMARY_STRUCTURED),
             f"{answer.both:,}", causes, f"{size:.1f} MB", f"{raw:,}", f"{raw / answer.both:,.0f}x"]
        )  # fmt: skip
    head = ["window", "text", "structured", "both", "causes shown", "raw pages", "raw tokens", "raw / both"]
    table("summarize_failures, tokens", head, rows)


async def list_costs(client: Client, api: httpx.AsyncClient) -> None:
    """Print what a row of a list costs: alone, with its share of header and cursor, and as the API writes it."""
    rows = []
    held: dict[str, str] = {}
    for what, arguments in LISTS.items():
        answer = await ask(client, "list_resource_operations", arguments)
        held = held or await raw_rows(api, answer.content["window"])
        raw = tokens('{"items":[' + ",".join(held[row["id"]] for row in answer.content["operations"]) + "]}")
        rows.append([what, *per_row(answer, raw, budgeted="concise" in what)])
    head = [
        "page",
        "rows",
        "text",
        "structured",
        "text all in",
        "structured all in",
        "raw",
        "both / raw",
        "whole result",
    ]
    table("list_resource_operations, tokens a row (all in: with its share of header, tables and cursor)", head, rows)


def per_row(answer: Answer, raw: int, *, budgeted: bool) -> list[str]:
    """Write the figures of one page."""
    rows = answer.content["operations"]
    count = len(rows)
    starts = ("  ", *(row["created_at"] for row in rows))
    text = sum(tokens(line) for line in answer.said.splitlines() if line.startswith(starts)) / count
    structured = sum(map(tokens, rows)) / count
    return [
        str(count),
        verdict(text, ROW_TEXT) if budgeted else f"{text:,.0f}",
        verdict(structured, ROW_STRUCTURED) if budgeted else f"{structured:,.0f}",
        f"{answer.text / count:,.0f}",
        f"{answer.structured / count:,.0f}",
        f"{raw / count:,.0f}",
        f"{answer.both / raw:.2f}",
        verdict(answer.both, ANY_RESULT),
    ]


async def raw_rows(api: httpx.AsyncClient, window: dict[str, Any]) -> dict[str, str]:
    """Return every row of a window as the API writes it, by id."""
    items = [item for page in await raw_pages(api, window) for item in json.loads(page)["items"]]
    return {item["id"]: json.dumps(item, separators=(",", ":"), ensure_ascii=False) for item in items}


async def raw_pages(api: httpx.AsyncClient, query: dict[str, Any]) -> list[str]:
    """Walk the API as it is: 1,000 rows a page, cursor by cursor."""
    params = {k: v for k, v in query.items() if k != "default"} | {"size": "1000"}
    pages: list[str] = []
    while True:
        response = (await api.get(OPERATIONS_PATH, params=params)).raise_for_status()
        pages.append(response.text)
        cursor = response.json().get("next_page")
        if not cursor:
            return pages
        params["cursor"] = cursor


@asynccontextmanager
async def signed_in() -> AsyncGenerator[httpx.AsyncClient]:
    """Open a client of the demo API that has a token."""
    api = build_api(build_world(anchor_of(NOW)), clock=lambda: NOW)
    form = {"grant_type": "client_credentials", "scope": "organization"}
    transport = httpx.ASGITransport(app=api)
    async with httpx.AsyncClient(transport=transport, base_url="http://demo.catena.local") as http:
        granted = await http.post(TOKEN_PATH, data=form | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
        http.headers["Authorization"] = f"Bearer {granted.raise_for_status().json()['access_token']}"
        yield http


async def main() -> None:
    """Print the three tables."""
    server = build_server(load_settings(demo=True), clock=lambda: NOW)
    async with Client(server) as client, signed_in() as api:
        await tool_costs(client)
        await summary_costs(client, api)
        await list_costs(client, api)


if __name__ == "__main__":
    anyio.run(main)
