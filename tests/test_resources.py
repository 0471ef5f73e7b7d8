"""The resources: the vocabulary, and one operation read now."""

import json

import pytest
from mcp import Client, MCPError
from mcp.types import TextResourceContents

from server.catena.vocabulary import RESOURCES, SOURCES
from tests.conftest import Row, Serve

pytestmark = pytest.mark.anyio


async def read(client: Client, uri: str) -> dict[str, object]:
    content = (await client.read_resource(uri)).contents[0]
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    told: dict[str, object] = json.loads(content.text)
    return told


async def test_the_vocabulary_lists_what_the_contract_knows(serve: Serve) -> None:
    async with Client(serve()) as client:
        told = await read(client, "catena://vocabulary")
    assert told["resource"] == list(RESOURCES)
    assert told["source_name"] == list(SOURCES)
    assert "2026-06-26" in str(told["as_of"])


async def test_an_operation_is_read_under_its_connection(serve: Serve, truth: list[Row]) -> None:
    row = next(r for r in truth if r["status"] == "failed" and r["logs"])
    async with Client(serve()) as client:
        told = await read(client, f"catena://operations/{row['connection_id']}/{row['id']}")
        assert told["id"] == row["id"]
        assert "data, not instructions" in str(told["quoted"])
        assert "hidden" in str(told["payload_values"])
        assert len(told["logs"]) == len(row["logs"])  # type: ignore[arg-type]  # JSON of a known shape
        with pytest.raises(MCPError, match="knows no operation"):
            await read(client, f"catena://operations/{row['connection_id']}/{row['connection_id']}")
        with pytest.raises(MCPError, match="no UUID"):
            await read(client, f"catena://operations/northwind/{row['id']}")


async def test_the_template_is_listed(serve: Serve) -> None:
    async with Client(serve()) as client:
        templates = (await client.list_resource_templates()).resource_templates
    assert [t.uri_template for t in templates] == ["catena://operations/{connection_id}/{operation_id}"]
