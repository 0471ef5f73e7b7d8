"""The failure board as a host meets it: one page without requests, in both eras, beside answers that are whole without it."""

import re
from typing import Any

import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import TextResourceContents

from server.ui import BOARD, DRAWN, TIMELINES, board_page
from tests.conftest import Serve, asking, facts

pytestmark = pytest.mark.anyio

MOST_BYTES = 40_000
HOST = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
SCALABLE = "http://www.w3.org/2000/svg"
"""The name of SVG, which looks like an address and is none."""


def test_the_page_is_small_and_holds_no_address() -> None:
    page = board_page()
    assert len(page.encode()) < MOST_BYTES
    assert set(re.findall(r"\w+://[^\s\"'`]*", page)) == {SCALABLE}


@pytest.mark.parametrize("way", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "Function(", "fetch(", "XMLHttpRequest", "WebSocket", "import(", "srcdoc"])  # fmt: skip
def test_the_page_makes_no_markup_from_text_and_no_request(way: str) -> None:
    assert way not in board_page()


async def resource_of(client: Client) -> TextResourceContents:
    (content,) = (await client.read_resource(BOARD)).contents
    assert isinstance(content, TextResourceContents)
    return content


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("extensions", [[HOST], []], ids=["a host of apps", "a host that says nothing"])
async def test_in_both_eras_the_extension_the_page_and_its_tools_are_told(
    serve: Serve, mode: Any, extensions: list[Any]
) -> None:
    async with Client(serve(), mode=mode, extensions=extensions) as client:
        capabilities = client.server_capabilities
        tools = (await client.list_tools()).tools
        page = await resource_of(client)
    assert capabilities is not None
    assert EXTENSION_ID in (capabilities.extensions or {})
    assert {tool.name for tool in tools if (tool.meta or {}).get("ui") == {"resourceUri": BOARD}} == DRAWN & {
        tool.name for tool in tools
    }
    assert page.mime_type == APP_MIME_TYPE
    assert page.text == board_page()
    assert page.meta == {"ui": {"permissions": {"clipboardWrite": {}}, "prefersBorder": True}}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_setting_takes_every_trace_of_it_away(serve: Serve, mode: Any) -> None:
    async with Client(serve(board=False), mode=mode) as client:
        capabilities = client.server_capabilities
        assert capabilities is not None
        assert not capabilities.extensions
        assert not [tool.name for tool in (await client.list_tools()).tools if "ui" in (tool.meta or {})]
        assert BOARD not in [resource.uri for resource in (await client.list_resources()).resources]
        result = await client.call_tool("summarize_failures", {})
    assert TIMELINES not in (result.meta or {})


async def test_text_and_structure_are_the_same_with_and_without_the_board(serve: Serve) -> None:
    answers = []
    for board in (True, False):
        async with asking(serve(board=board)) as ask:
            answers.append(await ask("summarize_failures"))
    assert answers[0].content == answers[1].content
    assert answers[0].structured_content == answers[1].structured_content


async def test_what_no_model_pays_for_holds_each_failure_of_each_cause_at_its_time(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("summarize_failures")
    summary, timelines = facts(result), (result.meta or {})[TIMELINES]
    buckets = summary["timeline"]["buckets"]
    assert list(timelines) == [group["id"] for group in summary["groups"]]
    for group in summary["groups"]:
        shape = timelines[group["id"]]
        assert sum(shape) == group["count"]
        assert len(shape) == len(buckets)
        assert all(own <= bucket["failed"] for own, bucket in zip(shape, buckets, strict=True))
        first, last = (next(i for i in order if shape[i]) for order in (range(len(shape)), reversed(range(len(shape)))))
        assert buckets[first]["start"] <= group["first_seen"]
        assert buckets[last]["start"] <= group["last_seen"]
        assert first + 1 == len(buckets) or group["first_seen"] < buckets[first + 1]["start"]
    assert "over_time" not in str(summary)
