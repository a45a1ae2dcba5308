"""Every golden of GitLab's, judged by independent tools: no finding but those that a line below gives a reason for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.cases import Case, cases_of, emitted, taken
from tests.conformance.readback_gitlab import GLOBAL
from tests.engine.shells import checked
from tests.tools import check_jsonschema, gitlab_ci_local_list, gitlab_ci_local_preview, read_psych

pytestmark = pytest.mark.engine

MAIN = ".gitlab-ci.yml"
# Runs that a pipeline may be started by, as GitLab describes them to a pipeline.
RUNS: dict[str, dict[str, str]] = {
    "push": {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_REF_NAME": "main"},
    "tag": {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1.0.0", "CI_COMMIT_BRANCH": "", "CI_COMMIT_REF_NAME": "v1.0.0"},
    "change request": {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_COMMIT_BRANCH": "",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature",
    },
    "by hand": {"CI_PIPELINE_SOURCE": "web", "CI_COMMIT_BRANCH": "main"},
    "schedule": {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main", "HEADRACE_SCHEDULE": "nightly-1"},
}  # fmt: skip


def write(case: Case, folder: Path) -> list[Path]:
    """The golden's files among the case's own."""
    shutil.copytree(case.root, folder, ignore=shutil.ignore_patterns("expected"), dirs_exist_ok=True)
    paths = []
    for path, text in emitted(case, "gitlab").files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        if path in emitted(case, "gitlab").yaml:
            paths.append(place)
    return paths


@cases_of("gitlab")
def test_check_jsonschema(case: Case, tmp_path: Path) -> None:
    found = [one for path in write(case, tmp_path) for one in check_jsonschema(path, "vendor.gitlab-ci")]
    assert [str(one) for one in found] == []


@cases_of("gitlab")
def test_gitlab_ci_local_expands_it(case: Case, tmp_path: Path) -> None:
    write(case, tmp_path)
    seen = yaml.safe_load(gitlab_ci_local_preview(tmp_path))
    jobs = {name for name in yaml_of(case, MAIN) if name not in GLOBAL and not name.startswith(".")}
    assert jobs <= set(seen)


def ruled() -> list[Case]:
    """The cases whose jobs have rules of their own: in the others every job runs whenever the pipeline does."""
    return [
        case
        for case in taken("gitlab")
        if (case.expected / "gitlab" / MAIN).read_text(encoding="utf-8").count("rules:") > 1
    ]


@pytest.mark.parametrize("case", ruled(), ids=repr)
@pytest.mark.parametrize("run", list(RUNS))
def test_every_run_is_whole(case: Case, run: str, tmp_path: Path) -> None:
    """Whatever the rules leave out, what stays needs nothing that is gone: GitLab refuses the whole pipeline otherwise."""
    write(case, tmp_path)
    jobs = gitlab_ci_local_list(tmp_path, RUNS[run])
    there = {job["name"].split(": [")[0] for job in jobs}
    whole = yaml_of(case, MAIN)
    for name in there & set(whole):
        for need in whole[name].get("needs", ()):
            options = need if isinstance(need, dict) else {"job": need}
            assert options["job"] in there or options.get("optional") == "true", f"{name} needs {options['job']}"


@cases_of("gitlab")
def test_gitlabs_reader_of_yaml_agrees(case: Case) -> None:
    for text in emitted(case, "gitlab").yaml.values():
        assert [texts(one) for one in read_psych(text)] == list(yaml.load_all(text, Loader=yaml.CBaseLoader))


def texts(node: object) -> object:
    if isinstance(node, dict):
        return {key: texts(value) for key, value in node.items()}
    if isinstance(node, list):
        return [texts(value) for value in node]
    if isinstance(node, bool):
        return "true" if node else "false"
    return "" if node is None else str(node)


def yaml_of(case: Case, path: str) -> dict[str, Any]:
    *_, document = yaml.load_all(emitted(case, "gitlab").yaml[path], Loader=yaml.CBaseLoader)
    found: dict[str, Any] = document
    return found


def scripts(case: Case) -> Iterator[tuple[str, str]]:
    """What a job's shell runs: `before_script` and `script` in one, `after_script` by itself."""
    for path in emitted(case, "gitlab").yaml:
        for name, job in yaml_of(case, path).items():
            if name not in GLOBAL and isinstance(job, dict):
                lines = [*job.get("before_script", ()), *job.get("script", ())]
                if lines:
                    yield name, "\n".join(lines)
                if job.get("after_script"):
                    yield name, "\n".join(job["after_script"])


@cases_of("gitlab")
def test_shellcheck(case: Case) -> None:
    assert [
        found for name, text in scripts(case) for found in checked(case, name, re.sub(r"\$\[\[.*?\]\]", "x", text))
    ] == []
