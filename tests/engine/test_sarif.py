"""Findings as SARIF, judged by the schema of SARIF 2.1.0 itself."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler import cli
from tests.tools import program

pytestmark = pytest.mark.engine
ERRORS = Path(__file__).resolve().parents[2] / "fixtures" / "errors"
# Cases whose command is `check`: those of other commands have no SARIF.
CASES = [
    folder
    for folder in sorted(ERRORS.iterdir())
    if folder.is_dir()
    and (not (folder / "command").exists() or (folder / "command").read_text(encoding="utf-8").startswith("check"))
]


@pytest.fixture(scope="module")
def schema() -> Any:
    file = Path(program("jest-sarif"), "lib", "schemas", "sarif-2.1.0-rtm.5.json")
    return json.loads(file.read_text(encoding="utf-8"))


def faults(schema: Any, log: Any) -> list[str]:
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in validator.iter_errors(log)]


def checked(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)
    command = folder / "command"
    words = command.read_text(encoding="utf-8").split() if command.exists() else ["check"]
    assert cli.main([*words, "--format", "sarif"]) in (0, 1)
    return json.loads(capsys.readouterr().out)


def test_every_finding_is_sarif(
    schema: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = 0
    for case in CASES:
        folder = tmp_path / case.name
        shutil.copytree(case, folder, symlinks=True)
        log = checked(folder, capsys, monkeypatch)
        assert faults(schema, log) == [], case.name
        found += sum(len(run["results"]) for run in log["runs"])
    assert found > len(CASES) / 2


def test_the_schema_finds_what_is_wrong(
    schema: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "headrace.yaml").write_text("version: 1\nname: x\njobs:\n  a: {runn: x}\n", encoding="utf-8")
    log = checked(tmp_path, capsys, monkeypatch)
    assert faults(schema, log) == []
    for change in ({"version": "2.0.0"}, {"runs": [{"results": []}]}, {"colour": "red"}):
        assert faults(schema, {**copy.deepcopy(log), **change})
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert faults(schema, log)
