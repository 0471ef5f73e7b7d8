"""One token serves all, is renewed in time, and neither it nor the secret shows anywhere."""

import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint
from pydantic import SecretStr

from server.catena.auth import EARLY_S, Token, Tokens
from server.catena.client import CatenaClient, Retries
from server.catena.limiter import Limiter
from server.errors import CatenaError, NotAllowed, NotSignedIn, RateLimited, Unavailable, Unreachable, Unreadable

pytestmark = pytest.mark.anyio
on_a_virtual_clock = pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)

SECRET = "s3cr3t-äpfel&+%"
TOKEN_URL = "https://auth.example/realms/catena/protocol/openid-connect/token"
API = "https://api.example"
Answer = Callable[[httpx.Request], httpx.Response]


class Endpoint:
    """The token endpoint, and an API that accepts the newest `good` tokens."""

    def __init__(self, **granted: Any) -> None:
        self.granted = granted
        self.answer: Answer | None = None
        self.refuse: Callable[[str], int | None] = lambda token: None
        self.asked: list[httpx.Request] = []
        self.bearers: list[tuple[str, str]] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await checkpoint()
        if str(request.url) != TOKEN_URL:
            return self._api(request)
        self.asked.append(request)
        if self.answer is not None:
            return self.answer(request)
        grant = {"access_token": f"token-{len(self.asked)}", "expires_in": 3600, "token_type": "Bearer"}
        return httpx.Response(200, json={**grant, "not-before-policy": 0, "scope": "a:read b:read", **self.granted})

    def _api(self, request: httpx.Request) -> httpx.Response:
        bearer = request.headers["Authorization"]
        self.bearers.append((request.url.host, bearer))
        refused = self.refuse(bearer.removeprefix("Bearer "))
        return httpx.Response(refused or 200, json={"items": [], "next_page": None})

    @property
    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self))

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.http, TOKEN_URL, "client", lambda: SecretStr(SECRET), "organization")

    def client(self, attempts: int = 2) -> CatenaClient:
        return CatenaClient(self.http, API, self.tokens, Limiter(50), Retries(attempts, 0, 0))


async def together(calls: int, call: Callable[[], Awaitable[object]]) -> list[object]:
    results: list[object] = []

    async def one() -> None:
        results.append(await call())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(calls):
                tasks.start_soon(one)
    return results


async def read(client: CatenaClient) -> object:
    return await client._get("/v2/any", {}, json.loads)


async def test_a_token_is_asked_for_as_catena_documents_it() -> None:
    endpoint = Endpoint()
    await endpoint.tokens.current()
    (request,) = endpoint.asked
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Authorization" not in request.headers
    assert parse_qs(request.content.decode(), strict_parsing=True) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": [SECRET],
        "scope": ["organization"],
    }


async def test_the_scopes_granted_are_known() -> None:
    assert (await Endpoint().tokens.current()).scopes == {"a:read", "b:read"}


async def test_nothing_is_asked_before_the_first_call() -> None:
    endpoint = Endpoint()
    endpoint.client()
    await checkpoint()
    assert endpoint.asked == []


async def test_one_request_serves_fifty_callers_and_those_after_them() -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens
    first = await together(50, tokens.current)
    later = await together(50, tokens.current)
    assert len(endpoint.asked) == 1
    assert {token.value for token in first + later if isinstance(token, Token)} == {"token-1"}


async def test_a_caller_that_is_cancelled_leaves_the_token_to_the_others() -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            hasty = anyio.CancelScope()

            async def give_up() -> None:
                with hasty:
                    await tokens.current()

            tasks.start_soon(give_up)
            await checkpoint()
            tasks.start_soon(tokens.current)
            hasty.cancel()
    assert (await tokens.current()).value in {"token-1", "token-2"}


@on_a_virtual_clock
async def test_a_token_is_renewed_thirty_seconds_before_its_end() -> None:
    endpoint = Endpoint(expires_in=3600)
    tokens = endpoint.tokens
    await tokens.current()
    await anyio.sleep(3600 - EARLY_S - 1)
    assert (await tokens.current()).value == "token-1"
    await anyio.sleep(2)
    assert (await tokens.current()).value == "token-2"
    assert EARLY_S == 30


@pytest.mark.parametrize("life", [1, 10, 30, "20", 45.5])
@on_a_virtual_clock
async def test_a_token_that_lives_shorter_than_the_margin_is_used_all_the_same(life: Any) -> None:
    endpoint = Endpoint(expires_in=life)
    tokens = endpoint.tokens
    await tokens.current()
    await anyio.sleep(float(life) / 4)
    assert (await tokens.current()).value == "token-1"
    await anyio.sleep(float(life) * 3 / 4)
    assert (await tokens.current()).value == "token-2"


async def test_a_token_without_an_end_or_scopes_is_used() -> None:
    def bare(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "bare"})

    endpoint = Endpoint()
    endpoint.answer = bare
    assert (await endpoint.tokens.current()).value == "bare"


@pytest.mark.parametrize(
    "more",
    [
        {"expires_in": None, "scope": None},
        {"expires_in": "soon", "scope": ["a:read"]},
        {"expires_in": -1, "token_type": None},
        {"expires_in": 1e300, "refresh_token": {}},
        {"expires_in": True},
    ],
)
async def test_a_good_token_is_used_whatever_else_is_null_or_of_another_form(more: dict[str, Any]) -> None:
    endpoint = Endpoint()
    endpoint.answer = says(200, json.dumps({"access_token": "good", **more}).encode())
    assert (await endpoint.tokens.current()).value == "good"


@pytest.mark.parametrize("body", [b"<html>", b'{"access_token": null}', b"[]", b'"t"'])
async def test_an_answer_without_a_token_is_not_asked_for_again(body: bytes) -> None:
    endpoint = Endpoint()
    endpoint.answer = says(200, body)
    with pytest.raises(Unreadable):
        await endpoint.client(attempts=5).token()
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_callers_refused_together_share_one_renewal(status: int) -> None:
    endpoint = Endpoint()
    endpoint.refuse = lambda token: status if token == "token-1" else None
    client = endpoint.client()
    await together(20, lambda: read(client))
    assert len(endpoint.asked) == 2
    assert [bearer for _, bearer in endpoint.bearers].count("Bearer token-2") == 20


@pytest.mark.parametrize(("status", "kind"), [(401, NotSignedIn), (403, NotAllowed)])
async def test_a_new_token_that_is_refused_too_ends_the_call(status: int, kind: type[CatenaError]) -> None:
    endpoint = Endpoint()
    endpoint.refuse = lambda token: status
    with pytest.raises(kind):
        await read(endpoint.client(attempts=6))
    assert len(endpoint.asked) == len(endpoint.bearers) == 2


async def test_403_names_the_scope_that_the_new_token_lacks() -> None:
    endpoint = Endpoint()
    endpoint.refuse = lambda token: 403
    with pytest.raises(NotAllowed, match="lacks the scope resource_operation:read"):
        await read(endpoint.client())


def says(status: int, body: bytes | dict[str, str], **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda request: httpx.Response(status, content=content, headers=headers)


def times_out(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("too slow")


def refuses_connections(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def echoes(request: httpx.Request) -> httpx.Response:
    return httpx.Response(400, content=request.content)


TROUBLES: list[tuple[Answer, type[CatenaError], str]] = [
    (
        says(401, {"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}),
        NotSignedIn,
        "CATENA_CLIENT_SECRET",
    ),
    (says(400, {"error": "invalid_scope", "error_description": "Invalid scopes: x"}), NotSignedIn, "CATENA_SCOPE"),
    (echoes, NotSignedIn, "CATENA_CLIENT_ID"),
    (says(404, {"error": "Realm does not exist"}), NotSignedIn, "CATENA_TOKEN_URL"),
    (says(405, b"no"), NotSignedIn, "CATENA_TOKEN_URL"),
    (says(302, b"", Location="https://elsewhere.example/"), NotSignedIn, "CATENA_TOKEN_URL"),
    (says(200, b"<!doctype html><title>Sign in</title>"), Unreadable, "CATENA_TOKEN_URL"),
    (says(200, {"token_type": "Bearer"}), Unreadable, "CATENA_TOKEN_URL"),
    (says(200, {"access_token": f"{SECRET}\r\nHost: elsewhere"}), Unreadable, "CATENA_TOKEN_URL"),
    (says(200, {"access_token": ""}), Unreadable, "CATENA_TOKEN_URL"),
    (says(500, {"message": "Internal Server Error"}), Unavailable, "500"),
    (says(503, b"down"), Unavailable, "503"),
    (says(429, b"", **{"Retry-After": "600"}), RateLimited, "600 seconds"),
    (times_out, Unreachable, "https://auth.example"),
    (refuses_connections, Unreachable, "CATENA_TOKEN_URL"),
]


@pytest.mark.parametrize(("answer", "kind", "names"), TROUBLES)
async def test_trouble_with_the_token_endpoint_is_explained_and_keeps_the_secret(
    answer: Answer, kind: type[CatenaError], names: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint = Endpoint()
    endpoint.answer = answer
    with anyio.fail_after(5), pytest.raises(kind) as caught:
        await read(endpoint.client())
    assert names in str(caught.value)
    assert endpoint.bearers == []
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert [form for form in (SECRET, SECRET[:7]) if form in told] == []


@pytest.mark.parametrize(("status", "requests"), [(401, 1), (404, 1), (500, 3), (503, 3)])
async def test_only_what_may_heal_is_asked_again(status: int, requests: int) -> None:
    endpoint = Endpoint()
    endpoint.answer = says(status, b"")
    with pytest.raises(CatenaError):
        await endpoint.client(attempts=3).token()
    assert len(endpoint.asked) == requests


@on_a_virtual_clock
async def test_a_rate_limit_of_the_token_endpoint_is_waited_for() -> None:
    endpoint = Endpoint()

    def once(request: httpx.Request) -> httpx.Response:
        endpoint.answer = None
        return httpx.Response(429, headers={"Retry-After": "3"})

    endpoint.answer = once
    began = anyio.current_time()
    await read(endpoint.client())
    assert len(endpoint.asked) == 2
    assert anyio.current_time() - began >= 3


async def test_a_failed_request_for_a_token_does_not_spoil_the_next() -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens
    endpoint.answer = says(401, b"")
    with pytest.raises(NotSignedIn):
        await tokens.current()
    endpoint.answer = None
    assert (await tokens.current()).value == "token-2"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500])
async def test_secret_and_token_show_nowhere(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint = Endpoint()
    endpoint.refuse = lambda token: status
    client, tokens = endpoint.client(), endpoint.tokens
    with pytest.raises(CatenaError) as caught:
        await read(client)
    told = [*traceback.format_exception(caught.value), repr(caught.value), caplog.text]
    told += [repr(thing) + str(thing) for thing in (tokens, client, await tokens.current(), vars(tokens))]
    assert "token-" not in "".join(told)
    assert SECRET not in "".join(told)


async def test_the_token_goes_to_the_base_url_alone() -> None:
    endpoint = Endpoint()
    served: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        served.append(request.url.host)
        return httpx.Response(307, headers={"Location": "https://elsewhere.example/steal"})

    http = httpx.AsyncClient(transport=httpx.MockTransport(redirect))
    client = CatenaClient(http, API, endpoint.tokens, Limiter(1), Retries(2, 0, 0))
    with pytest.raises(CatenaError, match="CATENA_BASE_URL"):
        await read(client)
    assert served == ["api.example"]
