"""Put each question to the server by its plan, through a real MCP client: no model, so the tools alone are measured."""

import time
from dataclasses import dataclass

from mcp import Client

from .facts import Json
from .judge import NOT_AS_EXPECTED, Verdict, judge
from .questions import Call, Question
from .serving import server_on, text_of
from .tokens import tokens
from .world import World

MOST_CALLS = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one question went. `tokens`: of the last answer, text and structured; of a model, read and written in all."""

    question: Question
    verdict: Verdict
    calls: int
    tokens: tuple[int, int]
    seconds: float


async def run(world: World, questions: list[Question]) -> list[Outcome]:
    """Ask each question over a session of its own, so that no answer owes anything to an earlier one."""
    server, outcomes = server_on(world), []
    for question in questions:
        async with Client(server) as client:
            outcomes.append(await put(client, question))
    return outcomes


async def put(client: Client, question: Question) -> Outcome:
    """Ask one question: a second call only where the first does not hold the answer."""
    began = time.perf_counter()
    call, calls = question.call, 0
    while True:
        result = await client.call_tool(call.tool, call.arguments)
        calls += 1
        content, text = None if result.is_error else result.structured_content or {}, text_of(result)
        verdict = judge(question, content, text)
        following = None if verdict.right or calls == MOST_CALLS else _following(question, content or {})
        if following is None:
            spent = time.perf_counter() - began
            return Outcome(question, verdict, calls, (tokens(text), tokens(content or {})), spent)
        call = following


def _following(question: Question, content: Json) -> Call | None:
    """Take the second call from the first answer; None where the plan has none, or cannot go on from what came."""
    try:
        return question.then(content) if question.then else None
    except NOT_AS_EXPECTED:
        return None
