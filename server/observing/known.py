"""The names that this server has: only these are told of a call, so that no name a caller makes up is ever kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from mcp.types import Prompt, Resource, ResourceTemplate, Tool

from ..prompts import KNOWN_VALUES

UNKNOWN = "unknown"

METHODS = frozenset(
    "initialize server/discover ping tools/list tools/call prompts/list prompts/get resources/list resources/read "
    "resources/templates/list completion/complete logging/setLevel".split()
)

Properties = Mapping[str, Mapping[str, Any]]
_VARIABLE = re.compile(r"\\\{\w+\\\}")


class Catalogue(Protocol):
    """What lists tools, prompts and resources, as the SDK's server does."""

    async def list_tools(self) -> list[Tool]: ...
    async def list_prompts(self) -> list[Prompt]: ...
    async def list_resources(self) -> list[Resource]: ...
    async def list_resource_templates(self) -> list[ResourceTemplate]: ...


@dataclass(frozen=True)
class Known:
    """By name, what is known of the arguments of tools and prompts; addresses of resources by how they look."""

    tools: Mapping[str, Properties]
    prompts: Mapping[str, Properties]
    resources: Mapping[str, re.Pattern[str]]

    @classmethod
    async def of(cls, server: Catalogue) -> Self:
        """Return the names of a server."""
        tools = {tool.name: tool.input_schema.get("properties", {}) for tool in await server.list_tools()}
        prompts = {
            prompt.name: {one.name: {"enum": KNOWN_VALUES.get(one.name, ())} for one in prompt.arguments or ()}
            for prompt in await server.list_prompts()
        }
        uris = [str(one.uri) for one in await server.list_resources()]
        uris += [one.uri_template for one in await server.list_resource_templates()]
        resources = {uri: re.compile(_VARIABLE.sub("[^/]+", re.escape(uri))) for uri in uris}
        return cls(tools, prompts, resources)

    def named(self, method: str, params: Mapping[str, Any]) -> tuple[str | None, Properties]:
        """Return what a request is about and the arguments that it can have; None where its method names nothing."""
        if method in ("tools/call", "prompts/get"):
            known = self.tools if method == "tools/call" else self.prompts
            name = params.get("name")
            return (name, known[name]) if isinstance(name, str) and name in known else (UNKNOWN, {})
        if method == "resources/read":
            uri = str(params.get("uri"))
            return next((told for told, looks in self.resources.items() if looks.fullmatch(uri)), UNKNOWN), {}
        return None, {}
