"""headrace's own CI files are what its own manifest makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_own_ci_files_have_not_drifted() -> None:
    run = [sys.executable, "-m", "compiler", "compile", "--check", "--target", "gitlab", "--target", "github"]
    run += ["--allow", "PERMISSIONS"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A checkout whose packages were built, as `.ci/package` leaves them."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / "dist").mkdir()
    for name in ("headrace-1.tar.gz", "headrace-1-py3-none-any.whl"):
        (tmp_path / "dist" / name).write_bytes(name.encode())
    run = [sys.executable, ".ci/provenance", "dist"]
    subprocess.run(run, cwd=tmp_path, env={**os.environ, "GITHUB_SHA": "c0ffee"}, check=True)
    return tmp_path


def sign(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs `.ci/sign` where `python3 -m sigstore` prints what it is asked, and what it is to sign."""
    (folder / "sigstore").mkdir(exist_ok=True)
    told = "import sys\nprint(*sys.argv[1:])\nprint(open(sys.argv[sys.argv.index('--predicate') + 1]).read())\n"
    (folder / "sigstore" / "__main__.py").write_text(told)
    env = {name: value for name, value in os.environ.items() if name not in ("GITHUB_ACTIONS", "SIGSTORE_ID_TOKEN")}
    run = [str(folder / ".ci" / "sign")]
    return subprocess.run(run, cwd=folder, env={**env, **more}, capture_output=True, text=True, timeout=60)


def test_packages_are_signed_with_where_they_come_from(built: Path) -> None:
    for given, wanted in (
        ({"GITHUB_ACTIONS": "true"}, []),
        ({"SIGSTORE_ID_TOKEN": "t o"}, ["--identity-token", "t", "o"]),
    ):
        done = sign(built, **given)
        assert done.returncode == 0, done.stderr
        words, predicate = done.stdout.split("\n", 1)
        type_and_files = words.split()[3:]
        packages = [f"signed/{name}" for name in ("headrace-1-py3-none-any.whl", "headrace-1.tar.gz")]
        assert type_and_files == ["--predicate-type", "https://slsa.dev/provenance/v1", *wanted, *packages]
        source = json.loads(predicate)["buildDefinition"]["resolvedDependencies"][0]
        assert source["digest"] == {"gitCommit": "c0ffee"}


def test_without_an_identity_packages_stay_unsigned_and_that_is_said(built: Path) -> None:
    done = sign(built)
    assert (done.returncode, done.stdout) == (0, "")
    assert "not signed" in done.stderr
    assert len(list((built / "signed").iterdir())) == 2


def test_packages_that_were_changed_are_not_signed(built: Path) -> None:
    (built / "dist" / "headrace-1.tar.gz").write_bytes(b"other")
    done = sign(built, GITHUB_ACTIONS="true")
    assert done.returncode == 1
    assert "of other files" in done.stderr
    assert not (built / "signed").exists()
