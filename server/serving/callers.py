"""Who calls: the person or program whose token was verified for the request that is being answered."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """Who calls. `subject` is unique within the issuer; `client` is the program that was let in, `tenant` whose rows it sees.

    Nothing of the token itself is here, so nothing can pass it on or log it.
    """

    subject: str
    client: str
    tenant: str
    scopes: frozenset[str]


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def caller() -> Caller | None:
    """Return the caller of the current request; None where there is no sign-in."""
    return _CALLER.get()


@contextmanager
def called_by(known: Caller) -> Generator[None]:
    """Answer what runs inside for this caller."""
    token = _CALLER.set(known)
    try:
        yield
    finally:
        _CALLER.reset(token)
