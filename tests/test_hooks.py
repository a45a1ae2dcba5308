"""headrace hooks: git's own hooks, called by git itself."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.cli import main

GOOD = """\
version: 1
name: demo
environments: {py: {image: "python:3.12-slim-bookworm"}}
jobs:
  train: {environment: py, run: python train.py}
"""
BAD = GOOD.replace("run:", "rum:")
HOSTILE = (
    "refs/heads/$(touch${IFS}owned)",
    "refs/heads/`touch${IFS}owned`",
    "refs/heads/;touch${IFS}owned;",
    "refs/heads/'\"|&touch${IFS}owned",
    "refs/heads/-rf",
    "refs/heads/--upload-pack=touch",
    "refs/heads/{{x}}%(0)s${{github.token}}",
    "refs/heads/\u202egnp.exe\u00e4",
    "refs/tags/$(touch${IFS}owned)",
)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where nobody has configured git."""
    (tmp_path / "home").mkdir()
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")


def git(*words: str, cwd: Path | None = None, ok: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "it's a repository"
    git("init", "--quiet", "--initial-branch=main", str(folder))
    monkeypatch.chdir(folder)
    Path("headrace.yaml").write_text(GOOD)
    Path("train.py").write_text("print('train')\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    return folder


@pytest.fixture
def server(work: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "server.git"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))
    git("remote", "add", "origin", str(folder))
    return folder


def hook(name: str) -> Path:
    return Path(".git/hooks") / name


# ------------------------------------------------------------------------------------------------------ install, remove


def test_hooks_come_and_go(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path(".git/hooks").iterdir())
    assert main(["hooks", "install"]) == 0
    assert capsys.readouterr().out == "pre-commit: installed\npre-push: installed\n"
    written = hook("pre-commit").read_bytes()
    assert os.access(hook("pre-commit"), os.X_OK)
    assert main(["hooks", "install", "--target", "gitlab"]) == 0
    assert hook("pre-commit").read_bytes() == written
    capsys.readouterr()
    assert main(["hooks", "status"]) == 0
    shown = capsys.readouterr().out
    assert shown == "pre-commit: installed\npre-push: installed\npost-receive: not installed\ntarget: gitlab\n"
    assert main(["hooks", "remove"]) == 0
    assert sorted(Path(".git/hooks").iterdir()) == before
    assert "headrace" not in Path(".git/config").read_text()


def test_a_hook_that_is_there_is_not_touched(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hook("pre-push").write_text("#!/bin/sh\necho mine\n")
    assert main(["hooks", "install"]) == 1
    assert "there is a pre-push hook already" in capsys.readouterr().err
    assert hook("pre-push").read_text() == "#!/bin/sh\necho mine\n"
    assert not hook("pre-commit").exists()
    assert main(["hooks", "remove"]) == 0
    assert hook("pre-push").read_text() == "#!/bin/sh\necho mine\n"
    assert main(["hooks", "status"]) == 0
    assert "pre-push: somebody else's" in capsys.readouterr().out


def test_a_link_that_leads_nowhere_is_a_hook_of_somebody(work: Path) -> None:
    hook("pre-commit").symlink_to("/nowhere/hook")
    assert main(["hooks", "install", "pre-commit"]) == 1
    assert os.readlink(hook("pre-commit")) == "/nowhere/hook"


def test_a_chained_hook_runs_first_and_comes_back(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = b'#!/bin/sh\necho mine >> "$PWD/seen"\ntest ! -e stop\n'
    hook("pre-commit").write_bytes(mine)
    hook("pre-commit").chmod(0o750)
    assert main(["hooks", "install", "pre-commit", "--chain"]) == 0
    Path("train.py").write_text("print('again')\n")
    git("commit", "--quiet", "--all", "--message", "second")
    assert Path("seen").read_text() == "mine\n"
    Path("stop").touch()
    git("commit", "--quiet", "--allow-empty", "--message", "third", ok=False)
    assert main(["hooks", "remove"]) == 0
    assert hook("pre-commit").read_bytes() == mine
    assert stat.S_IMODE(hook("pre-commit").stat().st_mode) == 0o750
    assert not Path(f"{hook('pre-commit')}.before-headrace").exists()


def test_hooks_that_other_repositories_share_are_not_touched(work: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    git("config", "core.hooksPath", str(shared))
    assert main(["hooks", "install"]) == 1
    assert list(shared.iterdir()) == []


def test_hooks_of_a_folder_in_the_repository_and_of_a_linked_work_tree(work: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    os.chdir(tmp_path / "linked")
    assert main(["hooks", "install", "pre-commit"]) == 0
    Path("headrace.yaml").write_text(BAD)
    git("commit", "--quiet", "--all", "--message", "bad", ok=False)
    os.chdir(work)
    git("config", "core.hooksPath", ".githooks")
    assert main(["hooks", "install", "pre-commit"]) == 0
    assert Path(".githooks/pre-commit").exists()


def test_outside_of_a_repository_and_with_unknown_hooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["hooks", "install"]) == 1
    assert "HR5023" in capsys.readouterr().err
    assert main(["hooks", "install", "post-merge"]) == 2
    assert main(["hooks", "run", "post-merge"]) == 2


def test_a_hook_whose_headrace_is_gone_says_so(work: Path) -> None:
    assert main(["hooks", "install", "pre-commit"]) == 0
    text = hook("pre-commit").read_text()
    hook("pre-commit").write_text(text.replace(sys.executable, "/nowhere/python"))
    path = f"{os.path.dirname(sys.executable)}:"
    environment = {**os.environ, "PATH": os.environ["PATH"].replace(path, "")}
    words = ["git", "commit", "--allow-empty", "--message", "x"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        pytest.skip("another headrace is on the path")
    assert "headrace is not installed here any more" in done.stderr


# ----------------------------------------------------------------------------------------------------------- pre-commit


def test_what_is_staged_is_checked_and_not_what_lies_there(work: Path) -> None:
    assert main(["hooks", "install", "pre-commit"]) == 0
    Path("headrace.yaml").write_text(BAD)
    git("add", ".")
    Path("headrace.yaml").write_text(GOOD)
    assert "HR2001" in git("commit", "--quiet", "--message", "bad", ok=False).stderr
    git("add", ".")
    Path("headrace.yaml").write_text(BAD)
    git("commit", "--quiet", "--allow-empty", "--message", "good")


def test_a_script_that_was_not_added_is_missed(work: Path) -> None:
    assert main(["hooks", "install", "pre-commit"]) == 0
    Path("headrace.yaml").write_text(GOOD.replace("run: python train.py", "entry: {script: fit.py}"))
    Path("fit.py").write_text("print('fit')\n")
    git("add", "headrace.yaml")
    assert "fit.py" in git("commit", "--quiet", "--message", "half", ok=False).stderr
    git("add", "fit.py")
    git("commit", "--quiet", "--message", "whole")


def test_a_commit_of_some_files_and_a_repository_without_a_manifest(work: Path) -> None:
    assert main(["hooks", "install", "pre-commit"]) == 0
    Path("headrace.yaml").write_text(BAD)
    Path("train.py").write_text("print('more')\n")
    git("commit", "--quiet", "--message", "only this", "train.py")
    git("commit", "--quiet", "--message", "all", "--all", ok=False)
    git("rm", "--quiet", "--cached", "headrace.yaml")
    git("commit", "--quiet", "--message", "no manifest")


# ------------------------------------------------------------------------------------------------------------- pre-push


def test_a_push_needs_the_compiled_files_of_its_manifest(work: Path, server: Path) -> None:
    assert main(["compile", "--target", "gitlab"]) == 0
    git("add", ".")
    git("commit", "--quiet", "--message", "compiled")
    assert main(["hooks", "install", "pre-push"]) == 0
    git("push", "--quiet", "origin", "main")
    Path("headrace.yaml").write_text(GOOD + "  evaluate: {environment: py, needs: [train], run: python eval.py}\n")
    git("commit", "--quiet", "--all", "--message", "forgot to compile")
    assert "HR5006" in git("push", "origin", "main", ok=False).stderr
    assert main(["compile", "--target", "gitlab"]) == 0
    git("commit", "--quiet", "--all", "--message", "did not forget")
    git("push", "--quiet", "origin", "main")
    git("push", "--quiet", "origin", "main:refs/heads/$(touch${IFS}owned)")
    git("push", "--quiet", "origin", ":refs/heads/$(touch${IFS}owned)")
    assert not Path("owned").exists()


# --------------------------------------------------------------------------------------------------------- post-receive


def receive(server: Path, tmp_path: Path, *options: str) -> Path:
    """Install the hook of the server; its command writes what it was told into a file of its own."""
    log = tmp_path / "log"
    log.mkdir()
    script = (
        "import os, sys, pathlib\n"
        "told = {k: v for k, v in os.environ.items() if k.startswith(('HEADRACE_', 'GIT_DIR'))}\n"
        "files = sorted(str(p) for p in pathlib.Path().rglob('*') if p.is_file())\n"
        f"name = pathlib.Path({str(log)!r}) / str(len(os.listdir({str(log)!r})))\n"
        "name.write_text(repr((told, files)))\n"
    )
    (tmp_path / "tell.py").write_text(script)
    os.chdir(server)
    command = f"{sys.executable} '{tmp_path / 'tell.py'}'"
    assert main(["hooks", "install", "--target", "argo", "--command", command, *options]) == 0
    return log


def told(log: Path) -> dict[str, tuple[dict[str, str], list[str]]]:
    found = [eval(path.read_text(), {}) for path in sorted(log.iterdir())]
    return {environment["HEADRACE_REF"]: (environment, files) for environment, files in found}


def test_what_is_pushed_is_compiled_and_handed_over(work: Path, server: Path, tmp_path: Path) -> None:
    log = receive(server, tmp_path)
    os.chdir(work)
    git("tag", "--annotate", "v1", "--message", "one")
    git("push", "--quiet", "origin", "main", "main:feature/x", "v1", "main:refs/notes/y")
    seen = told(log)
    assert set(seen) == {"refs/heads/main", "refs/heads/feature/x", "refs/tags/v1"}
    environment, files = seen["refs/tags/v1"]
    assert files == ["argo/demo.yaml"]
    assert environment["HEADRACE_TAG"] == "v1"
    assert environment["HEADRACE_COMMIT"] == git("rev-parse", "HEAD").stdout.strip()
    assert environment["HEADRACE_REPOSITORY"] == str(server)
    assert "HEADRACE_BRANCH" not in environment
    assert "GIT_DIR" not in environment
    assert seen["refs/heads/feature/x"][0]["HEADRACE_BRANCH"] == "feature/x"
    git("push", "--quiet", "origin", ":feature/x")
    assert len(told(log)) == 3


def test_names_of_refs_are_never_part_of_a_command(work: Path, server: Path, tmp_path: Path) -> None:
    log = receive(server, tmp_path)
    os.chdir(work)
    git("push", "--quiet", "origin", *(f"HEAD:{ref}" for ref in HOSTILE))
    seen = told(log)
    assert set(seen) == set(HOSTILE)
    for ref, (environment, files) in seen.items():
        kind = "HEADRACE_TAG" if ref.startswith("refs/tags/") else "HEADRACE_BRANCH"
        assert environment[kind] == ref.split("/", 2)[2]
        assert files == ["argo/demo.yaml"]
    assert not [path for folder in (work, server, log) for path in folder.rglob("owned")]


def test_a_bad_manifest_of_one_branch_does_not_stop_the_others(work: Path, server: Path, tmp_path: Path) -> None:
    log = receive(server, tmp_path)
    os.chdir(work)
    git("checkout", "--quiet", "-b", "bad")
    Path("headrace.yaml").write_text(BAD)
    git("commit", "--quiet", "--all", "--message", "bad")
    git("rm", "--quiet", "headrace.yaml")
    git("commit", "--quiet", "--message", "none")
    said = git("push", "origin", "bad~1:refs/heads/bad", "bad:refs/heads/none", "main").stderr
    assert "HR2001" in said
    assert set(told(log)) == {"refs/heads/main"}


def test_a_tree_that_would_leave_its_folder_does_not(work: Path, server: Path, tmp_path: Path) -> None:
    log = receive(server, tmp_path)
    os.chdir(work)
    secret = tmp_path / "secret.yaml"
    secret.write_text(GOOD)
    Path("headrace.yaml").unlink()
    Path("headrace.yaml").symlink_to(secret)
    git("add", ".")
    git("commit", "--quiet", "--message", "link")
    assert "HR5005" in git("push", "origin", "main").stderr
    assert told(log) == {}


def test_a_command_that_fails_or_is_not_there_is_said(work: Path, server: Path) -> None:
    os.chdir(server)
    assert main(["hooks", "install", "--target", "argo", "--command", "false"]) == 0
    os.chdir(work)
    assert "the command ended with 1 for refs/heads/main" in git("push", "origin", "main").stderr
    os.chdir(server)
    assert main(["hooks", "install", "--command", "/nowhere/command"]) == 0
    os.chdir(work)
    assert "the command can't be started" in git("push", "origin", "main:other").stderr
