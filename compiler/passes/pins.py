"""The digests that `headrace pin` has written down, for targets to write them behind their images."""

from __future__ import annotations

from compiler import codes
from compiler.ir import Project
from compiler.pattern import Pattern
from compiler.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.passes.context import Context

FILE = "headrace.lock"  # at the repository's root
HEAD = "# Images and their digests, written by `headrace pin`: compiled files name an image by its digest, too.\n"
_LINE = Pattern("(\\S+) (sha256:[0-9a-f]{64})")


def read_pins(project: Project, context: Context) -> Project:
    if not context.files.exists(FILE):
        return project
    source = context.files.source(FILE, context.sink)
    if source is None:
        return project
    found: dict[str, str] = {}
    at = 0
    for line in source.text.splitlines(keepends=True):
        said = line.strip()
        if said and not said.startswith("#"):
            match = _LINE.fullmatch(said)
            if match is None:
                message = f"a line of {FILE} is an image and its digest, as `headrace pin` writes them"
                context.sink.report(codes.WRONG_VALUE, message, Span(source, at, at + len(line.rstrip())))
            else:
                found[match[1]] = match[2]
        at += len(line)
    if not found:
        return project
    rendered = tuple(
        one if one.text is None else one.replace(text=_pinned(one.text, found)) for one in project.rendered
    )
    return project.replace(pins=tuple(found.items()), rendered=rendered or project.rendered)


def _pinned(dockerfile: str, pins: dict[str, str]) -> str:
    """A rendered Dockerfile whose base images have their digests."""
    lines = dockerfile.split("\n")
    for at, line in enumerate(lines):
        image = line.removeprefix("FROM ")
        if image != line and image in pins:
            lines[at] = f"FROM {image}@{pins[image]}"
    return "\n".join(lines)


def bases(project: Project) -> list[str]:
    """The images that rendered Dockerfiles are built on, but for those with a digest."""
    texts = (one.text for one in project.rendered if one.text is not None and one.path.endswith(".Dockerfile"))
    found = (line[5:] for text in texts for line in text.split("\n") if line.startswith("FROM "))
    return [image for image in found if "@" not in image]


def text(pins: dict[str, str]) -> str:
    """The file of these pins."""
    return HEAD + "".join(f"{image} {digest}\n" for image, digest in sorted(pins.items()))
