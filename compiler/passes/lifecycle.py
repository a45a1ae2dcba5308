"""The thirteen steps of an ML lifecycle: who does each is checked, and what nobody does is said.

A step that nobody does is never made up. Models and services fill the steps that they are, so that nothing has to be
said twice.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import LIFECYCLE_STEPS, Job, Project
from compiler.passes.context import Context
from compiler.passes.models import same_evaluation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Lifecycle, Model

_OF_MODELS = {
    "training": "train",
    "evaluation": "validate",
    "testing": "test",
    "packaging": "package",
    "serving": "deploy",
}


def check_lifecycle(project: Project, context: Context) -> Project:
    if project.lifecycle is None:
        return project
    groups = (project.jobs, *(pipeline.jobs for pipeline in project.pipelines))
    known = {job.name: job for jobs in groups for job in jobs}
    steps: dict[str, Job] = {}
    for step, name in project.lifecycle.steps:
        if step not in LIFECYCLE_STEPS:
            what = "a step of the lifecycle"
            context.unknown(codes.UNKNOWN_KEY, what, step, LIFECYCLE_STEPS, project.lifecycle.origin)
        elif name not in known:
            what = "a job of this manifest"
            context.unknown(codes.UNKNOWN_JOB, what, name, known, project.lifecycle.origin, step)
        else:
            steps[step] = known[name]
    _check_evaluation(project, project.lifecycle, steps, context)
    done = {step for step, _ in project.lifecycle.steps} | _done_by_others(project, known)
    gaps = [step for step in LIFECYCLE_STEPS if step not in done]
    if gaps:
        context.sink.report(
            codes.LIFECYCLE_GAP,
            f"no job does {len(gaps)} of the {len(LIFECYCLE_STEPS)} steps: {', '.join(gaps)}",
            project.lifecycle.origin,
        )
    return project


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
    if any(model.objectives for model in project.models) or any(job.objectives for job in known.values()):
        done.add("codify_objectives")
    return done


def _has(model: Model, step: str) -> bool:
    return getattr(model, step) is not None
