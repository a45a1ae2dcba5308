"""Models: train, validate, test, package and deploy become edges between jobs, and objectives become gates.

Each step is given the model (the outputs of `train`) and waits for the step before it. Objectives of the model gate
validation and test separately; these two must differ in job and in data, or the second proves nothing.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import NOTHING, BuildImage, Dataset, Job, Need, Project, Rollout
from compiler.passes.context import Context, labels, over_groups
from compiler.passes.environments import with_need
from compiler.passes.gates import check_metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.ir import Model, Objective

STEPS = ("train", "validate", "test", "package", "deploy")
JUDGED = ("validate", "test")


def place_models(project: Project, context: Context) -> Project:
    """Put the jobs that models describe in place among the others, and name them: MODEL-train, …"""
    placed: list[Job] = []
    models = []
    taken = {job.name: job for job in project.jobs}
    for model in project.models:
        changes = {}
        for step in STEPS:
            job = getattr(model, step)
            if isinstance(job, Job):
                job = _named(job, model, step)
                _check_name(job, taken, context)
                placed.append(job)
                changes[step] = job.name
        models.append(model.replace(**changes) if changes else model)
    if not placed:
        return project
    return project.replace(jobs=(*project.jobs, *placed), models=tuple(models))


def _named(job: Job, model: Model, step: str) -> Job:
    return job.replace(name=job.name or f"{model.name}-{step}", origin=job.origin or model.origin)


def _check_name(job: Job, taken: dict[str, Job], context: Context) -> None:
    other = taken.setdefault(job.name, job)
    if other is not job:
        message = f'two jobs are named "{job.name}"'
        context.sink.report(
            codes.DUPLICATE_NAME, message, job.origin, labels=labels((other.origin, "the other one is here"))
        )


def lower_models(project: Project, context: Context) -> Project:
    """Edges between the steps' jobs, the model's objectives on those that judge it, and a job for a rollout."""
    groups = (project.jobs, *(pipeline.jobs for pipeline in project.pipelines))
    known = {job.name: job for jobs in groups for job in jobs}
    datasets = {dataset.name: dataset for dataset in project.datasets}
    plans: list[tuple[Model, dict[str, str]]] = []
    deploys: list[Job] = []
    for model in project.models:
        steps = _steps(model, known, context)
        _check_evaluation(model, steps, known, datasets, context)
        _check_objectives(model, steps, known, context)
        if isinstance(model.deploy, Rollout):
            job = _deploy_job(model, model.deploy, steps, known, context)
            _check_name(job, known, context)
            deploys.append(job)
            steps["deploy"] = job.name
        plans.append((model, steps))
    if not plans:
        return project
    project = project.replace(jobs=(*project.jobs, *deploys)) if deploys else project
    return over_groups(project, lambda jobs: _with_steps(jobs, plans))


def _steps(model: Model, known: dict[str, Job], context: Context) -> dict[str, str]:
    """The jobs of a model's steps, in the order of the steps; the unknown ones are reported."""
    steps = {}
    for step in STEPS:
        name = getattr(model, step)
        if not isinstance(name, str):
            continue
        if name in known:
            steps[step] = name
        else:
            context.unknown(codes.UNKNOWN_JOB, "a job of this manifest", name, known, model.origin, step)
    return steps


def _check_evaluation(
    model: Model, steps: dict[str, str], known: dict[str, Job], datasets: dict[str, Dataset], context: Context
) -> None:
    if "validate" in steps and "test" in steps:
        problem = same_evaluation(known[steps["validate"]], known[steps["test"]], datasets)
        if problem:
            context.sink.report(
                codes.SAME_EVALUATION,
                f'"{model.name}" is validated and tested {problem}',
                model.origin,
                field="test",
                help="test on data that neither training nor validation has seen",
            )


def same_evaluation(validate: Job, test: Job, datasets: dict[str, Dataset]) -> str | None:
    """What validation and test share that they must not: the job, or all the data that they read."""
    if validate.name == test.name:
        return f'by one job, "{test.name}"'
    read = _data(test, datasets)
    if read and read == _data(validate, datasets):
        return f"on the same data, {', '.join(sorted(test.datasets))}"
    return None


def _data(job: Job, datasets: dict[str, Dataset]) -> set[tuple[str | None, ...]]:
    """What a job reads: two datasets of one path, store and version are the same data under two names."""
    known = (datasets[name] for name in job.datasets if name in datasets)
    return {(dataset.path, dataset.store, dataset.version) for dataset in known}


def _judges(steps: dict[str, str]) -> list[str]:
    return [steps[step] for step in JUDGED if step in steps]


def _check_objectives(model: Model, steps: dict[str, str], known: dict[str, Job], context: Context) -> None:
    if not model.objectives:
        return
    at = model.objectives[0].origin or model.origin
    if model.validate is None and model.test is None:
        message = f'nothing judges the objectives of "{model.name}": it has neither `validate` nor `test`'
        context.sink.report(codes.NO_METRICS, message, at)
    for name in dict.fromkeys(_judges(steps)):
        check_metrics(known[name], f'judges "{model.name}"', context, labels=labels((at, "the objectives are here")))


def _deploy_job(model: Model, rollout: Rollout, steps: dict[str, str], known: dict[str, Job], context: Context) -> Job:
    from compiler.passes.rollouts import deploy_job

    package = known.get(steps.get("package", ""))
    image = package.action.environment if package is not None and isinstance(package.action, BuildImage) else None
    if not rollout.documents:
        context.sink.report(
            codes.MISSING_KEY,
            f'the rollout of the model "{model.name}" names no `documents`',
            rollout.origin or model.origin,
            help="name the Kubernetes documents, or describe a service: its documents are rendered",
        )
    needs = () if image is None else (Need(job=steps["package"], artifacts=False, origin=model.origin),)
    job = Job(name=f"{model.name}-deploy", needs=needs, origin=model.origin)
    return deploy_job(job, rollout, (), image, context)


def _with_steps(jobs: tuple[Job, ...], plans: list[tuple[Model, dict[str, str]]]) -> tuple[Job, ...]:
    """One group's jobs with the edges and objectives of all models whose steps are among them."""
    changed = {job.name: job for job in jobs}
    for model, steps in plans:
        here = {step: name for step, name in steps.items() if name in changed}
        for name, need in _edges(here, model):
            changed[name] = changed[name].replace(needs=with_need(changed[name].needs, need))
        for name in dict.fromkeys(_judges(here)):
            objectives = united(changed[name].objectives, model.objectives)
            changed[name] = changed[name].replace(objectives=objectives)
    return tuple(changed[job.name] for job in jobs)


def _edges(steps: dict[str, str], model: Model) -> Iterable[tuple[str, Need]]:
    """Each step needs the training's outputs and, for the order, the step before it."""
    before: str | None = None
    for step in STEPS:
        name = steps.get(step)
        if name is None:
            continue
        for needed in dict.fromkeys((steps.get("train"), before)):
            if needed is not None and needed != name:
                yield name, Need(job=needed, artifacts=True, origin=model.origin)
        before = name


def united(own: tuple[Objective, ...], more: tuple[Objective, ...]) -> tuple[Objective, ...]:
    united = tuple(dict.fromkeys((*own, *more)))
    return united or NOTHING
