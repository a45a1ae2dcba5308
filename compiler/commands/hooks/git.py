"""What hooks ask of git, by its own program: where hooks lie, what is staged, what a commit holds."""

from __future__ import annotations

import os
import re
import subprocess

OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # SHA-1 or SHA-256
TIMEOUT = 600  # seconds, for one call


class GitError(Exception):
    """git is not there, or refused; the text is its own."""


def git(*arguments: str, folder: str = ".", env: dict[str, str] | None = None) -> str:
    """What a git command prints, without the last line's end. Raises GitError."""
    environment = {**os.environ, "LC_ALL": "C", "GIT_LFS_SKIP_SMUDGE": "1", **(env or {})}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except OSError as error:
        raise GitError(f"git can't be started: {(error.strerror or str(error)).lower()}") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git did not end within {TIMEOUT} s") from None
    if done.returncode != 0:
        raise GitError(os.fsdecode(done.stderr).strip() or f"git ended with {done.returncode}")
    return os.fsdecode(done.stdout).removesuffix("\n")


def git_folder() -> str:
    """git's own folder of the repository here, absolute. Of a linked worktree it is the one that all of them share."""
    return os.path.abspath(git("rev-parse", "--git-common-dir"))


def is_bare() -> bool:
    return git("rev-parse", "--is-bare-repository") == "true"


def hooks_folder() -> str:
    """Where git looks for this repository's hooks, absolute. https://git-scm.com/docs/githooks"""
    return os.path.abspath(git("rev-parse", "--git-path", "hooks"))


def work_tree() -> str:
    return git("rev-parse", "--show-toplevel")


def settings(name: str) -> list[str]:
    """All values of a key of this repository's configuration, none where it is not set."""
    try:
        return [value for value in git("config", "--local", "--null", "--get-all", name).split("\0") if value]
    except GitError:
        return []


def configure(name: str, values: list[str]) -> None:
    """Give a key of this repository's configuration these values; none: take it away."""
    if settings(name):
        git("config", "--local", "--unset-all", name)
    for value in values:
        git("config", "--local", "--add", name, value)


def write_staged(folder: str) -> None:
    """The files of the index (that of the commit which is made now) into an empty folder."""
    git("checkout-index", "--all", "--quiet", f"--prefix={folder}/", folder=work_tree())


def write_commit(commit: str, folder: str, index: str) -> None:
    """The files of a commit into an empty folder; `index` is a path for a scratch file. Works in bare repositories."""
    env = {"GIT_DIR": os.path.abspath(git("rev-parse", "--git-dir")), "GIT_WORK_TREE": folder, "GIT_INDEX_FILE": index}
    git("read-tree", commit, folder=folder, env=env)
    git("checkout-index", "--all", "--quiet", folder=folder, env=env)


def commit_of(name: str) -> str | None:
    """The commit that an object is or leads to (a tag may lead elsewhere). Only hashes are asked for, never names."""
    if not OBJECT.fullmatch(name) or not name.strip("0"):
        return None
    try:
        return git("rev-parse", "--verify", "--quiet", name + "^{commit}")
    except GitError:
        return None


def is_clean() -> bool:
    """Whether the work tree holds what is staged, and nothing that is neither staged nor ignored."""
    return not git("ls-files", "--modified", "--deleted", "--others", "--exclude-standard", folder=work_tree())
