"""What the runtime adds to an answer that stands without it: the status of a connection, or nothing."""

from collections.abc import Callable

import httpx
import pytest

from server.runtime import Runtime, running
from tests.conftest import AT_ONCE, settings_of

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])]

CONNECTION = "019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90"
Answer = Callable[[httpx.Request], httpx.Response]


async def status_of(scope: str, answer: Answer) -> tuple[str | None, int]:
    """Ask twice for a connection's status; return it, and how many requests were sent for it."""
    sent = 0

    def respond(request: httpx.Request) -> httpx.Response:
        nonlocal sent
        if request.method == "POST":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600, "scope": scope})
        sent += 1
        return answer(request)

    def opened() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(respond))

    async with running(Runtime(settings_of(), open_http=opened, retries=AT_ONCE)) as runtime:
        first = await runtime.connection_status(CONNECTION)
        assert await runtime.connection_status(CONNECTION) == first
    return first, sent


def stale(request: httpx.Request) -> httpx.Response:
    assert request.url.path == f"/v2/integrations/connections/{CONNECTION}"
    return httpx.Response(200, json={"id": CONNECTION, "status": "stale", "credentials": {"password": "hunter2"}})


async def test_the_status_is_read_once_and_held(anyio_backend: str) -> None:
    assert await status_of("resource_operation:read connection:read", stale) == ("stale", 1)


async def test_without_the_scope_nothing_is_asked(anyio_backend: str) -> None:
    assert await status_of("resource_operation:read", stale) == (None, 0)


@pytest.mark.parametrize("code", [403, 404, 500])
async def test_trouble_with_it_is_nobodys_error(anyio_backend: str, code: int) -> None:
    status, _ = await status_of("", lambda _: httpx.Response(code, json={"message": "no"}))
    assert status is None


async def test_an_answer_of_another_shape_is_left_out(anyio_backend: str) -> None:
    assert (await status_of("", lambda _: httpx.Response(200, text="<html>")))[0] is None
    assert (await status_of("", lambda _: httpx.Response(200, json={"status": None})))[0] is None
