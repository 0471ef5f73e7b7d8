"""What servers with the same credentials share: the pace, rows just read, and whose turn it is to read them.

Nothing kept here is needed for an answer. What cannot be reached, opened or understood counts as not there.
"""

import os
import time
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

import anyio
import msgspec

from .. import __version__
from .link import Away, Link
from .memory import LONGEST_HELD, MOST_QUESTIONS
from .sealed import Seal

if TYPE_CHECKING:
    from redis import Redis
    from redis.lock import Lock

PACE_FORMAT = "2"
TURN_S = 3.0
"""A server that gives no sign of life for so long is taken for dead, and another reads."""

SIGN_OF_LIFE_S = 1.0
PARTLY_READ_S = 30.0
"""What was not read whole is kept for so long: for those who waited for it."""

MOST_BYTES = 100_000_000
LEARNED_S = 60 * 86_400.0
"""What was learned is kept for so long: as long as any window reaches back, and more."""

Rows = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

SWAP = """
local found, done = redis.call('GET', KEYS[1]) or '', 0
if found == ARGV[1] and ARGV[2] ~= '' then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  found, done = ARGV[2], 1
end
local clock = redis.call('TIME')
return {done, found, clock[1], clock[2]}
"""


class Entry(msgspec.Struct, frozen=True):
    """Rows that were read for a question: how many, when, and what they cover."""

    question: str
    as_of: datetime
    rows: int
    worth_holding: bool
    extent: bytes


class Turn:
    """The right to read while others wait, kept by signs of life that tell them how far the read is."""

    def __init__(self, link: Link, lock: "Lock | None", far: str, sign: Callable[[str, bytes], bytes]) -> None:
        self._link = link
        self._lock = lock
        self._name = far
        self._sign = sign
        self._far = (0, 0.0)
        self._alive = anyio.CancelScope()

    def tell(self, rows: int, share: float) -> None:
        """Note how far the read is."""
        self._far = (rows, share)

    async def keep(self) -> None:
        """Give signs of life until the turn ends, or another has taken it."""
        from redis.exceptions import LockError

        def give_sign(redis: "Redis", lock: "Lock") -> None:
            redis.set(self._name, self._sign(self._name, msgspec.msgpack.encode(self._far)), px=_ms(TURN_S))
            lock.reacquire()

        with self._alive, suppress(LockError):
            while self._lock is not None:
                with suppress(Away):
                    await self._link.ask(partial(give_sign, lock=self._lock))
                await anyio.sleep(SIGN_OF_LIFE_S)

    async def end(self) -> None:
        """Let others have it."""
        from redis.exceptions import LockError

        lock, self._lock = self._lock, None
        self._alive.cancel()
        if lock is not None:
            # A turn that was taken over, after too long without a sign, is no longer this one's to end.
            with anyio.move_on_after(SIGN_OF_LIFE_S, shield=True), suppress(Away, LockError):
                await self._link.ask(lambda _: lock.release())


class SharedStore:
    """The shared part of the store, under names and seals of one tenant; holds at most `most_rows` rows."""

    def __init__(self, link: Link, seal: Seal, most_rows: int) -> None:
        self._link = link
        self._seal = seal
        self._most_rows = most_rows
        self._pace = seal.name("pace", PACE_FORMAT)
        self._index = seal.name("index", __version__)
        self._had: dict[str, bytes] = {}

    async def swap(self, known: bytes, new: bytes, kept_s: float) -> tuple[bool, bytes, float] | None:
        """Put new bytes in the place of known ones, as the shared pace wants it; what is not signed is not there."""

        def swapped(redis: "Redis") -> tuple[bool, bytes, float]:
            done, found, clock = self._swap(redis, self._signed(known), new, kept_s)
            if not known and new and found and self._seal.signed(self._pace, found) is None:
                done, found, clock = self._swap(redis, found, new, kept_s)
            return done, self._seal.signed(self._pace, found) or b"", clock

        with suppress(Away):
            return await self._link.ask(swapped)
        return None

    def _swap(self, redis: "Redis", there: bytes, new: bytes, kept_s: float) -> tuple[bool, bytes, float]:
        answer = redis.eval(SWAP, 1, self._pace, there, self._signed(new), _ms(kept_s))
        done, found, seconds, micros = cast("tuple[int, bytes, bytes, bytes]", answer)
        return bool(done), found, int(seconds) + int(micros) / 1e6

    def _signed(self, value: bytes) -> bytes:
        return self._seal.sign(self._pace, value) if value else b""

    async def entries(self) -> list[Entry]:
        """Return what rows there are, what was read last first."""
        with suppress(Away):
            return await self._link.ask(self._entries)
        return []

    async def fetch(self, entry: Entry) -> bytes | None:
        """Return the rows of an entry as they were put there; None where they are gone."""
        name = self._rows(entry)
        sealed = None
        with suppress(Away):
            sealed = await self._link.ask(lambda redis: cast("bytes | None", redis.get(name)))
        return self._seal.open(f"{name} {entry.as_of}", sealed) if sealed else None

    async def put(self, entry: Entry, rows: Callable[[], bytes]) -> None:
        """Keep rows for the others; `rows` makes the bytes, in a thread."""

        def put(redis: "Redis") -> None:
            name = self._rows(entry)
            sealed = self._seal.close(f"{name} {entry.as_of}", rows())
            if len(sealed) <= MOST_BYTES:
                kept_s = LONGEST_HELD.total_seconds() if entry.worth_holding else PARTLY_READ_S
                redis.set(name, sealed, px=_ms(kept_s))
                self._note(redis, entry)

        with suppress(Away):
            await self._link.ask(put)

    async def turn(self, question: str) -> Turn | None:
        """Take the turn to read for a question; None while another server has it."""
        name = self._seal.name("turn", __version__, question)

        def taken(redis: "Redis") -> "Lock | None":
            lock = redis.lock(name, timeout=TURN_S, blocking=False, thread_local=False)
            return lock if lock.acquire() else None

        try:
            lock = await self._link.ask(taken)
        except Away:
            return self.no_turn(question)
        return Turn(self._link, lock, self._far(question), self._seal.sign) if lock else None

    def no_turn(self, question: str) -> Turn:
        """Return what reads without a turn: others may read the same."""
        return Turn(self._link, None, self._far(question), self._seal.sign)

    async def how_far(self, question: str) -> tuple[int, float] | None:
        """Return how far the read of whoever has the turn is: operations, share of the window; None without a sign."""
        name = self._far(question)
        with suppress(Away, msgspec.DecodeError):
            told = await self._link.ask(lambda redis: cast("bytes | None", redis.get(name)))
            return msgspec.msgpack.decode(self._seal.signed(name, told or b"") or b"", type=tuple[Rows, Share])
        return None

    async def learned(self, names: Collection[str], version: str) -> dict[str, bytes]:
        """Return what servers of a version have learned under some names, where it is not what this one had last."""
        fields = {name: self._seal.name("learned", version, name) for name in names}

        def read(redis: "Redis") -> dict[str, bytes]:
            stamps = cast("dict[bytes, bytes]", redis.hgetall(self._stamps(version)))
            new = {n: f for n, f in fields.items() if (at := stamps.get(f.encode())) and at != self._had.get(f)}
            found = {}
            for name, field in new.items():
                sealed = cast("bytes | None", redis.get(field))
                told = self._seal.open(field, sealed) if sealed else None
                if told is not None:
                    found[name] = zlib.decompress(told)
                self._had[field] = stamps[field.encode()]
            return found

        with suppress(Away, zlib.error):
            return await self._link.ask(read) if fields else {}
        return {}

    async def put_learned(self, name: str, version: str, told: bytes) -> None:
        """Keep what was learned under a name for the other servers."""
        field, stamp = self._seal.name("learned", version, name), os.urandom(8)

        def put(redis: "Redis") -> None:
            sealed = self._seal.close(field, zlib.compress(told))
            if len(sealed) <= MOST_BYTES:
                redis.set(field, sealed, px=_ms(LEARNED_S))
                redis.hset(self._stamps(version), field, stamp)
                redis.pexpire(self._stamps(version), _ms(LEARNED_S))
                self._had[field] = stamp

        with suppress(Away):
            await self._link.ask(put)

    def _stamps(self, version: str) -> str:
        return self._seal.name("learned-at", version)

    async def check(self) -> tuple[bool, str]:
        """Put a value there and read it back; say, for people, what became of it."""
        name, asked_at = self._seal.name("check"), time.perf_counter()
        sealed = self._seal.close(name, b"fine")

        def there_and_back(redis: "Redis") -> bytes:
            redis.set(name, sealed, px=_ms(TURN_S))
            return cast("bytes", redis.get(name) or b"")

        try:
            fine = self._seal.open(name, await self._link.ask(there_and_back)) == b"fine"
        except Away as exc:
            return False, f"{self._link.address} cannot be used: {exc}. Correct CATENA_STORE_URL, or start it."
        told = "put and read back" if fine else "a value came back changed"
        return fine, f"{self._link.address}, shared; {told} in {1000 * (time.perf_counter() - asked_at):.0f} ms"

    def _far(self, question: str) -> str:
        return self._seal.name("far", __version__, question)

    def _rows(self, entry: Entry) -> str:
        return self._seal.name("rows", __version__, *_apart(entry))

    def _entries(self, redis: "Redis") -> list[Entry]:
        fields = cast("dict[bytes, bytes]", redis.hgetall(self._index))
        found = [entry for field, sealed in fields.items() if (entry := self._entry(field, sealed))]
        return sorted(found, key=lambda entry: entry.as_of, reverse=True)

    def _entry(self, field: bytes, sealed: bytes) -> Entry | None:
        opened = self._seal.open(self._index + field.decode(errors="replace"), sealed)
        with suppress(msgspec.DecodeError):
            return msgspec.msgpack.decode(opened, type=Entry) if opened else None
        return None

    def _note(self, redis: "Redis", entry: Entry) -> None:
        """Name an entry in the index, and drop what is more than is held."""
        field = self._seal.name("question", *_apart(entry))
        redis.hset(self._index, field, self._seal.close(self._index + field, msgspec.msgpack.encode(entry)))
        redis.pexpire(self._index, LONGEST_HELD)
        rows = 0
        for number, held in enumerate(self._entries(redis)):
            rows += held.rows
            old = entry.as_of - held.as_of > LONGEST_HELD
            if number and (old or number >= MOST_QUESTIONS or rows > self._most_rows):
                redis.hdel(self._index, self._seal.name("question", *_apart(held)))
                redis.unlink(self._rows(held))


def _apart(entry: Entry) -> tuple[str, str]:
    """Tell entries apart; what was read partly never takes the place of what was read whole."""
    return entry.question, "whole" if entry.worth_holding else "partly"


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
