"""The hooks of .pre-commit-hooks.yaml, installed and run by pre-commit itself from a git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.process import Completed, program, run, unavailable

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGED = ("compiler", "targets", "schemas", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
MANIFEST = """\
version: 1
name: demo
environments: {py: {image: "python:3.12-slim-bookworm"}}
jobs:
  train: {environment: py, run: python train.py}
"""


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pre-commit's cache: the environment is made once."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what this checkout holds now, at a commit that can be named."""
    folder = tmp_path_factory.mktemp("headrace")
    for name in PACKAGED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "headrace")
    return folder


@pytest.fixture
def work(hooks: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "remote", "add", "origin", "git@gitlab.com:acme/demo.git")
    listed = "".join(f"      - id: headrace-{name}\n" for name in ("check", "compile", "drift"))
    revision = git(hooks, "rev-parse", "HEAD")
    config = f"repos:\n  - repo: {hooks}\n    rev: {revision}\n    hooks:\n{listed}"
    (folder / ".pre-commit-config.yaml").write_text(config)
    (folder / "headrace.yaml").write_text(MANIFEST)
    (folder / "train.py").write_text("print('train')\n")
    git(folder, "add", ".")
    return folder


def pre_commit(work: Path, home: Path, *words: str) -> Completed:
    environment = {"PRE_COMMIT_HOME": str(home), "PRE_COMMIT_COLOR": "never", "SKIP": ""}
    environment |= {name: "" for name in os.environ if name.startswith("GIT_")}
    done = run([program("pre-commit"), *words], cwd=work, env=environment, limit=300)
    if "Could not find a version" in done.stdout + done.stderr or "NewConnectionError" in done.stdout:
        unavailable("no package index can be reached, from which pre-commit would install headrace's dependencies")
    return done


def test_the_three_hooks_in_one_repository(work: Path, home: Path) -> None:
    missing = pre_commit(work, home, "run", "headrace-drift")
    assert missing.status == 1
    assert "HR5006" in missing.stdout
    first = pre_commit(work, home, "run", "headrace-compile")
    assert first.status == 1, first.stdout
    assert ".gitlab-ci.yml: written" in first.stdout
    git(work, "add", ".")
    assert pre_commit(work, home, "run").status == 0
    git(work, "commit", "--quiet", "--message", "first")

    (work / "headrace.yaml").write_text(MANIFEST.replace("run:", "rum:"))
    git(work, "add", ".")
    wrong = pre_commit(work, home, "run")
    assert wrong.status == 1
    assert 'did you mean "run"?' in wrong.stdout

    (work / "headrace.yaml").write_text(MANIFEST.replace("train.py", "train.py --fast"))
    git(work, "add", ".")
    changed = pre_commit(work, home, "run", "headrace-compile")
    assert "files were modified by this hook" in changed.stdout
    git(work, "add", ".")
    assert pre_commit(work, home, "run").status == 0


def test_installed_as_gits_hook_it_stops_a_commit(work: Path, home: Path) -> None:
    assert pre_commit(work, home, "install").status == 0
    (work / "headrace.yaml").write_text(MANIFEST + "  late: {environment: py, run: 'true', needs: [nobody]}\n")
    git(work, "add", ".")
    environment = {**os.environ, "PRE_COMMIT_HOME": str(home)}
    words = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--message", "x"]
    done = subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "HR3001" in done.stdout + done.stderr
    (work / "notes.md").write_text("no manifest\n")
    nothing = pre_commit(work, home, "run", "headrace-check", "--files", "notes.md")
    assert "no files to check" in nothing.stdout


def test_a_manifest_that_is_not_found_by_itself_is_checked_by_name(work: Path, home: Path) -> None:
    (work / "headrace.yaml").unlink()
    (work / "jobs").mkdir()
    (work / "jobs" / "gpu.headrace.yaml").write_text(MANIFEST.replace("run:", "rum:"))
    git(work, "add", ".")
    done = pre_commit(work, home, "run", "headrace-check")
    assert done.status == 1
    assert "jobs/gpu.headrace.yaml:5" in done.stdout
