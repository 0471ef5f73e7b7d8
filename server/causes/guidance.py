"""Who has to act on a cause, whether sending again can help, and what to do, each with its reason.

From words, type and status together, the first rule that fits. The status alone is never trusted: TSPs fail inside 200,
send duplicates as 500 and permission errors as 400. What retries really did outweighs all of them; what fits no rule
stays unknown.
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
class Evidence:
    """What else is seen of a cause.

    Of `met` operations that ran into it and ended, `cured` went through on a later attempt. While it went on, `others`
    writes of the same TSP ended on connections it did not touch, `others_fine` of them well.
    """

    met: int = 0
    cured: int = 0
    others: int = 0
    others_fine: int = 0

    @property
    def others_work(self) -> bool:
        """Whether the TSP itself works, as seen from other connections."""
        return self.others >= FEWEST_OTHERS and self.others_fine >= self.others * OTHERS_SHARE

    @property
    def retries_help(self) -> bool:
        """Whether so many went through that it is more than luck."""
        return self.cured >= FEWEST_CURED and self.cured >= self.met * CURED_SHARE


FEWEST_CURED = 3
CURED_SHARE = 0.1
FEWEST_OTHERS = 10
OTHERS_SHARE = 0.8

_KINDS = {
    "a rate limit": Guidance("partner", True, "Spread the writes out; send the failed ones again later"),
    "a duplicate": Guidance(
        "partner", False, "It exists at the TSP: update it, or change the value that must be unique"
    ),
    "a missing right": Guidance(
        "fleet", False, "The fleet grants its TSP account the right to write this; then send again"
    ),
    "a refused sign-in": Guidance("fleet", False, "The fleet signs in to the TSP again; then send again"),
    "no answer": Guidance("tsp", True, "Send again when the TSP answers; if it lasts, tell the TSP's support"),
    "a missing record": Guidance("partner", False, "Check that the record still exists at the TSP; then send again"),
    "a refused value": Guidance("partner", False, "Correct what the message names; the same payload fails again"),
    "an unsupported write": Guidance("catena", False, "Ask Catena's support whether the TSP takes this write"),
    "a fault inside": Guidance("tsp", None, "Send one again; if it fails too, give the TSP's support the example"),
}
_UNKNOWN = Guidance("unknown", None, "Cause not recognised: read the example before sending again.")


@dataclass(frozen=True)
class _Rule:
    kind: str
    words: re.Pattern[str] | None = None
    types: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()

    def reason(self, error_type: str | None, status_code: int | None, message: str) -> str | None:
        """Return why the rule fits, None where it does not."""
        if self.words is not None:
            return f"the message tells of {self.kind}" if self.words.search(message) else None
        if error_type in self.types:
            return f"error type {error_type}"
        return f"status {status_code}" if status_code in self.codes else None


def _words(kind: str, *patterns: str) -> _Rule:
    return _Rule(kind, re.compile("|".join(patterns), re.I))


_RULES = (
    # These two are unmistakable, whatever the words: a time-out of a login host is no refused sign-in.
    _Rule("a rate limit", codes=(429,)),
    _Rule("no answer", types=("network",)),
    _words(
        "a rate limit",
        r"rate.?limit|too many requests|quota|over.?limit|throttl|calls? (?:per|exceeded)",
        r"exceeded .{0,20}(?:calls|requests)",
    ),
    _words(
        "a duplicate",
        r"duplicat|already (?:exists?|in use|taken|registered|assigned|been taken)|must be unique|not unique",
        r"existiert bereits|ya existe|ya está|existe déjà",
    ),
    _words(
        "a missing right",
        r"permission|privilege|no right\b|not (?:authori[sz]ed to|allowed to|permitted)|forbidden|access (?:is )?denied|securitygroup",
        r"insufficient.{0,20}(?:scope|right|clearance)",
    ),
    _words(
        "a refused sign-in",
        r"invalid (?:token|session|api.?key|user\b)|token.{0,20}expired|expired.{0,20}(?:token|session|credential)",
        r"credential|unauthori[sz]ed|not logged in|login (?:failed|required)|sign.?in|authenticat",
        r"password (?:is )?(?:expired|incorrect)",
    ),
    _words(
        "no answer",
        r"time.?d? ?out|deadline exceeded|connection (?:refused|reset|closed|aborted)|unreachable|no route|getaddrinfo",
        r"no such host|\bdns\b|\beof\b|unavailable|gateway|maintenance|overload",
    ),
    _words(
        "a missing record",
        r"not found|does not exist|no longer exists|unknown (?:id|record|vehicle|driver|user|asset)|nicht gefunden",
        r"no encontrad",
    ),
    _Rule("a refused sign-in", types=("auth",), codes=(401,)),
    _Rule("a missing right", codes=(403,)),
    _Rule("a missing record", codes=(404, 410)),
    _Rule("no answer", codes=(502, 503, 504)),
    _Rule("a refused value", types=("validation",), codes=(400, 413, 415, 422)),
    _Rule("an unsupported write", codes=(405, 501)),
    _Rule("a fault inside", codes=(500,)),
)


def guidance_for(
    error_type: str | None, status_code: int | None, message: str, evidence: Evidence | None = None
) -> Guidance:
    """Return who acts, whether a retry can help, and the advice with its reasons in brackets."""
    told, reasons = _UNKNOWN, []
    for rule in _RULES:
        if reason := rule.reason(error_type, status_code, message):
            told, reasons = _KINDS[rule.kind], [reason]
            break
    if evidence is not None and evidence.retries_help:
        advice = told.advice if told.retryable else "Send again"
        told = Guidance(told.owner, True, advice)
        reasons.append(f"{evidence.cured:,} of {evidence.met:,} went through on a retry")
    if evidence is not None and evidence.others_work and told.owner in ("fleet", "tsp"):
        reasons.append("other connections of the TSP work")
    if not reasons:
        return told
    return Guidance(told.owner, told.retryable, f"{told.advice} ({'; '.join(reasons)}).")
