"""Writing: all or nothing, never over a person's work, whole at whatever moment the compiler is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from compiler import VERSION, driver
from compiler.diagnostics import Sink
from compiler.driver import MARK, OutputFile, drift, is_ours, write
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


KILLED = """
import sys
from compiler.diagnostics import Sink
from compiler.driver import MARK, OutputFile, write
text = "# " + MARK + " x from m. Do not edit: y\\n" + sys.argv[2] * 200_000
print("ready", flush=True)
write([OutputFile(f"{n}.yml", text, "t") for n in range(40)], sys.argv[1], Sink())
"""


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.02, 0.05, 0.1])
def test_killing_at_any_moment_leaves_whole_files(tmp_path: Path, delay: float) -> None:
    run = [sys.executable, "-c", KILLED, str(tmp_path)]
    subprocess.run([*run, "a"], check=True, stdout=subprocess.DEVNULL)
    child = subprocess.Popen([*run, "b"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    for number in range(40):
        text = (tmp_path / f"{number}.yml").read_text().split("\n", 1)[1]
        assert text in ("a" * 200_000, "b" * 200_000)


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
