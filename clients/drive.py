"""Drive one Python client, in an environment that holds it: python drive.py CLIENT '{"target": …, "calls": […]}'.

Prints what became of it as JSON: the tools it found, and of each call what its model would be shown. The last call of a
script is one that the server refuses.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

Target = dict[str, Any]
Calls = list[tuple[str, dict[str, Any]]]
Seen = tuple[list[str], list[str]]


async def fastmcp(target: Target, calls: Calls) -> Seen:
    """FastMCP's client."""
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    async with Client(target.get("url") or StdioTransport(target["command"][0], target["command"][1:])) as client:
        names = [tool.name for tool in await client.list_tools()]
        results = [await client.call_tool(name, given, raise_on_error=False) for name, given in calls]
    return names, [result.content[0].text for result in results]


async def pydantic_ai(target: Target, calls: Calls) -> Seen:
    """An agent of pydantic-ai with a model by script."""
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    shown: list[str] = []
    names: list[str] = []

    def model(messages: Any, info: Any) -> ModelResponse:
        names[:] = [tool.name for tool in info.function_tools]
        parts = [part for message in messages for part in message.parts]
        answers = [part for part in parts if part.part_kind in ("tool-return", "retry-prompt")]
        shown[:] = [
            part.model_response_str() if part.part_kind == "tool-return" else str(part.content) for part in answers
        ]
        if len(answers) < len(calls):
            return ModelResponse(parts=[ToolCallPart(*calls[len(answers)])])
        return ModelResponse(parts=[TextPart("done")])

    server = target.get("url") or StdioTransport(target["command"][0], target["command"][1:])
    await Agent(FunctionModel(model), toolsets=[MCPToolset(server)]).run("what fails?")
    return names, shown


async def openai_agents(target: Target, calls: Calls) -> Seen:
    """An agent of openai-agents in strict mode, over its own wire to a model by script."""
    from agents import Agent, OpenAIResponsesModel, Runner, set_tracing_disabled
    from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
    from openai import AsyncOpenAI

    set_tracing_disabled(True)
    wait = {"client_session_timeout_seconds": 60}
    server = (
        MCPServerStreamableHttp({"url": target["url"]}, **wait)
        if "url" in target
        else MCPServerStdio({"command": target["command"][0], "args": target["command"][1:]}, **wait)
    )
    model = OpenAIResponsesModel("scripted", AsyncOpenAI(base_url=target["model"] + "/v1", api_key="none"))
    async with server:
        names = [tool.name for tool in await server.list_tools()]
        agent = Agent("triage", model=model, mcp_servers=[server], mcp_config={"convert_schemas_to_strict": True})
        result = await Runner.run(agent, "what fails?", max_turns=len(calls) + 2)
    answers = [item for item in result.to_input_list() if item.get("type") == "function_call_output"]
    return names, [_text(item["output"]) for item in answers]


def _text(output: Any) -> str:
    parts = output if isinstance(output, list) else [output]
    return "\n".join(part["text"] if isinstance(part, dict) and "text" in part else str(part) for part in parts)


async def langchain(target: Target, calls: Calls) -> Seen:
    """LangChain's adapters."""
    from langchain_core.tools import ToolException
    from langchain_mcp_adapters.client import MultiServerMCPClient

    how = {"transport": "streamable_http", "url": target["url"]} if "url" in target else {
        "transport": "stdio", "command": target["command"][0], "args": target["command"][1:]}  # fmt: skip
    tools = {tool.name: tool for tool in await MultiServerMCPClient({"catena-ops": how}).get_tools()}
    shown = []
    for name, given in calls:
        try:
            shown.append(_text(await tools[name].ainvoke(given)))
        except ToolException as exc:
            shown.append(str(exc))
    return list(tools), shown


CLIENTS: dict[str, tuple[str, Callable[[Target, Calls], Awaitable[Seen]]]] = {
    "fastmcp": ("fastmcp", fastmcp),
    "pydantic-ai": ("pydantic-ai-slim", pydantic_ai),
    "openai-agents": ("openai-agents", openai_agents),
    "langchain": ("langchain-mcp-adapters", langchain),
}


async def main() -> None:
    """Drive the client that is named."""
    package, drive = CLIENTS[sys.argv[1]]
    told = json.loads(sys.argv[2])
    names, shown = await drive(told["target"], [(name, given) for name, given in told["calls"]])
    print(json.dumps({"version": version(package), "tools": names, "shown": shown}))


if __name__ == "__main__":
    asyncio.run(main())
