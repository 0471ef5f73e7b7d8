"""Shape the answers of the stand-in API, the errors of its contract and the worse ones of what stands before it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from .faults import RetryAfter

_MESSAGES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Invalid Request Body",
    429: "Too Many Requests",
    504: "Gateway Timeout",
}
_encoder = msgspec.json.Encoder()

Problem = dict[str, str]
"""One entry of a 422: path, input, message and error_type."""


class Refusal(Exception):
    """Carry an answer that is not the one asked for up to the application."""

    def __init__(self, status: int, detail: object = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Encode a body as JSON."""
    return Response(_encoder.encode(body), status, headers, media_type="application/json")


def encoded(row: object) -> msgspec.Raw:
    """Encode a part of a body ahead of the whole."""
    # A page of rows that stay dicts until the end wakes the garbage collector again and again: a third of the time.
    return msgspec.Raw(_encoder.encode(row))


def error(status: int, detail: object = None, headers: Mapping[str, str] | None = None) -> Response:
    """Give the error body that the contract has for a status."""
    message = _MESSAGES.get(status, "Error")
    return answer({"code": status, "message": message, "detail": detail}, status, headers)


def refused(request: Request, problem: Exception) -> Response:
    """Answer with what a refusal carries."""
    assert isinstance(problem, Refusal)
    return error(problem.status, problem.detail, problem.headers)


def invalid(problems: Sequence[Problem]) -> Refusal:
    """Refuse a request for what is wrong with its parameters."""
    return Refusal(422, list(problems))


def unauthorized(reason: str) -> Refusal:
    """Refuse a request without a token that is good."""
    return Refusal(401, reason, {"WWW-Authenticate": f'Bearer realm="catena", error_description="{reason}"'})


def too_many(wait: float, tells: RetryAfter, now: datetime) -> Refusal:
    """Refuse a request beyond the rate, and tell when to come back in one of the ways that are seen."""
    told = {
        "header": str(ceil(wait)),
        "fraction": f"{wait:.5f}",
        # A date has whole seconds, so it is rounded up: coming back at that date must not be too early.
        "date": format_datetime((now + timedelta(seconds=wait + 1)).astimezone(UTC), usegmt=True),
    }.get(tells)
    seconds = {"retry_after_seconds": ceil(wait), "message": "Rate limit reached."} if tells == "body" else None
    return Refusal(429, seconds, None if told is None else {"Retry-After": told})


_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>proxy</body></html>"
# What a captive portal answers: 200, and nothing of what was asked for.
_LOGIN = b"<!doctype html><html><head><title>Sign in</title></head><body><form>Please sign in</form></body></html>"


def failure(kind: int, body: Any) -> Response:
    """Give one of six failures in turn; `body` is what the answer would have been, for the one that is cut off."""
    match kind % 6:
        case 1:
            return answer({"message": "Internal Server Error"}, 500)
        case 2:
            return Response(_PAGE, 502, media_type="text/html")
        case 3:
            return Response(b"upstream connect error or disconnect before headers", 503, media_type="text/plain")
        case 4:
            return error(504)
        case 5:
            # The length that is announced is that of the part, so only a decoder can see that the end is missing.
            whole = _encoder.encode(body)
            return Response(whole[: len(whole) * 2 // 3], 200, media_type="application/json")
        case _:
            return Response(_LOGIN, 200, media_type="text/html")
