"""Jobs that are alike in all but their names, needs, variables and commands, as most jobs of a large manifest are.

What depends on nothing else (features, runner, container, limits) is worked out for one of them and holds for all.
"""

from __future__ import annotations

from operator import attrgetter

from compiler.ir import Accelerator, Amounts, Environment, Exec, Job, Resources, Script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

_OWN = ("name", "needs", "env", "action")  # in which jobs that are alike may differ
_COMPARED = ("condition", "environment", "platform", "resources", "run_on", "shell", "timeout", "working_directory")
_REST = tuple(field for field in Job.field_names if field not in (*_OWN, *_COMPARED))
_rest_of = attrgetter(*_REST)
_NOTHING_SAID = tuple(Job.field_defaults[field] for field in _REST)
_compared_of = attrgetter(*_COMPARED)
_content_of_environment = attrgetter(*Environment.field_names)
_content_of_resources = attrgetter(*Resources.field_names)
_content_of_amounts = attrgetter(*Amounts.field_names)
_content_of_accelerator = attrgetter(*Accelerator.field_names)


def likeness(job: Job) -> Hashable | None:
    """What a job that runs commands has in common with those that are alike; None for one that is treated by itself.

    It may hold the identity of nodes of the job, so that it counts as long as the job is there.
    """
    action = job.action
    if not isinstance(action, (Exec, Script)) or _rest_of(job) != _NOTHING_SAID:
        return None
    condition, environment, platform, resources, *more = _compared_of(job)
    return (
        action.shell if isinstance(action, Script) else Exec,
        id(condition),
        _content_of_environment(environment) if type(environment) is Environment else environment,
        platform,
        None if resources is None else _resources(resources),
        *more,
    )


_last: tuple[tuple[Job, ...], list[int | None]] | None = (
    None  # the jobs that were asked for last, which several ask for
)


def likenesses(jobs: tuple[Job, ...]) -> list[int | None]:
    """For each job a number that those have in common that are alike."""
    global _last
    if _last is None or _last[0] is not jobs:
        numbers: dict[Hashable, int] = {}
        number = numbers.setdefault
        found = ((likeness(job), len(numbers)) for job in jobs)
        _last = jobs, [None if alike is None else number(alike, fresh) for alike, fresh in found]
    return _last[1]


def _resources(resources: Resources) -> Hashable:
    request, limit, shm, accelerator, spot, runner = _content_of_resources(resources)
    return (
        None if request is None else _content_of_amounts(request),
        None if limit is None else _content_of_amounts(limit),
        shm,
        None if accelerator is None else _content_of_accelerator(accelerator),
        spot,
        runner,
    )
