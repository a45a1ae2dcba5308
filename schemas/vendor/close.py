"""Makes the schemas of this folder from the targets' own, which let misspelt keys pass.

    python schemas/vendor/close.py github-workflow.json=UPSTREAM gitlab-ci.json=UPSTREAM argo-workflows.json=UPSTREAM
    python schemas/vendor/close.py argo-events.json=UPSTREAM flux.json=UPSTREAM

Each is written here, and both checksums of its entry in index.json are renewed. Closing means
`additionalProperties: false` wherever the target itself refuses an unknown key; what upstream describes and then hides
is shown, and what it wrongly refuses is let in. README.md in this folder tells where the upstream files come from.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

FOLDER = Path(__file__).parent

ARGO_KINDS = ("ClusterWorkflowTemplate", "CronWorkflow", "Workflow", "WorkflowEventBinding", "WorkflowTemplate")
ARGO_PREFIX = "io.argoproj.workflow.v1alpha1."
EVENTS_KINDS = ("EventSource", "Sensor")
EVENTS_PREFIX = "io.argoproj.events.v1alpha1."

# Upstream types these as text alone, yet Kubernetes reads both (apimachinery, util/intstr and api/resource).
ARGO_TYPES = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["string", "integer"],
    "io.k8s.apimachinery.pkg.api.resource.Quantity": ["string", "number"],
}
# Objects whose keys are anybody's: plugins define their own, and FieldsV1 is a tree of field names.
ARGO_FREE = (
    ARGO_PREFIX + "Plugin",
    EVENTS_PREFIX + "K8SResource",
    EVENTS_PREFIX + "Resource",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
)

# The objects that the GitHub schema leaves open though GitHub's grammar doesn't.
GITHUB_OPEN = (
    "/definitions/jobContainer/properties/credentials",
    "/definitions/serviceContainer/properties/credentials",
    "/definitions/normalJob/properties/runs-on/anyOf/2",
    "/properties/on/oneOf/2/properties/workflow_call/oneOf/1",
)
# The objects that the GitLab schema leaves open though GitLab refuses unknown keys in them.
GITLAB_OPEN = (
    "/properties/workflow",
    "/definitions/artifacts/properties/reports/properties/coverage_report",
    "/definitions/cache_item",
    "/definitions/cache_item/properties/key/oneOf/1",
    "/definitions/job_template/properties/environment/oneOf/1/properties/kubernetes",
    "/definitions/job_template/properties/environment/oneOf/1/properties/kubernetes/properties/dashboard",
    "/definitions/job_template/properties/environment/oneOf/1/properties/kubernetes/properties/managed_resources",
    "/definitions/secrets/patternProperties/.*/properties/vault/oneOf/1/properties/engine",
)


def close_github(schema: Schema) -> Schema:
    """The GitHub schema, closed in place."""
    for pointer in GITHUB_OPEN:
        _close(_at(schema, pointer))
    for event in _at(schema, "/properties/on/oneOf/2/properties").values():
        # Draft 7 ignores what stands beside a $ref, so the open eventObject hid each event's own description.
        if "oneOf" in event and event.pop("$ref", None):
            event["oneOf"][1].setdefault("additionalProperties", False)
    anything = _at(schema, "/definitions/eventObject/oneOf/0")
    anything["properties"] = {"types": {"$ref": "#/definitions/types"}}
    anything["additionalProperties"] = False
    return schema


def close_gitlab(schema: Schema) -> Schema:
    """The GitLab schema, closed in place."""
    for pointer in GITLAB_OPEN:
        _close(_at(schema, pointer))
    return schema


def close_argo(schema: Schema) -> Schema:
    """The schema of Argo Workflows' kinds."""
    return _close_kinds(schema, ARGO_PREFIX, ARGO_KINDS)


def close_events(schema: Schema) -> Schema:
    """The schema of Argo Events' kinds.

    A webhook's url is where an event source registers itself with the repository's host. Without a token for that it
    registers nothing and reads no url (pkg/eventsources/sources/github/start.go), which the schema, made from Go types, requires.
    """
    closed = _close_kinds(schema, EVENTS_PREFIX, EVENTS_KINDS)
    closed["definitions"][EVENTS_PREFIX + "WebhookContext"]["required"].remove("url")
    return closed


def close_flux(definitions: Any) -> Schema:
    """A schema of Flux's kinds, from their resource definitions (YAML documents), in the versions that are stored."""
    kinds: Schema = {}
    for definition in definitions:
        (stored,) = [version for version in definition["spec"]["versions"] if version["storage"]]
        kind = definition["spec"]["names"]["kind"]
        kinds[kind] = _closed_tree(_without_descriptions(stored["schema"]["openAPIV3Schema"]))
        kinds[kind]["properties"]["apiVersion"] = {"const": f"{definition['spec']['group']}/{stored['name']}"}
        kinds[kind]["properties"]["metadata"] = {"type": "object"}
        kinds[kind]["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"kind": {"enum": sorted(kinds)}},
        "allOf": [_entry("", kind) for kind in sorted(kinds)],
        "definitions": kinds,
    }


def _closed_tree(node: Any) -> Any:
    """Every object that has properties, closed."""
    if isinstance(node, list):
        return [_closed_tree(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _closed_tree(value) for key, value in node.items()}
    if found.get("type") == "object" and "properties" in found:
        found.setdefault("additionalProperties", False)
    return found


def _close_kinds(schema: Schema, prefix: str, kinds: tuple[str, ...]) -> Schema:
    """A schema of kinds with one entry a kind, closed, without descriptions and what no kind reaches."""
    definitions = schema["definitions"]
    entries = [prefix + kind for kind in kinds]
    kept = {name: _closed_definition(name, definitions[name]) for name in sorted(_reachable(definitions, entries))}
    for entry in entries:
        kept[entry]["required"] = sorted({*kept[entry].get("required", ()), "apiVersion", "kind"})
    return {
        "$schema": schema["$schema"],
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"kind": {"enum": list(kinds)}},
        "allOf": [_entry(prefix, kind) for kind in kinds],
        "definitions": kept,
    }


def _entry(prefix: str, kind: str) -> Schema:
    # A condition a kind, not a oneOf: an error then names the key and not five schemas that don't match.
    condition = {"required": ["kind"], "properties": {"kind": {"const": kind}}}
    return {"if": condition, "then": {"$ref": f"#/definitions/{prefix}{kind}"}}


def _closed_definition(name: str, definition: Schema) -> Schema:
    closed: Schema = _without_descriptions(definition)
    if name in ARGO_TYPES:
        closed["type"] = ARGO_TYPES[name]
    elif closed.get("type") == "object" and name not in ARGO_FREE:
        _close(closed)
    return closed


def _without_descriptions(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_descriptions(value)
            for key, value in node.items()
            if not (key in ("description", "title") and isinstance(value, str)) and not key.startswith("x-kubernetes-")
        }
    return [_without_descriptions(item) for item in node] if isinstance(node, list) else node


def _reachable(definitions: Schema, entries: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(definitions[name])
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix("#/definitions/")
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def _close(node: Schema) -> None:
    """Closes an object; KeyError or ValueError where upstream changed, so that a pin is never renewed blindly."""
    if node.get("additionalProperties", True) is not True:
        raise ValueError(f"closed already: {sorted(node)}")
    if "object" not in node["type"]:
        raise ValueError(f"no object: {sorted(node)}")
    node["additionalProperties"] = False


def _at(schema: Any, pointer: str) -> Any:
    for key in pointer.split("/")[1:]:
        schema = schema[int(key)] if isinstance(schema, list) else schema[key]
    return schema


CLOSE: dict[str, Callable[[Any], Schema]] = {
    "argo-events.json": close_events,
    "argo-workflows.json": close_argo,
    "flux.json": close_flux,
    "github-workflow.json": close_github,
    "gitlab-ci.json": close_gitlab,
}


def closed_text(file: str, upstream: bytes) -> str:
    """What a file of this folder holds, made from upstream's bytes."""
    return json.dumps(CLOSE[file](_data(file, upstream)), indent=1, ensure_ascii=False) + "\n"


def _data(file: str, upstream: bytes) -> Any:
    if file != "flux.json":
        return json.loads(upstream)
    import yaml

    return list(yaml.safe_load_all(upstream))


def main(arguments: list[str]) -> None:
    index = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    for argument in arguments:
        file, _, path = argument.partition("=")
        upstream = Path(path).read_bytes()
        text = closed_text(file, upstream)
        (FOLDER / file).write_text(text, encoding="utf-8")
        entry = next(one for one in index if one["file"] == file)
        entry["upstream_sha256"] = hashlib.sha256(upstream).hexdigest()
        entry["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (FOLDER / "index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
