"""Runs the support scripts as jobs run them: the compact text in a file, in an isolated interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from targets.runtime import compact

# Another interpreter, such as the oldest that images have, is named by this variable.
PYTHON = os.environ.get("HEADRACE_RUNTIME_PYTHON", sys.executable)
HOSTILE = [
    "it's",
    'a"b',
    "two\nlines",
    "$(touch pwned)",
    "`touch pwned`",
    "ünï–cödé",
    "a;b|c&d",
    "*",
    " ",
    "x" * 60_000,
]


class Job:
    """A work folder, and the scripts beside it."""

    def __init__(self, folder: Path) -> None:
        self.scripts, self.folder = folder / "scripts", folder / "work"
        self.scripts.mkdir()
        self.folder.mkdir()

    def argv(self, name: str, *arguments: str) -> list[str]:
        file = self.scripts / f"{name}.py"
        if not file.exists():
            file.write_text(compact(name), encoding="utf-8")
        return [PYTHON, "-I", "-S", str(file), *arguments]

    def run(self, name: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script to its end; it must not fail with a traceback."""
        done = subprocess.run(
            self.argv(name, *arguments),
            cwd=self.folder,
            env=environment(**env),
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=60,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def write(self, path: str, content: str | bytes = "") -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file


def environment(**env: str) -> dict[str, str]:
    """The environment of a job: that of the tests without what other runs left in it."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}, **env}
