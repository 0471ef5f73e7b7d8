"""Let the days pass: carry out every write, let troubles strike, and let the partner send failures again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from random import Random

from .fleets import Line
from .ids import DAY, HOUR, MINUTE, SECOND, from_datetime, uuid7
from .incidents import EPISODES, NOISE, Episode
from .operations import Failure, Operation, Outcome
from .records import LASTING, single_record
from .traffic import FUTURE, PAST, Partner, Write, arrivals, share_of
from .tsp_errors import CAUSES, Cause, wait_seconds

# Neither number is documented for Catena; a client must not rely on them.
_MOST_ATTEMPTS = 4
_MOST_RESENDS = 2
_GAPS = ((4, 9), (20, 45), (90, 210))
"""Seconds from one attempt to the next, least and most."""
_NOISE_PERIOD = 6
"""Each cause of noise is active on one day in six, so a day shows few of them and a week shows all."""
_NOISE_VOLUME = 0.023
"""Share of all writes that one active cause of noise is meant to hit."""
_DUPLICATE_VOLUME = 0.0125
_ROUTINE = 0.865
"""Part of the asked number that is drawn as everyday writes; the rest are bursts and resends."""


class Story:
    """Tell one world: feed it writes in the order of time and read its operations afterwards."""

    def __init__(self, anchor: datetime, lines: Sequence[Line], rng: Random) -> None:
        self.operations: list[Operation] = []
        self.incident_of: dict[str, str] = {}
        self._anchor_at = from_datetime(anchor)
        self._anchor = anchor
        self._lines = lines
        self._rng = rng
        self._partner = Partner(lines, rng)
        self._resends: list[tuple[int, int, Write]] = []
        self._order = count()
        self._weather = {line.index: _reaching(EPISODES, line, "weather", "hang") for line in lines}
        self._flaws = {line.index: _reaching(EPISODES, line, "flaw") for line in lines}
        self._shares = _shares(lines)
        self._noise = {
            (line.index, day): tuple(e for n, e in enumerate(NOISE) if (n + day) % _NOISE_PERIOD == 0 and _at(e, line))
            for line in lines
            for day in range(-PAST // DAY, FUTURE // DAY + 1)
        }
        self._sent_wrong: dict[str, Episode] = {
            cause: episode for episode in (*EPISODES, *NOISE) if episode.kind == "flaw" for cause in episode.causes
        }

    def tell(self, operations: int) -> None:
        """Tell it all, with exactly so many operations before the anchor."""
        times = arrivals(self._anchor, round(operations * _ROUTINE), self._rng)
        agenda = [*zip(times, self._partner.writes(len(times)), strict=True), *self._bursts(operations)]
        # Resends are due between everyday writes; what is written when decides which edition a record has.
        for at, line in sorted(agenda, key=lambda item: item[0]):
            self._send_again_until(at)
            self._carry_out(self._partner.next_write(line, at), at)
        self._send_again_until(self._anchor_at + FUTURE)
        self._fill_up(operations)
        self.operations.sort(key=lambda operation: operation.key)

    def _bursts(self, operations: int) -> list[tuple[int, Line]]:
        extra: list[tuple[int, Line]] = []
        for episode in EPISODES:
            if not episode.burst or episode.ended is None:
                continue
            lines = [line for line in self._lines if _at(episode, line)]
            drawn = self._rng.choices(lines, [line.weight for line in lines], k=round(operations * episode.burst))
            begun, span = self._anchor_at + episode.began, episode.ended - episode.began
            extra += [(begun + int(self._rng.random() * span), line) for line in drawn]
        return extra

    def _fill_up(self, operations: int) -> None:
        # How often the partner sends again is chance, so the asked number is reached with messages: they leave no trace
        # on any record that was written in the meantime.
        missing = operations - sum(operation.created < self._anchor_at for operation in self.operations)
        times = arrivals(self._anchor, max(0, missing), self._rng, future=False)
        for at, line in zip(times, self._partner.writes(len(times)), strict=True):
            write = Write(line, "message", "create", single_record(line.index, at), resends=_MOST_RESENDS)
            self._carry_out(write, at)

    def _send_again_until(self, at: int) -> None:
        while self._resends and self._resends[0][0] <= at:
            due, _, write = heappop(self._resends)
            self._carry_out(write, due)

    def _carry_out(self, write: Write, at: int) -> None:
        episode = self._trouble(write, at)
        first = at + SECOND // 3 + int(self._rng.random() * 3 * SECOND)
        if episode is None:
            self._partner.learn(write)
            self._note(write, at, (), "success", first)
        elif episode.kind == "hang":
            self._note_trouble(episode, self._note(write, at, self._silence(episode, first), "pending", None))
        else:
            self._struggle(write, at, first, episode)

    def _struggle(self, write: Write, at: int, first: int, episode: Episode) -> None:
        failures, answered = self._attempts(write, first, episode)
        if answered is not None:
            self._partner.learn(write)
            self._note(write, at, failures, "success", answered)
            return
        settled = failures[-1].at
        # Seen in the schema, where logs are optional: a failure nobody wrote a log for.
        logged = tuple(failure for failure in failures if failure.cause.logged)
        self._note_trouble(episode, self._note(write, at, logged, "failed", settled))
        if write.resends < _MOST_RESENDS and self._rng.random() < episode.resent:
            self._plan_resend(write, settled, episode)

    def _attempts(self, write: Write, first: int, episode: Episode) -> tuple[tuple[Failure, ...], int | None]:
        """Try until it passes, the attempts are used up, or trying again is pointless."""
        failures: list[Failure] = []
        at = first
        for attempt in range(_MOST_ATTEMPTS):
            if attempt and (not episode.share_at(at - self._anchor_at) or self._rng.random() >= episode.persists):
                return tuple(failures), at
            failure = Failure(at, self._cause(write, episode), self._rng.getrandbits(48))
            failures.append(failure)
            final = episode.kind == "flaw" or not episode.retried or not failure.cause.logged
            if final or attempt == _MOST_ATTEMPTS - 1:
                break
            # A TSP that names a time is obeyed, so a storm shows longer gaps than an outage.
            least, most = _GAPS[attempt]
            asked = wait_seconds(failure.cause, failure.salt) or 0.0
            at += int((max(asked, least) + self._rng.random() * (most - least)) * SECOND)
        return tuple(failures), None

    def _silence(self, episode: Episode, first: int) -> tuple[Failure, ...]:
        cause = CAUSES[episode.causes[0]]
        # Some of what hangs was tried; the rest never left Catena.
        tried = range(self._rng.randrange(1, 3)) if self._rng.random() < 0.4 else ()
        return tuple(Failure(first + (31 + 140 * n) * SECOND, cause, self._rng.getrandbits(48)) for n in tried)

    def _cause(self, write: Write, episode: Episode) -> Cause:
        if write.flaw is not None and episode.kind == "flaw":
            return write.flaw
        return CAUSES[self._rng.choice(episode.causes)]

    def _trouble(self, write: Write, at: int) -> Episode | None:
        """Find what goes wrong with a write, if anything does."""
        offset = at - self._anchor_at
        for episode in self._weather[write.line.index]:
            share = episode.share_at(offset)
            if share and self._rng.random() < share:
                return episode
        # A payload is flawed when it is made up, not when it is sent again.
        if write.flaw is None and not write.resends:
            write.flaw = self._new_flaw(write, offset)
        if write.flaw is not None:
            return self._sent_wrong[write.flaw.key]
        for episode in self._noise[write.line.index, offset // DAY]:
            if episode.kind == "weather" and self._strikes(episode, write):
                return episode
        return None

    def _new_flaw(self, write: Write, offset: int) -> Cause | None:
        for episode in self._flaws[write.line.index]:
            share = episode.share_at(offset)
            if share and _suits(episode, write) and self._rng.random() < share * self._thinned(episode, write):
                return _cause_at(episode, write.line.connection.source_name)
        for episode in self._noise[write.line.index, offset // DAY]:
            if episode.kind == "flaw" and _suits(episode, write) and self._strikes(episode, write):
                return CAUSES[episode.causes[0]]
        return None

    def _thinned(self, episode: Episode, write: Write) -> float:
        if episode.key != "duplicates":
            return 1.0
        # At most a third, or a small TSP would refuse nearly every driver.
        return min(0.35, _DUPLICATE_VOLUME / self._reach(episode, write))

    def _strikes(self, episode: Episode, write: Write) -> bool:
        return self._rng.random() < min(0.3, episode.hit * _NOISE_VOLUME / self._reach(episode, write))

    def _reach(self, episode: Episode, write: Write) -> float:
        """Estimate the part of all writes that a cause can strike, so that rare TSPs show up too."""
        source_name = write.line.connection.source_name
        return self._shares[source_name] * share_of(episode.resources, episode.operation_type, source_name)

    def _plan_resend(self, write: Write, settled: int, episode: Episode) -> None:
        if episode.waits_for_end and episode.ended is not None:
            due = max(settled, self._anchor_at + episode.ended) + int((5 + 105 * self._rng.random()) * MINUTE)
        else:
            due = settled + int(HOUR / 6 * 60 ** self._rng.random())
        healed = write.flaw is not None and self._rng.random() < episode.heals
        again = Write(write.line, write.resource, write.operation_type, write.record, write.edition, write.flaw)
        again.resends = write.resends + 1
        if healed and write.flaw is not None:
            again.flaw = None
            # Where a field was spoilt, the corrected payload differs already; elsewhere it takes another edition.
            if write.flaw.spoils is None and write.resource in LASTING:
                again.edition = self._partner.changed(write.record)
        heappush(self._resends, (due, next(self._order), again))

    def _note(
        self, write: Write, at: int, failures: tuple[Failure, ...], outcome: Outcome, settled: int | None
    ) -> Operation:
        operation = Operation(
            at,
            uuid7(at, self._rng.getrandbits(62)),
            write.line.connection,
            write.resource,
            write.operation_type,
            write.record,
            write.edition,
            write.flaw,
            failures,
            outcome,
            settled,
        )
        self.operations.append(operation)
        return operation

    def _note_trouble(self, episode: Episode, operation: Operation) -> None:
        if episode.key:
            self.incident_of[operation.id] = episode.key


def _at(episode: Episode, line: Line) -> bool:
    connection = line.connection
    named = not episode.fleet_refs or connection.fleet_ref in episode.fleet_refs
    return named and connection.source_name in episode.sources


def _reaching(episodes: Sequence[Episode], line: Line, *kinds: str) -> tuple[Episode, ...]:
    return tuple(episode for episode in episodes if episode.kind in kinds and _at(episode, line))


def _suits(episode: Episode, write: Write) -> bool:
    return episode.reaches(write.resource, write.operation_type, write.line.connection.fleet_ref)


def _cause_at(episode: Episode, source_name: str) -> Cause:
    return CAUSES[episode.causes[episode.sources.index(source_name) if len(episode.causes) > 1 else 0]]


def _shares(lines: Sequence[Line]) -> Mapping[str, float]:
    total = sum(line.weight for line in lines)
    shares: dict[str, float] = {}
    for line in lines:
        name = line.connection.source_name
        shares[name] = shares.get(name, 0.0) + line.weight / total
    return shares
