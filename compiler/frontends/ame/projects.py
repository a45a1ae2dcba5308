"""An ame.yaml as a whole: its dialect, its sections, and the other projects of the repository that it may refer to."""

from __future__ import annotations

from compiler import codes, reader, yamltree
from compiler.credentials import check_source
from compiler.diagnostics import ERROR, Sink
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config, serde
from compiler.frontends.ame.resources import read_amounts
from compiler.frontends.ame.serde import CURRENT, DOCUMENTED, GO, RUST, Context, Key
from compiler.frontends.ame.tasks import TASK, read_path, read_reference, read_schedule, read_task
from compiler.yamltree import Mapping, Slot, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.ame.serde import Table
    from compiler.frontends.base import Files
    from compiler.ir import Project
    from compiler.source import Source

PATTERNS = ("ame.yaml", "ame.yml", "**/ame.yaml", "**/ame.yml")


def read_unit(unit: str, files: Files, sink: Sink) -> Project | None:
    """The project of a file, with what it takes from the other projects of its repository."""
    from compiler.frontends.ame.lowering import lower

    source = files.source(unit, sink)
    if source is None:
        return None
    check_source(source, sink)
    slot = _root(source, sink)
    if slot is None:
        return None
    found = read_config(slot, unit, files, sink)
    return None if found is None else lower(found, Others(found, unit, files, sink), files, sink, unit)


class Others:
    """The other projects of a repository by name, read when the first of them is asked for."""

    def __init__(self, own: config.ProjectConfig, unit: str, files: Files, sink: Sink) -> None:
        self.own = own
        self.unit = unit
        self.files = files
        self.sink = sink
        self.found: dict[str, list[tuple[config.ProjectConfig, Sink]]] | None = None

    def project(self, name: str | None) -> config.ProjectConfig | None:
        """A project, the own one for no name; None where there is none, or more than one, of that name."""
        if name is None or name == self.own.name:
            return self.own
        if self.found is None:
            self.found = self._read_all()
        found = self.found.get(name, [])
        if len(found) != 1:
            return None
        other, faults = found[0]
        for one in faults.diagnostics:
            if one.severity == ERROR:
                self.sink.report(one.code, one.message, one.span, labels=one.labels, help=one.help, notes=one.notes)
        return other

    def names(self) -> list[str]:
        return sorted(self.found or ())

    def _read_all(self) -> dict[str, list[tuple[config.ProjectConfig, Sink]]]:
        found: dict[str, list[tuple[config.ProjectConfig, Sink]]] = {}
        paths = dict.fromkeys(path for pattern in PATTERNS for path in self.files.glob(pattern))
        for path in sorted(paths):
            if path == self.unit:
                continue
            sink = Sink()
            source = self.files.source(path, sink)
            slot = None if source is None else _root(source, sink)
            other = None if slot is None else read_config(slot, path, self.files, sink)
            if other is not None:
                found.setdefault(other.name, []).append((other, sink))
        return found


def _root(source: Source, sink: Sink) -> Slot | None:
    """The one document of the file."""
    errors = sink.count(ERROR)
    documents = yamltree.parse(source, sink)
    if len(documents) > 1 and documents[1].root is not None:
        at = yamltree.root_slot(documents[1]).span_here
        sink.report(codes.SEVERAL_DOCUMENTS, "AME takes one YAML document, another begins here", at)
        return None
    if documents and documents[0].root is not None:
        slot = yamltree.root_slot(documents[0])
        if not reader.is_null(slot.value):
            return slot
    if sink.count(ERROR) == errors:
        advice = "begin it with name: and the project's name"
        sink.report(codes.EMPTY_FILE, "the manifest is empty", source.whole(), help=advice)
    return None


# ---------------------------------------------------------------------------------------------------- data sets, models


def _size(slot: Slot, context: Context) -> None:
    """AME reads it and uses it nowhere."""
    message = 'AME never uses the "size" of a data set'
    advice = (
        "what is larger than a CI keeps for a job needs a store: `headrace convert` writes a manifest that takes one"
    )
    context.sink.report(ame.IGNORED_KEY, message, slot.key_span, help=advice)


def _reference_task(slot: Slot, context: Context) -> config.Task | None:
    """The documentation's `taskRef` of a data set, beside `task`."""
    found = read_reference(slot, context)
    return None if found is None else config.Task(reference=found, origin=slot)


DATA_SET: Table = {
    "name": Key("name", serde.filled_text),
    "path": Key("path", read_path),
    "task": Key("task", read_task),
    "size": Key("size", _size),
    "taskRef": Key("task", _reference_task, "task"),
}


def _data_set(slot: Slot, context: Context) -> config.DataSet | None:
    found = serde.section(slot, context, DATA_SET, "a data set")
    if found is None:
        return None
    lacking = [serde.lacks(found, key, key, "a data set", slot, context) for key in ("name", "path")]
    return None if any(lacking) else config.DataSet(**found)


def _training(slot: Slot, context: Context) -> dict[str, Any] | None:
    return serde.section(slot, context, TRAINING, '"training"')


TRAINING: Table = {"task": Key("task", read_task), "schedule": Key("schedule", read_schedule, "", left=True)}
VALIDATION: Table = {"task": Key("task", read_task)}


def _validation(slot: Slot, context: Context) -> config.Task | None:
    found = serde.section(slot, context, VALIDATION, '"validation"') or {}
    task: config.Task | None = found.get("task")
    return task


DEPLOYMENT: Table = {
    "ingressAnnotations": Key("annotations", serde.pairs),
    "replicas": Key("replicas", serde.whole),
    "image": Key("image", serde.text),
    "resources": Key("resources", read_amounts),
    "enableTls": Key("tls", serde.boolean),
    "autoDeploy": Key("automatic", serde.boolean, ""),
    "ingress_annotations": Key("annotations", serde.pairs, "ingressAnnotations", left=True),
    "enable_tls": Key("tls", serde.boolean, "enableTls", left=True),
    "deploy": Key("wanted", serde.boolean, "", left=True),
    "auto_train": Key("automatic", serde.boolean, "", left=True),
    "ingress": Key("ingress", serde.skipped, "ingressAnnotations", left=True),
}


def _deployment(slot: Slot, context: Context) -> config.Deployment | None:
    """Nothing behind the key is no deployment; an empty mapping is one."""
    found = serde.section(slot, context, DEPLOYMENT, '"deployment"')
    return None if found is None else config.Deployment(**found)


MODEL: Table = {
    "name": Key("name", serde.filled_text),
    "training": Key("training", _training),
    "validationTask": Key("validation", read_task),
    "deployment": Key("deployment", _deployment),
    "validation": Key("validation", _validation, "validationTask"),
    "type": Key("type", serde.skipped, "", left=True),
    "modelType": Key("type", serde.skipped, "", left=True),
}


def _model(slot: Slot, context: Context) -> config.Model | None:
    found = serde.section(slot, context, MODEL, "a model")
    if found is None or serde.lacks(found, "name", "name", "a model", slot, context):
        return None
    training = found.pop("training", None) or {}
    return config.Model(training=training.get("task"), schedule=training.get("schedule"), **found)


# ------------------------------------------------------------------------------------------------------------- the root


def _tasks(slot: Slot, context: Context) -> tuple[config.Task, ...] | None:
    """A list of tasks, or as the Go version had it, tasks by name."""
    if isinstance(slot.value, Mapping):
        if context.dialect != GO:
            serde.other_spelling(slot, context, f'AME takes "{slot.key}" as a list')
        found = (read_task(entry, context, str(entry.key)) for entry in slots(slot.value))
        return tuple(task for task in found if task is not None)
    return serde.listed(read_task)(slot, context)


def _triggers(slot: Slot, context: Context) -> bool | None:
    message = 'AME takes no notice of "enableTriggers": `ame project push --triggers` alone switches them on'
    context.sink.report(ame.LOST_TRIGGER, message, slot.key_span, notes=("headrace takes it as it is meant",))
    return serde.boolean(slot, context)


PROJECT: Table = {
    "name": Key("name", serde.filled_text),
    "models": Key("models", serde.listed(_model)),
    "dataSets": Key("datasets", serde.listed(_data_set)),
    "tasks": Key("tasks", _tasks),
    "templates": Key("templates", _tasks),
    "enableTriggers": Key("triggers", _triggers),
    "project": Key("name", serde.filled_text, "name", quiet=True),
    "projectName": Key("name", serde.filled_text, "name", quiet=True),
    "projectid": Key("name", serde.filled_text, "name", left=True),
    "projectname": Key("name", serde.filled_text, "name", left=True),
    "defaultTask": Key("default_task", serde.text, "", left=True),
    "logEntry": Key("log", serde.skipped, "", left=True),
}


def read_config(slot: Slot, unit: str, files: Files, sink: Sink) -> config.ProjectConfig | None:
    """What one file says; a project without a name takes that of its folder."""
    node = slot.value
    if not isinstance(node, Mapping):
        at = slot.span_here if isinstance(node, str) else node.own_span()
        sink.report(codes.WRONG_TYPE, f"an AME project is a mapping, not {reader.kind_of(node)}", at)
        return None
    folder = unit.rpartition("/")[0]
    context = Context(sink, files, folder, dialect_of(node))
    if context.dialect == DOCUMENTED and not set(PROJECT).intersection(node.entries):
        message = "this is no AME project, which has a name and tasks"
        advice = "write it below tasks:" if set(TASK).intersection(node.entries) else None
        sink.report(codes.MISSING_KEY, message, node, help=advice)
        return None
    found = serde.section(slot, context, PROJECT, "a project") or {}
    found.pop("log", None)
    if context.dialect == DOCUMENTED:
        advice = None if "name" in found else "write name: and the project's name; here it is that of its folder"
        sink.report(ame.OTHER_SPELLING, 'AME refuses a project without "name"', node, help=advice)
    name = found.pop("name", None) or folder.rpartition("/")[2] or "ame"
    made = config.ProjectConfig(name=name, dialect=context.dialect, folder=folder, **found)
    return _owned(made)


def dialect_of(node: Mapping) -> str:
    """The dialect, by the root's keys: what is current counts more than what is left over from before."""
    for key in (CURRENT, GO, RUST):
        if key in node.entries:
            return key
    return DOCUMENTED


def _owned(project: config.ProjectConfig) -> config.ProjectConfig:
    """A project whose templates and data sets know whose they are."""
    return project.replace(
        tasks=tuple(task.replace(project=project.name) for task in project.tasks),
        templates=tuple(task.replace(project=project.name) for task in project.templates),
        datasets=tuple(one.replace(project=project.name) for one in project.datasets),
    )
