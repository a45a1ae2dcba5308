"""The one table of images that Python environments run in, on every target alike.

CPU images come by installer: uv's own image brings uv and Python, the others start from Python's slim image. A job
that asks for a GPU runs in an image with NVIDIA's run-time libraries, where Python comes from the distribution or from uv.
Images are written with an exact version; `headrace pin` adds digests where a registry answers.
"""

from __future__ import annotations

UV_VERSION = "0.13.8"
MLFLOW_VERSION = "3.18.0"
MLFLOW_TOOLS = (f"mlflow=={MLFLOW_VERSION}", "virtualenv==21.15.8")  # what makes a project's environment, too
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


class Base:
    """An image to build on, and to run in: the Python that it is known to have, and whether it is made for a GPU."""

    __slots__ = ("gpu", "image", "python")

    def __init__(self, image: str, python: str | None = None, gpu: bool = False) -> None:
        self.image = image
        self.python = python
        self.gpu = gpu


def _minor(version: str) -> str:
    """uv's images are tagged by minor version; uv itself fetches an exact one that the project asks for."""
    return ".".join(version.split(".")[:2])


GIT = f"python:{DEFAULT_PYTHON}-bookworm"  # Python and git
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

# What modules are built on, by framework, version and kind of machine. The tags are those of the frameworks' makers:
# https://hub.docker.com/r/tensorflow/tensorflow/tags and https://hub.docker.com/r/pytorch/pytorch/tags. No tag names the
# Python that the image holds. Where a source does, it stands here: https://github.com/tensorflow/tensorflow/issues/82529
# and PYTHON_VERSION of https://github.com/pytorch/pytorch/blob/v2.8.0/docker.Makefile. TensorFlow 2.1's is 3.6, which is
# too old for anything of headrace's own to run in.
BASES: dict[str, Base] = {
    **{f"python-{version}": Base(python_image(version, None), version) for version in PYTHONS},
    "tensorflow-2.1-gpu": Base("tensorflow/tensorflow:2.1.0-gpu-py3", gpu=True),
    "tensorflow-2.18": Base("tensorflow/tensorflow:2.18.0", "3.11"),
    "tensorflow-2.18-gpu": Base("tensorflow/tensorflow:2.18.0-gpu", "3.11", gpu=True),
    "tensorflow-2.19": Base("tensorflow/tensorflow:2.19.0"),
    "tensorflow-2.19-gpu": Base("tensorflow/tensorflow:2.19.0-gpu", gpu=True),
    "pytorch-2.5-gpu": Base("pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime", "3.11", gpu=True),
    "pytorch-2.6-gpu": Base("pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime", "3.11", gpu=True),
    "pytorch-2.8-gpu": Base("pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime", "3.11", gpu=True),
    "pytorch-2.9-gpu": Base("pytorch/pytorch:2.9.0-cuda12.8-cudnn9-runtime", gpu=True),
}
for _version in ("2.5", "2.6", "2.8", "2.9"):  # these images run without a GPU as well
    _gpu = BASES[f"pytorch-{_version}-gpu"]
    BASES[f"pytorch-{_version}"] = Base(_gpu.image, _gpu.python)
