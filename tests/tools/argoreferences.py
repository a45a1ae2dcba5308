"""Whether Argo's resources refer to things that are there: templates, tasks, parameters, artifacts, volumes, variables.

The API server can't see this, and Argo's own validator can't be had as a module, so this is written from Argo's
documentation (https://argo-workflows.readthedocs.io/en/latest/variables/ and /fields/). It shares no code with the
compiler, and it must find nothing in upstream's examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from tests.tools.finding import Finding
from tests.tools.yamlreaders import read_kubernetes

Data = dict[str, Any]

# A simple variable; `{{=…}}` is an expression, which only Argo can judge.
VARIABLE = re.compile(r"\{\{(?!=)\s*([^{}]*?)\s*\}\}")
DEPENDS_NAME = re.compile(r"([A-Za-z0-9_-]+)(?:\.([A-Za-z]+))?")
DEPENDS_RESULTS = {"Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed"}

# Variables that are there for every template, or for every one of the place where they make sense.
ALWAYS = re.compile(
    r"item(\..+)?|retries|lastRetry\.(exitCode|status|duration|message)|(pod|node|steps|tasks)\.name|duration|status|exitCode"
    r"|cronworkflow\.[\w.-]+|resourcesDuration\.\w+|outputs\.(result|exitCode)"
    r"|workflow\.(name|namespace|uid|serviceAccountName|creationTimestamp([.\w-]*)|mainEntrypoint|duration|status"
    r"|failures|priority|scheduledTime|parameters(\.json)?|annotations(\..+|\.json)?|labels(\..+|\.json)?|outputs\..+)"
)
TASK_FACTS = {"id", "ip", "status", "exitCode", "startedAt", "finishedAt", "hostNodeName"}


class Scope(NamedTuple):
    """One resource's spec, its templates, and every resource of the set by (kind, name)."""

    spec: Data
    templates: dict[str, Data]
    others: Mapping[tuple[str, str], Data]


def argo_references(paths: Sequence[Path]) -> list[Finding]:
    """Judges a set of files together: a reference to a template is good where the set holds it."""
    documents = [(path, one) for path in paths for one in read_kubernetes(path.read_text(encoding="utf-8")) if one]
    others = {(one["kind"], one["metadata"].get("name", "")): spec_of(one) for _, one in documents}
    return [
        Finding("argo-references", str(path), 0, message)
        for path, one in documents
        if one["apiVersion"].startswith("argoproj.io/") and "spec" in one and one["kind"] != "WorkflowEventBinding"
        for message in judge(spec_of(one), others)
    ]


def spec_of(document: Data) -> Data:
    spec: Data = document.get("spec", {})
    return spec["workflowSpec"] if document["kind"] == "CronWorkflow" else spec


def judge(spec: Data, others: Mapping[tuple[str, str], Data]) -> Iterator[str]:
    borrowed = referred(spec.get("workflowTemplateRef"), others)
    if borrowed is None:
        yield f"no workflow template {spec['workflowTemplateRef']['name']!r} in the set"
        return
    merged = {**borrowed, **spec}
    scope = Scope(merged, {one["name"]: one for one in merged.get("templates", ()) if "name" in one}, others)
    for key in ("entrypoint", "onExit"):
        if key in merged and merged[key] not in scope.templates:
            yield f"{key} names no template: {merged[key]!r}"
    for template in spec.get("templates", ()):
        for message in judge_template(template, scope):
            yield f"template {template.get('name')!r}: {message}"


def referred(reference: Data | None, others: Mapping[tuple[str, str], Data]) -> Data | None:
    """The spec that a reference names, an empty one where there is no reference, None where the set lacks it."""
    if reference is None:
        return {}
    kind = "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
    return others.get((kind, reference["name"]))


def judge_template(template: Data, scope: Scope) -> Iterator[str]:
    calls = calls_of(template)
    names = [call["name"] for call in calls if "name" in call]
    yield from (f"two tasks named {name!r}" for name in sorted({name for name in names if names.count(name) > 1}))
    yield from judge_order(template.get("dag", {}).get("tasks", ()))
    for call in calls:
        yield from (f"task {call.get('name')!r}: {message}" for message in judge_call(call, scope))
    yield from judge_volumes(template, scope)
    yield from judge_variables(template, calls, scope)


def calls_of(template: Data) -> list[Data]:
    steps = [call for group in template.get("steps", ()) for call in (group if isinstance(group, list) else [group])]
    return [*template.get("dag", {}).get("tasks", ()), *steps]


def judge_order(tasks: Sequence[Data]) -> Iterator[str]:
    edges = {task["name"]: list(task.get("dependencies", ())) for task in tasks}
    for task in tasks:
        for name, result in DEPENDS_NAME.findall(task.get("depends", "")):
            edges[task["name"]].append(name)
            if result and result not in DEPENDS_RESULTS:
                yield f"task {task['name']!r}: depends on {name}.{result}, which is no result"
    for name, needed in edges.items():
        yield from (f"task {name!r}: depends on {other!r}, which is no task" for other in needed if other not in edges)
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        yield f"a cycle: {' -> '.join(error.args[1])}"


def called(call: Data, scope: Scope) -> Data | None:
    """The template that a task runs; None where there is none."""
    if "inline" in call:
        inline: Data = call["inline"]
        return inline
    reference = call.get("templateRef")
    if reference is None:
        return scope.templates.get(call.get("template", ""))
    spec = referred(reference, scope.others) or {}
    return next((one for one in spec.get("templates", ()) if one.get("name") == reference["template"]), None)


def judge_call(call: Data, scope: Scope) -> Iterator[str]:
    template = called(call, scope)
    if template is None:
        yield f"no template {call.get('templateRef', call.get('template'))!r}"
        return
    for kind, located in (("parameters", ("value", "default", "valueFrom")), ("artifacts", ())):
        given = {one["name"] for one in call.get("arguments", {}).get(kind, ())}
        for wanted in template.get("inputs", {}).get(kind, ()):
            settled = wanted.get("optional") or any(key in wanted for key in located)
            if kind == "artifacts":
                settled = settled or set(wanted) - {"name", "path", "mode", "archive", "description"}
            if wanted["name"] not in given and not settled:
                yield f"{kind[:-1]} {wanted['name']!r} of template {template.get('name')!r} is not given"


def judge_volumes(template: Data, scope: Scope) -> Iterator[str]:
    known = {one["name"] for one in [*scope.spec.get("volumes", ()), *template.get("volumes", ())]}
    known |= {one["metadata"]["name"] for one in scope.spec.get("volumeClaimTemplates", ())}
    containers = [template.get("container"), template.get("script")]
    containers += [*template.get("initContainers", ()), *template.get("sidecars", ())]
    containers += template.get("containerSet", {}).get("containers", ())
    for container in containers:
        for mount in (container or {}).get("volumeMounts", ()):
            if mount["name"] not in known and "{{" not in mount["name"]:
                yield f"no volume {mount['name']!r}"


def judge_variables(template: Data, calls: Sequence[Data], scope: Scope) -> Iterator[str]:
    by_name = {call["name"]: call for call in calls if "name" in call}
    for name in sorted({name for text in texts(template) for name in VARIABLE.findall(text)}):
        if not known_variable(name, template, by_name, scope):
            yield f"no variable {name!r}"


def texts(node: Any) -> Iterator[str]:
    """Every text of a template, but for those of templates in it, which are judged by themselves."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key != "inline":
                yield from texts(value)


def known_variable(name: str, template: Data, calls: Mapping[str, Data], scope: Scope) -> bool:
    if ALWAYS.fullmatch(name):
        return True
    place, *path = name.split(".")
    if place == "workflow" and path[:1] == ["parameters"]:
        return any(one["name"] == ".".join(path[1:]) for one in scope.spec.get("arguments", {}).get("parameters", ()))
    if place in ("inputs", "outputs"):
        return declared(template.get(place, {}), path)
    if place in ("tasks", "steps") and path and path[0] in calls:
        return known_fact(path[1:], called(calls[path[0]], scope) or {}, scope)
    return False


def known_fact(path: Sequence[str], template: Data, scope: Scope) -> bool:
    """Whether a task that runs this template has a fact such as `outputs.parameters.x`, `status` or `outputs.result`."""
    if len(path) == 1 and path[0] in TASK_FACTS:
        return True
    if path[:1] != ["outputs"]:
        return False
    return path[1:] in (["result"], ["exitCode"]) or declared(template.get("outputs", {}), path[1:])


def declared(side: Data, path: Sequence[str]) -> bool:
    """Whether inputs or outputs hold `parameters.NAME`, `parameters` as a whole, `artifacts.NAME` or its `.path`."""
    if not path or path[0] not in ("parameters", "artifacts"):
        return False
    names = {one["name"] for one in side.get(path[0], ())}
    name = ".".join(path[1:])
    return name in names or (not name and bool(names)) or name.removesuffix(".path") in names
