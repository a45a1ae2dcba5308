"""gitlab-ci-local: GitLab's rules, includes and references, evaluated without a server."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.tools.process import Completed, RefusedError, ToolError, program, run

LIMIT_SECONDS = 30.0


@contextlib.contextmanager
def checkout(folder: Path) -> Iterator[Path]:
    """A clean git clone of a folder's files, on branch main, with the remote that gitlab-ci-local looks for.

    The folder may be a repository or not; its own history, ignored files and state folders are left out.
    """
    with tempfile.TemporaryDirectory() as parent:
        clone = Path(parent, "clone")
        shutil.copytree(folder, clone, symlinks=True, ignore=shutil.ignore_patterns(".git", ".gitlab-ci-local"))
        who = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        for arguments in (
            ["init", "--quiet", "--initial-branch=main"],
            ["add", "--all"],
            [*who, "commit", "--quiet", "--allow-empty", "--no-verify", "--message=test"],
            ["remote", "add", "origin", "git@gitlab.example.com:group/project.git"],
            ["update-ref", "refs/remotes/origin/main", "HEAD"],
            ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"],
        ):
            ended = run([program("git"), *arguments], cwd=clone)
            if ended.status != 0:
                raise ToolError(f"git {arguments[0]}: {ended.stderr.strip()}")
        yield clone


def gitlab_ci_local(clone: Path, *arguments: str, limit: float = LIMIT_SECONDS) -> Completed:
    """Runs gitlab-ci-local in a checkout, with a home folder of its own. ToolError when the limit is reached."""
    program("rsync")
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    argv = [program("node"), program("gitlab-ci-local"), "--home", str(home), "--no-color", *arguments]
    return run(argv, cwd=clone, env={"HOME": str(home), "NO_COLOR": "1"}, limit=limit)


def gitlab_ci_local_list(
    folder: Path, variables: Mapping[str, str] | None = None, file: str = ".gitlab-ci.yml"
) -> list[dict[str, Any]]:
    """The jobs that a pipeline with these variables has, in the tool's order: name, stage, when, needs, rules, …

    Predefined variables may be given too: `{"CI_PIPELINE_SOURCE": "schedule"}`. Jobs that the rules leave out are left
    out. RefusedError, with the tool's message, for a file that it doesn't accept.
    """
    arguments = ["--list-json", "--file", file]
    for name, value in (variables or {}).items():
        arguments += ["--variable", f"{name}={value}"]
    if variables:
        arguments += ["--ignore-predefined-vars", ",".join(variables)]
    with checkout(folder) as clone:
        ended = _accepted(gitlab_ci_local(clone, *arguments))
    return [job for job in json.loads(ended.stdout) if job["when"] != "never"]


def gitlab_ci_local_preview(folder: Path, file: str = ".gitlab-ci.yml") -> str:
    """The file as YAML with defaults, includes, extends and references expanded; RefusedError as above."""
    with checkout(folder) as clone:
        return _accepted(gitlab_ci_local(clone, "--preview", "--file", file)).stdout


def _accepted(ended: Completed) -> Completed:
    if ended.status != 0:
        raise RefusedError(ended.stderr.strip() or ended.stdout.strip())
    return ended
