"""Every name in a job names something: needs, datasets, secrets, identities, stores, and the holes in its text."""

from __future__ import annotations

from compiler import codes
from compiler.ir import Artifact, BuildImage, Identity, Job, Node, Project, Ref, walk
from compiler.matrix import axes
from compiler.passes.context import Context, over_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

GIT_FIELDS = ("commit", "short", "branch", "tag", "ref", "default_branch", "repository", "event")
RUN_FIELDS = ("id", "attempt", "url")
PROJECT_FIELDS = ("name", "version")


def check_references(project: Project, context: Context) -> Project:
    names = _Names(project)
    project = over_groups(project, lambda jobs: _checked(jobs, names, context))
    _check_secrets(project, names, context)
    _check_project(project, names, context)
    return project


class _Names:
    """What a project's names stand for."""

    def __init__(self, project: Project) -> None:
        self.datasets = {dataset.name for dataset in project.datasets}
        self.secrets = {secret.name for secret in project.secrets}
        self.stores = {store.name for store in project.stores} | {"ci"}
        self.identities = {identity.name: identity for identity in project.identities}
        self.environments = {environment.name for environment in project.environments if environment.build is not None}
        self.parameters = {parameter.name: parameter for parameter in project.parameters}
        for pipeline in project.pipelines:
            self.parameters |= {parameter.name: parameter for parameter in pipeline.parameters}


def _checked(jobs: tuple[Job, ...], names: _Names, context: Context) -> tuple[Job, ...]:
    by_name = {job.name: job for job in jobs}
    return tuple(_checked_job(job, by_name, names, context) for job in jobs)


def _checked_job(job: Job, by_name: Mapping[str, Job], names: _Names, context: Context) -> Job:
    changes: dict[str, object] = {}
    if any(need.job not in by_name for need in job.needs):
        for need in job.needs:
            if need.job not in by_name:
                context.unknown(
                    codes.UNKNOWN_JOB, "a job of this manifest", need.job, by_name, need.origin or job.origin
                )
        changes["needs"] = tuple(need for need in job.needs if need.job in by_name)
    for dataset in job.datasets:
        if dataset not in names.datasets:
            what = "a dataset of this manifest"
            context.unknown(codes.UNKNOWN_DATASET, what, dataset, names.datasets, job.origin, "datasets")
    if isinstance(job.identity, str):
        identity: Identity | None = names.identities.get(job.identity)
        if identity is None:
            what = "an identity of this manifest"
            context.unknown(codes.UNKNOWN_IDENTITY, what, job.identity, names.identities, job.origin, "identity")
        changes["identity"] = identity
    for output in job.outputs:
        store = output.store if isinstance(output, Artifact) else None
        if store is not None and store not in names.stores:
            context.unknown(
                codes.UNKNOWN_STORE, "a store of this manifest", store, names.stores, output.origin or job.origin
            )
    if job.cache is not None and job.cache.store is not None and job.cache.store not in names.stores:
        context.unknown(
            codes.UNKNOWN_STORE, "a store of this manifest", job.cache.store, names.stores, job.cache.origin
        )
    _check_uses(job, names, context)
    _check_holes(job, names, context)
    return job.replace(**changes) if changes else job


def _check_uses(job: Job, names: _Names, context: Context) -> None:
    uses = list(job.secrets)
    if isinstance(job.action, BuildImage):
        uses.extend(job.action.build.secrets)
    for use in uses:
        if use.secret not in names.secrets:
            what = "a secret of this manifest"
            context.unknown(codes.UNKNOWN_SECRET, what, use.secret, names.secrets, use.origin or job.origin)


def _check_holes(job: Job, names: _Names, context: Context) -> None:
    for node in walk(job):
        if isinstance(node, Ref):
            _check_hole(node, job, names, context)
    for output in job.outputs:
        if isinstance(output, Artifact):
            _check_path(output, job, names, context)


def _check_path(output: Artifact, job: Job, names: _Names, context: Context) -> None:
    """Free text in a path could lead anywhere."""
    for piece in output.path:
        if not isinstance(piece, Ref) or piece.kind != "parameters":
            continue
        parameter = names.parameters.get(piece.name)
        if parameter is not None and parameter.type == "string":
            context.sink.report(
                codes.BAD_PATH,
                f'"{piece.name}" is free text, so that this path could lead out of the repository',
                output.origin or job.origin,
                help=f'make "{piece.name}" a choice or a number, or leave it out of the path',
            )


def _check_hole(ref: Ref, job: Job, names: _Names, context: Context) -> None:
    at = ref.origin or job.origin
    if ref.kind == "parameters" and ref.name not in names.parameters:
        context.unknown(codes.UNKNOWN_PARAMETER, "a parameter of this manifest", ref.name, names.parameters, at)
    elif ref.kind == "matrix" and ref.name not in axes(job.matrix):
        context.unknown(codes.UNKNOWN_AXIS, f'an axis of "{job.name}"', ref.name, axes(job.matrix), at)
    elif ref.kind == "sidecars":
        known = [sidecar.name for sidecar in job.sidecars]
        if ref.name not in known:
            context.unknown(codes.UNKNOWN_SIDECAR, f'a sidecar of "{job.name}"', ref.name, known, at)
    elif ref.kind == "images" and ref.name not in names.environments:
        known = sorted(name for name in names.environments if name)
        context.unknown(codes.UNKNOWN_ENVIRONMENT, "an environment with a build", ref.name, known, at)
    else:
        fields = {"git": GIT_FIELDS, "run": RUN_FIELDS, "project": PROJECT_FIELDS}.get(ref.kind)
        if fields is not None and ref.name not in fields:
            context.unknown(codes.BAD_HOLE, f'something that "{ref.kind}" has', ref.name, fields, at)


def _check_secrets(project: Project, names: _Names, context: Context) -> None:
    """Environments name secrets too."""
    for environment in project.environments:
        if environment.credentials is not None and environment.credentials not in names.secrets:
            at, what = environment.origin, "a secret of this manifest"
            context.unknown(codes.UNKNOWN_SECRET, what, environment.credentials, names.secrets, at, "credentials")


def _check_project(project: Project, names: _Names, context: Context) -> None:
    """Datasets and stores name things as well."""
    jobs = {job.name for job in project.jobs}
    for pipeline in project.pipelines:
        jobs |= {job.name for job in pipeline.jobs}
    for dataset in project.datasets:
        if dataset.produced_by is not None and dataset.produced_by not in jobs:
            what = "a job of this manifest"
            context.unknown(codes.UNKNOWN_JOB, what, dataset.produced_by, jobs, dataset.origin, "produced_by")
        if dataset.store is not None and dataset.store not in names.stores:
            what = "a store of this manifest"
            context.unknown(codes.UNKNOWN_STORE, what, dataset.store, names.stores, dataset.origin, "store")
    for store in project.stores:
        if store.identity is not None and store.identity not in names.identities:
            what = "an identity of this manifest"
            context.unknown(codes.UNKNOWN_IDENTITY, what, store.identity, names.identities, store.origin, "identity")
    known: list[Node] = [*project.env, *(variable for pipeline in project.pipelines for variable in pipeline.env)]
    for variable in known:
        for node in walk(variable):
            if isinstance(node, Ref):
                _check_hole(node, Job(name="env", origin=variable.origin), names, context)
