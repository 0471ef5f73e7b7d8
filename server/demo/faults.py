"""Switch troubles of Catena's own on, so that a client can be tested against each of them.

Every switch is decided by a count of requests or of rows, never by chance at run time: a test sees the same thing twice.
"""

from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args

from .ids import mix

RetryAfter = Literal["header", "fraction", "date", "body", "none"]
Order = Literal["newest", "oldest", "scattered"]
Endless = Literal["", "same", "fresh"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "retry_after": get_args(RetryAfter),
    "order": get_args(Order),
    "endless": get_args(Endless),
}
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class UnknownFault(ValueError):
    """Refuse a switch that does not exist, or a value it cannot take."""


@dataclass(slots=True)
class Faults:
    """Hold the switches; all of them are off until they are set, and they may be changed between two requests."""

    errors: float = 0.0
    """Share of reads that fail, with one kind of failure after the other."""
    rate: float = 0.0
    """Requests a second that are allowed; 0 allows any number."""
    burst: float = 0.0
    """Requests that are allowed at once after a rest; 0 for what is allowed in a second."""
    retry_after: RetryAfter = "header"
    """How a 429 tells when to come back."""
    token_life_s: int = 3600
    token_uses: int = 0
    """Requests that a token is good for; 0 for any number."""
    latency_s: float = 0.0
    drift: bool = False
    """Answer as a later version of the API might: more fields, more enum values, fewer optional fields."""
    order: Order = "newest"
    repeat: int = 0
    """Rows of the page before that a page repeats."""
    endless: Endless = ""
    """Never end a walk: name the same cursor again, or fresh ones that lead to empty pages."""
    shift: float = 0.0
    """Seconds by which every list request moves the clock on."""
    seed: int = 7

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read switches as a command line gives them, such as `errors=0.15,rate=20,drift`."""
        faults = cls()
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, given, value = item.partition("=")
            faults._set(name.strip(), value.strip() if given else "true")
        return faults

    def _set(self, name: str, value: str) -> None:
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"the names are {', '.join(known)}."
            raise UnknownFault(f"No fault is called {name!r}; {hint}")
        setattr(self, name, _converted(name, value, known[name]))

    def strikes(self, request: int) -> int | None:
        """Say which kind of failure answers a request: a number that counts up with the failures; None for no failure."""
        # Spread evenly: of N requests, N * errors fail wherever the count begins. The seed moves the beginning.
        phase = mix(self.seed) / 2**64
        before, after = int((request - 1) * self.errors + phase), int(request * self.errors + phase)
        return after if after > before else None


def _converted(name: str, value: str, current: Any) -> Any:
    try:
        if isinstance(current, bool):
            return _truth(value)
        if isinstance(current, str):
            return _choice(value, _CHOICES[name])
        number = type(current)(value)
    except ValueError as error:
        raise UnknownFault(f"{name!r} cannot be {value!r}: {error}.") from error
    # The comparison refuses NaN as well.
    if not 0 <= number < float("inf") or (name == "errors" and number > 1):
        raise UnknownFault(
            f"{name!r} cannot be {value!r}: it is {'a share of at most 1' if number > 1 else 'negative'}."
        )
    return number


def _truth(value: str) -> bool:
    if value.lower() in _YES:
        return True
    if value.lower() in _NO:
        return False
    raise ValueError("say true or false")


def _choice(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"say one of {', '.join(filter(None, choices))}")
    return value


class Bucket:
    """Allow so many requests a second, with a burst saved up at most: one second's worth, unless it is told."""

    def __init__(self) -> None:
        self._tokens: float | None = None
        self._filled = 0.0

    def wait(self, rate: float, now: float, burst: float = 0.0) -> float:
        """Take one request out; give 0, or the seconds until there is one."""
        if rate <= 0:
            return 0.0
        # Below one request a second a bucket has to hold one whole request all the same.
        most = max(1.0, burst or rate)
        saved = most if self._tokens is None else self._tokens + (now - self._filled) * rate
        self._tokens, self._filled = min(most, saved), now
        if self._tokens < 1:
            return (1 - self._tokens) / rate
        self._tokens -= 1
        return 0.0


_OPTIONAL = ("fleet_ref", "source_id", "resource_id", "logs")


def drifted(row: dict[str, Any]) -> dict[str, Any]:
    """Change a row in the ways a provisional schema is known or likely to move."""
    bits = mix(int(row["id"].replace("-", ""), 16))
    row["schema_revision"] = "2027-02"
    row["origin"] = {"channel": "api", "region": "us-east"}
    # Primes that share no factor, so the changes meet in all combinations.
    if bits % 11 == 0:
        row["resource"] = "yard_event"
    if bits % 97 == 0:
        row["status"] = "cancelled"
    # Left out instead of null: both mean the same to the contract.
    for number, name in enumerate(_OPTIONAL):
        if row[name] is None or (bits >> 8 + number) % 29 == 0:
            del row[name]
    for log in row.get("logs", ()):
        log["attempt_region"] = "us-east"
        if log["error_type"] is not None and bits % 5 == 0:
            log["error_type"] = "quota"
        if log["response_status_code"] is not None and bits % 7 == 0:
            log["response_status_code"] = str(log["response_status_code"])
    return row
