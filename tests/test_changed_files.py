"""Which files a job changed: the lines that every target writes, run by this machine's shells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from targets import commands

NOTES = ".headrace/changed"
COMMAND = """\
mkdir -p out 'a folder'
echo new > out/new
echo more >> input
echo old > old; touch -t 200101010000 old
echo spaced > 'a folder/new one'
ln -s nowhere link
rm gone
"""


@pytest.fixture(params=["sh", "bash", "bash -o pipefail"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    argv: list[str] = request.param.split()
    if shutil.which(argv[0]) is None:
        pytest.skip(f"there is no {argv[0]}")
    return argv


def changed(shell: list[str], folder: Path, *paths: str) -> list[str]:
    for name in ("input", "kept", "gone", ".git/config"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("given", encoding="utf-8")
    lines = [*commands.remember_files(NOTES), COMMAND, *commands.changed_files(NOTES, paths), f"cat {NOTES}/list"]
    done = subprocess.run([*shell, "-euc", "\n".join(lines)], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_new_and_changed_files_are_found(shell: list[str], tmp_path: Path) -> None:
    assert changed(shell, tmp_path) == ["./a folder/new one", "./input", "./link", "./old", "./out/new"]


def test_only_files_below_the_paths_count(shell: list[str], tmp_path: Path) -> None:
    assert changed(shell, tmp_path, "out", "a folder", "missing") == ["./a folder/new one", "./out/new"]
