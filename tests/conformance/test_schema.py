"""Every emitted document against the target's own schema, closed: no key that the target does not know."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

import schemas
from tests.conformance.cases import Case, cases_of, emitted

# Kinds that Argo's schema of workflows does not have; the API server's definitions judge them in the engine tests.
EVENTS = ("Sensor", "EventSource")
OTHERS = ("Role", "RoleBinding", "ServiceAccount", "ConfigMap")


@functools.cache
def validator(name: Any) -> Any:
    kind = Draft202012Validator if name in ("argo", "events") else Draft7Validator
    return kind(schemas.vendor(name))


def problems(name: str, document: Any) -> list[str]:
    return [
        f"{'/'.join(map(str, one.absolute_path))}: {one.message[:300]}" for one in validator(name).iter_errors(document)
    ]


class Loader(yaml.CSafeLoader):
    """YAML 1.2's Booleans, as GitHub reads them: `on` is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
for letter in "tTfF":
    Loader.yaml_implicit_resolvers.setdefault(letter, []).append(
        ("tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"))
    )


@cases_of("github")
def test_github_workflows(case: Case) -> None:
    for path, text in emitted(case, "github").yaml.items():
        assert problems("github", yaml.load(text, Loader=Loader)) == [], path


@cases_of("gitlab")
def test_gitlab_pipelines(case: Case) -> None:
    for path, text in emitted(case, "gitlab").yaml.items():
        *_, document = yaml.load_all(text, Loader=yaml.CSafeLoader)
        assert problems("gitlab", document) == [], path


@cases_of("argo")
def test_argo_workflows(case: Case) -> None:
    seen = 0
    for path, text in emitted(case, "argo").yaml.items():
        for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
            if document["kind"] not in OTHERS:
                seen += 1
                assert problems("events" if document["kind"] in EVENTS else "argo", document) == [], path
    assert seen > 0


@pytest.mark.parametrize("name", ["github", "gitlab", "argo"])
def test_the_schemas_are_closed(name: str) -> None:
    wrong = {
        "github": {"on": "push", "jobs": {"a": {"runs-on": "x", "steps": [{"run": "x"}], "need": []}}},
        "gitlab": {"a": {"script": ["x"], "need": []}},
        "argo": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTemplate",
            "metadata": {},
            "spec": {"template": []},
        },
    }
    assert problems(name, wrong[name]) != []
