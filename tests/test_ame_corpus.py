"""Every file of AME's own repository compiles for every target, or fails with exactly what is recorded of it.

`HEADRACE_RECORD=1 pytest tests/test_ame_corpus.py` records anew: file, hash, and code:line of all errors and warnings.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.repository import Repository
from tests.ame_corpus import NAMES, RECORDED, Compiled, file, recorded
from tests.conformance.test_schema import Loader, problems
from tests.tools.corpus import corpus


def test_every_file_is_recorded(tmp_path: Path) -> None:
    files = sorted(corpus("ame").glob("*.yaml"))
    assert files
    if os.environ.get("HEADRACE_RECORD"):
        found = {}
        for path in files:
            data = path.read_bytes()
            found[path.name] = {"sha256": sha256(data).hexdigest(), "told": Compiled(data, tmp_path).told()}
        RECORDED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert {path.name for path in files} == set(json.loads(RECORDED.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_compiles_or_fails_as_recorded(name: str, tmp_path: Path) -> None:
    compiled = Compiled(file(name), tmp_path)
    assert compiled.told() == recorded(name)["told"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_survives_being_converted(name: str, tmp_path: Path) -> None:
    project = Compiled(file(name), tmp_path).project
    if project is None:
        pytest.skip(f"{name} is no project")
    (tmp_path / "headrace.yaml").write_text(native.write(project), encoding="utf-8")
    sink = Sink()
    again = native.read("headrace.yaml", Repository(os.fspath(tmp_path)), sink)
    assert [one for one in sink.diagnostics if one.severity == "error"] == []
    assert again is not None
    assert again.replace(manifest=project.manifest) == project


@pytest.mark.parametrize("name", NAMES)
def test_what_is_emitted_keeps_to_the_schemas(name: str, tmp_path: Path) -> None:
    import yaml

    compiled = Compiled(file(name), tmp_path)
    for path, text in compiled.files.get("github", {}).items():
        if path.startswith(".github"):
            assert problems("github", yaml.load(text, Loader=Loader)) == [], path
    for path, text in compiled.files.get("gitlab", {}).items():
        if path.startswith(".gitlab"):
            *_, document = yaml.load_all(text, Loader=yaml.CSafeLoader)
            assert problems("gitlab", document) == [], path
