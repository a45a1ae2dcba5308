"""Collecting what a job left, and giving it to those that need it: the scripts that do it in CI do it here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from typing import Any

from compiler.ir import Artifact, ChangedFiles
from compiler.matrix import label
from targets.local import codes
from targets.local.outcome import Problem
from targets.local.plan import Instance
from targets.local.results import TAR, Result
from targets.local.tree import LINK, Entry
from targets.local.values import Values

# What making an environment in the checkout leaves there.
_NOT_CHANGES = frozenset((".git", ".venv", ".conda", "__pycache__"))

Stamps = dict[str, tuple[int, int, int, int]]


class OutputError(Exception):
    """Outputs that can't be taken or given; the text says why."""


def arrive(results: Sequence[Result], folder: str) -> None:
    """Unpack what the needs left into a checkout. Raises OutputError."""
    from targets.runtime.archive import unpack
    from targets.runtime.problem import DataError

    tars = [result.tar for result in results if result.tar]
    try:
        unpack([tar for tar in tars if tar], folder)
    except (DataError, OSError, tarfile.TarError) as error:
        raise OutputError(str(error)) from error


def stamps(one: Instance, folder: str) -> Stamps:
    """What a job's changed files are told from; nothing where it does not ask for them."""
    if not any(isinstance(output, ChangedFiles) for output in one.job.outputs):
        return {}
    found: Stamps = {}
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_CHANGES]
        for name in (*names, *(name for name in folders if os.path.islink(os.path.join(at, name)))):
            path = os.path.join(at, name)
            status = os.lstat(path)
            found[os.path.relpath(path, folder)] = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_mode)
    return found


class Collector:
    """Takes the outputs of one instance out of its checkout."""

    def __init__(self, one: Instance, values: Values, folder: str, before: Stamps) -> None:
        self.one, self.values, self.folder, self.before = one, values, folder, before
        self.problems: list[Problem] = []

    def collect(self, place: str, partly: bool) -> Result:
        """Pack the outputs into `place`; with `partly` only what is there counts. Raises OutputError."""
        result = Result("", self.one.id, "", 0.0, 0.0)
        paths: list[str] = []
        for output in self.one.job.outputs:
            if isinstance(output, ChangedFiles):
                paths += self._changed(output)
                continue
            path = os.path.normpath(self.values.text(output.path, self.one.parameters, self.one.leg))
            if not os.path.lexists(os.path.join(self.folder, path)):
                if not partly:
                    self._missing(output, path)
                continue
            if output.kind == "metrics":
                result.metrics += self._metrics(path)
            paths.append(self._of_leg(path) if output.per_leg and self.one.leg else path)
        if self.problems or not paths:
            return result
        tar = os.path.join(place, TAR)
        self._pack(tar, paths)
        _fill(result, tar, self._kinds())
        return result

    def _kinds(self) -> dict[str, str]:
        kinds: dict[str, str] = {}
        for output in self.one.job.outputs:
            if isinstance(output, Artifact):
                path = os.path.normpath(self.values.text(output.path, self.one.parameters, self.one.leg))
                kinds[f"{path}/{label(self.one.leg)}" if output.per_leg and self.one.leg else path] = output.kind or ""
        return kinds

    def _missing(self, output: Artifact, path: str) -> None:
        self.problems.append(
            Problem(
                codes.MISSING_OUTPUT,
                f'"{self.one.id}" did not write its output "{path}"',
                output.origin or self.one.job.origin,
                help="a path in a manifest is relative to the manifest's folder",
            )
        )

    def _of_leg(self, path: str) -> str:
        """Move a path below itself, under its leg's name: the outputs of other legs come beside it."""
        name = label(self.one.leg)
        whole = os.path.join(self.folder, path)
        aside = whole + ".headrace-leg"
        os.rename(whole, aside)
        os.makedirs(whole)
        os.rename(aside, os.path.join(whole, name))
        return f"{path}/{name}"

    def _changed(self, output: ChangedFiles) -> list[str]:
        now = stamps(self.one, self.folder)
        changed = sorted(path for path, stamp in now.items() if self.before.get(path) != stamp)
        wanted = [os.path.normpath(path) for path in output.paths] or ["."]
        return [
            path for path in changed if any(one == "." or path == one or path.startswith(one + "/") for one in wanted)
        ]

    def _metrics(self, path: str) -> list[dict[str, Any]]:
        """The metrics of a file as a run record has them; a file that holds none says so at the gate, not here."""
        from compiler.records import metric, with_series
        from targets.runtime.gate import metrics_in, series_in
        from targets.runtime.problem import DataError

        try:
            held = metrics_in([os.path.join(self.folder, path)])
            series = series_in([os.path.join(self.folder, path)])
        except DataError:
            return []
        return [
            with_series(metric(name, values), [entry.get(name) for entry in series]) for name, values in held.items()
        ]

    def _pack(self, tar: str, paths: list[str]) -> None:
        from targets.runtime import compact

        command = [sys.executable, "-I", "-c", compact("artifact"), "pack", tar, "--", *paths]
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise OutputError(done.stderr.decode("utf-8", "replace").replace("headrace: ", "").strip())


def _fill(result: Result, tar: str, kinds: dict[str, str]) -> None:
    """What the tar holds, as entries and as artifacts."""
    from targets.runtime.archive import file_digest, members

    result.sha256 = file_digest(tar)
    sizes: dict[str, int] = {}
    for info, sha256 in members(tar):
        if info.isdir():
            continue
        if info.issym():
            digest = hashlib.sha256(os.fsencode(info.linkname)).hexdigest()
            result.outputs[info.name] = Entry(LINK, digest, info.linkname)
        else:
            result.outputs[info.name] = Entry("100755" if info.mode & 0o100 else "100644", sha256)
            sizes[info.name] = info.size
    for path, kind in kinds.items():
        below = {name: one for name, one in result.outputs.items() if name == path or name.startswith(path + "/")}
        sha256 = below[path].sha256 if path in below else tree_digest(below, path)
        size = sum(sizes.get(name, 0) for name in below)
        result.artifacts.append({"path": path, "kind": kind or None, "sha256": sha256, "size": size})


def tree_digest(entries: dict[str, Entry], folder: str) -> str:
    """The sha256 of a folder: of its sorted `mode sha256 path` lines."""
    total = hashlib.sha256()
    for name in sorted(entries):
        total.update(
            f"{entries[name].mode} {entries[name].sha256} {name[len(folder) + 1 :]}\n".encode(
                "utf-8", "surrogateescape"
            )
        )
    return total.hexdigest()


def remove(folder: str) -> None:
    """Remove a job's folder, also where it left things that may not be written."""

    def retry(function: Any, path: str, _error: Any) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700) if not os.path.islink(path) else None
        function(path)

    try:
        shutil.rmtree(folder, onerror=retry)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
