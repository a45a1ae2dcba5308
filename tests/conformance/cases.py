"""The cases of fixtures/native, compiled once: the lowered IR, and each target's files and findings."""

from __future__ import annotations

import functools
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from compiler import driver
from compiler.diagnostics import Diagnostic, Sink
from compiler.frontends import native
from compiler.ir import Project
from compiler.repository import Repository
from targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures" / "native"


class Case:
    """A folder with a manifest, the files that it names, and what is expected of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        manifests = [path for path in folder.rglob("headrace.yaml") if "expected" not in path.parts]
        (self.manifest,) = (path.relative_to(folder).as_posix() for path in manifests)

    def __repr__(self) -> str:
        return self.name

    @property
    def expected(self) -> Path:
        return self.folder / "expected"

    @property
    def text(self) -> str:
        return (self.folder / self.manifest).read_text(encoding="utf-8")


def cases() -> list[Case]:
    """Every folder that holds a case, in order."""
    folders = (path for path in sorted(FIXTURES.iterdir()) if path.is_dir() and path.name not in ("good", "bad"))
    return [Case(folder) for folder in folders]


CASES = cases()


def importable() -> list[str]:
    """The targets of the table that are there."""
    found = []
    for name, module in TARGETS.items():
        try:
            import_module(module)
        except ModuleNotFoundError:
            continue
        found.append(name)
    return found


def target(name: str) -> Any:
    """A target's module; skips the calling test, by name, where there is none yet."""
    if name not in importable():
        pytest.skip(f"there is no target {name}")
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
        """The files that a target's system reads; documents that a deployment applies are not among them."""
        return {path: text for path, text in self.files.items() if not path.startswith(("deploy/", "services/"))}


class Lowered:
    """A case's project as targets see it, and what was found on the way."""

    def __init__(self, project: Project, read: Project, found: list[Diagnostic]) -> None:
        self.project = project
        self.read = read
        self.found = found


def lower(folder: Path, manifest: str) -> Lowered:
    sink = Sink()
    repository = Repository(os.fspath(folder))
    read = native.read(manifest, repository, sink)
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
    found = lower(case.folder, case.manifest)
    errors = [one for one in found.found if one.severity == "error"]
    assert errors == [], f"{case}: {errors}"
    return found


@functools.cache
def compiled(case: Case, name: str) -> Output:
    """A case through one target, once."""
    return emit(lowered(case).project, name)


def emitted(case: Case, name: str) -> Output:
    """What a target made of a case that it does not refuse."""
    target(name)
    output = compiled(case, name)
    assert not output.failed, output.found
    return output


# What a target can't do, it says; each of these is an error with a reason, which the goldens show.
REFUSED = {
    "gitlab": {"cache-store", "cluster-secrets", "permissions", "platform", "pool", "volumes"},
    "github": {
        "azure", "cache-store", "cluster-secrets", "datasets", "disks", "parameter-braces", "pool", "retry-runner",
        "service-accounts", "volumes",
    },
    "argo": {"cache-store", "matrix-braces", "parameter-braces", "permissions", "vault"},
}  # fmt: skip


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
