"""headrace init --target gitlab: an include is added to a hand-written file, and nothing else changes."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from compiler.cli import main
from compiler.inclusion import IncludeError, included

ENTRY = ("local", ".gitlab/headrace.yml")
LINE = "- local: .gitlab/headrace.yml"
JOBS = "# our jobs\nstages: [a,   b]   # odd blanks\n\n\ntest:\n    script:\n        - 'make  test'   # four blanks\n"

FILES = {
    "none": JOBS,
    "header comment": "# Copyright\n\n" + JOBS,
    "list": "include:\n  - local: a.yml   # first\n  - b.yml\n\n# about\n" + JOBS,
    "list without indentation": "include:\n- project: g/p\n  file:\n  - x.yml\n  - y.yml\n" + JOBS,
    "list at the end": JOBS + "include:\n  - a.yml",
    "text": "include: a.yml  # one\n" + JOBS,
    "quoted text at the end": JOBS + "include: 'a b.yml'",
    "mapping": "include:\n  project: g/p\n  # which\n  file: x.yml\n\n" + JOBS,
    "flow list": "include: [a.yml, {local: b.yml}]  # two\n" + JOBS,
    "flow list of lines": "include: [\n  a.yml,\n  b.yml,\n]\n" + JOBS,
    "empty list": "include: []\n" + JOBS,
    "flow mapping": "include: {local: a.yml}\n" + JOBS,
    "spec": "spec:\n  inputs:\n    x: {default: 'include:'}\n---\n" + JOBS,
    "tags and anchors": ".a: &a {script: [x]}\nj:\n  <<: *a\n  after_script: !reference [.a, script]\nk: !x y\n",
    "script that says include": "j:\n  script:\n    - |\n      include:\n        - local: x\n",
    "windows": JOBS.replace("\n", "\r\n"),
    "windows list": ("include:\n  - a.yml\n" + JOBS).replace("\n", "\r\n"),
    "empty": "",
    "only comments": "# nothing yet\n",
}


def last(text: str) -> Any:
    return list(YAML(typ="rt").load_all(text))[-1]


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_the_include_is_added_once_and_all_else_stays(text: str) -> None:
    made = included(text, *ENTRY)
    entries = last(made)["include"]
    assert dict(entries[-1]) == dict([ENTRY])
    assert included(made, *ENTRY) == made
    gone = [line[2:] for line in difflib.ndiff(text.splitlines(), made.splitlines()) if line.startswith("- ")]
    kept = ("include", "  project:", "  # which", "  file:", "  b.yml", "]")
    assert all(line.startswith(kept) for line in gone)
    assert ("\r\n" in made) == ("\r\n" in text)
    assert "\n" not in made.replace("\r\n", "") or "\r\n" not in text
    for line in JOBS.splitlines():
        assert line not in text.splitlines() or line in made.splitlines()


def test_where_it_is_added() -> None:
    assert included(FILES["none"], *ENTRY) == f"include:\n  {LINE}\n\n{JOBS}"
    assert included(FILES["header comment"], *ENTRY).startswith(f"# Copyright\n\ninclude:\n  {LINE}\n\n# our jobs\n")
    assert included(FILES["list"], *ENTRY).startswith(
        f"include:\n  - local: a.yml   # first\n  - b.yml\n  {LINE}\n\n# about\n"
    )
    assert included(FILES["text"], *ENTRY).startswith(f"include:\n  - a.yml  # one\n  {LINE}\n# our jobs\n")
    assert included(FILES["mapping"], *ENTRY).startswith(
        f"include:\n  - project: g/p\n    # which\n    file: x.yml\n  {LINE}\n\n"
    )
    assert included(FILES["flow list"], *ENTRY).startswith(
        "include: [a.yml, {local: b.yml}, {local: .gitlab/headrace.yml}]  # two\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "include: .gitlab/headrace.yml\n",
        "include: /.gitlab/headrace.yml\n",
        "include: [{local: /.gitlab/headrace.yml}]\n",
        "include:\n  local: '.gitlab/headrace.yml'\n",
    ],
)
def test_what_is_included_already_in_any_spelling_is_left(text: str) -> None:
    assert included(text, *ENTRY) == text


@pytest.mark.parametrize("text", ["a: [", "- a\n", "{test: {script: x}}\n", "x: &x [a.yml]\ninclude: *x\n", "\tx: 1\n"])
def test_what_cannot_be_added_to_is_refused(text: str) -> None:
    with pytest.raises(IncludeError):
        included(text, *ENTRY)


def test_init_adds_the_include_and_is_idempotent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("print('train')\n")
    Path(".gitlab-ci.yml").write_bytes(JOBS.encode())
    component = "gitlab.com/acme/headrace/check@1.0"
    assert main(["init", "--target", "gitlab", "--component", component]) == 0
    assert ".gitlab-ci.yml: written" in capsys.readouterr().out
    text = Path(".gitlab-ci.yml").read_text()
    assert text == f"include:\n  {LINE}\n  - component: {component}\n\n{JOBS}"
    before = Path("headrace.yaml").read_bytes()
    assert main(["init", "--component", component]) == 0
    shown = capsys.readouterr().out
    assert "headrace.yaml: unchanged" in shown
    assert ".gitlab-ci.yml: unchanged" in shown
    assert Path(".gitlab-ci.yml").read_text() == text
    assert Path("headrace.yaml").read_bytes() == before
    assert main(["compile", "--target", "gitlab"]) == 0
    assert Path(".gitlab-ci.yml").read_text() == text
    assert Path(".gitlab/headrace.yml").exists()


def test_init_says_what_to_add_where_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".gitlab-ci.yml").write_text("test: [\n")
    assert main(["init", "--target", "gitlab"]) == 1
    shown = capsys.readouterr().err
    assert "it is not YAML" in shown
    assert LINE in shown
    assert Path(".gitlab-ci.yml").read_text() == "test: [\n"


def test_without_a_file_or_with_a_compiled_one_there_is_nothing_to_include(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("print('train')\n")
    assert main(["init", "--target", "gitlab"]) == 0
    assert "`headrace compile --target gitlab` writes it" in capsys.readouterr().out
    assert main(["compile", "--target", "gitlab"]) == 0
    assert main(["init", "--target", "gitlab"]) == 0
    assert "compiled by headrace" in capsys.readouterr().out
