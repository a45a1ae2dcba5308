"""The pod around a job: machine, volumes, secrets, identity, sidecars."""

from __future__ import annotations

from compiler import codes as core
from compiler import quantity
from compiler.ir import BuildImage
from targets import commands, logins, names, runners
from targets.argo import codes, spelling
from targets.argo.scope import ROOT
from targets.legs import only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Identity, Job, Project, Runner, SecretUse, Text
    from targets.argo.scope import Scope

DEVICES = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "intel": "gpu.intel.com/xe", "google": "google.com/tpu"}


class Pod:
    """What a template says beside its command. `mounts` and `variables` go to the container."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.selector: dict[str, str] = {}
        self.tolerations: list[Any] = []
        self.account: str | None = None
        self.volumes: list[dict[str, Any]] = []
        self.mounts: list[dict[str, Any]] = []
        self.variables: list[dict[str, Any]] = []
        self.resources: dict[str, Any] = {}
        self.init: list[dict[str, Any]] = []
        self.synchronization: dict[str, Any] = {}

    def mount(self, volume: dict[str, Any], path: str, **more: Any) -> None:
        if volume not in self.volumes:
            name = names.fresh(volume["name"], (one["name"] for one in self.volumes))
            volume = {**volume, "name": name}
            self.volumes.append(volume)
        self.mounts.append({"name": volume["name"], "mountPath": path, **more})


def pod(scope: Scope, job: Job) -> Pod:
    made = Pod()
    _machine(scope, job, made)
    _storage(job, made)
    for use in job.secrets:
        secret(scope, use, made)
    _identity(identity(scope, job), made)
    _sidecars(scope, job, made)
    if job.lock is not None:
        made.synchronization = lock(scope, job.lock.name, job.lock.limit or 1)
    turn = scope.turns.get(job.name)
    if turn is not None:  # `parallelism` counts the pods of one template, and these legs have one each
        others = made.synchronization.get("mutexes", [])
        made.synchronization["mutexes"] = [*others, {"name": "{{workflow.uid}}-" + turn}]
    return made


# ------------------------------------------------------------------------------------------------------------- machine


def _machine(scope: Scope, job: Job, made: Pod) -> None:
    forced = job.resources.runner if job.resources is not None else None
    runner = scope.runners.choose(job) if scope.settings.runners or forced is not None else None
    if job.platform is not None:
        system, _, architecture = job.platform.partition("/")
        made.selector["kubernetes.io/os"] = system
        if architecture:
            made.selector["kubernetes.io/arch"] = architecture.partition("/")[0]
    if runner is not None:
        _select(scope, runner, made)
    made.resources = _resources(scope, job, runner)


def _select(scope: Scope, runner: Runner, made: Pod) -> None:
    for name, value in runner.select:
        if name == "node_selector" and isinstance(value, dict):
            made.selector.update((str(key), str(one)) for key, one in value.items())
        elif name == "tolerations" and isinstance(value, list | tuple):
            made.tolerations.extend(dict(one) for one in value)
        else:
            message = f'a runner of argo is chosen by "node_selector" and "tolerations", not by "{name}"'
            scope.sink.report(core.WRONG_SETTING, message, runner.origin or scope.settings.origin)


def _resources(scope: Scope, job: Job, runner: Runner | None) -> dict[str, Any]:
    """Kubernetes' requests and limits, each amount as exactly as it was written."""
    asked = job.resources
    if asked is None:
        return {}
    requests: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for amounts, into in ((asked.request, requests), (asked.limit, limits)):
        if amounts is None:
            continue
        for name, value in (
            ("cpu", amounts.cpu),
            ("memory", amounts.memory),
            ("ephemeral-storage", amounts.storage),
        ):
            if value is not None:
                into[name] = quantity.text(value)
    device = asked.accelerator
    if device is not None:
        resource = runner.resource if runner is not None else None
        limits[resource or DEVICES.get(device.vendor or "nvidia", "nvidia.com/gpu")] = device.count
        if runner is None and not scope.settings.runners and (device.kind or device.memory):
            _report_kind(scope, job)
    return {name: amounts for name, amounts in (("requests", requests), ("limits", limits)) if amounts}


def _report_kind(scope: Scope, job: Job) -> None:
    assert job.resources is not None
    assert job.resources.accelerator is not None
    device = job.resources.accelerator
    wish = device.kind or f"{quantity.text(device.memory or 0)} of memory"
    scope.sink.report(
        codes.NO_GPU_KIND,
        f'"{job.name}" asks for a GPU of {wish}, and no runner is listed that has it',
        job.origin,
        field="resources",
        help="list the nodes under targets.argo.runners, each with its gpu and node_selector",
    )


# ------------------------------------------------------------------------------------------------------------- volumes


def _storage(job: Job, made: Pod) -> None:
    shared = runners.shared_memory(job)
    if shared is not None:
        volume = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": quantity.text(shared)}}
        made.mount(volume, "/dev/shm")
    for wanted in job.volumes:
        name = spelling.short(f"volume-{wanted.name}")
        if wanted.size is None:
            claim: dict[str, Any] = {"claimName": wanted.name}
            if wanted.read_only:
                claim["readOnly"] = True
            made.mount({"name": name, "persistentVolumeClaim": claim}, wanted.path)
            continue
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": quantity.text(wanted.size)}}}
        made.mount({"name": name, "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}, wanted.path)


# ------------------------------------------------------------------------------------------------ secrets and identity


def secret_key(scope: Scope, name: str) -> dict[str, str]:
    """Where a secret's value lies: in the project's Kubernetes secret under its own name, or where it says itself."""
    known = scope.secrets.get(name)
    if known is not None and known.store == "kubernetes":
        return {"name": known.path or project_secret(scope), "key": known.key or name}
    if known is not None and known.store in (None, "ci") and known.path is not None:
        held, _, key = known.path.partition("/")
        return {"name": held, "key": key or name}
    scope.notes[f'the secret "{project_secret(scope)}" has the key "{name}"'] = None
    return {"name": project_secret(scope), "key": name}


def project_secret(scope: Scope) -> str:
    return scope.options.secret or spelling.short(scope.project.name)


def secret(scope: Scope, use: SecretUse, made: Pod) -> None:
    held = secret_key(scope, use.secret)
    if use.file is None:
        chosen = {**held, "optional": True} if use.optional else held
        made.variables.append({"name": use.env or use.secret, "valueFrom": {"secretKeyRef": chosen}})
        return
    path = use.file if use.file.startswith("/") else f"{ROOT}/{use.file}"
    volume = {
        "name": spelling.short(f"secret-{use.secret}"),
        "secret": {"secretName": held["name"], "items": [{"key": held["key"], "path": "value"}]},
    }
    made.mount(volume, path, subPath="value", readOnly=True)


ANNOTATED = {
    "aws": ("eks.amazonaws.com/role-arn", "role"),
    "gcp": ("iam.gke.io/gcp-service-account", "service_account"),
    "azure": ("azure.workload.identity/client-id", "client"),
}


def identity(scope: Scope, job: Job) -> Identity | None:
    """What a job runs as: that of the registry that it pushes to, its own identity, else that of the stores that its
    artifacts travel to and from."""
    pushes = logins.identity(job, scope.project.identities) if isinstance(job.action, BuildImage) else None
    if pushes is not None:
        return pushes
    own = None if isinstance(job.identity, str) else job.identity
    if not any(store.identity for store in scope.stores.values()):
        return own
    known = {identity.name: identity for identity in scope.project.identities}
    for name in _stores(scope, job):
        store = scope.stores.get(name)
        if store is None or store.identity is None or store.identity not in known:
            continue
        if own is None:
            own = known[store.identity]
        elif own.name != store.identity:
            note = f'the service account "{account(own)}" of "{job.name}" may use the store "{store.name}"'
            scope.notes[note] = None
    return own


def _stores(scope: Scope, job: Job) -> dict[str, None]:
    """The stores that a job's outputs go to, and that its inputs and its needs' outputs come from."""
    needed = [scope.by_name[need.job] for need in job.needs if need.artifacts and need.job in scope.by_name]
    held: list[Any] = [*job.inputs, *job.outputs, *(output for other in needed for output in other.outputs)]
    if job.resume is not None:
        held.append(job.resume)
    held += [other.cache for other in (job, *needed) if other.cache is not None and other.cache.enabled]
    return dict.fromkeys(str(one.store) for one in held if getattr(one, "store", None) is not None)


def _identity(identity: Identity | None, made: Pod) -> None:
    if identity is None:
        return
    made.account = account(identity)
    if identity.provider == "azure":
        made.labels["azure.workload.identity/use"] = "true"


def account(identity: Identity) -> str:
    """The Kubernetes service account that stands for an identity."""
    settings = dict(identity.settings)
    if identity.provider == "kubernetes":
        return settings.get("service_account") or identity.name
    return spelling.short(identity.name)


# ------------------------------------------------------------------------------------------------- sidecars and locks


def _sidecars(scope: Scope, job: Job, made: Pod) -> None:
    """Services beside the job.

    Each is an init container that stays (a sidecar of Kubernetes 1.29 and later): the job's own container starts when
    its startup probe succeeds, that is, when the port answers
    (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/). Argo's own sidecars are wrapped by its
    executor, which must know their command; what an image runs by itself only the image says.
    """
    for given in job.sidecars:
        container: dict[str, Any] = {
            "name": spelling.short(f"sidecar-{given.name}"),
            "image": scope.pinned(scope.inline(given.image, job)),
        }
        if given.command:
            container["command"] = [commands.flat(word) or scope.inline(word, job) for word in given.command]
            container["command"] = [spelling.plain(word) for word in container["command"]]
        if given.env:
            container["env"] = spelling.with_brace(
                [{"name": variable.name, "value": _sidecar_value(scope, job, variable.value)} for variable in given.env]
            )
        container["restartPolicy"] = "Always"
        if given.port is not None:
            container["ports"] = [{"containerPort": given.port}]
            container["startupProbe"] = {"tcpSocket": {"port": given.port}, "periodSeconds": 1, "failureThreshold": 300}
        made.init.append(container)


def _sidecar_value(scope: Scope, job: Job, text: Text) -> str:
    """A literal, or literals and holes put together, in which neither Kubernetes nor Argo finds more to replace."""
    flat = commands.flat(text)
    if flat is not None and not spelling.has_braces(flat):
        return spelling.plain(flat)
    leg = dict(only(job))
    return spelling.joined([piece if isinstance(piece, str) else (scope.variable(piece, job, leg),) for piece in text])


def lock(scope: Scope, name: str, limit: int) -> dict[str, Any]:
    """Locks hold across all runs in the namespace; one with a limit reads it from a config map that comes along."""
    key = lock_keys(scope.project)[name]
    if limit == 1:
        return {"mutexes": [{"name": f"{spelling.short(scope.project.name, 50)}-{key}"}]}
    return {"semaphores": [{"configMapKeyRef": {"name": locks_name(scope), "key": key}}]}


def lock_keys(project: Project) -> dict[str, str]:
    """What a project's locks are called in the cluster, each otherwise."""
    held = (job.lock.name for pipeline in project.pipelines for job in pipeline.jobs if job.lock is not None)
    return names.unique(held, spelling.legal, spelling.LONGEST)


def locks_name(scope: Scope) -> str:
    return f"{spelling.short(scope.project.name, 50)}-locks"
