"""Conditions: what they name is there, and the events on which a job does not run unless it says so."""

from __future__ import annotations

from compiler import codes
from compiler.ir import NOTHING, Compare, Deploy, Job, Matches, OnChangeRequest, Parameter, Project, Truth, walk
from compiler.passes.context import Context, over_groups
from compiler.passes.environments import NOT_A_CHANGE_REQUEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Code
    from compiler.source import Origin

SUBJECTS = ("event", "branch", "tag")


def resolve_conditions(project: Project, context: Context) -> Project:
    parameters = {parameter.name: parameter for parameter in project.parameters}
    for pipeline in project.pipelines:
        parameters |= {parameter.name: parameter for parameter in pipeline.parameters}

    reviewed = _has_change_requests(project)

    def change(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        for job in jobs:
            if job.condition is not None:
                _check(job, parameters, context)
        silent = [job for job in jobs if job.condition is None and reviewed]
        gpus = [job for job in silent if _wants_gpu(job)]
        deploys = [job for job in silent if isinstance(job.action, Deploy)]
        if gpus:
            _report(codes.GPU_ON_CHANGE_REQUEST, gpus, "asks for a GPU", context)
        if deploys:
            _report(codes.DEPLOY_ON_CHANGE_REQUEST, deploys, "deploys", context)
        names = {job.name for job in (*gpus, *deploys)}
        if not names:
            return jobs
        return tuple(job.replace(condition=NOT_A_CHANGE_REQUEST) if job.name in names else job for job in jobs)

    return over_groups(project, change)


def _check(job: Job, parameters: dict[str, Parameter], context: Context) -> None:
    assert job.condition is not None
    for node in walk(job.condition):
        if not isinstance(node, (Compare, Matches, Truth)) or not node.subject.startswith("parameters."):
            continue
        name = node.subject.removeprefix("parameters.")
        at = node.origin or job.origin
        parameter = parameters.get(name)
        if parameter is None:
            context.unknown(codes.UNKNOWN_PARAMETER, "a parameter of this manifest", name, parameters, at, "when")
        elif isinstance(node, Truth) and parameter.type != "bool":
            message = f'"{name}" is of type {parameter.type}: compare it with a value'
            context.sink.report(codes.BAD_CONDITION, message, at, field="when")
        elif isinstance(node, Compare):
            _check_values(node, parameter, at, context)


def _check_values(node: Compare, parameter: Parameter, at: Origin | None, context: Context) -> None:
    known = {"choice": parameter.choices, "bool": ("true", "false")}.get(parameter.type)
    if known is None:
        return
    for value in node.values:
        if value not in known:
            result = "always" if node.operator == "!=" else "never"
            what = f'a value of the parameter "{parameter.name}", so that this {result} holds'
            context.unknown(codes.CONSTANT_CONDITION, what, value, known, node.origin or at, "when")


def _has_change_requests(project: Project) -> bool:
    """Whether any pipeline starts on change requests: one that says nothing does."""
    triggers = [pipeline.triggers for pipeline in project.pipelines] or [NOTHING]
    return any(given is NOTHING or any(isinstance(one, OnChangeRequest) for one in given) for given in triggers)


def _wants_gpu(job: Job) -> bool:
    return job.resources is not None and job.resources.accelerator is not None


def _report(code: Code, jobs: list[Job], does: str, context: Context) -> None:
    """What costs or changes something by accident does not run on change requests: said once, with the first job."""
    more = f" (and {len(jobs) - 1} more)" if len(jobs) > 1 else ""
    context.sink.report(
        code,
        f'"{jobs[0].name}"{more} {does} and has no `when`: it does not run on change requests',
        jobs[0].origin,
        help="say `when` to decide it yourself",
    )
