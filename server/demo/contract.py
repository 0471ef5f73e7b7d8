"""Describe the stand-in API in OpenAPI 3.1: the structure of Catena's contract, built here from the vocabulary."""

from typing import Any

from ..catena.vocabulary import ERROR_TYPES, LOG_STATUSES, OPERATION_TYPES, RESOURCES, SOURCES, STATUSES
from .access import READ_CONNECTIONS, READ_OPERATIONS, TOKEN_PATH
from .query import MOST_REFS, MOST_ROWS, USUAL_ROWS

CONNECTIONS_PATH = "/v2/integrations/connections"
CONNECTION_PATH = f"{CONNECTIONS_PATH}/{{connection_id}}"
OPERATIONS_PATH = f"{CONNECTIONS_PATH}/resource-operations"
OPERATION_PATH = f"{CONNECTION_PATH}/resource-operations/{{resource_operation_id}}"

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_UUID: Schema = {"type": "string", "format": "uuid"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_SIZE: Schema = {"type": "integer", "maximum": MOST_ROWS, "minimum": 1, "default": USUAL_ROWS}

_ERRORS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    422: "UnprocessableEntity",
    429: "TooManyRequests",
    500: "InternalServerError",
    504: "GatewayTimeout",
}
_REASONS = {"UnprocessableEntity": "Invalid Request Body"}
# The names that pydantic makes of a generic page, odd as they are: clients generated from the contract carry them.
_OPERATIONS_PAGE = "_CursorPage_TypeVar_Customized_ResourceOperationRead_"
_CONNECTIONS_PAGE = "_CursorPage_TypeVar_Customized_ConnectionRead_"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _list_of(item: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": item} | ({} if most is None else {"maxItems": most})


def _words(name: str) -> str:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).strip()


def _error(status: int, name: str) -> Schema:
    details = {422: _list_of(_ref("ValidationErrorDetail")), 429: _ref("RetryAfterDetail")}
    message = _STRING | {"default": _REASONS.get(name, _words(name))}
    # The contract gives this one neither code nor detail.
    if status == 500:
        return _object({"message": message}, ("message",))
    detail = _nullable(details.get(status, _STRING))
    return _object(
        {"code": _INTEGER | {"default": status}, "message": message, "detail": detail}, ("code", "message", "detail")
    )


def _page(item: str) -> Schema:
    cursors = ("current_page", "current_page_backwards", "previous_page", "next_page")
    return _object({"items": _list_of(_ref(item))} | dict.fromkeys(cursors, _nullable(_STRING)), cursors)


def _operation() -> Schema:
    return _object(
        {
            "id": _UUID,
            "created_at": _TIME,
            "updated_at": _TIME,
            "partner_id": _UUID,
            "connection_id": _UUID,
            "fleet_ref": _nullable(_STRING),
            "source_name": _ref("TspEnum"),
            "resource": _ref("ResourceEnum"),
            "resource_id": _nullable(_UUID),
            "source_id": _nullable(_STRING),
            "operation_type": _ref("ResourceOperationTypeEnum"),
            "status": _ref("ResourceOperationStatusEnum"),
            "payload": {"type": "object", "additionalProperties": True},
            "logs": _list_of(_ref("ResourceOperationLogRead")),
        },
        ("fleet_ref", "resource_id", "source_id", "logs"),
    )


def _log() -> Schema:
    headers = {"type": "object", "additionalProperties": _STRING}
    properties = {
        "id": _UUID,
        "created_at": _TIME,
        "updated_at": _TIME,
        "resource_operation_id": _UUID,
        "status": _ref("ResourceOperationLogStatusEnum"),
        "error_type": _nullable(_ref("ResourceOperationErrorTypeEnum")),
        "error_details": _nullable(_STRING),
        "response_status_code": _nullable(_INTEGER),
        "response_headers": _nullable(headers),
    }
    return _object(properties, ("error_type", "error_details", "response_status_code", "response_headers"))


def _connection() -> Schema:
    properties = {
        "id": _UUID,
        "created_at": _TIME,
        "updated_at": _TIME,
        "fleet_id": _UUID,
        "fleet_ref": _nullable(_STRING),
        "tsp_id": _UUID,
        "source_name": _ref("TspEnum"),
        "credentials": {"type": "object", "additionalProperties": True},
        "status": {"type": "string", "enum": ["active", "failed", "cancelled", "paused", "stale", "deleted"]},
        "description": _nullable(_STRING),
    }
    return _object(properties, ("fleet_ref", "description"))


def _schemas() -> dict[str, Schema]:
    enums = {
        "ResourceEnum": RESOURCES,
        "TspEnum": SOURCES,
        "ResourceOperationTypeEnum": OPERATION_TYPES,
        "ResourceOperationStatusEnum": STATUSES,
        "ResourceOperationLogStatusEnum": LOG_STATUSES,
        "ResourceOperationErrorTypeEnum": ERROR_TYPES,
    }
    return {
        **{name: {"type": "string", "enum": list(values)} for name, values in enums.items()},
        **{name: _error(status, name) for status, name in _ERRORS.items()},
        "ValidationErrorDetail": _object(dict.fromkeys(("path", "input", "message", "error_type"), _STRING)),
        "RetryAfterDetail": _object({"retry_after_seconds": _INTEGER, "message": _STRING}),
        "ResourceOperationRead": _operation(),
        "ResourceOperationLogRead": _log(),
        "ConnectionRead": _connection(),
        _OPERATIONS_PAGE: _page("ResourceOperationRead"),
        _CONNECTIONS_PAGE: _page("ConnectionRead"),
    }


def _parameter(name: str, schema: Schema, place: str = "query") -> Schema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _filters() -> list[Schema]:
    filters = {
        "resource": _nullable(_ref("ResourceEnum")),
        "connection_id": _nullable(_UUID),
        "source_name": _nullable(_ref("TspEnum")),
        "fleet_refs": _nullable(_list_of(_STRING, MOST_REFS)),
        "operation": _nullable(_ref("ResourceOperationTypeEnum")),
        "source_id": _nullable(_STRING),
        "from_datetime": _TIME,
        "to_datetime": _TIME,
        "cursor": _nullable(_STRING),
        "size": _SIZE,
    }
    return [_parameter(name, schema) for name, schema in filters.items()]


def _connection_filters() -> list[Schema]:
    filters = {
        "tsp_id": _nullable(_UUID),
        "fleet_ids": _nullable(_list_of(_UUID, MOST_REFS)),
        "fleet_refs": _nullable(_list_of(_STRING, MOST_REFS)),
        "cursor": _nullable(_STRING),
        "size": _SIZE,
    }
    return [_parameter(name, schema) for name, schema in filters.items()]


def _get(identifier: str, scope: str, schema: str, parameters: list[Schema]) -> Schema:
    def response(name: str) -> Schema:
        return {"description": _words(name), "content": {"application/json": {"schema": _ref(name)}}}

    errors = {str(status): response(name) for status, name in _ERRORS.items()}
    return {
        "get": {
            "operationId": identifier,
            "parameters": parameters,
            "responses": {"200": response(schema) | {"description": "What was asked for"}} | errors,
            "security": [{"Bearer": [scope]}],
        }
    }


def document() -> Schema:
    """Build the whole document anew; nobody can change it for another reader."""
    connection_id = _parameter("connection_id", _UUID, "path")
    operation_id = _parameter("resource_operation_id", _UUID, "path")
    # Relative, so that the document is true at any port.
    flows = {"clientCredentials": {"tokenUrl": TOKEN_PATH, "refreshUrl": TOKEN_PATH, "scopes": {}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stand-in for Catena's integrations API", "version": "0.1.0"},
        "paths": {
            OPERATIONS_PATH: _get("list_resource_operations", READ_OPERATIONS, _OPERATIONS_PAGE, _filters()),
            OPERATION_PATH: _get(
                "get_resource_operation", READ_OPERATIONS, "ResourceOperationRead", [connection_id, operation_id]
            ),
            CONNECTIONS_PATH: _get("list_connections", READ_CONNECTIONS, _CONNECTIONS_PAGE, _connection_filters()),
            CONNECTION_PATH: _get("get_connection", READ_CONNECTIONS, "ConnectionRead", [connection_id]),
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"Bearer": {"type": "oauth2", "flows": flows}},
        },
    }
