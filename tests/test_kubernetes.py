"""Documents as data: whole texts of each platform, and what Kubernetes says about names, quantities and fields."""

from __future__ import annotations

from typing import Any

import pytest

from compiler import kubernetes
from compiler.ir import Accelerator, Amounts, Ingress, Resources
from compiler.kubernetes import SecretKey, Workload
from compiler.quantity import parse
from compiler.yamlwriter import write_documents
from tests import tools

PROBE = {"httpGet": {"path": "/health", "port": 8000}}


def workload(**more: Any) -> Workload:
    return Workload(**{"name": "churn", "image": "registry/churn:1", "port": 8000, **more})


FULL = workload(
    part_of="shop",
    namespace="ml",
    command=("serve", "--fast"),
    replicas=2,
    env=(("LOG", "yes"),),
    secrets=(SecretKey(secret="db", key="url", env="DATABASE"), SecretKey(secret="tls", key="pem", file="/run/pem")),
    pull_secret="login",
    resources=Resources(
        request=Amounts(cpu=parse("500m"), memory=parse("512Mi")),
        limit=Amounts(memory=parse("1Gi"), storage=parse("2Gi")),
        shm=parse("256Mi"),
        accelerator=Accelerator(count=1),
    ),
    health="/health",
)
LABELS = {
    "app.kubernetes.io/name": "churn",
    "app.kubernetes.io/part-of": "shop",
    "app.kubernetes.io/managed-by": "headrace",
}


def test_a_deployment_as_a_whole() -> None:
    assert kubernetes.deployment(FULL) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "churn", "namespace": "ml", "labels": LABELS},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "churn"}},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "automountServiceAccountToken": False,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "imagePullSecrets": [{"name": "login"}],
                    "containers": [
                        {
                            "name": "churn",
                            "image": "registry/churn:1",
                            "command": ["serve", "--fast"],
                            "ports": [{"name": "http", "containerPort": 8000}],
                            "env": [
                                {"name": "LOG", "value": "yes"},
                                {"name": "DATABASE", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
                            ],
                            "resources": {
                                "requests": {"cpu": "500m", "memory": "512Mi"},
                                "limits": {"memory": "1Gi", "ephemeral-storage": "2Gi", "nvidia.com/gpu": "1"},
                            },
                            "startupProbe": {**PROBE, "periodSeconds": 5, "failureThreshold": 60},
                            "readinessProbe": {**PROBE, "periodSeconds": 5, "timeoutSeconds": 3},
                            "livenessProbe": {
                                **PROBE,
                                "periodSeconds": 10,
                                "timeoutSeconds": 3,
                                "failureThreshold": 6,
                            },
                            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                            "volumeMounts": [
                                {"name": "shm", "mountPath": "/dev/shm"},
                                {"name": "secret-0", "mountPath": "/run/pem", "subPath": "pem", "readOnly": True},
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
                        {
                            "name": "secret-0",
                            "secret": {"secretName": "tls", "items": [{"key": "pem", "path": "pem"}]},
                        },
                    ],
                },
            },
        },
    }


def test_what_is_not_asked_for_is_not_there() -> None:
    spec = kubernetes.deployment(workload())["spec"]
    assert "replicas" not in spec
    pod = spec["template"]["spec"]
    assert pod.keys() == {"automountServiceAccountToken", "securityContext", "containers"}
    (container,) = pod["containers"]
    assert not container.keys() & {"env", "resources", "command", "volumeMounts"}
    assert container["readinessProbe"]["tcpSocket"] == {"port": 8000}


def test_no_replicas_is_a_number_too() -> None:
    assert kubernetes.deployment(workload(replicas=0))["spec"]["replicas"] == 0


def test_a_service_finds_the_pods_of_its_deployment() -> None:
    deployment, service = kubernetes.documents(FULL, "kubernetes")
    pods = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= pods.items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= pods.items()
    (port,) = service["spec"]["ports"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert port["targetPort"] == container["ports"][0]["name"]


def test_an_ingress_as_a_whole() -> None:
    ingress = Ingress(host="churn.example.org", path="/v1", tls=True, annotations=(("a/b", "yes"),), class_name="nginx")
    document = kubernetes.documents(workload(), "kubernetes", ingress)[2]
    assert document["metadata"]["annotations"] == {"a/b": "yes"}
    backend = {"service": {"name": "churn", "port": {"name": "http"}}}
    assert document["spec"] == {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["churn.example.org"], "secretName": "churn-tls"}],
        "rules": [
            {
                "host": "churn.example.org",
                "http": {"paths": [{"path": "/v1", "pathType": "Prefix", "backend": backend}]},
            }
        ],
    }


def test_an_ingress_for_every_host() -> None:
    document = kubernetes.ingress_document(workload(), Ingress(secret="cert"))
    assert document["spec"]["tls"] == [{"secretName": "cert"}]
    assert "host" not in document["spec"]["rules"][0]
    assert "annotations" not in document["metadata"]


def test_a_pattern_is_a_matter_of_the_ingress_s_class() -> None:
    document = kubernetes.ingress_document(workload(), Ingress(path="/models/churn(/|$)(.*)"))
    assert document["spec"]["rules"][0]["http"]["paths"][0]["pathType"] == "ImplementationSpecific"


def test_a_user_is_said_by_its_number() -> None:
    deployment, *_ = kubernetes.documents(workload(user=1001), "kubernetes")
    assert deployment["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == 1001
    plain, *_ = kubernetes.documents(workload(), "kubernetes")
    assert "runAsUser" not in plain["spec"]["template"]["spec"]["securityContext"]


def test_knative() -> None:
    service, mapping = kubernetes.documents(FULL, "knative", Ingress(host="churn.example.org", secret="cert"))
    template = service["spec"]["template"]
    assert template["metadata"]["annotations"] == {"autoscaling.knative.dev/min-scale": "2"}
    assert "securityContext" not in template["spec"]
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"name": "http1", "containerPort": 8000}]
    assert container["securityContext"]["runAsNonRoot"] is True
    assert not container.keys() & {"startupProbe", "livenessProbe"}
    assert mapping["metadata"]["name"] == "churn.example.org"
    assert mapping["metadata"]["namespace"] == "ml"
    assert mapping["spec"] == {
        "ref": {"name": "churn", "kind": "Service", "apiVersion": "serving.knative.dev/v1"},
        "tls": {"secretName": "cert"},
    }


def test_kserve() -> None:
    (document,) = kubernetes.documents(FULL, "kserve")
    assert (document["apiVersion"], document["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    predictor = document["spec"]["predictor"]
    assert predictor["minReplicas"] == 2
    assert [container["name"] for container in predictor["containers"]] == ["kserve-container"]


def test_seldon_names_its_container_in_the_graph() -> None:
    (document,) = kubernetes.documents(FULL, "seldon")
    (predictor,) = document["spec"]["predictors"]
    (component,) = predictor["componentSpecs"]
    assert predictor["replicas"] == 2
    assert [container["name"] for container in component["spec"]["containers"]] == [predictor["graph"]["name"]]


@pytest.mark.parametrize(
    ("accelerator", "limits"),
    [
        (Accelerator(count=2), {"nvidia.com/gpu": "2"}),
        (Accelerator(count=1, vendor="amd"), {"amd.com/gpu": "1"}),
        (Accelerator(count=4, vendor="google"), {"google.com/tpu": "4"}),
        (Accelerator(count=1, vendor="intel"), {"gpu.intel.com/i915": "1"}),
        (Accelerator(count=0), {}),
    ],
)
def test_devices_are_limits(accelerator: Accelerator, limits: dict[str, str]) -> None:
    assert kubernetes.resources(Resources(accelerator=accelerator)).get("limits", {}) == limits


@pytest.mark.parametrize("quantity", ["1", "100m", "1500m", "1Gi", "1G", "0", "7Ei", "1n"])
def test_quantities_are_exact(quantity: str) -> None:
    amounts = kubernetes.resources(Resources(request=Amounts(memory=parse(quantity))))["requests"]
    assert parse(amounts["memory"]) == parse(quantity)


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("churn", True),
        ("a", True),
        ("a-1", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("1a", False),
        ("a-", False),
        ("A", False),
        ("a_b", False),
        ("a.b", False),
        ("", False),
        ("a\n", False),
    ],
)
def test_names(name: str, fine: bool) -> None:
    assert kubernetes.is_label(name) is fine


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("a.example.org", True),
        ("*.example.org", True),
        ("localhost", True),
        ("A.example.org", False),
        ("a..b", False),
        ("a.*.b", False),
        ("a b", False),
        ("https://a", False),
        ("a:80", False),
        ("*", False),
    ],
)
def test_hosts(host: str, fine: bool) -> None:
    assert kubernetes.is_host(host) is fine


@pytest.mark.parametrize(
    ("name", "legal"),
    [("API_TOKEN", "api-token"), ("a", "a"), ("9lives", "x-9lives"), ("_x_", "x"), ("Ä", "x"), ("a" * 70, "a" * 63)],
)
def test_legal_names(name: str, legal: str) -> None:
    assert kubernetes.legal(name) == legal
    assert kubernetes.is_label(legal)


def test_part_of_is_a_legal_value_of_a_label() -> None:
    value = kubernetes.labels(workload(part_of="a" * 62 + "-" + "b" * 9))["app.kubernetes.io/part-of"]
    assert value == "a" * 62


def test_the_placeholder_can_never_be_pulled() -> None:
    assert kubernetes.placeholder("My_Env") == "headrace.invalid/my-env"


@pytest.mark.engine
@pytest.mark.parametrize("platform", kubernetes.PLATFORMS)
def test_kubernetes_reads_what_was_meant(platform: str) -> None:
    hostile = FULL.replace(env=(("A", "yes"), ("B", "1e3"), ("C", "0x10"), ("D", "a: b # c\n")))
    documents = list(kubernetes.documents(hostile, platform, Ingress(host="a.example.org", secret="s")))
    assert tools.read_kubernetes(write_documents(documents)) == documents
