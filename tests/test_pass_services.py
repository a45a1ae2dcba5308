"""Services become a smoke test, rendered documents and a job that deploys them."""

from __future__ import annotations

import os

import pytest

from compiler import kubernetes
from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.ir import (
    Accelerator,
    Amounts,
    Approval,
    Build,
    Deploy,
    Environment,
    EnvVar,
    Ingress,
    Job,
    Need,
    Node,
    Probe,
    Project,
    Ref,
    Resources,
    Rollout,
    Script,
    Secret,
    SecretUse,
    Service,
    Sidecar,
    Support,
)
from compiler.passes import Context, lower
from compiler.passes.environments import NOT_A_CHANGE_REQUEST
from compiler.repository import Repository
from tests.lowering import at, found, job, lowered, needs, run

SERVING = Environment(name="serving", build=Build(context="."), origin=at("environments.serving"))
PLAIN = Environment(name="plain", image=("registry.example/churn:1",))
PYTHON = Environment(name="py", python="3.12", installer="uv")
IMAGE = (Ref(kind="images", name="serving"),)
KUBERNETES = Rollout(platform="kubernetes", to="production")
PATH = "deploy/churn/kubernetes.yaml"


def service(**more: object) -> Service:
    given = {"environment": "serving", "port": 8000, "health": "/health", "origin": at("services.churn"), **more}
    return Service(name="churn", **given)


def project(*services: Service, jobs: tuple[Job, ...] = (), **more: object) -> Project:
    wanted = {one.environment for one in services} | {one.environment for one in jobs}
    given = {"environments": tuple(one for one in (SERVING, PLAIN, PYTHON) if one.name in wanted), **more}
    return Project(name="shop", jobs=jobs, services=services, **given)


def action(job: Job) -> Deploy:
    assert isinstance(job.action, Deploy)
    return job.action


def documents(project: Project) -> dict[str, dict[str, object]]:
    """The rendered documents of the only file by kind."""
    (rendered,) = project.rendered
    return {document["kind"]: document for document in rendered.documents}


# ---------------------------------------------------------------------------------------------------------- smoke test


def test_a_service_is_probed_as_a_sidecar() -> None:
    jobs, sink = run(project(service(env=(EnvVar(name="LOG", value=("debug",)),), command=(("serve",), ("--fast",)))))
    assert list(jobs) == ["build-serving", "smoke-churn"]
    smoke = jobs["smoke-churn"]
    assert smoke.sidecars == (
        Sidecar(
            name="churn",
            image=IMAGE,
            port=8000,
            env=(EnvVar(name="LOG", value=("debug",)),),
            command=(("serve",), ("--fast",)),
        ),
    )
    host, port = (Ref(kind="sidecars", name="churn", member=member) for member in ("host", "port"))
    assert smoke.action == Support(
        script="probe", arguments=(("http://", host, ":", port), ("--health=/health",), ("--within=300",))
    )
    assert needs(smoke) == {"build-serving": False}
    assert smoke.condition == NOT_A_CHANGE_REQUEST
    assert smoke.environment is None
    assert smoke.origin is not None
    assert smoke.origin.path == "services.churn"
    assert found(sink) == [
        'HR3044: "smoke-churn" does not run on change requests: they build its image without pushing it'
    ]


def test_a_request_is_made_with_exact_arguments() -> None:
    probe = Probe(path="/predict", method="PUT", body='{"a": [1, 2]} --x', status=201, contains="it's $HOME")
    jobs, _ = run(project(service(smoke=probe)))
    support = jobs["smoke-churn"].action
    assert isinstance(support, Support)
    assert support.arguments[3:] == (
        ("--path=/predict",),
        ("--method=PUT",),
        ('--body={"a": [1, 2]} --x',),
        ("--status=201",),
        ("--contains=it's $HOME",),
    )


def test_a_health_url_is_probed_by_its_path() -> None:
    jobs, _ = run(project(service(health="https://churn.example.org/ok?full=1")))
    support = jobs["smoke-churn"].action
    assert isinstance(support, Support)
    assert ("--health=/ok?full=1",) in support.arguments


def test_an_image_that_is_there_already_is_tested_on_change_requests_too() -> None:
    jobs, sink = run(project(service(environment="plain"), environments=(PLAIN,)))
    assert found(sink) == []
    assert list(jobs) == ["smoke-churn"]
    assert jobs["smoke-churn"].condition is None
    assert jobs["smoke-churn"].sidecars[0].image == ("registry.example/churn:1",)


def project_with(environment: Environment) -> Project:
    return Project(name="shop", services=(service(environment=environment),))


def test_an_environment_in_place_is_built_under_the_services_name() -> None:
    jobs, _ = run(project_with(Environment(build=Build(context="app"))))
    assert list(jobs) == ["build-churn", "smoke-churn"]
    assert jobs["smoke-churn"].sidecars[0].image == (Ref(kind="images", name="churn"),)


def test_a_command_runs_inside_of_the_image() -> None:
    script = Script(lines=("python smoke.py",))
    jobs, sink = run(
        project(
            service(
                smoke=script,
                port=None,
                health=None,
                resources=Resources(request=Amounts(cpu=1)),
                secrets=(SecretUse(secret="TOKEN"),),
            ),
            secrets=(Secret(name="TOKEN"),),
        )
    )
    smoke = jobs["smoke-churn"]
    assert smoke.action == script
    assert isinstance(smoke.environment, Environment)
    assert smoke.environment.image == IMAGE
    assert (smoke.sidecars, smoke.secrets) == ((), (SecretUse(secret="TOKEN"),))
    assert smoke.resources == Resources(request=Amounts(cpu=1))
    assert needs(smoke) == {"build-serving": False}
    assert smoke.condition == NOT_A_CHANGE_REQUEST
    assert [line[:6] for line in found(sink)] == ["HR3044"]


def test_a_command_that_asks_for_the_service_has_it_as_a_sidecar() -> None:
    host = Ref(kind="sidecars", name="churn", member="host")
    jobs, sink = run(project(service(smoke=Script(lines=("curl ", host)), health=None)))
    assert [sidecar.name for sidecar in jobs["smoke-churn"].sidecars] == ["churn"]
    assert [line[:6] for line in found(sink)] == ["HR3044"]


def test_what_is_for_a_deployment_is_said_where_there_is_none() -> None:
    asked = {"replicas": 3, "user": 1000, "resources": Resources(request=Amounts(cpu=1))}
    _, sink = run(project(service(**asked)))
    assert found(sink, "HR3037") == [
        f'HR3037: `{key}` means nothing to "churn", which is not deployed' for key in ("replicas", "resources", "user")
    ]
    script = Script(lines=("python smoke.py",))
    _, sink = run(project(service(**asked, smoke=script, command=(("serve",),))))
    assert [line.split("`")[1] for line in found(sink, "HR3037")] == [
        "command",
        "health",
        "replicas",
        "user",
    ]
    _, sink = run(project(service(**asked, deploy=KUBERNETES)))
    assert found(sink, "HR3037") == []
    _, sink = run(project(service(replicas=3, deploy=Rollout(platform="apply", documents=("Dockerfile",)))))
    assert found(sink, "HR3037") == [
        'HR3037: `replicas` means nothing to "churn", which is deployed by documents of its own'
    ]


def test_a_model_that_the_platform_loads_waits_for_what_it_needs() -> None:
    loaded = {"stored_model": "s3://m/x", "framework": "sklearn", "environment": None, "health": None, "port": None}
    one = service(
        **loaded, deploy=Rollout(platform="seldon"), needs=(Need(job="seed"),), env=(EnvVar(name="A", value=("b",)),)
    )
    jobs, sink = run(project(one, jobs=(job("seed"),)))
    assert list(needs(jobs["deploy-churn"])) == ["seed"]
    assert found(sink, "HR3037") == ['HR3037: `env` means nothing to "churn", which the platform\'s own server loads']


def test_a_service_waits_for_what_it_needs() -> None:
    jobs, _ = run(project(service(needs=(Need(job="seed"),)), jobs=(job("seed"),)))
    assert needs(jobs["smoke-churn"]) == {"seed": True, "build-serving": False}


def test_a_sidecar_without_its_secrets_or_gpu_is_said() -> None:
    resources = Resources(accelerator=Accelerator(count=1))
    _, sink = run(project(service(secrets=(SecretUse(secret="T"),), resources=resources), secrets=(Secret(name="T"),)))
    assert found(sink, "HR3051") == [
        'HR3051: "churn" is smoke-tested as a sidecar, which has none of its secrets and no GPU'
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment": None}, 'HR2003: the service "churn" has no `environment`: what is to run?'),
        ({"environment": "servin"}, 'HR3002: "servin" is not an environment of this manifest'),
        ({"environment": "py"}, 'HR2003: the service "churn" needs an image that holds all of it'),
        ({"port": None}, 'HR2003: the service "churn" has no `port`: where does it answer?'),
        (
            {"function": "serve:predict"},
            'HR3019: no file of the repository is the module "serve", whose function is to be served',
        ),
        ({"needs": (Need(job="sed"),)}, 'HR3001: "sed" is not a job of this manifest'),
    ],
)
def test_what_a_service_lacks(changes: dict[str, object], message: str) -> None:
    _, sink = run(project(service(**changes), jobs=(job("seed"),)))
    assert message in found(sink)


def test_a_job_that_has_the_name_already() -> None:
    _, sink = run(project(service(), jobs=(job("smoke-churn"),)))
    assert 'HR3020: "smoke-churn" is a job that the service makes' in found(sink)


# ---------------------------------------------------------------------------------------------------------- deployment


def test_a_service_is_deployed_after_its_smoke_test() -> None:
    done, sink = lowered(project(service(replicas=2, deploy=KUBERNETES)))
    jobs = {job.name: job for job in done.pipelines[0].jobs}
    assert list(jobs) == ["build-serving", "smoke-churn", "deploy-churn"]
    deploy = jobs["deploy-churn"]
    assert deploy.action == Deploy(
        platform="kubernetes", to="production", documents=(PATH,), image="serving", service="churn"
    )
    assert needs(deploy) == {"smoke-churn": False, "build-serving": False}
    assert deploy.condition == NOT_A_CHANGE_REQUEST
    assert deploy.approval is None
    assert deploy.origin is not None
    assert deploy.origin.path == "services.churn"
    assert [rendered.path for rendered in done.rendered] == [PATH]
    assert documents(done).keys() == {"Deployment", "Service"}
    assert kubernetes.placeholder("serving") in str(documents(done)["Deployment"])
    assert [line[:6] for line in found(sink)] == ["HR3044"]


def test_nothing_is_deployed_from_a_change_request_whatever_the_image() -> None:
    jobs, _ = run(project(service(environment="plain", deploy=KUBERNETES)))
    assert jobs["deploy-churn"].condition == NOT_A_CHANGE_REQUEST
    assert action(jobs["deploy-churn"]).image is None


def test_documents_lie_below_the_manifests_folder() -> None:
    done, _ = lowered(project(service(deploy=KUBERNETES), folder="apps/shop"))
    assert done.rendered[0].path == "apps/shop/" + PATH
    jobs = {job.name: job for job in done.pipelines[0].jobs}
    assert action(jobs["deploy-churn"]).documents == ("apps/shop/" + PATH,)


def test_approval_is_asked_where_it_is_wanted() -> None:
    jobs, _ = run(project(service(deploy=KUBERNETES.replace(approve=True))))
    assert jobs["deploy-churn"].approval == Approval(to="production")
    assert jobs["smoke-churn"].approval is None


@pytest.mark.parametrize(
    ("platform", "kind"),
    [("knative", "Service"), ("kserve", "InferenceService"), ("seldon", "SeldonDeployment")],
)
def test_platforms(platform: str, kind: str) -> None:
    done, _ = lowered(project(service(deploy=Rollout(platform=platform))))
    assert done.rendered[0].path == f"deploy/churn/{platform}.yaml"
    assert documents(done).keys() == {kind}


def test_gitops_commits_what_is_rendered() -> None:
    done, sink = lowered(project(service(deploy=Rollout(platform="gitops", branch="live"))))
    jobs = {job.name: job for job in done.pipelines[0].jobs}
    assert action(jobs["deploy-churn"]).documents == (PATH,)
    assert action(jobs["deploy-churn"]).branch == "live"
    assert action(jobs["deploy-churn"]).image == "serving"
    assert not sink.failed


@pytest.mark.parametrize("platform", ["apply", "gitops"])
def test_own_documents_are_taken_as_they_are(platform: str) -> None:
    rollout = Rollout(platform=platform, documents=("k8s.yaml",), branch="live" if platform == "gitops" else None)
    done, sink = lowered(project(service(deploy=rollout)), **{"k8s.yaml": "image: headrace.invalid/serving"})
    jobs = {job.name: job for job in done.pipelines[0].jobs}
    assert not sink.failed
    assert done.rendered == ()
    assert (action(jobs["deploy-churn"]).documents, action(jobs["deploy-churn"]).image) == (("k8s.yaml",), "serving")


def test_own_documents_come_beside_what_is_rendered() -> None:
    rollout = KUBERNETES.replace(documents=("config.yaml",))
    jobs, _ = run(project(service(deploy=rollout)), **{"config.yaml": ""})
    assert action(jobs["deploy-churn"]).documents == (PATH, "config.yaml")
    assert action(jobs["deploy-churn"]).image == "serving"


def test_where_a_service_answers() -> None:
    def reached(health: str, **ingress: object) -> tuple[str | None, str | None]:
        rollout = KUBERNETES.replace(ingress=Ingress(**ingress))
        deploy = action(run(project(service(health=health, deploy=rollout)))[0]["deploy-churn"])
        return deploy.url, deploy.health

    host = "churn.example.org"
    assert reached("/ok") == (None, None)
    assert reached("/ok", host=host) == ("http://churn.example.org/", "http://churn.example.org/ok")
    assert reached("/ok", host=host, tls=True) == ("https://churn.example.org/", "https://churn.example.org/ok")
    assert reached("/ok", host=host, path="/churn") == ("http://churn.example.org/churn", None)
    assert reached("/churn/ok", host=host, path="/churn")[1] == "http://churn.example.org/churn/ok"
    assert reached("/ok", host="*.example.org") == (None, None)
    assert reached("https://out.example.org/ok") == (None, "https://out.example.org/ok")


def test_secrets_are_references_and_what_the_cluster_must_hold_is_said() -> None:
    done, sink = lowered(
        project(
            service(
                smoke=Script(lines=("true",)),
                secrets=(
                    SecretUse(secret="API_TOKEN"),
                    SecretUse(secret="DB", env="DATABASE"),
                    SecretUse(secret="DB", file="/run/db"),
                ),
                deploy=KUBERNETES,
            ),
            secrets=(Secret(name="API_TOKEN"), Secret(name="DB", store="kubernetes", path="databases", key="url")),
        )
    )
    (message,) = found(sink, "HR4011")
    assert '"api-token" with the key "API_TOKEN", "databases" with the key "url" for "churn"' in message
    text = str(documents(done)["Deployment"])
    assert "{'secretKeyRef': {'name': 'api-token', 'key': 'API_TOKEN'}}" in text
    assert "{'name': 'DATABASE', 'valueFrom': {'secretKeyRef': {'name': 'databases', 'key': 'url'}}}" in text
    assert "'mountPath': '/run/db', 'subPath': 'url', 'readOnly': True" in text


def test_what_documents_cannot_say_is_said() -> None:
    resources = Resources(accelerator=Accelerator(count=1, kind="a100"), spot=True)
    _, sink = run(project(service(smoke=Script(lines=("true",)), resources=resources, deploy=KUBERNETES)))
    assert found(sink, "HR4011") == [
        'HR4011: the documents of "churn" can\'t say spot, gpu.kind: clusters label such nodes their own way'
    ]


def test_a_value_that_is_known_while_compiling_is_written() -> None:
    done, sink = lowered(
        project(service(env=(EnvVar(name="OF", value=("the ", Ref(kind="project", name="name"))),), deploy=KUBERNETES))
    )
    assert not sink.failed
    assert "{'name': 'OF', 'value': 'the shop'}" in str(documents(done)["Deployment"])


@pytest.mark.parametrize(
    ("changes", "rollout", "message"),
    [
        (
            {"env": (EnvVar(name="C", value=(Ref(kind="git", name="commit"),)),)},
            {},
            'HR2011: "{{ git.commit }}" is not known while compiling, but the documents of "churn" are written then',
        ),
        ({"secrets": (SecretUse(secret="TOKN"),)}, {}, 'HR3005: "TOKN" is not a secret of this manifest'),
        (
            {"secrets": (SecretUse(secret="T", file="t.txt"),)},
            {},
            'HR2014: "t.txt" is not an absolute path: a deployed service has no checkout',
        ),
        ({"port": None}, {}, 'HR2003: the service "churn" has no `port`: where does it answer?'),
        ({}, {"namespace": "My_Space"}, 'HR2005: "My_Space" is no name of a namespace in Kubernetes'),
        ({}, {"ingress": Ingress(host="Churn.example")}, 'HR2005: "Churn.example" is no host that an ingress takes'),
        (
            {},
            {"ingress": Ingress(host="a.b", tls=False, secret="s")},
            'HR2012: `tls: false` beside the secret "s", which holds a certificate',
        ),
        ({}, {"ingress": Ingress(path="x")}, 'HR2004: "x" is no URL path: it starts with "/"'),
        (
            {},
            {"platform": "kserve", "ingress": Ingress(host="a.b")},
            "HR2012: `ingress` means nothing to kserve, which exposes its services itself",
        ),
        (
            {},
            {"platform": "knative", "ingress": Ingress(host="a.b", path="/x")},
            "HR2012: `path` of an ingress is for `platform: kubernetes`: Knative maps whole hosts",
        ),
        (
            {},
            {"platform": "knative", "ingress": Ingress(host="a.b", tls=True)},
            "HR2003: an ingress on Knative needs `secret`",
        ),
        ({}, {"platform": "apply"}, 'HR2003: "churn" has no `documents` to apply'),
        (
            {},
            {"platform": "gitops"},
            'HR2003: "deploy-churn" deploys by a commit, but no `branch` is named to commit to',
        ),
    ],
)
def test_what_can_not_be_deployed(changes: dict[str, object], rollout: dict[str, object], message: str) -> None:
    deploy = Rollout(**{"platform": "kubernetes", **rollout})
    _, sink = run(project(service(**changes, deploy=deploy), secrets=(Secret(name="T"),)))
    assert message in found(sink)
    assert sink.failed


def test_a_name_that_kubernetes_does_not_take() -> None:
    _, sink = run(project(service(deploy=KUBERNETES).replace(name="Churn_2")))
    assert found(sink, "HR2005") == ['HR2005: "Churn_2" is no name of a service in Kubernetes']


def test_all_faults_come_out_in_one_go() -> None:
    broken = service(port=None, env=(EnvVar(name="C", value=(Ref(kind="git", name="commit"),)),), deploy=KUBERNETES)
    _, sink = run(project(broken, service(environment="gone").replace(name="other")))
    assert {one.code.number for one in sink.diagnostics if one.severity == "error"} == {"HR2003", "HR2011", "HR3002"}


def test_everything_that_is_made_says_where_it_comes_from() -> None:
    done, _ = lowered(project(service(deploy=KUBERNETES)))
    for made in done.pipelines[0].jobs:
        assert made.origin is not None
        nodes: list[Node] = [*made.needs, *made.sidecars]
        assert all(node.origin is not None for node in nodes)
        assert made.action is not None
    assert all(rendered.origin is not None for rendered in done.rendered)


# ------------------------------------------------------------------------------------------------------------- example


def test_the_example_builds_tests_and_deploys_its_service() -> None:
    """The image is built only after the model passed its test, and holds what training left."""
    root = os.path.join(os.path.dirname(os.path.dirname(__file__)), "examples", "churn")
    repository, sink = Repository(root), Sink()
    project = native.read("headrace.yaml", repository, sink)
    assert project is not None
    done = lower(project, Context(repository, sink))
    assert not sink.failed, sink.diagnostics
    every_change, release = done.pipelines
    assert not {"build-serving", "smoke-churn", "deploy-churn"} & {job.name for job in every_change.jobs}
    jobs = {job.name: job for job in release.jobs}
    assert needs(jobs["build-serving"]) == {"train": True, "evaluate": True}
    assert needs(jobs["smoke-churn"]) == {"build-serving": False}
    assert needs(jobs["deploy-churn"]) == {"smoke-churn": False, "build-serving": False}
    assert documents(done)["Deployment"]["spec"]["replicas"] == 2
