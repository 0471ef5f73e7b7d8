"""Two servers in one process and a real Redis between them: what one has read or is reading the other does not read."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import httpx
import msgspec
import pytest
from pydantic import SecretStr

from server import __version__
from server.causes.families import Member
from server.causes.memory import Memory
from server.demo.faults import Faults
from server.reading import sharing
from server.reading.sharing import Sharing
from server.store.link import Link
from server.store.sealed import Seal
from server.store.shared import SharedStore, Turn
from tests.conftest import NOW, Ask, Serve, asking, facts, refusal
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])]

Sent = list[httpx.Request]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def shared(redis: RedisServer) -> dict[str, Any]:
    """The settings that share, with nothing shared yet."""
    redis.client().flushall()
    return {"store_url": SecretStr(redis.url)}


@asynccontextmanager
async def two(first: Any, second: Any) -> AsyncGenerator[tuple[Ask, Ask]]:
    async with asking(first) as one, asking(second) as other:
        yield one, other


def lists(sent: Sent) -> int:
    """Count the pages that were asked for."""
    return len([r for r in sent if r.url.path.endswith("/resource-operations")])


async def test_a_question_or_a_part_of_it_is_answered_from_what_the_other_read(
    serve: Serve, shared: dict[str, Any], anyio_backend: str
) -> None:
    sent = Sent()
    async with two(serve(**shared), serve(sent=sent, **shared)) as (ask, other):
        told = facts(await ask("summarize_failures"))
        again = facts(await other("summarize_failures"))
        assert lists(sent) == 0
        narrower = facts(await other("summarize_failures", source_name="samsara", from_datetime="-6h"))
        assert lists(sent) == 0
    assert again == told
    async with asking(serve()) as alone:
        read = facts(await alone("summarize_failures", source_name="samsara", from_datetime="-6h"))
    assert narrower["groups"] == read["groups"]
    assert narrower["totals"] == read["totals"]


async def test_a_cause_has_one_id_on_both_whichever_saw_it_first(shared: dict[str, Any], anyio_backend: str) -> None:
    def store() -> SharedStore:
        return SharedStore(Link(shared["store_url"]), Seal(SecretStr("s"), "tenant"), 100)

    def about(name: str) -> Member:
        return Member("samsara", "tsp", 400, f"~Driver {name} is assigned to another terminal")

    memory, elsewhere = Memory(lambda: 1.0), Memory(lambda: 2.0)
    first = memory.learn([about("Jane Smith")]).id_of(about("Jane Smith"))
    memory.learn(map(about, ["Ana Lopez", "Per Berg", "Mia Wong", "Ole Hill", "Eva Klein"]))
    async with anyio.create_task_group() as tasks:
        Sharing(store(), tasks).remember(memory)
    async with anyio.create_task_group() as tasks:
        await Sharing(store(), tasks).recall(elsewhere, ["samsara", "motive"])
    assert elsewhere.learn([about("Nobody Yet")]).id_of(about("Nobody Yet")) == first


async def test_words_met_by_the_other_are_known_here(serve: Serve, shared: dict[str, Any], anyio_backend: str) -> None:
    drifted = Faults(drift=True)
    async with two(serve(drifted, **shared), serve(drifted, **shared)) as (ask, other):
        assert "yard_event" in refusal(await other("summarize_failures", resource="yard_event"))
        await ask("summarize_failures")
        await other("summarize_failures")
        assert facts(await other("summarize_failures", resource="yard_event"))["totals"]["operations"] > 0


async def test_a_window_that_moved_on_begins_with_what_the_other_read(
    serve: Serve, shared: dict[str, Any], anyio_backend: str
) -> None:
    whole, sent, question = Sent(), Sent(), {"source_name": "samsara", "size": 50}
    later = serve(now=NOW + timedelta(minutes=2), sent=sent, **shared)
    async with two(serve(sent=whole, **shared), later) as (ask, other):
        await ask("summarize_failures", **question)
        told = facts(await other("summarize_failures", **question))
    assert 0 < lists(sent) < lists(whole) / 2
    async with asking(serve(now=NOW + timedelta(minutes=2))) as alone:
        read = facts(await alone("summarize_failures", **question))
    assert (told["totals"], told["groups"]) == (read["totals"], read["groups"])


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), -timedelta(minutes=31)], ids=["ahead", "long ago"])
async def test_rows_of_another_time_are_not_taken_for_fresh(
    serve: Serve, shared: dict[str, Any], ahead: timedelta, anyio_backend: str
) -> None:
    sent = Sent()
    async with two(serve(now=NOW + ahead, **shared), serve(sent=sent, **shared)) as (ask, other):
        await ask("summarize_failures")
        told = facts(await other("summarize_failures"))
    assert lists(sent) > 3
    assert told["as_of"] == NOW.isoformat().replace("+00:00", "Z")


async def test_refresh_reads_again_what_the_other_has_read(
    serve: Serve, shared: dict[str, Any], anyio_backend: str
) -> None:
    sent = Sent()
    async with two(serve(**shared), serve(sent=sent, **shared)) as (ask, other):
        await ask("summarize_failures")
        await other("summarize_failures", refresh=True)
    assert lists(sent) > 3


async def test_a_part_is_for_those_who_waited_and_not_for_who_asks_later(
    serve: Serve, shared: dict[str, Any], anyio_backend: str
) -> None:
    question = {"from_datetime": "-9d", "size": 100, "max_operations": 900}
    first, second, slow = Sent(), Sent(), Faults(latency_s=0.03)
    answers = []
    async with two(serve(slow, sent=first, **shared), serve(slow, sent=second, **shared)) as (ask, other):

        async def wait_for_it(asks: Ask) -> None:
            answers.append(facts(await asks("summarize_failures", **question)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait_for_it, ask)
            tasks.start_soon(wait_for_it, other)
        assert min(lists(first), lists(second)) == 0
        read = lists(first) + lists(second)
        await other("summarize_failures", **question)
        assert lists(first) + lists(second) > read
    assert not answers[0]["coverage"]["complete"]
    assert answers[0] == answers[1]


async def test_who_waits_reads_where_the_other_fails_or_is_cancelled(
    serve: Serve, shared: dict[str, Any], anyio_backend: str
) -> None:
    first, second = Sent(), Sent()
    one, another = serve(Faults(latency_s=5), sent=first, **shared), serve(sent=second, **shared)
    async with two(one, another) as (ask, other):
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                leaving = anyio.CancelScope()

                async def leave() -> None:
                    with leaving:
                        await ask("summarize_failures")

                tasks.start_soon(leave)
                while not lists(first):  # noqa: ASYNC110  # it is another server's
                    await anyio.sleep(0.01)

                async def stay() -> None:
                    assert facts(await other("summarize_failures"))["coverage"]["complete"]

                tasks.start_soon(stay)
                await anyio.sleep(0.05)
                assert lists(second) == 0
                leaving.cancel()
    assert lists(second) > 3


async def test_each_asks_for_a_token_of_its_own_and_none_is_kept(
    serve: Serve, redis: RedisServer, shared: dict[str, Any], anyio_backend: str
) -> None:
    sent = Sent()
    async with asking(serve(sent=sent, **shared)) as ask:
        await ask("summarize_failures")
    token = next(r for r in sent if "Authorization" in r.headers).headers["Authorization"].removeprefix("Bearer ")
    client = redis.client()
    kept = [client.dump(name) for name in client.scan_iter()]
    assert len(kept) >= 3
    assert not [value for value in kept if value and token.encode() in value]


async def test_a_turn_that_a_stranger_took_holds_no_answer_back(
    serve: Serve, shared: dict[str, Any], redis: RedisServer, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    monkeypatch.setattr(sharing, "SILENT_S", 0.3)
    store = SharedStore.turn

    async def taken(self: SharedStore, question: str) -> Turn | None:
        redis.client().set(self._seal.name("turn", __version__, question), "a stranger's")
        redis.client().set(self._far(question), msgspec.msgpack.encode((10, 0.5)))
        return await store(self, question)

    monkeypatch.setattr(SharedStore, "turn", taken)
    with anyio.fail_after(20):
        async with asking(serve(**shared)) as ask:
            assert facts(await ask("summarize_failures"))["coverage"]["complete"]
