"""The thirteen steps of an ML lifecycle: who does each is checked, and what nobody does is said.

A step that nobody does is never made up. Models and services fill the steps that they are, so that nothing has to be
said twice.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import LIFECYCLE_STEPS, Job, Need, Project
from compiler.passes.context import Context, labels, over_groups
from compiler.passes.environments import with_need
from compiler.passes.gates import check_metrics
from compiler.passes.models import same_evaluation, united

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Lifecycle, Model

JUDGED = ("evaluation", "testing")
_OF_MODELS = {
    "training": "train",
    "evaluation": "validate",
    "testing": "test",
    "packaging": "package",
    "serving": "deploy",
}


# What must have ended well before: data are checked before anything is trained, and the test comes after evaluation.
_ORDER = (("training", "data_validation"), ("testing", "evaluation"))


def lower_lifecycle(project: Project, context: Context) -> Project:
    """Check who does what; give evaluation and testing their objectives, and put the steps in their order."""
    if project.lifecycle is None:
        return project
    steps = _check(project, project.lifecycle, context)
    _check_objectives(project.lifecycle, steps, context)
    judges = {steps[step].name for step in JUDGED if step in steps}
    order = [(steps[later].name, steps[earlier].name) for later, earlier in _ORDER if {later, earlier} <= steps.keys()]
    objectives = project.lifecycle.objectives

    def change(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        here = {job.name for job in jobs}
        found = []
        for job in jobs:
            if job.name in judges and objectives:
                job = job.replace(objectives=united(job.objectives, objectives))
            for later, earlier in order:
                if job.name == later and earlier in here and earlier != later:
                    need = Need(job=earlier, artifacts=False, origin=job.origin)
                    job = job.replace(needs=with_need(job.needs, need))
            found.append(job)
        return tuple(found)

    return over_groups(project, change)


def _check_objectives(lifecycle: Lifecycle, steps: dict[str, Job], context: Context) -> None:
    if not lifecycle.objectives:
        return
    at = lifecycle.objectives[0].origin or lifecycle.origin
    judges = {steps[step].name: steps[step] for step in JUDGED if step in steps}
    if not judges:
        message = "nothing judges the objectives: the lifecycle has neither `evaluation` nor `testing`"
        context.sink.report(codes.NO_METRICS, message, at)
    for job in judges.values():
        check_metrics(job, "judges the objectives", context, labels=labels((at, "the objectives are here")))


def _check(project: Project, lifecycle: Lifecycle, context: Context) -> dict[str, Job]:
    """The steps with their jobs; what is wrong, missing or done twice is reported."""
    groups = (project.jobs, *(pipeline.jobs for pipeline in project.pipelines))
    known = {job.name: job for jobs in groups for job in jobs}
    steps: dict[str, Job] = {}
    for step, name in lifecycle.steps:
        if step not in LIFECYCLE_STEPS:
            what = "a step of the lifecycle"
            context.unknown(codes.UNKNOWN_KEY, what, step, LIFECYCLE_STEPS, lifecycle.origin)
        elif name not in known:
            what = "a job of this manifest"
            context.unknown(codes.UNKNOWN_JOB, what, name, known, lifecycle.origin, step)
        else:
            steps[step] = known[name]
    _check_evaluation(project, lifecycle, steps, context)
    done = {step for step, _ in lifecycle.steps} | _done_by_others(project, known)
    gaps = [step for step in LIFECYCLE_STEPS if step not in done]
    if gaps:
        context.sink.report(
            codes.LIFECYCLE_GAP,
            f"no job does {len(gaps)} of the {len(LIFECYCLE_STEPS)} steps: {', '.join(gaps)}",
            lifecycle.origin,
        )
    return steps


def _check_evaluation(project: Project, lifecycle: Lifecycle, steps: dict[str, Job], context: Context) -> None:
    if "evaluation" not in steps or "testing" not in steps:
        return
    datasets = {dataset.name: dataset for dataset in project.datasets}
    problem = same_evaluation(steps["evaluation"], steps["testing"], datasets)
    if problem:
        message = f"evaluation and testing are done {problem}"
        context.sink.report(codes.SAME_EVALUATION, message, lifecycle.origin, field="testing")


def _done_by_others(project: Project, known: dict[str, Job]) -> set[str]:
    """The steps that models, services and objectives are by themselves."""
    done = {step for model in project.models for step, name in _OF_MODELS.items() if _has(model, name)}
    if any(service.deploy is not None for service in project.services):
        done.add("serving")
    judged = any(model.objectives for model in project.models) or any(job.objectives for job in known.values())
    if judged or (project.lifecycle is not None and project.lifecycle.objectives):
        done.add("codify_objectives")
    return done


def _has(model: Model, step: str) -> bool:
    return getattr(model, step) is not None
