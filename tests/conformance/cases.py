"""The cases of fixtures, compiled once: the lowered IR, and each target's files and findings.

A case is a folder fixtures/DIALECT/NAME: a repository with one manifest of that dialect, and `expected`. Where the dialect
reads more than one file, or any that it finds, the repository is the folder `repository` in it. A target that refuses the
case is a line of its file `refused`: the target's name, then why.
"""

from __future__ import annotations

import functools
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from compiler import driver
from compiler.diagnostics import Diagnostic, Sink
from compiler.frontends import FRONT_ENDS, front_end
from compiler.ir import Project
from compiler.repository import Repository
from targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"


class Case:
    """A folder with a manifest, the files that it names, and what is expected of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dialect = folder.parent.name
        self.name = folder.name if self.dialect == "native" else f"{self.dialect}-{folder.name}"
        self.root = folder / "repository" if (folder / "repository").is_dir() else folder
        said = folder / "unit"  # of a dialect whose files are not found by themselves
        found = said.read_text(encoding="utf-8").split() if said.exists() else unit_of(self.dialect, self.root)
        (self.manifest,) = found

    def __repr__(self) -> str:
        return self.name

    @property
    def expected(self) -> Path:
        return self.folder / "expected"

    @property
    def text(self) -> str:
        return (self.root / self.manifest).read_text(encoding="utf-8")

    @property
    def refused(self) -> list[str]:
        """The targets that say that they can't do it, of a case of another dialect than the native one."""
        said = self.folder / "refused"
        return [line.split()[0] for line in said.read_text(encoding="utf-8").splitlines()] if said.exists() else []


def unit_of(dialect: str, root: Path) -> list[str]:
    """What a dialect finds in a repository, looking into its folders too: one unit in a case."""
    repository = Repository(os.fspath(root))
    found = front_end(dialect).discover(repository)
    if found:
        return found
    folders = (path for path in sorted(root.rglob("*")) if path.is_dir() and "expected" not in path.parts)
    return [
        unit for path in folders for unit in front_end(dialect).discover(repository, path.relative_to(root).as_posix())
    ]


def cases() -> list[Case]:
    """Every folder that holds a case, in order, the native ones first."""
    folders = (path for dialect in FRONT_ENDS for path in sorted((FIXTURES / dialect).glob("*/")))
    return [Case(folder) for folder in folders if folder.name not in ("good", "bad")]


CASES = cases()


def target(name: str) -> Any:
    """A target's module."""
    return import_module(TARGETS[name])


class Output:
    """What a target made of a case. Where it refuses, there are no files and `failed` is true."""

    def __init__(self, files: dict[str, str], found: list[Diagnostic]) -> None:
        self.files = files
        self.found = found

    @property
    def failed(self) -> bool:
        return any(one.severity == "error" for one in self.found)

    @property
    def yaml(self) -> dict[str, str]:
        """The files that a target's system reads; what a deployment applies and what images are built from are not."""
        others = ("deploy/", "services/", "docker/")
        return {path: text for path, text in self.files.items() if not path.startswith(others)}


class Lowered:
    """A case's project as targets see it, and what was found on the way."""

    def __init__(self, project: Project, read: Project, found: list[Diagnostic]) -> None:
        self.project = project
        self.read = read
        self.found = found


def lower(root: Path, manifest: str, dialect: str = "native") -> Lowered:
    sink = Sink()
    repository = Repository(os.fspath(root))
    read = front_end(dialect).read(manifest, repository, sink)
    assert read is not None, sink.diagnostics
    return Lowered(driver.lowered(read, repository, sink), read, sink.diagnostics)


def emit(project: Project, name: str) -> Output:
    """A lowered project through one target, with findings of its own."""
    sink = Sink()
    files = driver.emit(project, [target(name)], sink)
    return Output({file.path: file.text for file in files}, sink.diagnostics)


@functools.cache
def lowered(case: Case) -> Lowered:
    """A case, lowered once; it has to be without an error."""
    found = lower(case.root, case.manifest, case.dialect)
    errors = [one for one in found.found if one.severity == "error"]
    assert errors == [], f"{case}: {errors}"
    return found


@functools.cache
def compiled(case: Case, name: str) -> Output:
    """A case through one target, once."""
    return emit(lowered(case).project, name)


def emitted(case: Case, name: str) -> Output:
    """What a target made of a case that it does not refuse."""
    output = compiled(case, name)
    assert not output.failed, output.found
    return output


# What a target can't do of a native case, it says; each of these is an error with a reason, which the goldens show.
REFUSED = {
    "gitlab": {"cluster-secrets", "nodes", "permissions", "platform", "pool", "volumes"},
    "github": {
        "azure", "cluster-secrets", "nodes", "parameter-braces", "pool", "retry-runner",
        "service-accounts", "volumes",
    },
    "argo": {"matrix-braces", "parameter-braces", "permissions", "signing", "vault"},
}  # fmt: skip


for case_ in CASES:
    for target_ in case_.refused:
        REFUSED[target_].add(case_.name)


def taken(name: str) -> list[Case]:
    """The cases that a target compiles."""
    return [case for case in CASES if case.name not in REFUSED.get(name, ())]


by_case = pytest.mark.parametrize("case", CASES, ids=repr)
by_target = pytest.mark.parametrize("name", list(TARGETS))
by_pair = pytest.mark.parametrize(
    ("case", "name"), [pytest.param(case, name, id=f"{case}-{name}") for name in TARGETS for case in taken(name)]
)


def cases_of(name: str) -> pytest.MarkDecorator:
    """For tests of one target: the cases that it compiles."""
    return pytest.mark.parametrize("case", taken(name), ids=repr)
