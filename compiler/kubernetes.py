"""Kubernetes documents as plain data: what a service becomes on each platform that it can be deployed to.

They are rendered while compiling and committed, so that a reviewer sees what will run. An image that a run builds is
not known then: a placeholder stands for it, under a host that can never exist (RFC 2606), and the deploying job puts
the reference of the built image there. Nothing is added that the manifest did not ask for but what makes a workload
safe and its rollout sound: no privileges, no token of the cluster, probes.
"""

from __future__ import annotations

import re

from compiler.ir import Ingress, Node, Resources
from compiler.quantity import text as quantity_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from compiler.ir import Accelerator, Amounts

    Document: TypeAlias = dict[str, Any]

PLATFORMS = ("kubernetes", "knative", "kserve", "seldon")
LOADING = ("kserve", "seldon")  # what has servers of its own that load a model
DEFAULT_PORT = 8080  # of a server that the platform brings
PLACEHOLDER_HOST = "headrace.invalid"
LONGEST_LABEL = 63  # characters of a label's value, and of a name that becomes one

# https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/ and the vendors' device plugins
ACCELERATORS = {
    "nvidia": "nvidia.com/gpu",
    "amd": "amd.com/gpu",
    "intel": "gpu.intel.com/i915",
    "google": "google.com/tpu",
}

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE_EDGES = "-_."
_PATTERN = frozenset("()*|$^[]+?\\")


class SecretKey(Node):
    """One key of a Kubernetes secret, as a variable (`env`) or as a file at an absolute path (`file`)."""

    secret: str
    key: str
    env: str | None = None
    file: str | None = None


class Workload(Node):
    """A service that answers on one port. Names are legal already (`is_label`); `image` may be a placeholder."""

    name: str
    image: str
    port: int
    part_of: str = ""
    namespace: str | None = None
    command: tuple[str, ...] = ()
    user: int | None = None
    replicas: int | None = None
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[SecretKey, ...] = ()
    pull_secret: str | None = None
    resources: Resources | None = None
    health: str | None = None  # a URL path; without it the port has to answer
    model: str | None = None  # where the model lies that the platform's server loads, instead of an image
    framework: str | None = None


def is_label(name: str) -> bool:
    """Whether Kubernetes takes a name for everything, services included (RFC 1035: a letter comes first)."""
    return _LABEL.fullmatch(name) is not None


def is_host(name: str) -> bool:
    """Whether an Ingress takes a host: lower case, dotted, a `*` at most as its first part."""
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name.removeprefix("*.")) is not None


def legal(name: str) -> str:
    """The nearest legal name: what a secret or an environment is called in a cluster."""
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST_LABEL].strip("-")
    return text if text[:1].isalpha() else f"x-{text}"[:LONGEST_LABEL].strip("-")


def placeholder(environment: str) -> str:
    """What stands in documents for the image that is built for an environment."""
    return f"{PLACEHOLDER_HOST}/{legal(environment)}"


def documents(workload: Workload, platform: str, ingress: Ingress | None = None) -> tuple[Document, ...]:
    """A workload's documents on one of PLATFORMS."""
    if platform == "kubernetes":
        exposed = () if ingress is None else (ingress_document(workload, ingress),)
        return (deployment(workload), service(workload), *exposed)
    if platform == "knative":
        mapped = () if ingress is None or ingress.host is None else (domain_mapping(workload, ingress),)
        return (knative_service(workload), *mapped)
    if platform == "kserve":
        return (inference_service(workload),)
    return (seldon_deployment(workload),)


# What the platforms' own servers call a framework.
_FORMATS = {"scikit-learn": "sklearn", "torch": "pytorch", "onnxruntime": "onnx"}
_SERVERS = {
    "scikit-learn": "SKLEARN_SERVER",
    "sklearn": "SKLEARN_SERVER",
    "xgboost": "XGBOOST_SERVER",
    "tensorflow": "TENSORFLOW_SERVER",
    "mlflow": "MLFLOW_SERVER",
}


def labels(workload: Workload) -> dict[str, str]:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/"""
    found = {"app.kubernetes.io/name": workload.name}
    part_of = workload.part_of[:LONGEST_LABEL].strip(_LABEL_VALUE_EDGES)
    if part_of:
        found["app.kubernetes.io/part-of"] = part_of
    return {**found, "app.kubernetes.io/managed-by": "headrace"}


def selector(workload: Workload) -> dict[str, str]:
    """What finds a workload's pods. It can never change, so it holds the name alone."""
    return {"app.kubernetes.io/name": workload.name}


def _metadata(workload: Workload, annotations: dict[str, str] | None = None) -> Document:
    metadata: Document = {"name": workload.name}
    if workload.namespace is not None:
        metadata["namespace"] = workload.namespace
    metadata["labels"] = labels(workload)
    if annotations:
        metadata["annotations"] = annotations
    return metadata


def deployment(workload: Workload) -> Document:
    spec: Document = {} if workload.replicas is None else {"replicas": workload.replicas}
    spec["selector"] = {"matchLabels": selector(workload)}
    spec["template"] = {"metadata": {"labels": labels(workload)}, "spec": pod(workload)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(workload), "spec": spec}


def pod(workload: Workload, container_name: str | None = None) -> Document:
    """A pod's spec: one container, without the cluster's token and without root."""
    spec: Document = {"automountServiceAccountToken": False}
    spec["securityContext"] = {**_user(workload), "seccompProfile": {"type": "RuntimeDefault"}}
    return {**spec, **_pull_secrets(workload), "containers": [container(workload, container_name)], **volumes(workload)}


def _user(workload: Workload) -> Document:
    """An image that names its user, or none, is refused by `runAsNonRoot` unless a number says who it is."""
    return {"runAsNonRoot": True, **({} if workload.user is None else {"runAsUser": workload.user})}


def _pull_secrets(workload: Workload) -> Document:
    return {} if workload.pull_secret is None else {"imagePullSecrets": [{"name": workload.pull_secret}]}


def container(workload: Workload, name: str | None = None, port_name: str = "http") -> Document:
    """The container that serves. On Knative a port's name is its protocol: `http1`."""
    found: Document = {"name": name or workload.name, "image": workload.image}
    if workload.command:
        found["command"] = list(workload.command)
    found["ports"] = [{"name": port_name, "containerPort": workload.port}]
    env = [*({"name": name, "value": value} for name, value in workload.env), *_secret_variables(workload)]
    if env:
        found["env"] = env
    amounts = resources(workload.resources)
    if amounts:
        found["resources"] = amounts
    found |= probes(workload)
    found["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    mounts = _mounts(workload)
    if mounts:
        found["volumeMounts"] = mounts
    return found


def _secret_variables(workload: Workload) -> list[Document]:
    return [
        {"name": use.env, "valueFrom": {"secretKeyRef": {"name": use.secret, "key": use.key}}}
        for use in workload.secrets
        if use.env is not None
    ]


def resources(asked: Resources | None) -> Document:
    """Requests and limits, exactly as asked. Devices are limits, which are their requests too."""
    if asked is None:
        return {}
    requests = _amounts(asked.request)
    limits = {**_amounts(asked.limit), **_devices(asked.accelerator)}
    return {**({"requests": requests} if requests else {}), **({"limits": limits} if limits else {})}


def _amounts(amounts: Amounts | None) -> dict[str, str]:
    if amounts is None:
        return {}
    found = {"cpu": amounts.cpu, "memory": amounts.memory, "ephemeral-storage": amounts.storage}
    return {name: quantity_text(amount) for name, amount in found.items() if amount is not None}


def _devices(accelerator: Accelerator | None) -> dict[str, str]:
    if accelerator is None or accelerator.count == 0:
        return {}
    return {ACCELERATORS.get(accelerator.vendor or "nvidia", f"{accelerator.vendor}.com/gpu"): str(accelerator.count)}


def probes(workload: Workload) -> Document:
    """Traffic goes where the health path answers; a start may take five minutes, then a dead server is replaced.

    https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
    """
    check: Document = (
        {"tcpSocket": {"port": workload.port}}
        if workload.health is None
        else {"httpGet": {"path": workload.health, "port": workload.port}}
    )
    return {
        "startupProbe": {**check, "periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {**check, "periodSeconds": 5, "timeoutSeconds": 3},
        "livenessProbe": {**check, "periodSeconds": 10, "timeoutSeconds": 3, "failureThreshold": 6},
    }


def _has_shm(workload: Workload) -> bool:
    return workload.resources is not None and workload.resources.shm is not None


def _files(workload: Workload) -> list[SecretKey]:
    return [use for use in workload.secrets if use.file is not None]


def _mounts(workload: Workload) -> list[Document]:
    mounts: list[Document] = [{"name": "shm", "mountPath": "/dev/shm"}] if _has_shm(workload) else []
    for at, use in enumerate(_files(workload)):
        mounts.append({"name": f"secret-{at}", "mountPath": use.file, "subPath": use.key, "readOnly": True})
    return mounts


def volumes(workload: Workload) -> Document:
    """What is mounted: shared memory of its size, and secrets that are wanted as files."""
    found: list[Document] = []
    if workload.resources is not None and workload.resources.shm is not None:
        size = quantity_text(workload.resources.shm)
        found.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}})
    for at, use in enumerate(_files(workload)):
        secret = {"secretName": use.secret, "items": [{"key": use.key, "path": use.key}]}
        found.append({"name": f"secret-{at}", "secret": secret})
    return {"volumes": found} if found else {}


def service(workload: Workload) -> Document:
    """Inside of the cluster the service answers at http://NAME."""
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    spec = {"selector": selector(workload), "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(workload), "spec": spec}


def ingress_document(workload: Workload, ingress: Ingress) -> Document:
    """https://kubernetes.io/docs/concepts/services-networking/ingress/"""
    backend = {"service": {"name": workload.name, "port": {"name": "http"}}}
    rule: Document = {} if ingress.host is None else {"host": ingress.host}
    path = ingress.path or "/"
    # A pattern is a matter of the class: https://kubernetes.github.io/ingress-nginx/user-guide/ingress-path-matching/
    kind = "Prefix" if _PATTERN.isdisjoint(path) else "ImplementationSpecific"
    rule["http"] = {"paths": [{"path": path, "pathType": kind, "backend": backend}]}
    spec: Document = {} if ingress.class_name is None else {"ingressClassName": ingress.class_name}
    if ingress.tls or ingress.secret is not None:
        hosts = {} if ingress.host is None else {"hosts": [ingress.host]}
        spec["tls"] = [{**hosts, "secretName": tls_secret(workload, ingress)}]
    spec["rules"] = [rule]
    metadata = _metadata(workload, dict(ingress.annotations))
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def tls_secret(workload: Workload, ingress: Ingress) -> str:
    return ingress.secret or f"{workload.name}-tls"


def knative_service(workload: Workload) -> Document:
    """https://knative.dev/docs/serving/reference/serving-api/.

    Knative takes no security context for a pod, so it is the container's, and watches a start by its own means.
    """
    found = container(workload, port_name="http1")
    found.pop("startupProbe")
    found.pop("livenessProbe")
    found["securityContext"] |= {**_user(workload), "seccompProfile": {"type": "RuntimeDefault"}}
    template: Document = {"metadata": {"labels": labels(workload)}}
    if workload.replicas is not None:
        template["metadata"]["annotations"] = {"autoscaling.knative.dev/min-scale": str(workload.replicas)}
    template["spec"] = {**_pull_secrets(workload), "containers": [found], **volumes(workload)}
    spec = {"template": template}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": _metadata(workload),
        "spec": spec,
    }


def domain_mapping(workload: Workload, ingress: Ingress) -> Document:
    """https://knative.dev/docs/serving/services/custom-domains/: its name is the host."""
    spec: Document = {"ref": {"name": workload.name, "kind": "Service", "apiVersion": "serving.knative.dev/v1"}}
    if ingress.secret is not None:
        spec["tls"] = {"secretName": ingress.secret}
    metadata = {**_metadata(workload, dict(ingress.annotations)), "name": ingress.host}
    return {"apiVersion": "serving.knative.dev/v1beta1", "kind": "DomainMapping", "metadata": metadata, "spec": spec}


def inference_service(workload: Workload) -> Document:
    """https://kserve.github.io/website/: a predictor of one's own is a container of this very name."""
    predictor: Document = {} if workload.replicas is None else {"minReplicas": workload.replicas}
    predictor |= pod(workload, "kserve-container") if workload.model is None else _kserve_model(workload)
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": _metadata(workload),
        "spec": {"predictor": predictor},
    }


def _kserve_model(workload: Workload) -> Document:
    """https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks/overview: a format and a place."""
    name = workload.framework or ""
    found: Document = {"modelFormat": {"name": _FORMATS.get(name, name)}, "storageUri": workload.model}
    env = [{"name": name, "value": value} for name, value in workload.env] + _secret_variables(workload)
    amounts = resources(workload.resources)
    return {"model": {**found, **({"env": env} if env else {}), **({"resources": amounts} if amounts else {})}}


def _seldon_server(workload: Workload) -> Document:
    """https://docs.seldon.io/projects/seldon-core/en/latest/servers/overview.html"""
    name = workload.framework or ""
    return {"implementation": _SERVERS.get(name, "TRITON_SERVER"), "modelUri": workload.model}


def seldon_deployment(workload: Workload) -> Document:
    """https://docs.seldon.io/projects/seldon-core/en/latest/reference/seldon-deployment.html: one model, no graph."""
    predictor: Document = {"name": "default"}
    if workload.replicas is not None:
        predictor["replicas"] = workload.replicas
    graph: Document = {"name": workload.name}
    if workload.model is None:
        predictor["componentSpecs"] = [{"spec": pod(workload)}]
        graph |= {"type": "MODEL", "endpoint": {"type": "REST"}, "children": []}
    else:
        graph |= _seldon_server(workload)
    predictor["graph"] = graph
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": _metadata(workload),
        "spec": {"predictors": [predictor]},
    }
