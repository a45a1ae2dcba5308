"""Names are legal on each target, and no two things become one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from tests.conformance.cases import Case, cases_of, emitted

# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_id
GITHUB_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# https://docs.github.com/en/actions/reference/workflows-and-actions/contexts: outputs and inputs are looked up alike
GITHUB_ARTIFACT = re.compile(r"[^\":<>|*?\r\n\\/]+")
# https://docs.gitlab.com/ci/jobs/#job-names
GITLAB_KEYWORDS = {
    "image", "services", "stages", "before_script", "after_script", "variables", "cache", "include", "true", "false", "nil",
    "pages:deploy", "default", "workflow", "spec", "types",
}  # fmt: skip
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
# Argo's templates and tasks: https://github.com/argoproj/argo-workflows/blob/main/workflow/validate/validate.go
ARGO_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def unique_keys(text: str) -> None:
    """No mapping has a key twice, however a reader that takes the last one would see it."""
    stack = [node for node in yaml.compose_all(text, Loader=yaml.CSafeLoader) if node is not None]
    while stack:
        node = stack.pop()
        if isinstance(node, yaml.MappingNode):
            keys = Counter(key.value for key, _ in node.value)
            assert [key for key, count in keys.items() if count > 1] == []
            stack += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            stack += node.value


@cases_of("github")
def test_github(case: Case) -> None:
    for path, text in emitted(case, "github").yaml.items():
        unique_keys(text)
        jobs: dict[str, Any] = yaml.load(text, Loader=yaml.CBaseLoader)["jobs"]
        folded = Counter(id_.lower() for id_ in jobs)
        assert [id_ for id_, count in folded.items() if count > 1] == [], path
        for id_, job in jobs.items():
            assert GITHUB_ID.fullmatch(id_)
            assert len(id_) <= 100
            for variable in job.get("env", {}):
                assert VARIABLE.fullmatch(variable)
                assert not variable.startswith("GITHUB_")
            for step in job.get("steps", ()):
                if "artifact@" in step.get("uses", "") and "name" in step.get("with", {}):
                    assert GITHUB_ARTIFACT.fullmatch(re.sub(r"\$\{\{.*?\}\}", "x", step["with"]["name"]))


@cases_of("gitlab")
def test_gitlab(case: Case) -> None:
    for text in emitted(case, "gitlab").yaml.values():
        unique_keys(text)
        *_, document = yaml.load_all(text, Loader=yaml.CBaseLoader)
        for name, job in document.items():
            if name in ("default", "workflow", "variables", "stages", "include"):
                continue
            assert name not in GITLAB_KEYWORDS
            assert 0 < len(name) <= 255
            assert isinstance(job, dict)
            for variable in job.get("variables", {}):
                assert VARIABLE.fullmatch(variable)


@cases_of("argo")
def test_argo(case: Case) -> None:
    names: Counter[tuple[str, str]] = Counter()
    for text in emitted(case, "argo").yaml.values():
        unique_keys(text)
        for document in yaml.load_all(text, Loader=yaml.CBaseLoader):
            name = document["metadata"].get("name") or document["metadata"]["generateName"] + "x"
            names[document["kind"], name] += 1
            assert SUBDOMAIN.fullmatch(name)
            assert len(name) <= (52 if document["kind"] == "CronWorkflow" else 63)
            for kind, value in _labels(document):
                assert LABEL_VALUE.fullmatch(value), kind
            if document["kind"] != "WorkflowTemplate":
                continue
            templates = Counter(one["name"] for one in document["spec"]["templates"])
            assert [one for one, count in templates.items() if count > 1] == []
            for template in document["spec"]["templates"]:
                tasks = [one["name"] for one in template.get("dag", {}).get("tasks", ())]
                assert len(set(tasks)) == len(tasks)
                for one in (template["name"], *tasks):
                    assert ARGO_NAME.fullmatch(one)
                    assert len(one) <= 63
    assert [one for one, count in names.items() if count > 1] == []


def _labels(document: Any) -> Iterator[tuple[str, str]]:
    stack: list[Any] = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            labels = node.get("labels")
            if isinstance(labels, dict):
                yield from ((key, value) for key, value in labels.items() if "{{" not in value)
            stack += node.values()
        elif isinstance(node, list):
            stack += node
