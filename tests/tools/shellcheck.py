"""shellcheck: shell scripts."""

from __future__ import annotations

import json
from typing import Literal

from tests.tools.finding import Finding
from tests.tools.process import expect, program, run


def shellcheck(text: str, shell: Literal["sh", "bash", "dash", "busybox"]) -> list[Finding]:
    """Lints a script as that shell, down to remarks on style."""
    argv = [program("shellcheck"), "--norc", "--severity=style", "--shell", shell, "--format", "json", "-"]
    ended = expect(run(argv, stdin=text), (0, 1), "shellcheck")
    return [
        Finding("shellcheck", "-", found["line"], f"{found['message']} (SC{found['code']})")
        for found in json.loads(ended.stdout)
    ]
