"""`triggers.schedule`: five fields of cron in UTC, read by nbari/cron-parser 0.8."""

from __future__ import annotations

from compiler import codes
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config
from compiler.ir import OnManual, OnSchedule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.ir import Trigger


def triggers_of(schedule: config.Schedule | None, project: config.ProjectConfig, sink: Sink) -> tuple[Trigger, ...]:
    """What starts a task: a person, and its schedule unless the project switches triggers off."""
    if schedule is None:
        return (OnManual(),)
    cron = _cron(schedule, sink)
    if cron is None or project.triggers is False:
        return (OnManual(),)
    return (OnSchedule(cron=cron, origin=schedule.origin), OnManual())


def _cron(schedule: config.Schedule, sink: Sink) -> str | None:
    """The schedule in its one spelling; None for what is none, which is reported."""
    from compiler import cron

    try:
        found = cron.parse(schedule.cron)
    except cron.CronError as error:
        sink.report(codes.BAD_CRON, str(error), schedule.origin, suggestion=error.suggestion)
        return None
    if found.never:
        message = f'"{schedule.cron}" never comes: no month has that day'
        sink.report(codes.BAD_CRON, message, schedule.origin)
        return None
    if found.both_days:
        message = "day of month and day of week are both set: it runs on every day that is either"
        advice = "AME runs it where both match: set one of the two to * and let the command look at the day"
        sink.report(codes.CRON_BOTH_DAYS, message, schedule.origin, field="cron", help=advice)
    unread = _unread(schedule.cron)
    if unread is not None:
        message = f'AME can\'t read "{unread}" in a schedule, and never runs the task'
        sink.report(ame.LOST_TRIGGER, message, schedule.origin, notes=("headrace runs it",))
    return cron.text(found)


def _unread(text: str) -> str | None:
    """The first part of a schedule that AME's parser does not take: steps of a range, names of months, Sunday as 7."""
    for number, field in enumerate(text.split()):
        for part in field.split(","):
            begin, slash, _ = part.partition("/")
            if (slash and begin != "*") or (number == 3 and any(c.isalpha() for c in part)):
                return part
            if number == 4 and "7" in begin.split("-"):
                return part
    return None
