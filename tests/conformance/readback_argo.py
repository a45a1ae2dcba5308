"""Argo Workflows, read back: https://argo-workflows.readthedocs.io/en/latest/walk-through/dag/"""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.conformance.readback import PATH, Key, Leg, Readback, documents, listed

_VARIABLE = "HEADRACE_MATRIX_"
_INPUT = re.compile(r"\{\{ *inputs\.parameters\.([A-Za-z0-9_-]+) *\}\}")
_SHARED = re.compile(r"\{\{ *workflow\.outputs\.parameters\.([A-Za-z0-9_-]+) *\}\}")
_GUARDED = re.compile(
    r"\{\{=replace\(replace\(inputs\.parameters(?:\.|\[')([A-Za-z0-9_-]+)(?:'\])?, '\$', '\$\$'\), '\{' \+ '\{', '\{\$\(HEADRACE_BRACE\)'\)\}\}"
)
_ENDED = re.compile(r"\{\{=tasks(?:\.\w+|\['[a-z0-9-]+'\])\.status == 'Succeeded' \? '' : '\.failed'\}\}")
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)\.([A-Za-z]+)")


def read(files: dict[str, str]) -> Readback:
    found = Readback()
    held: list[tuple[Key, str]] = []
    written: dict[str, list[tuple[str, Key]]] = {}
    reading: list[tuple[Key, list[str]]] = []
    for text in files.values():
        for document, _ in documents(text):
            if document["kind"] == "WorkflowTemplate":
                _template(found, document, held, written, reading)
    for key, keys in reading:
        for place in keys:
            others = {other for at, other in written.get(_shape(place), ()) if _meets(place, at)}
            # Two pipelines may have a job of one name; a run's keys are its own.
            found.things[key].receives |= {other for other in others if other.scope == key.scope} or others
    for key, scope in held:
        found.contain(key, scope)
    return found


def _template(
    found: Readback,
    document: Any,
    held: list[tuple[Key, str]],
    written: dict[str, list[tuple[str, Key]]],
    reading: list[tuple[Key, list[str]]],
) -> None:
    scope = document["metadata"]["name"]
    templates = {one["name"]: one for one in document["spec"]["templates"]}
    tasks = templates[document["spec"]["entrypoint"]]["dag"]["tasks"]
    shared = _shared(tasks, templates)
    for task in tasks:
        path = task.get(PATH)
        for leg, pod, values in _legs(task, templates):
            key = Key(scope, task["name"], leg)
            thing = found.add(key, path)
            values |= shared
            sent = [_filled(_s3(one), values) for one in _artifacts(pod, "outputs")]
            thing.sends = bool([one for one in sent if one])
            for place in sent:
                if place:
                    written.setdefault(_shape(place), []).append((place, key))
            reading.append((key, [p for p in (_filled(_s3(one), values) for one in _artifacts(pod, "inputs")) if p]))
        child = _child(templates[task["template"]]) if "template" in task else None
        if child is not None and path is None:
            held.append((Key(scope, task["name"]), child))
    for task in tasks:
        names = {name for name, _ in _NAME.findall(task.get("depends", ""))}
        for name in names:
            others = found.named(scope, name)
            assert others, f"{task['name']} depends on {name}, which is no task"
            for key in found.named(scope, task["name"]):
                found.things[key].needs.update(others)


def _legs(task: Any, templates: dict[str, Any]) -> list[tuple[Leg, Any, dict[str, str]]]:
    """Each leg of a task with the template of its pod and the values of its inputs."""
    pod = templates[task["template"]]
    items = task.get("withItems")
    given = task
    given_outside = listed(task.get("arguments", {}).get("parameters"))
    outer = {one["name"]: _filled(one["value"], {}) for one in given_outside}
    if items is None and "dag" in pod:
        legs = [one for one in pod["dag"]["tasks"] if "withItems" in one]
        if legs:
            given = legs[0]
            items, pod = given["withItems"], templates[given["template"]]
    if items is None:
        values = {name: _filled(value, {}) for name, value in outer.items()}
        return [(_leg(pod, values), pod, values)]
    found = []
    for item in items:
        values = {}
        for one in given.get("arguments", {}).get("parameters", ()):
            value = one["value"]
            for name, part in item.items() if isinstance(item, dict) else ():
                value = value.replace("{{item." + name + "}}", str(part))
            values[one["name"]] = _filled(value.replace("{{item}}", str(item)), outer)
        found.append((_leg(pod, values), pod, values))
    return found


def _shared(tasks: Any, templates: dict[str, Any]) -> dict[str, str]:
    """Outputs that the whole run sees, by `workflow.` and their names, as the tasks' outputs that they are."""
    found = {}
    for task in tasks:
        for one in listed(templates.get(task.get("template"), {}).get("outputs", {}).get("parameters")):
            if "globalName" in one:
                found["workflow." + one["globalName"]] = (
                    "{{tasks." + f"{task['name']}.outputs.parameters.{one['name']}" + "}}"
                )
    return found


def _leg(pod: Any, values: dict[str, str]) -> Leg:
    body = pod.get("script") or pod.get("container") or {}
    env = {one["name"]: one.get("value", "") for one in body.get("env", ()) if one["name"].startswith(_VARIABLE)}
    return frozenset((name, _expanded(_filled(value, values))) for name, value in env.items())


def _expanded(value: str) -> str:
    """Kubernetes writes `$$` as `$`: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/"""
    return value.replace("$(HEADRACE_BRACE)", "{").replace("$$", "$")


def _filled(text: str, values: dict[str, str]) -> str:
    text = _GUARDED.sub(lambda hole: _guarded(values.get(hole[1], hole[0])), text)
    text = _ENDED.sub("", text)  # where all goes well
    text = _INPUT.sub(lambda hole: values.get(hole[1], hole[0]), text)
    return _SHARED.sub(lambda hole: values.get("workflow." + hole[1], hole[0]), text)


def _guarded(value: str) -> str:
    return value.replace("$", "$$").replace("{{", "{$(HEADRACE_BRACE)")


def _artifacts(pod: Any, side: str) -> list[Any]:
    return listed(pod.get(side, {}).get("artifacts"))


def _s3(artifact: Any) -> str:
    found: str = artifact.get("s3", {}).get("key", "")
    return found


def _shape(place: str) -> str:
    """What all keys of one run's job begin with: {{namespace}}/{{run}}/JOB."""
    return "/".join(place.split("/")[:3])


def _meets(wanted: str, written: str) -> bool:
    """A key, or a folder of keys."""
    return wanted == written or written.startswith(wanted + "/")


def _child(template: Any) -> str | None:
    """The workflow template that a resource template starts."""
    manifest = template.get("resource", {}).get("manifest")
    if manifest is None:
        return None
    started = yaml.load(manifest, Loader=yaml.CBaseLoader)
    name: str | None = started.get("spec", {}).get("workflowTemplateRef", {}).get("name")
    return name
