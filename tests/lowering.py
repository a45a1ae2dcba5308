"""Projects written as IR, lowered over a work tree that is held in memory."""

from __future__ import annotations

from compiler.diagnostics import Sink
from compiler.ir import Job, Project, Script
from compiler.passes import Context, lower
from compiler.source import At, Source, Span


class Files:
    """A work tree that holds these texts, and a Dockerfile."""

    def __init__(self, **texts: str) -> None:
        self.texts = {"Dockerfile": "FROM scratch\n", **texts}

    def exists(self, path: str) -> bool:
        return path in self.texts

    def is_file(self, path: str) -> bool:
        return path in self.texts

    def absence(self, path: str) -> str:
        return "is not there" if path not in self.texts else "is no file"

    def source(self, path: str, sink: Sink) -> Source | None:
        del sink  # nothing to report
        return Source(path, self.texts[path]) if path in self.texts else None


MANIFEST = Source("headrace.yaml", "models: {churn: {}}\nservices: {churn: {}}\njobs: {}\n")


def at(path: str) -> At:
    line = {"models": 1, "services": 2}.get(path.split(".")[0], 3)
    start = MANIFEST.offset(line, 1)
    return At(path, Span(MANIFEST, start, start + 1))


def lowered(project: Project, **texts: str) -> tuple[Project, Sink]:
    """The lowered project, and the findings."""
    sink = Sink()
    return lower(project, Context(Files(**texts), sink)), sink


def run(project: Project, **texts: str) -> tuple[dict[str, Job], Sink]:
    """The lowered jobs of the first pipeline by name, and the findings."""
    project, sink = lowered(project, **texts)
    return {job.name: job for job in project.pipelines[0].jobs}, sink


def found(sink: Sink, *numbers: str) -> list[str]:
    """The messages of these codes (all, without any), as `code: message`."""
    return [
        f"{one.code.number}: {one.message}" for one in sink.diagnostics if not numbers or one.code.number in numbers
    ]


def job(name: str, **more: object) -> Job:
    return Job(name=name, **{"action": Script(lines=("true",)), "origin": at(f"jobs.{name}"), **more})


def needs(job: Job) -> dict[str, bool | None]:
    """What a job needs, and whether the outputs arrive."""
    return {need.job: need.artifacts for need in job.needs}
