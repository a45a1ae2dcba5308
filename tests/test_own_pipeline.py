"""headrace's own CI files are what its own manifest makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_own_ci_files_have_not_drifted() -> None:
    run = [sys.executable, "-m", "compiler", "compile", "--check", "--target", "gitlab", "--target", "github"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
