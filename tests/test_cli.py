"""The frame of the command line: table, help, exit status, faults, and what a cold start imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compiler import VERSION, cli

ROOT = Path(__file__).parent.parent
RUN = [sys.executable, "-c", "import sys; from compiler.cli import main; sys.exit(main())"]
HELLO = str(ROOT / "examples" / "hello")


def headrace(*words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *words],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_command_offers_what_the_table_promises(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (module, line) in cli.COMMANDS.items():
        command = cli.load(name)
        assert module.startswith("compiler.commands.")
        assert line[0].islower()
        assert not line.endswith(".")
        assert command.DESCRIPTION.strip().endswith(".")
        assert all(example.startswith(("headrace", "source")) for example in command.EXAMPLES.strip().split("\n"))
        assert cli.main([name, "--help"]) == 0
        shown = capsys.readouterr().out
        assert f"usage: headrace {name}" in shown
        assert "\nexamples:\n  " in shown
        assert all(len(text) <= 125 for text in shown.split("\n"))


def test_every_module_of_a_verb_is_in_the_table() -> None:
    shared = {"catalogue", "compilation", "fault", "findings", "fixing", "targeting", "workspace", "__init__"}
    modules = {
        path.stem for path in (ROOT / "compiler" / "commands").iterdir() if path.suffix == ".py" or path.is_dir()
    }
    assert modules - shared - {"__pycache__"} == set(cli.COMMANDS)


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in cli.COMMANDS)
    assert cli.main(["help"]) == 0
    assert capsys.readouterr().out == shown
    assert cli.main(["help", "check"]) == 0
    assert "usage: headrace check" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--version"], ["-V"], ["version"]):
        assert cli.main(words) == 0
        assert capsys.readouterr().out == f"headrace {VERSION}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "usage: headrace COMMAND"),
        (["chek"], '"chek" is not a command, did you mean "check"?'),
        (["--frobnicate"], '"--frobnicate" is not an option, see headrace --help'),
        (["check", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["check", "--format", "xml"], "invalid choice: 'xml'"),
        (["check", "--form", "json"], "unrecognized arguments"),
        (["compile", "--target", "gitlb"], '"gitlb" is not a target'),
        (["compile", "--allow", "GPUU"], '"GPUU" is not a feature, did you mean "GPU"?'),
        (["compile", "--check", "--stdout"], "not allowed with argument"),
        (["schema", "frobnicate"], 'there is no schema for "frobnicate"'),
        (["\x1b[31mred"], '"\\x1b[31mred" is not a command'),
    ],
)
def test_wrong_usage_is_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    assert said in capsys.readouterr().err


def test_a_fault_of_our_own_is_3_with_a_report_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(arguments: object) -> int:
        raise RecursionError("deep")

    monkeypatch.setattr("compiler.commands.check.run", run)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.main(["check", "a\udcff"]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error[HR9001 internal]: a fault of headrace itself: RecursionError\n")
    assert "Traceback" not in shown.err
    (report,) = tmp_path.iterdir()
    text = report.read_text(encoding="utf-8")
    assert str(report) in shown.err
    assert VERSION in text
    assert "RecursionError: deep" in text
    assert report.stat().st_mode & 0o077 == 0


def test_ctrl_c_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text("version: 1\nname: x\njobs: {a: {run: x}}\n")
    slow = "driver.find = lambda *_: (print('ready', flush=True), time.sleep(30)); sys.exit(cli.main(['check']))"
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; from compiler import cli, driver; " + slow],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.parametrize(("redirection", "status"), [(">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0)])
def test_streams_that_are_closed(redirection: str, status: int) -> None:
    shown = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *RUN, "check", HELLO, "--target", "none"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (status, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_an_output_that_is_full() -> None:
    with open("/dev/full", "w") as full:
        shown = subprocess.run(
            [*RUN, "ir", HELLO],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (shown.returncode, shown.stderr) == (
        1,
        "error[HR5003 unwritable]: the output can't be written: no space left on device\n",
    )


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    jobs = "".join(f"  job-{at}: {{run: x}}\n" for at in range(5000))
    (tmp_path / "headrace.yaml").write_text(f"version: 1\nname: x\njobs:\n{jobs}")
    shown = subprocess.run(
        f"{sys.executable} -m compiler graph {tmp_path} | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stderr == ""
    assert shown.stdout.splitlines()[-1] in ("141", "0")


def test_an_output_that_takes_ascii_only_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text("version: 1\nname: größe-数据\n", encoding="utf-8")
    shown = headrace("check", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert shown.returncode == 1
    assert shown.stderr == ""
    assert "gr\\xf6\\xdfe" in shown.stdout


def test_colours_are_for_terminals() -> None:
    bad = ["check", "nothing-here"]
    assert "\x1b" not in headrace(*bad).stdout
    assert "\x1b[1;31merror" in headrace(*bad, "--color", "always").stdout
    assert "\x1b" not in headrace(*bad, "--color", "never").stdout


def test_a_terminal_that_refuses_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from compiler.commands.findings import wants_colour

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour("auto", Terminal())
    assert not wants_colour("auto", io.StringIO())
    assert not wants_colour("never", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour("auto", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour("auto", Terminal())
    assert wants_colour("always", Terminal())


COSTLY = ("jinja2", "jsonschema", "ruamel", "rich", "git", "gitlab", "subprocess", "typing", "json", "shutil",
          "pathlib", "dataclasses", "inspect", "ast", "tempfile", "difflib", "urllib", "hashlib", "logging",
          "yaml.loader", "yaml.constructor")  # fmt: skip


def test_a_cold_check_imports_little() -> None:
    report = "import sys; from compiler.cli import main; main(['check', sys.argv[1], '--target', 'none']); print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[1:1] = {sys.path!r}; {report}", HELLO],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(shown.stdout.splitlines()[-1].split())
    assert "compiler.yamltree" in modules
    assert sorted(modules & set(COSTLY)) == []
    others = {name for name in modules if name.startswith("compiler.commands.")}
    assert others == {
        f"compiler.commands.{name}" for name in ("check", "compilation", "findings", "targeting", "workspace")
    }
    unasked = {
        f"compiler.passes.{name}" for name in ("models", "services", "serving", "lifecycle", "dvc", "attestations")
    }
    unasked |= {
        f"compiler.frontends.native.{name}" for name in ("models", "data", "parameters", "triggers", "repeated")
    }
    assert modules & {*unasked, "compiler.repeats"} == set()  # nothing in the manifest is for them
    assert {name for name in modules if name.startswith("compiler.render.")} == {
        "compiler.render.text",
        "compiler.render.visible",
    }


@pytest.mark.parametrize(
    "words", [["check"], ["compile"], ["init"], ["graph"], ["ir"], ["convert"], ["run"], ["eject"]]
)
def test_a_folder_that_is_gone_below_our_feet(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    status = cli.main(words)
    said = "".join(capsys.readouterr())
    os.chdir(tmp_path)  # where what ends the test may be
    assert status == 1
    assert "can't be read: no such file or directory" in said


def test_a_fault_where_the_folder_is_gone_is_reported_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(arguments: object) -> int:
        raise RecursionError("deep")

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setattr("compiler.commands.check.run", run)
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert cli.main(["check"]) == 3
    os.chdir(tmp_path)
    assert "RecursionError" in capsys.readouterr().err
