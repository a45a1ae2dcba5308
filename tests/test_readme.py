"""The documentation says what the code does: matrices are generated, commands are executed, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from compiler.features import Feature
from tests.readme import DOCUMENTS, ROOT, filled, modules

# Lengths of names, which are shortened, and what the compiler weighs an object by.
UNWRITTEN_LIMITS = {"name", "characters of an id", "object_bytes", "node_bytes"}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_generated_parts_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == filled(path, DOCUMENTS[path]()), "run python -m tests.readme --write"


def test_support_tables_are_total() -> None:
    for target in modules():
        assert list(target.SUPPORT) == [feature for feature in Feature if feature in target.SUPPORT]
        assert set(target.SUPPORT) == set(Feature)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def shown_commands() -> list[list[str]]:
    """The lines of the README that begin with `headrace`."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = (line.strip() for line in lines if line.startswith("    headrace "))
    return [shlex.split(command, comments=True)[1:] for command in commands]


@pytest.mark.parametrize("arguments", shown_commands(), ids=" ".join)
def test_every_command_of_the_readme_runs(arguments: list[str], tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: the commands are tried in one")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(clone)], check=True)
    run = [sys.executable, "-m", "compiler", *arguments]
    done = subprocess.run(run, cwd=clone, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_the_two_commands_are_make_targets() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in ("example", "test"):
        assert f"    make {name}" in readme
        assert re.search(rf"^{name}:", makefile, re.MULTILINE)


def test_ci_runs_what_the_readme_says() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_limits_that_are_written_are_those_that_hold() -> None:
    page = (ROOT / "docs" / "targets.md").read_text(encoding="utf-8").split("\n## Limits\n", 1)[1]
    for module in ("targets.gitlab.limits", "targets.github.limits", "targets.argo.options"):
        for name, number in import_module(module).LIMITS.items():
            if name in UNWRITTEN_LIMITS:
                continue
            said = f"{number // 1024**3} GiB" if number == 1024**3 else f"{number:,}"
            said = str(number // 60) if name.startswith("minutes") else said
            assert f"| {said}" in page or f", {said} on" in page, name
