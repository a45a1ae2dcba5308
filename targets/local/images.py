"""Image builds through a container engine: built and kept on this machine, never pushed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from compiler.ir import BuildImage, dockerfile_of
from targets import prebuilt
from targets.local import process
from targets.local.containers import Engine
from targets.local.log import Log
from targets.local.plan import Instance
from targets.local.process import Ended
from targets.local.session import Session
from targets.local.state import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text


class ImageError(Exception):
    """An image that can't be built as it is asked for."""


def local_reference(session: Session, one: Instance, action: BuildImage) -> str:
    """The name under which an image stays on this machine."""
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in (action.environment or one.job.name)).lower()
    project = "".join(c if c.isalnum() or c in "._-" else "-" for c in session.project.name).lower()
    return f"localhost/headrace/{project}/{name}:{session.values.git['short'] or 'work-tree'}"


def is_here(engine: Engine, image: str) -> bool:
    """Whether the engine still has an image."""
    command = [engine.program, "image", "inspect", image]
    if engine.name == "buildah":
        command = [engine.program, "inspect", "--type", "image", image]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def build(
    engine: Engine,
    action: BuildImage,
    session: Session,
    one: Instance,
    checkout: str,
    temporary: str,
    text: Callable[[Text], str],
    log: Log,
) -> tuple[str, Ended]:
    """Build in a checkout; gives the image's reference and how the engine ended. Raises ImageError."""
    made, reference = action.build, local_reference(session, one, action)
    if len(made.platforms) > 1:
        raise ImageError("a local run builds for one platform at a time")
    folder = os.path.join(checkout, made.context or "")
    for rendered in session.project.rendered:
        if rendered.text is not None and rendered.path in (made.file, f"{made.file}.dockerignore"):
            write_whole(os.path.join(checkout, rendered.path), rendered.text)
    line = [engine.program, "build" if engine.name != "buildah" else "bud", "--tag", reference]
    file = os.path.join(checkout, dockerfile_of(made))  # said, since podman would take a Containerfile before it
    if action.software is not None:
        file = os.path.join(temporary, "Dockerfile")
        with open(file, "w", encoding="utf-8") as stream:
            stream.write(prebuilt.dockerfile(action.software, tuple(variable.name for variable in one.job.env)))
        line += [
            word for variable in one.job.env for word in ("--build-arg", f"{variable.name}={text(variable.value)}")
        ]
    line += ["--file", file]
    if made.target is not None:
        line += ["--target", made.target]
    line += [word for platform in made.platforms for word in ("--platform", platform)]
    line += [word for variable in made.args for word in ("--build-arg", f"{variable.name}={text(variable.value)}")]
    for at, use in enumerate(made.secrets):
        file = os.path.join(temporary, f"secret-{at}")
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(session.secrets.get(use.secret, ""))
        line += ["--secret", f"id={use.env or use.secret},src={file}"]
    env = {**os.environ, "TMPDIR": temporary, "DOCKER_BUILDKIT": "1"}
    return reference, process.run([*line, folder], checkout, env, log.write, session.stop, one.job.timeout)
