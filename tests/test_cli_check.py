"""headrace check: paths, formats, fixes, overlays, and input of any kind."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.cli import main
from compiler.render import FORMATS

GOOD = "version: 1\nname: demo\njobs:\n  train: {run: python train.py}\n"
BAD = GOOD.replace("run:", "rnu:")
WARNS = GOOD.replace("train.py}", "train.py, inputs: [data.csv]}")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def manifest(text: str, path: str = "headrace.yaml") -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_a_manifest_that_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    manifest(GOOD)
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "headrace.yaml: fine, 1 job in 1 pipeline\n"


def test_a_path_is_a_file_of_any_name_or_a_folder(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    manifest(GOOD, "a/b/headrace.yaml")
    manifest(GOOD, "a/gpu.yaml")
    for path in ("a/b", "a/b/headrace.yaml", str(here / "a" / "b"), "a/gpu.yaml"):
        assert main(["check", path]) == 0, capsys.readouterr().out
    assert main(["check", "a"]) == 0  # what lies below it
    assert main(["check", "a/b", "a/gpu.yaml"]) == 0
    (here / "empty").mkdir()
    assert main(["check", "empty"]) == 1
    assert "HR5001" in capsys.readouterr().out


def test_without_a_path_the_nearest_manifest_above_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    manifest(GOOD)
    (here / ".git").mkdir()
    (here / "src" / "deep").mkdir(parents=True)
    monkeypatch.chdir(here / "src" / "deep")
    assert main(["check"]) == 0
    assert "headrace.yaml: fine" in capsys.readouterr().out


def test_nothing_above_the_repository_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest(GOOD)
    (here / "repository" / ".git").mkdir(parents=True)
    monkeypatch.chdir(here / "repository")
    assert main(["check"]) == 1
    assert "HR5001" in capsys.readouterr().out


def test_warnings_fail_when_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    manifest(WARNS)
    assert main(["check"]) == 0
    assert main(["check", "--strict"]) == 1


@pytest.mark.parametrize("format", ["json", "sarif", "gitlab"])
def test_a_machine_gets_one_document_and_nothing_else(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    for text, status in ((GOOD, 0), (BAD, 1)):
        manifest(text)
        assert main(["check", "--format", format]) == status
        shown = capsys.readouterr()
        json.loads(shown.out)
        assert shown.err == ""


def test_an_overlay_in_effect_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    manifest(
        GOOD
        + "targets:\n  github:\n    overlay:\n      pipeline: {run-name: x}\n      jobs: {train: {timeout-minutes: 5}}\n"
    )
    assert main(["check", "--target", "none"]) == 0
    assert (
        "headrace.yaml: overlay in effect for github: pipeline.run-name, jobs.train.timeout-minutes"
        in capsys.readouterr().out
    )


def test_fixes_are_applied_to_the_text_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\ufeff# größe 🚂\r\n" + BAD.replace("\n", "\r\n") + "  # the end"
    file = manifest("")
    file.write_bytes(text.encode())
    os.chmod(file, 0o640)
    assert main(["check", "--fix"]) == 0, capsys.readouterr().out
    assert file.read_bytes() == text.replace("rnu:", "run:").encode()
    assert file.stat().st_mode & 0o777 == 0o640
    assert 'fixed HR2001: write "run"' in capsys.readouterr().err


def test_fixes_that_bring_out_others_are_applied_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    file = manifest("version: 1\nname: demo\njbos:\n  a: {run: x}\n  b: {run: x, nedes: [a], run_on: faliure}\n")
    assert main(["check", "--fix"]) == 0, capsys.readouterr().out
    assert (
        file.read_text() == "version: 1\nname: demo\njobs:\n  a: {run: x}\n  b: {run: x, needs: [a], run_on: failure}\n"
    )


def test_a_fix_may_bring_out_more_errors_than_there_were() -> None:
    file = manifest("version: 1\nname: demo\njbos:\n  a: {run: x, timeout: soon, retry: {max: -1}, cache: 3}\n")
    assert main(["check", "--fix"]) == 1
    assert "\njobs:\n" in file.read_text()


def test_what_has_no_fix_stays(capsys: pytest.CaptureFixture[str]) -> None:
    text = "version: 1\nname: demo\njobs:\n  a: {rnu: x, timeout: soon}\n"
    file = manifest(text)
    assert main(["check", "--fix"]) == 1
    assert file.read_text() == text.replace("rnu", "run")
    assert "HR2007" in capsys.readouterr().out


def test_a_round_of_fixes_that_makes_it_worse_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from compiler import codes
    from compiler.commands.fixing import fix
    from compiler.diagnostics import Edit, Fix, Sink
    from compiler.repository import Repository
    from compiler.source import Source, Span

    file = manifest("a: b\n")

    class Checked:
        repository = Repository(".")

        def __init__(self) -> None:
            self.sink = Sink()
            source = Source("headrace.yaml", file.read_text())
            if source.text == "a: b\n":
                edit = Edit(Span(source, 0, 1), "x")
                self.sink.report(codes.UNKNOWN_KEY, "m", source, fix=Fix("worse", edit))
            else:
                for message in ("1", "2"):
                    self.sink.report(codes.YAML_SYNTAX, message, source)

    fix(Checked, sys.stderr)
    assert file.read_text() == "a: b\n"


def test_fixes_that_touch_are_not_mixed() -> None:
    from compiler import codes
    from compiler.commands.fixing import changes
    from compiler.diagnostics import Diagnostic, Edit, Fix
    from compiler.source import Source, Span

    source = Source("a", "abcdef")

    def finding(*edits: tuple[int, int, str]) -> Diagnostic:
        made = (Edit(Span(source, start, end), text) for start, end, text in edits)
        return Diagnostic(codes.UNKNOWN_KEY, "m", Span(source, edits[0][0], edits[0][1]), fix=Fix("f", *made))

    (change,) = changes([finding((0, 1, "X"), (4, 5, "Y")), finding((1, 2, "Z")), finding((2, 3, ""))])
    assert change.text == "XbdYf"
    assert len(change.findings) == 2


BYTES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.tuples(st.binary(max_size=30), st.integers(0, len(GOOD)), st.integers(0, 12)).map(
        lambda parts: GOOD.encode()[: parts[1]] + parts[0] + GOOD.encode()[parts[1] + parts[2] :]
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BYTES, st.sampled_from(list(FORMATS)), st.sampled_from([["check"], ["check", "--fix"], ["graph"], ["ir"]]))
def test_any_bytes_are_a_finding_never_a_fault(data: bytes, format: str, command: list[str]) -> None:
    Path("headrace.yaml").write_bytes(data)
    words = [*command, "--format", format] if command[0] == "check" else command
    assert main([*words, "headrace.yaml"]) in (0, 1)


WORDS = st.one_of(
    st.sampled_from(
        ["jobs", "run", "entry", "needs", "matrix", "env", "environments", "a", "[a]", "{}", "[]", "~", "1", "-1", "''",
         "{{ matrix.x }}", "'{{ git.commit }}'", "!tag x", "*a", "&a x", "on", "targets", "pipelines", "models",
         "services", "outputs", "inputs", "parameters", "extends", "templates", "defaults", "lifecycle"]
    ),
    st.text("abc{}[]:, -\n\"'#&*!|>%@`", max_size=8),
)  # fmt: skip
TREES = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(WORDS, inner), max_size=4).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items) + "}"
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["jobs", "jobs: {a", "pipelines", "environments", "models", "services", "targets", "defaults"]),
    TREES,
)
def test_any_shape_of_manifest_is_a_finding_never_a_fault(section: str, tree: str) -> None:
    end = "}" if "{" in section else ""
    manifest(f"version: 1\nname: demo\n{section}: {tree}{end}\n")
    assert main(["check"]) in (0, 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=40))
def test_any_path_is_a_finding_never_a_fault(path: str) -> None:
    assert main(["check", "--", path]) in (0, 1)


def test_a_changed_script_is_no_manifest_of_a_dialect_that_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    manifest(GOOD)
    Path("train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr')\np.parse_args()\n"
    )
    assert main(["check", "--strict", "--changed", "train.py"]) == 0
    assert "train.py:" not in capsys.readouterr().out


def test_notes_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    manifest(GOOD.replace("train.py}", "train.py, timeout: 1h, resources: {gpu: 1}}"))
    assert main(["check", "--target", "none"]) == 0
    assert "note[HR3030" in capsys.readouterr().out
    assert main(["check", "--target", "none", "--quiet"]) == 0
    assert capsys.readouterr().out == "headrace.yaml: fine, 1 job in 1 pipeline\n"


@pytest.mark.parametrize("command", [["check"], ["compile"], ["graph"], ["ir"], ["convert"]])
def test_a_manifest_that_is_no_file_is_not_passed_over(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").mkdir()
    assert main(command) == 1
    said = "".join(capsys.readouterr())
    assert "headrace.yaml can't be read" in said
    assert "1 error\n" in said


def test_a_manifest_that_is_a_link_out_is_not_passed_over(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, here: Path
) -> None:
    (tmp_path / "elsewhere.yaml").write_text(GOOD, encoding="utf-8")
    (here / "headrace.yaml").symlink_to("../elsewhere.yaml")
    assert main(["check"]) == 1
    assert "HR5005" in capsys.readouterr().out
    (here / "headrace.yaml").unlink()
    (here / "headrace.yaml").symlink_to("nowhere.yaml")
    assert main(["check"]) == 1
    assert "HR5002" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "fixed"),
    [
        ("run: |\n      y\n    run: |\n      y\n", "run: |\n      y\n    run: |\n      y\n"),
        ("run: y\n    run: y\n", "run: y\n"),
        ("run: y\n    outputs: a, b\n", "run: y\n    outputs: [a, b]\n"),
        ("run: y\n    env: {A: 'b'}\n    datasets: a [x]\n", "run: y\n    env: {A: 'b'}\n    datasets: ['a [x]']\n"),
    ],
)
def test_a_fix_changes_no_meaning(body: str, fixed: str) -> None:
    head = "version: 1\nname: demo\njobs:\n  a:\n    "
    file = manifest(head + body)
    main(["check", "--fix"])
    assert file.read_text() == head + fixed


def test_a_fix_that_cant_be_written_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from compiler import driver

    def refuse(path: str, text: str) -> tuple[str, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(driver, "_stage", refuse)
    manifest(BAD)
    assert main(["check", "--fix"]) == 1
    assert "nothing is fixed: headrace.yaml can't be written: permission denied" in capsys.readouterr().err
