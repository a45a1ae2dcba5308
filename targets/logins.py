"""Signing in to an image registry by a cloud's identity, without a key: what targets/runtime/login.py is asked.

GitLab and GitHub sign a token for the job, which a cloud changes for a login; a pod has what its cluster gives to its
service account.
"""

from __future__ import annotations

from compiler import codes as core
from compiler.ir import BuildImage, Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.diagnostics import Sink
    from compiler.ir import Job

_OPTIONS = {
    "aws": (("role", "role"),),
    "gcp": (("provider", "provider"), ("service_account", "account")),
    "azure": (("client", "client"), ("tenant", "tenant")),
}


def identity(job: Job, identities: Iterable[Identity]) -> Identity | None:
    """The identity by which a build signs in to the registry that it pushes to."""
    action = job.action
    if not isinstance(action, BuildImage) or action.publish is None or action.publish.identity is None:
        return None
    return next((one for one in identities if one.name == action.publish.identity), None)


def host(registry: str) -> str:
    """The host of a registry that may be written with a scheme and a path."""
    return registry.removeprefix("https://").partition("/")[0]


def audience(by: Identity) -> str:
    """Whom the job's token is for, unless the manifest says it: what each cloud's guide says for CI systems."""
    settings = dict(by.settings)
    usual = "sts.amazonaws.com"
    if by.provider == "gcp":
        usual = f"https://iam.googleapis.com/{settings.get('provider', '').removeprefix('//iam.googleapis.com/')}"
    elif by.provider == "azure":
        from targets.runtime.login import AZURE_AUDIENCE

        usual = AZURE_AUDIENCE
    return settings.get("audience", usual)


def arguments(by: Identity, registry: str, *, in_pod: bool = False) -> list[str]:
    """What the script is asked. A pod's cluster tells it who it is."""
    settings = dict(by.settings)
    found = [by.provider, f"--registry={host(registry)}"]
    if not in_pod:
        given = ((option, settings.get(key)) for key, option in _OPTIONS.get(by.provider, ()))
        found += [f"--{option}={value}" for option, value in given if value]
    return found


def check(job: Job, by: Identity, registry: str | None, target: str, sink: Sink) -> bool:
    """Whether the identity signs in to the registry; reported where it does not. None is the target's own registry."""
    action = job.action
    assert isinstance(action, BuildImage)
    assert action.publish is not None
    why, advice = _fault(job, by, registry)
    if why is None:
        return True
    message = f'{target}: "{by.name}" can\'t sign "{job.name}" in to its registry: {why}'
    sink.report(core.REGISTRY_IDENTITY, message, action.publish.origin or job.origin, field="identity", help=advice)
    return False


def _fault(job: Job, by: Identity, registry: str | None) -> tuple[str | None, str | None]:
    if isinstance(job.identity, Identity) and job.identity.name != by.name:
        return (
            f'the job takes on "{job.identity.name}"',
            "leave `identity` out at the job: a build uses that of `publish`",
        )
    if registry is None:
        return "the image goes to the CI's own registry, which the CI signs in to itself", (
            "leave `identity` out of `publish`, or say the cloud's `registry` there"
        )
    if by.provider not in _OPTIONS:
        return "a Kubernetes service account is no login of a registry", "name an identity of aws, gcp or azure"
    if by.provider != "aws":
        return None, None
    from targets.runtime.login import ECR, PUBLIC_ECR

    named = host(registry)
    if named != PUBLIC_ECR and not ECR.fullmatch(named):
        return f'"{named}" is no registry of AWS', f"ACCOUNT.dkr.ecr.REGION.amazonaws.com and {PUBLIC_ECR} are"
    return None, None
