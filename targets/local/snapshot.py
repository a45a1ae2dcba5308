"""What a run starts from: the files of one commit, or of the work tree, the same for every job.

In a git repository the files are a tree object. A work tree becomes one without a trace in the repository: its objects
are written beside it. Outside of git the folder is copied once.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from targets.local.tree import Entry, Tree, entry_of

# Files that git alone would give otherwise depend on who runs it.
_GIT_ENV = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")


class SnapshotError(Exception):
    """There is nothing to start from; the text says why."""


class CopyError(SnapshotError):
    """What there is to start from can't be laid out."""


class Snapshot:
    """The files that every job of a run begins with."""

    commit = ""
    submodules: tuple[str, ...] = ()  # their folders are there and empty, as in CI
    whole: str  # a folder that holds exactly these files; nobody may write there

    def __init__(self, folder: str) -> None:
        self.whole = folder
        self._tree: Tree | None = None

    def checkout(self, folder: str) -> None:
        """Put the files into a folder, which is made."""
        shutil.copytree(self.whole, folder, symlinks=True)

    def tree(self) -> Tree:
        """Every file with its mode and sha256; read once."""
        if self._tree is None:
            entries: dict[str, Entry] = {}
            for at, folders, names in os.walk(self.whole):
                links = [name for name in folders if os.path.islink(os.path.join(at, name))]
                for name in (*names, *links):
                    path = os.path.join(at, name)
                    entries[os.path.relpath(path, self.whole).replace(os.sep, "/")] = entry_of(path)
            self._tree = Tree(entries)
        return self._tree

    def read(self, path: str) -> bytes:
        """A file's bytes. Raises OSError."""
        with open(os.path.join(self.whole, path), "rb") as stream:
            return stream.read()


def git(root: str, *arguments: str, **env: str) -> bytes:
    """Run git in a repository; its output. Raises SnapshotError with what it said."""
    clean = {name: value for name, value in os.environ.items() if name not in _GIT_ENV}
    command = ["git", "-c", "safe.directory=*", "-c", "core.quotePath=false", "-C", root, *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env={**clean, "GIT_OPTIONAL_LOCKS": "0", **env}
        )
    except OSError as error:
        raise SnapshotError(f"git can't be started: {(error.strerror or str(error)).lower()}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise SnapshotError(said or f"git {arguments[0]} failed")
    return done.stdout


def is_repository(root: str) -> bool:
    return os.path.exists(os.path.join(root, ".git"))


def take(root: str, folder: str, revision: str | None, dirty: bool) -> Snapshot:
    """The snapshot of a revision (none: HEAD), or of the work tree, in a folder that is made. Raises SnapshotError."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    if not is_repository(root):
        if revision is not None:
            raise SnapshotError(f'this is no git repository, so there is no revision "{revision}"')
        _copy(root, folder)
        return Snapshot(folder)
    commit = _commit(root, revision or "HEAD", needed=not dirty)
    snapshot = Snapshot(folder)
    snapshot.commit = commit
    index = folder + ".index"
    try:
        if dirty:
            _write_dirty(root, commit, folder, index)
        else:
            git(root, "read-tree", commit, GIT_INDEX_FILE=index)
            _write(root, folder, index)
        snapshot.submodules = _submodules(root, index)
    except SnapshotError as error:
        raise CopyError(str(error)) from error
    finally:
        if os.path.exists(index):
            os.unlink(index)
    return snapshot


def uncommitted(root: str) -> tuple[str, ...]:
    """Paths that differ from HEAD, those that git does not know yet too."""
    if not is_repository(root):
        return ()
    listed = git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    return tuple(os.fsdecode(line[3:]) for line in listed.split(b"\0") if line)


def _commit(root: str, revision: str, needed: bool) -> str:
    if revision.startswith("-"):
        raise SnapshotError(f'"{revision}" is not a revision')
    try:
        return os.fsdecode(git(root, "rev-parse", "--verify", "--quiet", revision + "^{commit}")).strip()
    except SnapshotError as error:
        if not needed:
            return ""
        reason = str(error) if "git can't" in str(error) else f'"{revision}" names no commit'
        raise SnapshotError(reason) from error


def _write_dirty(root: str, commit: str, folder: str, index: str) -> None:
    """Tracked and new files that are not ignored, as they lie there now."""
    objects = folder + ".objects"
    own = os.fsdecode(git(root, "rev-parse", "--path-format=absolute", "--git-path", "objects")).strip()
    os.makedirs(objects, exist_ok=True)
    env = {"GIT_INDEX_FILE": index, "GIT_OBJECT_DIRECTORY": objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": own}
    try:
        if commit:
            git(root, "read-tree", commit, **env)
        git(root, "add", "--all", "--", ".", **env)
        _write(root, folder, index, **env)
    finally:
        shutil.rmtree(objects, ignore_errors=True)


def _submodules(root: str, index: str) -> tuple[str, ...]:
    """The paths in an index that stand for commits of other repositories."""
    listed = git(root, "ls-files", "--stage", "-z", GIT_INDEX_FILE=index).split(b"\0")
    return tuple(os.fsdecode(line.partition(b"\t")[2]) for line in listed if line.startswith(b"160000 "))


def _write(root: str, folder: str, index: str, **env: str) -> None:
    os.makedirs(folder, exist_ok=True)
    git(root, "checkout-index", "--all", "--force", f"--prefix={folder}{os.sep}", **{**env, "GIT_INDEX_FILE": index})


def _copy(root: str, folder: str) -> None:
    """All files of a folder outside of git, except for what headrace and Python keep for themselves."""
    inside = os.path.realpath(folder)

    def left_out(at: str, names: list[str]) -> list[str]:
        own = {"__pycache__", ".venv", ".headrace"}
        return [
            name for name in names if name in own or inside.startswith(os.path.realpath(os.path.join(at, name)) + "/")
        ]

    shutil.copytree(root, folder, symlinks=True, ignore=left_out)
