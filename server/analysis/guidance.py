"""Who has to act on a cause, whether sending again can help, and what to do: from type, status and words together.

The status alone is never trusted: TSPs fail inside 200, send duplicates as 500 and permission errors as 400. The first
kind of failure whose words or type fit decides; what fits none stays unknown.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Guidance:
    """What to do about a cause. `retryable` None: not to be told."""

    owner: str
    retryable: bool | None
    advice: str


@dataclass(frozen=True)
class _Kind:
    words: re.Pattern[str] | None
    types: frozenset[str]
    codes: frozenset[int]
    guidance: Guidance


def _kind(words: str, types: str, codes: tuple[int, ...], owner: str, retryable: bool | None, advice: str) -> _Kind:
    pattern = re.compile(words, re.I) if words else None
    return _Kind(pattern, frozenset(types.split()), frozenset(codes), Guidance(owner, retryable, advice))


_BY_WORDS = [
    _kind(
        r"rate.?limit|too many requests|quota|over.?limit|throttl|calls? (?:per|exceeded)|exceeded .{0,20}(?:calls|requests)",
        "", (429,), "partner", True,
        "Spread the writes out; send the failed ones again later.",
    ),
    _kind(
        r"duplicat|already (?:exists?|in use|taken|registered|assigned)|must be unique|not unique|existiert bereits|ya existe",
        "", (), "partner", False,
        "It exists at the TSP: update it, or change the value that must be unique.",
    ),
    _kind(
        r"permission|not (?:authori[sz]ed to|allowed to)|forbidden|access (?:is )?denied|insufficient.{0,20}(?:scope|right|clearance)|securitygroup",
        "", (), "fleet", False,
        "The fleet grants its TSP account the right to write this; then send again.",
    ),
    _kind(
        r"invalid (?:token|session|api.?key|user)|token.{0,20}expired|expired.{0,20}(?:token|session|credential)|credential|unauthori[sz]ed|log.?in|sign.?in|password (?:expired|incorrect)|authenticat",
        "", (401,), "fleet", False,
        "The fleet signs in to the TSP again; then send again.",
    ),
    _kind(
        r"time.?d? ?out|deadline exceeded|connection (?:refused|reset|closed|aborted)|unreachable|no route|name or service|getaddrinfo|no such host|dns|eof|unavailable|bad gateway|gateway|maintenance|overload",
        "network", (502, 503, 504), "tsp", True,
        "Send again when the TSP answers; if it lasts, tell the TSP's support.",
    ),
    _kind(
        r"not found|does not exist|no longer exists|unknown (?:id|record|vehicle|driver|user|asset)|object not found",
        "", (404, 410), "partner", False,
        "Check that the record still exists at the TSP; then send again.",
    ),
]  # fmt: skip
_BY_TYPE = [
    _kind("", "auth", (), "fleet", False,
          "The fleet signs in to the TSP again; then send again."),
    _kind("", "validation", (400, 413, 415, 422), "partner", False,
          "Correct what the message names; the same payload fails again."),
    _kind("", "", (405, 501), "catena", False,
          "Ask Catena's support whether the TSP takes this write."),
    _kind("", "", (500,), "tsp", None,
          "Send one again; if it fails too, give the TSP's support the example."),
]  # fmt: skip
_UNKNOWN = Guidance("unknown", None, "Cause not recognised: read the example before sending again.")


@dataclass(frozen=True)
class Evidence:
    """What retries did: of `met` operations that ran into a cause and ended, `cured` went through on a later attempt."""

    met: int = 0
    cured: int = 0

    @property
    def retries_help(self) -> bool:
        """Whether so many went through that it is more than luck."""
        return self.cured >= FEWEST_CURED and self.cured >= self.met * CURED_SHARE


FEWEST_CURED = 3
CURED_SHARE = 0.1


def guidance_for(
    error_type: str | None, status_code: int | None, message: str, evidence: Evidence | None = None
) -> Guidance:
    """Return who acts, whether a retry can help, and the advice for a cause; what retries did outweighs the words."""
    told = _by_words_and_type(error_type, status_code, message)
    if evidence is None or not evidence.retries_help:
        return told
    share = f"{evidence.cured:,} of {evidence.met:,} went through on a retry"
    advice = f"{told.advice.removesuffix('.')} ({share})." if told.retryable else f"Send again: {share}."
    return Guidance(told.owner, True, advice)


def _by_words_and_type(error_type: str | None, status_code: int | None, message: str) -> Guidance:
    for kind in _BY_WORDS:
        if (kind.words and kind.words.search(message)) or error_type in kind.types or status_code in kind.codes:
            return kind.guidance
    for kind in _BY_TYPE:
        if error_type in kind.types or status_code in kind.codes:
            return kind.guidance
    return _UNKNOWN
