"""MCP resources: the words Catena knows, and one operation as it stands."""

import json
from functools import partial

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from .analysis.results import HIDDEN, QUOTED
from .catena.vocabulary import ERROR_TYPES, OPERATION_TYPES, RESOURCE_SYNONYMS, RESOURCES, SOURCES, STATUSES
from .errors import BadArgument, NotFound, OpsError
from .runtime import Runtime
from .tools._arguments import uuid_of


def add_resources(server: MCPServer[Runtime]) -> None:
    """Register both resources."""
    server.resource(
        "catena://vocabulary",
        name="vocabulary",
        title="Words Catena knows",
        description="Resources, TSPs (source_name), operation types, statuses and error types, with what they mean.",
        mime_type="application/json",
    )(vocabulary)
    server.resource(
        "catena://operations/{connection_id}/{operation_id}",
        name="operation",
        title="One resource operation",
        description="One operation with its payload's fields and all attempts, read now.",
        mime_type="application/json",
    )(operation)


def vocabulary() -> str:
    """Return the known words as JSON."""
    return json.dumps(
        {
            "as_of": "2026-06-26, the date of the API's contract; the API may know more by now",
            "resource": RESOURCES,
            "resource_synonyms": RESOURCE_SYNONYMS,
            "source_name": SOURCES,
            "operation": OPERATION_TYPES,
            "status": STATUSES,
            "error_type": {name: _MEANINGS[name] for name in ERROR_TYPES},
        },
        indent=1,
    )


_MEANINGS = {
    "auth": "the TSP refused the stored credentials (assumed: the API names the types without explaining them)",
    "validation": "the payload was refused (assumed)",
    "network": "no usable answer: time-out, DNS, connection; then there is no status code (assumed)",
    "tsp": "the TSP answered with an error of its own (assumed)",
}


async def operation(connection_id: str, operation_id: str, ctx: Context[Runtime]) -> str:
    """Return one operation in full detail as JSON."""
    from .analysis.operations import learned_from, row_of

    runtime = ctx.request_context.lifespan_context
    try:
        connection_id, operation_id = uuid_of("connection_id", connection_id), uuid_of("operation_id", operation_id)
        with runtime.in_time():
            found = await (await runtime.client()).operation(connection_id, operation_id)
    except (NotFound, BadArgument) as exc:
        raise ResourceNotFoundError(str(exc)) from exc
    except OpsError as exc:
        raise ResourceError(str(exc)) from exc
    named = await runtime.learning(partial(learned_from, [found]), {found.source_name})
    personal = runtime.personal
    row = row_of(found, detail="full", personal=personal, named=named)
    if personal:
        row.reveal()
    about = {"quoted": QUOTED} | ({} if personal else {"payload_values": HIDDEN})
    return json.dumps(about | row.model_dump(mode="json"), indent=1, ensure_ascii=False)
