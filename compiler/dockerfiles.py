"""Dockerfiles that are written from an environment's own fields, by one template.

Packages are installed before the sources are copied, so that their layer is kept; secrets are mounted for the one step
that uses them; the image runs without root; its checks are steps of the build, so that what fails them is never pushed.
"""

from __future__ import annotations

import os
from posixpath import basename, relpath

from compiler import images
from compiler.ir import Environment, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dockerfile.j2")
# What no image needs, whoever builds it: https://docs.docker.com/build/concepts/context/#dockerignore-files
IGNORED = (
    ".git",
    ".github",
    ".gitlab-ci.yml",
    ".env",
    "**/.env",
    "**/.env.*",
    "**/__pycache__",
    "**/*.pyc",
    "**/.venv",
    "**/*.Dockerfile",
    "**/*.dockerignore",
)
_VARIABLES = (
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_CACHE_DIR", "1"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONUNBUFFERED", "1"),
)


class DockerfileError(ValueError):
    """An environment of which no Dockerfile can be written. `field` is the key that stands in the way."""

    def __init__(self, message: str, field: str, help: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.help = help


def render(environment: Environment, has_hashes: bool = False) -> str:
    """The Dockerfile of an environment whose build is to be generated; its paths are relative to the build's context.

    `has_hashes` says that the requirements pin a hash for each file: pip then refuses what has none. Raises
    DockerfileError.
    """
    build = environment.build
    assert build is not None
    base, prelude, apt = _base(environment)
    context = build.context or "."
    steps = _install(environment, context, has_hashes)
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    with open(TEMPLATE, encoding="utf-8") as file:
        text = file.read()
    jinja = SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    jinja.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    # As JSON in a file, and not in a page: what tojson makes safe for HTML is text of its own here.
    jinja.filters["tojson"] = _json
    made = jinja.from_string(text).render(
        base=base,
        prelude=prelude,
        apt=apt,
        variables=_variables(environment),
        setup=[_setup_line(line) for line in environment.setup],
        mounts=_mounts(environment),
        checks=[list(words) for words in build.checks],
        command=list(build.command),
        **steps,
    )
    return _single_blanks(made)


def ignored() -> str:
    """What stands in the ignore file beside the Dockerfile."""
    return "".join(f"{pattern}\n" for pattern in IGNORED)


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _single_blanks(text: str) -> str:
    lines: list[str] = []
    for line in text.rstrip("\n").split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def _base(environment: Environment) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The image to begin with, what brings Python into it, and its system packages."""
    if environment.image is not None:
        if any(isinstance(piece, Ref) for piece in environment.image):
            raise DockerfileError("a generated Dockerfile begins with a fixed image, this one has a hole", "image")
        return "".join(str(piece) for piece in environment.image), (), environment.apt
    version = environment.python or images.DEFAULT_PYTHON
    return images.python_image(version, environment.installer), (), environment.apt


def _variables(environment: Environment) -> list[str]:
    found = list(_VARIABLES)
    if environment.installer == "uv":
        found += [("PATH", '"/app/.venv/bin:$PATH"'), ("UV_LINK_MODE", "copy"), ("UV_NO_CACHE", "1")]
    return [f"{name}={value}" for name, value in found]


def _mounts(environment: Environment) -> str:
    """Build secrets as mounts: they are variables of the step that installs, and in no layer."""
    build = environment.build
    assert build is not None
    names = [use.env or use.secret for use in build.secrets]
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise DockerfileError(f'"{name}" is no name of a variable, as which installing reads a secret', "secrets")
    mounts = "".join(f"--mount=type=secret,id={name} \\\n    " for name in names)
    reads = "".join(f'{name}="$(cat /run/secrets/{name})" \\\n    && export {name} \\\n    && ' for name in names)
    return mounts + reads


def _install(environment: Environment, context: str, has_hashes: bool) -> dict[str, Any]:
    """The files that say what is installed, the step that does it, and one that needs the sources."""
    match environment.installer:
        case None:
            return {"files": [], "install": "", "late": ""}
        case "pip":
            file = _inside(environment.file or _beside(environment, "requirements.txt"), context, "file")
            hashes = "--require-hashes " if has_hashes else ""
            install = f"pip install {hashes}--requirement {_word(basename(file))}"
            return {"files": [file, "./"], "install": install, "late": ""}
        case "uv":
            files = [_inside(_beside(environment, name), context, "install") for name in ("pyproject.toml", "uv.lock")]
            options = "".join(f" --group {_word(group)}" for group in environment.groups)
            options += "".join(f" --extra {_word(extra)}" for extra in environment.extras)
            install = f"uv sync --locked --no-install-project{options}"
            return {"files": [*files, "./"], "install": install, "late": f"uv sync --locked --no-editable{options}"}
    raise DockerfileError(
        f'a generated Dockerfile installs by pip or uv, not by "{environment.installer}"',
        "install",
        "write a Dockerfile and name it in the build's `file`",
    )


def _beside(environment: Environment, name: str) -> str:
    folder = environment.working_directory
    return f"{folder}/{name}" if folder and folder != "." else name


def _inside(path: str, context: str, field: str) -> str:
    """A path from the root as the build's context sees it."""
    found = relpath(path, context or ".")
    if found == ".." or found.startswith("../"):
        raise DockerfileError(f'"{path}" lies outside of the build\'s context "{context}"', field)
    return found


def _word(text: str) -> str:
    from shlex import quote

    return quote(text)


def _setup_line(line: Any) -> str:
    if any(isinstance(piece, Ref) for piece in line):
        raise DockerfileError("a line of a generated Dockerfile is fixed, this one has a hole", "setup")
    text = "".join(line).strip("\n")
    if "\n" in text:
        return _json(["/bin/sh", "-euc", text])
    return str(text)
