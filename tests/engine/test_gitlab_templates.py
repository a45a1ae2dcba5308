"""The templates and components for GitLab, included by a project and run by gitlab-ci-local from end to end."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from compiler.cli import main
from tests.tools import check_jsonschema
from tests.tools.gitlab import checkout, gitlab_ci_local
from tests.tools.process import Completed

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parent.parent.parent
MANIFEST = """\
version: 1
name: demo
parameters: {rate: {default: "1"}}
environments: {here: {image: "python:3.12-slim-bookworm"}}
jobs:
  fetch: {environment: here, run: "echo fetched > data.txt", outputs: [data.txt]}
  train: {environment: here, needs: [fetch], run: "cat data.txt; echo rate {{ parameters.rate }} on {{ git.branch }}"}
"""
CHECK = "include:\n  - local: templates/check.yml\n    inputs: {package: '', INPUTS}\nown:\n  script: [echo own]\n"
PASSED_ON = "  variables:\n    HEADRACE_SOURCE: $CI_PIPELINE_SOURCE\n"
COMPONENT = "gitlab.example.com/group/project/{}@$CI_COMMIT_SHA"  # see checkout()
DYNAMIC = "include:\n  - local: templates/dynamic.yml\n    inputs: {package: ''}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project beside the templates, on a machine that has headrace."""
    place = tmp_path / "project"
    place.mkdir()
    shutil.copytree(ROOT / "templates", place / "templates")
    (place / "headrace.yaml").write_text(MANIFEST)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "headrace").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m compiler "$@"\n')
    (programs / "headrace").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.chdir(place)
    return place


def run(clone: Path, source: str = "push") -> Completed:
    given = ["--variable", f"CI_PIPELINE_SOURCE={source}"]
    options = ["--force-shell-executor", "--shell-isolation", "--ignore-predefined-vars", "CI_PIPELINE_SOURCE"]
    return gitlab_ci_local(clone, *options, *given, limit=120)


def passed_on(folder: Path, source: str, schedule: str = "") -> None:
    """What GitLab passes to the child: gitlab-ci-local neither puts values into a trigger job's variables nor forwards."""
    dynamic = folder / "templates" / "dynamic.yml"
    text = (ROOT / "templates" / "dynamic.yml").read_text()
    assert PASSED_ON in text
    value = f"    HEADRACE_SOURCE: {source}\n" + (f"    HEADRACE_SCHEDULE: {schedule}\n" if schedule else "")
    dynamic.write_text(text.replace(PASSED_ON, "  variables:\n" + value))


def commit(clone: Path) -> None:
    os.system(f"cd '{clone}' && git add --all && git -c user.name=t -c user.email=t@example.com commit -qm more")


def test_check_and_drift(folder: Path) -> None:
    (folder / ".gitlab-ci.yml").write_text(CHECK.replace(", INPUTS", ", strict: true"))
    with checkout(folder) as clone:
        drifted = run(clone, "merge_request_event")
        assert drifted.status != 0
        assert "headrace.yml is missing" in drifted.stdout + drifted.stderr
        os.chdir(clone)
        assert main(["init", "--target", "gitlab"]) == 0
        assert main(["compile", "--target", "gitlab", "--quiet"]) == 0
        commit(clone)
        good = run(clone, "merge_request_event")
        assert good.status == 0, good.stdout + good.stderr
        assert "headrace.yaml: fine" in good.stdout
        assert "rate 1 on" in good.stdout  # the compiled pipeline, included as well

        Path("headrace.yaml").write_text(MANIFEST + "  late: {run: 'true', needs: [nobody]}\n")
        commit(clone)
        bad = run(clone, "merge_request_event")
        assert bad.status != 0
        assert "HR3001" in bad.stdout + bad.stderr
        (report,) = clone.rglob(".gitlab-ci-local/artifacts/headrace-check/gl-code-quality-report.json")
        (issue,) = [one for one in json.loads(report.read_text()) if one["severity"] != "info"]
        assert issue["check_name"].startswith("HR3001")
        assert issue["location"]["path"] == "headrace.yaml"


def test_as_a_component_and_without_the_drift_check(folder: Path) -> None:
    """The same file, included by the address of a component, at a commit of this project as GitLab has it."""
    text = CHECK.replace("local: templates/check.yml", f"component: {COMPONENT.format('check')}")
    (folder / ".gitlab-ci.yml").write_text(text.replace(", INPUTS", ", drift: false"))
    with checkout(folder) as clone:
        done = run(clone, "merge_request_event")
    assert done.status == 0, done.stdout + done.stderr
    assert "headrace-drift" not in done.stdout
    assert "headrace.yaml: fine" in done.stdout


def test_a_dynamic_pipeline_is_compiled_and_started(folder: Path) -> None:
    component = DYNAMIC.replace("local: templates/dynamic.yml", f"component: {COMPONENT.format('dynamic')}")
    for source, text in (("push", DYNAMIC), ("merge_request_event", component)):
        (folder / ".gitlab-ci.yml").write_text(text)
        passed_on(folder, source)
        with checkout(folder) as clone:
            done = run(clone, source)
        assert done.status == 0, done.stdout + done.stderr
        assert "fetched" in done.stdout
        assert "rate 1 on" in done.stdout


def test_a_dynamic_pipeline_of_several_manifests(folder: Path) -> None:
    (folder / ".gitlab-ci.yml").write_text(DYNAMIC)
    (folder / "headrace.yaml").unlink()
    for name in ("a", "b"):
        (folder / name).mkdir()
        text = MANIFEST.replace("name: demo", f"name: {name}").replace("echo fetched", f"echo fetched {name}")
        nightly = f"  {name}-nightly: {{on: [{{schedule: {{cron: '1 2 * * *'}}}}]}}\n"
        (folder / name / "headrace.yaml").write_text(f"{text}pipelines:\n  {name}: {{on: [push]}}\n{nightly}")
    for schedule, wanted in (("b-nightly", {"b"}), ("", set())):
        passed_on(folder, "schedule", schedule)
        with checkout(folder) as clone:
            done = run(clone, "schedule")
        assert done.status == 0, done.stdout + done.stderr
        assert {name for name in ("a", "b") if f"fetched {name}" in done.stdout} == wanted


def test_what_the_dynamic_file_holds_is_gitlabs_own_schema(folder: Path, tmp_path: Path) -> None:
    assert main(["compile", "--target", "gitlab", "--dynamic", "--output", str(tmp_path / "out")]) == 0
    made = tmp_path / "out" / ".gitlab-ci.yml"
    assert check_jsonschema(made, "vendor.gitlab-ci") == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".gitlab-ci.yml"]


@pytest.mark.parametrize("name", ["check", "dynamic"])
def test_templates_are_of_gitlabs_schema_and_splice_no_input_into_a_script(name: str, tmp_path: Path) -> None:
    text = (ROOT / "templates" / f"{name}.yml").read_text()
    header, body = text.split("\n---\n")
    inputs = yaml.safe_load(header)["spec"]["inputs"]
    assert all("default" in one and one["description"] for one in inputs.values())
    for input_name, one in inputs.items():
        body = body.replace(f"$[[ inputs.{input_name} ]]", str(one["default"]).lower())
    assert "$[[" not in body
    alone = tmp_path / "template.yml"
    alone.write_text(body)
    assert check_jsonschema(alone, "vendor.gitlab-ci") == []
    scripts = [line for line in text.split("---\n")[1].splitlines() if "$[[" in line]
    assert all(line.strip().startswith(("stage:", "name:", "HEADRACE_", "- if:")) for line in scripts)
