"""Five-field cron schedules, as POSIX, GitHub, GitLab and Argo read them.

https://pubs.opengroup.org/onlinepubs/9699919799/utilities/crontab.html
https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#schedule
https://pkg.go.dev/github.com/robfig/cron/v3 (Argo)
"""

from __future__ import annotations

import re
from itertools import pairwise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_ITEM = re.compile(r"(?:\*|([0-9A-Za-z]{1,3})(?:-([0-9A-Za-z]{1,3}))?)(?:/([0-9]{1,3}))?")
_NAME = re.compile("[A-Za-z]{3,}")
_BACKWARDS = re.compile(r"([0-9]{1,3})-([0-9]{1,3})(?![/0-9])")
_DAY_MINUTES = 24 * 60

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class CronError(ValueError):
    """Text that is no schedule. `field` is the field's name where one is to blame, `accepted` what it takes,
    `suggestion` a whole schedule that was probably meant, or None."""

    def __init__(
        self, message: str, field: str | None = None, accepted: str = "", suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.field = field
        self.accepted = accepted
        self.suggestion = suggestion


class Field:
    """What one of the five fields may hold."""

    __slots__ = ("accepted", "high", "low", "name", "names")

    def __init__(self, name: str, low: int, high: int, accepted: str, names: tuple[str, ...] = ()) -> None:
        self.name = name
        self.low = low
        self.high = high
        self.accepted = accepted
        self.names = {name: number for number, name in enumerate(names, low)}


FIELDS = (
    Field("minute", 0, 59, "0-59"),
    Field("hour", 0, 23, "0-23"),
    Field("day of month", 1, 31, "1-31"),
    Field("month", 1, 12, "1-12 or JAN-DEC", _MONTH_NAMES),
    Field("day of week", 0, 6, "0-7 or SUN-SAT", _WEEKDAY_NAMES),
)
_WEEKDAY = FIELDS[4]


class Cron:
    """A schedule: the values of each field in order, Sunday as 0.

    `any_day` and `any_weekday` tell a star from a list of every value, which POSIX does not read alike.
    """

    __slots__ = ("any_day", "any_weekday", "days", "hours", "minutes", "months", "weekdays")

    def __init__(
        self,
        minutes: tuple[int, ...],
        hours: tuple[int, ...],
        days: tuple[int, ...],
        months: tuple[int, ...],
        weekdays: tuple[int, ...],
        any_day: bool,
        any_weekday: bool,
    ) -> None:
        self.minutes = minutes
        self.hours = hours
        self.days = days
        self.months = months
        self.weekdays = weekdays
        self.any_day = any_day
        self.any_weekday = any_weekday

    @property
    def both_days(self) -> bool:
        """Day of month and day of week are both restricted: cron then runs on either, not only where both match."""
        return not (self.any_day or self.any_weekday)

    @property
    def never(self) -> bool:
        """No date matches, as on 30 February."""
        return self.any_weekday and all(self.days[0] > _LONGEST_MONTHS[month - 1] for month in self.months)

    def runs_on(self, day: date) -> bool:
        """Whether the schedule has runs on this date."""
        in_month = day.day in self.days
        in_week = day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and ((in_month or in_week) if self.both_days else (in_month and in_week))

    def _all(self) -> tuple[object, ...]:
        return (self.minutes, self.hours, self.days, self.months, self.weekdays, self.any_day, self.any_weekday)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cron) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"Cron({text(self)})"


def parse(text: str) -> Cron:
    """A schedule from its five fields. Raises CronError."""
    words = text.split()
    if text.lstrip().startswith("@"):
        meant = _ALIASES.get(text.strip().lower())
        raise CronError(f'"{text}" is not a schedule of five fields such as 0 4 * * MON', suggestion=meant)
    if len(words) != len(FIELDS):
        # Quartz counts seconds in a field of their own, in front.
        quartz = _meant(words[1:]) if len(words) == len(FIELDS) + 1 and words[0] == "0" else None
        names = ", ".join(field.name for field in FIELDS)
        raise CronError(f'"{text}" has {len(words)} fields, a schedule has five: {names}', suggestion=quartz)
    try:
        return _read(words)
    except CronError as error:
        error.suggestion = _meant(words)
        raise


def text(cron: Cron) -> str:
    """Five fields that GitHub, GitLab and Argo read alike: numbers only, Sunday as 0; `parse` reads them back."""
    # Some crons take "*/2" for a star when they look for restricted days, so with both it is written as a range.
    days = _spell(cron.days, FIELDS[2], cron.any_day, stars=not cron.both_days)
    weekdays = _spell(cron.weekdays, _WEEKDAY, cron.any_weekday, stars=not cron.both_days)
    minutes, hours, months = (
        _spell(values, field, any_value=True, stars=True)
        for values, field in ((cron.minutes, FIELDS[0]), (cron.hours, FIELDS[1]), (cron.months, FIELDS[3]))
    )
    return f"{minutes} {hours} {days} {months} {weekdays}"


def shortest_interval_minutes(cron: Cron) -> int | None:
    """Minutes between the two runs that are closest; None for a schedule that never runs.

    GitHub starts scheduled runs five minutes apart at best.
    """
    if cron.never:
        return None
    times = _times(cron)
    overnight = _DAY_MINUTES - times[-1] + times[0]
    within = min((later - earlier for earlier, later in pairwise(times)), default=None)
    if within is not None and within <= overnight:
        return within
    between_days = overnight + (_closest_days(cron) - 1) * _DAY_MINUTES
    return between_days if within is None else min(within, between_days)


def _times(cron: Cron) -> list[int]:
    return [hour * 60 + minute for hour in cron.hours for minute in cron.minutes]


def _closest_days(cron: Cron) -> int:
    """Days between the two dates that are closest; 28 years hold every calendar and every pair of them."""
    from datetime import date

    shortest, last = 28 * 366, 0
    for number in range(date(2001, 1, 1).toordinal(), date(2029, 12, 31).toordinal()):
        if cron.runs_on(date.fromordinal(number)):
            shortest = min(shortest, number - last) if last else shortest
            last = number
            if shortest == 1:
                break
    return shortest


def _read(words: list[str]) -> Cron:
    minutes, hours, days, months, weekdays = map(_values, words, FIELDS)
    return Cron(minutes, hours, days, months, weekdays, _is_any(words[2]), _is_any(words[4]))


def _is_any(word: str) -> bool:
    return any(item in ("*", "*/1") for item in word.split(","))


def _values(word: str, field: Field) -> tuple[int, ...]:
    found: set[int] = set()
    for item in word.split(","):
        found.update(_item(item, field))
    return tuple(sorted({0 if value > field.high else value for value in found}))


def _item(item: str, field: Field) -> range:
    """The values of `*`, `n`, `a-b` and each of them with a step; Sunday may come out as 7."""
    found = _ITEM.fullmatch(item)
    if found is None:
        raise CronError(f'{field.name} "{item}" is not one of {field.accepted}', field.name, field.accepted)
    first, last, step = found.groups()
    if step is not None and int(step) == 0:
        raise CronError(f'{field.name} "{item}" has a step of 0, a step is 1 or more', field.name, field.accepted)
    start = _number(first, field) if first else field.low
    if last is None:
        start = 0 if start > field.high else start
        return range(start, (start if first and not step else field.high) + 1, int(step or 1))
    # "FRI-SUN" means the Sunday that ends the week.
    end = _number(last, field) or (7 if field is _WEEKDAY and start else 0)
    if end < start:
        raise CronError(f'{field.name} "{item}" runs backwards', field.name, field.accepted)
    return range(start, end + 1, int(step or 1))


def _number(name: str, field: Field) -> int:
    number = field.names.get(name.upper(), -1)
    if number < 0 and name.isdigit():
        number = int(name)
    if not field.low <= number <= field.high and not (field is _WEEKDAY and number == 7):
        raise CronError(f'{field.name} "{name}" is not one of {field.accepted}', field.name, field.accepted)
    return number


def _spell(values: tuple[int, ...], field: Field, any_value: bool, stars: bool) -> str:
    """One field: a star, a step over a range, or a list of values and ranges."""
    first, last = values[0], values[-1]
    if len(values) == field.high - field.low + 1:
        return "*" if any_value else f"{first}-{last}"
    step = values[1] - first if len(values) > 2 else 1
    if step > 1 and values == tuple(range(first, last + 1, step)):
        to_the_end = last + step > field.high
        if stars and to_the_end and first == field.low:
            return f"*/{step}"
        return f"{first}-{field.high if to_the_end else last}/{step}"
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def _meant(words: list[str]) -> str | None:
    """The schedule behind a common slip: `?` for a star, a name in full, a range across the week's or day's end."""
    return _checked([_repaired(word, field) for word, field in zip(words, FIELDS, strict=True)])


def _repaired(word: str, field: Field) -> str:
    def number(name: re.Match[str]) -> str:
        return str(field.names.get(name[0][:3].upper(), name[0]))

    def forwards(ends: re.Match[str]) -> str:
        first, last = ends.groups()
        return f"{first}-{field.high},{field.low}-{last}" if int(first) > int(last) else ends[0]

    return _BACKWARDS.sub(forwards, _NAME.sub(number, word.replace("?", "*")))


def _checked(words: list[str]) -> str | None:
    """The schedule of these fields as canonical text, or None where they are none."""
    try:
        return text(_read(words))
    except CronError:
        return None
