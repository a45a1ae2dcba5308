"""Writing: all or nothing, never over a person's work, whole at whatever moment the compiler is killed."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from compiler import VERSION, driver
from compiler.diagnostics import Sink
from compiler.driver import MARK, OutputFile, drift, is_ours, write
from compiler.frontends import native
from compiler.frontends.native.reading import read_source
from compiler.repository import Repository
from compiler.source import Source
from compiler.target import check_settings
from targets import TARGETS

HEADER = f"# {MARK} {VERSION} from headrace.yaml. Do not edit: change the manifest, then run `headrace compile`.\n"


def files(**texts: str) -> list[OutputFile]:
    return [OutputFile(name.replace("__", "/") + ".yml", HEADER + text, "gitlab") for name, text in texts.items()]


def codes(sink: Sink) -> list[str]:
    return [one.code.name for one in sink.diagnostics]


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    sink = Sink()
    assert write(files(a="1\n", b__c="2\n"), str(tmp_path), sink) == ["a.yml", "b/c.yml"]
    before = (tmp_path / "a.yml").stat().st_mtime_ns
    assert write(files(a="1\n", b__c="3\n"), str(tmp_path), sink) == ["b/c.yml"]
    assert (tmp_path / "a.yml").stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.yml", "c.yml"]


def test_a_persons_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("stages: [mine]\n")
    sink = Sink()
    assert write(files(a="1\n", b="2\n"), str(tmp_path), sink) == []
    assert codes(sink) == ["hand-written"]
    assert (tmp_path / "b.yml").read_text() == "stages: [mine]\n"
    assert not (tmp_path / "a.yml").exists()
    assert write(files(a="1\n", b="2\n"), str(tmp_path), Sink(), force=True) == ["a.yml", "b.yml"]


def test_nothing_is_written_through_a_link_that_leads_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (root / "b").symlink_to(outside)
    sink = Sink()
    assert write(files(a="1\n", b__c="2\n"), str(root), sink) == []
    assert codes(sink) == ["outside"]
    assert list(outside.iterdir()) == []
    assert not (root / "a.yml").exists()


def test_a_file_that_cant_be_written_takes_the_others_back(tmp_path: Path) -> None:
    write(files(a="old\n"), str(tmp_path), Sink())
    (tmp_path / "b").write_text("a file where a folder must be\n")
    sink = Sink()
    assert write(files(a="new\n", b__c="2\n"), str(tmp_path), sink) == []
    assert codes(sink) == ["unwritable"]
    assert (tmp_path / "a.yml").read_text() == HEADER + "old\n"
    assert sorted(os.listdir(tmp_path)) == ["a.yml", "b"]


def test_a_failing_rename_puts_earlier_files_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(files(a="old\n", b="old\n"), str(tmp_path), Sink())
    real = os.replace

    def second_fails(source: str, target: str) -> None:
        if target.endswith("b.yml"):
            raise PermissionError(13, "Permission denied")
        real(source, target)

    monkeypatch.setattr(driver.os, "replace", second_fails)
    sink = Sink()
    assert write(files(a="new\n", b="new\n", c="new\n"), str(tmp_path), sink) == []
    assert codes(sink) == ["unwritable"]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.yml": HEADER + "old\n",
        "b.yml": HEADER + "old\n",
    }


OLD = {"a.yml": "old a\n", "b.yml": "old b\n", "folder/c.yml": "old c\n"}
NEW = {"a.yml": "new a\n" * 5000, "b.yml": "new b\n", "folder/c.yml": "new c\n", "more/d.yml": "new d\n"}


WRITING = ("write", "_stage", "_commit", "_bytes", "_restore", "_discard", "_clear")


def outputs(texts: dict[str, str]) -> list[OutputFile]:
    return [OutputFile(path, HEADER + text, "gitlab") for path, text in texts.items()]


def found_in(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text().removeprefix(HEADER)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def killed_at(step: int, root: Path, fails: str | None) -> bool:
    """Write in a process that kills itself before its `step`th line of the driver; whether it came so far.

    `fails`: a file whose rename fails, so that those before it are put back.
    """
    process = os.fork()
    if process == 0:
        left = step

        def trace(frame: Any, event: str, argument: object) -> Any:
            nonlocal left
            if frame.f_code.co_filename != driver.__file__ or frame.f_code.co_name not in WRITING:
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        real = os.replace

        def replace(source: str, target: str) -> None:
            if fails is not None and target.endswith(fails):
                raise PermissionError(13, "Permission denied")
            real(source, target)

        os.replace = replace
        try:
            sys.settrace(trace)
            write(outputs(NEW), str(root), Sink())
        finally:
            os._exit(0)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("fails", [None, "d.yml"])
def test_killing_at_any_line_leaves_whole_files(
    tmp_path: Path, fails: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver.os, "fsync", lambda _: None)  # which would take a minute
    step, mixed = 0, 0
    while True:
        step += 1
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        write(outputs(OLD), str(root), Sink())
        killed = killed_at(step, root, fails)
        found = found_in(root)
        for path, text in OLD.items():
            assert found[path] in (text, NEW[path])
        assert found.get("more/d.yml") in (None, NEW["more/d.yml"])
        mixed += len({found[path] == text for path, text in OLD.items()}) == 2
        if not killed:
            break
        # What comes next finds nothing in its way, and leaves nothing else behind.
        sink = Sink()
        write(outputs(NEW), str(root), sink)
        assert sink.diagnostics == []
        assert found_in(root) == NEW
    assert step > 100
    assert mixed > 0  # between two renames it was killed too
    assert found_in(root) == (NEW if fails is None else OLD)


def test_what_a_process_that_is_at_it_holds_is_left_alone(tmp_path: Path) -> None:
    write(outputs(OLD), str(tmp_path), Sink())
    (tmp_path / f".a.yml.headrace-{os.getppid()}").write_text("half")
    (tmp_path / ".a.yml.headrace-mine").write_text("a person's")
    write(outputs(NEW), str(tmp_path), Sink())
    assert {path for path in found_in(tmp_path) if path not in NEW} == {
        f".a.yml.headrace-{os.getppid()}",
        ".a.yml.headrace-mine",
    }


def test_drift_names_missing_changed_and_stale_files(tmp_path: Path) -> None:
    write(files(a="1\n", b="2\n", d__old="3\n"), str(tmp_path), Sink())
    (tmp_path / "d" / "mine.yml").write_text("mine\n")
    found = drift(files(a="1\n", b="new\n", c="4\n"), str(tmp_path), ["d"])
    assert [(one.path, one.kind) for one in found] == [
        ("b.yml", "differs"),
        ("c.yml", "missing"),
        ("d/old.yml", "stale"),
    ]
    assert "-2\n+new\n" in found[0].text
    assert drift(files(a="1\n", b="2\n"), str(tmp_path)) == []


def test_drift_sees_line_ends(tmp_path: Path) -> None:
    write(files(a="1\n"), str(tmp_path), Sink())
    path = tmp_path / "a.yml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert [one.kind for one in drift(files(a="1\n"), str(tmp_path))] == ["differs"]


def test_the_header_is_known_in_every_comment_style() -> None:
    assert is_ours(HEADER)
    assert is_ours("<!-- " + MARK + " 1 from x -->\n")
    assert is_ours("// " + MARK + " 1 from x\n")
    assert not is_ours("stages: []\n" + HEADER)
    assert not is_ours("")


@pytest.mark.parametrize(
    ("manifest", "named", "command"),
    [
        ("headrace.yaml", "headrace.yaml", "headrace compile"),
        ("ml/gpu.headrace.yaml", "ml/gpu.headrace.yaml", "headrace compile ml/gpu.headrace.yaml"),
        ("a b;$(rm x).yaml", "a b;$(rm x).yaml", "headrace compile 'a b;$(rm x).yaml'"),
        ("it's.yaml", "it's.yaml", "headrace compile 'it'\\''s.yaml'"),
        ("-x.yaml", "-x.yaml", "headrace compile -- '-x.yaml'"),
        ("a\nb\udcff.yaml", "a\\nb\\udcff.yaml", "headrace compile 'a\\nb\\udcff.yaml'"),
    ],
)
def test_a_header_is_one_line_that_can_be_pasted(manifest: str, named: str, command: str) -> None:
    line = driver.header([manifest])
    assert line == f"{MARK} {VERSION} from {named}. Do not edit: change the manifest, then run `{command}`."
    assert driver.manifests_of(line) == [driver.manifest_shown(manifest)] == [named]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "headrace.yaml")
    sink = Sink()
    assert driver.recognise(Repository(str(tmp_path)), "headrace.yaml", [], sink) is None
    assert codes(sink) == ["unreadable"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_where_a_file_goes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yml")
    os.mkfifo(tmp_path / "b.yml")
    files = [driver.OutputFile("a.yml", "a: 1\n", "argo")]
    for force in (False, True):
        sink = Sink()
        assert driver.write(files, str(tmp_path), sink, force) == []
        assert [one.message for one in sink.diagnostics] == ["a.yml can't be replaced: it is no regular file"]
    assert [one.kind for one in driver.drift(files, str(tmp_path), [""], in_place=True)] == ["missing"]


def test_a_link_within_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to("b.yml")
    first, second = (header_of_a(text) for text in ("a: 1\n", "a: 2\n"))
    for text in (first, second):
        sink = Sink()
        files = [driver.OutputFile("a.yml", text, "argo")]
        assert driver.write(files, str(tmp_path), sink) == ["a.yml"]
        assert (tmp_path / "a.yml").is_symlink()
        assert (tmp_path / "b.yml").read_text() == text
        assert driver.drift(files, str(tmp_path), [""], in_place=True) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yml", "b.yml"]


def header_of_a(text: str) -> str:
    return f"# {driver.header(['headrace.yaml'])}\n{text}"


@pytest.mark.parametrize(
    ("name", "settings", "found"),
    [
        ("github", "defualt_branch: main", [('"defualt_branch" means nothing to GitHub Actions', "default_branch")]),
        ("gitlab", "namespace: x", [('"namespace" means nothing to GitLab CI', None)]),
        ("argo", "namespace: x, service_account: y", []),
    ],
)
def test_settings_that_mean_nothing_to_their_target(
    name: str, settings: str, found: list[tuple[str, str | None]]
) -> None:
    text = f"version: 1\nname: x\njobs: {{a: {{run: x}}}}\ntargets: {{{name}: {{{settings}}}}}\n"
    sink = Sink()
    project = read_source(Source("headrace.yaml", text), "headrace.yaml", sink)
    assert project is not None
    target = import_module(TARGETS[name])
    check_settings(target, driver.settings_of(project, target), sink)
    assert [(one.message, one.suggestion) for one in sink.diagnostics] == found
    assert all(one.code.name == "wrong-setting" for one in sink.diagnostics)


def test_settings_are_for_targets_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text(
        "version: 1\nname: a\njobs: {a: {run: x}}\n"
        "targets: {gitlba: {}, 'gihtub': {}, github: {}, moon: {}, argo: &none {}, arog: *none}\n"
    )
    repository, sink = Repository(str(tmp_path)), Sink()
    units = driver.find(repository, "", [native])
    (project,) = driver.load_all(units, repository, [native], sink, ("argo", "github", "gitlab"))
    assert [settings.target for settings in project.settings] == ["github", "argo"]
    found = [(one.code.number, one.span and one.span.text, one.suggestion, one.notes) for one in sink.diagnostics]
    assert found == [
        ("HR2001", "gitlba", "gitlab", ()),
        ("HR2001", "'gihtub'", None, ('"targets" takes argo, github, gitlab',)),
        ("HR2001", "moon", None, ('"targets" takes argo, github, gitlab',)),
        ("HR2001", "*none", None, ('"targets" takes argo, github, gitlab',)),
    ]
    assert [one.fix and [edit.text for edit in one.fix.edits] for one in sink.diagnostics] == [
        ["gitlab"],
        None,
        None,
        None,
    ]
    assert [one.settings[0].target for one in driver.load_all(units, repository, [native], Sink())] == ["gitlba"]
