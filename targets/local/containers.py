"""The container engine of this machine, where there is one that answers: podman, docker, or buildah for builds alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ENGINES = ("podman", "docker")
BUILDERS = ("podman", "docker", "buildah")


@dataclass(frozen=True)
class Engine:
    """A program whose command line is docker's."""

    program: str
    name: str

    def run(
        self,
        image: str,
        argv: Sequence[str],
        folder: str,
        mounts: Sequence[str],
        variables: Mapping[str, str],
        name: str,
        *,
        platform: str | None = None,
        options: Sequence[str] = (),
    ) -> list[str]:
        """The command line of a container that lives as long as its job.

        Folders are mounted where they are, so that every path is the same inside; values travel in the environment
        of the engine's client, never on its command line.
        """
        line = [self.program, "run", "--rm", "--name", name, "--workdir", folder, "--entrypoint", argv[0]]
        if self.name != "podman" or has_catatonit():
            line.append("--init")
        for mount in mounts:
            line += ["--volume", f"{mount}:{mount}"]
        for variable in variables:
            line += ["--env", variable]
        if platform is not None:
            line += ["--platform", platform]
        if self.name == "docker":  # podman maps the user by itself
            line += ["--user", f"{os.getuid()}:{os.getgid()}"] if os.getuid() else []
        return [*line, *options, image, *argv[1:]]

    def remove(self, name: str) -> None:
        """End a container at once, whatever it does: podman would first wait for it, docker does not."""
        at_once = ["--time", "0"] if self.name == "podman" else []
        subprocess.run([self.program, "rm", "--force", *at_once, name], stdin=subprocess.DEVNULL, capture_output=True)

    def port(self, name: str, port: int) -> int | None:
        """The port of this machine that leads to a container's."""
        done = subprocess.run(
            [self.program, "port", name, f"{port}/tcp"], stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        lines = done.stdout.split()
        return int(lines[0].rsplit(":", 1)[1]) if done.returncode == 0 and lines and ":" in lines[0] else None


def find(wanted: str = "auto", builder: bool = False) -> Engine | None:
    """The engine that is wanted, or the first that is installed and answers; `none` wants none."""
    names = (BUILDERS if builder else ENGINES) if wanted == "auto" else () if wanted == "none" else (wanted,)
    for name in names:
        program = shutil.which(name)
        if program is not None and _answers(program):
            return Engine(program, os.path.basename(program))
    return None


def has_catatonit() -> bool:
    """Whether podman finds the program that its `--init` runs: a package of its own, which may not be there."""
    places = ("/usr/libexec/podman", "/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/lib/podman")
    return shutil.which("catatonit") is not None or any(os.access(f"{one}/catatonit", os.X_OK) for one in places)


def _answers(program: str) -> bool:
    """Whether the engine works: docker's client is often there without its daemon."""
    try:
        done = subprocess.run([program, "info"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
