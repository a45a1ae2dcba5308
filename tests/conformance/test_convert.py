"""Writing a project and reading it again loses nothing: the same IR, the same output."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.frontends.native.writing import write
from compiler.ir import Project
from compiler.repository import Repository
from targets import TARGETS
from tests.conformance.cases import CASES, Case, compiled, emit, lower, lowered


def read(folder: Path, manifest: str) -> Project:
    sink = Sink()
    project = native.read(manifest, Repository(os.fspath(folder)), sink)
    assert sink.diagnostics == []
    assert project is not None
    return project


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_project_survives_being_written(case: Case, tmp_path: Path) -> None:
    project = lowered(case).read
    again = read(tmp_path, written(case, tmp_path))
    assert again == project.replace(manifest=again.manifest)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_what_was_written_compiles_alike(case: Case, tmp_path: Path) -> None:
    shutil.copytree(case.root, tmp_path, ignore=shutil.ignore_patterns("expected"), dirs_exist_ok=True)
    project = lower(tmp_path, written(case, tmp_path)).project
    if case.dialect == "native":
        assert all(emit(project, name).files == compiled(case, name).files for name in TARGETS)
    else:  # the comments in the output name another manifest
        assert project == lowered(case).project.replace(manifest=project.manifest)


def written(case: Case, root: Path) -> str:
    """A case's project as a native manifest in a folder; its path from there."""
    project = lowered(case).read
    manifest = os.path.join(project.folder, "headrace.yaml")
    (root / project.folder).mkdir(parents=True, exist_ok=True)
    (root / manifest).write_text(write(project), encoding="utf-8")
    return manifest
