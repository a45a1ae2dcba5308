"""The one table of images that Python environments run in, on every target alike.

CPU images come by installer: uv's own image brings uv and Python, the others start from Python's slim image. A job
that asks for a GPU runs in an image with NVIDIA's run-time libraries, where Python comes from the distribution or from uv.
Images are written with an exact version; `headrace pin` adds digests where a registry answers.
"""

from __future__ import annotations

UV_VERSION = "0.13.8"
DEFAULT_PYTHON = "3.12"
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
BUILDKIT = "moby/buildkit:v0.32.2-rootless"


def python_image(version: str, installer: str | None) -> str:
    """The CPU image for a Python version (`3.12`, or exact: `3.12.4`) and an installer."""
    if installer == "uv":
        return f"ghcr.io/astral-sh/uv:{UV_VERSION}-python{_minor(version)}-bookworm-slim"
    if installer == "conda":
        return "docker.io/condaforge/miniforge3:25.3.1-0"
    # An exact version may be older than Debian's, and has an image of that Debian alone; its plain `slim` is always there.
    return f"python:{version}-slim-bookworm" if version in PYTHONS else f"python:{version}-slim"


def _minor(version: str) -> str:
    """uv's images are tagged by minor version; uv itself fetches an exact one that the project asks for."""
    return ".".join(version.split(".")[:2])


KUBECTL = (
    "alpine/k8s:1.34.1"  # kubectl, git and Python: what a rollout needs, unless the target's settings name another
)
CUDA_IMAGE = "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04"
CUDA_PACKAGES = ("ca-certificates", "python3-venv")


def cuda_prelude(version: str) -> tuple[str, ...]:
    """Lines that bring uv, and with it Python of a version as `python`, into the CUDA image."""
    return (
        "python3 -m venv /opt/uv",
        f"/opt/uv/bin/pip install --quiet uv=={UV_VERSION}",
        f"/opt/uv/bin/uv venv --quiet --seed --python {version} /opt/python",
        'export PATH="/opt/python/bin:/opt/uv/bin:$PATH"',
    )


HELPER = python_image(DEFAULT_PYTHON, None)  # runs headrace's own scripts where a job brings no image
