"""Values reach jobs as variables named HEADRACE_…: no two of them may have one name, and nobody else's may be theirs."""

from __future__ import annotations

from compiler import codes
from compiler.ir import EnvVar, Job, Project
from compiler.matrix import axes
from compiler.passes.context import Context, over_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.source import Origin

RESERVED = "HEADRACE_"


def check_variables(project: Project, context: Context) -> Project:
    _check_names(project.env, context)
    for pipeline in project.pipelines:
        _check_names(pipeline.env, context)
    images = (environment.name or "" for environment in project.environments if environment.build is not None)
    _check_alike("environments", images, None, context)

    def check(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        for job in jobs:
            _check_job(job, context)
        return jobs

    return over_groups(project, check)


def _check_job(job: Job, context: Context) -> None:
    if job.env:
        _check_names(job.env, context)
    for use in job.secrets:
        _check_name(use.env or "", use.origin or job.origin, context)
    if job.matrix is not None:
        _check_alike("axes", axes(job.matrix), job.matrix.origin or job.origin, context)
    if len(job.sidecars) > 1:
        _check_alike("sidecars", (sidecar.name for sidecar in job.sidecars), job.origin, context)


def _check_names(variables: Iterable[EnvVar], context: Context) -> None:
    for variable in variables:
        _check_name(variable.name, variable.origin, context)


def _check_name(name: str, at: Origin | None, context: Context) -> None:
    if name.startswith(RESERVED):
        message = f'"{name}" is headrace\'s own: variables that begin with {RESERVED} carry values to jobs'
        context.sink.report(codes.NAME_COLLISION, message, at)


def _check_alike(what: str, names: Iterable[str], at: Origin | None, context: Context) -> None:
    """Names that differ in case or marks only become one variable."""
    seen: dict[str, str] = {}
    for name in names:
        folded = "".join(c if c.isalnum() and c.isascii() else "_" for c in name).upper()
        other = seen.setdefault(folded, name)
        if other != name:
            message = f'the {what} "{other}" and "{name}" both become the variable …_{folded}'
            context.sink.report(codes.NAME_COLLISION, message, at)
