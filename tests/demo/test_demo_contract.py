"""The stand-in's own document has the structure of Catena's contract, and the stand-in keeps to it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.openapi import from_asgi
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection
from starlette.applications import Starlette
from starlette.testclient import TestClient

from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.api import build_api
from server.demo.contract import OPERATIONS_PATH, document
from server.demo.world import build_world

SEED = Path(__file__).parents[2].parent / "shared" / "openapi" / "resource-operations.yaml"
PROSE = {"description", "title", "examples", "servers", "tags", "info", "summary"}
NOW = datetime(2026, 6, 24, 15, tzinfo=UTC) + timedelta(minutes=20)


def structure(node: Any, inside: str = "") -> Any:
    """Strip what is prose; the names of properties are no prose, even where they are called like it."""
    if isinstance(node, dict):
        dropped = set() if inside == "properties" else PROSE
        return {name: structure(value, name) for name, value in node.items() if name not in dropped}
    if isinstance(node, list):
        items = [structure(item) for item in node]
        return sorted(items) if inside == "required" else items
    return node


@pytest.fixture(scope="module")
def seed() -> dict[str, Any]:
    if not SEED.exists():
        pytest.skip("the contract that was given is not here")
    loaded = pytest.importorskip("yaml").safe_load(SEED.read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_list_of_operations_is_described_as_in_the_given_contract(seed: dict[str, Any]) -> None:
    assert structure(document()["paths"][OPERATIONS_PATH]) == structure(seed["paths"][OPERATIONS_PATH])


def test_every_schema_of_the_given_contract_is_here_with_the_same_structure(seed: dict[str, Any]) -> None:
    ours = document()["components"]["schemas"]
    for name, schema in seed["components"]["schemas"].items():
        assert structure(ours[name]) == structure(schema), name


def test_no_prose_of_the_given_contract_was_taken_over(seed: dict[str, Any]) -> None:
    def sentences(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (v for k, v in node.items() if k == "description" and isinstance(v, str) and len(v) > 30)
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from sentences(child)

    theirs = set(sentences(seed))
    assert theirs
    assert theirs.isdisjoint(sentences(document()))


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    text = str(whole)
    used = {part.partition("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert used == set(whole["components"]["schemas"])


@pytest.fixture(scope="module")
def app() -> Starlette:
    return build_api(build_world(NOW - timedelta(minutes=20), operations=2_000), clock=lambda: NOW)


@pytest.fixture(scope="module")
def token(app: Starlette) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": "organization",
    }
    answer = TestClient(app).post(TOKEN_PATH, data=form).json()["access_token"]
    assert isinstance(answer, str)
    return answer


@pytest.fixture(scope="module")
def described(app: Starlette) -> BaseSchema:
    return from_asgi("/openapi.json", app)


def within_the_rules(case: Case[Any]) -> Case[Any]:
    """Mend what the document cannot express: the longest window, the pair of parameters, real cursors."""
    query = dict(case.query or {})
    query.pop("cursor", None)
    if "resource" not in query:
        query.pop("source_id", None)
    if "from_datetime" in query or "to_datetime" in query:
        query["from_datetime"], query["to_datetime"] = "2026-06-23T00:00:00Z", "2026-06-24T12:00:00.5+02:00"
    case.query = query
    return case


PATHS = list(document()["paths"])


@pytest.mark.parametrize("path", PATHS)
def test_well_formed_requests_get_answers_that_keep_to_the_document(
    described: BaseSchema, token: str, path: str
) -> None:
    @given(described[path]["GET"].as_strategy(generation_mode=GenerationMode.POSITIVE).map(within_the_rules))
    @settings(max_examples=50, derandomize=True, suppress_health_check=list(HealthCheck))
    def keeps_to_it(case: Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

    keeps_to_it()


@pytest.mark.parametrize("path", PATHS)
def test_malformed_requests_are_refused_as_the_document_says(described: BaseSchema, token: str, path: str) -> None:
    # On the wire `fleet_refs=true` is a list of one text, so what counts as malformed there is tested by hand elsewhere.
    unfair: list[Any] = [] if "{" in path else [negative_data_rejection]

    @given(described[path]["GET"].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @settings(max_examples=50, derandomize=True, suppress_health_check=list(HealthCheck))
    def keeps_to_it(case: Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=unfair)

    keeps_to_it()
