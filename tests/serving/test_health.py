"""Alive and ready: a word for anybody who asks, and what is behind it in the log alone."""

import json

import anyio
import httpx
import pytest
from pydantic import SecretStr

from server.serving.health import KNOWN_S, TRY_AGAIN_S, Health, State, state_of
from server.serving.http import application, names_for
from server.serving.limits import Limits
from tests.conftest import Serve
from tests.redis_server import RedisServer
from tests.serving.conftest import Web, running

pytestmark = pytest.mark.anyio

LIMITS = Limits(connections=50)
NAMES = names_for("127.0.0.1", [])


def ready(web: Web, **headers: str) -> tuple[int, str]:
    said = web.ask("GET", "/readyz", b"", **headers)
    assert not any(name.startswith("access-control") for name in said.headers)
    return said.status, said.body


def test_a_server_is_ready_when_a_token_can_be_had_and_asks_for_one_alone(serve: Serve) -> None:
    sent: list[httpx.Request] = []
    with running(application(serve(sent=sent), NAMES), LIMITS) as web:
        assert sent == [], "nothing is sent before somebody asks"
        told = [ready(web), ready(web), ready(web, host="10.0.0.7:8000"), ready(web, origin="http://evil.example")]
        assert told == 4 * [(200, '{"status":"ok"}')]
        assert [request.method for request in sent] == ["POST"]
        assert web.ask("POST", "/readyz").status in (404, 405)


def test_without_a_token_it_is_not_ready_and_strangers_do_not_learn_why(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[httpx.Request] = []
    with running(application(serve(sent=sent, client_secret=SecretStr("wrong")), NAMES), LIMITS) as web:
        assert {ready(web), ready(web), ready(web, host="10.0.0.7")} == {(503, '{"status":"unready"}')}
        assert json.loads(web.ask("GET", "/healthz", b"").body)["status"] == "ok", "it is alive all the same"
        assert len(sent) == 1
    assert "The token endpoint refused the credentials (401)" in caplog.text


async def test_a_store_that_is_away_leaves_it_ready_since_no_answer_needs_it(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    with RedisServer() as redis:
        server = serve(store_url=SecretStr(redis.url))
        async with server.runtime() as runtime:
            assert await state_of(runtime) == "ok"
            redis.kill()
            health = Health(lambda: state_of(runtime))
            answer = await health.answer({"method": "GET", "path": "/readyz"}, stranger=True)
    assert answer is not None
    assert (answer.status_code, bytes(answer.body)) == (200, b'{"status":"degraded"}')
    assert "cannot be used" in caplog.text


async def test_before_it_has_begun_and_when_it_ends_it_is_not_ready(serve: Serve) -> None:
    assert await state_of(serve().opened) == "unready"

    async def never() -> State:
        raise AssertionError("there is nothing to look at any more")

    assert await Health(never, ending=True).state() == "ending"


async def test_one_look_serves_all_who_ask_for_a_few_seconds_and_a_bad_one_for_longer() -> None:
    looks: list[State] = []
    now, finds = 100.0, "ok"

    async def look() -> State:
        await anyio.lowlevel.checkpoint()
        looks.append(finds)  # type: ignore[arg-type]  # one of the words below
        return looks[-1]

    health = Health(look, lambda: now)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(health.state)
    assert looks == ["ok"]
    for stands, finds in ((KNOWN_S, "unready"), (TRY_AGAIN_S, "degraded"), (TRY_AGAIN_S, "ok")):  # `look` finds it
        now += stands - 0.1
        before = await health.state()
        now += 0.2
        assert await health.state() == finds != before
    assert len(looks) == 4
