"""What servers share, in a real Redis: found by those with the same credentials and version, and by nobody else."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

import anyio
import msgspec
import pytest
from pydantic import SecretStr

from server.catena.limiter import Limiter
from server.catena.pace import Pace
from server.catena.shared_pace import SharedPace
from server.store import shared
from server.store.link import Away, Link
from server.store.memory import MOST_QUESTIONS
from server.store.sealed import Seal
from server.store.shared import Entry, SharedStore
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"], indirect=True)]

NOW = datetime(2026, 11, 23, 15, 30, 0, 123456, UTC)
SECRET = "the client secret"
TENANT = ("https://api.example", "client", "organization")


@pytest.fixture(scope="module")
def running_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis(running_redis: RedisServer) -> RedisServer:
    """An empty Redis."""
    running_redis.client().flushall()
    return running_redis


def store_at(
    redis: RedisServer, secret: str = SECRET, tenant: tuple[str, ...] = TENANT, rows: int = 1000
) -> SharedStore:
    return SharedStore(Link(SecretStr(redis.url)), Seal(SecretStr(secret), *tenant), rows)


def entry(question: str = "q", age: int = 0, rows: int = 10) -> Entry:
    return Entry(question, NOW - timedelta(seconds=age), rows, worth_holding=True, extent=b"all of it")


def rows_of(text: str) -> Callable[[], bytes]:
    return partial(bytes, text, "utf8")


async def test_what_one_learned_another_finds_once_and_nobody_reads_it_there(redis: RedisServer) -> None:
    one, other = store_at(redis), store_at(redis)
    await one.put_learned("samsara", "4", b"Driver Jane is not known")
    assert await other.learned(["samsara", "motive"], "4") == {"samsara": b"Driver Jane is not known"}
    assert await other.learned(["samsara"], "4") == {}
    assert await one.learned(["samsara"], "4") == {}
    await one.put_learned("samsara", "4", b"Driver Ana is not known")
    assert await other.learned(["samsara"], "4") == {"samsara": b"Driver Ana is not known"}
    assert await store_at(redis).learned(["samsara"], "5") == {}
    assert await store_at(redis, tenant=("https://api.example", "another", "")).learned(["samsara"], "4") == {}
    client = redis.client()
    kept = b"".join(bytes(key) + (client.dump(key) or b"") for key in client.scan_iter())
    assert kept
    assert b"Driver" not in kept
    assert b"samsara" not in kept


async def test_what_one_puts_there_another_finds(redis: RedisServer) -> None:
    await store_at(redis).put(entry(), rows_of("the rows"))
    other = store_at(redis)
    assert await other.entries() == [entry()]
    assert await other.fetch(entry()) == b"the rows"
    assert await other.fetch(entry("another question")) is None


@pytest.mark.parametrize(
    ("secret", "tenant"),
    [("another secret", TENANT), (SECRET, ("https://api.example", "another client", "organization"))],
)
async def test_another_tenant_finds_nothing_and_can_open_nothing(
    redis: RedisServer, secret: str, tenant: tuple[str, ...]
) -> None:
    await store_at(redis).put(entry(), rows_of("the rows"))
    stranger = store_at(redis, secret, tenant)
    assert await stranger.entries() == []
    assert await stranger.fetch(entry()) is None
    client = redis.client()
    for name in client.scan_iter("catena-ops:rows:*"):  # given to it under its own name
        client.rename(name, stranger._rows(entry()))
    assert await stranger.fetch(entry()) is None


async def test_nothing_there_can_be_read_without_the_secret(redis: RedisServer) -> None:
    store = store_at(redis)
    await store.put(entry("who was Jane Doe"), rows_of("the rows of Jane Doe"))
    await store.turn("who was Jane Doe")
    client = redis.client()
    kept = [f"{name!r} {client.dump(name)!r}" for name in client.scan_iter()]
    assert len(kept) == 3
    assert not [text for text in kept if "Jane" in text or SECRET in text]


async def test_what_another_version_left_there_is_not_seen(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "__version__", "0.0.1")
    older = store_at(redis)
    await older.put(entry(), rows_of("rows of another make"))
    assert await older.turn("q")
    monkeypatch.undo()
    store = store_at(redis)
    assert await store.entries() == []
    assert await store.fetch(entry()) is None
    assert await store.turn("q")


async def test_what_was_changed_there_counts_as_gone(redis: RedisServer) -> None:
    store = store_at(redis)
    await store.put(entry(), rows_of("the rows"))
    client = redis.client()
    for name in client.scan_iter("catena-ops:rows:*"):
        client.setrange(name, 20, b"!")
    assert await store.entries() == [entry()]
    assert await store.fetch(entry()) is None
    for name in client.keys("catena-ops:index:*"):
        for field in (*client.hkeys(name), b"\xff"):
            client.hset(name, field, b"x")
    assert await store.entries() == []


async def test_rows_are_never_told_to_be_of_another_time_than_they_are(redis: RedisServer) -> None:
    store = store_at(redis)
    await store.put(entry(age=60), rows_of("older rows"))
    await store.put(entry(), rows_of("newer rows"))
    assert await store.entries() == [entry()]
    assert await store.fetch(entry(age=60)) is None
    assert await store.fetch(entry()) == b"newer rows"


async def test_what_was_read_partly_never_takes_the_place_of_what_was_read_whole(redis: RedisServer) -> None:
    store = store_at(redis)
    await store.put(entry(age=30), rows_of("all rows"))
    partly = Entry("q", NOW, 5, worth_holding=False, extent=b"some of it")
    await store.put(partly, rows_of("some rows"))
    assert await store.entries() == [partly, entry(age=30)]
    assert await store.fetch(partly) == b"some rows"
    assert await store.fetch(entry(age=30)) == b"all rows"


async def test_it_is_bounded_by_questions_rows_and_age(redis: RedisServer) -> None:
    store = store_at(redis, rows=1000)
    for number in range(MOST_QUESTIONS + 3):
        await store.put(entry(f"q{number}", age=100 - number), rows_of("rows"))
    assert len(await store.entries()) == MOST_QUESTIONS
    await store.put(entry("large", rows=980), rows_of("rows"))
    assert [held.question for held in await store.entries()] == [
        "large",
        f"q{MOST_QUESTIONS + 2}",
        f"q{MOST_QUESTIONS + 1}",
    ]
    client = redis.client()
    assert len(list(client.scan_iter("catena-ops:rows:*"))) == 3
    assert all(client.ttl(name) > 0 for name in client.scan_iter())


async def test_one_has_the_turn_and_tells_how_far_it_is(redis: RedisServer) -> None:
    store, other = store_at(redis), store_at(redis)
    turn = await store.turn("q")
    assert turn
    assert await other.turn("q") is None
    assert await other.turn("another question")
    turn.tell(500, 0.25)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(turn.keep)
        with anyio.fail_after(5):
            while await other.how_far("q") != (500, 0.25):  # noqa: ASYNC110  # it stands in Redis
                await anyio.sleep(0.01)
        await turn.end()
    assert await other.turn("q")


async def test_a_turn_that_was_taken_over_is_not_ended_by_who_had_it_before(redis: RedisServer) -> None:
    store, other = store_at(redis), store_at(redis)
    late = await store.turn("q")
    assert late
    client = redis.client()
    for name in client.scan_iter("catena-ops:turn:*"):
        client.delete(name)  # as if no sign of life had come for too long
    assert await other.turn("q")
    with anyio.fail_after(5):
        await late.keep()  # ends by itself
        await late.end()
    assert await store.turn("q") is None


async def test_a_value_is_put_only_in_the_place_of_the_one_that_was_known(redis: RedisServer) -> None:
    store = store_at(redis)
    done, kept, clock = await store.swap(b"", b"one", 60) or (False, b"", 0)
    assert (done, kept) == (True, b"one")
    assert abs(clock - datetime.now(UTC).timestamp()) < 60
    for known, new, told in (
        (b"none", b"two", (False, b"one")),
        (b"", b"", (False, b"one")),
        (b"one", b"one", (True, b"one")),
        (b"one", b"two", (True, b"two")),
        (b"one", b"two", (False, b"two")),
    ):
        assert (await store.swap(known, new, 60) or ())[:2] == told


async def test_a_pace_that_nobody_with_the_secret_wrote_counts_as_not_there(redis: RedisServer) -> None:
    store, client = store_at(redis), redis.client()
    assert await store.swap(b"", b"one", 60)
    (name,) = client.scan_iter("catena-ops:pace:*")
    stranger = store_at(redis, "another secret")
    await stranger.swap(b"", b"one", 60)
    (theirs,) = (other for other in client.scan_iter("catena-ops:pace:*") if other != name)
    ours = cast("bytes", client.get(name))
    assert ours.endswith(b"one"), "it stands open"
    for forged in (b"one", b"", b"x" * 40, ours[:-1] + b"!", ours[:32], client.get(theirs)):
        client.set(name, cast("bytes", forged))
        assert (await store.swap(b"", b"", 60) or ())[:2] == (False, b"")
        assert (await store.swap(b"one", b"two", 60) or ())[:2] == (False, b"")
        assert (await store.swap(b"", b"two", 60) or ())[:2] == (True, b"two")
        assert (await store.swap(b"", b"three", 60) or ())[:2] == (False, b"two")


@pytest.mark.parametrize(
    "pace", [Pace(resume_at=math.inf), Pace(resume_at=math.nan), Pace(next_at=1e12), Pace(latency=math.inf)]
)
async def test_a_forged_pace_holds_no_request_back(redis: RedisServer, pace: Pace) -> None:
    store, client = store_at(redis), redis.client()
    await store.swap(b"", b"any", 60)
    (name,) = client.scan_iter("catena-ops:pace:*")
    written = msgspec.msgpack.encode(pace)
    for forged in (written, store._seal.sign(name.decode(), written)):  # by a stranger; by one of ours that is broken
        client.set(name, forged)
        with anyio.fail_after(5):
            async with Limiter(8, SharedPace(store.swap)).slot():
                pass


async def test_how_far_a_read_is_is_believed_only_of_those_with_the_secret(redis: RedisServer) -> None:
    store, client = store_at(redis), redis.client()
    name = store._far("q")
    for told in ((500, 0.25), (0, 0), (9, 1.0)):
        client.set(name, store._seal.sign(name, msgspec.msgpack.encode(told)))
        assert await store.how_far("q") == told
    for nonsense in ((-1, 0.5), (5, math.nan), (5, math.inf), (5, 1e12), (5, -0.1), ("5", 0.5), (5,)):
        client.set(name, store._seal.sign(name, msgspec.msgpack.encode(nonsense)))
        assert await store.how_far("q") is None
    moved = store._seal.sign(store._far("another question"), msgspec.msgpack.encode((500, 0.25)))
    for forged in (msgspec.msgpack.encode((500, 0.25)), b"", moved):
        client.set(name, forged)
        assert await store.how_far("q") is None


async def test_without_a_redis_nothing_is_there_and_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    link = Link(SecretStr("redis://user:hunter2@127.0.0.1:1/0"))
    store = SharedStore(link, Seal(SecretStr(SECRET), *TENANT), 100)
    with anyio.fail_after(5):
        assert await store.entries() == []
        await store.put(entry(), rows_of("rows"))
        assert await store.fetch(entry()) is None
        assert await store.swap(b"", b"one", 60) is None
        turn = await store.turn("q")
        assert turn
        await turn.keep()
        await turn.end()
    with pytest.raises(Away, match="the connection is refused"):
        await link.ask(lambda redis: redis.ping())
    assert caplog.text.count("cannot be used (the connection is refused: nothing listens there)") == 1
    assert "hunter2" not in caplog.text + link.address
    fine, told = await store.check()
    assert not fine
    assert "redis://127.0.0.1:1/0 cannot be used: the connection is refused: nothing listens there" in told
    assert "hunter2" not in told


async def test_a_redis_that_is_full_counts_as_away(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    client, store = redis.client(), store_at(redis)
    client.config_set("maxmemory", 1)
    try:
        await store.put(entry(), rows_of("rows"))
        assert await store.swap(b"", b"one", 60) is None
    finally:
        client.config_set("maxmemory", 0)
    assert caplog.text.count("cannot be used (its memory is full)") == 1


async def test_a_check_says_where_it_is_and_that_it_works(redis: RedisServer) -> None:
    fine, told = await store_at(redis).check()
    assert fine
    assert told.startswith(f"{redis.url}, shared; put and read back in ")
