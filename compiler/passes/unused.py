"""What is declared and nothing uses: left over, or misspelt where it was to be used.

Jobs, datasets and environments with a build are reported where they are lowered. Parameters are always of use: they
become inputs of a run.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import BuildImage, Environment, Job, Project, Store
from compiler.passes.context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from compiler.ir import Identity, Publish, Secret

    Declared: TypeAlias = "Job | Environment | Secret | Identity | Store"
    Use: TypeAlias = "tuple[str, str | None]"  # a kind of thing, and the name by which it is used

# Stores that jobs need not name: git brings what they hold with the commit, or the CI has it.
BY_THEMSELVES = ("ci", "lfs", "dvc")


def check_unused(project: Project, context: Context) -> Project:
    used = set(_of_project(project))
    jobs: Iterable[Job] = (*project.templates, *([project.defaults] if project.defaults is not None else []))
    for group in (jobs, project.jobs, *(pipeline.jobs for pipeline in project.pipelines)):
        for job in group:
            used.update(_of_job(job))
    declared = list(_declared(project))
    known = {("store", "ci"), *((kind, node.name) for kind, node, _ in declared)}
    misspelt = {kind for kind, name in used if name is not None and (kind, name) not in known}
    for kind, node, what in declared:
        if (kind, node.name) not in used and kind not in misspelt and not _is_of_use(node):
            context.sink.report(codes.UNUSED, f'no {what} the {kind} "{node.name}"', node.origin)
    return project


def _declared(project: Project) -> Iterator[tuple[str, Declared, str]]:
    """Kind, what is declared, and who would use it."""
    yield from (("template", template, "job extends") for template in project.templates)
    yield from (("environment", environment, "job runs in") for environment in project.environments)
    yield from (("secret", secret, "job has") for secret in project.secrets)
    yield from (("identity", identity, "job or store uses") for identity in project.identities)
    yield from (("store", store, "job or dataset uses") for store in project.stores)


def _is_of_use(node: Declared) -> bool:
    """Whether a thing is of use without being named, or is looked at where it is lowered."""
    if isinstance(node, Environment):
        return node.build is not None
    return isinstance(node, Store) and node.kind in BY_THEMSELVES


def _of_project(project: Project) -> Iterator[Use]:
    for environment in project.environments:
        yield from _of_environment(environment)
    for service in project.services:
        yield from (("secret", use.secret) for use in service.secrets)
        yield from _of_environment(service.environment)
    for dataset in project.datasets:
        yield "store", dataset.store
    for store in project.stores:
        yield "identity", store.identity
    for settings in project.settings:
        yield "store", settings.store
        yield from (("secret", value) for _, value in settings.options if isinstance(value, str))


def _of_job(job: Job) -> Iterator[Use]:
    yield "template", job.extends
    yield from _of_environment(job.environment)
    yield from (("secret", use.secret) for use in job.secrets)
    if isinstance(job.identity, str):
        yield "identity", job.identity
    for kept in (*job.outputs, job.cache, job.resume):
        if kept is not None:
            yield "store", getattr(kept, "store", None)
    if isinstance(job.action, BuildImage):
        yield from (("secret", use.secret) for use in job.action.build.secrets)
        yield from _of_publish(job.action.publish)


def _of_environment(environment: Environment | str | None) -> Iterator[Use]:
    if not isinstance(environment, Environment):
        yield "environment", environment
        return
    yield "secret", environment.credentials
    if environment.build is not None:
        yield from (("secret", use.secret) for use in environment.build.secrets)
    yield from _of_publish(environment.publish)


def _of_publish(publish: Publish | None) -> Iterator[Use]:
    if publish is not None:
        yield "identity", publish.identity
