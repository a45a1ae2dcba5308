"""Pipelines by hand, as passes leave them, and what Argo's target makes of them."""

from __future__ import annotations

from typing import Any

from compiler import ir
from compiler.diagnostics import Diagnostic, Sink
from compiler.source import At, Source
from targets import argo

UV = "ghcr.io/astral-sh/uv:0.13.8-python3.12-bookworm-slim"
GIB = 2**30 * 10**9
CORE = 10**9
PARAMETER = ir.Ref(kind="parameters", name="rate")
FOLD = ir.Ref(kind="matrix", name="fold")
SOURCE = Source("headrace.yaml", "name: churn\n")


def origin(path: str) -> At:
    return At(path, SOURCE.whole())


def py(**more: Any) -> ir.Environment:
    return ir.Environment(name="py", python="3.12", image=(UV,), **more)


def need(name: str, **more: Any) -> ir.Need:
    return ir.Need(**{"job": name, "artifacts": True, "optional": False, "legs": "all", **more})


def job(name: str, *needs: str | ir.Need, run: Any = None, **more: Any) -> ir.Job:
    """A lowered job: shell text by default."""
    given = {
        "action": ir.Script(lines=run if isinstance(run, tuple) else (run or f"echo {name}",)),
        "environment": py(),
        "timeout": 3600,
        "run_on": "success",
        "origin": origin(f"jobs.{name}"),
        **more,
    }
    return ir.Job(name=name, needs=tuple(need(one) if isinstance(one, str) else one for one in needs), **given)


def folds(*values: str, **more: Any) -> ir.Matrix:
    return ir.Matrix(axes=(("fold", values or ("0", "1", "2")),), **more)


def event_is(value: str) -> ir.Compare:
    return ir.Compare(subject="event", operator="==", values=(value,))


def pipeline(
    *jobs: ir.Job, name: str = "churn", triggers: tuple[Any, ...] = (ir.OnManual(),), **more: Any
) -> ir.Pipeline:
    return ir.Pipeline(name=name, jobs=jobs, triggers=triggers, origin=origin(f"pipelines.{name}"), **more)


def project(*pipelines: ir.Pipeline, **more: Any) -> ir.Project:
    return ir.Project(name="churn", manifest="headrace.yaml", pipelines=pipelines, **more)


def settings(**more: Any) -> ir.Settings:
    options = {"repository": "https://github.com/acme/churn.git", **more.pop("options", {})}
    return ir.Settings(**{"target": "argo", "options": tuple(options.items()), **more})


class Made:
    """The documents of a project, by kind, and what was said."""

    def __init__(self, whole: ir.Project, given: ir.Settings | None = None) -> None:
        sink = Sink()
        self.files = argo.emit(whole, given or settings(), sink)
        self.said: list[Diagnostic] = sink.diagnostics
        self.documents: list[dict[str, Any]] = [one for file in self.files for one in file.documents]

    @property
    def codes(self) -> list[str]:
        return [found.code.number for found in self.said]

    @property
    def errors(self) -> list[str]:
        return [f"{found.code.number} {found.message}" for found in self.said if found.severity == "error"]

    def kind(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.documents if one["kind"] == kind]

    def workflow(self, name: str = "churn") -> dict[str, Any]:
        return next(one for one in self.kind("WorkflowTemplate") if one["metadata"]["name"] == name)

    def templates(self, name: str = "churn") -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.workflow(name)["spec"]["templates"]}

    def template(self, name: str, workflow: str = "churn") -> dict[str, Any]:
        return self.templates(workflow)[name]

    def tasks(self, workflow: str = "churn") -> dict[str, dict[str, Any]]:
        spec = self.workflow(workflow)["spec"]
        entry = next(one for one in spec["templates"] if one["name"] == spec["entrypoint"])
        return {one["name"]: one for one in entry["dag"]["tasks"]}

    def task(self, name: str) -> dict[str, Any]:
        return self.tasks()[name]

    def source(self, name: str) -> str:
        text: str = self.template(name)["script"]["source"]
        return text

    def variables(self, name: str) -> dict[str, Any]:
        body = self.template(name)
        env = (body.get("script") or body["container"]).get("env", [])
        return {one["name"]: one.get("value", one.get("valueFrom")) for one in env}

    def inputs(self, name: str) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.template(name)["inputs"]["artifacts"]}

    def outputs(self, name: str) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.template(name)["outputs"]["artifacts"]}

    def parameters(self, name: str = "churn") -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.workflow(name)["spec"]["arguments"]["parameters"]}


def make(*jobs: ir.Job, given: ir.Settings | None = None, whole: dict[str, Any] | None = None, **more: Any) -> Made:
    """One pipeline of these jobs."""
    return Made(project(pipeline(*jobs, **more), **(whole or {})), given)


def constructs() -> dict[str, tuple[ir.Project, ir.Settings]]:
    """Every construct once, by name: what the engines judge."""
    made: dict[str, tuple[ir.Project, ir.Settings]] = {}

    def case(
        name: str, *jobs: ir.Job, given: dict[str, Any] | None = None, whole: dict[str, Any] | None = None, **more: Any
    ) -> None:
        made[name] = (project(pipeline(*jobs, **more), **(whole or {})), settings(**(given or {})))

    registry = {"registry": "registry.example.com/ml", "options": {"namespace": "ml", "service_account": "pipelines"}}
    output = ir.Artifact(path=("data/out",), kind="directory")
    of_leg = ir.Artifact(path=("models/", FOLD), kind="model")
    metrics = ir.Artifact(path=("metrics.json",), kind="metrics")
    rate = ir.Parameter(name="rate", type="float", default="0.01", help="step size")
    objective = ir.Objective(left=ir.Metric(name="accuracy"), operator=">=", right=ir.Number(value="0.9"))

    case("order", job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c"))
    case(
        "outcomes",
        job("a", allow_failure=True),
        job("b", "a", condition=event_is("push")),
        job("c", need("b", optional=True)),
        job("d", "c", run_on="failure"),
        job("e", "c", "d", run_on="always"),
    )
    case("artifacts", job("a", outputs=(output, metrics)), job("b", "a"), job("c", need("a", artifacts=False)))
    case("matrix", job("a", matrix=folds(), outputs=(of_leg,)), job("b", "a"))
    case(
        "matrix of two axes",
        job(
            "a",
            run=("echo ", FOLD),
            matrix=ir.Matrix(
                axes=(("fold", ("0", "1")), ("size", ("s", "l"))),
                exclude=((("fold", "1"), ("size", "l")),),
                include=((("fold", "9"), ("size", "x, y")),),
                max_parallel=2,
            ),
            outputs=(ir.Artifact(path=("report.json",), per_leg=True),),
        ),
        job("b", "a"),
    )
    case(
        "leg edges",
        job("a", matrix=folds(), outputs=(of_leg,)),
        job("b", need("a", legs="same"), matrix=folds()),
        job("c", need("a", legs=(("fold", "0"),))),
    )
    case(
        "conditions",
        job("a", condition=ir.And(terms=(event_is("push"), ir.Matches(subject="branch", glob="release/*")))),
        job("b", condition=ir.Or(terms=(ir.Truth(subject="parameters.dry-run"), ir.Not(term=event_is("schedule"))))),
        job("c", condition=ir.Changed(globs=("src/**", "{{ x }}"))),
        job("d", condition=ir.Compare(subject="parameters.rate", operator="in", values=("a'b", "c\\d", "}}"))),
        job("e", matrix=folds(), condition=ir.Compare(subject="tag", operator="!=", values=("",))),
        parameters=(rate, ir.Parameter(name="dry-run", type="bool", default="false")),
        triggers=(ir.OnPush(), ir.OnChangeRequest(), ir.OnManual()),
    )
    case(
        "braces",
        job(
            "a",
            run="echo '{{ x }}' \"{{{y}}}\"",
            env=(
                ir.EnvVar(name="FORMAT", value=("{{ .Name }} ", PARAMETER)),
                ir.EnvVar(name="COST", value=("$$5 $(HOME)",)),
            ),
        ),
        job("b", action=ir.Exec(argv=(("echo",), ("{{ x }}",), ("$(HOME) $$",)))),
        parameters=(rate,),
    )
    case(
        "values",
        job(
            "a",
            run=(
                "echo ",
                *(
                    ir.Ref(kind="git", name=name)
                    for name in ("commit", "short", "branch", "tag", "ref", "default_branch", "repository", "event")
                ),
            ),
            env=(
                ir.EnvVar(name="RUN", value=(ir.Ref(kind="run", name="id"), "-", ir.Ref(kind="run", name="attempt"))),
            ),
            retry=ir.Retry(max=2),
        ),
        job("b", action=ir.Exec(argv=(("python",), ("train.py",), ("--rate",), (PARAMETER,)))),
        job("c", action=ir.Exec(argv=(("python",), ("-c",), ("print('$(HOME)')",)))),
        parameters=(
            rate,
            ir.Parameter(name="mode", type="choice", default="a", choices=("a", "b")),
            ir.Parameter(name="who", required=True),
        ),
        triggers=(ir.OnManual(), ir.OnCall()),
    )
    case(
        "machines",
        job(
            "a",
            resources=ir.Resources(
                request=ir.Amounts(cpu=CORE // 2, memory=2 * GIB, storage=10 * GIB),
                limit=ir.Amounts(memory=4 * GIB),
                shm=GIB,
                accelerator=ir.Accelerator(count=2, kind="a100"),
                spot=True,
            ),
            platform="linux/amd64",
            volumes=(
                ir.Volume(name="datasets", path="/data", read_only=True),
                ir.Volume(name="scratch", path="/scratch", size=100 * GIB),
            ),
        ),
        given={
            "runners": (
                ir.Runner(
                    select=(
                        ("node_selector", {"pool": "gpu"}),
                        ("tolerations", [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]),
                    ),
                    accelerator=ir.Accelerator(count=4, kind="a100"),
                    resource="nvidia.com/mig-1g.5gb",
                    spot=True,
                ),
            )
        },
    )
    case(
        "secrets",
        job(
            "a",
            secrets=(
                ir.SecretUse(secret="TOKEN"),
                ir.SecretUse(secret="DB", env="DATABASE_URL"),
                ir.SecretUse(secret="TOKEN", file="keys/token"),
            ),
            identity=ir.Identity(name="Trainer", provider="azure", settings=(("client_id", "0"),)),
            environment=py(credentials="PULL"),
        ),
        whole={
            "secrets": (
                ir.Secret(name="TOKEN"),
                ir.Secret(name="DB", store="kubernetes", path="postgres", key="url"),
                ir.Secret(name="PULL"),
            )
        },
    )
    case(
        "attempts",
        job("a", retry=ir.Retry(max=3)),
        job("b", retry=ir.Retry(max=1, on=("runner",))),
        job("c", retry=ir.Retry(max=1, on=("timeout",))),
        job("d", retry=ir.Retry(max=1, on=("failure",), exit_codes=(1, 137))),
        job("e", retry=ir.Retry(max=1, on=("runner", "failure"))),
        job("f", "a", approval=ir.Approval(to="production")),
        job("g", lock=ir.Lock(name="The GPU")),
        job("h", lock=ir.Lock(name="db", limit=3)),
    )
    case(
        "cache",
        job(
            "a",
            cache=ir.Cache(max_age=86400),
            outputs=(output,),
            environment=py(installer="uv"),
            run=("echo ", PARAMETER),
        ),
        job("b", "a", cache=ir.Cache(), matrix=folds(), outputs=(of_leg,), inputs=(ir.Input(path=("data/out",)),)),
        job("c", "a", "b", approval=ir.Approval(), cache=ir.Cache(), outputs=(metrics,)),
        parameters=(rate,),
        triggers=(ir.OnPush(), ir.OnChangeRequest()),
    )
    case(
        "sidecars",
        job(
            "a",
            run=(
                "psql -h ",
                ir.Ref(kind="sidecars", name="db", member="host"),
                " -p ",
                ir.Ref(kind="sidecars", name="db", member="port"),
            ),
            sidecars=(
                ir.Sidecar(
                    name="db",
                    image=("postgres:16",),
                    port=5432,
                    env=(ir.EnvVar(name="POSTGRES_PASSWORD", value=("x",)),),
                ),
                ir.Sidecar(name="log", image=("busybox:1.36",), command=(("tail",), ("-f",), ("/dev/null",))),
            ),
        ),
    )
    case(
        "objectives",
        job("a", environment=py(installer="uv"), outputs=(metrics,), objectives=(objective,)),
        job(
            "b",
            "a",
            environment=py(installer="pip"),
            outputs=(ir.Artifact(path=("b.json",), kind="metrics"),),
            objectives=(objective,),
        ),
        job(
            "check",
            action=ir.Support(script="check_parameters", arguments=(('[{"name": "rate"}]',),), refs=(PARAMETER,)),
            environment=None,
        ),
        parameters=(rate,),
    )
    case("changed files", job("a", outputs=(ir.ChangedFiles(paths=("src", "a b")),)), job("b", "a"))
    case(
        "stores",
        job("a", outputs=(ir.Artifact(path=("big",), store="s3"), ir.Artifact(path=("more",), store="gcs"))),
        job("b", "a", inputs=(ir.Input(path=("old",), store="blob", dataset="old", version="v1"),)),
        job(
            "c",
            environment=py(installer="uv"),
            resume=ir.Resume(paths=("checkpoints",), every=60, store="disk"),
            volumes=(ir.Volume(name="disk", path="/disk"),),
            matrix=folds(),
        ),
        whole={
            "stores": (
                ir.Store(name="s3", kind="s3", url="s3://bucket/ml"),
                ir.Store(name="gcs", kind="gcs", url="gs://bucket"),
                ir.Store(name="blob", kind="azure", url="az://account/container/x"),
                ir.Store(name="disk", kind="pvc", mount="/disk"),
            )
        },
    )
    build = ir.BuildImage(
        build=ir.Build(
            file="docker/Dockerfile",
            target="serve",
            args=(ir.EnvVar(name="RATE", value=(PARAMETER,)),),
            secrets=(ir.SecretUse(secret="TOKEN"),),
            platforms=("linux/amd64",),
        ),
        publish=ir.Publish(
            repository=("churn",),
            tags=(("commit",), ("branch",), ("release",), ("latest",), ("version",), ("v-", PARAMETER)),
        ),
        environment="serve",
    )
    image = (ir.Ref(kind="images", name="serve"),)
    case(
        "images",
        job("prepare", matrix=folds(), outputs=(of_leg,)),
        job("build-serve", "prepare", action=build, environment=None),
        job(
            "smoke",
            "build-serve",
            environment=ir.Environment(name="serve", image=image),
            condition=ir.Not(term=event_is("change_request")),
        ),
        job(
            "deploy",
            "smoke",
            "build-serve",
            action=ir.Deploy(
                platform="kubernetes",
                documents=("deploy/a b.yaml",),
                image="serve",
                namespace="prod",
                health="/health",
                service="serve",
                to="production",
            ),
            environment=None,
        ),
        job(
            "push",
            "build-serve",
            action=ir.Deploy(platform="gitops", documents=("deploy/x.yaml",), image="serve", branch="env/prod"),
            environment=None,
        ),
        job(
            "away",
            "build-serve",
            action=ir.Deploy(
                platform="apply", documents=("deploy",), cluster="west", health="https://x.example.com/health"
            ),
            environment=None,
        ),
        given={**registry, "options": {**registry["options"], "credentials": "git-login"}},
        parameters=(rate,),
        triggers=(ir.OnPush(), ir.OnChangeRequest()),
        whole={"secrets": (ir.Secret(name="TOKEN"),)},
    )
    case(
        "triggers",
        job("a", condition=ir.Matches(subject="branch", glob="**")),
        triggers=(
            ir.OnPush(branches=("main", "release/*"), tags=("v*",), paths=("src/**",)),
            ir.OnChangeRequest(branches=("main",), paths=("src/**",)),
            ir.OnSchedule(cron="0 3 * * 1", timezone="Europe/Berlin", parameters=(("rate", "0.5"),)),
            ir.OnSchedule(cron="0 4 * * *"),
            ir.OnManual(),
        ),
        parameters=(rate,),
        concurrency=ir.Concurrency(group=("deploy-", ir.Ref(kind="git", name="branch")), cancel=False),
        given={"options": {"repository": "git@gitlab.example.com:acme/churn.git", "credentials": "deploy-key"}},
    )
    called = pipeline(
        job("x", run=("echo ", ir.Ref(kind="git", name="branch"))),
        name="Release It",
        triggers=(ir.OnCall(),),
        parameters=(rate,),
    )
    after = pipeline(job("y"), name="after", triggers=(ir.OnPipeline(pipeline="churn"),))
    caller = pipeline(
        job("a"),
        job(
            "b",
            "a",
            action=ir.Call(pipeline="Release It", parameters=(ir.EnvVar(name="rate", value=("0.", PARAMETER)),)),
            environment=None,
        ),
        parameters=(rate,),
    )
    made["pipelines"] = (project(caller, called, after), settings())
    many = [
        job(f"job-{number}", *([f"job-{number - 1}"] if number % 7 else []), run="echo " + "x" * 900)
        for number in range(1200)
    ]
    made["many"] = (
        project(pipeline(*many, parameters=(rate,), triggers=(ir.OnPush(), ir.OnChangeRequest()))),
        settings(),
    )
    return made
