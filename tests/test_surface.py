"""The published surface, as one reviewed snapshot: what a client and a model see of this server."""

import json
import re
from typing import Any

import pytest
from inline_snapshot import external_file
from jsonschema import Draft202012Validator as jsonschema_of
from mcp import Client
from mcp.types import TextContent, Tool

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
        for word in ("$ref", "anyOf", "oneOf", "allOf", '"title"', '"default"'):
            assert word not in text
        assert tool["inputSchema"]["additionalProperties"] is False
        assert "$ref" not in json.dumps(tool["outputSchema"])
    loaded = {
        tool["name"] for tool in (await surface(serve))["tools"] if "anthropic/alwaysLoad" in tool.get("_meta", {})
    }
    assert loaded == {"summarize_failures", "list_resource_operations"}


def left_out(declared: dict[str, Any]) -> Any:
    """Return what a model writes for an argument it does not want, where a client demands that all are given."""
    kind = declared["type"]
    if "null" in kind:
        assert None in declared.get("enum", [None])
        return None
    assert "enum" not in declared
    told = re.search(r"Default (\d+|true|false)\.$", declared.get("description", ""))
    return json.loads(told[1]) if told else {"string": "", "array": []}[kind]


async def test_every_optional_argument_can_be_left_out_where_a_client_demands_them_all(serve: Serve) -> None:
    async with Client(serve()) as client:
        for tool in (await client.list_tools()).tools:
            must = must_be_given(tool)
            given = {
                name: left_out(declared)
                for name, declared in tool.input_schema["properties"].items()
                if name not in tool.input_schema.get("required", [])
            }
            if must.keys() == set(tool.input_schema.get("required", [])):
                bare, full = await client.call_tool(tool.name, must), await client.call_tool(tool.name, given | must)
                assert full.content == bare.content, tool.name


def must_be_given(tool: Tool) -> dict[str, Any]:
    return {"by": ["source_name"]} if "by" in tool.input_schema["properties"] else {}


@pytest.mark.parametrize("resource", ["driver", "Truck", "vehicel"])
async def test_no_enum_keeps_a_client_from_the_servers_own_advice_on_a_resource(serve: Serve, resource: str) -> None:
    async with Client(serve()) as client:
        for tool in (await client.list_tools()).tools:
            if "resource" in tool.input_schema["properties"]:
                given = {"resource": resource, "source_id": "1", **must_be_given(tool)}
                assert jsonschema_of(tool.input_schema).is_valid(given)
                said = await client.call_tool(tool.name, given)
                assert isinstance(said.content[0], TextContent)
                assert "'user'" in said.content[0].text or "'vehicle'" in said.content[0].text


def test_instructions_fit_500_characters() -> None:
    assert len(INSTRUCTIONS) <= 500
