"""Every name names something: needs, datasets, secrets, identities, stores, and the holes in text."""

from __future__ import annotations

from compiler import codes
from compiler.diagnostics import listed
from compiler.ir import (
    Artifact,
    BuildImage,
    Deploy,
    Environment,
    Job,
    Need,
    Node,
    Project,
    Publish,
    Ref,
    deployed_images,
    holes,
)
from compiler.matrix import axes
from compiler.passes.context import Context, labels, over_pool
from compiler.passes.environments import builders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from compiler.diagnostics import Code, Place
    from compiler.ir import SecretUse
    from compiler.source import Origin

# By what a store is: how its URL begins, how many names must follow, and its whole form. Jobs' own commands take no other.
_URLS = {
    "s3": ("s3://", 1, "s3://BUCKET/FOLDER"),
    "gcs": ("gs://", 1, "gs://BUCKET/FOLDER"),
    "azure": ("az://", 2, "az://ACCOUNT/CONTAINER/FOLDER"),
}
# Which kinds of stores each key of theirs means something to.
_READ_BY = {
    "url": ("s3", "gcs", "azure", "pvc", "dvc"),
    "identity": ("s3", "gcs", "azure", "pvc", "dvc"),
    "mount": ("pvc",),
}
GIT_FIELDS = ("commit", "short", "branch", "tag", "ref", "default_branch", "repository", "event")
RUN_FIELDS = ("id", "attempt", "url")
PROJECT_FIELDS = ("name", "version")
# What of a job's origin may hold text with holes
HOLED = (
    "run",
    "entry",
    "env",
    "build",
    "deploy",
    "call",
    "tool",
    "environment",
    "outputs",
    "inputs",
    "sidecars",
    "secrets",
)


def check_references(project: Project, context: Context) -> Project:
    names = _Names(project)
    project = over_pool(project, lambda jobs, pool: _checked(jobs, pool, names, context))
    for environment in project.environments:
        _check_environment(environment, names, context)
    for service in project.services:
        _check_uses(service.secrets, service.origin, names, context)
        if isinstance(service.environment, Environment):
            _check_environment(service.environment, names, context)
    _check_datasets(project, names, context)
    _check_stores(project, names, context)
    _check_texts(project, names, context)
    return project


class _Names:
    """What a project's names stand for."""

    def __init__(self, project: Project) -> None:
        self.jobs = {job.name for job in project.jobs}  # the pool
        self.datasets = {dataset.name for dataset in project.datasets}
        self.secrets = {secret.name for secret in project.secrets}
        self.stores = {store.name for store in project.stores} | {"ci"}
        self.identities = {identity.name: identity for identity in project.identities}
        self.environments: set[str] = {
            environment.name
            for environment in project.environments
            if environment.build is not None and environment.name
        }
        for jobs in (project.jobs, *(pipeline.jobs for pipeline in project.pipelines)):
            self.environments |= builders(jobs).keys()  # those that jobs and services have in place, too
        self.parameters = {parameter.name: parameter for parameter in project.parameters}
        for pipeline in project.pipelines:
            self.parameters |= {parameter.name: parameter for parameter in pipeline.parameters}


def _checked(jobs: tuple[Job, ...], pool: tuple[Job, ...], names: _Names, context: Context) -> tuple[Job, ...]:
    by_name = {job.name: job for job in (*pool, *jobs)}
    return tuple(_checked_job(job, by_name, names, context) for job in jobs)


def _checked_job(job: Job, by_name: Mapping[str, Job], names: _Names, context: Context) -> Job:
    changes: dict[str, object] = {}
    needed = {need.job for need in job.needs}
    if len(needed) < len(job.needs) or not needed <= by_name.keys():
        changes["needs"] = _known_needs(job, by_name, context)
    for dataset in job.datasets:
        if dataset not in names.datasets:
            what = "a dataset of this manifest"
            context.unknown(codes.UNKNOWN_DATASET, what, dataset, names.datasets, job.origin, "datasets")
    if isinstance(job.identity, str):
        changes["identity"] = names.identities.get(job.identity)
        _check_identity(job.identity, job.origin, names, context)
    for output in job.outputs:
        _check_store(
            output.store if isinstance(output, Artifact) else None, output.origin or job.origin, names, context
        )
    if job.cache is not None:
        _check_store(job.cache.store, job.cache.origin or job.origin, names, context)
    if job.resume is not None:
        _check_store(job.resume.store, job.resume.origin or job.origin, names, context)
    _check_uses(job.secrets, job.origin, names, context)
    if isinstance(job.action, BuildImage):
        _check_uses(job.action.build.secrets, job.origin, names, context)
        _check_publish(job.action.publish, names, context)
    if isinstance(job.action, Deploy):
        _check_deployed(job.action, job, names, context)
    if isinstance(job.environment, Environment):
        _check_environment(job.environment, names, context)
    _check_holes(job, names, context)
    return job.replace(**changes) if changes else job


def _known_needs(job: Job, by_name: Mapping[str, Job], context: Context) -> tuple[Need, ...]:
    """A job's needs without those that are not there, each job once."""
    kept: dict[str, Need] = {}
    for need in job.needs:
        at = need.origin or job.origin
        if need.job in kept:
            first = labels((kept[need.job].origin, "first here"))
            message = f'"{job.name}" needs "{need.job}" twice'
            context.sink.report(codes.DUPLICATE_NAME, message, at, labels=first, help="say all of it in one need")
        elif need.job in by_name:
            kept[need.job] = need
        else:
            context.unknown(codes.UNKNOWN_JOB, "a job of this manifest", need.job, by_name, at)
    return tuple(kept.values())


def _check_deployed(deploy: Deploy, job: Job, names: _Names, context: Context) -> None:
    for image in deployed_images(deploy):
        if image not in names.environments:
            at, what = deploy.origin or job.origin, "an environment with a build"
            field = "image" if image == deploy.image else "replaces"
            context.unknown(codes.UNKNOWN_ENVIRONMENT, what, image, names.environments, at, field)


def _check_store(
    store: str | None, at: Origin | None, names: _Names, context: Context, field: str | None = "store"
) -> None:
    if store is not None and store not in names.stores:
        context.unknown(codes.UNKNOWN_STORE, "a store of this manifest", store, names.stores, at, field)


def _check_identity(identity: str | None, at: Origin | None, names: _Names, context: Context) -> None:
    if identity is not None and identity not in names.identities:
        what = "an identity of this manifest"
        context.unknown(codes.UNKNOWN_IDENTITY, what, identity, names.identities, at, "identity")


def _check_publish(publish: Publish | None, names: _Names, context: Context) -> None:
    if publish is None or publish.identity is None:
        return
    _check_identity(publish.identity, publish.origin, names, context)


def _check_uses(uses: Iterable[SecretUse], at: Origin | None, names: _Names, context: Context) -> None:
    for use in uses:
        if use.secret not in names.secrets:
            what = "a secret of this manifest"
            context.unknown(codes.UNKNOWN_SECRET, what, use.secret, names.secrets, use.origin or at)


def _check_environment(environment: Environment, names: _Names, context: Context) -> None:
    at = environment.origin
    if environment.credentials is not None and environment.credentials not in names.secrets:
        what = "a secret of this manifest"
        context.unknown(codes.UNKNOWN_SECRET, what, environment.credentials, names.secrets, at, "credentials")
    if environment.build is not None:
        _check_uses(environment.build.secrets, at, names, context)
    if environment.publish is not None:
        _check_publish(environment.publish, names, context)


def _check_holes(job: Job, names: _Names, context: Context) -> None:
    for ref in holes(job):
        _check_hole(ref, job, names, context)
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


def _place(ref: Ref, job: Job) -> Place:
    """The first such hole of a job; the job, where none is written there, as with what a template's `run` brings."""
    if ref.origin is not None:
        return ref.origin
    from compiler.source import Span
    from compiler.text import places

    variables = [variable.origin for variable in job.env if ref in variable.value]  # defaults' and templates', too
    for origin in (*variables, job.origin):
        for span in () if origin is None else dict.fromkeys((origin.span(), *map(origin.span, HOLED))):
            for start, end in places(ref, span.text):
                return Span(span.source, span.start + start, span.start + end)
    return job.origin


def _check_hole(ref: Ref, job: Job, names: _Names, context: Context) -> None:
    wrong = _unknown(ref, job, names)
    if wrong is not None:
        code, what, known = wrong
        context.unknown(code, what, ref.name, known, _place(ref, job))
    elif ref.kind == "matrix" and job.matrix is not None and not job.matrix.axes:
        _check_included(ref, job, context)


def _unknown(ref: Ref, job: Job, names: _Names) -> tuple[Code, str, Iterable[str]] | None:
    """What a hole names and is not there: the code, what it should be, and what there is."""
    if ref.kind == "parameters":
        if ref.name not in names.parameters:
            return codes.UNKNOWN_PARAMETER, "a parameter of this manifest", names.parameters
    elif ref.kind == "matrix":
        if ref.name not in axes(job.matrix):
            return codes.UNKNOWN_AXIS, f'an axis of "{job.name}"', axes(job.matrix)
    elif ref.kind == "sidecars":
        known = [sidecar.name for sidecar in job.sidecars]
        if ref.name not in known:
            return codes.UNKNOWN_SIDECAR, f'a sidecar of "{job.name}"', known
    elif ref.kind == "images":
        if ref.name not in names.environments:
            return codes.UNKNOWN_ENVIRONMENT, "an environment with a build", names.environments
    else:
        fields = {"git": GIT_FIELDS, "run": RUN_FIELDS, "project": PROJECT_FIELDS}.get(ref.kind)
        if fields is not None and ref.name not in fields:
            return codes.BAD_HOLE, f'something that "{ref.kind}" has', fields
    return None


def _check_included(ref: Ref, job: Job, context: Context) -> None:
    """Legs that are all included may differ in their axes: a hole for one that a leg lacks would be empty there."""
    assert job.matrix is not None
    lacking = next((leg for leg in job.matrix.include if ref.name not in dict(leg)), None)
    if lacking is not None:
        shown = ", ".join(f"{name}: {value}" for name, value in lacking)
        message = f'a leg of "{job.name}" has no "{ref.name}", and a hole for it would be empty there'
        advice = f'give "{ref.name}" to the leg {{{shown}}}'
        context.sink.report(codes.UNKNOWN_AXIS, message, _place(ref, job), help=advice)


def _check_datasets(project: Project, names: _Names, context: Context) -> None:
    jobs = names.jobs | {job.name for pipeline in project.pipelines for job in pipeline.jobs}
    for dataset in project.datasets:
        if dataset.produced_by is not None and dataset.produced_by not in jobs:
            what = "a job of this manifest"
            context.unknown(codes.UNKNOWN_JOB, what, dataset.produced_by, jobs, dataset.origin, "produced_by")
        _check_store(dataset.store, dataset.origin, names, context)


def _check_stores(project: Project, names: _Names, context: Context) -> None:
    for store in project.stores:
        _check_identity(store.identity, store.origin, names, context)
        for key, kinds in _READ_BY.items():
            if getattr(store, key) is not None and store.kind not in kinds:
                message = f"`{key}` means nothing to a store of kind {store.kind}"
                advice = f"it is for {listed(kinds)}"
                context.sink.report(codes.KEYS_EXCLUDE, message, store.origin, field=key, help=advice)
        scheme, names_in_it, form = _URLS.get(store.kind, ("", 0, ""))
        if scheme and store.url is not None and not _is_at(store.url, scheme, names_in_it):
            message = f'"{store.url}" is not where a store of kind {store.kind} is: that is {form}'
            context.sink.report(codes.WRONG_VALUE, message, store.origin, field="url")
    for settings in project.settings:
        _check_store(settings.store, settings.origin, names, context)


def _is_at(url: str, scheme: str, parts: int) -> bool:
    """Whether a URL has the scheme and the names that must stand in it; the folder may be left out."""
    names = url.removeprefix(scheme).split("/")
    return url.startswith(scheme) and len(names) >= parts and all(names[:parts])


def _check_texts(project: Project, names: _Names, context: Context) -> None:
    """Holes outside of jobs, where there is no matrix and no sidecar."""
    texts: list[tuple[str, Node]] = [("env", variable) for variable in project.env]
    for pipeline in project.pipelines:
        texts.extend(("env", variable) for variable in pipeline.env)
        if pipeline.concurrency is not None:
            texts.append(("concurrency", pipeline.concurrency))
    for where, text in texts:
        for ref in holes(text):
            _check_hole(ref, Job(name=where, origin=text.origin), names, context)
