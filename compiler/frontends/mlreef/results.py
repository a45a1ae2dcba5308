"""Results on a branch of their own, where a pipeline asks for it.

MLReef's platform pushes the whole data set with all results. Here a branch gets what the pipeline's last jobs leave, by a
commit that starts nothing.
"""

from __future__ import annotations

from compiler.ir import Artifact, Deploy, Job, Need
from compiler.source import At

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.source import Origin

MESSAGE = "Add pipeline results [skip ci]"


def push_job(pipeline: str, branch: str, jobs: list[Job], at: Origin) -> Job | None:
    """The job that commits what some jobs leave; None where they leave nothing."""
    at = At(f"{at.path}.results", at.span("results"))
    leaving = [job for job in jobs if job.outputs]
    documents = dict.fromkeys(_folder(job) for job in leaving)
    if not documents:
        return None
    action = Deploy(platform="gitops", branch=branch, documents=tuple(documents), message=MESSAGE, origin=at)
    needs = tuple(Need(job=job.name, origin=at) for job in leaving)
    return Job(name=f"{pipeline}-results", action=action, needs=needs, timeout=1800, origin=at)


def _folder(job: Job) -> str:
    """The folder that holds what all legs of a job leave."""
    output = next(output for output in job.outputs if isinstance(output, Artifact))
    first = str(output.path[0])
    return first if len(output.path) == 1 else first.rpartition("/")[0] or first
