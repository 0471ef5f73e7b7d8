"""A list endpoint for measurements: rows made in advance, cut by time and cursor, with a delay and a limit of its own.

It is the floor that a client can be measured against: an answer costs no more than joining its rows. Run as a program it
serves the demo's world over HTTP from a process of its own.
"""

import argparse
import asyncio
import base64
import math
import time
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

TOKEN = b'{"access_token":"t","expires_in":3600,"scope":"resource_operation:read"}'


@dataclass
class Api:
    """Rows as JSON, newest first, and when each was created (microseconds, ascending)."""

    created: "array[int]"
    rows: Sequence[bytes]
    delay_s: float = 0.0
    rate: float = 0.0
    requests: int = 0
    refused: int = 0
    most_at_once: int = 0
    _running: int = 0
    _tokens: float = field(default=math.inf)
    _filled: float = 0.0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        path, headers, status = scope["path"], [(b"content-type", b"application/json")], 200
        if path.endswith("/token"):
            body = TOKEN
        elif path == "/counts":
            body = b'{"requests":%d,"refused":%d,"at_once":%d}' % (self.requests, self.refused, self.most_at_once)
            self.requests = self.refused = self.most_at_once = 0
            self._tokens = math.inf
        else:
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
            await asyncio.sleep(self.delay_s)
            self._running -= 1
            self.requests += 1
            if wait := self._wait():
                self.refused += 1
                status, body = 429, b'{"code":429,"message":"Too Many Requests"}'
                headers.append((b"retry-after", str(math.ceil(wait)).encode()))
            else:
                body = self._page(parse_qs(scope["query_string"].decode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _wait(self) -> float:
        if not self.rate:
            return 0.0
        now = time.monotonic()
        self._tokens = min(self.rate, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self.rate
        self._tokens -= 1
        return 0.0

    def _page(self, asked: dict[str, list[str]]) -> bytes:
        low, high = (bisect_left(self.created, _micros(asked[name][0])) for name in ("from_datetime", "to_datetime"))
        if cursor := asked.get("cursor"):
            high = min(high, int(base64.b64decode(cursor[0])))
        start = max(low, high - int(asked["size"][0]))
        rows = self.rows[start:high][::-1]
        following = b'"%s"' % base64.b64encode(str(start).encode()) if start > low else b"null"
        return b'{"items":[' + b",".join(rows) + b'],"next_page":' + following + b"}"


def _micros(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1e6)


def of_demo(now: datetime, operations: int, delay_s: float = 0.0, rate: float = 0.0) -> Api:
    """Return the endpoint over the demo's world as it stands at `now`."""
    import msgspec

    from server.demo.ids import from_datetime
    from server.demo.rows import row_of
    from server.demo.world import anchor_of, build_world

    world = build_world(anchor_of(now), operations=operations)
    instant = from_datetime(now)
    count = world.count_created(instant + 1)
    encode = msgspec.json.Encoder().encode
    rows = [encode(row_of(operation, world.partner_id, instant)) for operation in world.operations[:count]]
    return Api(world.created[:count], rows, delay_s, rate)


def main() -> None:
    """Serve until ended; says "ready" once it does."""
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--now", type=datetime.fromisoformat, required=True)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--rate", type=float, default=0.0)
    chosen = parser.parse_args()
    api = of_demo(chosen.now, chosen.operations, chosen.delay, chosen.rate)
    print("ready", flush=True)
    uvicorn.run(api, host="127.0.0.1", port=chosen.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
