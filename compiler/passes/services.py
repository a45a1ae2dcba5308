"""Services: built, smoke-tested and deployed by jobs that are generated: build-ENVIRONMENT, smoke-NAME, deploy-NAME."""

from __future__ import annotations

from compiler import codes
from compiler.ir import Job, Project
from compiler.passes.context import Context, labels
from compiler.passes.environments import builders


def lower_services(project: Project, context: Context) -> Project:
    from compiler.passes.serving import Lowering

    environments = {environment.name or "": environment for environment in project.environments}
    built_by = builders(project.jobs)
    jobs = list(project.jobs)
    rendered = list(project.rendered)
    for service in project.services:
        lowering = Lowering(service, project, context)
        lowering.resolve(environments, built_by)
        for job in lowering.jobs():
            _check_name(job, jobs, context)
            jobs.append(job)
        rendered.extend(lowering.rendered)
    return project.replace(jobs=tuple(jobs), rendered=tuple(rendered) or project.rendered)


def _check_name(job: Job, jobs: list[Job], context: Context) -> None:
    for other in jobs:
        if other.name == job.name:
            message = f'"{job.name}" is a job that the service makes'
            context.sink.report(
                codes.DUPLICATE_NAME, message, other.origin, labels=labels((job.origin, "this service makes it"))
            )
