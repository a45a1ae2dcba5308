"""The vendored schemas and the verifiers, against the targets' own data and each other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests import tools
from tests.test_vendor_schemas import CLOSE, INDEX, VENDOR
from tests.tools.corpus import corpus
from tests.tools.parsercorpus import parser_cases
from tests.tools.process import tools_folder

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(
    ("file", "upstream"), [("github-workflow.json", "github-workflows.json"), ("gitlab-ci.json",) * 2]
)
def test_schema_is_made_from_upstream(file: str, upstream: str) -> None:
    tools.require("check-jsonschema")
    (path,) = tools_folder().glob(f"venv/lib/python3*/site-packages/check_jsonschema/builtin_schemas/vendor/{upstream}")
    (entry,) = [entry for entry in INDEX if entry["file"] == file]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["upstream_sha256"]
    assert CLOSE["closed_text"](file, path.read_bytes()) == (VENDOR / file).read_text(encoding="utf-8")


def test_argo_examples_are_admitted() -> None:
    paths = sorted(corpus("argo", "examples").rglob("*.yaml"))
    found = tools.argo_admission(paths, corpus("argo", "schema"))
    assert {(Path(one.path).stem, one.message.split(":")[0]) for one in found} == {
        ("fun-with-gifs", "metadata.name"),  # neither a name nor a start of one
        ("fun-with-gifs", "metadata.labels"),  # a label that ends in a dash
        ("k8s-jobs", "metadata.name"),
        ("k8s-patch-json-workflow", "yaml"),  # annotations twice
        ("simple-parameters-configmap", "no definition of ConfigMap"),
        ("testvolume", "no definition of PersistentVolumeClaim"),
        ("workflow-count-resourcequota", "no definition of ResourceQuota"),
    }


# Good for GitHub's service, though the npm packages have something to say.
SAID_OF_GOOD = {
    "background-steps": "behind a feature flag",
    "escape-html-values": "a condition that is always true",
    "events-mapping-all": "a schedule of every minute",
    "job-container": "an unknown name in env",
    "job-environment": "an input that nothing declares",
    "job-if": "an unknown property of github",
    "step-if": "an unknown job in needs",
    "step-run": "an unknown step",
}


def test_github_parser_agrees_with_its_own_test_data(tmp_path: Path) -> None:
    skipped = set(corpus("github", "parser", "skipped-tests.txt").read_text(encoding="utf-8").split())
    cases = [case for case in parser_cases(corpus("github", "parser", "reader")) if f"{case.name}.yml" not in skipped]
    for case in cases:
        (tmp_path / f"{case.name}.yml").write_text(case.workflow, encoding="utf-8")
    found = {Path(one.path).stem for one in tools.github_parser(*tmp_path.glob("*.yml"))}
    bad = {case.name for case in cases if case.errors}
    assert len(bad) > 30
    assert found == bad | set(SAID_OF_GOOD)


def test_argo_examples_refer_to_what_is_there() -> None:
    unreadable = {"k8s-patch-json-workflow"}  # annotations twice
    paths = [path for path in sorted(corpus("argo", "examples").rglob("*.yaml")) if path.stem not in unreadable]
    found = [(Path(one.path).stem, one.message) for one in tools.argo_references(paths)]
    # The event that submits this one brings the parameter.
    assert found == [
        ("event-consumer-workflowtemplate", "template 'main': no variable 'workflow.parameters.appellation'")
    ]
