"""What every pass works with, and the few operations that they share."""

from __future__ import annotations

from compiler.diagnostics import Code, Label, Sink
from compiler.ir import Job, Project, Ref
from compiler.source import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol, TypeVar

    from compiler.diagnostics import Place
    from compiler.ir import Pipeline, Text
    from compiler.source import Source

    class Files(Protocol):
        """The part of a repository that passes read."""

        def exists(self, path: str) -> bool: ...
        def is_file(self, path: str) -> bool: ...
        def absence(self, path: str) -> str: ...
        def source(self, path: str, sink: Sink) -> Source | None: ...

    Group = TypeVar("Group", Project, Pipeline)


class Context:
    """The findings of a run, and the files that the manifest lies among."""

    __slots__ = ("files", "sink")

    def __init__(self, files: Files, sink: Sink) -> None:
        self.files = files
        self.sink = sink

    def unknown(
        self, code: Code, what: str, name: str, known: Iterable[str], at: Place, field: str | None = None
    ) -> None:
        """Report a name that does not exist, with the nearest one that does. Where the field is a list, its item is meant."""
        known = list(known) if self.sink.compares else []
        near = self.sink.nearest(name, known)
        notes = () if near or not known else (f"there is {', '.join(sorted(known)[:12])}",)
        if field is not None and not field.endswith("]"):
            field = f"{field}[{name}]"
        self.sink.report(code, f'"{name}" is not {what}', at, field=field, suggestion=near, notes=notes)


def over_groups(project: Project, change: Callable[[tuple[Job, ...]], tuple[Job, ...]]) -> Project:
    """Apply a change to every group of jobs that know one another: the project's pool, and each pipeline's own jobs."""
    pipelines = tuple(_over_group(pipeline, change) for pipeline in project.pipelines)
    return _over_group(project, change).replace(pipelines=pipelines)


def over_pool(project: Project, change: Callable[[tuple[Job, ...], tuple[Job, ...]], tuple[Job, ...]]) -> Project:
    """The same for changes that look at other jobs: a pipeline's own jobs may need those of the pool, which stand in the
    second argument as the change has left them. (The pool's can't need a pipeline's.)"""
    project = _over_group(project, lambda jobs: change(jobs, ()))
    pool = project.jobs
    pipelines = tuple(_over_group(pipeline, lambda jobs: change(jobs, pool)) for pipeline in project.pipelines)
    return project.replace(pipelines=pipelines)


def each_job(project: Project, look: Callable[[Job], object]) -> None:
    """Look at every job of the pool and of the pipelines."""
    for jobs in (project.jobs, *(pipeline.jobs for pipeline in project.pipelines)):
        for job in jobs:
            look(job)


def _over_group(group: Group, change: Callable[[tuple[Job, ...]], tuple[Job, ...]]) -> Group:
    jobs = change(group.jobs) if group.jobs else group.jobs
    return group if jobs is group.jobs else group.replace(jobs=jobs)


def named(text: Text) -> str:
    """Text as a message shows it, holes in the manifest's spelling."""
    return "".join(piece if isinstance(piece, str) else hole(piece) for piece in text)


def hole(ref: Ref) -> str:
    inner = f"{ref.kind}.{ref.name}" + (f".{ref.member}" if ref.member else "")
    return "{{ " + inner + " }}"


def labels(*places: tuple[Origin | None, str]) -> tuple[Label, ...]:
    """Labels for the places that are known."""
    return tuple(Label(origin.span(), message) for origin, message in places if origin is not None)
