"""Let a model answer the questions with the tools: the keys come from the environment, and are printed nowhere."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx
import stamina
from mcp import Client, MCPError
from pydantic import SecretStr

from .judge import Verdict, judge_said
from .protocols import Answered, Asked, ChatCompletions, Dialogue, Messages, Turn, Unreadable
from .questions import Question
from .runner import Outcome
from .serving import server_on, text_of
from .world import World

MOST_CALLS = 6
ATTEMPTS = 4
LONGEST_WAIT_S = 60.0
LAST_WORD = "No calls are left. Answer now, with the line that begins with ANSWER."
HOW_TO_ANSWER = """
Answer the question with these tools, in at most {calls} calls. It is {now} (UTC).
End with one line of JSON behind the word ANSWER, as in: ANSWER: {{"all_clear": false, "facts": ["samsara", 12, "3.4 %"]}}
facts: the names, ids, numbers and times the question asks for, written as the tools write them, and nothing else.
all_clear: true only where you are sure that nothing is wrong with what was asked about.
"""


class NoKey(Exception):
    """No key is set; the text says what to set."""


class Refused(Exception):
    """The model's API will answer no question of this run."""


class Failed(Exception):
    """The model's API did not answer this question."""


class _Busy(Exception):
    """It may answer later: after so many seconds, where it says so."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Way:
    """How one kind of model is reached."""

    dialogue: type[Dialogue]
    key: str
    address: str
    default: str


WAYS = {
    "openai": Way(ChatCompletions, "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "anthropic": Way(Messages, "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
}


@dataclass(frozen=True, slots=True)
class Model:
    """A model, and the key that opens its API."""

    name: str
    way: Way
    address: str
    key: SecretStr


def model_named(name: str, protocol: str | None, environment: Mapping[str, str]) -> Model:
    """Find how a model is reached: as asked for, else by its name where both keys are set, else by the one key.

    Raises:
        NoKey: No key is set for it.
    """
    ways = [protocol] if protocol else sorted(WAYS, key=lambda way: (way == "anthropic") != name.startswith("claude"))
    for way in (WAYS[way] for way in ways):
        if key := environment.get(way.key, "").strip():
            address = environment.get(way.address, "").strip() or way.default
            return Model(name, way, address.rstrip("/"), SecretStr(key))
    wanted = " or ".join(f"{WAYS[way].key} (and {WAYS[way].address} for another host)" for way in ways)
    raise NoKey(f"No key for the model {name!r}. Set {wanted}.")


async def ask_model(world: World, questions: Sequence[Question], model: Model) -> list[Outcome]:
    """Put each question to a model that has the tools.

    Raises:
        Refused: Its API takes neither the key nor the model.
    """
    server, outcomes = server_on(world), []
    async with httpx.AsyncClient(timeout=120) as http:
        for question in questions:
            async with Client(server) as client:
                outcome = await Asking(client, http, model, world, question).outcome()
            if isinstance(outcome, Refused):  # raised within the session it would come out as groups of groups
                raise outcome
            outcomes.append(outcome)
    return outcomes


class Asking:
    """One question put to a model."""

    def __init__(self, client: Client, http: httpx.AsyncClient, model: Model, world: World, question: Question) -> None:
        self._client, self._http, self._model, self._now, self._question = client, http, model, world.now, question
        self._calls = self._read = self._written = 0

    async def outcome(self) -> Outcome | Refused:
        """Let the model call tools until it answers."""
        began = time.perf_counter()
        try:
            verdict = judge_said(self._question, await self._said())
        except Refused as exc:
            return exc
        except (Failed, Unreadable) as exc:
            verdict = Verdict(structured=False, text=False, false_all_clear=False, missing=str(exc))
        spent = time.perf_counter() - began
        return Outcome(self._question, verdict, self._calls, (self._read, self._written), spent)

    async def _said(self) -> str:
        how = HOW_TO_ANSWER.format(calls=MOST_CALLS, now=self._now.isoformat())
        system = f"{self._client.instructions or ''}\n{how}"
        tools = (await self._client.list_tools()).tools
        dialogue = self._model.way.dialogue(self._model.name, system, tools, self._question.text)
        # Each turn but the last two costs a call, so a model that never answers is heard out and then left.
        for _ in range(MOST_CALLS + 2):
            turn = await self._turn(dialogue)
            if not turn.calls:
                return turn.text
            dialogue.give([await self._called(asked) for asked in turn.calls])
        raise Failed(f"no answer after {MOST_CALLS} calls")

    async def _turn(self, dialogue: Dialogue) -> Turn:
        turn = dialogue.take(await self._posted(dialogue))
        self._read += turn.read
        self._written += turn.written
        return turn

    async def _called(self, asked: Asked) -> Answered:
        if self._calls >= MOST_CALLS:
            return Answered(asked.id, LAST_WORD, is_error=True)
        self._calls += 1
        if asked.arguments is None:
            return Answered(asked.id, "The arguments are no JSON object. Write them anew.", is_error=True)
        try:
            result = await self._client.call_tool(asked.tool, asked.arguments)
        except MCPError as exc:
            return Answered(asked.id, exc.message, is_error=True)
        return Answered(asked.id, text_of(result), bool(result.is_error))

    async def _posted(self, dialogue: Dialogue) -> object:
        try:
            async for attempt in stamina.retry_context(_wait, attempts=ATTEMPTS, timeout=None):
                with attempt:
                    return await self._once(dialogue)
        except _Busy as exc:
            raise Failed(str(exc)) from exc
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _once(self, dialogue: Dialogue) -> object:
        model, key = self._model, self._model.key.get_secret_value()
        try:
            response = await self._http.post(
                model.address + dialogue.path, json=dialogue.body(), headers=dialogue.headers(key)
            )
        except httpx.TransportError as exc:
            raise _Busy(f"{type(exc).__name__} at {model.address}") from exc
        if response.status_code != httpx.codes.OK:
            raise _trouble(response, model)
        try:
            return response.json()
        except ValueError as exc:
            raise Unreadable("the answer is no JSON") from exc


def _trouble(response: httpx.Response, model: Model) -> Exception:
    """Say what an error means; what the API says of a key is not repeated, since it may quote it."""
    status = response.status_code
    if status in (401, 403):
        return Refused(f"{status}: the key in {model.way.key} was not taken by {model.address}.")
    if status == 429 or status >= 500:
        return _Busy(f"{status} from {model.address}, {ATTEMPTS} times", _seconds(response.headers.get("retry-after")))
    told = response.text.replace(model.key.get_secret_value(), "<key>")[:200]
    return (Refused if status == 404 else Failed)(f"{status} from {model.address}: {told}")


def _seconds(header: str | None) -> float | None:
    try:
        return min(float(header), LONGEST_WAIT_S) if header else None
    except ValueError:
        return None


def _wait(problem: Exception) -> bool | float:
    if not isinstance(problem, _Busy):
        return False
    return True if problem.wait_s is None else problem.wait_s
