"""Pipelines of tasks: one step after the other, the tasks of a nested list beside one another.

The steps of AME's pipelines share one volume: each sees what those before it left. Here each keeps the files that it
changes and needs all that come before it.
"""

from __future__ import annotations

from compiler import codes
from compiler.frontends.ame import config
from compiler.frontends.ame.names import legal
from compiler.ir import NOTHING, Need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from compiler.frontends.ame.lowering import Lowering

    Around: TypeAlias = tuple[config.Steps, ...]

MOST_STEPS = 500  # jobs that the pipelines of one project may become
DEEPEST = 50  # pipelines in one another


class Steps:
    """The steps of one task, and of those that they refer to."""

    def __init__(self, lowering: Lowering, task: config.Task, name: str) -> None:
        self.lowering = lowering
        self.parent = task
        self.name = name
        self.full = False

    def lower(self) -> list[str]:
        """The jobs that the pipeline ends with; each brings those before it along."""
        ends, _ = self._groups(self.parent, self.name, [], (self.parent.steps,))
        return ends

    def _groups(self, task: config.Task, name: str, before: list[str], around: Around) -> tuple[list[str], list[str]]:
        """The last jobs and all jobs of a pipeline that comes after others. One within it stands in its place."""
        made: list[str] = []
        ends: list[str] = []
        for group in task.steps if not self.full else ():
            earlier = [*before, *made]
            ends = []
            for step in group:
                last, all_of = self._step(step.replace(project=task.project), name, earlier, around)
                ends += last
                made += all_of
        return ends, made

    def _step(self, step: config.Task, name: str, before: list[str], around: Around) -> tuple[list[str], list[str]]:
        """`around` are the steps of the pipelines that this one stands in."""
        lowering = self.lowering
        whole = None if self._is_full() else lowering.references.whole(step, "step")
        if whole is None:
            return [], []
        lowering.lost_trigger(step)
        own = whole.name or (step.reference.name if step.reference is not None else "step")
        wanted = f"{name}-{legal(own, step.origin, lowering.sink)}"
        if any(steps is whole.steps for steps in around):
            message = f'the pipeline "{own}" is a step of itself'
            lowering.sink.report(codes.CYCLE, message, step.origin)
            return [], []
        if whole.steps and len(around) < DEEPEST:
            return self._groups(whole, wanted, before, (*around, whole.steps))
        if whole.steps:
            message = f"pipelines stand in one another more than {DEEPEST} deep"
            lowering.sink.report(codes.TOO_DEEP, message, step.origin)
            return [], []
        if not whole.resources:
            whole = whole.replace(resources=self.parent.resources)
        needs = tuple(Need(job=job, origin=step.origin) for job in before) or NOTHING
        made = lowering.add_job(whole, lowering.job_names.free(wanted), needs, changed=True)
        return made, made

    def _is_full(self) -> bool:
        """Whether there are as many jobs as a project may have: pipelines that repeat others multiply them."""
        if not self.full and len(self.lowering.jobs) >= MOST_STEPS:
            self.full = True
            message = f"the pipelines of this project are more than {MOST_STEPS:,} jobs"
            self.lowering.sink.report(codes.TOO_DEEP, message, self.parent.origin)
        return self.full
