"""Answers of a bounded size: what unpacks to more than is allowed is left while it comes, before it fills the memory."""

import zlib

import anyio.lowlevel
import httpx

from .. import telemetry
from ..errors import TooLarge, Unreadable

MEGABYTE = 1_048_576
ACCEPTED = "gzip, deflate"
TEMPLATE = "template"
"""Under this name a request carries its path without the ids in it, as it may be told of."""

_PACKED = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


async def send(http: httpx.AsyncClient, request: httpx.Request, most: int) -> httpx.Response:
    """Send a request and read its answer, unpacked, of at most `most` bytes.

    Raises:
        TooLarge: The answer is larger.
        Unreadable: It is packed more than once or in another way, or cannot be unpacked.
        httpx.HTTPError: As the library raises them.
    """
    request.headers["Accept-Encoding"] = ACCEPTED
    url, template = request.url, request.extensions.get(TEMPLATE, request.url.path)
    with telemetry.current().request(request.method, url.host, url.port, template) as step:
        response = await _answer(http, request, most)
        step.told(status=response.status_code)
    return response


async def _answer(http: httpx.AsyncClient, request: httpx.Request, most: int) -> httpx.Response:
    response = await http.send(request, stream=True)
    try:
        body = response.content if response.is_stream_consumed else await _body(response, most)
    except zlib.error as exc:
        raise Unreadable(_NOT_UNPACKED) from exc
    finally:
        await response.aclose()
    headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]
    return httpx.Response(response.status_code, headers=headers, content=body, request=request)


async def _body(response: httpx.Response, most: int) -> bytes:
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", *_PACKED):
        raise Unreadable(_NOT_UNPACKED)
    unpack = zlib.decompressobj(_PACKED[coding]) if coding in _PACKED else None
    parts, size = [], 0
    async for chunk in response.aiter_raw():
        while chunk:
            part = unpack.decompress(chunk, MEGABYTE) if unpack else chunk
            chunk = unpack.unconsumed_tail if unpack else b""
            parts.append(part)
            size += len(part)
            if size > most:
                raise TooLarge(
                    f"Catena's answer is larger than {most // MEGABYTE:,} MB and was left. Ask for a smaller `size` or a "
                    "shorter window; an answer that is rightly so large needs a higher CATENA_MAX_ANSWER_MB."
                )
            if chunk:  # a small packet can unpack to a thousand times its size: others have their turn between
                await anyio.lowlevel.checkpoint()
    if unpack:
        if not unpack.eof and size:
            raise zlib.error("cut short")
        parts.append(unpack.flush())
    return b"".join(parts)


_NOT_UNPACKED = (
    "Catena's answer is packed in a way that cannot be unpacked here (one of gzip or deflate can). "
    "Try again; if it stays, something between changes the answers: check CATENA_BASE_URL and the proxies in between."
)
