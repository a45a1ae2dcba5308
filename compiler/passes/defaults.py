"""What the manifest left open and every target needs: time limits, folders, variables, sizes."""

from __future__ import annotations

from compiler import codes
from compiler.ir import NOTHING, BuildImage, Environment, EnvVar, Job, Need, Project, Retry
from compiler.passes.context import Context, over_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_SECONDS = 3600


def fill_defaults(project: Project, context: Context) -> Project:
    def change(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        filling = Filling(len(jobs))
        return tuple([_filled(job, project, context, filling) for job in jobs])

    return over_groups(project, change)


class Filling:
    """How the fields of so many jobs, and of their needs, are filled."""

    def __init__(self, count: int) -> None:
        self.job: Callable[..., Job] = Job.replacing(
            count, "timeout", "run_on", "working_directory", "environment", "retry", "needs"
        )
        self.need: Callable[..., Need] = Need.replacing(count, "artifacts", "optional", "legs")


def _filled(job: Job, project: Project, context: Context, filling: Filling) -> Job:
    accelerated = job.resources is not None and job.resources.accelerator is not None
    if job.timeout is None and accelerated:
        context.sink.report(
            codes.GPU_WITHOUT_TIMEOUT,
            f'"{job.name}" asks for a GPU without a timeout: it is ended after one hour',
            job.origin,
            help="say `timeout`, such as 4h30m",
        )
    if job.cache is not None and job.cache.enabled and all(given.dataset is not None for given in job.inputs):
        context.sink.report(
            codes.CACHE_KEY_FILES,
            f'"{job.name}" says no inputs: every tracked file below the manifest\'s folder counts for its cache key',
            job.origin,
            help="say `inputs`, and it is skipped while those stay the same",
        )
    environment = job.environment
    if project.folder and isinstance(environment, Environment) and environment.working_directory is None:
        environment = environment.replace(working_directory=project.folder)
    folder = job.working_directory if job.working_directory is not None else project.folder or None
    return filling.job(
        _with_build_secrets(job),
        job.timeout if job.timeout is not None else TIMEOUT_SECONDS,
        job.run_on or "success",
        folder,
        environment,
        _retry(job.retry),
        _needs(job, filling),
    )


def _with_build_secrets(job: Job) -> Job:
    """A build takes the secrets of its job as build secrets."""
    action = job.action
    if not isinstance(action, BuildImage) or not job.secrets:
        return job
    build = action.build.replace(secrets=(*action.build.secrets, *job.secrets))
    return job.replace(action=action.replace(build=build), secrets=NOTHING)


def _needs(job: Job, filling: Filling) -> tuple[Need, ...]:
    """A build that says nothing keeps that: its place is found where its pipeline is known."""
    if job.needs is NOTHING and isinstance(job.action, BuildImage):
        return NOTHING
    fill = filling.need
    return tuple(
        [fill(need, need.artifacts is not False, bool(need.optional), need.legs or "all") for need in job.needs]
    )


def united(*layers: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
    """Variables of several layers, the last one winning, each at the place where it was first said."""
    found: dict[str, EnvVar] = {}
    for layer in layers:
        for variable in layer:
            found[variable.name] = variable
    return tuple(found.values())


def _retry(retry: Retry | None) -> Retry | None:
    return None if retry is None or retry.max == 0 else retry
