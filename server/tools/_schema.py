"""Schemas as small as clients allow: flat, without titles, nulls and references. Every token of them is paid per turn."""

import json
from typing import Any

QUOTE = '"'


def lean_input(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an input schema with flat properties; unknown names are announced as refused."""
    properties = {name: _flat(declared) for name, declared in schema.get("properties", {}).items()}
    required = {"required": schema["required"]} if schema.get("required") else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _flat(declared: dict[str, Any]) -> dict[str, Any]:
    """Replace `X or null` by X, and keep a way to leave an argument out where a client demands that all are given.

    OpenAI's strict mode does, and forbids `default`: there a model says "" or [] for what it does not want, and null
    where neither fits. Without a null it would have to pick a status, and get an answer to another question.
    """
    options = [option for option in declared.get("anyOf", []) if option.get("type") != "null"]
    merged = {**(options[0] if options else {}), **declared}
    default = merged.get("default")
    if default is not None:
        merged["description"] = f"{merged.get('description', '')} Default {json.dumps(default).strip(QUOTE)}.".strip()
    if "enum" in merged and (options or default is not None):
        merged |= {"type": ["string", "null"], "enum": [*merged["enum"], None]}
    elif options and merged["type"] in ("integer", "number"):
        merged["type"] = [merged["type"], "null"]
    return {key: value for key, value in merged.items() if key not in ("anyOf", "title", "default")}


def lean_output(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an output schema of the names and types of the first level: enough to check a result, and cheap."""
    if schema is None:
        return None
    definitions = schema.get("$defs", {})
    return {
        "type": "object",
        "properties": {name: _kind(part, definitions) for name, part in schema["properties"].items()},
    }


def _kind(declared: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    options = [option for option in declared.get("anyOf", [declared]) if option.get("type") != "null"]
    reference = options[0].get("$ref", "")
    resolved = definitions[reference.rpartition("/")[2]] if reference else options[0]
    return {"type": resolved.get("type", "object")}
