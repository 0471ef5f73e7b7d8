"""A model by script: asks for one tool call after the other, whatever the vendor whose wire it speaks.

Anthropic's messages, OpenAI's responses and Gemini's streams, each as far as its own command-line client needs it.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Call = tuple[str, dict[str, Any]]
Event = tuple[str, dict[str, Any]]


@dataclass
class Script:
    """The calls to ask for, and what the model was shown."""

    calls: list[Call]
    requests: list[dict[str, Any]] = field(default_factory=list)

    def next(self, done: int, names: list[str]) -> Call | None:
        """Return the call after `done` of them, under the name that the client gave the tool."""
        if done >= len(self.calls):
            return None
        tool, arguments = self.calls[done]
        return next((name for name in names if name.endswith(tool)), tool), arguments


def anthropic(script: Script, asked: dict[str, Any]) -> list[Event]:
    """Answer /v1/messages."""
    blocks = [b for m in asked["messages"] if isinstance(m["content"], list) for b in m["content"]]
    done = sum(block.get("type") == "tool_result" for block in blocks)
    names = [tool["name"] for tool in asked.get("tools", [])]
    call = script.next(done, names) if any("catena" in name for name in names) else None
    block: dict[str, Any] = {"type": "text", "text": ""}
    delta: dict[str, Any] = {"type": "text_delta", "text": "done"}
    if call:
        block = {"type": "tool_use", "id": f"toolu_{done}", "name": call[0], "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
    events = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use" if call else "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]
    return [(str(event["type"]), event) for event in events]


def openai(script: Script, asked: dict[str, Any]) -> list[Event]:
    """Answer /v1/responses."""
    said = asked["input"] if isinstance(asked["input"], list) else []
    done = sum(item.get("type") == "function_call_output" for item in said)
    spaces = [(tool.get("name", ""), one) for tool in asked.get("tools", []) for one in tool.get("tools", [tool])]
    call = script.next(done, [one.get("name", "") for _, one in spaces])
    item: dict[str, Any] = {"type": "message", "role": "assistant", "id": "m", "status": "completed",
                            "content": [{"type": "output_text", "text": "done", "annotations": []}]}  # fmt: skip
    if call:
        item = {"type": "function_call", "id": f"f{done}", "call_id": f"c{done}", "name": call[0],
                "arguments": json.dumps(call[1]), "status": "completed"}  # fmt: skip
        space = next((space for space, one in spaces if one.get("name") == call[0]), "")
        if space != call[0]:
            item["namespace"] = space
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, **details}
    response = {"id": f"r{done}", "object": "response", "status": "completed", "output": [item], "created_at": 0,
                "model": "scripted", "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
                "usage": usage}  # fmt: skip
    return [
        ("response.created", {"type": "response.created", "response": {**response, "status": "in_progress"}}),
        ("response.output_item.done", {"type": "response.output_item.done", "output_index": 0, "item": item}),
        ("response.completed", {"type": "response.completed", "response": response}),
    ]


def gemini(script: Script, asked: dict[str, Any]) -> list[Event]:
    """Answer …:streamGenerateContent and …:generateContent."""
    parts = [part for content in asked["contents"] for part in content.get("parts", [])]
    done = sum("functionResponse" in part for part in parts)
    names = [one["name"] for tool in asked.get("tools", []) for one in tool.get("functionDeclarations", [])]
    call = script.next(done, names) if names else None
    part = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": "done"}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return [("", {"candidates": [candidate], "usageMetadata": {"totalTokenCount": 2}})]


WIRES: dict[str, Callable[[Script, dict[str, Any]], list[Event]]] = {
    r"/messages(\?|$)": anthropic,
    r"/responses(\?|$)": openai,
    r":(streamG|g)enerateContent": gemini,
}


class _Handler(BaseHTTPRequestHandler):
    script: Script

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        wire = next((wire for pattern, wire in WIRES.items() if re.search(pattern, self.path)), None)
        if wire is None:
            return self._send(b"{}", "application/json")
        self.script.requests.append(asked)
        events = wire(self.script, asked)
        if ":generateContent" in self.path or (wire is openai and not asked.get("stream")):
            whole = events[-1][1]
            return self._send(json.dumps(whole.get("response", whole)).encode(), "application/json")
        lines = [(f"event: {name}\n" if name else "") + f"data: {json.dumps(event)}\n\n" for name, event in events]
        return self._send("".join(lines).encode(), "text/event-stream")

    def do_GET(self) -> None:
        self._send(b'{"data": [], "models": []}', "application/json")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def model(script: Script) -> Iterator[str]:
    """Serve a script on loopback and tell its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"script": script}))
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
