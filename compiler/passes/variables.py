"""Values reach jobs as variables: no two of them may have one name, nor two sidecars, nor two volumes one place."""

from __future__ import annotations

from compiler import codes
from compiler.ir import EnvVar, Job, Project
from compiler.matrix import axes
from compiler.passes.context import Context, each_job, labels

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

    each_job(project, lambda job: _check_job(job, context))
    return project


def _check_job(job: Job, context: Context) -> None:
    if job.env:
        _check_names(job.env, context)
    if job.secrets:
        _check_secrets(job, context)
    if job.matrix is not None:
        _check_alike("axes", axes(job.matrix), job.matrix.origin or job.origin, context)
    if len(job.sidecars) > 1:
        _check_alike("sidecars", (sidecar.name for sidecar in job.sidecars), job.origin, context)
        sidecars = ((sidecar.name, sidecar.origin) for sidecar in job.sidecars)
        _check_once(f'two sidecars of "{job.name}" are named', sidecars, job, context)
    if len(job.volumes) > 1:
        volumes = ((volume.path, volume.origin) for volume in job.volumes)
        _check_once(f'two volumes of "{job.name}" are at', volumes, job, context)


def _check_secrets(job: Job, context: Context) -> None:
    """A secret's variable or file is its own, and no variable of the job has its name."""
    given = [(variable.name, variable.origin) for variable in job.env]
    variables = [(use.env, use.origin) for use in job.secrets if use.env is not None]
    files = [(use.file, use.origin) for use in job.secrets if use.file is not None]
    for name, at in variables:
        _check_name(name, at or job.origin, context)
    _check_once(f'two values of "{job.name}" are called', (*given, *variables), job, context)
    _check_once(f'two secrets of "{job.name}" are at', files, job, context)


def _check_once(what: str, given: Iterable[tuple[str, Origin | None]], job: Job, context: Context) -> None:
    """Names or places of which each may be given once; the first one stands."""
    seen: dict[str, Origin | None] = {}
    for name, at in given:
        if name in seen:
            first = labels((seen[name], "the other one is here"))
            context.sink.report(codes.DUPLICATE_NAME, f'{what} "{name}"', at or job.origin, labels=first)
        seen.setdefault(name, at)


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
