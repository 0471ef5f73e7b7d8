"""Speak with a model in the two common ways: chat completions (OpenAI and those like it) and messages (Anthropic)."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from mcp.types import Tool

from .facts import Json, within

LONGEST_ANSWER = 4_000
"""Tokens a model may write in one turn."""


class Unreadable(Exception):
    """An answer of the model's API has not the shape of its protocol."""


class Asked(NamedTuple):
    """A call the model asks for; `arguments` None: what it wrote is no JSON object."""

    id: str
    tool: str
    arguments: Json | None


class Answered(NamedTuple):
    """What a call gave."""

    id: str
    text: str
    is_error: bool


class Turn(NamedTuple):
    """One answer of the model, and the tokens it read and wrote for it."""

    text: str
    calls: list[Asked]
    read: int
    written: int


class Dialogue(Protocol):
    """A conversation in one of the two ways."""

    path: str

    def __init__(self, model: str, system: str, tools: Sequence[Tool], question: str) -> None: ...

    @staticmethod
    def headers(key: str) -> dict[str, str]: ...

    def body(self) -> Json: ...

    def take(self, answer: Any) -> Turn: ...

    def give(self, results: Sequence[Answered]) -> None: ...


class ChatCompletions:
    """The way of OpenAI's chat completions."""

    path = "/chat/completions"

    def __init__(self, model: str, system: str, tools: Sequence[Tool], question: str) -> None:
        self._messages: list[Any] = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        offered = [{"type": "function", "function": _offered(tool, "parameters")} for tool in tools]
        self._fixed = {"model": model, "tools": offered}

    @staticmethod
    def headers(key: str) -> dict[str, str]:
        """Return how a key is shown."""
        return {"authorization": f"Bearer {key}"}

    def body(self) -> Json:
        """Return the next request."""
        return {**self._fixed, "messages": self._messages}

    def take(self, answer: Any) -> Turn:
        """Read an answer, and keep it for the next request.

        Raises:
            Unreadable: It holds no message.
        """
        message = within(answer, "choices.0.message")
        if not isinstance(message, dict):
            raise Unreadable("the answer holds no message")
        self._messages.append(message)
        told = message.get("tool_calls") or []
        calls = [
            Asked(str(within(c, "id")), str(within(c, "function.name")), _parsed(within(c, "function.arguments")))
            for c in told
        ]
        usage = [within(answer, f"usage.{name}_tokens") or 0 for name in ("prompt", "completion")]
        return Turn(message.get("content") or "", calls, usage[0], usage[1])

    def give(self, results: Sequence[Answered]) -> None:
        """Hand over what the calls gave."""
        self._messages += [{"role": "tool", "tool_call_id": r.id, "content": r.text} for r in results]


class Messages:
    """The way of Anthropic's messages."""

    path = "/v1/messages"

    def __init__(self, model: str, system: str, tools: Sequence[Tool], question: str) -> None:
        self._messages: list[Any] = [{"role": "user", "content": question}]
        offered = [_offered(tool, "input_schema") for tool in tools]
        self._fixed = {"model": model, "max_tokens": LONGEST_ANSWER, "system": system, "tools": offered}

    @staticmethod
    def headers(key: str) -> dict[str, str]:
        """Return how a key is shown."""
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def body(self) -> Json:
        """Return the next request."""
        return {**self._fixed, "messages": self._messages}

    def take(self, answer: Any) -> Turn:
        """Read an answer, and keep it for the next request.

        Raises:
            Unreadable: It holds no content.
        """
        content = within(answer, "content")
        if not isinstance(content, list):
            raise Unreadable("the answer holds no content")
        self._messages.append({"role": "assistant", "content": content})
        blocks = [block for block in content if isinstance(block, dict)]
        text = "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
        used = [block for block in blocks if block.get("type") == "tool_use"]
        calls = [Asked(str(b.get("id")), str(b.get("name")), _parsed(b.get("input"))) for b in used]
        usage = [within(answer, f"usage.{name}_tokens") or 0 for name in ("input", "output")]
        return Turn(text, calls, usage[0], usage[1])

    def give(self, results: Sequence[Answered]) -> None:
        """Hand over what the calls gave."""
        blocks = [
            {"type": "tool_result", "tool_use_id": r.id, "content": r.text, "is_error": r.is_error} for r in results
        ]
        self._messages.append({"role": "user", "content": blocks})


def _offered(tool: Tool, schema: str) -> Json:
    return {"name": tool.name, "description": tool.description or "", schema: tool.input_schema}


def _parsed(arguments: Any) -> Json | None:
    """Read arguments, which one protocol writes as text; none at all are an empty object."""
    try:
        read = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments or {}
    except ValueError:
        return None
    return read if isinstance(read, dict) else None
