"""Boxes provisioned, and the module's own documents applied or committed, as the documents of its GitOps say.

A Flux GitRepository or an Argo CD Application in the module says that a cluster pulls a branch: then the documents, with the
images that were built in them, are committed to that branch. Without one they are applied.
"""

from __future__ import annotations

from posixpath import relpath

from compiler import reader
from compiler.diagnostics import WARNING, Label
from compiler.frontends.unip import codes, shell
from compiler.frontends.unip.fields import Place
from compiler.frontends.unip.making import VALIDATE, Making, Names, after_validation, variables
from compiler.frontends.unip.module import Module
from compiler.ir import NOTHING, Compare, Deploy, EnvVar, Job, Need, Not, Script
from compiler.yamltree import Mapping, Sequence, Slot, items

DEFAULT_CAPACITY = 10**9  # bytes: 1 GB, as the platform gives a box that says nothing
DEFAULT_BRANCH = "main"
FLUX_BRANCH = "master"  # where nothing is said
NOT_A_CHANGE_REQUEST = Not(term=Compare(subject="event", operator="==", values=("change_request",)))
_HEADS = "refs/heads/"
_NANO = 10**9


def validation(making: Making) -> Job:
    """The manifests that jobs deploy must be those whose rules were checked when the pipeline was compiled."""
    from hashlib import sha256

    module = making.module
    lines = []
    for path in documents(module):
        found = sha256(module.repository.read_bytes(path)).hexdigest()
        lines.append(f"{found}  {relpath(path, module.folder or '.')}\n")
    return Job(
        name=VALIDATE,
        action=Script(lines=(shell.VALIDATE,)),
        env=(EnvVar(name="UNIP_MANIFESTS", value=("".join(lines),)),),
        origin=_place(module),
    )


def documents(module: Module) -> list[str]:
    """The files to deploy, in the order in which the platform wants them: what else there is, boxes, components, APIs."""
    return sorted(module.ranks, key=lambda path: (module.ranks[path], path))


def _place(module: Module) -> Place | None:
    first = next((one for kind in module.by_kind.values() for one in kind.values()), None)
    return Place(first.metadata.at("namespace")) if first is not None else None


def deliveries(making: Making, smoked: tuple[str, ...]) -> tuple[list[Job], tuple[str, ...]]:
    """The jobs that provision and deploy, and their names."""
    names = Names()
    provisions = [
        _provision(name, names.take(f"provision-{name.replace('.', '-')}"), making) for name in making.module.boxes
    ]
    jobs = [*provisions, _deploy(making, (*smoked, *(job.name for job in provisions)))]
    return jobs, tuple(job.name for job in jobs)


def _provision(name: str, job: str, making: Making) -> Job:
    """Its bucket is made where it is missing, and what it holds must fit its capacity."""
    box = making.module.boxes[name]
    storage = box.spec.get("s3DefaultStorage")
    capacity = storage.get("capacity") if storage is not None else None
    held = DEFAULT_CAPACITY if capacity is None else capacity // _NANO
    env = variables(("UNIP_BOX", name), ("UNIP_CAPACITY", str(held)))
    return Job(
        name=job,
        extends=making.template("provision", shell.PROVISION),
        needs=after_validation(),
        env=env,
        condition=NOT_A_CHANGE_REQUEST,
        origin=Place(box.metadata.at("name")),
    )


def _deploy(making: Making, needs: tuple[str, ...]) -> Job:
    module = making.module
    source = pulled(module)
    replaces = tuple((image.name, written) for image in making.images.values() for written in image.written)
    at = _place(module)
    action = Deploy(
        platform="apply" if source is None else "gitops",
        documents=tuple(documents(module)),
        replaces=replaces or NOTHING,
        branch=source.branch if source is not None else None,
        repository=source.url if source is not None else None,
        origin=at,
    )
    return Job(
        name="deploy",
        action=action,
        needs=after_validation(*(Need(job=name, artifacts=False) for name in needs)),
        condition=NOT_A_CHANGE_REQUEST,
        origin=at,
    )


class Pulled:
    """What a cluster pulls: the repository, and the branch of it."""

    __slots__ = ("branch", "name", "slot", "url")

    def __init__(self, name: str, url: str | None, branch: str, slot: Slot) -> None:
        self.name = name
        self.url = url
        self.branch = branch
        self.slot = slot


def pulled(module: Module) -> Pulled | None:
    """The one source that the module's GitOps documents name; None where there is none, and documents are applied."""
    found: list[Pulled] = []
    for version, kind, slot in module.others:
        group = version.split("/")[0]
        if group == "source.toolkit.fluxcd.io" and kind == "GitRepository":
            found += _flux(slot, module)
        elif group == "argoproj.io" and kind == "Application":
            found += _argo(slot, module)
    named = _sources(module)
    chosen = [one for one in found if one.name in named] or found
    other = next((one for one in chosen[1:] if (one.url, one.branch) != (chosen[0].url, chosen[0].branch)), None)
    if other is not None:
        labels = (Label(_at(chosen[0].slot, "kind").span_here, "the other one is here"),)
        message = f'a cluster pulls "{chosen[0].name}" and "{other.name}": documents are committed to one place'
        advice = "keep one in the module, or name it in a Kustomization's `sourceRef`"
        module.sink.report(codes.GITOPS_SOURCE, message, _at(other.slot, "kind"), labels=labels, help=advice)
    return chosen[0] if chosen else None


def _sources(module: Module) -> set[str]:
    """The sources that Flux's Kustomizations of the module take: https://fluxcd.io/flux/components/kustomize/kustomizations/"""
    named = (
        _text(slot.value, "spec", "sourceRef", "name")
        for version, kind, slot in module.others
        if version.split("/")[0] == "kustomize.toolkit.fluxcd.io" and kind == "Kustomization"
    )
    return {name for name in named if name is not None}


def _flux(slot: Slot, module: Module) -> list[Pulled]:
    """https://fluxcd.io/flux/components/source/gitrepositories/#reference: commit, name, semver and tag go before branch."""
    name = _text(slot.value, "metadata", "name") or ""
    branch = _text(slot.value, "spec", "ref", "branch")
    reference = _text(slot.value, "spec", "ref", "name") or ""
    for key in ("commit", "name", "semver", "tag"):
        value = _text(slot.value, "spec", "ref", key)
        at = _at(slot, "spec", "ref", key)
        if value is not None and not (key == "name" and value.startswith(_HEADS)):
            message = f'the cluster pulls the {key} "{value}" of "{name}": no commit to a branch reaches it'
            module.sink.report(codes.GITOPS_SOURCE, message, at, help="let `spec.ref.branch` name a branch")
            return []
    branch = reference.removeprefix(_HEADS) or branch or FLUX_BRANCH
    return [Pulled(name, _url(_text(slot.value, "spec", "url"), _at(slot, "spec", "url"), module), branch, slot)]


def _argo(slot: Slot, module: Module) -> list[Pulled]:
    """https://argo-cd.readthedocs.io/en/stable/user-guide/tracking_strategies/"""
    name = _text(slot.value, "metadata", "name") or ""
    spec = slot.value.entries.get("spec") if isinstance(slot.value, Mapping) else None
    listed = spec.entries.get("sources") if isinstance(spec, Mapping) else None
    sources: list[object] = [spec.entries.get("source")] if isinstance(spec, Mapping) else []
    if isinstance(listed, Sequence):
        sources = [item.value for item in items(listed)]
    for source in sources:
        if not isinstance(source, Mapping) or _text(source, "chart") is not None:
            continue  # a Helm repository holds no documents of a module
        branch = _text(source, "targetRevision") or "HEAD"
        if branch == "HEAD":
            branch = DEFAULT_BRANCH
            message = f'"{name}" follows the default branch of its repository: that is taken to be "{branch}"'
            advice = "name it as `targetRevision`"
            module.sink.report(codes.GITOPS_SOURCE, message, _at(slot, "kind"), severity=WARNING, help=advice)
        return [Pulled(name, _url(_text(source, "repoURL"), slot, module), branch.removeprefix(_HEADS), slot)]
    return []


def _url(url: str | None, slot: Slot, module: Module) -> str | None:
    """Where a job pushes to: by https, since what it has is a token."""
    if url is None:
        return None
    scheme, there, rest = url.partition("://")
    if not there and "@" in url and ":" in url:  # git@HOST:PATH
        host, _, path = url.rpartition("@")[2].partition(":")
        return f"https://{host}/{path.lstrip('/')}"
    login, at, place = rest.partition("@")
    host, _, path = (place if at else rest).partition("/")
    if scheme == "ssh":
        return f"https://{host.partition(':')[0]}/{path}"
    if scheme not in ("http", "https") or not host or not path:
        message = f"{reader.shown(url)} is no address of a git repository"
        module.sink.report(codes.GITOPS_SOURCE, message, slot, help="https://HOST/PATH.git, or ssh://git@HOST/PATH.git")
        return None
    if at and login:
        message = "the address of the repository that a cluster pulls holds a login"
        module.sink.report(
            codes.SECRET, message, slot, help="name a secret in `secretRef`, and take it out of the address"
        )
    return url


def _at(slot: Slot, *keys: str) -> Slot:
    """A place in a document; the nearest one above it that is there."""
    for key in keys:
        if not isinstance(slot.value, Mapping) or key not in slot.value.entries:
            break
        slot = Slot(slot.value, key, slot.value.entries[key], slot.document)
    return slot


def _text(value: object, *keys: str) -> str | None:
    for key in keys:
        value = value.entries.get(key) if isinstance(value, Mapping) else None
    return str(value) if isinstance(value, str) else None
