"""Where the tools are, and how they are run: with a time limit that ends the whole process group."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

LIMIT_SECONDS = 120.0

# Where each tool lies in the tools folder; a tool without a slash is looked up on the path.
TOOLS: Mapping[str, str] = {
    "act": "bin/act",
    "actionlint": "bin/actionlint",
    "argo-engine": "bin/argo-engine",
    "aws": "s3/bin/aws",
    "base-image": "containers/ready",
    "buildah": "buildah",
    "check-jsonschema": "venv/bin/check-jsonschema",
    "git": "git",
    "gitops-argocd": "bin/gitops-argocd",
    "gitops-argocd-manifests": "argocd/repo-server.yaml",
    "gitops-events": "bin/gitops-events",
    "gitops-flux": "bin/gitops-flux",
    "gitlab-ci-local": "npm/node_modules/.bin/gitlab-ci-local",
    "hadolint": "venv/bin/hadolint",
    "jest-sarif": "npm/node_modules/@microsoft/jest-sarif",
    "kubernetes-admit": "bin/kubernetes-admit",
    "kubernetes-read": "bin/kubernetes-read",
    "languageservice": "npm/node_modules/@actions/languageservice",
    "moto": "s3/bin/moto_server",
    "node": "node",
    "onnx": "onnx/bin/python",
    "podman": "podman",
    "pre-commit": "venv/bin/pre-commit",
    "rsync": "rsync",
    "ruby": "ruby",
    "shellcheck": "venv/bin/shellcheck",
    "sigstore": "venv/bin/sigstore",
    "unshare": "unshare",
    "yaml": "npm/node_modules/yaml",
    "zizmor": "venv/bin/zizmor",
}


class ToolError(Exception):
    """A tool broke, or answered in a way that isn't an answer."""


class RefusedError(ToolError):
    """A tool refused the input; the message is the tool's own."""


class Completed(NamedTuple):
    status: int
    stdout: str
    stderr: str


def tools_folder() -> Path:
    """The folder that `.ci/tools` fills."""
    return Path(os.environ.get("HEADRACE_TOOLS") or Path.home() / ".cache" / "headrace-tools")


def find(tool: str) -> str | None:
    """The path of a tool, or None where it isn't installed. The tool must be in the table."""
    place = TOOLS[tool]
    if "/" not in place:
        return shutil.which(place)
    path = tools_folder() / place
    return str(path) if path.exists() else None


def unavailable(reason: str) -> NoReturn:
    """Skips the calling test by name; fails it where HEADRACE_TOOLS_STRICT says that this machine has everything."""
    if os.environ.get("HEADRACE_TOOLS_STRICT"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def program(tool: str) -> str:
    """The path of a tool; the calling test is skipped, by name, when it isn't installed."""
    path = find(tool)
    if path is None:
        unavailable(f"{tool} is not installed (.ci/tools installs it)")
    return path


def require(*tools: str) -> None:
    """Skips the calling test, by name, when one of these tools isn't installed."""
    for tool in tools:
        program(tool)


def run(
    argv: Sequence[str],
    *,
    stdin: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    limit: float = LIMIT_SECONDS,
) -> Completed:
    """Runs a program to its end; `env` adds to the environment. ToolError after `limit` seconds.

    The limit kills the whole process group with SIGKILL: gitlab-ci-local never ends on a cycle of needs, and does not
    answer to anything milder.
    """
    with (
        tempfile.TemporaryFile() as out
    ):  # not a pipe: Node programs that exit at once lose what a pipe did not take yet
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        try:
            _, stderr = process.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise ToolError(f"{Path(argv[0]).name} did not end within {limit:g} s") from None
        out.seek(0)
        return Completed(process.returncode, out.read().decode("utf-8"), stderr)


def expect(completed: Completed, statuses: Sequence[int], tool: str) -> Completed:
    """The same, when its exit status is one of these; ToolError with what it said otherwise."""
    if completed.status not in statuses:
        said = (completed.stderr or completed.stdout).strip()
        raise ToolError(f"{tool} ended with status {completed.status}: {said}")
    return completed
