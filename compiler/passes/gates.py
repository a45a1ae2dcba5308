"""Checks that become jobs of their own: parameters by the first job, objectives where a job's image may lack Python.

A gate runs in headrace's helper image. It needs the job whose metrics it reads, and who needed that job needs the
gate as well, so that nothing goes on after an objective was missed.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import Artifact, Environment, Job, Need, Parameter, Pipeline, Project, Ref, Support
from compiler.matrix import label, legs
from compiler.passes.context import Context, each_job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Label
    from compiler.ir import Text
    from compiler.matrix import Leg

CHECK = "check-parameters"


def check_objectives(project: Project, context: Context) -> Project:
    """A job's objectives are judged over the metrics that it leaves, so it must leave some."""
    each_job(
        project,
        lambda job: check_metrics(job, "has objectives", context, field="objectives") if job.objectives else None,
    )
    return project


def check_metrics(
    job: Job, what: str, context: Context, field: str | None = None, labels: tuple[Label, ...] = ()
) -> None:
    """Report a job that must leave metrics, since it `what`, and does not."""
    if not any(isinstance(output, Artifact) and output.kind == "metrics" for output in job.outputs):
        message = f'"{job.name}" {what}, but leaves no metrics file'
        advice = "give it an output of `kind: metrics`"
        context.sink.report(codes.NO_METRICS, message, job.origin, field=field, help=advice, labels=labels)


def lower_gates(project: Project, context: Context) -> Project:
    del context  # nothing to report
    pipelines = tuple(_with_check(_with_gates(pipeline)) for pipeline in project.pipelines)
    return project.replace(pipelines=pipelines)


def _with_gates(pipeline: Pipeline) -> Pipeline:
    wanting = [job.name for job in pipeline.jobs if _wants_gate(job)]
    if not wanting:
        return pipeline
    taken = {job.name for job in pipeline.jobs}
    gated = {name: _free(f"{name}-gate", taken) for name in wanting}
    picked = {need.job for job in pipeline.jobs for need in job.needs if need.legs not in (None, "all")}
    by_leg = {job.name for job in pipeline.jobs if job.name in picked & gated.keys() and _can_be_by_leg(job)}
    jobs: list[Job] = []
    for job in pipeline.jobs:
        needs = tuple(
            Need(
                job=gated[need.job],
                artifacts=False,
                optional=need.optional,
                legs=need.legs if need.job in by_leg else "all",
                origin=need.origin,
            )
            for need in job.needs
            if need.job in gated
        )
        jobs.append(job.replace(needs=(*job.needs, *needs), objectives=() if job.name in gated else job.objectives))
        if job.name in by_leg:
            jobs.append(_gate_by_leg(job, gated[job.name]))
        elif job.name in gated:
            jobs.append(_gate(job, gated[job.name]))
    return pipeline.replace(jobs=tuple(jobs))


def _can_be_by_leg(job: Job) -> bool:
    """Whether a gate of each leg can say where that leg's metrics arrive, by the values of its axes alone."""
    if job.matrix is None:
        return False
    plain = all(label(leg) == ",".join(f"{name}={value}" for name, value in leg) for leg in legs(job.matrix))
    return plain and len({tuple(name for name, _ in leg) for leg in legs(job.matrix)}) == 1


def _gate_by_leg(job: Job, name: str) -> Job:
    """A gate with the job's legs, for dependents that wait for some of them."""
    assert job.matrix is not None
    first = legs(job.matrix)[0]
    own: list[str | Ref] = []
    for axis, _ in first:
        own += [f"{',' if own else '/'}{axis}=", Ref(kind="matrix", name=axis)]
    paths = tuple(
        (*output.path, *own) if output.per_leg else output.path
        for output in job.outputs
        if isinstance(output, Artifact) and output.kind == "metrics"
    )
    need = Need(job=job.name, artifacts=True, optional=False, legs="same", origin=job.origin)
    gate = _gate(job, name)
    assert isinstance(gate.action, Support)
    after = gate.action.arguments[gate.action.arguments.index(("--",)) :]
    action = gate.action.replace(arguments=(*paths, *after))
    return gate.replace(action=action, needs=(need,), matrix=job.matrix.replace(max_parallel=None))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "-"
    taken.add(name)
    return name


def _wants_gate(job: Job) -> bool:
    """Objectives, and an image whose Python is not known: no Python environment, or one that says nothing of it."""
    if not job.objectives:
        return False
    environment = job.environment
    return not isinstance(environment, Environment) or environment.python is None


def _gate(job: Job, name: str) -> Job:
    from compiler.objective import argument as argument_of

    paths = dict.fromkeys(
        leg_path(output, leg)
        for output in job.outputs
        if isinstance(output, Artifact) and output.kind == "metrics"
        for leg in legs(job.matrix)
    )
    objectives = tuple((argument_of(objective),) for objective in job.objectives)
    arguments = (*paths, ("--",), *objectives)
    return Job(
        name=name,
        action=Support(script="gate", arguments=arguments),
        needs=(Need(job=job.name, artifacts=True, optional=False, legs="all", origin=job.origin),),
        run_on="success",
        timeout=600,
        condition=job.condition,
        allow_failure=job.allow_failure,
        origin=job.origin,
    )


def leg_path(output: Artifact, leg: Leg) -> Text:
    """Where an output of one leg arrives: axes as their values, and with `per: leg` below the leg's own name."""
    values = dict(leg)
    path: list[str | Ref] = []
    for piece in output.path:
        known = isinstance(piece, Ref) and piece.kind == "matrix" and piece.name in values
        path.append(values[piece.name] if isinstance(piece, Ref) and known else piece)
    if output.per_leg and leg:
        path += ["/", label(leg)]
    return tuple(path)


def _with_check(pipeline: Pipeline) -> Pipeline:
    """One first job that all others wait for, where a value given by hand can be wrong."""
    checked = [parameter for parameter in pipeline.parameters if _is_checkable(parameter)]
    if not checked or not pipeline.jobs:
        return pipeline
    name = _free(CHECK, {job.name for job in pipeline.jobs})
    check = Job(
        name=name,
        action=Support(
            script="check_parameters",
            arguments=((_specs(checked),),),
            refs=tuple(Ref(kind="parameters", name=parameter.name) for parameter in checked),
        ),
        run_on="success",
        timeout=600,
        origin=checked[0].origin,
    )
    first = Need(job=name, artifacts=False, optional=False, legs="all")
    jobs = tuple(job if job.needs else job.replace(needs=(first,)) for job in pipeline.jobs)
    return pipeline.replace(jobs=(check, *jobs))


def _specs(parameters: list[Parameter]) -> str:
    """All specifications as JSON, one a line: a person reads them in review."""
    import json  # worth 4 ms where no parameter is checked

    lines = (json.dumps(_spec(parameter), ensure_ascii=False) for parameter in parameters)
    return "[\n  " + ",\n  ".join(lines) + "\n]"


def _is_checkable(parameter: Parameter) -> bool:
    return parameter.type != "string" or bool(parameter.required)


def _spec(parameter: Parameter) -> dict[str, object]:
    """What targets/runtime/check_parameters.py takes; nothing said stays unsaid."""
    spec: dict[str, object] = {
        "name": parameter.name,
        "env": parameter_variable(parameter.name),
        "type": parameter.type,
    }
    if parameter.choices:
        spec["choices"] = list(parameter.choices)
    if parameter.minimum is not None:
        spec["minimum"] = parameter.minimum
    if parameter.maximum is not None:
        spec["maximum"] = parameter.maximum
    if parameter.required:
        spec["required"] = True
    return spec


def parameter_variable(name: str) -> str:
    """The variable that carries a parameter, on every target."""
    return "HEADRACE_PARAM_" + "".join(c if c.isalnum() and c.isascii() else "_" for c in name).upper()
