"""What was read answers what follows: narrower questions without a request, a window that moved on with few."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from server.app import OpsServer, build_server
from server.demo.faults import Faults
from server.demo.world import World
from tests.conftest import AT_ONCE, NOW, Ask, Serve, asking, facts, http_to, settings_of

pytestmark = pytest.mark.anyio


def apart_from_reading(told: dict[str, Any]) -> dict[str, Any]:
    """Return a summary without how it was read."""
    return {**told, "coverage": {**told["coverage"], "pages": 0}}


@pytest.mark.parametrize(
    "narrower",
    [
        {"source_name": "samsara"},
        {"resource": "user", "operation": "create"},
        {"fleet_refs": ["prairie-line-logistics", "keystone-parcel"]},
        {"from_datetime": "-6h"},
        {"from_datetime": "-20h", "to_datetime": "-3h", "source_name": "motive"},
        {"from_datetime": "2026-11-23T04:00:00Z", "to_datetime": "2026-11-23T08:00:00Z"},
    ],
    ids=str,
)
async def test_a_narrower_question_sends_no_request_and_is_answered_as_if_it_did(
    serve: Serve, narrower: dict[str, Any]
) -> None:
    sent: list[httpx.Request] = []
    async with asking(serve(sent=sent)) as ask:
        await ask("summarize_failures")
        before = [r for r in sent if "resource-operations" in r.url.path]
        told = facts(await ask("summarize_failures", **narrower))
        assert [r for r in sent if "resource-operations" in r.url.path] == before
        # Read again by the same server: another knows less of the causes that few failures of a short window tell.
        again = facts(await ask("summarize_failures", refresh=True, **narrower))
        assert [r for r in sent if "resource-operations" in r.url.path] != before
    assert apart_from_reading(told) == apart_from_reading(again)


@pytest.mark.parametrize(
    "wider", [{"from_datetime": "-2d"}, {"from_datetime": "-30h", "to_datetime": "-3h"}, {"source_name": "motive"}]
)
async def test_what_was_not_read_is_never_answered_from_what_was(serve: Serve, wider: dict[str, Any]) -> None:
    async with asking(serve()) as ask:
        await ask("summarize_failures", source_name="samsara")
        told = facts(await ask("summarize_failures", **wider))
    async with asking(serve()) as ask:
        assert apart_from_reading(told) == apart_from_reading(facts(await ask("summarize_failures", **wider)))


class Moving:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def moving(
    world: World, clock: Callable[[], datetime], sent: list[httpx.Request], behind: timedelta = timedelta()
) -> OpsServer:
    """Build a server whose clock and API move on together, the API's clock `behind`."""
    from server.demo.api import build_api

    api = build_api(world, clock=lambda: clock() - behind, faults=Faults())

    async def note(request: httpx.Request) -> None:
        sent.append(request)

    def opened() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=api), timeout=5, event_hooks={"request": [note]})

    return build_server(settings_of(), clock=clock, open_http=opened, retries=AT_ONCE)


@pytest.mark.parametrize("later", [timedelta(minutes=2), timedelta(minutes=20)])
async def test_a_window_that_moved_on_reads_what_is_new_and_what_still_waited(world: World, later: timedelta) -> None:
    clock, sent = Moving(), list[httpx.Request]()
    # A size of 50 makes a day many pages, so that reading a few operations singly is worth it.
    async with asking(moving(world, clock, sent)) as ask:
        await ask("summarize_failures", source_name="samsara", size=50)
        whole = len(sent)
        clock.now = NOW + later
        sent.clear()
        told = facts(await ask("summarize_failures", source_name="samsara", size=50))
    assert 0 < len(sent) < whole / 2
    assert told["as_of"] == clock.now.isoformat().replace("+00:00", "Z")
    async with asking(moving(world, clock, [])) as ask:
        assert apart_from_reading(told) == apart_from_reading(
            facts(await ask("summarize_failures", source_name="samsara"))
        )


async def test_an_api_whose_clock_is_behind_loses_no_operation_to_a_window_that_moved_on(world: World) -> None:
    clock, behind = Moving(), timedelta(minutes=15)
    async with asking(moving(world, clock, [], behind)) as ask:
        await ask("summarize_failures", source_name="samsara", size=50)
        clock.now = NOW + timedelta(minutes=12)
        told = facts(await ask("summarize_failures", source_name="samsara", size=50))
    async with asking(moving(world, clock, [], behind)) as ask:
        whole = facts(await ask("summarize_failures", source_name="samsara"))
    assert told["totals"] == whole["totals"]


async def test_rows_older_than_half_an_hour_are_read_anew(world: World) -> None:
    clock, sent = Moving(), list[httpx.Request]()
    async with asking(moving(world, clock, sent)) as ask:
        await ask("summarize_failures", source_name="samsara", size=50)
        whole = len(sent)
        clock.now = NOW + timedelta(minutes=31)
        sent.clear()
        await ask("summarize_failures", source_name="samsara", size=50)
    assert len(sent) >= whole - 4  # token, the tried window and a connection's status are asked for once


async def test_the_times_of_a_window_are_tried_once_and_not_where_nothing_tells(world: World) -> None:
    sent: list[httpx.Request] = []
    server = build_server(settings_of(), clock=lambda: NOW, open_http=http_to(world, None, NOW, sent), retries=AT_ONCE)
    async with asking(server) as ask:
        for _ in range(2):
            await ask("summarize_failures", refresh=True)
    spans = [r.url.params for r in sent if "from_datetime" in r.url.params]
    tried = [
        p
        for p in spans
        if datetime.fromisoformat(p["to_datetime"]) - datetime.fromisoformat(p["from_datetime"]) < timedelta(seconds=1)
    ]
    assert len(tried) == 1


def lists(sent: list[httpx.Request]) -> int:
    return sum("resource-operations" in request.url.path for request in sent)


async def ask_in_vain(ask: Ask, sent: list[httpx.Request], enough: int, **question: Any) -> None:
    """Ask, and leave as soon as `enough` more pages were asked for."""
    until = lists(sent) + enough
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(ask, "summarize_failures", **question))
        while lists(sent) < until:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_client_that_leaves_too_early_gets_its_answer_when_it_asks_again(
    serve: Serve, anyio_backend: str
) -> None:
    question = {"size": 50}  # more than sixty pages
    sent: list[httpx.Request] = []
    async with asking(serve(Faults(latency_s=0.01), sent=sent)) as ask:
        for _ in range(3):
            await ask_in_vain(ask, sent, 16, **question)
        before = lists(sent)
        told = facts(await ask("summarize_failures", **question))
        assert lists(sent) - before < told["coverage"]["pages"] - 10, "what was read before is not read again"
    async with asking(serve()) as ask:
        assert apart_from_reading(told) == apart_from_reading(facts(await ask("summarize_failures", **question)))


async def test_what_an_early_leaver_read_is_too_old_after_a_while_and_not_used_where_all_is_to_be_read_again(
    world: World,
) -> None:
    clock, sent = Moving(), list[httpx.Request]()
    async with asking(moving(world, clock, sent)) as ask:
        for seconds, more in ((61, {}), (0, {"refresh": True})):
            await ask_in_vain(ask, sent, 6, size=50)
            clock.now += timedelta(seconds=seconds)
            before = lists(sent)
            told = facts(await ask("summarize_failures", size=50, **more))
            assert told["coverage"]["pages"] <= lists(sent) - before
            clock.now += timedelta(hours=1)
