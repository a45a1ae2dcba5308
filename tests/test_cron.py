from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from compiler import cron
from compiler.cron import FIELDS, Cron, CronError


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("* * * * *", "* * * * *"),
        ("*/1 * * * *", "* * * * *"),
        ("0-59 * * * *", "* * * * *"),
        ("0 4 * * MON", "0 4 * * 1"),
        ("0 4 * * mon-fri", "0 4 * * 1-5"),
        ("0 4 * * 7", "0 4 * * 0"),
        ("0 4 * * 5-7", "0 4 * * 0,5,6"),
        ("0 4 * * FRI-SUN", "0 4 * * 0,5,6"),
        ("0 4 * * SUN-TUE", "0 4 * * 0-2"),
        ("0 4 * * 0-7", "0 4 * * 0-6"),
        ("0 4 * * 7/2", "0 4 * * */2"),
        ("0 4 1 JAN,jul *", "0 4 1 1,7 *"),
        ("*/15 * * * *", "*/15 * * * *"),
        ("5/15 * * * *", "5-59/15 * * * *"),
        ("0-30/10 * * * *", "0-30/10 * * * *"),
        ("0,30 * * * *", "0,30 * * * *"),
        ("30,0,30 * * * *", "0,30 * * * *"),
        ("1,2,3,7,8 * * * *", "1-3,7,8 * * * *"),
        ("*/40 * * * *", "0,40 * * * *"),
        ("0 0 */10 * *", "0 0 */10 * *"),
        ("  0   0 *\t* * ", "0 0 * * *"),
        ("0 0 *,5 * 2", "0 0 * * 2"),
        # With both days restricted nothing may look like a star, since crons differ on "*/2" there.
        ("0 0 */10 * 1", "0 0 1-31/10 * 1"),
        ("0 0 1 * */2", "0 0 1 * 0-6/2"),
        ("0 0 1-31 * 1", "0 0 1-31 * 1"),
    ],
)
def test_writes_one_spelling_that_is_read_back(given_text: str, canonical: str) -> None:
    schedule = cron.parse(given_text)
    assert cron.text(schedule) == canonical
    assert cron.parse(canonical) == schedule
    assert hash(cron.parse(canonical)) == hash(schedule)


@pytest.mark.parametrize(
    ("text", "message", "field", "meant"),
    [
        ("60 * * * *", 'minute "60" is not one of 0-59', "minute", None),
        ("* 24 * * *", 'hour "24" is not one of 0-23', "hour", None),
        ("* * 0 * *", 'day of month "0" is not one of 1-31', "day of month", None),
        ("* * * 13 *", 'month "13" is not one of 1-12 or JAN-DEC', "month", None),
        ("* * * * 8", 'day of week "8" is not one of 0-7 or SUN-SAT', "day of week", None),
        ("* * * MON *", 'month "MON" is not one of 1-12 or JAN-DEC', "month", None),
        ("0-60 * * * *", 'minute "60" is not one of 0-59', "minute", None),
        ("1,,2 * * * *", 'minute "" is not one of 0-59', "minute", None),
        ("*/x * * * *", 'minute "*/x" is not one of 0-59', "minute", None),
        ("-1 * * * *", 'minute "-1" is not one of 0-59', "minute", None),
        ("\u0661 * * * *", 'minute "\u0661" is not one of 0-59', "minute", None),
        ("*/0 * * * *", 'minute "*/0" has a step of 0, a step is 1 or more', "minute", None),
        ("0 22-2 * * *", 'hour "22-2" runs backwards', "hour", "0 0-2,22,23 * * *"),
        ("0 0 * * FRI-MON", 'day of week "FRI-MON" runs backwards', "day of week", "0 0 * * 0,1,5,6"),
        ("0 0 * NOV-FEB *", 'month "NOV-FEB" runs backwards', "month", "0 0 * 1,2,11,12 *"),
        ("0 0 * * MONDAY", 'day of week "MONDAY" is not one of 0-7 or SUN-SAT', "day of week", "0 0 * * 1"),
        ("0 0 ? * MON", 'day of month "?" is not one of 1-31', "day of month", "0 0 * * 1"),
        ("0 0 L * *", 'day of month "L" is not one of 1-31', "day of month", None),
        ("0 0 * * 5#2", 'day of week "5#2" is not one of 0-7 or SUN-SAT', "day of week", None),
        ("H 0 * * *", 'minute "H" is not one of 0-59', "minute", None),
    ],
)
def test_names_the_field_that_is_to_blame(text: str, message: str, field: str, meant: str | None) -> None:
    with pytest.raises(CronError) as refused:
        cron.parse(text)
    assert str(refused.value) == message
    assert refused.value.field == field
    assert refused.value.accepted == next(one.accepted for one in FIELDS if one.name == field)
    assert refused.value.suggestion == meant


@pytest.mark.parametrize(
    ("alias", "meant"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@Daily", "0 0 * * *"),
        (" @hourly ", "0 * * * *"),
        ("@reboot", None),
        ("@every 5m", None),
    ],
)
def test_asks_for_fields_in_place_of_an_alias(alias: str, meant: str | None) -> None:
    with pytest.raises(CronError) as refused:
        cron.parse(alias)
    assert "is not a schedule of five fields" in str(refused.value)
    assert (refused.value.field, refused.value.suggestion) == (None, meant)


@pytest.mark.parametrize(
    ("text", "count", "meant"),
    [
        ("", 0, None),
        ("* * * *", 4, None),
        ("0 0 4 * * ?", 6, "0 4 * * *"),
        ("30 0 4 * * *", 6, None),
        ("0 0 4 * * ? 2030", 7, None),
    ],
)
def test_counts_fields(text: str, count: int, meant: str | None) -> None:
    with pytest.raises(CronError) as refused:
        cron.parse(text)
    assert (
        str(refused.value)
        == f'"{text}" has {count} fields, a schedule has five: minute, hour, day of month, month, day of week'
    )
    assert refused.value.suggestion == meant


@pytest.mark.parametrize(
    ("text", "both"),
    [("0 0 1 * 1", True), ("0 0 */2 * 1", True), ("0 0 * * 1", False), ("0 0 1 * *", False), ("0 0 */1 * 1", False)],
)
def test_tells_both_days_restricted(text: str, both: bool) -> None:
    assert cron.parse(text).both_days is both


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("0 0 30 2 *", True),
        ("0 0 31 2,4,6,9,11 *", True),
        ("0 0 29 2 *", False),
        ("0 0 31 2,3 *", False),
        ("0 0 30 2 MON", False),
    ],
)
def test_tells_a_schedule_that_never_runs(text: str, never: bool) -> None:
    schedule = cron.parse(text)
    assert schedule.never is never
    assert (cron.shortest_interval_minutes(schedule) is None) is never


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("* * * * *", 1),
        ("*/5 * * * *", 5),
        ("0,58 * * * *", 2),
        ("0 * * * *", 60),
        ("0 4 * * *", 1440),
        ("0 0,23 * * *", 60),
        ("0 0,23 1 * *", 23 * 60),
        ("0 0,23 1,2 * *", 60),
        ("0 0 * * MON", 10080),
        ("0 0 * * MON,THU", 3 * 1440),
        ("0 0 1 * *", 28 * 1440),
        ("0 0 31 * *", 31 * 1440),
        ("0 0 1 1 *", 365 * 1440),
        ("0 0 29 2 *", 1461 * 1440),
        ("0 0 1 * MON", 1440),
        ("0 0 * 1,3 MON", 7 * 1440),
    ],
)
def test_finds_the_shortest_interval(text: str, minutes: int) -> None:
    assert cron.shortest_interval_minutes(cron.parse(text)) == minutes


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    def item() -> str:
        first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
        base = draw(st.sampled_from(["*", f"{first}", f"{first}-{last}"]))
        return base + draw(st.sampled_from(["", "", "/1", "/2", "/7", "/40"]))

    return ",".join(item() for _ in range(draw(st.integers(1, 3))))


schedules = st.tuples(*(fields(field.low, field.high) for field in FIELDS)).map(" ".join).map(cron.parse)


@given(schedules)
def test_every_schedule_is_read_back(schedule: Cron) -> None:
    again = cron.parse(cron.text(schedule))
    assert cron.text(again) == cron.text(schedule)
    # A list of every value is a star unless the other day is restricted: only there they differ.
    assert (again.days, again.weekdays, again.both_days) == (schedule.days, schedule.weekdays, schedule.both_days)


def runs_after(schedule: Cron, day: date) -> Iterator[datetime]:
    """Every run from a day on, by looking at each."""
    while True:
        if schedule.runs_on(day):
            yield from (datetime(day.year, day.month, day.day, h, m) for h in schedule.hours for m in schedule.minutes)
        day += timedelta(days=1)


@settings(max_examples=40, deadline=None)
@given(schedules, st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_no_two_runs_are_closer_than_the_shortest_interval(schedule: Cron, day: date) -> None:
    assume(not schedule.never)
    shortest = cron.shortest_interval_minutes(schedule)
    assert shortest is not None
    runs = list(islice(runs_after(schedule, day), 20))
    assert all((later - earlier) / timedelta(minutes=1) >= shortest for earlier, later in pairwise(runs))
