"""A read that ends early goes on: calls add up to the whole, no page is read twice, and each part is exact."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from server.app import OpsServer, build_server
from server.demo.api import build_api
from server.demo.faults import Faults
from server.demo.world import World
from server.reading import reads
from tests.conftest import AT_ONCE, NOW, Ask, Serve, asking, facts, said, settings_of

pytestmark = pytest.mark.anyio

Told = dict[str, Any]
WINDOW: Told = {"from_datetime": "-4d", "size": 200}
"""A question of about fifty pages."""

LISTS = "/resource-operations"


class Counted(httpx.AsyncBaseTransport):
    """The demo API: which lists it answered, and the answers after which the network is gone."""

    def __init__(self, world: World, faults: Faults | None = None) -> None:
        self._api = httpx.ASGITransport(app=build_api(world, clock=lambda: NOW, faults=faults))
        self.answered: Counter[str] = Counter()
        self.most: float = float("inf")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        a_list = request.url.path.endswith(LISTS)
        if a_list and self.most <= 0:
            raise httpx.ConnectError("no route", request=request)
        answer = await self._api.handle_async_request(request)
        if a_list and answer.status_code == 200:
            self.most -= 1
            self.answered[request.url.query.decode()] += 1
        return answer


class Moving:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def server_of(api: Counted, clock: Callable[[], datetime] | None = None, **settings: Any) -> OpsServer:
    return build_server(
        settings_of(**settings),
        clock=clock or (lambda: NOW),
        open_http=lambda: httpx.AsyncClient(transport=api, timeout=5),
        retries=AT_ONCE,
    )


async def until_whole(ask: Ask, tool: str, clock: Moving | None = None, wait_s: int = 0, **question: Any) -> list[Told]:
    """Ask the same until it is answered whole."""
    answers: list[Told] = []
    while not answers or not coverage_of(answers[-1])["complete"]:
        answers.append(facts(await ask(tool, **question)))
        assert len(answers) < 40, coverage_of(answers[-1])
        if clock:
            clock.now += timedelta(seconds=wait_s)
    return answers


def coverage_of(told: Told) -> Told:
    coverage: Told = told["coverage"]
    window: Told = coverage.get("window", coverage)
    return window


def counted(told: Told) -> Told:
    """Return what an answer counts and lists; ids of causes tell also what a server met before."""
    rows = [[row[name] for name in ("key", "operations", "failed", "records")] for row in told.get("rows", [])]
    ids = [row["id"] for row in told.get("operations", [])]
    counts = {
        name: told.get(name) for name in ("window", "as_of", "totals", "pending", "timeline", "verdict", "records")
    }
    return counts | {"rows": rows, "operations": ids}


TOOLS: list[tuple[str, Told]] = [
    ("summarize_failures", WINDOW),
    ("break_down_failures", {"from_datetime": "-4d", "by": "source_name"}),
    ("list_resource_operations", {"from_datetime": "-4d", "outcome": "unresolved", "size": 200}),
]


@pytest.mark.parametrize(("tool", "question"), TOOLS, ids=[tool for tool, _ in TOOLS])
async def test_calls_under_a_budget_add_up_to_one_whole_read(
    world: World, serve: Serve, tool: str, question: Told
) -> None:
    api = Counted(world)
    async with asking(server_of(api, max_operations=2_500)) as ask:
        answers = [facts(await ask(tool, **question)) for _ in range(5)]
    async with asking(serve()) as ask:
        whole = facts(await ask(tool, **question))
    assert counted(answers[-1]) == counted(whole)
    assert counted(answers[1]) != counted(whole)
    assert max(api.answered.values()) == 1, "a page was read twice"


async def test_calls_that_end_with_their_time_add_up_to_one_whole_read(world: World, serve: Serve) -> None:
    api, clock = Counted(world, Faults(latency_s=0.04)), Moving()
    async with asking(server_of(api, clock, deadline_s=0.6, max_concurrency=2)) as ask:
        answers = await until_whole(ask, "summarize_failures", clock, wait_s=45, **WINDOW)
    async with asking(serve()) as ask:
        whole = facts(await ask("summarize_failures", **WINDOW))
    assert len(answers) > 2
    assert counted(answers[-1]) == counted(whole)
    read = [a["totals"]["operations"] for a in answers]
    assert read == sorted(read)
    assert sum(api.answered.values()) <= 1.2 * whole["coverage"]["pages"]
    # What is cancelled when the time is up was answered by the API perhaps, but is read once.
    assert sum(n - 1 for n in api.answered.values()) <= 2 * len(answers)


@pytest.mark.parametrize("order", ["newest", "oldest", "scattered"])
async def test_each_part_is_exact_whatever_ended_it(world: World, order: Any) -> None:
    first, last = world.count_before(NOW - timedelta(days=1)), world.count_before(NOW)
    created = sorted((op.created for op in world.operations[first:last]), reverse=True)
    api, clock = Counted(world, Faults(order=order)), Moving()
    async with asking(server_of(api, clock, max_operations=900)) as ask:
        for number in range(40):
            api.most = float("inf") if number % 2 else 9
            result = await ask("summarize_failures", from_datetime="-1d", size=100)
            if result.is_error:  # nothing at all counts yet
                continue
            told = facts(result)
            coverage = told["coverage"]
            start = datetime.fromisoformat(coverage["covered_from"]).timestamp() * 1e6 if coverage["scanned"] else 9e18
            whole = sum(micros >= round(start) for micros in created)
            holes = "Missing from every number" in coverage.get("note", "")  # they are tried again
            assert (coverage["scanned"] < whole) if holes else (coverage["scanned"] == whole), coverage
            clock.now += timedelta(seconds=30)
            if coverage["complete"]:
                break
    assert coverage["complete"]
    assert told["as_of"] == NOW.isoformat().replace("+00:00", "Z")


async def test_a_part_says_how_much_it_covers_at_what_pace_and_how_many_calls_are_left(world: World) -> None:
    api = Counted(world)
    async with asking(server_of(api, max_operations=2_500)) as ask:
        first = await ask("summarize_failures", **WINDOW)
        note = facts(first)["coverage"]["note"]
        answers = await until_whole(ask, "summarize_failures", **WINDOW)
    assert "% of the window's time is covered; this call read" in note
    assert "operations/s" in note
    assert "Estimated from the time read so far: " in note
    assert "more such call" in note
    assert "Ask exactly the same again to go on" in note
    assert note in said(first)
    assert f"sums of {len(answers) + 1} calls" in answers[-1]["coverage"]["note"]


async def test_a_comparison_comes_to_an_end_in_several_calls(world: World, serve: Serve) -> None:
    question = {"from_datetime": "-2d"}
    api, clock = Counted(world), Moving()
    async with asking(server_of(api, clock, max_operations=1_500)) as ask:
        for _ in range(10):
            told = facts(await ask("compare_failures", **question))
            clock.now += timedelta(seconds=100)
            if told["complete"]:
                break
    async with asking(serve()) as ask:
        whole = facts(await ask("compare_failures", **question))
    assert told["complete"]
    assert counted(told) == counted(whole)
    assert max(api.answered.values()) == 1


@pytest.mark.parametrize(("wait", "more"), [(timedelta(minutes=11), {}), (timedelta(0), {"refresh": True})])
async def test_who_comes_back_late_or_wants_all_anew_begins_at_nothing(
    world: World, wait: timedelta, more: Told
) -> None:
    api, clock = Counted(world), Moving()
    async with asking(server_of(api, clock)) as ask:
        for _ in range(3):
            before = facts(await ask("summarize_failures", max_operations=2_000, **WINDOW))
        clock.now += wait
        told = facts(await ask("summarize_failures", max_operations=2_000, **WINDOW, **more))
    assert before["totals"]["operations"] > 5_000
    assert told["totals"]["operations"] <= 2_000
    assert "sums of" not in told["coverage"]["note"]


async def test_what_is_kept_is_bounded_and_then_the_rest_is_to_be_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "LEAST_ROWS", 0)
    async with asking(server_of(Counted(world), max_operations=1_000)) as ask:
        for _ in range(6):
            told = facts(await ask("summarize_failures", **WINDOW))
            if "Ask exactly the same" not in told["coverage"]["note"]:
                break
    assert 4_500 < told["totals"]["operations"] <= 5_000
    assert f"Go on with to_datetime={told['coverage']['covered_from']}" in told["coverage"]["note"]


async def test_a_narrower_question_is_not_answered_from_a_part(world: World, serve: Serve) -> None:
    narrower = {"source_name": "samsara", **WINDOW}
    async with asking(server_of(Counted(world))) as ask:
        await ask("summarize_failures", max_operations=2_000, **WINDOW)
        told = facts(await ask("summarize_failures", **narrower))
    async with asking(serve()) as ask:
        assert told["totals"] == facts(await ask("summarize_failures", **narrower))["totals"]
