"""The composite action and the reusable workflows for GitHub: linted, and run by act from end to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.engine.test_precommit import PACKAGED
from tests.engines.github import stand_ins
from tests.tools import actionlint, check_jsonschema, zizmor
from tests.tools.act import Ran, act
from tests.tools.process import program, run

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parent.parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("use-*.yml"))
SARIF = "github/codeql-action/upload-sarif@8aad20d150bbac5944a9f9d289da16a4b0d87c1e"
MANIFEST = """\
version: 1
name: demo
jobs:
  train: {run: "echo training; cat train.py > model.txt", outputs: [model.txt]}
pipelines:
  demo: {on: [push]}
  asked: {on: [manual]}
"""
CALL = """\
on: push
permissions: {contents: write, security-events: write, pull-requests: write}
jobs:
  call:
    uses: ./.github/workflows/WORKFLOW.yml
    with: {package: "PACKAGE"MORE}
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """headrace as a wheel, made once: each run installs it as it would the published one, all but what that needs."""
    place = tmp_path_factory.mktemp("package")
    source = place / "source"
    for name in PACKAGED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            source.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    done = run([*pip, str(place), str(source)])
    assert done.status == 0, done.stderr
    return next(place.glob("*.whl"))


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a manifest, whose origin is a folder, on a machine whose `gh` writes down what it is asked."""
    program("act")
    server, folder = tmp_path / "server.git", tmp_path / "work"
    server.mkdir()
    git(server, "init", "--quiet", "--bare")
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "remote", "add", "origin", str(server))
    (folder / "headrace.yaml").write_text(MANIFEST)
    (folder / "train.py").write_text("print('train')\n")
    (folder / ".github" / "workflows").mkdir(parents=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    asked = tmp_path / "asked"
    asked.touch()
    (programs / "gh").write_text(f'#!/bin/sh\necho "$@" >> "{asked}"\nif [ "$2" = list ]; then echo 0; fi\n')
    (programs / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}")
    return folder


def act_in(work: Path, text: str) -> Ran:
    (work / ".github" / "workflows" / "caller.yml").write_text(text)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "caller")
    git(work, "push", "--quiet", "origin", "main")
    seen = work.parent / "sarif"
    stand_in = work.parent / "upload"
    stand_in.mkdir(exist_ok=True)
    uploads = {"name": "upload", "inputs": {"sarif_file": {"required": True}, "category": {"required": False}}}
    copy = {"shell": "bash", "env": {"FROM": "${{ inputs.sarif_file }}"}, "run": f'cp "$FROM" "{seen}"'}
    steps = {"runs": {"using": "composite", "steps": [copy]}}
    (stand_in / "upload-sarif").mkdir(exist_ok=True)
    (stand_in / "upload-sarif" / "action.yml").write_text(yaml.safe_dump({**uploads, **steps}))
    owner, commit = SARIF.rsplit("/", 1)[0], SARIF.rpartition("@")[2]
    action = work.parent / "action"
    action.mkdir(exist_ok=True)
    shutil.copy(ROOT / "action.yml", action)
    local = {**stand_ins(), f"{owner}@{commit}": stand_in, "acme/headrace@v1": action}
    payload = {"ref": "refs/heads/main", "repository": {"default_branch": "main", "full_name": "acme/demo"}}
    # What headrace needs is there already: to install it takes longer than all else.
    env = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PYTHONPATH": str(Path(yaml.__file__).parent.parent)}
    return act(
        work, "push", workflow=".github/workflows/caller.yml", payload=payload, actions=local, env=env, limit=300
    )


def called(work: Path, name: str, package: Path, more: str = "") -> Ran:
    shutil.copy(ROOT / ".github" / "workflows" / f"{name}.yml", work / ".github" / "workflows")
    return act_in(work, CALL.replace("WORKFLOW", name).replace("PACKAGE", str(package)).replace("MORE", more))


# ------------------------------------------------------------------------------------------------------------------ lint


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_linter_finds_anything_in_the_workflows(path: Path) -> None:
    assert [*actionlint(path, []), *zizmor(path), *check_jsonschema(path, "vendor.github-workflows")] == []


def test_no_linter_finds_anything_in_the_action() -> None:
    path = ROOT / "action.yml"
    assert [*zizmor(path), *check_jsonschema(path, "vendor.github-actions")] == []


def test_scripts_hold_no_expression_and_actions_are_those_that_are_pinned() -> None:
    from targets.github.actions import PINS

    known = {f"{name}@{commit}" for name, (_, commit) in PINS.items()} | {SARIF}
    for path in (ROOT / "action.yml", *WORKFLOWS):
        data = yaml.safe_load(path.read_text())
        jobs = data["jobs"].values() if "jobs" in data else [data["runs"]]
        for step in (step for job in jobs for step in job["steps"]):
            assert "${{" not in step.get("run", "")
            assert step.get("uses", SARIF) in known


# ------------------------------------------------------------------------------------------------------------------- run


def test_the_action_checks_compares_updates_and_runs(work: Path, package: Path) -> None:
    step = "      - {uses: acme/headrace@v1, with: {package: 'PACKAGE', target: github, WITH}MORE}\n"
    steps = [
        ("mode: check, sarif: true", ""),
        ("mode: drift", ", continue-on-error: true, id: drift"),
        ("mode: update, publish: commit, message: 'Compile $(touch owned) `it`'", ", id: first"),
        ("mode: drift", ""),
        ("mode: update, publish: pull-request", ", id: again"),
        ("mode: plan", ", id: plan"),
        ("mode: run, pipeline: demo", ""),
    ]
    body = "".join(step.replace("WITH", given).replace("MORE", more) for given, more in steps)
    tell = (
        "      - env: {DRIFT: '${{ steps.drift.outcome }}', PLAN: '${{ steps.plan.outputs.pipelines }}',"
        " CHANGED: '${{ steps.first.outputs.changed }}', AGAIN: '${{ steps.again.outputs.changed }}'}\n"
        '        run: echo "drift=$DRIFT changed=$CHANGED again=$AGAIN plan=$PLAN"\n'
    )
    head = "on: push\njobs:\n  all:\n    runs-on: ubuntu-24.04\n    steps:\n"
    checkout = "      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1\n"
    ran = act_in(work, (head + checkout + body + tell).replace("PACKAGE", str(package)))
    assert ran.completed.status == 0, ran.log
    assert "drift=failure changed=true again=false" in ran.log
    asked = (work.parent / "asked").read_text().splitlines()  # act itself asks for a token
    assert not [line for line in asked if line.startswith("pr ")]  # nothing changed again
    assert 'plan=[{"manifest": "headrace.yaml", "pipeline": "demo"}]' in ran.log
    assert "training" in ran.log
    pushed = git(work.parent / "server.git", "log", "-1", "--format=%an: %s", "main")
    assert pushed == "github-actions[bot]: Compile $(touch owned) `it`"
    files = git(work.parent / "server.git", "ls-tree", "-r", "--name-only", "main").splitlines()
    assert ".github/workflows/demo.yml" in files
    assert "owned" not in files
    assert json.loads((work.parent / "sarif").read_text())["version"] == "2.1.0"


def test_the_workflow_that_checks_shows_a_fault_at_its_line(work: Path, package: Path) -> None:
    (work / "headrace.yaml").write_text(MANIFEST.replace("outputs:", "output:"))
    ran = called(work, "use-check", package, ", target: github")
    assert ran.completed.status == 1
    assert "did you mean" in ran.log
    (result,) = json.loads((work.parent / "sarif").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "HR2001"


def test_the_workflow_that_checks_fails_on_drift(work: Path, package: Path) -> None:
    (work / "headrace.yaml").write_bytes(MANIFEST.replace("\n", "\r\n").encode())  # as Windows writes lines
    ran = called(work, "use-check", package, ", target: github")
    assert ran.completed.status == 1
    assert "demo.yml is missing" in ran.log
    assert "::error" in ran.log or '"level":"error"' in ran.log
    results = json.loads((work.parent / "sarif").read_text())["runs"][0]["results"]
    assert {one["level"] for one in results} <= {"note"}


def test_the_workflow_that_updates_opens_a_pull_request(work: Path, package: Path) -> None:
    ran = called(work, "use-update", package, ", target: github")
    assert ran.completed.status == 0, ran.log
    asked = (work.parent / "asked").read_text().splitlines()
    wanted = "pr create --head headrace/compile --base main --title Compile the manifest"
    assert len([line for line in asked if line.startswith(wanted)]) == 1
    files = git(work.parent / "server.git", "ls-tree", "-r", "--name-only", "headrace/compile").splitlines()
    assert ".github/workflows/asked.yml" in files
    assert ".github/workflows/asked.yml" not in git(work.parent / "server.git", "ls-tree", "-r", "--name-only", "main")


def test_the_dynamic_workflow_runs_what_starts_on_the_event(work: Path, package: Path) -> None:
    ran = called(work, "use-dynamic", package)
    assert ran.completed.status == 0, ran.log
    assert "training" in ran.log, ran.log
    results = {line["job"]: line["jobResult"] for line in ran.lines if "jobResult" in line}
    assert [name for name in results if "demo" in name]
    assert not [name for name in results if "asked" in name]
