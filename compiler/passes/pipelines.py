"""Pipelines take their jobs from the project's pool, with all that those need, and get their triggers and parameters."""

from __future__ import annotations

from compiler import codes, graph
from compiler.ir import (
    NOTHING,
    Call,
    Compare,
    Job,
    Node,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPipeline,
    OnPush,
    OnSchedule,
    Parameter,
    Pipeline,
    Project,
    Ref,
    Truth,
    walk,
)
from compiler.passes.context import Context, labels
from compiler.passes.defaults import united
from compiler.passes.edges import check_outputs
from compiler.passes.gates import parameter_variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from compiler.ir import Trigger

DEFAULT_TRIGGERS: tuple[Trigger, ...] = (OnPush(), OnChangeRequest(), OnManual())


def assemble_pipelines(project: Project, context: Context) -> Project:
    pool = {job.name: job for job in project.jobs}
    needs = {name: [need.job for need in job.needs] for name, job in pool.items()}
    given = project.pipelines or (Pipeline(name=project.name),)
    pipelines = []
    for pipeline in given:
        taken = _picked(pipeline, pool, needs, context)
        if pipeline.jobs and taken:
            check_outputs((*pipeline.jobs, *taken), context)  # they have not met before
        pipelines.append(_assembled(pipeline, (*pipeline.jobs, *taken), project, context))
    _check_foreign(pipelines, context)
    _check_triggers(pipelines, context)
    _check_calls(pipelines, context)
    _check_unused(project, pipelines, context)
    return project.replace(pipelines=tuple(pipelines), jobs=NOTHING)


def _picked(pipeline: Pipeline, pool: dict[str, Job], needs: dict[str, list[str]], context: Context) -> tuple[Job, ...]:
    """The jobs that a pipeline lists (all, when it lists none and has none of its own), with all that they and its own
    jobs need."""
    if pipeline.members is NOTHING and not pipeline.jobs:
        return tuple(pool.values())
    for name in pipeline.members:
        if name not in pool:
            what = "a job of this manifest"
            context.unknown(codes.UNKNOWN_JOB, what, name, pool, pipeline.origin, "jobs")
    own = {job.name for job in pipeline.jobs}
    asked = [need.job for job in pipeline.jobs for need in job.needs if need.job not in own]
    wanted = graph.reachable(needs, (*pipeline.members, *asked))
    return tuple(job for name, job in pool.items() if name in wanted)


def _assembled(pipeline: Pipeline, jobs: tuple[Job, ...], project: Project, context: Context) -> Pipeline:
    jobs = _distinct(pipeline, jobs, context)
    if not jobs and not context.sink.failed:  # after an error there may be jobs that could not be read
        what = f'the pipeline "{pipeline.name}"' if project.pipelines else "the manifest"
        context.sink.report(codes.NOTHING_TO_DO, f"{what} has no job", pipeline.origin or project.origin)
    own = {parameter.name for parameter in pipeline.parameters}
    inherited = tuple(parameter for parameter in project.parameters if parameter.name not in own)
    parameters = (*inherited, *pipeline.parameters)
    triggers = _triggers(pipeline, context)
    _check_required(pipeline, parameters, triggers, context)
    _check_collisions(parameters, context)
    shared = united(project.env, pipeline.env)
    jobs = tuple(job.replace(env=united(shared, job.env)) if shared else job for job in jobs)
    return pipeline.replace(jobs=jobs, members=NOTHING, parameters=parameters, triggers=triggers, env=shared)


def _distinct(pipeline: Pipeline, jobs: tuple[Job, ...], context: Context) -> tuple[Job, ...]:
    """Each name once: a pipeline's own jobs beside those that it takes from the pool."""
    kept: dict[str, Job] = {}
    for job in jobs:
        other = kept.setdefault(job.name, job)
        if other is not job:
            message = f'two jobs of "{pipeline.name}" are named "{job.name}"'
            first = labels((other.origin, "the other one is here"))
            context.sink.report(codes.DUPLICATE_NAME, message, job.origin or pipeline.origin, labels=first)
    return tuple(kept.values())


def _triggers(pipeline: Pipeline, context: Context) -> tuple[Trigger, ...]:
    """What starts a pipeline. Schedules and pipelines may be several; of the others a second one would be lost."""
    if pipeline.triggers is not NOTHING and not pipeline.triggers and not context.sink.failed:
        message = f'nothing starts the pipeline "{pipeline.name}": its `on` is empty'
        context.sink.report(codes.NOTHING_TO_DO, message, pipeline.origin, field="on")
    seen: dict[type[Trigger], Trigger] = {}
    for trigger in pipeline.triggers:
        first = seen.setdefault(type(trigger), trigger)
        if first is not trigger and not isinstance(trigger, (OnSchedule, OnPipeline)):
            message = f'one kind of trigger stands twice in the `on` of "{pipeline.name}"'
            at, other = trigger.origin or pipeline.origin, labels((first.origin, "the other one is here"))
            context.sink.report(codes.DUPLICATE_NAME, message, at, labels=other, help="say all of it in one")
    triggers = tuple(_whole(trigger) for trigger in pipeline.triggers or DEFAULT_TRIGGERS)
    for trigger in triggers:
        if _starts_nothing(trigger):
            message = f'a trigger of the pipeline "{pipeline.name}" starts nothing: its lists are empty'
            advice = "leave out what is empty: then it is the default branch and all tags, or every target branch"
            context.sink.report(codes.NOTHING_TO_DO, message, trigger.origin or pipeline.origin, help=advice)
    return triggers


def _starts_nothing(trigger: Trigger) -> bool:
    """A push that names no branch and no tag, or change requests of no branch."""
    if isinstance(trigger, OnPush):
        return (trigger.branches, trigger.tags) == ((), ()) and trigger.branches is not NOTHING
    return isinstance(trigger, OnChangeRequest) and trigger.branches == () and trigger.branches is not NOTHING


def _whole(trigger: Trigger) -> Trigger:
    """A push that names branches alone is not for tags, and one that names tags alone not for branches."""
    if not isinstance(trigger, OnPush):
        return trigger
    if trigger.tags is NOTHING and trigger.branches is not NOTHING:
        return trigger.replace(tags=())
    if trigger.branches is NOTHING and trigger.tags is not NOTHING:
        return trigger.replace(branches=())
    return trigger


def _check_required(
    pipeline: Pipeline, parameters: tuple[Parameter, ...], triggers: tuple[Trigger, ...], context: Context
) -> None:
    by_itself = [trigger for trigger in triggers if not isinstance(trigger, (OnManual, OnCall))]
    for parameter in parameters:
        if parameter.required and parameter.default is None and by_itself:
            message = f'"{parameter.name}" is required, but "{pipeline.name}" also starts by itself'
            context.sink.report(
                codes.REQUIRED_PARAMETER,
                message,
                parameter.origin,
                help="give it a default, or leave only `manual` and `call` in the pipeline's `on`",
            )


def _check_collisions(parameters: tuple[Parameter, ...], context: Context) -> None:
    variables: dict[str, Parameter] = {}
    for parameter in parameters:
        other = variables.setdefault(parameter_variable(parameter.name), parameter)
        if other.name != parameter.name:
            message = f'"{other.name}" and "{parameter.name}" both become {parameter_variable(parameter.name)}'
            context.sink.report(codes.NAME_COLLISION, message, parameter.origin)


def _check_foreign(pipelines: list[Pipeline], context: Context) -> None:
    """A job may name the parameters of the pipelines that run it, not those of others."""
    everything = {parameter.name for pipeline in pipelines for parameter in pipeline.parameters}
    for pipeline in pipelines:
        known = {parameter.name for parameter in pipeline.parameters}
        foreign = everything - known
        for job in pipeline.jobs if foreign else ():
            for name in dict.fromkeys(_parameters_in(job)):
                if name in foreign:
                    what = f'a parameter of "{pipeline.name}", which runs "{job.name}"'
                    context.unknown(codes.UNKNOWN_PARAMETER, what, name, known, job.origin)
        if pipeline.concurrency is not None:
            at = pipeline.concurrency.origin or pipeline.origin
            for name in foreign.intersection(_parameters_in(pipeline.concurrency)):
                what = f'a parameter of "{pipeline.name}"'
                context.unknown(codes.UNKNOWN_PARAMETER, what, name, known, at, "group")


def _parameters_in(root: Node) -> Iterator[str]:
    for node in walk(root):
        if isinstance(node, Ref) and node.kind == "parameters":
            yield node.name
        elif isinstance(node, (Compare, Truth)) and node.subject.startswith("parameters."):
            yield node.subject.removeprefix("parameters.")


def _check_triggers(pipelines: list[Pipeline], context: Context) -> None:
    names = [pipeline.name for pipeline in pipelines]
    for pipeline in pipelines:
        known = {parameter.name: parameter for parameter in pipeline.parameters}
        for trigger in pipeline.triggers:
            at = trigger.origin or pipeline.origin
            if isinstance(trigger, OnSchedule):
                _check_days(trigger, context)
            if isinstance(trigger, OnPipeline) and trigger.pipeline not in names:
                context.unknown(codes.UNKNOWN_PIPELINE, "a pipeline of this manifest", trigger.pipeline, names, at)
            for name, value in trigger.parameters if isinstance(trigger, OnSchedule) else ():
                if name not in known:
                    what = f'a parameter of "{pipeline.name}"'
                    context.unknown(codes.UNKNOWN_PARAMETER, what, name, known, at, "parameters")
                elif (wrong := _wrong(known[name], value)) is not None:
                    context.sink.report(codes.WRONG_DEFAULT, wrong, at, field=f"parameters[{name}]")


def _wrong(parameter: Parameter, value: str) -> str | None:
    from compiler.parameter import problem  # regular expressions, for the few that give values

    found = problem(parameter, value)
    return None if found is None else f'{found}, as "{parameter.name}" takes it'


def _check_days(trigger: OnSchedule, context: Context) -> None:
    """https://pubs.opengroup.org/onlinepubs/9799919799/utilities/crontab.html: either day, where both are restricted."""
    from compiler import cron

    if cron.parse(trigger.cron).both_days:
        message = "day of month and day of week are both set: it runs on every day that is either"
        context.sink.report(codes.CRON_BOTH_DAYS, message, trigger.origin, field="cron")


def _check_calls(pipelines: list[Pipeline], context: Context) -> None:
    by_name = {pipeline.name: pipeline for pipeline in pipelines}
    calls: dict[str, list[str]] = {}
    for pipeline in pipelines:
        for job in pipeline.jobs:
            if not isinstance(job.action, Call):
                continue
            at = job.action.origin or job.origin
            called = by_name.get(job.action.pipeline)
            if called is None:
                what = "a pipeline of this manifest"
                context.unknown(codes.UNKNOWN_PIPELINE, what, job.action.pipeline, by_name, at)
                continue
            calls.setdefault(pipeline.name, []).append(called.name)
            _check_call(job.action, called, context)
    for cycle in graph.cycles({name: calls.get(name, []) for name in by_name}):
        circle = " -> ".join([*cycle, cycle[0]])
        context.sink.report(codes.CALL_CYCLE, f"pipelines call one another: {circle}", by_name[cycle[0]].origin)


def _check_call(call: Call, called: Pipeline, context: Context) -> None:
    if not any(isinstance(trigger, OnCall) for trigger in called.triggers):
        message = f'"{called.name}" can\'t be called: its `on` has no `call`'
        context.sink.report(codes.WRONG_CALL, message, call.origin)
    known = {parameter.name: parameter for parameter in called.parameters}
    given = {variable.name for variable in call.parameters}
    for variable in call.parameters:
        if variable.name not in known:
            at = variable.origin or call.origin
            context.unknown(codes.WRONG_CALL, f'a parameter of "{called.name}"', variable.name, known, at)
        elif all(isinstance(piece, str) for piece in variable.value):
            wrong = _wrong(known[variable.name], "".join(str(piece) for piece in variable.value))
            if wrong is not None:
                context.sink.report(codes.WRONG_CALL, wrong, variable.origin)
    for parameter in called.parameters:
        if parameter.required and parameter.default is None and parameter.name not in given:
            message = f'"{called.name}" requires the parameter "{parameter.name}"'
            context.sink.report(codes.WRONG_CALL, message, call.origin)


def _check_unused(project: Project, pipelines: list[Pipeline], context: Context) -> None:
    """A job that is in no pipeline never runs."""
    running = {job.name for pipeline in pipelines for job in pipeline.jobs}
    for job in project.jobs:
        if job.name not in running:
            context.sink.report(codes.UNUSED, f'no pipeline runs "{job.name}"', job.origin)
