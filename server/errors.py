"""What can go wrong, in words of ours.

OpsError
├── BadArgument        the caller's argument cannot be used as it stands
├── BadSettings        the server is not set up
└── CatenaError        Catena gave no usable answer
    ├── NotSignedIn    401, or the token endpoint refused the credentials
    ├── NotAllowed     403
    ├── NotFound       404
    ├── Refused        400, 405, 409 and other 4xx
    ├── Invalid        422
    ├── RateLimited    429
    ├── Unavailable    5xx
    ├── Unreachable    no answer: network or time-out
    │   └── Untrusted  a certificate that is not trusted here
    ├── Unreadable     an answer that is not the JSON it should be
    │   ├── TooLarge   more of it than is read
    │   └── NoToken    of the token endpoint
    └── BrokenPaging   pages that repeat or never end

Each message says what happened, why, and what to do next. Text of the API or of a TSP never speaks for us here.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence


class OpsError(Exception):
    """An anticipated failure whose message is meant for the reader."""


class BadArgument(OpsError):
    """An argument that cannot be used as it stands."""


class BadSettings(OpsError):
    """Settings that are missing or cannot be used."""


class CatenaError(OpsError):
    """Catena gave no usable answer."""

    may_heal = False
    """Whether asking again soon can help."""


class NotSignedIn(CatenaError):
    """401: the credentials or the token were refused."""


class NotAllowed(CatenaError):
    """403: signed in, but not allowed."""


class NotFound(CatenaError):
    """404."""


class Refused(CatenaError):
    """400, 405, 409 and any other 4xx without a class of its own."""


class Invalid(CatenaError):
    """422: the API does not accept a parameter. `offered`: the words it takes instead, by the parameter's name."""

    def __init__(self, message: str, offered: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.offered = offered or {}


class RateLimited(CatenaError):
    """429. `retry_after` is in seconds, None where the API did not say."""

    may_heal = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(CatenaError):
    """5xx."""

    may_heal = True


class Unreachable(CatenaError):
    """No answer: name, connection or time-out."""

    may_heal = True


class Untrusted(Unreachable):
    """A certificate that is not trusted here: asking again shows the same one."""

    may_heal = False


class Unreadable(CatenaError):
    """An answer that is not the JSON it should be."""

    may_heal = True


class TooLarge(Unreadable):
    """An answer larger than is read; asking the same again answers the same."""

    may_heal = False


class NoToken(Unreadable):
    """The token endpoint answered without a token: it will again."""

    may_heal = False


class BrokenPaging(CatenaError):
    """Pages that repeat themselves or never end."""


def nearest(word: str, known: Iterable[str], most: int = 3, likeness: float = 0.6) -> list[str]:
    """Return the known words closest to `word`, ignoring case and punctuation, best first; 1 is the same word."""
    plain = {plain_word(k): k for k in known}
    target = plain_word(word)
    if target in plain:
        return [plain[target]]
    close = difflib.get_close_matches(target, plain, n=most, cutoff=likeness)
    held = [k for k in plain if len(target) >= 3 and target in k]
    return [plain[k] for k in dict.fromkeys([*close, *held])][:most]


def plain_word(word: str) -> str:
    """Return `word` in lower case without spaces and punctuation: "J. J. Keller" -> "jjkeller"."""
    return "".join(c for c in word.casefold() if c.isalnum())


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x' or 'y'?", or nothing where no known word is close."""
    close = nearest(word, known)
    return f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
