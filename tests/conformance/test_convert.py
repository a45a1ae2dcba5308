"""Writing a project and reading it again loses nothing: the same IR, the same output."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.frontends.native.writing import write
from compiler.ir import Project
from compiler.repository import Repository
from tests.conformance.cases import CASES, Case, compiled, emit, importable, lowered


def read(folder: Path, manifest: str) -> Project:
    sink = Sink()
    project = native.read(manifest, Repository(os.fspath(folder)), sink)
    assert sink.diagnostics == []
    assert project is not None
    return project


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_project_survives_being_written(case: Case, tmp_path: Path) -> None:
    project = lowered(case).read
    place = tmp_path / case.manifest
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(write(project), encoding="utf-8")
    again = read(tmp_path, case.manifest)
    assert again == project


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_what_was_written_compiles_alike(case: Case, tmp_path: Path) -> None:
    from tests.conformance.cases import lower

    for path in case.folder.rglob("*"):
        if path.is_file() and "expected" not in path.parts and path.name != "headrace.yaml":
            place = tmp_path / path.relative_to(case.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    place = tmp_path / case.manifest
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(write(lowered(case).read), encoding="utf-8")
    project = lower(tmp_path, case.manifest).project
    for name in importable():
        assert emit(project, name).files == compiled(case, name).files
