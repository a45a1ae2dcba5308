"""Reads MLSpec's documents for tests, from texts in a folder or from the corpus."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compiler import driver
from compiler.diagnostics import Diagnostic, Sink
from compiler.frontends import mlspec
from compiler.ir import Job, Project
from compiler.repository import Repository

ROOT = Path(__file__).resolve().parents[1]
CORPUS = Path(os.environ.get("HEADRACE_CORPUS", ROOT.parent / "shared" / "corpus")) / "mlspec"
in_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside the checkout (HEADRACE_CORPUS)")

STEP = "moduleName: BatchStep, computeName: cpu, "
MODEL = """name: ages
author: {name: a developer, email: developer@example.org}
framework:
  name: scikit
  version: "1.5.2"
  runtimes: {name: python, version: "3.11"}
"""
TRAIN = """train:
  trainable: true
  model_source:
    initial_model: {data_store: ages, bucket: ages, path: code/}
  model_training_results:
    trained_model: {data_store: ages, bucket: ages, path: model/}
  data_source:
    training_data: {data_store: ages, bucket: ages, path: data/}
  mount_type: mount_cos
  execution:
    command: python3 train.py
    compute_configuration: {name: cpu, nodes: 1}
"""
STORES = """data_stores:
  - name: ages
    type: s3
    connection: {endpoint: "https://s3.example.org", access_key_id: xxxx, secret_access_key: xxxx}
"""


class Read:
    """What a file says, and what was found on the way."""

    def __init__(self, project: Project | None, found: list[Diagnostic]) -> None:
        self.project = project
        self.found = found

    @property
    def told(self) -> list[str]:
        """Each finding as LINE:COLUMN CODE."""
        return [f"{one.span.begin} {one.code.number}" if one.span else one.code.number for one in self.found]

    @property
    def codes(self) -> list[str]:
        return [one.code.number for one in self.found]

    @property
    def jobs(self) -> dict[str, Job]:
        assert self.project is not None, self.found
        return {job.name: job for job in self.project.jobs}


def read(folder: Path, unit: str) -> Read:
    sink = Sink()
    project = mlspec.read(unit, Repository(os.fspath(folder)), sink)
    return Read(project, sink.diagnostics)


def lowered(folder: Path, unit: str) -> Read:
    sink = Sink()
    repository = Repository(os.fspath(folder))
    project = mlspec.read(unit, repository, sink)
    assert project is not None, sink.diagnostics
    return Read(driver.lowered(project, repository, sink), sink.diagnostics)


def write(folder: Path, **files: str) -> Path:
    """Files by their names, `__` for a dot and `_in_` for a slash."""
    for name, text in files.items():
        place = folder / name.replace("__", ".").replace("_in_", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder
