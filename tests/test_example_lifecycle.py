"""The example of a whole lifecycle: it compiles cleanly for every target, and runs here from objectives to monitoring."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from compiler import cli

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "lifecycle"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "lifecycle", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path / "lifecycle")
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "lifecycle"


def test_it_compiles_cleanly_for_every_target(example: Path) -> None:
    assert cli.main(["check", "--strict", "--target", "all"]) == 0
    assert cli.main(["compile", "--target", "all"]) == 0
    assert (example / ".gitlab-ci.yml").exists()
    assert (example / ".github" / "workflows").is_dir()
    assert (example / "argo" / "orchard.yaml").exists()


def test_no_step_is_missing(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lifecycle", "--strict", "--format", "json", str(example)]) == 0
    (table,) = json.loads(capsys.readouterr().out)
    assert table["gaps"] == []
    assert table["steps"][11]["schedule"] == "30 5 * * *"


@pytest.mark.engine
def test_it_runs_from_objectives_to_monitoring(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--no-logs", str(example)]) == 0
    assert "16 ok" in capsys.readouterr().out
    assert cli.main(["verify", "--format", "json"]) == 0
    checks = json.loads(capsys.readouterr().out)
    assert {check["status"] for check in checks} == {"fine"}
