"""What the compiler asks of a target, and how a target says what it can do.

A target is a module or package in `targets/` that offers what `Target` names. It turns lowered pipelines into plain
data; compiler.yamlwriter makes the text.
"""

from __future__ import annotations

from compiler import codes
from compiler.diagnostics import suggest
from compiler.features import Feature, features_used
from compiler.ir import Artifact, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, TypeAlias

    from compiler.diagnostics import Sink
    from compiler.ir import Job, Project, Settings
    from compiler.source import Origin
else:
    Protocol = object


ARTIFACT_BYTES = "artifact bytes"  # the key of LIMITS for the largest output that the target itself holds


class Native(Node):
    """The target's own construct does exactly this."""


class Emulated(Node):
    """The target does this by other means: `how` completes "<target> does this …" in a note."""

    how: str


class Unsupported(Node):
    """The target can't do this: `why`, in a sentence that also names the way out where there is one."""

    why: str


if TYPE_CHECKING:
    Support: TypeAlias = "Native | Emulated | Unsupported"


class Document(Node):
    """One file of output. `path` is relative to the repository's root (or to the output folder).

    `documents` are YAML documents as plain data for compiler.yamlwriter; `text` is a file that is not YAML. `apart`
    sets the entries of the documents' roots apart by blank lines, as people write a `.gitlab-ci.yml`. `manifests` are
    those that it is made from, where they are not the one of the project that was emitted.
    """

    path: str
    documents: tuple[Any, ...] = ()
    text: str | None = None
    apart: bool = False
    manifests: tuple[str, ...] = ()


class Target(Protocol):
    """The names that a target's module offers."""

    NAME: str
    TITLE: str  # as people write it: GitLab CI
    SUPPORT: dict[Feature, Support]
    OPTIONS: frozenset[str]  # of the plain settings in `targets.T`, those that mean something here
    LIMITS: dict[str, int]
    # A target that writes files has `script(name: str) -> str`, the text of one of targets/runtime for images that hold it.
    # A target whose pipelines start from one file also has
    # `emit_together(parts: Sequence[tuple[Project, Settings]], sink: Sink) -> tuple[Document, ...]`, for several manifests.

    def emit(self, project: Project, settings: Settings, sink: Sink) -> tuple[Document, ...]:
        """The output for a lowered project; findings go to the sink (with errors the output is not used)."""

    def recognise(self, remote: str | None, has: Any) -> bool:
        """Whether a repository with this remote URL, where `has(path)` tells what is there, uses this target."""


def check_support(target: Target, project: Project, sink: Sink, allowed: frozenset[str] = frozenset()) -> None:
    """Report, once a feature, what a project asks that the target emulates or can't do.

    A feature whose name (`GPU`) the user allowed is a warning instead of an error.
    """
    used: dict[Feature, list[Origin | None]] = {}
    for pipeline in project.pipelines:
        for feature, origins in features_used(pipeline, project).items():
            used.setdefault(feature, []).extend(origins)
    if len(project.pipelines) > 1:
        used[Feature.SEVERAL_PIPELINES] = [pipeline.origin for pipeline in project.pipelines[1:]]
    for feature, origins in used.items():
        support = target.SUPPORT[feature]
        if isinstance(support, Native):
            continue
        at = next((origin for origin in origins if origin is not None), None)
        more = f" ({len(origins)} places)" if len(origins) > 1 else ""
        if isinstance(support, Emulated):
            sink.report(codes.EMULATED, f"{target.TITLE}: {feature.value}{more}: {support.how}", at)
        else:
            severity = "warning" if feature.name in allowed else None
            sink.report(
                codes.UNSUPPORTED, f"{target.TITLE} has no {feature.value}{more}: {support.why}", at, severity=severity
            )


def check_settings(target: Target, settings: Settings, sink: Sink) -> None:
    """Report the plain settings of `targets.T` that mean nothing to the target."""
    for key, _ in settings.options:
        if key in target.OPTIONS:
            continue
        near = suggest(key, target.OPTIONS)
        known = ", ".join(sorted(target.OPTIONS))
        notes = () if near is not None or not known else (f"of its own it takes {known}",)
        message = f'"{key}" means nothing to {target.TITLE}'
        sink.report(codes.WRONG_SETTING, message, settings.origin, field=key, suggestion=near, notes=notes)


def with_default_store(project: Project, settings: Settings) -> Project:
    """The project where `targets.T.store` holds what names no store itself: outputs and caches.

    (Checkpoints have none but a store, so that targets ask for it there.) Metrics stay with the CI, which shows them.
    """
    if settings.store in (None, "ci"):
        return project
    pipelines = tuple(
        pipeline.replace(jobs=tuple(_in_store(job, settings.store) for job in pipeline.jobs))
        for pipeline in project.pipelines
    )
    return project.replace(pipelines=pipelines)


def _in_store(job: Job, store: str | None) -> Job:
    changes: dict[str, Any] = {}
    if any(isinstance(output, Artifact) for output in job.outputs):
        changes["outputs"] = tuple(
            output.replace(store=store)
            if isinstance(output, Artifact) and output.store is None and output.kind != "metrics"
            else output
            for output in job.outputs
        )
    if job.cache is not None and job.cache.enabled and job.cache.store is None:
        changes["cache"] = job.cache.replace(store=store)
    return job.replace(**changes) if changes else job


def check_sizes(target: Target, project: Project, settings: Settings, sink: Sink) -> None:
    """Report outputs whose declared size is beyond what the target's own artifacts hold, where no store takes them."""
    cap = target.LIMITS.get(ARTIFACT_BYTES)
    if cap is None or settings.store not in (None, "ci"):
        return
    for pipeline in project.pipelines:
        for job in pipeline.jobs:
            for output in job.outputs:
                if not isinstance(output, Artifact) or output.size is None or output.store not in (None, "ci"):
                    continue
                if output.size > cap * 10**9:
                    at = output.origin or job.origin
                    message = f"{target.TITLE} holds at most {cap:,} bytes of one output, and this one has no store"
                    sink.report(codes.OUTPUT_TOO_LARGE, message, at, help="name a `store` for it, or for the target")
