"""The targets' own schemas: pinned, closed, and still passing what the targets take."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator, exceptions
from ruamel.yaml import YAML

import schemas
from tests.tools.corpus import corpus
from tests.tools.parsercorpus import parser_cases

VENDOR = Path(schemas.__file__).with_name("vendor")
CLOSE = runpy.run_path(str(VENDOR / "close.py"))  # a script: importing it would hide schemas.vendor()
INDEX: list[dict[str, str]] = json.loads((VENDOR / "index.json").read_text(encoding="utf-8"))

GOOD: dict[str, dict[str, Any]] = {
    "github": {
        "on": {
            "push": {"branches": ["main"]},
            "check_run": {"types": ["completed"]},
            "watch": {"types": ["started"]},
            "workflow_run": {"workflows": ["ci"], "branches": ["main"]},
            "workflow_call": {"inputs": {"a": {"type": "string"}}},
            "workflow_dispatch": {"inputs": {"a": {"type": "string", "default": "x"}}},
        },
        "permissions": {"contents": "read"},
        "jobs": {
            "build": {
                "runs-on": {"group": "gpu", "labels": ["a100"]},
                "container": {"image": "python:3.12-slim", "credentials": {"username": "u", "password": "p"}},
                "services": {"db": {"image": "postgres:17", "credentials": {"username": "u", "password": "p"}}},
                "strategy": {"matrix": {"seed": [1, 2]}, "fail-fast": False},
                "concurrency": {"group": "x", "cancel-in-progress": True},
                "steps": [{"run": "make"}],
            },
            "call": {"uses": "./.github/workflows/other.yml", "with": {"a": "b"}},
        },
    },
    "gitlab": {
        "workflow": {"name": "x", "rules": [{"if": "$CI_COMMIT_TAG"}]},
        "default": {"image": {"name": "python:3.12-slim", "entrypoint": [""]}},
        "build": {
            "script": ["make"],
            "needs": [{"job": "other", "artifacts": True}],
            "cache": [{"key": {"files": ["uv.lock"], "prefix": "x"}, "paths": ["c"], "policy": "pull"}],
            "artifacts": {
                "paths": ["out"],
                "reports": {"coverage_report": {"coverage_format": "cobertura", "path": "coverage.xml"}},
            },
            "environment": {
                "name": "production",
                "kubernetes": {
                    "agent": "g/p:a",
                    "managed_resources": {"enabled": True},
                    "dashboard": {"namespace": "x"},
                },
            },
            "secrets": {
                "PASSWORD": {"vault": {"engine": {"name": "kv-v2", "path": "ops"}, "path": "db", "field": "password"}}
            },
            "retry": {"max": 2, "when": ["script_failure"]},
            "rules": [{"if": "$CI_COMMIT_TAG", "when": "manual"}],
            "parallel": {"matrix": [{"SEED": ["1", "2"]}]},
        },
        "other": {"trigger": {"include": "x.yml", "strategy": "depend"}},
    },
    "argo": {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": "churn"},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "rows", "value": "1"}]},
            "activeDeadlineSeconds": 60,
            "templates": [
                {"name": "main", "dag": {"tasks": [{"name": "a", "template": "b", "depends": ""}]}},
                {
                    "name": "b",
                    "retryStrategy": {"limit": 2, "backoff": {"duration": "1m"}},
                    "container": {
                        "image": "python:3.12-slim",
                        "command": ["python"],
                        "resources": {"limits": {"nvidia.com/gpu": 1}},
                        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    },
                    "outputs": {"artifacts": [{"name": "out", "path": "/out", "archive": {"tar": {}}}]},
                },
            ],
        },
    },
}

# The objects of GOOD whose keys are names that the writer of a file chooses.
FREE_KEYS = {
    "github": {"jobs", "services", "matrix", "with", "inputs"},
    "gitlab": {"", "matrix", "secrets"},
    "argo": {"limits"},
}

# Files of GitHub's own parser that SchemaStore's schema refuses by itself.
UPSTREAM_REFUSES = {
    "coercion-to-string": "a null in env",
    "events-mapping-all": "image_version",
    "job-basic": "cancel-timeout-minutes",
    "job-cancel-timeout-minutes": "cancel-timeout-minutes",
    "job-concurrency": "cancel-timeout-minutes",
    "job-if": "if without a value",
    "job-services": "a null in env",
    "job-snapshot-mapping": "the condition of a snapshot",
    "misc-jobs": "cancel-timeout-minutes",
    "on-event-config-image-version-name-version": "image_version",
    "on-event-config-image-version-names": "image_version",
    "on-event-config-image-version-versions": "image_version",
    "on-event-config-string-image-version": "image_version",
    "preserves-source-info-basic": "a null in a matrix",
    "workflow-description": "description",
    "yaml-schema-null": "a null in a matrix",
    "yaml-schema-timestamp": "a timestamp, which a YAML 1.1 reader makes a date",
}
# And those that closing refuses: GitHub drops what it doesn't know there, so a misspelt key would be lost silently.
CLOSING_REFUSES = {
    "on-workflow_dispatch-inputs": "an input without a value",
    "on-workflow_dispatch-inputs-null": "inputs without a value",
    "on-workflow_dispatch-unknown-keys-ignored": "an unknown key of workflow_dispatch",
}

# Argo's examples of kinds that aren't Argo's.
NOT_ARGO = {"simple-parameters-configmap": "ConfigMap", "testvolume": "PersistentVolumeClaim",
            "workflow-count-resourcequota": "ResourceQuota"}  # fmt: skip


@functools.cache
def validator(name: Any) -> Any:
    kind = Draft202012Validator if name in ("argo", "events") else Draft7Validator
    schema = schemas.vendor(name)
    kind.check_schema(schema)
    return kind(schema)


def objects(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of every object in a document."""
    found = [path] if isinstance(node, dict) else []
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        found += objects(child, (*path, key))
    return found


def closed_objects() -> list[tuple[str, tuple[str | int, ...]]]:
    return [
        (name, path)
        for name, document in GOOD.items()
        for path in objects(document)
        if not {str(part) for part in path[-1:] or ("",)} & FREE_KEYS[name] and "matrix" not in path[-2:-1]
    ]


@pytest.mark.parametrize("entry", INDEX, ids=[entry["file"] for entry in INDEX])
def test_file_is_what_the_index_says(entry: dict[str, str]) -> None:
    text = (VENDOR / entry["file"]).read_bytes()
    assert hashlib.sha256(text).hexdigest() == entry["sha256"]


def test_index_names_every_schema() -> None:
    files = {path.name for path in VENDOR.glob("*.json")} - {"index.json"}
    assert files == {entry["file"] for entry in INDEX} == set(schemas.VENDOR_FILES.values()) == set(CLOSE["CLOSE"])


@pytest.mark.parametrize("entry", INDEX, ids=[entry["file"] for entry in INDEX])
def test_readme_tells_the_same(entry: dict[str, str]) -> None:
    rows = (VENDOR / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [row for row in rows if row.startswith(f"| `{entry['file']}` ")]
    for key in ("source", "version", "licence", "upstream_sha256", "sha256"):
        assert entry[key]
        assert entry[key] in row, key


@pytest.mark.parametrize("name", GOOD)
def test_good_document_passes(name: str) -> None:
    assert [error.message for error in validator(name).iter_errors(GOOD[name])] == []


@pytest.mark.parametrize(("name", "path"), closed_objects(), ids=str)
def test_misspelt_key_is_refused(name: str, path: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(GOOD[name])
    node: Any = document
    for part in path:
        node = node[part]
    node["mispelt"] = "x"
    assert not validator(name).is_valid(document)


@pytest.mark.parametrize("kind", CLOSE["ARGO_KINDS"])
def test_misspelt_key_is_refused_in_every_argo_kind(kind: str) -> None:
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": {"mispelt": 1}}
    found = exceptions.best_match(validator("argo").iter_errors(document))
    assert any("'mispelt' was unexpected" in error.message for error in validator("argo").iter_errors(document)), found


@pytest.mark.parametrize("kind", CLOSE["EVENTS_KINDS"])
def test_misspelt_key_is_refused_in_every_kind_of_argo_events(kind: str) -> None:
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": {"mispelt": 1}}
    assert any("'mispelt' was unexpected" in error.message for error in validator("events").iter_errors(document))


@pytest.mark.parametrize("document", [{"kind": "Workflow"}, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Work"}])
def test_argo_wants_a_kind_that_it_knows(document: dict[str, str]) -> None:
    assert not validator("argo").is_valid({**document, "metadata": {}, "spec": {}})


def test_argo_examples_pass() -> None:
    refused = {}
    for path in sorted(corpus("argo", "examples").rglob("*.yaml")):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            if document is not None and (error := exceptions.best_match(validator("argo").iter_errors(document))):
                refused[path.stem] = error.instance
    assert refused == NOT_ARGO


def test_github_parser_cases_pass() -> None:
    """YAML 1.2, as GitHub reads it: `on` is text there."""
    folder = corpus("github", "parser", "reader")
    good = {
        case.name: YAML(typ="safe", pure=True).load(case.workflow) for case in parser_cases(folder) if not case.errors
    }
    refused = {name for name, workflow in good.items() if not validator("github").is_valid(workflow)}
    assert refused == set(UPSTREAM_REFUSES) | set(CLOSING_REFUSES)
    assert len(good) > 3 * len(refused)


def test_argo_schema_is_made_from_upstream() -> None:
    upstream = corpus("argo", "schema", "schema.json").read_bytes()
    (entry,) = [entry for entry in INDEX if entry["file"] == "argo-workflows.json"]
    assert hashlib.sha256(upstream).hexdigest() == entry["upstream_sha256"]
    assert CLOSE["closed_text"]("argo-workflows.json", upstream) == (VENDOR / "argo-workflows.json").read_text("utf-8")


def test_closing_notices_that_upstream_changed() -> None:
    schema = schemas.vendor("gitlab")
    with pytest.raises(ValueError, match="closed already"):
        CLOSE["close_gitlab"](schema)
