"""headrace compile: which target, where files go, drift, hand-written files; and eject. A target made for the test."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import targets
from compiler.cli import main
from compiler.features import Feature
from compiler.target import Document, Native, Unsupported

MANIFEST = "version: 1\nname: demo\njobs:\n  train: {run: python train.py}\n"
HEADER = "# Compiled by headrace "


def made(name: str, path: str, **unsupported: str) -> ModuleType:
    """A target that writes one file a pipeline: its jobs' names."""
    module = ModuleType(f"made_{name}")
    support: dict[Feature, Any] = {feature: Native() for feature in Feature}
    support.update({Feature[feature]: Unsupported(why=why) for feature, why in unsupported.items()})

    def emit(project: Any, settings: Any, sink: Any) -> tuple[Document, ...]:
        return tuple(
            Document(path=path.format(pipeline.name), documents=({"jobs": [job.name for job in pipeline.jobs]},))
            for pipeline in project.pipelines
        )

    def recognise(remote: str | None, has: Any) -> bool:
        return name in (remote or "") or has(f".{name}")

    vars(module).update(
        NAME=name, TITLE=name.title(), SUPPORT=support, OPTIONS=frozenset(), LIMITS={}, emit=emit, recognise=recognise
    )
    return module


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    table = {}
    for name, path, gaps in (
        ("gitlab", ".gitlab-ci.yml", {}),
        ("github", ".github/workflows/{}.yml", {"GPU": "it has none, use another"}),
    ):
        monkeypatch.setitem(sys.modules, f"made_{name}", made(name, path, **gaps))
        table[name] = f"made_{name}"
    monkeypatch.setattr(targets, "TARGETS", table)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("headrace.yaml").write_text(MANIFEST)
    return folder


def test_files_are_written_under_a_header(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--target", "github"]) == 0
    assert capsys.readouterr().out == ".github/workflows/demo.yml: written\n"
    text = Path(".github/workflows/demo.yml").read_text()
    assert text.startswith(HEADER)
    assert text.endswith("jobs: [train]\n")
    assert main(["compile", "--target", "github"]) == 0
    assert capsys.readouterr().out == ".github/workflows/demo.yml: unchanged\n"


def test_all_targets_and_another_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--target", "all", "--output", "build/out"]) == 0
    assert Path("build/out/.gitlab-ci.yml").exists()
    assert Path("build/out/.github/workflows/demo.yml").exists()
    assert not Path(".gitlab-ci.yml").exists()


def test_the_target_is_guessed_from_the_remote(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / ".git").mkdir()
    (here / ".git" / "config").write_text('[remote "origin"]\n\turl = git@gitlab.com:me/x.git\n')
    assert main(["compile"]) == 0
    assert capsys.readouterr().out == ".gitlab-ci.yml: written\n"


def test_the_target_is_guessed_from_the_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / ".github").mkdir()
    assert main(["compile"]) == 0
    assert ".github/workflows/demo.yml: written" in capsys.readouterr().out


def test_the_target_is_guessed_from_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").write_text(MANIFEST + "targets:\n  github: {runners: [{labels: [x], cpu: 1}]}\n")
    assert main(["compile"]) == 0
    assert "demo.yml: written" in capsys.readouterr().out


def test_without_any_hint_it_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile"]) == 1
    assert "HR5008" in capsys.readouterr().out


def test_stdout_holds_the_files_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--target", "github", "--stdout"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(HEADER)
    assert shown.out.endswith("jobs: [train]\n")
    assert main(["compile", "--target", "all", "--stdout"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("# .gitlab-ci.yml\n# Compiled")
    assert "\n---\n# .github/workflows/demo.yml\n# Compiled" in shown.out
    assert not Path(".github").exists()


def test_findings_go_to_stderr_where_files_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").write_text(MANIFEST.replace("train.py}", "train.py, inputs: [gone.csv]}"))
    assert main(["compile", "--target", "github", "--stdout"]) == 0
    shown = capsys.readouterr()
    assert "HR3018" in shown.err
    assert "HR3018" not in shown.out


def test_a_machine_gets_findings_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--target", "github", "--format", "json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["findings"] == []
    assert "written" in shown.err


def test_an_error_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").write_text(MANIFEST.replace("run:", "rnu:"))
    assert main(["compile", "--target", "all"]) == 1
    assert sorted(path.name for path in Path(".").iterdir()) == ["headrace.yaml"]


def test_what_one_target_can_t_do_stops_all_unless_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").write_text(MANIFEST.replace("train.py}", "train.py, timeout: 1h, resources: {gpu: 1}}"))
    assert main(["compile", "--target", "all"]) == 1
    assert "HR4001" in capsys.readouterr().out
    assert not Path(".gitlab-ci.yml").exists()
    assert main(["compile", "--target", "all", "--allow", "GPU"]) == 0
    assert "warning[HR4001" in capsys.readouterr().out
    assert main(["compile", "--target", "all", "--allow", "GPU", "--strict"]) == 1


def test_drift_is_shown_and_nothing_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--target", "github", "--check"]) == 1
    shown = capsys.readouterr().out
    assert "error[HR5006 drift]: .github/workflows/demo.yml is missing" in shown
    assert "+jobs: [train]" in shown
    assert not Path(".github").exists()

    assert main(["compile", "--target", "github"]) == 0
    capsys.readouterr()
    assert main(["compile", "--target", "github", "--check"]) == 0
    assert capsys.readouterr().out == ""

    Path("headrace.yaml").write_text(MANIFEST.replace("train:", "fit:"))
    assert main(["compile", "--target", "github", "--check"]) == 1
    shown = capsys.readouterr().out
    assert "differs from what its manifest makes" in shown
    assert "\n-jobs: [train]\n+jobs: [fit]\n" in shown


def test_stale_files_are_found_where_a_pipeline_is_renamed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--target", "github"]) == 0
    Path("headrace.yaml").write_text(MANIFEST.replace("name: demo", "name: other"))
    capsys.readouterr()
    assert main(["compile", "--target", "github"]) == 0
    assert "warning[HR5007 stale]: no manifest makes .github/workflows/demo.yml any more" in capsys.readouterr().out
    assert main(["compile", "--target", "github", "--check"]) == 1
    assert "error[HR5007 stale]" in capsys.readouterr().out


def test_hand_written_files_stay(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(".github/workflows/demo.yml")
    file.parent.mkdir(parents=True)
    file.write_text("on: push\n")
    assert main(["compile", "--target", "github"]) == 1
    assert "HR5004" in capsys.readouterr().out
    assert file.read_text() == "on: push\n"
    assert main(["compile", "--target", "github", "--force"]) == 0
    assert file.read_text().startswith(HEADER)


def test_beside_a_hand_written_gitlab_file_an_included_one_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = Path(".gitlab/headrace.yml"), Path(".gitlab-ci.yml")
    theirs.write_text("mine: {script: [x]}\n")
    assert main(["compile", "--target", "gitlab"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(".gitlab/headrace.yml: written\n")
    assert "include:\n  - local: .gitlab/headrace.yml\n" in shown
    assert theirs.read_text() == "mine: {script: [x]}\n"
    assert ours.read_text().startswith(HEADER)

    theirs.write_text("include:\n  - local: .gitlab/headrace.yml\nmine: {script: [x]}\n")
    assert main(["compile", "--target", "gitlab"]) == 0
    assert "include" not in capsys.readouterr().out
    assert main(["compile", "--target", "gitlab", "--check"]) == 0


def test_two_manifests_do_not_write_one_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yml").write_text(MANIFEST)
    assert main(["compile", "--target", "gitlab"]) == 1
    assert "HR5010" in capsys.readouterr().out


def test_a_manifest_outside_of_a_repository(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "other").mkdir()
    (here / "other" / "gpu.yaml").write_text(MANIFEST)
    assert main(["compile", "other/gpu.yaml", "--target", "gitlab"]) == 0
    assert (here / "other" / ".gitlab-ci.yml").exists()


def test_eject_takes_the_header_off_and_headrace_keeps_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--target", "all"]) == 0
    capsys.readouterr()
    assert main(["eject", "--target", "github"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(".github/workflows/demo.yml: ejected\n\nThese files are yours now.")
    assert Path(".github/workflows/demo.yml").read_text() == "jobs: [train]\n"
    assert Path(".gitlab-ci.yml").read_text().startswith(HEADER)
    assert main(["compile", "--target", "github"]) == 1
    assert main(["eject", ".gitlab-ci.yml"]) == 0
    assert main(["eject"]) == 1
    assert "there is no compiled file here" in capsys.readouterr().err


def test_eject_refuses_what_it_did_not_write(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yml").write_text("a: b\n")
    for path, code in (("mine.yml", "HR5004"), ("gone.yml", "HR5002")):
        assert main(["eject", path]) == 1
        assert code in capsys.readouterr().err
    assert Path("mine.yml").read_text() == "a: b\n"
