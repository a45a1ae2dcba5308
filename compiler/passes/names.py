"""Names that other systems take as they are: an image's reference, and a deployment environment's name.

What is no such name would be an option to a container engine, a variable that a CI expands, or an error hours later.
"""

from __future__ import annotations

from functools import lru_cache

from compiler import codes
from compiler.diagnostics import clipped
from compiler.ir import Deploy, Environment, Job, Project
from compiler.passes.context import Context, each_job, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text
    from compiler.source import Origin

LONGEST = 255


@lru_cache(maxsize=4096)  # most jobs run in one of a few
def is_image(text: str) -> bool:
    """Whether text is a reference (https://pkg.go.dev/github.com/distribution/reference), capitals taken as well."""
    return _holds_only(text, "._-/:@+") and text[0].isalnum() and text[-1] not in "/:@" and "//" not in text


def is_deployment(text: str) -> bool:
    """Whether text is a name that no system expands: https://docs.gitlab.com/ci/yaml/#environmentname"""
    return _holds_only(text, " ._-/") and len(text) <= LONGEST and text[0] not in " /" and text[-1] not in " /"


def _holds_only(text: str, signs: str) -> bool:
    """Letters and digits of ASCII, and these signs."""
    for sign in signs:
        text = text.replace(sign, "")
    return text.isascii() and text.isalnum()


def check_names(project: Project, context: Context) -> Project:
    for environment in project.environments:
        _check_image(environment.image, environment.origin, context)

    each_job(project, lambda job: _check_job(job, context))
    return project


def _check_job(job: Job, context: Context) -> None:
    if isinstance(job.environment, Environment):
        _check_image(job.environment.image, job.environment.origin or job.origin, context)
    for sidecar in job.sidecars:
        _check_image(sidecar.image, sidecar.origin or job.origin, context)
    if job.approval is not None:
        _check_deployment(job.approval.to, job.approval.origin or job.origin, "for", context)
    if isinstance(job.action, Deploy):
        _check_deployment(job.action.to, job.action.origin or job.origin, "to", context)


def _check_image(image: Text | None, at: Origin | None, context: Context) -> None:
    if not image:
        return
    alone = image[0] if len(image) == 1 else None
    if is_image(alone if isinstance(alone, str) else "".join(one if isinstance(one, str) else "x" for one in image)):
        return
    advice = "write it as REGISTRY/NAME:TAG"
    if any(isinstance(piece, str) and "$" in piece for piece in image):
        advice += (
            "; a CI's own variables have no place here, holes such as {{ git.commit }} and {{ parameters.NAME }} do"
        )
    message = f'"{clipped(named(image))}" is no image'
    context.sink.report(codes.WRONG_VALUE, message, at, field="image", help=advice)


def _check_deployment(name: str | None, at: Origin | None, field: str, context: Context) -> None:
    if name is None or is_deployment(name):
        return
    message = (
        f'"{clipped(name)}" is no name of a deployment environment: letters, digits, blanks, ".", "_", "-" and "/"'
    )
    context.sink.report(codes.BAD_NAME, message, at, field=field)
