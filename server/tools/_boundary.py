"""The one place where errors become what a client reads: a tool error with the cause and the next step."""

import logging
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from pydantic import ValidationError

from ..catena.outside import said_back
from ..errors import BadArgument, OpsError, did_you_mean
from ..telemetry import current

logger = logging.getLogger(__name__)


UNFORESEEN = (
    "This server met a fault of its own, which its log (stderr) tells in full. Nothing was answered. Try a shorter window or "
    "other filters; `catena-ops-mcp doctor` checks the setup. Please report it with that part of the log."
)

UNFORESEEN_KIND = "Unforeseen"
"""What the audit and telemetry call it."""

_TYPES = {"string": "text", "array": "a list of texts", "boolean": "true or false", "integer": "a whole number"}


def check_names(given: dict[str, Any], schema: dict[str, Any]) -> None:
    """Refuse argument names the tool does not have: a misspelt filter would answer another question.

    Raises:
        ToolError: With the nearest name.
    """
    known = schema.get("properties", {})
    for name in given:
        if name not in known:
            current().fault = BadArgument.__name__
            raise ToolError(
                f"There is no argument {said_back(name)}.{did_you_mean(name, known)} Arguments: {', '.join(known)}."
            )


def steering(exc: ToolError, schema: dict[str, Any]) -> ToolError:
    """Return the error a model can act on for one that the SDK raised."""
    cause = exc.__cause__
    current().fault = type(cause or exc).__name__
    if isinstance(cause, OpsError):
        return ToolError(str(cause))
    if isinstance(exc, UnexpectedToolError):
        current().fault = UNFORESEEN_KIND
        return UnexpectedToolError(UNFORESEEN)
    if isinstance(cause, ValidationError):
        return ToolError("; ".join(_about(e, schema) for e in cause.errors(include_url=False, include_input=False)))
    return exc


def _about(error: Any, schema: dict[str, Any]) -> str:
    """Say what an argument must be, from the schema it is published with."""
    name = str(error["loc"][0])
    declared = schema.get("properties", {}).get(name, {})
    if error["type"] == "missing":
        return f"`{name}` is required"
    if "minimum" in declared:
        most = (
            f"from {declared['minimum']} to {declared['maximum']}"
            if "maximum" in declared
            else f"of at least {declared['minimum']}"
        )
        return f"`{name}` must be a whole number {most}"
    if "enum" in declared:
        return f"`{name}` must be one of {', '.join(filter(None, declared['enum']))}"
    return f"`{name}` must be {_TYPES.get(str(declared.get('type')), 'of another type')}"
