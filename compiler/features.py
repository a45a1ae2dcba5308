"""What a pipeline asks of a target, feature by feature. Every target's SUPPORT table is total over Feature."""

from __future__ import annotations

from enum import Enum

from compiler import ir
from compiler.likeness import likenesses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from compiler.source import Origin


class Feature(Enum):
    """The value is what people call it, in diagnostics and in the README's matrix."""

    __hash__ = object.__hash__  # members are compared by identity; Enum's own hash is a call for each look-up

    PUSH = "push trigger"
    PUSH_PATHS = "path filters on push"
    CHANGE_REQUEST = "change request trigger"
    CHANGE_REQUEST_PATHS = "path filters on change requests"
    SCHEDULE = "schedule"
    SCHEDULE_TIMEZONE = "schedule in a time zone"
    SCHEDULE_PARAMETERS = "schedule with parameters"
    MANUAL = "run by hand"
    CALLABLE = "callable pipeline"
    AFTER_PIPELINE = "run after another pipeline"
    SEVERAL_PIPELINES = "several pipelines in one repository"
    CONCURRENCY = "concurrency group"
    PARAMETERS = "typed parameters"
    NEEDS = "job order by needs"
    NEED_WITHOUT_ARTIFACTS = "need without its outputs"
    OPTIONAL_NEED = "optional need"
    LEG_NEEDS = "needs between matrix legs"
    RUN_ON_FAILURE = "run on failure"
    RUN_ALWAYS = "run always"
    CONDITION = "condition on event, branch, tag and parameters"
    CHANGED = "condition on changed paths"
    IMAGE = "job image"
    IMAGE_CREDENTIALS = "private image"
    UV = "uv"
    PIP = "pip"
    POETRY = "poetry"
    PIPENV = "pipenv"
    CONDA = "conda"
    MLFLOW = "mlflow project"
    APT = "system packages"
    SETUP = "set-up lines"
    PREBUILD = "environment built ahead"
    PLATFORM = "platform"
    CPU_MEMORY = "cpu and memory requests"
    LIMITS = "cpu and memory limits"
    STORAGE = "ephemeral storage"
    SHM = "shared memory"
    GPU = "GPU"
    SPOT = "spot machines"
    RUNNER = "choice of a runner by name"
    VOLUMES = "volumes"
    ENV = "environment variables"
    SECRETS = "secrets"
    SECRET_FILES = "secrets as files"
    VAULT = "secrets from Vault"
    KUBERNETES_SECRETS = "secrets from Kubernetes"
    IDENTITY = "cloud identity without keys"
    PERMISSIONS = "permissions of the CI's token"
    OUTPUTS = "outputs"
    KEEP = "retention of outputs"
    CHANGED_FILES = "changed files as output"
    METRICS = "metrics report"
    STORES = "stores for big data"
    CACHE = "cache by content"
    CACHE_MAX_AGE = "cache with an age limit"
    MATRIX = "matrix"
    MAX_PARALLEL = "matrix with a limit"
    RETRY = "retry"
    RETRY_RUNNER = "retry on runner failure only"
    RETRY_TIMEOUT = "retry on timeout only"
    RETRY_EXIT_CODES = "retry on exit codes"
    TIMEOUT = "timeout"
    RESUME = "resume from checkpoints"
    ALLOW_FAILURE = "allowed to fail"
    APPROVAL = "approval"
    LOCK = "lock across runs"
    LOCK_LIMIT = "lock with a limit above one"
    SIDECARS = "sidecars"
    OBJECTIVES = "objectives as gates"
    BUILD = "image build"
    PUBLISH = "image publish"
    REGISTRY_IDENTITY = "registry login by an identity"
    DEPLOY = "deploy to Kubernetes"
    GITOPS = "deploy by commit"
    CALL = "call of another pipeline"
    NODES = "job on several machines"
    SIGNING = "signature of an attestation"


_TRIGGERS = {
    ir.OnPush: Feature.PUSH,
    ir.OnChangeRequest: Feature.CHANGE_REQUEST,
    ir.OnSchedule: Feature.SCHEDULE,
    ir.OnManual: Feature.MANUAL,
    ir.OnCall: Feature.CALLABLE,
    ir.OnPipeline: Feature.AFTER_PIPELINE,
}
_ALL = (None, "all")  # what a need that says nothing of legs waits for
_INSTALLERS = {
    "uv": Feature.UV,
    "pip": Feature.PIP,
    "poetry": Feature.POETRY,
    "pipenv": Feature.PIPENV,
    "conda": Feature.CONDA,
    "mlflow": Feature.MLFLOW,
}


def features_used(pipeline: ir.Pipeline, project: ir.Project) -> dict[Feature, list[Origin | None]]:
    """What a lowered pipeline asks for: each feature with the origins that ask, in order."""
    used: dict[Feature, list[Origin | None]] = {}
    for feature, origin in _of_pipeline(pipeline):
        used.setdefault(feature, []).append(origin)
    secrets: dict[str, str | None] = {secret.name: secret.store for secret in project.secrets}
    known: dict[Hashable, list[list[Origin | None]]] = {}  # by what jobs have in common, whom to tell of such a job
    for job, alike in zip(pipeline.jobs, likenesses(pipeline.jobs), strict=True):
        kind = _kind(job, alike) if alike is not None else None
        asked = known.get(kind) if kind is not None else None
        if asked is None:
            asked = [used.setdefault(feature, []) for feature in _of_job(job, secrets)]
            if kind is not None:
                known[kind] = asked
        for origins in asked:
            origins.append(job.origin)
    return used


def _kind(job: ir.Job, alike: int) -> Hashable | None:
    """What the features of a job are worked out from, where that is no more than what jobs that are alike share."""
    for need in job.needs:
        if need.artifacts is False or need.optional or need.legs not in _ALL:
            return None
    return (alike, bool(job.needs), bool(job.env))


def _of_pipeline(pipeline: ir.Pipeline) -> Iterator[tuple[Feature, Origin | None]]:
    for trigger in pipeline.triggers:
        origin = trigger.origin or pipeline.origin
        yield _TRIGGERS[type(trigger)], origin
        if isinstance(trigger, ir.OnPush) and trigger.paths:
            yield Feature.PUSH_PATHS, origin
        if isinstance(trigger, ir.OnChangeRequest) and trigger.paths:
            yield Feature.CHANGE_REQUEST_PATHS, origin
        if isinstance(trigger, ir.OnSchedule) and trigger.timezone:
            yield Feature.SCHEDULE_TIMEZONE, origin
        if isinstance(trigger, ir.OnSchedule) and trigger.parameters:
            yield Feature.SCHEDULE_PARAMETERS, origin
    if pipeline.concurrency is not None:
        yield Feature.CONCURRENCY, pipeline.origin
    for parameter in pipeline.parameters:
        yield Feature.PARAMETERS, parameter.origin
    for variable in pipeline.env:
        yield Feature.ENV, variable.origin


def _of_job(job: ir.Job, stores: dict[str, str | None]) -> Iterator[Feature]:
    """Each feature once, in Feature's order of sections."""
    yield from _of_order(job)
    if job.environment is not None and not isinstance(job.environment, str):
        yield from _of_environment(job.environment)
    if job.platform is not None:
        yield Feature.PLATFORM
    if job.resources is not None:
        yield from _of_resources(job.resources)
    yield from _of_access(job, stores)
    yield from _of_data(job)
    yield from _of_attempts(job)
    yield from _of_action(job.action)


def _of_order(job: ir.Job) -> Iterator[Feature]:
    if job.needs:
        yield Feature.NEEDS
        told = [need for need in job.needs if need.artifacts is False or need.optional or need.legs not in _ALL]
        if told:
            yield from _of_needs(told)
    if job.run_on == "failure":
        yield Feature.RUN_ON_FAILURE
    if job.run_on == "always":
        yield Feature.RUN_ALWAYS
    if job.condition is not None:
        changed = any(isinstance(node, ir.Changed) for node in ir.walk(job.condition))
        yield Feature.CHANGED if changed else Feature.CONDITION
    if job.matrix is not None:
        yield Feature.MATRIX
        if job.matrix.max_parallel is not None:
            yield Feature.MAX_PARALLEL


def _of_needs(needs: list[ir.Need]) -> Iterator[Feature]:
    if any(need.artifacts is False for need in needs):
        yield Feature.NEED_WITHOUT_ARTIFACTS
    if any(need.optional for need in needs):
        yield Feature.OPTIONAL_NEED
    if any(need.legs not in _ALL for need in needs):
        yield Feature.LEG_NEEDS


def _of_environment(environment: ir.Environment) -> Iterator[Feature]:
    if environment.image is not None:
        yield Feature.IMAGE
    if environment.credentials is not None:
        yield Feature.IMAGE_CREDENTIALS
    if environment.installer is not None:
        yield _INSTALLERS[environment.installer]
    if environment.apt:
        yield Feature.APT
    if environment.setup:
        yield Feature.SETUP
    if environment.base is not None:
        yield Feature.PREBUILD


def _of_resources(resources: ir.Resources) -> Iterator[Feature]:
    amounts = [found for found in (resources.request, resources.limit) if found is not None]
    if any(found.cpu is not None or found.memory is not None for found in amounts):
        yield Feature.CPU_MEMORY
    if resources.limit is not None:
        yield Feature.LIMITS
    if any(found.storage is not None for found in amounts):
        yield Feature.STORAGE
    if resources.shm is not None:
        yield Feature.SHM
    if resources.accelerator is not None:
        yield Feature.GPU
    if resources.spot:
        yield Feature.SPOT
    if resources.runner is not None:
        yield Feature.RUNNER


def _of_access(job: ir.Job, stores: dict[str, str | None]) -> Iterator[Feature]:
    if job.volumes:
        yield Feature.VOLUMES
    if job.env:
        yield Feature.ENV
    if job.secrets:
        yield from _of_secrets(job.secrets, stores)
    if job.identity is not None:
        yield Feature.IDENTITY
    if job.permissions:
        yield Feature.PERMISSIONS


def _of_secrets(uses: tuple[ir.SecretUse, ...], stores: dict[str, str | None]) -> Iterator[Feature]:
    yield Feature.SECRETS
    if any(use.file is not None for use in uses):
        yield Feature.SECRET_FILES
    kinds = {stores.get(use.secret) for use in uses}
    if "vault" in kinds:
        yield Feature.VAULT
    if "kubernetes" in kinds:
        yield Feature.KUBERNETES_SECRETS


def _of_data(job: ir.Job) -> Iterator[Feature]:
    if job.outputs:
        yield from _of_outputs(job.outputs)
    if job.cache is not None and job.cache.enabled:
        yield Feature.CACHE
        if job.cache.max_age is not None:
            yield Feature.CACHE_MAX_AGE
        if job.cache.store is not None:
            yield Feature.STORES
    if any(given.store is not None for given in job.inputs):
        yield Feature.STORES


def _of_outputs(outputs: tuple[ir.Artifact | ir.ChangedFiles, ...]) -> Iterator[Feature]:
    artifacts = [output for output in outputs if isinstance(output, ir.Artifact)]
    if artifacts:
        yield Feature.OUTPUTS
    if any(output.keep is not None for output in outputs):
        yield Feature.KEEP
    if len(artifacts) < len(outputs):
        yield Feature.CHANGED_FILES
    if any(output.kind == "metrics" for output in artifacts):
        yield Feature.METRICS
    if any(output.store is not None for output in artifacts):
        yield Feature.STORES


def _of_attempts(job: ir.Job) -> Iterator[Feature]:
    if job.retry is not None and job.retry.max > 0:
        yield Feature.RETRY
        if job.retry.on == ("runner",):
            yield Feature.RETRY_RUNNER
        if job.retry.on == ("timeout",):
            yield Feature.RETRY_TIMEOUT
        if job.retry.exit_codes:
            yield Feature.RETRY_EXIT_CODES
    if job.timeout is not None:
        yield Feature.TIMEOUT
    if job.resume is not None:
        yield Feature.RESUME
    if job.allow_failure:
        yield Feature.ALLOW_FAILURE
    if job.approval is not None:
        yield Feature.APPROVAL
    if job.lock is not None:
        yield Feature.LOCK
        if (job.lock.limit or 1) > 1:
            yield Feature.LOCK_LIMIT
    if job.sidecars:
        yield Feature.SIDECARS
    if job.objectives:
        yield Feature.OBJECTIVES
    if (job.nodes or 1) > 1:
        yield Feature.NODES


def _of_action(action: ir.Action | None) -> Iterator[Feature]:
    if isinstance(action, ir.BuildImage):
        yield Feature.BUILD
        if action.publish is not None:
            yield Feature.PUBLISH
            if action.publish.identity is not None:
                yield Feature.REGISTRY_IDENTITY
    elif isinstance(action, ir.Deploy):
        yield Feature.GITOPS if action.platform == "gitops" else Feature.DEPLOY
    elif isinstance(action, ir.Call):
        yield Feature.CALL
    elif isinstance(action, ir.Support) and action.script == "attest" and ("--sign",) in action.arguments:
        yield Feature.SIGNING
