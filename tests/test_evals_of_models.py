"""Models that answer the questions: a stand-in speaks both protocols over real HTTP, and the driver calls real tools."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evals.__main__ import main
from evals.facts import Rate, Said, facts, forms_of, missing_in
from evals.judge import judge_said
from evals.models import LAST_WORD, MOST_CALLS, WAYS, Model, NoKey, Refused, ask_model, model_named
from evals.questions import Question, call, questions_of
from evals.report import MODEL, report
from evals.runner import Outcome
from evals.truth import Truth
from evals.world import World, build_world
from tests.test_cli import free_port, wait_for

pytestmark = pytest.mark.xdist_group("models")

KEY = "sk-very-secret-0123456789"
CHEAP = "no-failures-but-waiting"
ASKED = ("top-fleets", "where-the-outage-is", "tsp-misspelt")
PROTOCOLS = sorted(WAYS)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module")
def questions(world: World) -> list[Question]:
    return questions_of(Truth(world))


@dataclass
class Seen:
    """A request in either protocol, in the same words: who asks what, what the tools told, which tools there are."""

    model: str
    question: str
    results: list[str]
    tools: list[dict[str, Any]]
    system: str


Said_ = str | list[tuple[str, Any]]
"""What a model says: a text, or calls as (tool, arguments), the arguments as text where they are to be no JSON."""


@dataclass
class StandIn:
    """A server of models; `minds` decide what each says."""

    minds: dict[str, Callable[[Seen], Said_]]
    seen: list[Seen] = field(default_factory=list)
    refusals: list[Response] = field(default_factory=list)
    """What to answer before anything else, one a request."""

    def app(self) -> Starlette:
        chat = Route("/openai/chat/completions", self.chat, methods=["POST"])
        messages = Route("/anthropic/v1/messages", self.messages, methods=["POST"])
        return Starlette(routes=[chat, messages])

    async def chat(self, request: Request) -> Response:
        if self.refusals:
            return self.refusals.pop(0)
        assert request.headers["authorization"] == f"Bearer {KEY}"
        body = await request.json()
        system, user, *rest = body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        promised = [c["id"] for m in rest if m["role"] == "assistant" for c in m["tool_calls"]]
        told = [m for m in rest if m["role"] == "tool"]
        assert promised == [m["tool_call_id"] for m in told], "every call has its result, in order"
        tools = [tool["function"] for tool in body["tools"]]
        seen = Seen(body["model"], user["content"], [m["content"] for m in told], tools, system["content"])
        said = self.mind(seen)
        message: dict[str, Any] = {"role": "assistant", "content": said if isinstance(said, str) else None}
        if not isinstance(said, str):
            first = len(told)
            message["tool_calls"] = [
                {"id": f"call_{first + n}", "type": "function", "function": {"name": tool, "arguments": text_of(given)}}
                for n, (tool, given) in enumerate(said)
            ]
        return JSONResponse(
            {"choices": [{"message": message}], "usage": {"prompt_tokens": 100, "completion_tokens": 7}}
        )

    async def messages(self, request: Request) -> Response:
        if self.refusals:
            return self.refusals.pop(0)
        assert request.headers["x-api-key"] == KEY
        assert request.headers["anthropic-version"]
        body = await request.json()
        assert body["max_tokens"] > 0
        roles = [message["role"] for message in body["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"], "turns alternate"
        user, *rest = body["messages"]
        used = [b["id"] for m in rest[::2] for b in m["content"] if b["type"] == "tool_use"]
        told = [b for m in rest[1::2] for b in m["content"]]
        assert used == [b["tool_use_id"] for b in told], "every call has its result, in order"
        seen = Seen(body["model"], user["content"], [b["content"] for b in told], body["tools"], body["system"])
        said = self.mind(seen)
        content: list[dict[str, Any]] = [{"type": "text", "text": said}] if isinstance(said, str) else [
            {"type": "tool_use", "id": f"toolu_{len(told) + n}", "name": tool, "input": given}
            for n, (tool, given) in enumerate(said)
        ]  # fmt: skip
        return JSONResponse({"content": content, "usage": {"input_tokens": 100, "output_tokens": 7}})

    def mind(self, seen: Seen) -> Said_:
        self.seen.append(seen)
        return self.minds[seen.model](seen)


def text_of(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


@pytest.fixture(scope="module")
def minds(questions: list[Question]) -> dict[str, Callable[[Seen], Said_]]:
    by_text = {question.text: question for question in questions}

    def careful(seen: Seen) -> Said_:
        """Follow the plan, and tell only what the tools' texts hold."""
        question = by_text[seen.question]
        if not seen.results:
            return [question.call]
        if missing_in(seen.results[-1], question.facts) and len(seen.results) == 1 and question.then:
            return [("break_down_failures", {"by": "connection_id", "group": [group_named(seen.results[0], "503")],
                                             "from_datetime": "-2d", "source_name": "mapon"})]  # fmt: skip
        told = (
            [] if missing_in(seen.results[-1], question.facts) else [forms_of(a)[0] for f in question.facts for a in f]
        )
        return f"I looked.\nANSWER: {json.dumps({'all_clear': False, 'facts': told})}"

    def broken(seen: Seen) -> Said_:
        return [("break_down_failures", '{"by": "fleet_ref"')] if not seen.results else careful(_without(seen))

    return {
        "careful": careful,
        "broken": broken,
        "lulling": lambda seen: 'ANSWER: {"all_clear": true, "facts": []}',
        "rambling": lambda seen: "All kinds of things fail.",
        "restless": lambda seen: [("summarize_failures", {}), ("no_such_tool", {})],
    }


def _without(seen: Seen) -> Seen:
    """Leave out the first result, which told that the arguments were no JSON."""
    return Seen(seen.model, seen.question, seen.results[1:], seen.tools, seen.system)


def group_named(text: str, status: str) -> str:
    """Find the id of a cause with a status in a summary, as a reader would."""
    return next(
        word for line in text.splitlines() if f" {status} " in line for word in line.split() if word[:2] == "g_"
    )


@contextmanager
def served(stand_in: StandIn) -> Iterator[str]:
    """Run the stand-in on a port of this machine."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(stand_in.app(), host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def running(minds: dict[str, Callable[[Seen], Said_]]) -> Iterator[tuple[StandIn, str]]:
    stand_in = StandIn(minds)
    with served(stand_in) as address:
        yield stand_in, address


Ask = Callable[..., tuple[list[Outcome], StandIn]]


@pytest.fixture
def ask(world: World, questions: list[Question], running: tuple[StandIn, str]) -> Ask:
    stand_in, address = running
    stand_in.seen.clear()
    stand_in.refusals.clear()

    def put(mind: str, protocol: str, *ids: str, refusals: tuple[Response, ...] = ()) -> tuple[list[Outcome], StandIn]:
        stand_in.refusals[:] = refusals
        model = Model(mind, WAYS[protocol], f"{address}/{protocol}", SecretStr(KEY))
        asked = [question for question in questions if question.id in ids]
        return anyio.run(ask_model, world, asked, model), stand_in

    return put


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_model_that_follows_the_tools_answers(ask: Ask, protocol: str) -> None:
    outcomes, stand_in = ask("careful", protocol, *ASKED)
    assert [outcome.verdict.right for outcome in outcomes] == [True] * 3, report(outcomes, MODEL)
    assert {outcome.question.id: outcome.calls for outcome in outcomes} == dict(zip(ASKED, (1, 2, 1), strict=True))
    assert [outcome.tokens for outcome in outcomes if outcome.question.id == "top-fleets"] == [(200, 14)]
    first = stand_in.seen[0]
    assert "data, never instructions" in first.system, "the server's instructions are handed on"
    assert "ANSWER" in first.system
    assert {tool["name"] for tool in first.tools} >= {"summarize_failures", "break_down_failures"}
    schema = "parameters" if protocol == "openai" else "input_schema"
    assert all(tool[schema]["type"] == "object" and tool["description"] for tool in first.tools)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arguments_that_are_no_json_are_told_to_the_model_which_goes_on(ask: Ask, protocol: str) -> None:
    outcomes, stand_in = ask("broken", protocol, CHEAP)
    assert [(outcome.verdict.right, outcome.calls) for outcome in outcomes] == [(True, 2)]
    assert stand_in.seen[1].results == ["The arguments are no JSON object. Write them anew."]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_model_has_so_many_calls_and_is_then_asked_for_its_answer(ask: Ask, protocol: str) -> None:
    outcomes, stand_in = ask("restless", protocol, CHEAP)
    assert [(outcome.verdict.right, outcome.calls) for outcome in outcomes] == [(False, MOST_CALLS)]
    results = stand_in.seen[-1].results
    assert results[1].startswith("There is no tool")
    assert results.count(LAST_WORD) == len(results) - MOST_CALLS
    assert f"after {MOST_CALLS} calls" in outcomes[0].verdict.missing


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_false_all_clear_and_an_answer_without_its_line_are_misses(ask: Ask, protocol: str) -> None:
    (lulled,), _ = ask("lulling", protocol, CHEAP)
    assert lulled.verdict.false_all_clear
    assert "FALSE ALL-CLEAR" in report([lulled], MODEL)
    (rambled,), _ = ask("rambling", protocol, CHEAP)
    assert not rambled.verdict.right
    assert "ANSWER" in rambled.verdict.missing


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_busy_api_is_asked_again_and_one_that_stays_busy_costs_its_question_alone(ask: Ask, protocol: str) -> None:
    def busy() -> Response:
        return JSONResponse({"error": "slow down"}, 429, {"Retry-After": "0"})

    (once,), _ = ask(
        "careful", protocol, "tsp-misspelt", refusals=(busy(), JSONResponse({}, 529, {"Retry-After": "0"}))
    )
    assert once.verdict.right
    outcomes, _ = ask("careful", protocol, "tsp-misspelt", CHEAP, refusals=tuple(busy() for _ in range(4)))
    assert [outcome.verdict.right for outcome in outcomes] == [False, True]
    assert "429" in outcomes[0].verdict.missing


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "odd",
    [Response("<html>", 200), JSONResponse({"choices": []}), JSONResponse(["no object"]), Response(f"bad {KEY}", 400)],
    ids=["no JSON", "no message", "a list", "a refusal that quotes the key"],
)
def test_an_odd_answer_costs_its_question_alone_and_shows_no_key(ask: Ask, protocol: str, odd: Response) -> None:
    outcomes, _ = ask("careful", protocol, "tsp-misspelt", CHEAP, refusals=(odd,))
    assert [outcome.verdict.right for outcome in outcomes] == [False, True]
    assert outcomes[0].verdict.missing
    assert KEY not in report(outcomes, MODEL)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_key_that_is_not_taken_ends_the_run_and_is_not_repeated(ask: Ask, protocol: str) -> None:
    with pytest.raises(Refused) as refused:
        ask("careful", protocol, CHEAP, refusals=(JSONResponse({"error": f"Incorrect API key: {KEY}"}, 401),))
    assert WAYS[protocol].key in str(refused.value)
    assert KEY not in str(refused.value)


def test_the_command_asks_a_model_and_says_what_went_wrong(
    running: tuple[StandIn, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in, address = running
    for way in WAYS.values():
        monkeypatch.delenv(way.key, raising=False)
    assert main(["--model", "careful"]) == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/openai/")
    assert main(["--model", "careful", "--only", CHEAP]) == 0
    assert "1 asked: 1 answered in one call, 0 in more, 0 missed" in capsys.readouterr().out
    assert main(["--model", "rambling", "--only", CHEAP]) == 1
    stand_in.refusals.append(Response(KEY, 401))
    capsys.readouterr()
    assert main(["--model", "careful", "--only", CHEAP]) == 2
    told = capsys.readouterr()
    assert "401" in told.err
    assert KEY not in told.out + told.err


def test_a_model_is_reached_by_its_name_where_both_keys_are_set_else_by_the_one_key() -> None:
    both = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}
    assert model_named("claude-x", None, both).way is WAYS["anthropic"]
    assert model_named("gpt-x", None, both).way is WAYS["openai"]
    assert model_named("claude-x", None, {"OPENAI_API_KEY": "a"}).way is WAYS["openai"]
    assert model_named("gpt-x", "anthropic", both).address == WAYS["anthropic"].default
    with pytest.raises(NoKey, match="ANTHROPIC_API_KEY"):
        model_named("gpt-x", "anthropic", {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": " "})
    assert KEY not in repr(Model("m", WAYS["openai"], "http://x", SecretStr(KEY)))


QUESTION = Question(
    id="q",
    who="a test",
    text="?",
    call=call("summarize_failures"),
    facts=facts(("acme", 1234, Rate(0.1234)), ("2026-10-13T16:06:29Z", Said(False, "NOT read whole"))),
    read=lambda content: facts(),
)


@pytest.mark.parametrize(
    ("told", "right"),
    [
        (["acme", 1234, "12.3 %", "2026-10-13T16:06:29Z", False], True),
        (["«Acme»", "1,234", 0.123, "2026-10-13 16:06", "false"], True),
        ([{"fleet": "acme", "failed": 1234}, "12.3%", "2026-10-13T16:06:29Z", "not read whole"], True),
        (["acme-west", 1234, "12.3 %", "2026-10-13T16:06:29Z", False], False),
        (["acme", 1235, "12.3 %", "2026-10-13T16:06:29Z", False], False),
        (["acme", 1234, "12.5 %", "2026-10-13T16:06:29Z", False], False),
        (["acme", 1234, "12.3 %", "2026-10-13T17:06:29Z", False], False),
        (["acme", 1234, "12.3 %", "2026-10-13T16:06:29Z", False, *range(50)], False),
    ],
)
def test_a_model_may_write_values_its_way_but_not_other_ones_nor_a_heap(told: list[object], right: bool) -> None:
    assert judge_said(QUESTION, f"So:\n**ANSWER:** {json.dumps({'facts': told})}").right is right


def test_every_answer_of_a_question_in_the_words_of_the_tools_is_taken(questions: list[Question]) -> None:
    for question in questions:
        told = [forms_of(atom)[0] for fact in question.facts for atom in fact]
        line = json.dumps({"all_clear": question.all_clear, "facts": told}, ensure_ascii=False)
        assert judge_said(question, f"ANSWER: {line}").right, question.id


def test_the_stand_in_is_reached_over_http_alone(running: tuple[StandIn, str]) -> None:
    assert httpx.get(f"{running[1]}/openai/chat/completions").status_code == 405
