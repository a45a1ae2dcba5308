"""Images by reference: which registry, and whether the tag moves (M23)."""

from __future__ import annotations

from compiler.diagnostics import Sink
from compiler.frontends.mlspec import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.mlspec.view import View

DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


def check_tag(image: View, sink: Sink) -> None:
    """M23: a tag that begins with `latest`, or none, is another image tomorrow."""
    name = image.value.strip().rpartition("/")[2]
    if "@sha256:" in image.value:
        return
    _, colon, tag = name.partition(":")
    if not colon or tag.startswith("latest"):
        said = f'"{tag}" moves' if colon else "no tag is said, which means latest"
        advice = "name a version, or a digest: name@sha256:…"
        sink.report(codes.MOVING_TAG, f"the image is another one tomorrow: {said}", image.at, help=advice)


def reference(image: str, registry: str) -> str:
    """An image's reference with its store's registry; one that names a registry itself keeps it."""
    first, slash, _ = image.partition("/")
    if not registry or registry in DOCKER_HUB or (slash and ("." in first or ":" in first or first == "localhost")):
        return image
    return f"{registry.rstrip('/')}/{image}"
