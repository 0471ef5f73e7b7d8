"""One read for several servers: what one of them has read or is reading, the others do not read again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskGroup

from ..analysis.rows import frozen, thawed
from ..analysis.window import Window
from ..catena.coverage import Coverage
from ..catena.query import Filters
from ..errors import Unreachable
from ..store.memory import Held, Progress
from ..store.shared import TURN_S, Entry, SharedStore, Turn
from .kept import Rows
from .question import Extent, Question, Reading

if TYPE_CHECKING:
    from ..causes.memory import Memory

LOOK_AGAIN_S = 0.1
SILENT_S = 2 * TURN_S
"""Who has the turn and gives no sign of life for so long is none of the servers: they would have lost it by then."""

CLOCKS_DIFFER = timedelta(seconds=2)
"""Rows that another server read later than now by more are left alone: its clock is wrong, or the one here."""

logger = logging.getLogger(__name__)

Read = Callable[[Progress], Awaitable[Held[Reading]]]


@dataclass
class Sharing:
    """What this server takes from the others and hands on to them; handing on runs in `tasks`, nobody waits for it."""

    store: SharedStore
    tasks: TaskGroup

    async def taken(self, entry: Entry) -> Held[Reading] | None:
        """Return what another server read; None where it is gone, or not told as it is told here."""
        extent, bytes_kept = _extent_of(entry), await self.store.fetch(entry)
        frame = await anyio.to_thread.run_sync(thawed, bytes_kept) if extent and bytes_kept else None
        if extent is None or frame is None:
            return None
        reading = Reading(extent.window, extent.coverage, extent.filters, extent.by_creation, Rows(frame))
        return Held(reading, entry.as_of, entry.rows, entry.worth_holding)

    async def recall(self, memory: Memory, sources: Collection[str]) -> None:
        """Remember what other servers have learned of the causes of some TSPs."""
        from ..causes.memory import Cause
        from ..causes.signatures import VERSION

        for source, told in (await self.store.learned(sources, VERSION)).items():
            with suppress(msgspec.DecodeError):
                memory.take(source, msgspec.msgpack.decode(told, type=list[Cause]))

    def remember(self, memory: Memory) -> None:
        """Hand on what was learned of causes."""
        for source in memory.changed():
            self._aside(partial(self._hand_on_causes, memory, source))

    async def _hand_on_causes(self, memory: Memory, source: str) -> None:
        from ..causes.signatures import VERSION

        await self.recall(memory, [source])
        await self.store.put_learned(source, VERSION, msgspec.msgpack.encode(memory.told(source)))

    async def read_once(
        self,
        question: Question,
        before: Sequence[Entry],
        fresh_for: timedelta,
        ends_at: float,
        read: Read,
        progress: Progress,
    ) -> Held[Reading]:
        """Read, unless another server does so: then wait for what it finds that was not there `before`.

        Raises:
            Unreachable: The other has not come to an end by `ends_at`.
        """
        heard_at = anyio.current_time()
        while True:
            turn = await self.store.turn(question.key)
            for entry in await self.store.entries():
                new = entry.question == question.key and entry not in before
                if new and _stands_for(entry, question, fresh_for) and (held := await self.taken(entry)):
                    if turn:
                        self._aside(turn.end)
                    return held
            if turn:
                return await self._read_for_all(turn, question, read, progress)
            if anyio.current_time() > ends_at:
                raise Unreachable(_STILL_READ)
            if far := await self.store.how_far(question.key):
                heard_at = anyio.current_time()
                await progress(*far)
            elif anyio.current_time() - heard_at > SILENT_S:
                return await self._read_for_all(self.store.no_turn(question.key), question, read, progress)
            await anyio.sleep(LOOK_AGAIN_S)

    async def _read_for_all(self, turn: Turn, question: Question, read: Read, progress: Progress) -> Held[Reading]:
        async def told(rows: int, share: float) -> None:
            turn.tell(rows, share)
            await progress(rows, share)

        held = None
        self._aside(turn.keep)
        try:
            held = await read(told)
        finally:
            self._aside(partial(self._hand_on, turn, question.key, held))
        return held

    async def _hand_on(self, turn: Turn, key: str, held: Held[Reading] | None) -> None:
        """Put what was read where the others find it, then end the turn."""
        try:
            if held:
                entry = Entry(key, held.as_of, held.rows, held.worth_holding, _told(held.value))
                await self.store.put(entry, partial(frozen, held.value.frame))
        finally:
            await turn.end()

    def _aside(self, act: Callable[[], Awaitable[None]]) -> None:
        async def guarded() -> None:
            try:
                await act()
            except Exception:  # here it would end the server
                logger.exception("What is read could not be shared.")

        self.tasks.start_soon(guarded)


def useful(entries: Sequence[Entry], question: Question, now: datetime, fresh_for: timedelta) -> Entry | None:
    """Return what was read last that answers a question, or is the beginning of its answer."""
    for entry in entries:
        extent = _extent_of(entry)
        if extent is None or not entry.worth_holding or entry.as_of - now > CLOCKS_DIFFER:
            continue
        fresh = now - entry.as_of < fresh_for
        if (fresh and extent.window_of(question, fresh_for)) or extent.begins(question):
            return entry
    return None


def _stands_for(entry: Entry, question: Question, fresh_for: timedelta) -> bool:
    """Tell whether the answer to an equal question, asked a while ago, still is one."""
    extent = _extent_of(entry)
    return extent is not None and extent.window_of(question, fresh_for) is not None


def _told(extent: Extent) -> bytes:
    return msgspec.msgpack.encode((extent.window, extent.coverage, extent.filters, extent.by_creation))


def _extent_of(entry: Entry) -> Extent | None:
    def counts(kind: type, value: Any) -> Any:
        return kind(value)  # the counts of Drift

    told = tuple[Window, Coverage, Filters, bool]
    with suppress(msgspec.DecodeError, TypeError):
        return Extent(*msgspec.msgpack.decode(entry.extent, type=told, dec_hook=counts))
    return None


_STILL_READ = (
    "Another server with these credentials reads the same and has not come to an end within the time for one call "
    "(CATENA_DEADLINE_S). Try again in a minute."
)
