"""Every example of every help text is a command that works, where there is what it names."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from compiler.cli import COMMANDS, load, main

ROOT = Path(__file__).resolve().parent.parent
GIT = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
MANIFEST = """version: 1
name: demo
parameters: {epochs: {type: int, default: 1}}
jobs:
  prepare: {run: "mkdir data && echo {{ parameters.epochs }} > data/rows", outputs: [data]}
  train:
    needs: [prepare]
    matrix: {fold: [0, 1]}
    run: mkdir -p models && cp data/rows "models/"{{ matrix.fold }} && ls models
    outputs: ["models/{{ matrix.fold }}"]
  evaluate: {needs: [train], run: cat models/*}
targets:
  gitlab: {}
  argo: {}
"""
NIGHTLY = '\npipelines: {nightly: {on: {schedule: {cron: "0 4 * * *"}}, jobs: [evaluate]}}\n'
SCRIPT = """import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=1)
parser.parse_args()
"""
AME = """projectid: ages
tasks:
  train:
    !Task
    executor: !pip {pythonVersion: "3.12", command: python src/train.py}
"""
# What has to be done first, by the words that an example begins with; each in a copy of the folder of its own.
BEFORE = {
    "compile --check": ["compile"],
    "compile --fail-on-change": ["compile"],
    "eject": ["compile --target all --output ."],
    "runs": ["run"],
    "verify": ["run"],
    "hooks status": ["hooks install"],
    "hooks remove": ["hooks install"],
}
FAILS = ("lifecycle --strict", "pin --check")  # which say that something is missing
# What no test can have, or what others run.
LEFT_OUT = {
    "20260201-101500-3f2a": "a run has another name each time",
    "statement.json": "a CI attests a run",
    "--serve": "it runs until it is stopped",
    "headrace pin  ": "it asks registries",
    "--component": "its address is no one's",
}


def examples() -> list[str]:
    return [line for name in COMMANDS for line in load(name).EXAMPLES.strip().split("\n")]


def words(example: str) -> list[str]:
    """The command's own words: without what is said about it, and what a shell does with its output."""
    command = re.split(r"\s{2,}| [|>]", example.replace("source <(", "").rstrip(")"))[0]
    return shlex.split(command)[1:]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("examples") / "repository"
    (root / "src").mkdir(parents=True)
    (root / "headrace.yaml").write_text(MANIFEST)
    (root / "src" / "train.py").write_text(SCRIPT)
    for name in ("churn", "lifecycle"):
        shutil.copytree(ROOT / "examples" / name, root / "examples" / name)
    subprocess.run([*GIT, "init", "--quiet"], cwd=root, check=True)
    subprocess.run([*GIT, "add", "--all"], cwd=root, check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "first"], cwd=root, check=True)
    (root.parent / "churn.env").write_text("TOKEN=x\n")
    return root


def is_left_out(example: str) -> bool:
    return any(part in example for part in LEFT_OUT)


def test_what_is_left_out_is_there() -> None:
    assert [part for part in LEFT_OUT if not any(part in example for example in examples())] == []


@pytest.mark.parametrize("example", [example for example in examples() if not is_left_out(example)])
def test_an_example_works(
    example: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = words(example)
    here = tmp_path / "repository"
    cache = tmp_path / "cache"
    if given[0] == "init":
        (here / "path" / "to" / "repository").mkdir(parents=True)
        (here / ".gitlab-ci.yml").write_text("test: {script: [make test]}\n")
    elif given[0] in ("run", "runs", "verify"):
        here, cache = repository, repository.parent / "cache"  # nothing is run twice
    else:
        shutil.copytree(repository, here)
    if given[0] == "modules":
        shutil.rmtree(here / "examples")  # their scripts have the same names
    if given[:2] == ["graph", "--pipeline"]:
        (here / "headrace.yaml").write_text(MANIFEST + NIGHTLY)
    if "ame.yaml" in given:
        (here / "ame.yaml").write_text(AME)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HEADRACE_CACHE", str(cache))
    before = next((commands for start, commands in BEFORE.items() if example.startswith(f"headrace {start}")), [])
    for command in before:
        assert main(shlex.split(command)) == 0
    capsys.readouterr()
    status = main(given)
    out, err = capsys.readouterr()
    assert status == any(example.startswith(f"headrace {start}") for start in FAILS), out + err
    assert out + err
