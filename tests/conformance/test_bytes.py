"""The same bytes everywhere: under any hash seed, in any folder, locale, time zone and Python."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import CASES, ROOT
from tests.conformance.compile_all import digests


@functools.cache
def here() -> Any:
    return {case.name: digests(case.dialect, os.fspath(case.root), case.manifest) for case in CASES}


def elsewhere(python: str, roots: list[Path], cwd: Path, **env: str) -> Any:
    argv = [python, "-m", "tests.conformance.compile_all"]
    for case, root in zip(CASES, roots, strict=True):
        argv += [case.name, case.dialect, os.fspath(root), case.manifest]
    whole = {**os.environ, "PYTHONPATH": os.fspath(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **env}
    ended = subprocess.run(argv, cwd=cwd, env=whole, capture_output=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    return json.loads(ended.stdout)


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"},
        {
            "PYTHONHASHSEED": "4711",
            "LC_ALL": "tr_TR.UTF-8",
            "LANG": "tr_TR.UTF-8",
            "TZ": "Asia/Kathmandu",
            "PYTHONUTF8": "0",
        },
    ],
    ids=["plain", "far"],
)
def test_the_same_bytes_in_another_process(env: dict[str, str], tmp_path: Path) -> None:
    deep = tmp_path / "a folder" / "with ünusual names" / "x"
    roots = []
    for case in CASES:
        roots.append(deep / case.name)
        shutil.copytree(case.root, roots[-1], ignore=shutil.ignore_patterns("expected"))
    assert elsewhere(sys.executable, roots, tmp_path, **env) == here()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_the_same_bytes_in_another_python(version: str) -> None:
    python = os.environ.get("HEADRACE_PYTHON_" + version.replace(".", "_")) or shutil.which(f"python{version}")
    if (
        python is None
        or subprocess.run([python, "-c", "import yaml"], capture_output=True, check=False).returncode != 0
    ):
        pytest.skip(f"there is no Python {version} with PyYAML")
    assert elsewhere(python, [case.root for case in CASES], ROOT) == here()
