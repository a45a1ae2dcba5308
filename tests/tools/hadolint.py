"""hadolint: Dockerfiles, and the shell inside their RUN lines."""

from __future__ import annotations

import json
from pathlib import Path

from tests.tools.finding import Finding
from tests.tools.process import expect, program, run


def hadolint(path: Path) -> list[Finding]:
    """Lints one Dockerfile, down to remarks on style, without the folder's own settings."""
    argv = [program("hadolint"), "--config", "/dev/null", "--no-fail", "--no-color", "--format", "json", str(path)]
    ended = expect(run(argv), (0,), "hadolint")
    return [
        Finding("hadolint", str(path), found["line"], f"{found['message']} ({found['code']})")
        for found in json.loads(ended.stdout)
    ]
