"""The failure board: one page that makes no request of its own, for chats that show MCP Apps and for the commands.

`board.html` is made of the files in `source` by `source/build.mjs`, and in the package as it stands.
"""

from importlib.resources import files
from typing import Any

from mcp.server.apps import EXTENSION_ID, Apps, ResourcePermissions
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

BOARD = "ui://catena-board"
DRAWN = frozenset({"summarize_failures", "compare_failures", "break_down_failures", "trace_record"})
"""The tools whose answers the board draws."""

TIMELINES = "catena-ops/timelines"
"""Where a result carries the failures of each cause over time: beside the answer, so that no model pays for them."""


def board_page() -> str:
    """Return the page."""
    return files(__package__).joinpath("board.html").read_text("utf-8")


def board_extension() -> Apps:
    """Return the extension that serves the page.

    It declares no domain, so that hosts let it reach none; copying ids is all it asks for.
    """
    apps = Apps()
    apps.add_html_resource(
        BOARD,
        board_page(),
        name="failure_board",
        title="Failure board",
        description="Draws the answers of the tools; the text of an answer is complete without it.",
        permissions=ResourcePermissions(clipboard_write={}),
        prefers_border=True,
    )
    return apps


def board_meta(tool: str) -> dict[str, Any]:
    """Return what tells a host that an answer of `tool` can be drawn. Text stays whole: a blank frame hides nothing."""
    return {"ui": {"resourceUri": BOARD}} if tool in DRAWN else {}


async def tell_extensions(ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
    """Name the extension in the answer to `initialize` too, where hosts of before 2026-07-28 look for it.

    mcp 2.3 tells extensions in `server/discover` alone: the result of `initialize` is cut to the fields that its
    revision of the protocol names, and `extensions` is none of them. Some hosts then show no board at all.
    """
    result = await call_next(ctx)
    if ctx.method == "initialize" and isinstance(result, dict):
        result.setdefault("capabilities", {}).setdefault("extensions", {}).setdefault(EXTENSION_ID, {})
    return result
