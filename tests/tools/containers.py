"""Container engines with a store of their own, beside the user's, and the image that `.ci/tools` put into it."""

from __future__ import annotations

import os
import subprocess
from functools import cache

from tests.tools.process import program, tools_folder, unavailable

IMAGE = "docker.io/library/python:3.12-slim-bookworm"  # a Debian with its own Python stands in for it


def containers() -> dict[str, str]:
    """The variables under which podman and buildah work here; skips the calling test, by name, where they don't."""
    for tool in ("podman", "buildah", "base-image"):
        program(tool)
    reason = _fault()
    if reason:
        unavailable(f"containers can't be run here: {reason}")
    return variables()


def variables() -> dict[str, str]:
    """Where the store with that image is."""
    folder = tools_folder() / "containers"
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "BUILDAH_ISOLATION": "chroot",
    }


@cache
def _fault() -> str:
    """What podman says where it can't run a container; empty where it can."""
    line = [program("podman"), "run", "--rm", "--pull", "never", IMAGE, "python", "-c", "print('inside')"]
    tried = subprocess.run(line, env={**os.environ, **variables()}, capture_output=True, text=True, timeout=120)
    if tried.stdout == "inside\n":
        return ""
    return (tried.stderr.strip().splitlines() or [f"it ended with status {tried.returncode}"])[-1]
