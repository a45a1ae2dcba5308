from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import duration
from compiler.duration import LONGEST, DurationError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("30s", 30),
        ("90m", 5400),
        ("4h", 14400),
        ("4h30m", 16200),
        ("1h 30m", 5400),
        ("1d", 86400),
        ("30d", 2592000),
        ("1w", 604800),
        ("1w 2d 3h 4m 5s", 788645),
        ("1w5s", 604805),
        ("2147483647s", LONGEST),
    ],
)
def test_reads_units_from_the_largest(text: str, seconds: int) -> None:
    assert duration.parse(text) == seconds


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30", "30s"),
        ("3600", "1h"),
        ("90 minutes", "1h30m"),
        ("1 hour and 5 mins", "1h5m"),
        ("2 days, 3 hours", "2d3h"),
        ("1 week", "7d"),
        ("4H30M", "4h30m"),
        ("1.5h", "1h30m"),
        ("0.5 days", "12h"),
        ("30m4h", "4h30m"),
        ("1h1h", "2h"),
        (" 3h", "3h"),
        ("3h ", "3h"),
        ("1h  30m", "1h30m"),
        ("4h\n", "4h"),
        ("", None),
        ("h", None),
        ("1.0001s", None),
        ("1.3s", None),
        ("1 month", None),
        ("-3h", None),
        ("1e3s", None),
        ("\u0661h", None),
        ("forever", None),
        ("99999999999s", None),
        ("4000w 40000w", None),
    ],
)
def test_refuses_what_is_no_duration(text: str, meant: str | None) -> None:
    with pytest.raises(DurationError) as refused:
        duration.parse(text)
    assert str(refused.value) == f'"{text}" is not a duration such as 30s, 90m, 4h30m or 7d'
    assert refused.value.suggestion == meant
    if meant is not None:
        duration.parse(meant)


def test_refuses_a_duration_beyond_32_bits() -> None:
    with pytest.raises(DurationError, match='"2147483648s" is too long, a duration is at most 24855d'):
        duration.parse("2147483648s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (90, "1m30s"), (16200, "4h30m"), (86400, "1d"), (2592000, "30d"), (3601, "1h1s")],
)
def test_writes_days_to_seconds(seconds: int, text: str) -> None:
    assert duration.text(seconds) == text


@given(st.integers(0, LONGEST))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert duration.parse(duration.text(seconds)) == seconds


@pytest.mark.parametrize("seconds", [-1, LONGEST + 1])
def test_writes_no_duration_out_of_range(seconds: int) -> None:
    with pytest.raises(ValueError, match="out of a duration's range"):
        duration.text(seconds)
