"""An answer is read up to a size, packed once at most, and what is more is left while it comes."""

import gzip
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from server.catena.bounded import MEGABYTE, send
from server.errors import TooLarge, Unreadable

pytestmark = pytest.mark.anyio

MOST = 2 * MEGABYTE


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio alone: trio warns of the generators that httpx leaves to the collector where it is left early."""
    return "asyncio"


class Stream(httpx.AsyncByteStream):
    """Sends the same chunk over and over, and counts."""

    def __init__(self, chunk: bytes, times: int) -> None:
        self.chunk, self.times, self.sent, self.closed = chunk, times, 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.times):
            self.sent += 1
            yield self.chunk

    async def aclose(self) -> None:
        self.closed = True


async def answer(stream: Stream, coding: str = "") -> bytes:
    headers = {"Content-Encoding": coding} if coding else {}

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept-Encoding"] == "gzip, deflate"
        return httpx.Response(200, headers=headers, stream=stream)

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
        return (await send(http, httpx.Request("GET", "http://catena.test/"), MOST)).content


async def test_an_answer_without_end_is_left_at_the_limit() -> None:
    stream = Stream(b"x" * 65_536, 10**9)
    with pytest.raises(TooLarge, match="CATENA_MAX_ANSWER_MB"):
        await answer(stream)
    assert stream.sent <= MOST // 65_536 + 1
    assert stream.closed


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_what_unpacks_to_a_thousand_times_its_size_is_left_at_the_limit(
    coding: str, pack: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(TooLarge):
        await answer(Stream(pack(b"\0" * 64 * MEGABYTE), 1), coding)


@pytest.mark.parametrize("body", [b"", b'{"items":[]}' * 1000])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "GZIP", "identity", ""])
async def test_a_packed_answer_is_unpacked_and_a_plain_one_stays(coding: str, body: bytes) -> None:
    packs: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}
    pack = packs.get(coding.lower(), bytes)
    assert await answer(Stream(pack(body), 1), coding) == body


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
        ("br", b"\x0b\x00\x80{}\x03"),
        ("gzip", b"{}"),
        ("gzip", gzip.compress(b"{}" * 50_000)[:-20]),
    ],
    ids=["packed twice", "another way", "not packed", "cut short"],
)
async def test_what_cannot_be_unpacked_says_so(coding: str, body: bytes) -> None:
    with pytest.raises(Unreadable, match="packed in a way"):
        await answer(Stream(body, 1), coding)
