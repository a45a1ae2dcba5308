"""What is drawn of a pipeline: jobs as boxes, needs as arrows, and what is said about a job."""

from __future__ import annotations

from compiler import graph
from compiler.ir import (
    Artifact,
    BuildImage,
    Call,
    Deploy,
    Environment,
    Exec,
    Job,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPipeline,
    OnPush,
    OnSchedule,
    Pipeline,
    Project,
    Ref,
    Script,
    Support,
)
from compiler.matrix import legs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Action, Resources, Text, Trigger


class Box:
    """One job."""

    __slots__ = ("details", "kind", "name", "needs", "place", "tags")

    def __init__(self, job: Job) -> None:
        self.name = job.name
        self.kind = kind(job.action)
        self.needs = [need.job for need in job.needs]
        self.tags = list(tags(job))
        self.details = list(details(job))
        self.place = "" if job.origin is None else f"{job.origin.span()!r}"


class Drawing:
    """One pipeline: its boxes by layers. What lies on a cycle of needs stands in a last layer of its own."""

    __slots__ = ("boxes", "layers", "manifest", "name", "project", "triggers")

    def __init__(self, project: Project, pipeline: Pipeline) -> None:
        self.name = pipeline.name
        self.project = project.name
        self.manifest = project.manifest
        self.triggers = [trigger(one) for one in pipeline.triggers]
        self.boxes = {job.name: Box(job) for job in pipeline.jobs}
        needs = {name: box.needs for name, box in self.boxes.items()}
        self.layers = graph.layers(needs)
        placed = {name for layer in self.layers for name in layer}
        left = [name for name in needs if name not in placed]
        if left:
            self.layers.append(left)

    @property
    def edges(self) -> list[tuple[str, str]]:
        """(needed, needing), for needs that are there."""
        return [(need, box.name) for box in self.boxes.values() for need in box.needs if need in self.boxes]


def drawing(project: Project, pipeline: Pipeline) -> Drawing:
    return Drawing(project, pipeline)


def kind(action: Action | None) -> str:
    kinds: dict[type, str] = {BuildImage: "build", Deploy: "deploy", Call: "call", Support: "check"}
    return kinds.get(type(action), "run")


def spelled(text: Text) -> str:
    """Text as the manifest has it."""
    return "".join(_piece(piece) for piece in text)


def _piece(piece: str | Ref) -> str:
    if isinstance(piece, str):
        return piece
    return "{{ " + ".".join(filter(None, (piece.kind, piece.name, piece.member))) + " }}"


def tags(job: Job) -> list[str]:
    """What is worth a word beside the name."""
    found = []
    if job.matrix is not None:
        found.append(f"{len(legs(job.matrix))} legs")
    if job.resources is not None and job.resources.accelerator is not None:
        found.append(f"{job.resources.accelerator.count} GPU")
    if job.condition is not None:
        found.append("when")
    if job.run_on not in (None, "success"):
        found.append(f"on {job.run_on}")
    if job.approval is not None:
        found.append("approval")
    if job.allow_failure:
        found.append("may fail")
    return found


def details(job: Job) -> list[tuple[str, str]]:
    """Name and value of what a click shows."""
    found = [("does", _action(job.action))]
    environment = job.environment
    if isinstance(environment, Environment) and environment.image:
        found.append(("image", spelled(environment.image)))
    if job.needs:
        found.append(("needs", ", ".join(need.job for need in job.needs)))
    if job.condition is not None:
        from compiler.condition import text

        found.append(("when", text(job.condition)))
    if job.matrix is not None:
        axes = "; ".join(f"{name}: {', '.join(values)}" for name, values in job.matrix.axes)
        found.append(("matrix", f"{len(legs(job.matrix))} legs ({axes})"))
    if job.resources is not None:
        found.append(("resources", _resources(job.resources)))
    if job.inputs:
        found.append(("inputs", "\n".join(spelled(given.path) for given in job.inputs)))
    paths = [spelled(output.path) if isinstance(output, Artifact) else "changed files" for output in job.outputs]
    if paths:
        found.append(("outputs", "\n".join(paths)))
    if job.timeout is not None:
        from compiler.duration import text as duration

        found.append(("timeout", duration(job.timeout)))
    return [(name, value) for name, value in found if value]


def _action(action: Action | None) -> str:
    if isinstance(action, Script):
        return spelled(action.lines)
    if isinstance(action, Exec):
        return " ".join(spelled(word) for word in action.argv)
    if isinstance(action, BuildImage):
        return f"builds the image {action.environment or ''}".rstrip()
    if isinstance(action, Deploy):
        return f"deploys to {action.to or action.cluster or action.platform}"
    if isinstance(action, Call):
        return f"runs the pipeline {action.pipeline}"
    return f"headrace's own {action.script}" if isinstance(action, Support) else ""


def _resources(resources: Resources) -> str:
    from compiler.quantity import text

    found = []
    amounts = resources.request or resources.limit
    for name in ("cpu", "memory", "storage"):
        amount = getattr(amounts, name, None)
        if amount is not None:
            found.append(f"{name} {text(amount)}")
    if resources.accelerator is not None:
        found.append(f"{resources.accelerator.count} {resources.accelerator.kind or 'GPU'}")
    return ", ".join(found)


def trigger(one: Trigger) -> str:
    """A trigger in a few words."""
    if isinstance(one, OnSchedule):
        return f"schedule {one.cron}" + (f" {one.timezone}" if one.timezone else "")
    if isinstance(one, OnPipeline):
        return f"after {one.pipeline}"
    if isinstance(one, OnPush):
        globs = ", ".join([*one.branches, *one.tags])
        return f"push {globs}" if globs else "push"
    return {OnChangeRequest: "change request", OnManual: "by hand", OnCall: "call"}[type(one)]
