"""A task, key by key, in every dialect: what runs it, what it gets, what is kept of it."""

from __future__ import annotations

from compiler import codes, reader
from compiler.diagnostics import Edit, Fix, listed, suggest
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config, serde
from compiler.frontends.ame.resources import read_amounts
from compiler.frontends.ame.secrets import read_secrets
from compiler.frontends.ame.serde import GO, Key
from compiler.frontends.ame.variables import read_env
from compiler.yamltree import Mapping, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.ame.serde import Context, Table

# ------------------------------------------------------------------------------------------------------------ executors

KINDS: dict[str, tuple[str, ...]] = {  # tag: what its body must say
    "poetry": ("pythonVersion", "command"),
    "pip": ("pythonVersion", "command"),
    "pipEnv": ("command",),
    "mlflow": (),
    "custom": ("pythonVersion", "command"),
}
TYPES = {"pipenv": "pipEnv", "mlflow": "mlflow", "poetry": "poetry", "0": "pipEnv", "1": "mlflow", "2": "poetry"}


def _version(slot: Slot, context: Context) -> str | None:
    """A version as text: `3.10` stays 3.10. pyenv builds other interpreters too, which no image of the table holds."""
    value = serde.filled_text(slot, context)
    if value is None or (len(value.split(".")) <= 3 and all(part.isdecimal() for part in value.split("."))):
        return value
    message = f'"pythonVersion" takes a version such as 3.11, not {reader.shown(value)}'
    context.sink.report(codes.WRONG_VALUE, message, slot.span_here)
    return None


_BODY: Table = {
    "pythonVersion": Key("python", _version),
    "command": Key("command", serde.filled_text),
    "image": Key("image", serde.text, ""),
}
_BARE: Table = {**_BODY, "pythonVersion": Key("python", _version, "")}
_FIELDS = {"pythonVersion": "python", "command": "command"}
BODIES: dict[str, Table] = {
    "poetry": _BODY,
    "pip": _BODY,
    "custom": _BODY,
    "pipEnv": _BARE,
    "mlflow": {"image": _BODY["image"]},
}


def read_executor(slot: Slot, context: Context) -> config.Executor | None:
    """`!poetry {pythonVersion, command}`: the tag says which. As JSON has it, `{poetry: {…}}`, AME refuses it here."""
    if slot.tag is not None:
        kind = _kind(slot.tag.removeprefix("!"), slot, context)
        return None if kind is None else _body(kind, slot, context)
    if isinstance(slot.value, Mapping) and len(slot.value) == 1:
        (entry,) = slots(slot.value)
        kind = _alike(str(entry.key))
        if kind is not None:
            near = f"executor: !{kind}"
            serde.other_spelling(entry, context, f'AME wants a tag for "{entry.key}" in an executor', near)
            return _body(kind, entry, context)
    if reader.is_null(slot.value):
        return None
    _untagged(slot, context)
    return None


def _kind(tag: str, slot: Slot, context: Context) -> str | None:
    if tag in KINDS:
        return tag
    if tag == "pipenv":  # https://teainspace.github.io/ame/: the documentation's spelling of !pipEnv
        serde.other_spelling(slot, context, 'AME refuses the tag "!pipenv" of its documentation', "!pipEnv")
        return "pipEnv"
    near = _alike(tag) or suggest(tag, KINDS)
    message = f'AME has no executor "!{tag}", it has {listed(f"!{kind}" for kind in KINDS)}'
    context.sink.report(ame.NO_EXECUTOR, message, slot.span_here, suggestion=near and f"!{near}")
    return None


def _alike(word: str) -> str | None:
    """The executor of that name, however it is cased."""
    return next((kind for kind in KINDS if kind.lower() == word.lower()), None)


def _untagged(slot: Slot, context: Context) -> None:
    tags = listed(f"!{kind}" for kind in KINDS)
    at, fix, near = slot.span_here, None, None
    if isinstance(slot.value, str):
        near = _alike(slot.value)
        fix = Fix(f"write !{near}", Edit(at, f"!{near}")) if near == "mlflow" else None
    else:
        at = type(at)(at.source, at.start, at.start + 1)
    message = f'"executor" needs a tag that says what runs it: {tags}'
    context.sink.report(ame.NO_EXECUTOR, message, at, suggestion=near and f"!{near}", fix=fix)


def _body(kind: str, slot: Slot, context: Context) -> config.Executor | None:
    value = slot.value
    if not isinstance(value, Mapping):
        if not reader.is_null(value):
            serde.wrong_type(slot, context, "a mapping behind its tag")
            return None
        for key in KINDS[kind]:
            context.sink.report(codes.MISSING_KEY, f'the executor "!{kind}" needs "{key}"', slot.span_here)
        return None if KINDS[kind] else config.Executor(kind=kind, origin=slot)
    plain = Slot(slot.container, slot.key, value, slot.document)
    found = serde.section(plain, context, BODIES[kind], f'the executor "!{kind}"')
    if found is None:
        return None
    faults = [serde.lacks(found, _FIELDS[key], key, f'the executor "!{kind}"', plain, context) for key in KINDS[kind]]
    return None if any(faults) else config.Executor(kind=kind, **found)


# ---------------------------------------------------------------------------------------------- references and templates

REFERENCE: Table = {"name": Key("name", serde.filled_text), "project": Key("project", serde.text)}


def read_reference(slot: Slot, context: Context) -> config.Reference | None:
    """`{name, project}`, or as older files and the documentation have it, a name."""
    if isinstance(slot.value, str):
        name = serde.text(slot, context)
        if not name:
            return None
        serde.other_spelling(slot, context, f'AME takes "{slot.key}" as a mapping', "{name: " + name + "}")
        return config.Reference(name=name, origin=slot)
    found = serde.section(slot, context, REFERENCE, f'"{slot.key}"')
    if found is None or serde.lacks(found, "name", "name", f'"{slot.key}"', slot, context):
        return None
    return config.Reference(**found)


def read_template(slot: Slot, context: Context) -> config.Reference | None:
    """As a reference; the text "project.template" names another project's."""
    found = read_reference(slot, context)
    if found is None or not isinstance(slot.value, str):
        return found
    project, dot, name = found.name.partition(".")
    return found.replace(name=name, project=project) if dot and name and project else found


DATA_SET: Table = {"ref": Key("ref", read_reference)}


def _data_set(slot: Slot, context: Context) -> config.Reference | None:
    """`name`, `project.name`, or as the documentation has it, `{ref: {name, project}}`."""
    if isinstance(slot.value, Mapping):
        serde.other_spelling(slot, context, 'AME takes a data set as text: "name" or "project.name"')
        found = serde.section(slot, context, DATA_SET, "a data set of a task") or {}
        reference: config.Reference | None = found.get("ref")
        return reference
    name = serde.filled_text(slot, context)
    if name is None:
        return None
    parts = name.split(".")  # AME looks at the first two alone
    if len(parts) == 1:
        return config.Reference(name=name, origin=slot)
    return config.Reference(name=parts[1], project=parts[0], origin=slot)


# ---------------------------------------------------------------------------------------------------- artifacts, triggers


def read_path(slot: Slot, context: Context) -> config.Path | None:
    value = serde.filled_text(slot, context)
    return None if value is None else config.Path(path=value, origin=slot)


ARTIFACTS: Table = {
    "saveChangedFiles": Key("changed", serde.boolean),
    "paths": Key("paths", serde.listed(read_path)),
}


def read_artifacts(slot: Slot, context: Context) -> config.Artifacts | None:
    found = serde.section(slot, context, ARTIFACTS, f'"{slot.key}"')
    if found is None:
        return None
    node = slot.value
    if isinstance(node, Mapping) and "saveChangedFiles" not in node.entries and slot.key == "artifactCfg":
        serde.other_spelling(slot, context, f'AME refuses "{slot.key}" without "saveChangedFiles"')
    elif found.get("changed") and found.get("paths") and isinstance(node, Mapping):
        message = 'AME ignores "paths" where "saveChangedFiles" is true'
        advice = "every file that the task changes is kept, those among them"
        context.sink.report(ame.IGNORED_KEY, message, node.key_span("paths"), help=advice)
    elif not found.get("changed") and not found.get("paths"):
        message = f'"{slot.key}" keeps nothing: "saveChangedFiles" is false and there are no "paths"'
        context.sink.report(ame.IGNORED_KEY, message, slot)
    return config.Artifacts(**found)


def read_schedule(slot: Slot, context: Context) -> config.Schedule | None:
    value = serde.text(slot, context)
    return config.Schedule(cron=value, origin=slot) if value else None


TRIGGERS: Table = {"schedule": Key("schedule", read_schedule)}


def _triggers(slot: Slot, context: Context) -> config.Schedule | None:
    found = serde.section(slot, context, TRIGGERS, '"triggers"') or {}
    schedule: config.Schedule | None = found.get("schedule")
    return schedule


# -------------------------------------------------------------------------------------------------- older dialects' source

SOURCE: Table = {
    "gitrepository": Key("repository", serde.text),
    "gitRepository": Key("repository", serde.text),
    "gitreference": Key("reference", serde.text),
    "gitReference": Key("reference", serde.text),
    "amestoragepath": Key("storage", serde.text),
    "ameStoragePath": Key("storage", serde.text),
}


def _source(slot: Slot, context: Context) -> None:
    """Where the code was fetched from. A pipeline runs the commit that it was started for."""
    if context.current:
        return
    found = serde.section(slot, context, SOURCE, '"source"') or {}
    if len(found) > 1:
        message = "the task runs this repository's commit, not what its source names"
        context.sink.report(ame.IGNORED_KEY, message, slot)


# ---------------------------------------------------------------------------------------------------------------- tasks


def _type(slot: Slot, context: Context) -> str | None:
    """`Mlflow`, `Poetry`, `PipEnv`, or their numbers."""
    value = serde.text(slot, context)
    if value is None:
        return None
    kind = TYPES.get(value.lower())
    if kind is None and not context.current:
        message = f'"{slot.key}" takes "PipEnv", "Mlflow" or "Poetry", not {reader.shown(value)}'
        context.sink.report(codes.WRONG_VALUE, message, slot.span_here)
    return kind


def read_pipeline(slot: Slot, context: Context) -> config.Steps | None:
    """Steps one after the other; a step that is itself a list holds tasks that run beside one another."""
    context = context.within()
    if isinstance(slot.value, Mapping):
        groups = [_step(entry, context, str(entry.key)) for entry in slots(slot.value)]
    elif isinstance(slot.value, Sequence):
        groups = [_group(item, context) for item in items(slot.value)]
    else:
        if not reader.is_null(slot.value):
            serde.wrong_type(slot, context, "a list of steps")
        return None
    return tuple([group for group in groups if group])


def _group(item: Slot, context: Context) -> tuple[config.Task, ...]:
    if not isinstance(item.value, Sequence):
        return _step(item, context, None)
    return tuple(task for inner in items(item.value) for task in _step(inner, context, None))


def _step(slot: Slot, context: Context, name: str | None) -> tuple[config.Task, ...]:
    """A step; a text is the name of a task."""
    if isinstance(slot.value, str) and slot.value:
        reference = config.Reference(name=str(slot.value), origin=slot)
        return (config.Task(reference=reference, origin=slot),)
    task = read_task(slot, context, name, "a step")
    return () if task is None else (task,)


TASK: Table = {
    "name": Key("name", serde.text),
    "taskRef": Key("reference", read_reference),
    "resources": Key("resources", read_amounts),
    "executor": Key("executor", read_executor),
    "dataSets": Key("datasets", serde.listed(_data_set)),
    "fromTemplate": Key("template", read_template),
    "artifactCfg": Key("artifacts", read_artifacts),
    "triggers": Key("schedule", _triggers),
    "env": Key("env", read_env),
    "secrets": Key("secrets", read_secrets),
    # What the documentation alone shows.
    "taskref": Key("reference", read_reference, "taskRef"),
    "artifacts": Key("artifacts", read_artifacts, "artifactCfg"),
    "environment": Key("env", read_env, "env"),
    "pipeline": Key("steps", read_pipeline, ""),
    # What older dialects have.
    "taskname": Key("name", serde.text, "name", left=True),
    "runcommand": Key("command", serde.filled_text, "executor", left=True),
    "command": Key("command", serde.filled_text, "executor", left=True),
    "taskType": Key("type", _type, "executor", left=True),
    "task_type": Key("type", _type, "executor", left=True),
    "image": Key("image", serde.text, "", left=True),
    "templateRef": Key("template", read_template, "fromTemplate", left=True),
    "dataSet": Key("datasets", serde.listed(_data_set), "dataSets", left=True),
    "projectid": Key("projectid", serde.skipped, "", left=True),
    "source": Key("source", _source, "", left=True),
}
_OLD = ("command", "type", "image")


def read_task(slot: Slot, context: Context, name: str | None = None, what: str = "a task") -> config.Task | None:
    """A task, a template or a step; `name` is that of the mapping's key that it stands under."""
    if isinstance(slot.value, str) and not serde.is_empty(slot.value):
        serde.wrong_type(slot, context, "a mapping")
        return None
    found = serde.section(slot, context, TASK, what)
    if found is None:
        return config.Task(name=name, origin=slot) if name else None
    if context.current and "executor" not in found and not _says_work(slot.value):
        older = _left_over(slot, context)
        found |= older
        if older:
            message = "AME can't run this: it has no executor"
            context.sink.report(ame.IGNORED_KEY, message, slot, notes=("headrace takes what the older keys say",))
    old = {key: found.pop(key, None) for key in _OLD}
    found.pop("projectid", None)
    if "executor" not in found:
        executor = _old_executor(old, found, context)
        if executor is not None:
            found["executor"] = executor
    if name is not None:
        found["name"] = name
    return config.Task(**found, faulty=_is_faulty(slot.value, found))


def _is_faulty(node: object, found: dict[str, Any]) -> bool:
    """Whether a task says an executor that was refused."""
    return (
        isinstance(node, Mapping) and "executor" not in found and not reader.is_null(node.entries.get("executor", ""))
    )


def _says_work(node: object) -> bool:
    """Whether a mapping says what runs it in the current dialect, be it with a fault."""
    known = ("executor", "taskRef", "taskref", "fromTemplate", "pipeline")
    return isinstance(node, Mapping) and any(key in node.entries for key in known)


def _left_over(slot: Slot, context: Context) -> dict[str, Any]:
    """What an older dialect's keys say, of a task that AME can't run since nothing else says anything."""
    node = slot.value
    found: dict[str, Any] = {}
    if isinstance(node, Mapping):
        for entry in slots(node):
            line = TASK.get(str(entry.key))
            if line is not None and line.left and (value := line.read(entry, context)) is not None:
                found.setdefault(line.field, value)
    return {key: found[key] for key in ("command", "type", "image", "template") if key in found}


def _old_executor(old: dict[str, Any], found: dict[str, Any], context: Context) -> config.Executor | None:
    """The executor of an older dialect's task, so far as it says one. Go's has pipenv alone."""
    command, kind, image = old["command"], old["type"], old["image"]
    if context.dialect == GO:
        kind = "pipEnv"
    if command is None and kind is None and image is None:
        return None
    return config.Executor(kind=kind, command=command, image=image, loose=True, origin=found["origin"])
