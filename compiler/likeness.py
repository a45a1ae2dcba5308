"""Jobs that are alike in all but their names, needs, variables and commands, as most jobs of a large manifest are.

What depends on nothing else (features, runner, container, limits) is worked out for one of them and holds for all.
"""

from __future__ import annotations

from compiler.ir import Accelerator, Amounts, Environment, Exec, Job, Resources, Script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

# Each of these gives some fields of a node, all of them together; a test holds that to the classes. An attribute that is
# written out is many times as fast as one by name, and each is asked of every job.


def _said_of(job: Job) -> tuple[object, ...]:
    return (
        job.extends,
        job.secrets,
        job.identity,
        job.permissions,
        job.volumes,
        job.inputs,
        job.outputs,
        job.datasets,
        job.cache,
        job.matrix,
        job.retry,
        job.resume,
        job.allow_failure,
        job.approval,
        job.lock,
        job.sidecars,
        job.objectives,
        job.nodes,
    )


_NOTHING_SAID = _said_of(Job(name=""))


def _content_of_environment(environment: Environment) -> tuple[object, ...]:
    return (
        environment.name,
        environment.image,
        environment.python,
        environment.installer,
        environment.file,
        environment.groups,
        environment.extras,
        environment.apt,
        environment.prelude,
        environment.setup,
        environment.working_directory,
        environment.build,
        environment.publish,
        environment.prebuild,
        environment.base,
        environment.credentials,
        environment.platform,
    )


def _content_of_amounts(amounts: Amounts) -> tuple[object, ...]:
    return (
        amounts.cpu,
        amounts.memory,
        amounts.storage,
    )


def _content_of_accelerator(accelerator: Accelerator) -> tuple[object, ...]:
    return (
        accelerator.count,
        accelerator.vendor,
        accelerator.kind,
        accelerator.memory,
    )


def likeness(job: Job) -> Hashable | None:
    """What a job that runs commands has in common with those that are alike; None for one that is treated by itself.

    It may hold the identity of nodes of the job, so that it counts as long as the job is there.
    """
    action = job.action
    if not isinstance(action, (Exec, Script)) or _said_of(job) != _NOTHING_SAID:
        return None
    environment, resources = job.environment, job.resources
    return (
        action.shell if isinstance(action, Script) else Exec,
        id(job.condition),
        _content_of_environment(environment) if type(environment) is Environment else environment,
        job.platform,
        None if resources is None else _resources(resources),
        job.run_on,
        job.shell,
        job.timeout,
        job.working_directory,
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
    request, limit, accelerator = resources.request, resources.limit, resources.accelerator
    return (
        None if request is None else _content_of_amounts(request),
        None if limit is None else _content_of_amounts(limit),
        resources.shm,
        None if accelerator is None else _content_of_accelerator(accelerator),
        resources.spot,
        resources.runner,
    )
