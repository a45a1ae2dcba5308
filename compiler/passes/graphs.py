"""No job waits for itself: every circle of needs is reported, whole, with the line of each step."""

from __future__ import annotations

from compiler import codes, graph
from compiler.ir import Job, Need, Project
from compiler.passes.context import Context, labels, over_groups


def check_cycles(project: Project, context: Context) -> Project:
    def check(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        needs = {job.name: [need.job for need in job.needs] for job in jobs}
        if len(graph.order(needs)) == len(needs):
            return jobs
        by_name = {job.name: job for job in jobs}
        for cycle in graph.cycles(needs):
            _report(cycle, by_name, context)
        return jobs

    return over_groups(project, check)


def _report(cycle: list[str], by_name: dict[str, Job], context: Context) -> None:
    steps = [(by_name[name], _need(by_name[name], cycle[(at + 1) % len(cycle)])) for at, name in enumerate(cycle)]
    circle = " -> ".join([*cycle, cycle[0]])
    others = [(need.origin or job.origin, f'"{job.name}" needs "{need.job}"') for job, need in steps[1:]]
    job, need = steps[0]
    context.sink.report(
        codes.CYCLE, f"jobs wait for one another: {circle}", need.origin or job.origin, labels=labels(*others)
    )


def _need(job: Job, name: str) -> Need:
    return next(need for need in job.needs if need.job == name)
