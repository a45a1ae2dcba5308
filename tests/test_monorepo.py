"""Several manifests in one repository: found, compiled together, each starting for its own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.cli import main

MANIFEST = """\
version: 1
name: {name}
environments: {{py: {{image: "python:3.12-slim-bookworm"}}}}
jobs:
  train: {{environment: py, run: python train.py}}
"""
NIGHTLY = "pipelines:\n  main: {on: [push, change_request]}\n  nightly: {on: [{schedule: {cron: '0 3 * * *'}}]}\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str, name: str, more: str = "") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(MANIFEST.format(name=name) + more)


def gitlab() -> dict[str, Any]:
    *_, found = yaml.safe_load_all(Path(".gitlab-ci.yml").read_text())
    return dict(found)


def workflow(name: str) -> dict[Any, Any]:
    return dict(yaml.safe_load(Path(f".github/workflows/{name}.yml").read_text()))


def changes(job: dict[str, Any]) -> set[str]:
    return {glob for rule in job["rules"] for glob in rule.get("changes", ())}


def test_each_target_has_one_root_file_whose_pipelines_mind_their_folders(root: Path) -> None:
    put("churn/headrace.yaml", "churn")
    put("vision/models/headrace.yaml", "vision", NIGHTLY)
    assert main(["compile", "--target", "all"]) == 0
    main_file = gitlab()
    jobs = {name: body for name, body in main_file.items() if isinstance(body, dict) and "trigger" in body}
    assert set(jobs) == {"churn", "main", "nightly"}
    assert changes(jobs["churn"]) == {"churn/**/*"}
    assert changes(jobs["main"]) == {"vision/models/**/*"}
    assert changes(jobs["nightly"]) == set()
    for name, job in jobs.items():
        assert job["trigger"]["include"] == [{"local": f".gitlab/headrace/{name}.yml"}]
        assert "train" in yaml.safe_load(Path(f".gitlab/headrace/{name}.yml").read_text())
    assert workflow("churn")[True]["push"]["paths"] == ["churn/**"]
    assert workflow("main")[True]["pull_request"]["paths"] == ["vision/models/**"]
    assert {path.name for path in Path("argo").iterdir()} == {"churn.yaml", "main.yaml", "nightly.yaml"}
    assert main(["compile", "--target", "all", "--check"]) == 0


def test_the_header_names_all_manifests_and_the_command_for_all(root: Path) -> None:
    put("a/headrace.yaml", "a")
    put("b/headrace.yaml", "b")
    assert main(["compile", "--target", "gitlab"]) == 0
    first = Path(".gitlab-ci.yml").read_text().split("\n")[0]
    assert " from a/headrace.yaml, b/headrace.yaml. " in first
    assert first.endswith("change the manifests, then run `headrace compile`.")
    child = Path(".gitlab/headrace/b.yml").read_text().split("\n")[0]
    assert " from b/headrace.yaml. " in child
    assert child.endswith("run `headrace compile`.")


def test_from_inside_a_folder_all_are_compiled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a/headrace.yaml", "a")
    put("b/headrace.yaml", "b")
    monkeypatch.chdir("b")
    assert main(["compile", "--target", "gitlab"]) == 0
    monkeypatch.chdir(root)
    assert {"a", "b"} <= gitlab().keys()


def test_one_alone_does_not_take_the_others_out(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("a/headrace.yaml", "a")
    put("b/headrace.yaml", "b")
    assert main(["compile", "--target", "gitlab"]) == 0
    before = Path(".gitlab-ci.yml").read_text()
    assert main(["compile", "a", "--target", "gitlab"]) == 1
    assert "HR5022" in capsys.readouterr().out
    assert Path(".gitlab-ci.yml").read_text() == before
    Path("b/headrace.yaml").unlink()
    assert main(["compile", "--target", "gitlab"]) == 0
    assert "stale" in capsys.readouterr().out  # the child of the manifest that is gone
    assert "b/headrace.yaml" not in Path(".gitlab-ci.yml").read_text()


def test_names_that_are_shared_are_led_by_their_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("a/headrace.yaml", "churn")
    put("b/c/headrace.yaml", "Churn", NIGHTLY)
    put("d/headrace.yaml", "other", NIGHTLY)
    assert main(["compile", "--target", "all"]) == 0
    assert "HR5021" in capsys.readouterr().out
    names = {"a-churn", "b-c-Churn-main", "b-c-Churn-nightly", "other-main", "other-nightly"}
    assert {path.stem for path in Path(".github/workflows").iterdir()} == names
    resources = [
        (document["kind"], document["metadata"]["name"])
        for path in Path("argo").iterdir()
        for document in yaml.safe_load_all(path.read_text())
    ]
    assert len(resources) == len(set(resources))


def test_calls_follow_a_renamed_pipeline(root: Path) -> None:
    more = "  tell: {call: {pipeline: notes}, needs: [train]}\n  write: {environment: py, run: echo}\n"
    pipelines = "pipelines:\n  main: {jobs: [tell]}\n  notes: {on: [call], jobs: [write]}\n"
    put("a/headrace.yaml", "a", more + pipelines)
    put("b/headrace.yaml", "b", more + pipelines)
    assert main(["compile", "--target", "gitlab", "--target", "github"]) == 0
    assert workflow("a-main")["jobs"]["tell"]["uses"].endswith("a-notes.yml")
    child = yaml.safe_load(Path(".gitlab/headrace/b-main.yml").read_text())
    assert child["tell"]["trigger"]["include"] == [{"local": ".gitlab/headrace/b-notes.yml"}]


def test_paths_that_are_said_stay(root: Path) -> None:
    put("a/headrace.yaml", "a", "pipelines:\n  a: {on: [{push: {paths: [/shared/**, '*.py']}}]}\n")
    put("b/headrace.yaml", "b")
    assert main(["compile", "--target", "github"]) == 0
    assert workflow("a")[True]["push"]["paths"] == ["shared/**", "a/*.py"]


def test_each_manifest_has_its_own_settings(root: Path) -> None:
    gpu = "  fit: {run: ./fit, resources: {gpu: 1}, timeout: 1h}\n"
    put("a/headrace.yaml", "a", gpu + "targets: {gitlab: {runners: [{tags: [gpu-a], gpu: true}, {tags: [small]}]}}\n")
    overlay = "targets: {gitlab: {overlay: {jobs: {train: {tags: [mine]}}}}}\n"
    put("b/headrace.yaml", "b", overlay)
    assert main(["compile", "--target", "gitlab"]) == 0
    first, second = (yaml.safe_load(Path(f".gitlab/headrace/{name}.yml").read_text()) for name in "ab")
    assert first["fit"]["tags"] == ["gpu-a"]
    assert first["train"]["tags"] == ["small"]
    assert second["train"]["tags"] == ["mine"]


def test_two_places_for_the_one_file_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("a/headrace.yaml", "a", "targets: {gitlab: {output: ci/a.yml}}\n")
    put("b/headrace.yaml", "b", "targets: {gitlab: {output: ci/b.yml}}\n")
    assert main(["compile", "--target", "gitlab"]) == 1
    assert "HR5010" in capsys.readouterr().out


def test_a_manifest_in_the_root_speaks_for_all_and_names_others(root: Path) -> None:
    put("deep/a/headrace.yaml", "a")
    put("headrace.yaml", "whole")
    assert main(["compile", "--target", "github"]) == 0
    assert [path.name for path in Path(".github/workflows").iterdir()] == ["whole.yml"]
    put("headrace.yaml", "whole", "manifests: ['deep/*/headrace.yaml']\n")
    assert main(["compile", "--target", "github"]) == 0
    assert workflow("a")[True]["push"]["paths"] == ["deep/a/**"]
    assert "paths" not in workflow("whole")[True]["push"]


def test_settings_beside_a_manifest_reach_it_although_both_are_found(root: Path) -> None:
    Path("headrace.yaml").write_text(
        "version: 1\nmanifests: [headrace.yml]\ntargets: {gitlab: {runners: [{tags: [own]}]}}\n"
    )
    put("headrace.yml", "whole")
    assert main(["compile", "--target", "gitlab"]) == 0
    assert gitlab()["train"]["tags"] == ["own"]


@pytest.mark.parametrize("folder", [".hidden", "node_modules/x", "build/lib", "venv/x", "submodule/x"])
def test_what_is_not_the_repositorys_own_work_is_not_looked_into(folder: str, root: Path) -> None:
    put("a/headrace.yaml", "a")
    put(f"{folder}/headrace.yaml", "b")
    for mark in (Path("venv/pyvenv.cfg"), Path("submodule/.git")):
        if mark.parent.exists():
            mark.write_text("x")
    assert main(["compile", "--target", "github"]) == 0
    assert [path.name for path in Path(".github/workflows").iterdir()] == ["a.yml"]


def test_files_of_a_target_that_was_not_asked_for_are_not_stale(root: Path) -> None:
    put("a/headrace.yaml", "a")
    put("b/headrace.yaml", "b")
    assert main(["compile", "--target", "all"]) == 0
    for target in ("gitlab", "github", "argo"):
        assert main(["compile", "--target", target, "--check"]) == 0


def test_manifests_of_different_dialects(root: Path) -> None:
    put("team/headrace.yaml", "team")
    ame = "projectid: sr\ntasks:\n  train:\n    executor: !custom\n      pythonVersion: 3.11\n      command: python train.py\n"
    Path("ml").mkdir()
    Path("ml/ame.yaml").write_text(ame)
    Path("experiments").mkdir()
    Path("experiments/experiment.mml").write_text("mml info\n")
    assert main(["compile", "--target", "gitlab", "--target", "github"]) == 0
    header = Path(".gitlab-ci.yml").read_text().split("\n")[0]
    assert " from experiments/experiment.mml, ml/ame.yaml, team/headrace.yaml. " in header
    children = {path.read_text().split(" from ")[1].split(". ")[0] for path in Path(".gitlab/headrace").iterdir()}
    assert children == {"experiments/experiment.mml", "ml/ame.yaml", "team/headrace.yaml"}
    assert main(["compile", "--target", "gitlab", "--target", "github", "--check"]) == 0
