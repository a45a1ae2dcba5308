"""What is released: the container image, built and run for real where this machine can, and the two packages."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import hadolint
from tests.tools.containers import variables
from tests.tools.process import Completed, find, program, run, unavailable

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parent.parent.parent
BASES = ("docker.io/library/python:3.12-slim-bookworm", "docker.io/library/python:3.11-slim")
MANIFEST = "version: 1\nname: demo\njobs:\n  train: {run: python train.py}\n"


def buildah(*words: str, limit: float = 300) -> Completed:
    own = variables() if find("base-image") else {"BUILDAH_ISOLATION": "chroot"}
    return run([program("buildah"), *words], env=own, limit=limit)


def base() -> str:
    """An image with Python that is here already; no registry is asked."""
    program("buildah")
    given = os.environ.get("HEADRACE_BASE_IMAGE")
    names = [given] if given else BASES
    here = next((name for name in names if buildah("inspect", "--type", "image", name).status == 0), None)
    if here is None:
        unavailable(
            "no image with Python is on this machine, from which the image could be built (HEADRACE_BASE_IMAGE)"
        )
    return here


def megabytes(image: str) -> float:
    """The size of an image's files."""
    container = buildah("from", "--pull-never", image).stdout.strip()
    try:
        root = buildah("mount", container).stdout.strip()
        return float(run(["du", "-sxm", root]).stdout.split()[0])
    finally:
        buildah("rm", container)


def test_the_dockerfile_is_clean() -> None:
    assert [str(one) for one in hadolint(ROOT / "Dockerfile")] == []


def test_the_image_builds_and_works() -> None:
    image = base()
    tag = f"localhost/headrace-test-{os.getpid()}"
    # A machine may reach the package index by its own certificates alone.
    mounts = [f"--volume={path}:{path}:ro" for path in ("/etc/ssl/certs", "/etc/pip.conf") if os.path.exists(path)]
    built = buildah(
        "bud", "--pull-never", "--quiet", *mounts, "--build-arg", f"PYTHON_IMAGE={image}", "-t", tag, str(ROOT)
    )
    if any(word in built.stderr for word in ("NewConnectionError", "Could not find a version", "Temporary failure")):
        unavailable("no package index can be reached while an image is built")
    assert built.status == 0, built.stderr[-3000:]
    container = buildah("from", "--pull-never", tag).stdout.strip()
    try:
        in_it = f"printf '%s' '{MANIFEST}' > headrace.yaml && headrace compile --target all --quiet && id -u && git --version"
        done = buildah("run", container, "--", "sh", "-c", f'cd "$(mktemp -d)" && {in_it}')
        assert done.status == 0, done.stderr
        assert "argo/demo.yaml: written" in done.stdout
        assert "\n999\n" in done.stdout
        assert "git version" in done.stdout
        assert buildah("run", container, "--", "headrace", "--version").stdout.startswith("headrace ")
        fetched = buildah("run", container, "--", "git", "ls-remote", "https://nobody.invalid/x")
        assert "Could not resolve host" in fetched.stderr  # https is there
        assert megabytes(tag) - megabytes(image) < 90
    finally:
        buildah("rm", container)
        buildah("rmi", tag)


def test_the_packages_are_checked_and_say_where_they_come_from(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", f"file://{ROOT}", str(clone)], check=True)
    shutil.copytree(ROOT / ".ci", clone / ".ci", dirs_exist_ok=True)
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    env = {"PATH": path, "GITHUB_SHA": "", "CI_COMMIT_SHA": ""}
    done = run([str(clone / ".ci" / "package")], cwd=clone, env=env, limit=400)
    if "Could not find a version" in done.stderr + done.stdout:
        unavailable("no package index can be reached, from which the packages' own tools come")
    assert done.status == 0, done.stdout + done.stderr
    files = {file.name: file for file in (clone / "dist").iterdir()}
    statement = json.loads(files.pop("provenance.json").read_text())
    assert {name.rpartition(".")[2] for name in files} == {"gz", "whl"}
    digests = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    assert digests == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    (source,) = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": head}
    sigstore_takes_the_statement(clone)


def sigstore_takes_the_statement(clone: Path) -> None:
    """Sigstore's own program reads what it is to sign, and stops behind that: at the identity, which is nobody's, or offline."""
    path = f"{os.path.dirname(program('sigstore'))}:{os.environ['PATH']}"
    env = {"PATH": path, "SIGSTORE_ID_TOKEN": "nobody"}
    done = run([str(clone / ".ci" / "sign")], cwd=clone, env=env)
    assert done.status != 0
    told = done.stdout + done.stderr
    assert any(word in told for word in ("Identity token is malformed", "TUF metadata")), told
    where = clone / "dist" / "provenance.json"
    where.write_text(where.read_text().replace('"buildType"', '"buildTipe"'))
    done = run([str(clone / ".ci" / "sign")], cwd=clone, env=env)
    assert "Unable to parse predicate" in done.stderr
