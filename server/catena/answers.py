"""From the status and body of an answer to the error it means. Bodies: catena-api contract, section on errors."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from ..errors import CatenaError, Invalid, NotAllowed, NotFound, NotSignedIn, RateLimited, Refused, Unavailable
from .outside import quote
from .wire import UNDECODABLE

OPERATIONS_SCOPE = "resource_operation:read"
CONNECTIONS_SCOPE = "connection:read"


def error_of(response: httpx.Response, scopes: Iterable[str] = ()) -> CatenaError:
    """Return the error that an answer other than 200 means; `scopes` are those of the token it was asked with."""
    status = response.status_code
    if status == 429:
        return rate_limited(retry_after(response))
    if status == 422:
        return _invalid(_body(response))
    if status == 403:
        return NotAllowed(_not_allowed(sorted(scopes)) + in_between(response))
    if status >= 500 and status not in _PLAIN:
        return Unavailable(
            f"Catena answered {status}: a fault on its side or between, after the retries that are due. "
            "Try again in a minute; if it stays, ask Catena's support."
        )
    kind, text = _PLAIN.get(status, (Refused, f"Catena refused the request with status {status}. {_CHECK_ADDRESS}"))
    return kind(text + in_between(response) if status == 401 else text)


def in_between(response: httpx.Response) -> str:
    """Return a sentence on who may have answered where it was not the API, which speaks JSON; "" where it was."""
    if _body(response) is not None:
        return ""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    page = "an HTML page" if "html" in kind else "plain text" if kind.startswith("text/") else "no JSON"
    what = page if response.content else "empty"
    return (
        f" But the answer is {what}, so it may come from a proxy, gateway or firewall in between and not from Catena: "
        "try from another network, or see HTTPS_PROXY and NO_PROXY."
    )


_CHECK_ADDRESS = "Check that CATENA_BASE_URL is the API's address."
_PLAIN: dict[int, tuple[type[CatenaError], str]] = {
    400: (
        Refused,
        (
            "Catena refused the request as malformed (400). With a cursor: it is broken or not Catena's; pass `next_cursor` "
            "unchanged and alone, or leave it out to start again."
        ),
    ),
    401: (
        NotSignedIn,
        (
            "Catena refused the token (401), also a new one. Check that CATENA_CLIENT_ID, CATENA_CLIENT_SECRET, "
            "CATENA_TOKEN_URL and CATENA_BASE_URL belong to the same environment."
        ),
    ),
    404: (
        NotFound,
        (
            "Catena does not know what was asked for (404). Check the ids: an operation is found only under its own "
            "connection. If every call says so, check CATENA_BASE_URL."
        ),
    ),
    405: (Refused, f"Catena does not take this request at this address (405). {_CHECK_ADDRESS}"),
    407: (
        Refused,
        (
            "A proxy in between wants a user and password (407). Write them into its address in HTTP_PROXY or HTTPS_PROXY: "
            "http://user:password@host:port."
        ),
    ),
    409: (Refused, "Catena reports a conflict (409), which a read should never meet. Try again in a minute."),
    511: (
        Refused,
        "The network in between wants you to sign in first (511). Open any web page, sign in, and try again.",
    ),
}


def rate_limited(seconds: float | None) -> RateLimited:
    """Return the error for a 429 that says to come back in `seconds`."""
    when = "It did not say when to come back; try again in a minute" if seconds is None else _come_back(seconds)
    return RateLimited(
        f"Catena limits the rate of requests (429). {when}, or ask for a shorter window or more filters.", seconds
    )


def _come_back(seconds: float) -> str:
    return f"Come back in {max(1, round(seconds))} seconds"


def _not_allowed(scopes: list[str]) -> str:
    if scopes and OPERATIONS_SCOPE not in scopes:
        return (
            f"Catena does not allow this (403): the token lacks the scope {OPERATIONS_SCOPE} "
            f"(granted: {quote(', '.join(scopes))}). Ask Catena's support to grant it to this client id."
        )
    return (
        f"Catena does not allow this (403). The client id needs the scope {OPERATIONS_SCOPE} and access to the data "
        "asked for; ask Catena's support to check both."
    )


_WORD_OFFERED = re.compile(r"'([\w-]{1,60})'")
MOST_OFFERED = 1_000


def _invalid(body: Any) -> Invalid:
    detail = body.get("detail") if isinstance(body, dict) else None
    problems = [d for d in detail if isinstance(d, dict)] if isinstance(detail, list) else []
    told = [[t for t in (d.get("path"), d.get("message")) if t and isinstance(t, str)] for d in problems[:5]]
    said = quote("; ".join(": ".join(texts) for texts in told if texts))
    it_says = f" It says: {said}." if any(told) else ""
    offered = {
        texts[0].rpartition(".")[2]: _WORD_OFFERED.findall(texts[1])[:MOST_OFFERED] for texts in told if len(texts) == 2
    }
    return Invalid(f"Catena does not accept a parameter (422).{it_says} Correct the argument and call again.", offered)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds to wait: header as number or date, else the body's `retry_after_seconds`, else None."""
    header = response.headers.get("Retry-After")
    seconds = _seconds(header) if header else None
    if seconds is None:
        body = _body(response)
        detail = body.get("detail") if isinstance(body, dict) else None
        told = detail.get("retry_after_seconds") if isinstance(detail, dict) else None
        seconds = _usable(told) if isinstance(told, int | float) else None
    return seconds


def _seconds(header: str) -> float | None:
    try:
        return _usable(float(header))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _usable((moment - datetime.now(UTC)).total_seconds())


def _usable(seconds: float) -> float | None:
    """Return a wait that can be kept; None for one without end, not a number, or too large for one."""
    try:
        return max(0.0, float(seconds)) if math.isfinite(seconds) else None
    except OverflowError:
        return None


def _body(response: httpx.Response) -> Any:
    try:
        return msgspec.json.decode(response.content)
    except UNDECODABLE:
        return None
