"""A case as a repository of its own: files, compiled output, commits, and the folder for its witnesses."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engines import compare
from tests.engines.cases import Case, Run
from tests.tools.process import Completed, ToolError, program, run

ROOT = Path(__file__).resolve().parents[2]
WITNESS = Path(__file__).with_name("witness.py")
LIMIT_SECONDS = 60.0
_WHO = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]


class RefusalError(Exception):
    """The compiler refused the case for this target; the message holds its findings."""


class Checkout:
    """A clean clone of a case in a temporary folder, with what a target made of it.

    Its origin is an address that nobody answers at; `refs/remotes/origin/main` is the commit before a run's change.
    """

    def __init__(self, case: Case, parent: Path, target: str | None, adapt: Callable[[Path], None]) -> None:
        self.case = case
        self.folder = parent / "clone"
        self.home = parent / "home"
        self.testimonies = parent / "testimonies"
        self.home.mkdir(parents=True)
        self.testimonies.mkdir()
        self._copy()
        self._git("init", "--quiet", "--initial-branch=main")
        if target is not None:
            self._compile(target)
        adapt(self.folder)
        self._git("remote", "add", "origin", "git@gitlab.example.com:group/project.git")
        self.before = self.commit = self._commit()
        self._git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")

    def _copy(self) -> None:
        for path in self.case.files():
            there = self.folder / path
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.case.folder / path, there, follow_symlinks=False)
        shutil.copyfile(WITNESS, self.folder / "witness.py")
        (self.folder / ".witness").write_text(f"{self.testimonies}\n", encoding="utf-8")
        (self.folder / ".gitignore").write_text(".gitlab-ci-local/\n__pycache__/\n", encoding="utf-8")

    @property
    def manifest(self) -> str:
        """The manifest's path from the root."""
        (found,) = self.folder.rglob("headrace.yaml")
        return found.relative_to(self.folder).as_posix()

    def _compile(self, target: str) -> None:
        done = self.headrace("compile", self.manifest, "--target", target, "--output", str(self.folder))
        if done.status != 0:
            raise RefusalError((done.stdout + done.stderr).strip())

    def headrace(self, *arguments: str, limit: float = LIMIT_SECONDS, **more: str) -> Completed:
        """The command line of this source tree. The user's own settings and caches are out of its sight."""
        return run(self.command(*arguments), cwd=self.folder, env={**self.environment(), **more}, limit=limit)

    def command(self, *arguments: str) -> list[str]:
        """A command line of headrace; -P since a case's own files may be called like modules."""
        return [sys.executable, "-P", "-m", "compiler", *arguments]

    def environment(self) -> dict[str, str]:
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            "PYTHONPATH": os.pathsep.join(paths),
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }

    def prepare(self, asked: Run) -> None:
        """The commit, the branch and the tag that a run is of."""
        if asked.change:
            self._git("update-ref", "refs/remotes/origin/main", self.commit)
            self._git("checkout", "--quiet", "-B", asked.branch)
            for path, text in asked.change.items():
                (self.folder / path).write_text(text, encoding="utf-8")
            self.before, self.commit = self.commit, self._commit(keep_origin=True)
        else:
            self._git("checkout", "--quiet", "-B", asked.branch)
        if asked.tag:
            self._git("tag", "--force", asked.tag)

    def filled(self, asked: Run) -> Run:
        """The run with this commit's name where the expected table says @COMMIT@, or @SHORT@ for its first 8 digits."""
        text = json.dumps(asked.saw).replace("@COMMIT@", self.commit).replace("@SHORT@", self.commit[:8])
        return dataclasses.replace(asked, saw=json.loads(text))

    def tracked(self) -> dict[str, dict[str, Any]]:
        """The commit's files as witnesses see them, without those of the harness."""
        listed = self._git("ls-files", "-z").split("\0")
        found: dict[str, dict[str, Any]] = {}
        for path in filter(None, listed):
            file = self.folder / path
            if path in compare.OF_THE_HARNESS:
                continue
            if file.is_symlink():
                found[path] = {"link": os.readlink(file)}
            else:
                found[path] = {"sha256": compare.sha256(file.read_bytes()), "executable": os.access(file, os.X_OK)}
        return found

    def _commit(self, keep_origin: bool = False) -> str:
        self._git("add", "--all", "--force", "--", ".", ":!.gitlab-ci-local")
        self._git(*_WHO, "commit", "--quiet", "--allow-empty", "--no-verify", "--message=test")
        if not keep_origin:
            self._git("update-ref", "refs/remotes/origin/main", "HEAD")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        done = run([program("git"), *arguments], cwd=self.folder, env={"GIT_CONFIG_GLOBAL": os.devnull})
        if done.status != 0:
            raise ToolError(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout
