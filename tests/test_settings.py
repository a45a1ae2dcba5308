"""What `targets` says: what means nothing to a target, or is of the wrong kind, is an error at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from compiler import driver
from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.repository import Repository
from tests.conformance.cases import target

HEAD = "version: 1\nname: demo\n"


def compiled(folder: Path, text: str, name: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The files of a manifest for a target, and the errors: what they point at, and their code."""
    (folder / "headrace.yaml").write_text(HEAD + text, encoding="utf-8")
    sink, repository = Sink(), Repository(str(folder))
    project = native.read("headrace.yaml", repository, sink)
    assert project is not None
    files = driver.emit(driver.lowered(project, repository, sink), [target(name)], sink)
    errors = [one for one in sink.diagnostics if one.severity == "error"]
    return [file.path for file in files], [(one.span.text if one.span else "", one.code.number) for one in errors]


@pytest.mark.parametrize(
    ("name", "settings", "errors"),
    [
        ("github", "{container: maybe}", [("maybe", "HR4007")]),
        ("github", "{container: false}", []),
        ("github", "{default_branch: [3]}", [("[3]", "HR4007")]),
        ("github", "{default_branch: trunk}", []),
        ("github", "{output: ci}", [("ci", "HR4007")]),
        ("github", "{output: .github/workflows}", []),
        ("gitlab", "{runners: [{labels: [x]}]}", [("{labels: [x]}", "HR4007")]),
        ("gitlab", "{runners: [{node_selector: {a: b}}]}", [("{node_selector: {a: b}}", "HR4007")]),
        ("gitlab", "{runners: [{tags: [x]}]}", []),
        ("gitlab", "{deploy_image: [x]}", [("[x]", "HR4007")]),
        ("argo", "{depth: [1]}", [("[1]", "HR4309")]),
        ("argo", "{include: [x.yml]}", [("x.yml", "HR4007")]),
        ("github", "{include: [x.yml]}", [("x.yml", "HR4007")]),
        ("argo", "{runners: [{tags: [x]}]}", [("{tags: [x]}", "HR4007")]),
    ],
)
def test_settings(tmp_path: Path, name: str, settings: str, errors: list[tuple[str, str]]) -> None:
    text = f"jobs: {{a: {{run: x}}}}\ntargets: {{{name}: {settings}}}\n"
    assert compiled(tmp_path, text, name)[1] == errors


@pytest.mark.parametrize(
    ("name", "output", "path"),
    [
        ("gitlab", "ci", "ci/.gitlab-ci.yml"),
        ("gitlab", "ci/main.yml", "ci/main.yml"),
        ("argo", "ci", "ci/demo.yaml"),
    ],
)
def test_output_is_a_folder(tmp_path: Path, name: str, output: str, path: str) -> None:
    """And on GitLab, where people name the file itself, a file."""
    files, errors = compiled(tmp_path, f"jobs: {{a: {{run: x}}}}\ntargets: {{{name}: {{output: {output}}}}}\n", name)
    assert (files, errors) == ([path], [])


def test_pipelines_that_differ_in_case_alone(tmp_path: Path) -> None:
    text = "jobs: {a: {run: x}}\npipelines: {p: {on: manual, jobs: [a]}, P: {on: manual, jobs: [a]}}\n"
    files, errors = compiled(tmp_path, text, "argo")
    assert errors == []
    assert len(files) == 2


def test_secrets_that_become_one_name_stay_two(tmp_path: Path) -> None:
    text = """
secrets: {a-b: {}, A_B: {}}
jobs: {a: {run: x, secrets: [{name: a-b, file: /one}, {name: A_B, file: /two}]}}
"""
    (tmp_path / "headrace.yaml").write_text(HEAD + text, encoding="utf-8")
    sink, repository = Sink(), Repository(str(tmp_path))
    project = native.read("headrace.yaml", repository, sink)
    assert project is not None
    (file,) = driver.emit(driver.lowered(project, repository, sink), [target("argo")], sink)
    assert "key: A_B" in file.text
    assert "key: a-b" in file.text


@pytest.mark.parametrize(
    ("name", "overlay", "wrong"),
    [
        ("gitlab", "{jobs: {a: {coverage: '/x/', scirpt: [x]}}}", "a: Additional properties are not allowed ('scirpt'"),
        ("gitlab", "{jobs: {b: {coverage: 3}}}", "b.coverage: 3 is not of type"),
        ("gitlab", "{pipeline: {default: {intreruptible: true}}}", "default: Additional properties"),
        ("gitlab", "{jobs: {a: {coverage: '/x/'}}, pipeline: {default: {tags: [x]}}}", None),
        (
            "github",
            "{jobs: {a: {timeout-minuts: 3}}}",
            "jobs.a: Additional properties are not allowed ('timeout-minuts'",
        ),
        ("github", "{pipeline: {run-nam: x}}", "Additional properties are not allowed ('run-nam'"),
        ("github", "{jobs: {b: {env: {X: '1'}}}, pipeline: {run-name: x}}", None),
        (
            "argo",
            "{jobs: {a: {metadata: {lables: {a: b}}}}}",
            "metadata: Additional properties are not allowed ('lables'",
        ),
        ("argo", "{pipeline: {spec: {priorty: 3}}}", "spec: Additional properties are not allowed ('priorty'"),
        ("argo", "{jobs: {b: {metadata: {labels: {a: b}}}}, pipeline: {spec: {priority: 3}}}", None),
    ],
)
def test_an_overlay_is_judged_by_the_targets_own_schema(
    tmp_path: Path, name: str, overlay: str, wrong: str | None
) -> None:
    jobs = "{a: {run: x}, b: {run: x, matrix: {f: [1, 2]}}}"
    text = f"jobs: {jobs}\ntargets: {{{name}: {{overlay: {overlay}}}}}\n"
    (tmp_path / "headrace.yaml").write_text(HEAD + text, encoding="utf-8")
    sink, repository = Sink(), Repository(str(tmp_path))
    project = native.read("headrace.yaml", repository, sink)
    assert project is not None
    driver.emit(driver.lowered(project, repository, sink), [target(name)], sink)
    errors = [f"{one.code.number} {one.message}" for one in sink.diagnostics if one.severity == "error"]
    assert len(errors) == (wrong is not None), errors
    assert wrong is None or (errors[0].startswith("HR4005") and wrong in errors[0])


FOLLOWED = """
jobs: {a: {run: x}, b: {run: y}}
pipelines:
  first: {on: TRIGGERS, jobs: [a]}
  second: {on: {pipeline: first}, jobs: [b]}
"""


@pytest.mark.parametrize(
    ("triggers", "rules"),
    [
        ("[push, change_request]", ['!= "merge_request_event"']),
        ("[change_request]", ['!= "merge_request_event"']),
        ("[push]", ["push"]),
    ],
)
def test_what_runs_after_another_pipeline_runs_on_no_change_request(
    tmp_path: Path, triggers: str, rules: list[str]
) -> None:
    text = FOLLOWED.replace("TRIGGERS", triggers)
    found = {name: texts(tmp_path, text, name) for name in ("gitlab", "argo")}
    data = yaml.safe_load(found["gitlab"][".gitlab-ci.yml"])
    (after,) = (job for name, job in data.items() if name.startswith("second"))
    starts = [rule.get("if") or rule["when"] for rule in after.get("rules", [{"when": "push"}])]
    assert len(starts) == len(rules)
    assert all(word in start for word, start in zip(rules, starts, strict=True))
    guarded = "{{workflow.parameters.event}} != change_request" in found["argo"]["argo/first.yaml"]
    assert guarded == ("change_request" in triggers)


def texts(folder: Path, text: str, name: str) -> dict[str, str]:
    (folder / "headrace.yaml").write_text(HEAD + text, encoding="utf-8")
    sink, repository = Sink(), Repository(str(folder))
    project = native.read("headrace.yaml", repository, sink)
    assert project is not None
    files = driver.emit(driver.lowered(project, repository, sink), [target(name)], sink)
    return {file.path: file.text for file in files}
