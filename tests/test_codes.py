"""Every code has a page and one isolated case, and every page and case has a code.

A case is a folder fixtures/errors/HRdddd-name: the files of a repository, `command` (what is run there; `check` without
it) and `expected.txt`, the transcript. `HEADRACE_RECORD=1 pytest tests/test_codes.py` writes the transcripts anew; read
the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler import VERSION, cli
from compiler.commands.catalogue import catalogue
from compiler.commands.explain import find
from compiler.pages import FOLDER, page

CASES = Path(__file__).parent.parent / "fixtures" / "errors"
RECORD = bool(os.environ.get("HEADRACE_RECORD"))
CATALOGUE = catalogue()

# Codes that nothing reports yet, each with the reason. The test fails when one of them is reported after all.
PENDING: dict[str, str] = {}

# Codes that may stand in a case beside its own, each because the one can't be had without the other.
COMPANIONS: dict[str, set[str]] = {
    "HR4111": {"HR4008"},
    "HR4306": {"HR4008"},
    "HR4004": {"HR4214"},  # the runner that is asked for is nobody's but one's own
    "HR4412": {"HR4403"},  # packages are installed into images, and this one is not used
    "HR4420": {"HR3018"},  # a lock that is not there is missed before the run tries
    "HR3532": {
        "HR3531"
    },  # the only component whose `envFrom` matters is one whose function, an assumed field, is named
    "HR3020": {"HR3044"},  # a job whose name is taken by a build needs a job that runs in what is built
}
NOTES_OF_TARGETS = {"HR4002", "HR4011"}

Setup = Callable[[Path, pytest.MonkeyPatch], None]
START = "version: 1\nname: demo\n"
JOBS = START + "jobs:\n"
BY_HAND = "pipelines:\n  main: {on: [manual]}\n"
MANY = JOBS + "".join(f"  job-{at}: {{run: python train.py --part {at}}}\n" for at in range(1000))


def _manifest(text: str) -> Setup:
    def setup(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "headrace.yaml").write_text(text, encoding="utf-8")

    return setup


def _too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(folder / "headrace.yaml", "wb") as file:
        file.truncate(65 * 1024 * 1024)


def _unreadable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root no file is unreadable."""

    def read_bytes(self: object, path: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("compiler.repository.Repository.read_bytes", read_bytes)


def _unwritable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "out").mkdir()
    (folder / "out" / ".github").write_text("a file\n")


def _link_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "headrace.yaml").write_text(JOBS + "  train: {run: python train.py}\n")
    (folder / "link.yaml").symlink_to(elsewhere / "headrace.yaml")


def _left_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.main(["compile", "--target", "github"])
    header = f"# Compiled by headrace {VERSION} from headrace.yaml. Do not edit: change the manifest.\n"
    (folder / ".github" / "workflows" / "old.yml").write_text(header + "on: push\n")


def _compiled_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".git").mkdir()
    cli.main(["compile", "--target", "gitlab"])


def _faulty(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(arguments: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("compiler.commands.check.check", check)
    monkeypatch.setattr("tempfile.tempdir", str(folder.parent))


def _aliases() -> str:
    lines = ["env:", "  A0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  A{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 7)]
    return START + "\n".join(lines) + "\njobs:\n  train: {run: python train.py}\n"


def _without_gpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("targets.local.machine.found_devices", lambda: ())


def _without_conda(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def _uncommitted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    (folder / "new.txt").write_text("new\n")


def _tracker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///mlruns")


SETUPS: dict[str, Setup] = {
    "HR1002": _too_large,
    "HR1006": _manifest(START + "env: {A: " + "[" * 100 + "]" * 100 + "}\njobs:\n  train: {run: python train.py}\n"),
    "HR1007": _manifest(_aliases()),
    "HR4008": _manifest(MANY + BY_HAND),
    "HR4009": _manifest(JOBS + "  train: {run: 'echo " + "x" * 600_000 + "'}\n"),
    "HR4012": _manifest(
        START
        + "parameters:\n"
        + "".join(f"  p{at}: {{default: x}}\n" for at in range(30))
        + "jobs:\n  train: {run: python train.py}\n"
    ),
    "HR4111": _manifest(
        JOBS
        + "  train: {run: python train.py}\n"
        + "".join(f"  undo-{at}: {{run: echo {'x' * 60_000}, needs: [train], run_on: failure}}\n" for at in range(40))
        + f"  report: {{run: ./report.sh, needs: [{', '.join(f'undo-{at}' for at in range(40))}]}}\n"
    ),
    "HR4112": _manifest(
        JOBS + f'  train: {{run: python train.py, when: "changed({", ".join(repr(f"p{at}") for at in range(60))})"}}\n'
    ),
    "HR4217": _manifest(
        JOBS
        + "  train: {run: 'python train.py {{ matrix.a }}', "
        + f"matrix: {{a: {list(range(300))}, max_parallel: 1}}}}\n"
    ),
    "HR4306": _manifest(
        MANY.replace(
            "jobs:\n", "jobs:\n  fetch: {run: ./fetch.sh, inputs: [headrace.yaml], outputs: [data], cache: true}\n"
        )
        + "  last: {run: ./last.sh, needs: [fetch, job-999]}\n"
        + BY_HAND
    ),
    "HR4401": _without_gpu,
    "HR4405": _without_conda,
    "HR4413": _uncommitted,
    "HR4419": _tracker,
    "HR5002": _unreadable,
    "HR5003": _unwritable,
    "HR5005": _link_out,
    "HR5007": _left_behind,
    "HR5022": _compiled_together,
    "HR9001": _faulty,
}


def case_folder(number: str) -> Path:
    return CASES / f"{number}-{CATALOGUE[number].name}"


def transcript(number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> str:
    """What a person sees who runs the case."""
    folder = tmp_path / "case"
    case = case_folder(number)
    command = "check"
    if case.exists():
        shutil.copytree(case, folder, ignore=shutil.ignore_patterns("expected.txt", "command"))
        if (case / "command").exists():
            command = (case / "command").read_text(encoding="utf-8").strip()
    else:
        folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if number in SETUPS:
        SETUPS[number](folder, monkeypatch)
    capfd.readouterr()
    status = cli.main(command.split())
    out, err = capfd.readouterr()
    out = out.split("\n--- a/")[0]  # the difference is the target's matter, not the finding's
    out = re.sub(r"\S*headrace-report-\S+", "REPORT", out)
    err = re.sub(r"\S*headrace-report-\S+", "REPORT", err)
    if number.startswith("HR44"):
        out = _without_facts(out, tmp_path)
    return f"$ headrace {command}\n{out.rstrip()}\n{err}".rstrip() + f"\nexit status {status}\n"


def _without_facts(text: str, folder: Path) -> str:
    """What a run says without this machine's facts: names of runs, times, folders, versions, sizes."""
    text = re.sub(rf"{re.escape(str(folder))}/cache\S*", "FOLDER", text)
    text = re.sub(r"\b\d{8}-\d{6}-[0-9a-f]{4}\b", "RUN", text)
    text = re.sub(r"( *\b\d+\.\ds|\b\d+s)\b", " TIME", text)
    text = re.sub(r"Python 3\.\d+\.\d+", "Python 3.x.y", text)
    return re.sub(r"this machine has \d+", "this machine has N", text)


def reported(text: str) -> set[str]:
    return set(re.findall(r"^(?:\S+: )?(?:error|warning|note)\[(HR\d{4}) ", text, re.MULTILINE))


@pytest.mark.parametrize("number", [number for number in CATALOGUE if number not in PENDING])
def test_a_case_yields_its_code_and_reads_as_recorded(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    text = transcript(number, tmp_path, monkeypatch, capfd)
    allowed = COMPANIONS.get(number, set()) | (NOTES_OF_TARGETS if "--target" in text else set())
    assert number in reported(text), text
    assert reported(text) - {number} <= allowed, text
    assert COMPANIONS.get(number, set()) <= reported(text), "a companion that does not come"
    expected = case_folder(number) / "expected.txt"
    if RECORD:
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(text, encoding="utf-8")
    assert expected.exists(), f"record it: {expected}"
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", PENDING)
def test_a_pending_code_is_pending(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert number in CATALOGUE, f"{number} is gone: take it out of PENDING"
    text = transcript(number, tmp_path, monkeypatch, capfd)
    assert number not in reported(text), f"{number} is reported now: take it out of PENDING and record its case"
    assert not (case_folder(number) / "expected.txt").exists()


def test_every_case_has_a_code() -> None:
    known = {case_folder(number).name for number in CATALOGUE}
    assert {folder.name for folder in CASES.iterdir() if folder.is_dir()} <= known


def test_every_page_has_a_code_and_every_code_a_page() -> None:
    pages = {name.removesuffix(".md") for name in os.listdir(FOLDER) if name.endswith(".md")}
    assert pages == set(CATALOGUE)


@pytest.mark.parametrize("number", CATALOGUE)
def test_a_page_says_what_it_is_shows_it_and_helps(number: str) -> None:
    text = page(number)
    code = CATALOGUE[number]
    assert text is not None
    assert text.startswith(f"# {number} {code.name}\n\n{code.severity.capitalize()}: {code.summary}.\n\n")
    assert "\n## Example\n\n```" in text
    assert "\n## How to mend it\n\n" in text
    assert all(len(line) <= 120 for line in text.split("\n"))
    assert text.count("```") % 2 == 0


@pytest.mark.parametrize("number", CATALOGUE)
def test_the_example_of_a_page_is_the_case(number: str) -> None:
    """So that the documentation is under test: a manifest on a page is the one whose output is recorded."""
    text = page(number)
    assert text is not None
    fence, example = re.search(r"## Example\n\n```(\w+)\n(.*?)```", text, re.DOTALL).groups()  # type: ignore[union-attr]
    manifests = [path for path in case_folder(number).glob("*.yaml") if path.is_file()]
    if fence == "yaml" and manifests and "→" not in example and "#" not in example:
        assert any(example.strip("\n") in path.read_bytes().decode("utf-8", "replace") for path in manifests)


def test_a_code_is_found_by_number_and_by_name() -> None:
    for code in CATALOGUE.values():
        assert find(code.number, CATALOGUE) == [code]
        assert find(code.number.lower(), CATALOGUE) == [code]
        assert find(code.name, CATALOGUE) == [code]
    assert find("nothing", CATALOGUE) == []
