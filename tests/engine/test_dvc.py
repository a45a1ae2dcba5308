"""A DVC store with DVC itself: a remote in a folder, a pointer in the commit, a run that pulls and pushes."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from compiler.passes.dvc import VERSION
from tests.tools.process import program, run

pytestmark = pytest.mark.engine

MANIFEST = """\
version: 1
name: lake
stores: {{lake: {{kind: dvc{url}}}}}
environments: {{py: {{python: "{python}"}}}}
datasets: {{raw: {{path: data/raw.csv, store: lake}}}}
jobs:
  train: {{environment: py, datasets: [raw], run: mkdir model && cp data/raw.csv model/weights, outputs: [{{path: model, store: lake}}]}}
  use: {{environment: py, needs: [train], run: cat model/weights}}
"""


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    done = run([program("git"), *who, *arguments], cwd=folder)
    assert done.status == 0, done.stderr


def test_a_run_pulls_what_the_commit_names_and_pushes_what_it_made(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    for line in (
        [sys.executable, "-m", "venv", str(tool)],
        [str(tool / "bin/pip"), "install", "-q", f"dvc=={VERSION}"],
    ):
        done = run(line, cwd=tmp_path, env=dict(os.environ), limit=300)
        assert done.status == 0, done.stderr
    dvc = str(tool / "bin" / "dvc")
    work, remote = tmp_path / "work", tmp_path / "remote"
    (work / "data").mkdir(parents=True)
    (work / "data" / "raw.csv").write_text("a,b\n1,2\n")
    python = ".".join(map(str, sys.version_info[:2]))
    (work / "headrace.yaml").write_text(MANIFEST.format(url=f', url: "{remote}"', python=python))
    git(work, "init", "-q")
    for line in (
        ["init", "-q"],
        ["remote", "add", "-q", "-d", "there", str(remote)],
        ["add", "-q", "data/raw.csv"],
        ["push", "-q"],
    ):
        done = run([dvc, *line], cwd=work, limit=60)
        assert done.status == 0, done.stderr
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "data")
    shutil.rmtree(work / ".dvc" / "cache")
    (work / "data" / "raw.csv").unlink()
    held = {path for path in remote.rglob("*") if path.is_file()}
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = run([sys.executable, "-m", "compiler", "run"], cwd=work, env=env, limit=600)
    assert done.status == 0, done.stdout + done.stderr
    # The folder that was made, and its one file, which the remote had already.
    assert len({path for path in remote.rglob("*") if path.is_file()} - held) == 1
