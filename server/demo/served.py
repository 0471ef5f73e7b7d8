"""Say what the stand-in API asks of a world, so that it can serve another than the demo's under the same rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from .fleets import Connection


class Written(Protocol):
    """One write; `created` is in microseconds since 1970."""

    @property
    def created(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def key(self) -> tuple[int, str]: ...
    @property
    def connection(self) -> Connection: ...
    @property
    def resource(self) -> str: ...
    @property
    def operation_type(self) -> str: ...


W = TypeVar("W", bound=Written)


class Served(Protocol[W]):
    """A world: its writes sorted by time and id, and how each looks at a moment."""

    @property
    def partner_id(self) -> str: ...
    @property
    def connections(self) -> Sequence[Connection]: ...
    @property
    def operations(self) -> Sequence[W]: ...
    @property
    def sources(self) -> Sequence[str]:
        """The TSPs that the API takes as a filter."""

    def find(self, operation_id: str) -> W | None: ...
    def count_created(self, instant: int) -> int: ...
    def row(self, operation: W, now: datetime) -> dict[str, Any]: ...
    def source_id(self, operation: W, now: datetime) -> str | None: ...
