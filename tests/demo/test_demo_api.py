"""The stand-in API has to be as strict, and as odd, as the real one."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from server.demo.access import CLIENT_ID, CLIENT_SECRET, NARROW_CLIENT_ID, TOKEN_PATH
from server.demo.api import build_api
from server.demo.contract import CONNECTIONS_PATH, OPERATIONS_PATH
from server.demo.faults import Faults
from server.demo.ids import from_datetime
from server.demo.operations import Operation
from server.demo.world import World, build_world

pytestmark = pytest.mark.anyio

ANCHOR = datetime(2026, 6, 24, 15, tzinfo=UTC)
NOW = ANCHOR + timedelta(minutes=25, seconds=3)
WHOLE: dict[str, Any] = {"from_datetime": "2026-06-13T00:00:00Z", "to_datetime": "2026-06-26T00:00:00Z"}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name = request.param
    assert isinstance(name, str)
    return name


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(ANCHOR, operations=1_500)


class Clock:
    """Stand still until told to go on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def timer(self) -> float:
        return self.now.timestamp()


def form(**changes: str | None) -> dict[str, str]:
    fields: dict[str, str | None] = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": "organization",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


@asynccontextmanager
async def connect(
    world: World, faults: Faults | None = None, clock: Clock | None = None, client_id: str = CLIENT_ID
) -> AsyncIterator[tuple[httpx.AsyncClient, Starlette]]:
    clock = clock or Clock()
    app = build_api(world, clock=clock, faults=faults, timer=clock.timer)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://catena.test") as client:
        token = (await client.post(TOKEN_PATH, data=form(client_id=client_id))).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client, app


async def walk(client: httpx.AsyncClient, most: int = 10_000, **params: Any) -> list[dict[str, Any]]:
    """Read pages, the next one with the same filters, until none is named."""
    rows: list[dict[str, Any]] = []
    for _ in range(most):
        answer = await client.get(OPERATIONS_PATH, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["items"]
        if page["next_page"] is None:
            break
        params["cursor"] = page["next_page"]
    return rows


def visible(world: World, now: datetime = NOW) -> list[Operation]:
    return [operation for operation in world.operations if operation.created <= from_datetime(now)]


# --- tokens


async def test_a_token_names_its_life_and_what_it_may_read(world: World) -> None:
    async with connect(world) as (client, _):
        answer = await client.post(TOKEN_PATH, data=form())
    body = answer.json()
    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["scope"].split() == ["resource_operation:read", "connection:read"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": "wröng"}, 401, "invalid_client"),
        ({"client_id": "stranger"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"scope": "organization openid"}, 400, "invalid_scope"),
        ({"scope": None}, 400, "invalid_scope"),
    ],
)
async def test_a_token_is_refused_in_keycloaks_shape(
    world: World, changes: dict[str, str | None], status: int, code: str
) -> None:
    async with connect(world) as (client, _):
        answer = await client.post(TOKEN_PATH, data=form(**changes))
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert set(answer.json()) == {"error", "error_description"}


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer ", "Bearer nonsense"])
async def test_no_token_or_a_bad_one_is_a_401(world: World, header: str | None) -> None:
    async with connect(world) as (client, _):
        del client.headers["Authorization"]
        answer = await client.get(OPERATIONS_PATH, headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert (answer.json()["code"], answer.json()["message"]) == (401, "Unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_ends_with_its_life(world: World) -> None:
    clock = Clock()
    async with connect(world, Faults(token_life_s=60), clock) as (client, _):
        clock.now += timedelta(seconds=59)
        assert (await client.get(OPERATIONS_PATH)).status_code == 200
        clock.now += timedelta(seconds=1)
        assert (await client.get(OPERATIONS_PATH)).status_code == 401


async def test_a_token_is_refused_after_its_uses(world: World) -> None:
    async with connect(world, Faults(token_uses=2)) as (client, _):
        assert [(await client.get(CONNECTIONS_PATH)).status_code for _ in range(4)] == [200, 200, 401, 401]


async def test_a_client_without_the_scope_may_read_connections_only(world: World) -> None:
    async with connect(world, client_id=NARROW_CLIENT_ID) as (client, _):
        answer = await client.get(OPERATIONS_PATH)
        assert (answer.status_code, answer.json()["message"]) == (403, "Forbidden")
        assert "resource_operation:read" in answer.json()["detail"]
        assert (await client.get(CONNECTIONS_PATH)).status_code == 200


# --- the list


FILTERS = st.fixed_dictionaries(
    {"size": st.integers(7, 400)},
    optional={
        "resource": st.sampled_from(["user", "vehicle", "trailer", "message", "dvir_log"]),
        "source_name": st.sampled_from(["samsara", "geotab", "motive", "webfleet"]),
        "operation": st.sampled_from(["create", "update"]),
        "fleet_refs": st.lists(
            st.sampled_from(["northwind-haulage", "prairie-line-logistics", "nobody"]), min_size=1, max_size=3
        ),
    },
)


def matches(operation: Operation, params: dict[str, Any]) -> bool:
    return (
        params.get("resource") in (None, operation.resource)
        and params.get("source_name") in (None, operation.connection.source_name)
        and params.get("operation") in (None, operation.operation_type)
        and ("fleet_refs" not in params or operation.connection.fleet_ref in params["fleet_refs"])
    )


@given(
    params=FILTERS,
    begin=st.integers(-11 * 24 * 60, 24 * 60),
    minutes=st.integers(0, 12 * 24 * 60),
    order=st.sampled_from(["newest", "oldest", "scattered"]),
)
@settings(max_examples=60)
def test_a_walk_gives_every_matching_operation_once(
    world: World, params: dict[str, Any], begin: int, minutes: int, order: Any
) -> None:
    start = ANCHOR + timedelta(minutes=begin)
    end = start + timedelta(minutes=minutes)

    async def read() -> list[dict[str, Any]]:
        async with connect(world, Faults(order=order)) as (client, _):
            return await walk(client, from_datetime=start.isoformat(), to_datetime=end.isoformat(), **params)

    expected = [
        operation.id
        for operation in visible(world)
        if from_datetime(start) <= operation.created < from_datetime(end) and matches(operation, params)
    ]
    found = [row["id"] for row in anyio.run(read)]
    assert sorted(found) == expected
    if order != "scattered":
        assert found == (expected if order == "oldest" else expected[::-1])


async def test_the_default_window_is_the_last_day_and_the_default_page_300_rows(world: World) -> None:
    async with connect(world) as (client, _):
        first = (await client.get(OPERATIONS_PATH)).json()
        rows = await walk(client)
    since = from_datetime(NOW - timedelta(days=1))
    assert len(first["items"]) == min(300, len(rows))
    assert [row["id"] for row in rows] == [o.id for o in visible(world)[::-1] if o.created >= since]


async def test_nothing_from_the_future_is_shown_and_it_appears_as_time_goes_on(world: World) -> None:
    clock = Clock()
    async with connect(world, Faults(token_life_s=86_400), clock) as (client, _):
        before = await walk(client, size=1000, **WHOLE)
        clock.now += timedelta(hours=3)
        after = await walk(client, size=1000, **WHOLE)
    assert {row["id"] for row in before} == {operation.id for operation in visible(world)}
    assert {row["id"] for row in after} == {o.id for o in visible(world, NOW + timedelta(hours=3))}
    assert len(after) > len(before)


async def test_a_pending_operation_settles_as_time_goes_on(world: World) -> None:
    slow = next(o for o in world.operations if len(o.failures) > 2 and o.outcome == "success" and o.settled)
    clock = Clock()
    clock.now = datetime.fromtimestamp(slow.failures[0].at / 1e6 + 0.5, UTC)
    path = f"{CONNECTIONS_PATH}/{slow.connection.id}/resource-operations/{slow.id}"
    async with connect(world, clock=clock) as (client, _):
        early = (await client.get(path)).json()
        clock.now += timedelta(minutes=20)
        late = (await client.get(path)).json()
    assert (early["status"], len(early["logs"])) == ("pending", 1)
    assert (late["status"], len(late["logs"])) == ("success", len(slow.failures) + 1)
    assert early["updated_at"] < late["updated_at"]


async def test_an_operation_can_be_listed_by_its_source_id(world: World) -> None:
    wanted = next(o for o in visible(world) if o.operation_type == "update" and o.outcome == "success")
    row = world.row(wanted, NOW)
    async with connect(world) as (client, _):
        rows = await walk(client, resource=row["resource"], source_id=row["source_id"], **WHOLE)
    assert wanted.id in {found["id"] for found in rows}
    assert {found["source_id"] for found in rows} == {row["source_id"]}


async def test_of_a_repeated_single_parameter_the_last_one_counts_and_unknown_ones_are_ignored(world: World) -> None:
    async with connect(world) as (client, _):
        answer = await client.get(OPERATIONS_PATH + "?size=5000&size=2&status=failed")
    assert len(answer.json()["items"]) == 2


async def test_a_window_without_an_end_before_the_default_start_is_empty(world: World) -> None:
    """Documented: the default start is a day ago, whatever the end is."""
    async with connect(world) as (client, _):
        answer = await client.get(OPERATIONS_PATH, params={"to_datetime": "2026-06-20T00:00:00Z"})
    assert (answer.status_code, answer.json()["items"], answer.json()["next_page"]) == (200, [], None)


# --- cursors


async def test_a_whole_list_on_one_page_has_the_cursors_that_were_seen_live(world: World) -> None:
    async with connect(world) as (client, _):
        page = (await client.get(OPERATIONS_PATH, params={"size": 1000})).json()
    del page["items"]
    assert page == {
        "current_page": "Pg%3D%3D",
        "current_page_backwards": "PA%3D%3D",
        "previous_page": None,
        "next_page": None,
    }


async def test_a_cursor_is_taken_raw_encoded_and_decoded(world: World) -> None:
    async with connect(world) as (client, _):
        cursor = (await client.get(OPERATIONS_PATH, params={"size": 10})).json()["next_page"]
        assert cursor == quote(unquote(cursor), safe="")
        raw = await client.get(f"{OPERATIONS_PATH}?size=10&cursor={cursor}")
        encoded = await client.get(OPERATIONS_PATH, params={"size": 10, "cursor": cursor})
        decoded = await client.get(OPERATIONS_PATH, params={"size": 10, "cursor": unquote(cursor)})
    assert raw.json()["items"] == encoded.json()["items"] == decoded.json()["items"] != []


async def test_pages_lead_back_as_well(world: World) -> None:
    async with connect(world) as (client, _):

        async def page(cursor: str | None) -> dict[str, Any]:
            params = {"size": "10"} | ({} if cursor is None else {"cursor": cursor})
            body = (await client.get(OPERATIONS_PATH, params=params)).json()
            assert isinstance(body, dict)
            return body

        first = await page(None)
        second = await page(first["next_page"])
        assert (await page(second["previous_page"]))["items"] == first["items"]
        assert (await page(second["current_page"]))["items"] == second["items"]
        assert (await page(second["current_page_backwards"]))["items"] == second["items"]
        last = await page("PA%3D%3D")
        assert last["next_page"] is None
        assert last["items"][-1]["id"] == (await walk(client))[-1]["id"]
        back = await page(second["previous_page"])
        assert (back["previous_page"], first["previous_page"]) == (None, None)
        assert (await page(back["next_page"]))["items"] == second["items"]


async def test_a_cursor_holds_no_filter(world: World) -> None:
    async with connect(world) as (client, _):
        cursor = (await client.get(OPERATIONS_PATH, params={"size": 5, "source_name": "samsara"})).json()["next_page"]
        rest = (await client.get(OPERATIONS_PATH, params={"size": 100, "cursor": cursor})).json()["items"]
    assert len({row["source_name"] for row in rest}) > 1


@pytest.mark.parametrize(
    "cursor",
    ["x", "%%%", "null", "é", quote(b64encode(b">1~2")), quote(b64encode(b"\xff\xfe")), b64encode(b">>").decode()],
)
async def test_a_bad_cursor_is_a_400(world: World, cursor: str) -> None:
    async with connect(world) as (client, _):
        answer = await client.get(OPERATIONS_PATH, params={"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json() == {"code": 400, "message": "Bad Request", "detail": "Invalid cursor value"}


# --- refusals


@pytest.mark.parametrize(
    ("params", "path", "error_type"),
    [
        ({"resource": "driver"}, "query.resource", "enum"),
        ({"resource": ""}, "query.resource", "enum"),
        ({"resource": "null"}, "query.resource", "enum"),
        ({"source_name": "Samsara"}, "query.source_name", "enum"),
        ({"operation": "delete"}, "query.operation", "enum"),
        ({"connection_id": "42"}, "query.connection_id", "uuid_parsing"),
        ({"size": "0"}, "query.size", "greater_than_equal"),
        ({"size": "1001"}, "query.size", "less_than_equal"),
        ({"size": "ten"}, "query.size", "int_parsing"),
        ({"size": "9" * 400}, "query.size", "int_parsing"),
        ({"from_datetime": "yesterday"}, "query.from_datetime", "datetime_from_date_parsing"),
        ({"to_datetime": "2026-02-30T00:00:00Z"}, "query.to_datetime", "datetime_from_date_parsing"),
        ({"to_datetime": "0001-01-01T00:00:00+14:00"}, "query.to_datetime", "datetime_from_date_parsing"),
        ({"fleet_refs": ["x"] * 101}, "query.fleet_refs", "too_long"),
        ({"source_id": "12"}, "query.source_id", "value_error"),
        ({"from_datetime": "2026-05-10T15:25:02Z"}, "query.from_datetime", "value_error"),
    ],
)
async def test_a_bad_parameter_is_a_422_that_names_it(
    world: World, params: dict[str, Any], path: str, error_type: str
) -> None:
    async with connect(world) as (client, _):
        answer = await client.get(OPERATIONS_PATH, params=params)
    body = answer.json()
    assert answer.status_code == 422
    assert (body["code"], body["message"]) == (422, "Invalid Request Body")
    (problem,) = body["detail"]
    assert (problem["path"], problem["error_type"]) == (path, error_type)
    assert set(problem) == {"path", "input", "message", "error_type"}
    assert all(isinstance(value, str) for value in problem.values())


async def test_every_bad_parameter_is_named_at_once(world: World) -> None:
    async with connect(world) as (client, _):
        answer = await client.get(OPERATIONS_PATH, params={"resource": "driver", "size": "0", "connection_id": "x"})
    assert {problem["path"] for problem in answer.json()["detail"]} == {
        "query.resource",
        "query.size",
        "query.connection_id",
    }


@pytest.mark.parametrize(
    "params",
    [
        {"from_datetime": "2026-05-11T00:00:00Z", "to_datetime": "2026-06-25T00:00:00Z"},
        {"from_datetime": "2026-06-24", "to_datetime": "2026-06-24 12:00:00"},
        {"from_datetime": "2026-06-24T12:00:00+02:00"},
        {"fleet_refs": ["x"] * 100},
        {"size": " 10 "},
        {"connection_id": "019EFA24F63677BE964B28590FCEDA3C"},
    ],
)
async def test_what_is_just_within_the_limits_is_accepted(world: World, params: dict[str, Any]) -> None:
    async with connect(world) as (client, _):
        assert (await client.get(OPERATIONS_PATH, params=params)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/v2", f"{OPERATIONS_PATH}/", "/v2/integrations/tsps"])
async def test_an_unknown_path_is_a_404(world: World, path: str) -> None:
    async with connect(world) as (client, _):
        answer = await client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"code": 404, "message": "Not Found", "detail": None})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_another_method_is_a_405_that_names_the_allowed_ones(world: World, method: str) -> None:
    async with connect(world) as (client, _):
        answer = await client.request(method, OPERATIONS_PATH)
    assert (answer.status_code, answer.json()["message"]) == (405, "Method Not Allowed")
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == {"GET", "HEAD"}


async def test_head_has_the_headers_of_get_and_no_body(world: World) -> None:
    async with connect(world) as (client, _):
        head = await client.head(OPERATIONS_PATH)
        get = await client.get(OPERATIONS_PATH)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]


# --- one operation, connections


async def test_an_operation_is_found_only_under_its_own_connection(world: World) -> None:
    operation = visible(world)[-1]
    stranger = next(c for c in world.connections if c is not operation.connection)
    async with connect(world) as (client, _):
        found = await client.get(f"{CONNECTIONS_PATH}/{operation.connection.id}/resource-operations/{operation.id}")
        under_another = await client.get(f"{CONNECTIONS_PATH}/{stranger.id}/resource-operations/{operation.id}")
        future = world.operations[-1]
        unborn = await client.get(f"{CONNECTIONS_PATH}/{future.connection.id}/resource-operations/{future.id}")
        malformed = await client.get(f"{CONNECTIONS_PATH}/x/resource-operations/{operation.id}")
        listed = (await client.get(OPERATIONS_PATH, params={"size": 1})).json()["items"]
    assert listed == [found.json()]
    for answer in (under_another, unborn):
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
    assert malformed.status_code == 422
    assert malformed.json()["detail"][0]["path"] == "path.connection_id"


async def test_connections_are_listed_filtered_and_found(world: World) -> None:
    one = world.connections[3]
    async with connect(world) as (client, _):
        pages: list[str] = []
        cursor = None
        while True:
            params: dict[str, Any] = {"size": 30} | ({} if cursor is None else {"cursor": cursor})
            page = (await client.get(CONNECTIONS_PATH, params=params)).json()
            pages += [row["id"] for row in page["items"]]
            if (cursor := page["next_page"]) is None:
                break
        by_ref = await client.get(CONNECTIONS_PATH, params={"fleet_refs": [one.fleet_ref], "tsp_id": one.tsp_id})
        by_id = await client.get(CONNECTIONS_PATH, params={"fleet_ids": [one.fleet_id]})
        found = await client.get(f"{CONNECTIONS_PATH}/{one.id}")
        stranger = await client.get(f"{CONNECTIONS_PATH}/{one.fleet_id}")
    assert sorted(pages) == sorted(connection.id for connection in world.connections)
    assert by_ref.json()["items"] == [found.json()]
    assert {row["fleet_ref"] for row in by_id.json()["items"]} == {one.fleet_ref}
    assert stranger.status_code == 404


# --- faults


async def test_requests_are_counted(world: World) -> None:
    async with connect(world) as (client, app):
        await client.get(OPERATIONS_PATH, params={"size": 1})
        await client.get("/nowhere")
    assert list(app.state.requests) == [
        ("POST", TOKEN_PATH),
        ("GET", f"{OPERATIONS_PATH}?size=1"),
        ("GET", "/nowhere"),
    ]


async def test_errors_strike_their_share_and_come_in_six_kinds(world: World) -> None:
    async with connect(world, Faults(errors=0.25)) as (client, _):
        answers = [await client.get(OPERATIONS_PATH, params={"size": 2}) for _ in range(48)]
    bad = [answer for answer in answers if answer.status_code != 200 or not answer.text.endswith("}")]
    assert len(bad) == 12
    kinds = {(answer.status_code, answer.headers["Content-Type"].partition(";")[0]) for answer in bad}
    assert kinds == {
        (500, "application/json"),
        (502, "text/html"),
        (503, "text/plain"),
        (504, "application/json"),
        (200, "application/json"),
        (200, "text/html"),
    }
    assert {answer.text for answer in bad if answer.status_code == 500} == {'{"message":"Internal Server Error"}'}


async def test_more_than_the_allowed_rate_is_a_429_until_the_time_it_tells(world: World) -> None:
    clock = Clock()
    async with connect(world, Faults(rate=4), clock) as (client, _):
        codes = [(await client.get(CONNECTIONS_PATH)).status_code for _ in range(6)]
        refused = await client.get(CONNECTIONS_PATH)
        clock.now += timedelta(seconds=float(refused.headers["Retry-After"]))
        assert (await client.get(CONNECTIONS_PATH)).status_code == 200
    assert codes == [200] * 4 + [429] * 2
    assert refused.json() == {"code": 429, "message": "Too Many Requests", "detail": None}


@pytest.mark.parametrize("burst", [1, 2, 9])
async def test_a_burst_of_the_rate_limit_can_be_less_or_more_than_a_seconds_worth(world: World, burst: int) -> None:
    async with connect(world, Faults(rate=4, burst=burst)) as (client, _):
        codes = [(await client.get(CONNECTIONS_PATH)).status_code for _ in range(12)]
    assert codes == [200] * burst + [429] * (12 - burst)


@pytest.mark.parametrize(
    ("tells", "header"),
    [
        ("header", "1"),
        ("fraction", "0.25000"),
        ("date", "Wed, 24 Jun 2026 15:25:04 GMT"),
        ("body", None),
        ("none", None),
    ],
)
async def test_a_429_tells_when_to_come_back_in_different_ways(world: World, tells: Any, header: str | None) -> None:
    async with connect(world, Faults(rate=4, retry_after=tells)) as (client, _):
        refused = [await client.get(CONNECTIONS_PATH) for _ in range(5)][-1]
    assert refused.status_code == 429
    assert refused.headers.get("Retry-After") == header
    detail = refused.json()["detail"]
    assert (detail and detail["retry_after_seconds"]) == (1 if tells == "body" else None)


async def test_drift_adds_and_leaves_out_but_keeps_what_is_required(world: World) -> None:
    async with connect(world, Faults(drift=True)) as (client, _):
        rows = await walk(client, size=1000, **WHOLE)
    logs = [log for row in rows for log in row.get("logs", ())]
    assert {row["id"] for row in rows} == {operation.id for operation in visible(world)}
    assert all("schema_revision" in row for row in rows)
    assert {"yard_event", "user"} <= {row["resource"] for row in rows}
    assert {row["status"] for row in rows} == {"pending", "success", "failed", "cancelled"}
    assert "quota" in {log["error_type"] for log in logs}
    assert {int, str} <= {type(log["response_status_code"]) for log in logs}
    for name in ("logs", "fleet_ref", "source_id"):
        assert 0 < sum(name not in row for row in rows) < len(rows)
    assert all({"id", "created_at", "connection_id", "payload", "source_name"} <= set(row) for row in rows)


async def test_repeated_rows_overlap_pages_and_lose_none(world: World) -> None:
    async with connect(world, Faults(repeat=3)) as (client, _):
        first = (await client.get(OPERATIONS_PATH, params={"size": 10})).json()
        second = (await client.get(OPERATIONS_PATH, params={"size": 10, "cursor": first["next_page"]})).json()
        rows = await walk(client, size=10)
        single = await walk(client, size=1)
    assert [row["id"] for row in second["items"][:3]] == [row["id"] for row in first["items"][-3:]]
    ids = [row["id"] for row in rows]
    assert len(ids) > len(set(ids))
    assert set(ids) == {row["id"] for row in single}


async def test_a_walk_that_names_the_same_cursor_never_ends(world: World) -> None:
    async with connect(world, Faults(endless="same")) as (client, _):
        first = (await client.get(OPERATIONS_PATH, params={"size": 10})).json()
        cursor = first["next_page"]
        for _ in range(3):
            page = (await client.get(OPERATIONS_PATH, params={"size": 10, "cursor": cursor})).json()
            assert (page["next_page"], len(page["items"])) == (cursor, 10)


async def test_a_walk_that_names_fresh_cursors_ends_in_empty_pages(world: World) -> None:
    async with connect(world, Faults(endless="fresh")) as (client, _):
        page = (await client.get(OPERATIONS_PATH, params={"size": 1000})).json()
        assert page["items"]
        cursors = [page["next_page"]]
        for _ in range(3):
            page = (await client.get(OPERATIONS_PATH, params={"size": 1000, "cursor": cursors[-1]})).json()
            assert page["items"] == []
            cursors.append(page["next_page"])
    assert None not in cursors
    assert len(set(cursors)) == 4


async def test_rows_appear_while_a_walk_goes_on(world: World) -> None:
    async with connect(world, Faults(shift=3600, order="oldest")) as (client, _):
        rows = await walk(client, size=1000, **WHOLE)
    assert len(rows) > len(visible(world))
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids))


async def test_latency_delays_every_read(world: World) -> None:
    async with connect(world, Faults(latency_s=0.02)) as (client, _):
        begun = anyio.current_time()
        await client.get(OPERATIONS_PATH)
        assert anyio.current_time() - begun >= 0.02


def test_switches_are_read_from_a_line() -> None:
    assert Faults.parse("errors=0.15, rate=20,retry_after=date,drift,order=oldest,token_uses=3") == Faults(
        errors=0.15, rate=20.0, retry_after="date", drift=True, order="oldest", token_uses=3
    )
    assert Faults.parse("") == Faults()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eror=1", "'errors'"),
        ("colour=3", "the names are"),
        ("errors=2", "share of at most 1"),
        ("errors=nan", "'nan'"),
        ("rate=-1", "negative"),
        ("order=sideways", "newest, oldest, scattered"),
        ("drift=maybe", "true or false"),
        ("repeat=x", "'x'"),
    ],
)
def test_a_switch_that_cannot_be_set_is_refused_with_what_could_be(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Faults.parse(text)


async def test_a_cursor_is_base64_of_the_sort_keys_alone(world: World) -> None:
    async with connect(world) as (client, _):
        page = (await client.get(OPERATIONS_PATH, params={"size": 1, "source_name": "samsara"})).json()
    (row,) = page["items"]
    created = from_datetime(datetime.fromisoformat(row["created_at"]))
    assert b64decode(unquote(page["next_page"])).decode() == f">{created}~{row['id']}"
