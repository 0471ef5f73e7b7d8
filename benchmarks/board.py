"""Tell what the failure board costs: bytes of the page, tokens of `tools/list`, and time until a browser has painted it.

The time is from a result's hand-over by a chat (the official bridge, in a page of another origin) to the frame after the
one that draws it, in Chromium; without Chromium and the packages of tests/browser that part is left out.
"""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles

import anyio
from mcp import Client

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.tokens import tokens, verdict
from server.app import build_server
from server.settings import load_settings
from server.ui import board_page
from tests.browser.test_in_a_browser import missing

MOST_BYTES, MOST_TOKENS, MOST_MS = 40_000, 60, 200


async def listed(board: bool) -> int:
    """Count the tokens of `tools/list` with or without the board."""
    async with Client(build_server(load_settings(demo=True, board=board))) as client:
        tools = (await client.list_tools()).tools
    return tokens([tool.model_dump(by_alias=True, mode="json", exclude_none=True) for tool in tools])


def painted() -> dict[str, list[float]]:
    """Return milliseconds by number of causes, from the browser."""
    env = os.environ | {"CATENA_OPS_COMMAND": f"{sys.executable} -m server"}
    command = ["node", str(ROOT / "tests/browser/paint.mjs")]
    ran = subprocess.run(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    took: dict[str, list[float]] = json.loads(ran.stdout)
    return took


def main() -> None:
    """Print the figures."""
    page = board_page().encode()
    print(f"page, bytes              {verdict(len(page), MOST_BYTES)}; {len(gzip.compress(page)):,} compressed")
    added = anyio.run(listed, True) - anyio.run(listed, False)
    print(f"tools/list, tokens more  {verdict(added, MOST_TOKENS)}")
    if lacks := missing():
        print(f"time to paint            not measured: no {lacks}")
        return
    for causes, times in painted().items():
        late = quantiles(times, n=20)[-1]
        print(
            f"painted, {causes:>2} causes, ms   {verdict(median(times), MOST_MS)}; p95 {late:.0f}, {len(times)} rounds"
        )


if __name__ == "__main__":
    main()
