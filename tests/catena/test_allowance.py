"""What may be seen: rows are left out where they come in, and the API is asked for no more than need be."""

import string
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from server.catena.allowance import Allowance
from server.catena.query import MOST_FLEETS, Filters, Query
from server.catena.wire import Operation, decode_page

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CONNECTIONS, FLEETS = "abcd", "wxyz"
SOME_CONNECTIONS = st.none() | st.frozensets(st.sampled_from(CONNECTIONS))
SOME_FLEETS = st.none() | st.frozensets(st.sampled_from(FLEETS))
ALLOWANCES = st.builds(Allowance, SOME_CONNECTIONS, SOME_FLEETS)
FILTERS = st.builds(
    Filters,
    connection_id=st.none() | st.sampled_from(CONNECTIONS),
    fleet_refs=st.lists(st.sampled_from(FLEETS), unique=True, max_size=3).map(tuple),
)
OPERATIONS = [
    Operation(f"{connection}{fleet}", NOW, connection_id=connection, fleet_ref=fleet)
    for connection in CONNECTIONS
    for fleet in (*FLEETS, None)
]


def passing(filters: Filters) -> list[Operation]:
    """Return the operations that the API answers with, by its own rule."""
    return [
        op
        for op in OPERATIONS
        if (not filters.connection_id or op.connection_id == filters.connection_id)
        and (not filters.fleet_refs or op.fleet_ref in filters.fleet_refs)
    ]


@given(ALLOWANCES, FILTERS)
def test_a_narrowed_query_brings_all_that_may_be_seen_of_what_was_asked(may: Allowance, filters: Filters) -> None:
    wanted = [op for op in passing(filters) if may.admits(op)]
    narrowed = may.narrowed(Query(filters, NOW, NOW + timedelta(hours=1)))
    brought = [] if narrowed is None else passing(narrowed.filters)
    assert [op for op in brought if may.admits(op)] == wanted
    assert len(brought) <= len(passing(filters))
    assert narrowed is not None or not wanted


@given(ALLOWANCES, ALLOWANCES)
def test_allowances_that_differ_have_other_words(one: Allowance, other: Allowance) -> None:
    assert (one.words == other.words) is (one == other)


def test_more_fleets_than_fit_one_address_are_left_to_the_rows() -> None:
    query = Query(Filters(), NOW, NOW)
    for fleets in ([str(number) for number in range(MOST_FLEETS + 1)], [f"{c:x<250}" for c in string.ascii_letters]):
        assert Allowance(fleets=frozenset(fleets)).narrowed(query) == query
    few = Allowance(fleets=frozenset({"b", "a"})).narrowed(query)
    assert few is not None
    assert few.filters.fleet_refs == ("a", "b")


def test_nothing_of_a_row_that_may_not_be_seen_is_left_in_a_page() -> None:
    def row(connection: str, **odd: object) -> dict[str, object]:
        return {"id": connection, "created_at": "2026-11-23T00:00:00Z", "connection_id": connection} | odd

    may = Allowance(connections=frozenset("a"))
    for rows in (
        [row("a"), row("b")],
        [row("a", odd_of_a=1), row("b", odd_of_b=1), "no row", row("b", created_at=None)],
    ):
        body = msgspec.json.encode({"items": rows, "next_page": None})
        page, whole = decode_page(body, may.admits), decode_page(body)
        assert [op.id for op in page.items] == ["a"]
        assert "odd_of_b" not in page.drift.unknown_fields
        assert page.drift.unreadable == whole.drift.unreadable, "whose an unreadable row is cannot be told"
        assert len(page.left_out) == 1
        assert "b" not in repr(page.items)
