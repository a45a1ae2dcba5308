"""Several manifests in one `.gitlab-ci.yml`: what they say of that file, put together."""

from __future__ import annotations

from compiler import codes
from compiler.ir import Project, Settings
from compiler.target import with_default_store
from targets.gitlab.output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.diagnostics import Sink
    from compiler.target import Document


def emit(parts: Sequence[tuple[Project, Settings]], sink: Sink) -> tuple[Document, ...]:
    parts = [(with_default_store(*part), part[1]) for part in parts if part[0].pipelines]
    if not parts:
        return ()
    first = parts[0][0]
    pipelines = tuple(pipeline for project, _ in parts for pipeline in project.pipelines)
    project = Project(name=first.name, manifest=first.manifest, pipelines=pipelines, origin=first.origin)
    return Output(project, _settings(parts, sink), sink, parts).emit()


def _settings(parts: Sequence[tuple[Project, Settings]], sink: Sink) -> Settings:
    """What the parts say of the one file. Two places for it can't be."""
    output = None
    for project, settings in parts:
        if output is not None and settings.output not in (None, output):
            message = (
                f'{project.manifest} puts the one file of all manifests at "{settings.output}", another at "{output}"'
            )
            sink.report(codes.SEVERAL_OUTPUTS, message, settings.origin, field="output")
        output = output or settings.output
    include = dict.fromkeys(path for _, settings in parts for path in settings.include)
    return Settings(target=parts[0][1].target, output=output, include=tuple(include))
