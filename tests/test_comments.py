"""`headrace convert` keeps comments: each goes along with the thing that it stands beside or above."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler import cli


def converted(text: str, folder: Path, capsys: pytest.CaptureFixture[str], name: str = "ame.yaml") -> list[str]:
    (folder / name).write_text(text, encoding="utf-8")
    assert cli.main(["convert", str(folder / name)]) == 0
    return capsys.readouterr().out.splitlines()


def before(lines: list[str], wanted: str) -> str:
    """The line above the first one that begins with a text."""
    return lines[next(at for at, line in enumerate(lines) if line.strip().startswith(wanted)) - 1].strip()


AME = """# The project.

name: churn
tasks:
  # runs every night
  - name: train
    executor:
      !poetry
      pythonVersion: 3.11
      # the command
      command: "python train.py # no comment"
    env:
      - {key: MODE, val: full}  # or quick
    resources: {cpu: 2} # small
# the end
"""


def test_comments_go_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = converted(AME, tmp_path, capsys)
    assert lines[0] == "# The project."
    assert before(lines, "train:") == "# runs every night"
    assert "      MODE: full  # or quick" in lines
    assert "    resources:  # small" in lines
    assert lines[-1] == "# the end"
    assert sum("# the command" in line for line in lines) == 1
    assert any(line.strip() == 'run: "python train.py # no comment"' for line in lines)


def test_a_text_that_looks_like_a_comment_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "name: churn\ntasks:\n  - name: train\n    executor:\n      !custom\n      pythonVersion: 3.11\n"
        "      command: |\n        # one\n        python a.py#two\n"
    )
    lines = converted(text, tmp_path, capsys)
    assert [line.strip() for line in lines if "#" in line] == ["# one", "python a.py#two"]


def test_a_native_manifest_keeps_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "version: 1\nname: demo\njobs:\n  # first\n  a: {run: echo}  # short\n  # second\n  b:\n    run: echo\n"
    lines = converted(text, tmp_path, capsys, "headrace.yaml")
    assert before(lines, "a:") == "# first"
    assert "  a:  # short" in lines
    assert before(lines, "b:") == "# second"


def test_a_comment_of_what_is_gone_stands_at_what_came_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        "name: churn\ntasks:\n  - name: train\n    fromTemplate: {name: large}\n    executor: !mlflow\n"
        "templates:\n  # our machines\n  - name: large\n    resources: {cpu: 2}\n"
    )
    assert before(converted(text, tmp_path, capsys), "resources:") == "# our machines"


def test_comments_alone_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = converted(AME, tmp_path, capsys)
    (tmp_path / "headrace.yaml").write_text("\n".join(plain), encoding="utf-8")
    again = converted("\n".join(plain), tmp_path, capsys, "headrace.yaml")
    assert again == plain
