"""Environments: names become what they name, Python gets its image, and what is built becomes a job.

A built environment NAME becomes the job `build-NAME` before its users; if nobody uses it, after all others, and only
when it is published. Change requests build without pushing, so a job that would run in that image is skipped there.
"""

from __future__ import annotations

from compiler import codes, images
from compiler.ir import (
    NOTHING,
    And,
    BuildImage,
    Compare,
    Environment,
    Job,
    Need,
    Not,
    Project,
    Ref,
)
from compiler.passes.context import Context, over_groups

NOT_A_CHANGE_REQUEST = Not(term=Compare(subject="event", operator="==", values=("change_request",)))


def build_name(environment: str) -> str:
    return f"build-{environment}"


def resolve_environments(project: Project, context: Context) -> Project:
    known = {environment.name: environment for environment in project.environments if environment.name}
    project = over_groups(project, lambda jobs: _resolved(jobs, known, context))
    unused = [environment for name, environment in known.items() if not _has_build(project, name)]
    published = tuple(_build_job(environment) for environment in unused if environment.build and environment.publish)
    for environment in unused:
        if environment.build and not environment.publish:
            message = f'no job runs in "{environment.name}" and it is not published, so it is not built'
            context.sink.report(codes.UNUSED, message, environment.origin)
    return project.replace(jobs=(*project.jobs, *published)) if published else project


def _has_build(project: Project, name: str) -> bool:
    wanted = build_name(name)
    groups = (project.jobs, *(pipeline.jobs for pipeline in project.pipelines))
    return any(job.name == wanted for jobs in groups for job in jobs)


def _resolved(jobs: tuple[Job, ...], known: dict[str, Environment], context: Context) -> tuple[Job, ...]:
    taken = {job.name for job in jobs}
    builds: dict[str, Job] = {}
    resolved = []
    for job in jobs:
        named = job.environment
        if isinstance(named, str):
            environment = known.get(named)
            if environment is None:
                context.unknown(
                    codes.UNKNOWN_ENVIRONMENT,
                    "an environment of this manifest",
                    named,
                    known,
                    job.origin,
                    "environment",
                )
                resolved.append(job.replace(environment=None))
                continue
            job = job.replace(environment=environment)
        resolved.append(_with_image(job, taken, builds, context))
    return (*resolved, *builds.values())


def _with_image(job: Job, taken: set[str], builds: dict[str, Job], context: Context) -> Job:
    environment = job.environment
    assert not isinstance(environment, str)
    if environment is None:
        return job
    if environment.build is not None:
        return _in_built_image(job, environment, taken, builds, context)
    if environment.image is None and (environment.python or environment.installer):
        version = environment.python or images.DEFAULT_PYTHON
        image = images.python_image(version, environment.installer)
        environment = environment.replace(python=version, image=(image,))
    return job.replace(environment=environment)


def _in_built_image(
    job: Job, environment: Environment, taken: set[str], builds: dict[str, Job], context: Context
) -> Job:
    name = environment.name or job.name
    build = build_name(name)
    if build not in taken and build not in builds:
        builds[build] = _build_job(environment.replace(name=name))
    context.sink.report(
        codes.SKIPPED_NEED,
        f'"{job.name}" does not run on change requests: they build its image without pushing it',
        job.origin,
    )
    condition = NOT_A_CHANGE_REQUEST
    return job.replace(
        environment=environment.replace(name=name, image=(Ref(kind="images", name=name),)),
        needs=(*job.needs, Need(job=build, artifacts=False, origin=job.origin)),
        condition=condition if job.condition is None else And(terms=(job.condition, condition)),
    )


def _build_job(environment: Environment) -> Job:
    assert environment.build is not None
    assert environment.name is not None
    action = BuildImage(build=environment.build, publish=environment.publish, environment=environment.name)
    return Job(name=build_name(environment.name), action=action, origin=environment.origin)


def place_unused_builds(project: Project, context: Context) -> Project:
    """An image that is only published is built after all other jobs that nobody waits for."""

    def place(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        needed = {need.job for job in jobs for need in job.needs}
        last = [job.name for job in jobs if job.name not in needed and not isinstance(job.action, BuildImage)]
        return tuple(_after(job, last) if _is_loose_build(job, needed) else job for job in jobs)

    del context  # nothing to report
    return over_groups(project, place)


def _is_loose_build(job: Job, needed: set[str]) -> bool:
    return isinstance(job.action, BuildImage) and job.name not in needed and job.needs is NOTHING


def _after(job: Job, last: list[str]) -> Job:
    return job.replace(needs=tuple(Need(job=name, origin=job.origin) for name in last))
