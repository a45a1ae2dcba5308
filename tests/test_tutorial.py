"""docs/tutorial.md says what happens: every file is written, every command run, every output compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tutorial import PAGE, Shell, environment, made_here, matches, steps, wheel


def test_every_command_prints_what_the_page_says(tmp_path: Path) -> None:
    try:
        made = wheel(tmp_path / "wheel")
    except RuntimeError as error:
        pytest.skip(f"headrace can't be built here, as the page installs it: {str(error)[-200:]}")
    (tmp_path / "here").mkdir()
    shell = Shell(tmp_path / "here", environment(tmp_path / "home", made))
    played = 0
    for step in steps(PAGE.read_text(encoding="utf-8")):
        if step.file:
            shell.write(step.file, made_here(step.text))
            continue
        printed = shell.run(step.command)
        assert matches(step.text, printed), f"$ {step.command}\n{printed}\nthe page says:\n{step.text}"
        played += 1
    shell.close()
    assert played > 40


def test_an_output_that_differs_is_seen() -> None:
    assert matches("a\n…\nb … c\n", "a\nx\ny\nb 3 c\n")
    assert matches("", "")
    assert not matches("a\n", "a\nb\n")
    assert not matches("", "something\n")
    assert not matches("fine, 4 jobs\n", "fine, 5 jobs\n")
