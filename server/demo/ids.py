"""Make identifiers that look like the real ones from numbers that can be repeated.

Everything here is arithmetic on integers: the same world must come out in any process, whatever its hash seed.
"""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_WORD = (1 << 64) - 1
_VERSION_7 = 0x7000
_VARIANT = 1 << 63
_FREE = (1 << 62) - 1


def mix(number: int) -> int:
    """Spread a number over 64 bits, so that neighbours share nothing."""
    # The finaliser of splitmix64: three multiplications are enough, and a random.Random per row would cost 10 us.
    z = (number + 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)


def uuid7(microseconds: int, bits: int) -> str:
    """Build a UUIDv7 whose text sorts as its time does, down to a quarter of a microsecond."""
    milliseconds, rest = divmod(microseconds, 1000)
    # RFC 9562 lets the 12 bits after the version carry the fraction of the millisecond.
    fraction = _VERSION_7 | rest * 4096 // 1000
    text = f"{milliseconds << 80 | fraction << 64 | _VARIANT | bits & _FREE:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def from_datetime(moment: datetime) -> int:
    """Count the microseconds since 1970 without the rounding of a float."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def to_datetime(microseconds: int) -> datetime:
    """Turn a count of microseconds back into an aware time."""
    return EPOCH + timedelta(0, 0, microseconds)
