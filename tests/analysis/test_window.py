"""Windows: written by people and models, fixed once."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.analysis.window import moment_of, window_of
from server.errors import BadArgument

NOW = datetime(2026, 11, 23, 15, 30, 12, 345, tzinfo=UTC)
FLAT = NOW.replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", FLAT),
        ("-90m", FLAT - timedelta(minutes=90)),
        ("-24h", FLAT - timedelta(days=1)),
        ("-7d", FLAT - timedelta(days=7)),
        ("2w", FLAT - timedelta(weeks=2)),
        ("3 h ago", FLAT - timedelta(hours=3)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T10:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        (" 2026-11-20T10:00:00.5Z ", datetime(2026, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_iso_or_relative_to_now(text: str, expected: datetime) -> None:
    assert moment_of(text, "from_datetime", FLAT) == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "last tuesday", "-24", "24x", "2026-13-01", "999999w", "-1.5h", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(BadArgument, match="ISO 8601"):
        moment_of(text, "from_datetime", FLAT)


def test_a_missing_start_is_a_day_before_the_end() -> None:
    window = window_of(None, "2026-11-20", NOW)
    assert (window.start, window.end) == (datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
    assert not window.default
    assert window_of(None, None, NOW).default


def test_45_days_are_taken_and_a_second_more_is_not() -> None:
    assert window_of("-45d", None, NOW).length == timedelta(days=45)
    with pytest.raises(BadArgument, match="45 at most"):
        window_of("2026-10-09T15:30:11Z", None, NOW)


def test_equal_questions_are_equal_while_now_moves_and_others_are_not() -> None:
    later = NOW + timedelta(seconds=30)
    assert window_of("-24h", None, NOW).ends == window_of("-24h", "now", later).ends
    assert window_of("2026-11-20", None, NOW).ends == window_of("2026-11-20T00:00:00Z", None, later).ends
    assert window_of("-24h", None, NOW).ends != window_of("-23h", None, NOW).ends
    assert window_of("2026-11-20", "2026-11-21", NOW).ends != window_of("2026-11-20", None, NOW).ends


@given(st.text(max_size=40))
def test_no_text_is_read_as_anything_but_an_aware_utc_time(text: str) -> None:
    with suppress(BadArgument):
        assert moment_of(text, "from_datetime", FLAT).utcoffset() == timedelta(0)
