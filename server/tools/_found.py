"""What a list has found so far: rows as long as they fit an answer, and where the next call goes on."""

from dataclasses import dataclass, field

from ..analysis.list_results import IdsOnConnection, OperationRow
from ..analysis.results import CoverageRead
from ..catena.bookmark import Bookmark
from . import _budget

DEFAULT_SIZE = 25
MOST_IDS = 500

PLACE = 48
"""Tokens of a connection, its TSP and fleet, where ids stand under it."""


@dataclass
class Found:
    """At most `size` rows, or their ids alone; `goes_on` is None at the end. `records`: how many there are in all."""

    size: int
    ids_alone: bool
    rows: list[OperationRow] = field(default_factory=list)
    scanned: int = 0
    cost: int = 0
    goes_on: Bookmark | None = None
    note: str | None = None
    records: int | None = None
    coverage: CoverageRead | None = None
    _places: set[str] = field(default_factory=set)

    @classmethod
    def begun(cls, start: Bookmark) -> "Found":
        """Return a list that holds nothing yet, as long as asked for."""
        ids_alone = start.detail == "ids"
        return cls(min(start.size or MOST_IDS, MOST_IDS) if ids_alone else start.size or DEFAULT_SIZE, ids_alone)

    @property
    def full(self) -> bool:
        """Whether as many rows were found as asked for."""
        return len(self.rows) >= self.size

    def add(self, row: OperationRow) -> bool:
        """Take a row, unless the page is full or would cost more tokens than an answer may."""
        cost = self._cost_of(row)
        if self.full or (self.rows and self.cost + cost > _budget.ANSWER):
            return False
        self.rows.append(row)
        self._places.add(row.connection_id.text)
        self.cost += cost
        return True

    def _cost_of(self, row: OperationRow) -> int:
        if self.ids_alone:
            return 2 * (_budget.tokens(row.id.text) + 1 + (0 if row.connection_id.text in self._places else PLACE))
        # Text and structured result both carry the row; the text says it in about 60 % of the tokens, payloads in 90 %.
        return int((1.6 if row.payload is None else 1.9) * _budget.tokens(row.model_dump_json()))

    def cut_short(self) -> None:
        """Say that there is more than fits."""
        what = "ids" if self.ids_alone else "rows"
        self.say(f"Cut after {len(self.rows)} {what} to stay readable; next_cursor goes on.")

    def say(self, note: str | None) -> None:
        """Add to what is noted."""
        self.note = " ".join(filter(None, (self.note, note))) or None

    def ids(self) -> list[IdsOnConnection]:
        """Return the ids of the rows by connection, each in the order of the rows."""
        places: dict[str, IdsOnConnection] = {}
        for row in self.rows:
            place = places.setdefault(
                row.connection_id.text,
                IdsOnConnection(
                    connection_id=row.connection_id,
                    source_name=row.source_name,
                    fleet_ref=row.fleet_ref,
                    operation_ids=[],
                ),
            )
            place.operation_ids.append(row.id)
        return list(places.values())
