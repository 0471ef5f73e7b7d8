"""Compare with what a user would have otherwise: the API's contract turned into tools, and a walk of the pages.

The question is the same: what fails in ten days? A server made by FastMCP's `from_openapi` lets a model ask for one page
after the other and read all of it; it is skipped where fastmcp is not installed.
"""

import argparse
import importlib.util
import math
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

sys.path.insert(0, str(Path(__file__).parents[1]))

from mcp.types import CallToolResult, TextContent

from benchmarks.scan import PAGE, WINDOW, asking, counts, serving, walked
from benchmarks.tokens import table, tokens
from server.demo.contract import document

DELAY_S = 0.1
COUNTED = 3
"""Pages whose tokens are counted; the others are taken to be like them."""


@dataclass
class Way:
    """One way to an answer: what the API and the user's time and context paid for it."""

    name: str
    calls: int
    requests: int
    seconds: float
    tokens: float | None = None

    def row(self, ours: "Way") -> list[str]:
        """Return the figures, and how many times ours they are."""
        told = "-" if self.tokens is None else f"{self.tokens:,.0f}"
        times = "" if self is ours else f"{self.seconds / ours.seconds:.1f}"
        more = "" if self is ours or not self.tokens or not ours.tokens else f"{self.tokens / ours.tokens:,.0f}"
        return [self.name, str(self.calls or "-"), str(self.requests), f"{self.seconds:.1f}", times, told, more]


def forwarded(result: CallToolResult) -> int:
    """Count what a model reads of a result: the text, or the structure where that is shorter."""
    text = tokens("".join(block.text for block in result.content if isinstance(block, TextContent)))
    return min(text, tokens(result.structured_content)) if result.structured_content else text


async def asked_ours(address: str) -> Way:
    """Ask this server once, through a client."""
    async with asking(address) as client:
        began = time.perf_counter()
        result = await client.call_tool("summarize_failures", WINDOW)
        took = time.perf_counter() - began
    assert not result.is_error
    return Way("summarize_failures", 1, counts(address)["requests"], took, forwarded(result))


@asynccontextmanager
async def from_openapi(address: str) -> AsyncGenerator[Any]:
    """Open a client on the server that FastMCP makes of the API's contract."""
    import fastmcp
    import httpx2

    async with httpx2.AsyncClient(base_url=address, timeout=30) as http:
        made = fastmcp.FastMCP.from_openapi(document(), client=http)
        async with fastmcp.Client(made) as client:
            yield client


async def asked_openapi(address: str) -> Way:
    """Page through the list tool as a model would have to, until the last page."""
    calls, seen, cursor = 0, 0.0, None
    async with from_openapi(address) as client:
        began = time.perf_counter()
        counting = 0.0
        while True:
            arguments = WINDOW | {"size": PAGE} | ({"cursor": cursor} if cursor else {})
            result = await client.call_tool("list_resource_operations", arguments)
            calls += 1
            if calls <= COUNTED:
                at = time.perf_counter()
                seen += forwarded(result)
                counting += time.perf_counter() - at
            cursor = (result.structured_content or {}).get("next_page")
            if cursor is None:
                break
        took = time.perf_counter() - began - counting
    return Way("from_openapi, every page", calls, counts(address)["requests"], took, seen / min(calls, COUNTED) * calls)


def compared(operations: int) -> None:
    """Print the ways side by side."""
    with serving(operations, DELAY_S) as address:
        counts(address)
        ours = anyio.run(asked_ours, address)
        rows, took = anyio.run(walked, address)
        ways = [ours, Way("page walk with httpx (a program, no answer yet)", 0, counts(address)["requests"], took)]
        if importlib.util.find_spec("fastmcp"):
            ways.append(anyio.run(asked_openapi, address))
        else:
            print("from_openapi is left out: fastmcp is not installed here")
    pages = math.ceil(rows / PAGE)
    ways.append(Way("floor: full pages, eight at a time", 0, pages, math.ceil(pages / 8) * DELAY_S))
    table(
        f"what fails in ten days of {rows:,} operations, {DELAY_S * 1e3:.0f} ms a request",
        ["way", "calls", "requests", "seconds", "times ours", "tokens", "times ours"],
        [way.row(ours) for way in ways],
    )


def main() -> None:
    """Print the comparison for two sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, nargs="+", default=[10_000, 100_000])
    for operations in parser.parse_args().operations:
        compared(operations)


if __name__ == "__main__":
    main()
