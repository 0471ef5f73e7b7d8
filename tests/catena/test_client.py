"""One page, one operation: asked for as the API wants it, retried where that can help, explained where not."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import msgspec
import pytest
from anyio.lowlevel import checkpoint
from pydantic import SecretStr

from server.catena.auth import Tokens
from server.catena.client import LARGE, OPERATIONS, CatenaClient, Retries
from server.catena.limiter import Limiter
from server.catena.query import Filters, Query
from server.catena.wire import Page, decode_page
from server.demo.access import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH
from server.demo.api import build_api
from server.demo.faults import Faults
from server.demo.world import World, build_world
from server.errors import CatenaError, Invalid, NotFound, RateLimited, Refused, Unavailable, Unreachable, Unreadable

pytestmark = pytest.mark.anyio
on_a_virtual_clock = pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)

API = "https://api.example"
NOW = datetime(2026, 6, 25, 16, tzinfo=UTC)
QUERY = Query(Filters(), datetime(2026, 6, 24, 16, tzinfo=UTC), NOW)
PAGE = b'{"items": [{"id": "op", "created_at": "2026-06-25T12:00:00Z"}], "next_page": null}'
OPERATION_ROW = b'{"id": "op", "created_at": "2026-06-25T12:00:00"}'

Answer = httpx.Response | Exception
"""What a script says to one request."""


class Api:
    """Sign in, then say what the script says, its last line for ever."""

    def __init__(self, *script: Callable[[], Answer]) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await checkpoint()
        if request.url.path == TOKEN_PATH:
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600, "scope": ""})
        self.requests.append(request)
        answer = (self._script.pop(0) if len(self._script) > 1 else self._script[0])()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, attempts: int = 4, limiter: Limiter | None = None) -> CatenaClient:
        return client_of(httpx.MockTransport(self), attempts, limiter)


def client_of(transport: httpx.AsyncBaseTransport, attempts: int = 4, limiter: Limiter | None = None) -> CatenaClient:
    http = httpx.AsyncClient(transport=transport)
    tokens = Tokens(http, API + TOKEN_PATH, CLIENT_ID, lambda: SecretStr(CLIENT_SECRET), "organization")
    return CatenaClient(http, API, tokens, limiter or Limiter(8), Retries(attempts, first_wait=0, longest_wait=0))


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[], Answer]:
    return lambda: httpx.Response(status, content=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def cut_off() -> httpx.Response:
    async def chunks() -> Any:
        yield PAGE[:20]
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    return httpx.Response(200, content=chunks())


good = says(200, PAGE)
PASSING: list[tuple[Callable[[], Answer], type[CatenaError], str]] = [
    (says(500, b'{"message": "Internal Server Error"}'), Unavailable, "500"),
    (says(502, b"<html>502 Bad Gateway</html>"), Unavailable, "502"),
    (says(503, b"upstream connect error"), Unavailable, "503"),
    (says(504, b'{"code": 504}'), Unavailable, "504"),
    (says(200, PAGE[:-20]), Unreadable, "cut short"),
    (says(200, b""), Unreadable, "cut short"),
    (says(200, b"<!doctype html><title>Sign in</title>"), Unreadable, "CATENA_BASE_URL"),
    (says(200, b"not gzip", Content_Encoding="gzip"), Unreadable, "CATENA_BASE_URL"),
    (lambda: httpx.ReadTimeout("slow"), Unreachable, "CATENA_REQUEST_TIMEOUT_S"),
    (lambda: httpx.ConnectTimeout("slow"), Unreachable, "did not answer in time"),
    (lambda: httpx.ConnectError("refused"), Unreachable, "https://api.example cannot be reached"),
    (lambda: httpx.RemoteProtocolError("hung up"), Unreachable, "CATENA_BASE_URL"),
    (cut_off, Unreachable, "https://api.example"),
]
each_trouble_that_passes = pytest.mark.parametrize(("trouble", "kind", "names"), PASSING)


@each_trouble_that_passes
async def test_trouble_that_passes_is_not_noticed(
    trouble: Callable[[], Answer], kind: type[CatenaError], names: str
) -> None:
    api = Api(trouble, trouble, trouble, good)
    with anyio.fail_after(5):
        page = await api.client(attempts=4).list_page(QUERY, 10)
    assert [op.id for op in page.items] == ["op"]
    assert len(api.requests) == 4


@each_trouble_that_passes
async def test_trouble_that_stays_is_told_after_the_attempts_that_are_due(
    trouble: Callable[[], Answer], kind: type[CatenaError], names: str
) -> None:
    api = Api(trouble)
    with anyio.fail_after(5), pytest.raises(kind, match=names):
        await api.client(attempts=3).list_page(QUERY, 10)
    assert len(api.requests) == 3


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (404, NotFound), (405, Refused), (409, Refused)])
async def test_a_refusal_is_not_sent_again(status: int, kind: type[CatenaError]) -> None:
    api = Api(says(status), good)
    with pytest.raises(kind):
        await api.client().list_page(QUERY, 10)
    assert len(api.requests) == 1


async def test_a_parameter_that_is_not_accepted_is_not_sent_again() -> None:
    api = Api(says(422, b'{"detail": [{"path": "query.size", "message": "too large"}]}'), good)
    with pytest.raises(Invalid, match=r"«query\.size: too large»"):
        await api.client().list_page(QUERY, 10)
    assert len(api.requests) == 1


async def test_a_network_error_names_the_host_and_nothing_of_the_question() -> None:
    api = Api(lambda: httpx.ConnectError("refused"))
    query = Query(Filters(fleet_refs=("secret-fleet",)), QUERY.start, QUERY.end)
    with pytest.raises(Unreachable) as caught:
        await api.client().list_page(query, 10)
    assert "https://api.example cannot" in str(caught.value)
    assert "secret-fleet" not in str(caught.value)


@on_a_virtual_clock
async def test_429_is_waited_for_and_asked_again_as_often_as_it_comes() -> None:
    api = Api(*[says(429, Retry_After="2")] * 9, good)
    began = anyio.current_time()
    with anyio.move_on_after(60) as deadline:
        await api.client(attempts=2).list_page(QUERY, 10)
    assert not deadline.cancelled_caught
    assert len(api.requests) == 10
    assert 18 <= anyio.current_time() - began < 18 + 9


@on_a_virtual_clock
async def test_429_slows_everyone_who_shares_the_limiter() -> None:
    limiter = Limiter(8)
    limiter.pace.at_a_time = 8
    pushed = Api(says(429, Retry_After="5"), good).client(limiter=limiter)
    other = Api(good)
    times: list[float] = []

    async def ask(client: CatenaClient) -> None:
        await client.list_page(QUERY, 10)
        times.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, pushed)
        await anyio.sleep(1)
        began = anyio.current_time()
        tasks.start_soon(ask, other.client(limiter=limiter))
    assert min(times) - began >= 3.9
    assert limiter.pace.at_a_time == 4


@on_a_virtual_clock
async def test_no_request_leaves_during_the_pause() -> None:
    api = Api(says(429, Retry_After="5"), good)
    client = api.client()
    with anyio.move_on_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.list_page, QUERY, 10)
            await anyio.sleep(1)
            for _ in range(20):
                tasks.start_soon(client.list_page, QUERY, 10)
            await anyio.sleep(3)
            assert len(api.requests) == 1
    assert len(api.requests) == 22


@pytest.mark.parametrize("told", ["0", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
@on_a_virtual_clock
async def test_a_429_that_names_no_wait_is_not_hammered(told: str) -> None:
    api = Api(says(429, Retry_After=told))
    with anyio.move_on_after(45), pytest.raises(RateLimited):
        await api.client().list_page(QUERY, 10)
    assert 3 < len(api.requests) < 10


async def test_429_that_outlasts_the_deadline_is_told_at_once() -> None:
    api = Api(says(429, Retry_After="600"))
    client = api.client()
    with anyio.fail_after(5):
        for _ in range(2):
            with pytest.raises(RateLimited, match="Come back in 600 seconds") as caught:
                await client.list_page(QUERY, 10)
            assert caught.value.retry_after == pytest.approx(600, abs=2)
    assert len(api.requests) == 1, "the pause also holds the next call back"


ALL_FILTERS = Filters("user", "019ddd87", "samsara", ("FLEET-42", "A&B+c", "50%"), "create", "drv 7/é")


async def params_sent(filters: Filters, size: int, cursor: str | None) -> httpx.QueryParams:
    api = Api(good)
    moment = datetime(2026, 6, 25, 12, 30, 0, 250_000, tzinfo=UTC)
    await api.client().list_page(Query(filters, moment, NOW), size, cursor)
    (request,) = api.requests
    assert request.method == "GET"
    assert request.url.path == OPERATIONS
    return request.url.params


async def test_all_ten_parameters_are_sent_under_the_apis_names() -> None:
    params = await params_sent(ALL_FILTERS, 300, "Pg%3D%3D")
    assert sorted(params.multi_items()) == sorted(
        [
            ("resource", "user"),
            ("connection_id", "019ddd87"),
            ("source_name", "samsara"),
            ("fleet_refs", "FLEET-42"),
            ("fleet_refs", "A&B+c"),
            ("fleet_refs", "50%"),
            ("operation", "create"),
            ("source_id", "drv 7/é"),
            ("from_datetime", "2026-06-25T12:30:00.250000Z"),
            ("to_datetime", "2026-06-25T16:00:00Z"),
            ("cursor", "Pg%3D%3D"),
            ("size", "300"),
        ]
    )


async def test_a_cursor_is_sent_back_as_it_came() -> None:
    """Observed: cursors come percent-encoded once already, and are encoded once more on the wire."""
    api = Api(good)
    await api.client().list_page(QUERY, 10, "Pg%3D%3D")
    assert b"cursor=Pg%253D%253D" in api.requests[0].url.raw_path


async def test_filters_and_cursor_that_are_not_set_are_not_sent() -> None:
    assert set(await params_sent(Filters(), 10, None)) == {"from_datetime", "to_datetime", "size"}


async def test_ids_cannot_leave_their_place_in_the_path() -> None:
    api = Api(says(200, OPERATION_ROW))
    await api.client().operation("../../x?y", "a/b#c")
    raw = api.requests[0].url.raw_path
    assert raw == b"/v2/integrations/connections/..%2F..%2Fx%3Fy/resource-operations/a%2Fb%23c"


async def test_one_operation_is_read_with_its_times_in_utc() -> None:
    op = await Api(says(200, OPERATION_ROW)).client().operation("conn", "op")
    assert op.created_at == datetime(2026, 6, 25, 12, tzinfo=UTC)


async def test_an_operation_that_is_not_there_is_told_with_both_ids() -> None:
    with pytest.raises(NotFound, match="no operation «op» under connection «conn»"):
        await Api(says(404)).client().operation("conn", "op")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"<html>", b"[" * 9000 + b"]" * 9000])
async def test_an_answer_that_is_no_operation_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        await Api(says(200, body)).client().operation("conn", "op")


async def test_the_date_of_the_last_answer_is_known() -> None:
    client = Api(says(200, PAGE, Date="Thu, 25 Jun 2026 16:00:00 GMT")).client()
    await client.list_page(QUERY, 10)
    assert client.date == "Thu, 25 Jun 2026 16:00:00 GMT"


async def test_cancellation_ends_a_request_that_waits_to_be_sent_again() -> None:
    client = Api(says(429, Retry_After="4")).client()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(client.list_page, QUERY, 10)
            for _ in range(30):
                await checkpoint()
            tasks.cancel_scope.cancel()


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(NOW, operations=600)


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # the stand-in uses threads, so time is real here
@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(errors=0.4),
        Faults(drift=True),
        Faults(order="scattered"),
        Faults(repeat=3),
        Faults(token_uses=3),
    ],
    ids=str,
)
async def test_pages_of_the_stand_in_are_walked_to_the_end(world: World, faults: Faults) -> None:
    transport = httpx.ASGITransport(build_api(world, clock=lambda: NOW, faults=faults))
    client, query, found, cursor = client_of(transport, attempts=8), QUERY, set[str](), None
    with anyio.fail_after(20):
        while True:
            page = await client.list_page(query, 50, cursor)
            found |= {op.id for op in page.items}
            if (cursor := page.next_page) is None:
                break
    expected = {op.id for op in world.operations if query.start <= at(op.created) < query.end}
    assert found == expected
    assert len(found) > 50


def at(micros: int) -> datetime:
    return msgspec.convert(micros / 1e6, datetime, strict=False).astimezone(UTC)


@pytest.mark.parametrize("drifts", [False, True])
@pytest.mark.parametrize("padding", [0, LARGE], ids=["small", "large"])
async def test_a_large_page_is_decoded_beside_the_event_loop_where_pages_drift(
    monkeypatch: pytest.MonkeyPatch, padding: int, drifts: bool
) -> None:
    threads: list[int] = []

    def decode(body: bytes) -> Page:
        threads.append(threading.get_ident())
        return decode_page(body)

    monkeypatch.setattr("server.catena.client.decode_page", decode)
    told = PAGE.replace(b'"id"', b'"later_field": 1, "id"') if drifts else PAGE
    client = Api(*(says(200, told + b" " * padding) for _ in range(3))).client()
    pages = [await client.list_page(QUERY, 10) for _ in range(3)]
    assert [op.id for page in pages for op in page.items] == ["op"] * 3
    here = threading.get_ident()
    assert [thread != here for thread in threads] == [False, *[drifts and padding > 0] * 2]
