"""Boxes provisioned, and the module's own documents applied or committed, as the documents of its GitOps say.

A Flux GitRepository or an Argo CD Application in the module says that a cluster pulls a branch: then the documents, with the
images that were built in them, are committed to that branch. Without one they are applied.
"""

from __future__ import annotations

from compiler.frontends.unip import shell
from compiler.frontends.unip.fields import Place
from compiler.frontends.unip.module import Module
from compiler.ir import Compare, Deploy, EnvVar, Job, Need, Not, Script
from compiler.yamltree import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.unip.project import Making

DEFAULT_CAPACITY = 10**9  # bytes: 1 GB, as the platform gives a box that says nothing
DEFAULT_BRANCH = "main"
NOT_A_CHANGE_REQUEST = Not(term=Compare(subject="event", operator="==", values=("change_request",)))
_NANO = 10**9


def deliveries(making: Making, smoked: list[str]) -> tuple[list[Job], tuple[str, ...]]:
    """The jobs that provision and deploy, and their names."""
    provisions = [_provision(name, making) for name in making.module.boxes]
    jobs = [*provisions, _deploy(making, [*smoked, *(job.name for job in provisions)])]
    return jobs, tuple(job.name for job in jobs)


def _provision(name: str, making: Making) -> Job:
    """Its bucket is made where it is missing, and what it holds must fit its capacity."""
    box = making.module.boxes[name]
    storage = box.spec.get("s3DefaultStorage")
    capacity = storage.get("capacity") if storage is not None else None
    held = DEFAULT_CAPACITY if capacity is None else capacity // _NANO
    env = (EnvVar(name="UNIP_BOX", value=(name,)), EnvVar(name="UNIP_CAPACITY", value=(str(held),)))
    return Job(
        name=f"provision-{name.replace('.', '-')}",
        action=Script(lines=(shell.PROVISION,)),
        env=(*env, *making.place()),
        secrets=making.store_secrets(),
        condition=NOT_A_CHANGE_REQUEST,
        origin=Place(box.metadata.at("name")),
    )


def _deploy(making: Making, needs: list[str]) -> Job:
    """All documents in the order in which the platform wants them: what else there is, boxes, components, APIs."""
    module = making.module
    files = sorted(module.ranks, key=lambda path: (module.ranks[path], path))
    branch = _branch(module)
    replaces = tuple((image.name, written) for image in making.images.values() for written in image.written)
    first = next((one for kind in module.by_kind.values() for one in kind.values()), None)
    at = Place(first.metadata.at("namespace")) if first is not None else None
    action = Deploy(
        platform="apply" if branch is None else "gitops",
        documents=tuple(files),
        replaces=replaces,
        branch=branch,
        origin=at,
    )
    return Job(
        name="deploy",
        action=action,
        needs=tuple(Need(job=name, artifacts=False) for name in needs),
        condition=NOT_A_CHANGE_REQUEST,
        origin=at,
    )


def _branch(module: Module) -> str | None:
    """The branch that a cluster pulls: https://fluxcd.io/flux/components/source/gitrepositories/#reference,
    https://argo-cd.readthedocs.io/en/stable/user-guide/tracking_strategies/"""
    for version, kind, slot in module.others:
        group = version.split("/")[0]
        if group == "source.toolkit.fluxcd.io" and kind == "GitRepository":
            return _text(slot.value, "spec", "ref", "branch") or DEFAULT_BRANCH
        if group == "argoproj.io" and kind == "Application":
            found = _text(slot.value, "spec", "source", "targetRevision") or DEFAULT_BRANCH
            return DEFAULT_BRANCH if found == "HEAD" else found
    return None


def _text(value: object, *keys: str) -> str | None:
    for key in keys:
        value = value.entries.get(key) if isinstance(value, Mapping) else None
    return str(value) if isinstance(value, str) else None
