"""What runs when git calls a hook. Names of refs come from whoever pushes: they are values here, never part of a command."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from functools import partial

from compiler.commands.hooks import HOOKS, git
from compiler.commands.hooks.installing import KEPT
from compiler.render.visible import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = {"refs/heads/": "HEADRACE_BRANCH", "refs/tags/": "HEADRACE_TAG"}


class Pushed:
    """A line of a hook's input: a ref (bytes as text), what it was and what it is now."""

    __slots__ = ("after", "before", "ref")

    def __init__(self, ref: str, before: str, after: str) -> None:
        self.ref = ref
        self.before = before
        self.after = after


def run_hook(words: list[str]) -> int:
    """`words` are the hook's name and git's arguments for it. What came before headrace's hook runs before it here."""
    name, *arguments = words or [""]
    if name not in HOOKS:
        print(f'headrace hooks: "{visible(name)}" is not a hook of headrace: {", ".join(HOOKS)}', file=sys.stderr)
        return 2
    given = sys.stdin.buffer.read() if name != "pre-commit" else b""
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        if variable in os.environ:  # git gives them relative to this folder, and work is done in others
            os.environ[variable] = os.path.abspath(os.environ[variable])
    try:
        status = _run_kept(name, arguments, given)
        if status != 0:
            return status
        if name == "pre-commit":
            return _pre_commit()
        lines = [os.fsdecode(line).split(" ") for line in given.split(b"\n") if line]
        return _pre_push(lines) if name == "pre-push" else _post_receive(lines)
    except git.GitError as error:
        print(f"headrace: {visible(str(error))}", file=sys.stderr)
        return 1


def _run_kept(name: str, arguments: list[str], given: bytes) -> int:
    """The hook that was there before, as git would have called it."""
    path = os.path.join(git.hooks_folder(), name + KEPT)
    if not os.access(path, os.X_OK):
        return 0
    try:
        return subprocess.run([path, *arguments], input=given, check=False).returncode
    except OSError as error:
        print(f"headrace: {visible(path)} can't be started: {error.strerror}", file=sys.stderr)
        return 1


def _pre_commit() -> int:
    """Check what is staged: in place where the work tree holds just that, else in a copy of it."""
    if git.is_clean():
        return _in_folder(git.work_tree(), _check)
    return _in_copy(git.write_staged, _check)


def _pre_push(lines: list[list[str]]) -> int:
    """Check each commit that is pushed, and that its compiled files are those of its manifests."""
    commits = {commit: None for line in lines if len(line) == 4 and (commit := git.commit_of(line[1])) is not None}
    return max((_in_copy(_writer(commit), _check_with_files) for commit in commits), default=0)


def _post_receive(lines: list[list[str]]) -> int:
    pushed = [Pushed(ref, before, after) for before, after, ref in (line for line in lines if len(line) == 3)]
    statuses = []
    for one in pushed:
        kind = next((kind for kind in KINDS if one.ref.startswith(kind)), None)
        commit = git.commit_of(one.after)
        if kind is None or commit is None:
            continue
        print(f"headrace: {visible(one.ref)}", file=sys.stderr, flush=True)
        statuses.append(_in_copy(_writer(commit), partial(_hand_over, one, kind)))
    return max(statuses, default=0)


def _writer(commit: str) -> Callable[[str], None]:
    def write(folder: str) -> None:
        index = os.path.join(os.path.dirname(folder), "index")
        git.write_commit(commit, folder, index)

    return write


# ------------------------------------------------------------------------------------------------- in a folder of files


def _in_copy(write: Callable[[str], None], act: Callable[[], int]) -> int:
    """Do something in a copy of files, which belongs to the same repository: its remote says which target is meant."""
    with tempfile.TemporaryDirectory(prefix="headrace-hook-") as scratch:
        folder = os.path.join(scratch, "files")
        os.mkdir(folder)
        write(folder)
        with open(os.path.join(folder, ".git"), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"gitdir: {git.git_folder()}\n")
        return _in_folder(folder, act)


def _in_folder(folder: str, act: Callable[[], int]) -> int:
    from compiler.commands.workspace import open_workspace
    from compiler.diagnostics import Sink

    here = os.getcwd()
    targets = git.settings("headrace.target")
    os.chdir(folder)
    try:
        sink = Sink()
        if open_workspace(None, sink) is None and [found.code.name for found in sink.diagnostics] == ["no-manifest"]:
            return 0  # a branch without a manifest is nobody's mistake
        _targets[:] = [word for target in targets for word in ("--target", target)]
        return act()
    finally:
        os.chdir(here)


_targets: list[str] = []  # options for the targets that the repository's configuration names


def _headrace(*words: str) -> int:
    from contextlib import redirect_stdout

    from compiler.cli import main

    with redirect_stdout(sys.stderr):  # git's own standard output is its caller's
        status = main(list(words))
    sys.stderr.flush()
    return status


def _check() -> int:
    return _headrace("check", "--quiet", *_targets)


def _check_with_files() -> int:
    status = _check()
    if status != 0 or not (_targets or _is_compiled()):
        return status
    return _headrace("compile", "--check", "--quiet", *_targets)


def _is_compiled() -> bool:
    """Whether any target's files are there: a repository that compiles elsewhere (at sync, on a server) has none."""
    from compiler.commands.targeting import target
    from compiler.repository import Repository
    from targets import TARGETS

    here = Repository(".")
    return any(target(name).recognise(None, here.exists) for name in TARGETS)


def _hand_over(pushed: Pushed, kind: str) -> int:
    """Compile the files here into an empty folder, and call the configured command there."""
    output = os.path.join(os.path.dirname(os.getcwd()), "compiled")
    os.mkdir(output)
    status = _headrace("compile", "--quiet", "--output", output, *_targets)
    command = git.settings("headrace.command")
    if status != 0 or not command:
        return status
    argv = shlex.split(command[-1])
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {
        "HEADRACE_REPOSITORY": git.git_folder(),
        "HEADRACE_REF": pushed.ref,
        "HEADRACE_BEFORE": pushed.before,
        "HEADRACE_COMMIT": git.commit_of(pushed.after) or "",
        KINDS[kind]: pushed.ref.removeprefix(kind),
    }
    try:
        done = subprocess.run(argv, cwd=output, env=env, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        print(f"headrace: the command can't be started: {error.strerror}", file=sys.stderr)
        return 1
    if done.returncode != 0:
        print(f"headrace: the command ended with {done.returncode} for {visible(pushed.ref)}", file=sys.stderr)
    return done.returncode and 1
