"""headrace's own tools, which a manifest's jobs may run, become the scripts that travel with jobs."""

from __future__ import annotations

from compiler import codes
from compiler.ir import Job, Project, Support, Tool
from compiler.passes.context import Context, over_groups
from compiler.tools import TOOLS


def lower_tools(project: Project, context: Context) -> Project:
    return over_groups(project, lambda jobs: tuple(_lowered(job, context) for job in jobs))


def _lowered(job: Job, context: Context) -> Job:
    action = job.action
    if not isinstance(action, Tool):
        return job
    if action.name not in TOOLS:
        context.unknown(codes.WRONG_VALUE, "a tool of headrace's", action.name, TOOLS, action.origin or job.origin)
    return job.replace(action=Support(script=action.name, arguments=action.arguments, origin=action.origin))
