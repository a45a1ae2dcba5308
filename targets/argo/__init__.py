"""Argo Workflows: a WorkflowTemplate a pipeline, with what starts it and what it needs beside it."""

from __future__ import annotations

from compiler import codes as core
from compiler.target import Document, with_default_store
from targets.argo.options import LIMITS, OPTIONS, Options
from targets.argo.support import SUPPORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Project, Settings
    from targets.argo import workflows
    from targets.argo.images import Images

NAME = "argo"
TITLE = "Argo Workflows"
FOLDER = "argo"

# What an overlay may not touch: it would let a pod out of its box, or take away what the compiler promises.
FORBIDDEN = (
    ("spec", "hostNetwork"),
    ("spec", "podSpecPatch"),
    ("spec", "templates"),
    ("spec", "entrypoint"),
    ("spec", "arguments"),
    ("podSpecPatch",),
    ("inputs",),
    ("activeDeadlineSeconds",),
    ("container", "securityContext", "privileged"),
    ("script", "securityContext", "privileged"),
    ("container", "securityContext", "allowPrivilegeEscalation"),
    ("script", "securityContext", "allowPrivilegeEscalation"),
    ("container", "args"),
    ("container", "command"),
    ("script", "source"),
    ("script", "command"),
)


def emit(project: Project, settings: Settings, sink: Sink) -> tuple[Document, ...]:
    """A file a pipeline; the first one that listens to the repository brings the event source along."""
    from targets.argo import triggers, workflows  # not for those who only ask whether this target is meant
    from targets.argo.images import Images

    project = with_default_store(project, settings)
    for path in settings.include:
        message = f'"{path}" can\'t be included: a workflow is an object of its own'
        advice = "apply it beside the compiled ones; they may start it by its name"
        sink.report(core.WRONG_SETTING, message, settings.origin, field=f"include[{path}]", help=advice)
    options = Options(settings, sink)
    images = Images(project, options, sink)
    made = [workflows.make(project, pipeline, settings, options, images, sink) for pipeline in project.pipelines]
    folder = (settings.output or FOLDER).rstrip("/")
    documents = []
    listening = False
    for one in made:
        one.others += triggers.schedules(one.scope)
        if triggers.listens(one.scope.pipeline):
            triggers.say_setup(one.scope)
            if options.repository is not None:
                if not listening:
                    one.others.append(triggers.event_source(one.scope, project))
                    listening = True
                one.others.append(triggers.sensor(one.scope))
        if one.workflow:
            triggers.follow(one.scope, project, one.workflow)
        held = workflows.locks(one.scope, one.scope.pipeline.jobs)
        if held is not None:
            one.others.append(held)
        whole = tuple(data for data in (one.workflow, *one.parts, *one.others) if data)
        documents.append(Document(path=f"{folder}/{one.scope.names.workflow}.yaml", documents=whole))
    _say_needed(made, images, sink, settings)
    _overlay(made, settings, sink)
    if options.kustomization:
        documents.append(_kustomization(folder, documents))
    return tuple(documents)


def emit_together(parts: Sequence[tuple[Project, Settings]], sink: Sink) -> tuple[Document, ...]:
    """The output for several manifests' projects: each has files of its own, and one kustomization names them all."""
    documents: list[Document] = []
    folders = []
    for project, settings in parts:
        if Options(settings, sink).kustomization:
            folders.append((settings.output or FOLDER).rstrip("/"))
        options = tuple(option for option in settings.options if option[0] != "kustomization")
        made = emit(project, settings.replace(options=options), sink)
        documents += [document.replace(manifests=(project.manifest,)) for document in made]
    if folders:
        manifests = tuple(project.manifest for project, _ in parts)
        documents.append(_kustomization(folders[0], documents).replace(manifests=manifests))
    return tuple(documents)


def _kustomization(folder: str, documents: list[Document]) -> Document:
    """What `kubectl apply --kustomize`, Flux and Argo CD take for the list of files."""
    from posixpath import relpath

    data = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [relpath(document.path, folder) for document in documents],
    }
    return Document(path=f"{folder}/kustomization.yaml", documents=(data,))


def _overlay(made: list[workflows.Made], settings: Settings, sink: Sink) -> None:
    given = settings.overlay
    if not given:
        return
    from targets import overlay

    if not isinstance(given, dict):
        overlay.apply({}, given, {}, FORBIDDEN, sink, settings.origin)
        return
    jobs: dict[str, list[dict[str, Any]]] = {}
    for one in made:
        if one.workflow and "pipeline" in given:
            overlay.apply(one.workflow, {"pipeline": given["pipeline"]}, {}, FORBIDDEN, sink, settings.origin)
        for name, templates in one.templates.items():
            jobs.setdefault(name, []).extend(templates)
    rest = {part: tree for part, tree in given.items() if part != "pipeline"}
    overlay.apply({}, rest, jobs, FORBIDDEN, sink, settings.origin)
    those = overlay.touched(given, jobs).values()
    for one in made:
        if one.workflow:
            spec = {**one.workflow["spec"], "templates": [one.workflow["spec"]["templates"][0], *those]}
            overlay.judge("argo", [{**one.workflow, "spec": spec}], sink, settings.origin)


def _say_needed(made: list[workflows.Made], images: Images, sink: Sink, settings: Settings) -> None:
    """One note a thing that must stand in the cluster before the pipelines run."""
    from targets.argo import pods

    notes: dict[str, None] = {}
    for one in made:
        notes.update(one.scope.notes)
        if any(images.is_pushed(job) and not images.by_identity(name) for name, job in images.builds.items()):
            notes[f'the secret "{images.secret}" of type kubernetes.io/dockerconfigjson has the registry\'s login'] = (
                None
            )
        for job in one.scope.pipeline.jobs:
            identity = pods.identity(one.scope, job)
            if identity is not None:
                notes.update(_annotation(identity))
    for note in notes:
        sink.report(core.ACTION_NEEDED, f"Argo Workflows needs this in its namespace: {note}", settings.origin)


def _annotation(identity: Any) -> dict[str, None]:
    from targets.argo import pods

    if identity.provider not in pods.ANNOTATED:
        return {}
    annotation, field = pods.ANNOTATED[identity.provider]
    value = dict(identity.settings).get(field)
    # Google's alone may be without: https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity
    if value is None:
        return {f'the service account "{pods.account(identity)}" has its rights in the cloud itself': None}
    return {f'the service account "{pods.account(identity)}" is annotated {annotation}: {value}': None}


def script(name: str) -> str:
    """The text of one of headrace's own scripts, for images that hold it."""
    from targets.runtime import script as text

    return text(name)


def recognise(remote: str | None, has: Any) -> bool:
    """Nothing in a remote's URL says Argo; a folder of ours does."""
    del remote
    return bool(has(FOLDER))


__all__ = ["FORBIDDEN", "LIMITS", "NAME", "OPTIONS", "SUPPORT", "TITLE", "emit", "recognise", "script"]
