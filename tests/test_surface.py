"""The published surface, as one reviewed snapshot: what a client and a model see of this server."""

import json
from typing import Any

import pytest
from inline_snapshot import external_file
from mcp import Client

from server.app import INSTRUCTIONS
from tests.conftest import Serve

pytestmark = pytest.mark.anyio


async def surface(serve: Serve) -> dict[str, Any]:
    async with Client(serve()) as client:
        tools = (await client.list_tools()).tools
        prompts = (await client.list_prompts()).prompts
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        dumped = {
            "instructions": client.instructions,
            "tools": [t.model_dump(by_alias=True, mode="json", exclude_none=True) for t in tools],
            "prompts": [p.model_dump(by_alias=True, mode="json", exclude_none=True) for p in prompts],
            "resources": [
                r.model_dump(by_alias=True, mode="json", exclude_none=True) for r in [*resources, *templates]
            ],
        }
    return dumped


async def test_the_surface_is_the_reviewed_one(serve: Serve) -> None:
    assert await surface(serve) == external_file("surface.json")


async def test_schemas_are_flat_and_closed(serve: Serve) -> None:
    for tool in (await surface(serve))["tools"]:
        text = json.dumps(tool["inputSchema"])
        for word in ("$ref", "anyOf", "oneOf", "allOf", '"title"', '"default": null'):
            assert word not in text
        assert tool["inputSchema"]["additionalProperties"] is False
        assert "$ref" not in json.dumps(tool["outputSchema"])
    loaded = {
        tool["name"] for tool in (await surface(serve))["tools"] if "anthropic/alwaysLoad" in tool.get("_meta", {})
    }
    assert loaded == {"summarize_failures", "list_resource_operations"}


def test_instructions_fit_500_characters() -> None:
    assert len(INSTRUCTIONS) <= 500
