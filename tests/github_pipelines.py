"""Pipelines as targets get them, for the tests of the GitHub target: made by hand, without a front end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from compiler.diagnostics import Sink
from compiler.driver import text_of
from compiler.ir import (
    Accelerator,
    Amounts,
    Approval,
    Artifact,
    Build,
    BuildImage,
    Cache,
    Call,
    Changed,
    ChangedFiles,
    Compare,
    Deploy,
    Environment,
    EnvVar,
    Exec,
    Identity,
    Job,
    Lock,
    Matches,
    Matrix,
    Metric,
    Need,
    Not,
    Number,
    Objective,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPipeline,
    OnPush,
    OnSchedule,
    Parameter,
    Permission,
    Pipeline,
    Project,
    Publish,
    Ref,
    Resources,
    Resume,
    Retry,
    Runner,
    Script,
    Secret,
    SecretUse,
    Settings,
    Sidecar,
    Store,
    Support,
    Volume,
)
from compiler.source import Span
from compiler.target import Document, check_support
from targets import github

GIGA = 10**9
GIB = GIGA << 30
DEFAULT_TRIGGERS = (OnPush(), OnChangeRequest(), OnManual())
SETTINGS = Settings(target="github", options=(("default_branch", "main"),))
UV = Environment(
    name="py", python="3.12", installer="uv", image=("ghcr.io/astral-sh/uv:0.13.8-python3.12-bookworm-slim",)
)
PLAIN = Environment(name="plain", image=("debian:12.8-slim",))
LR = Ref(kind="parameters", name="lr")
FOLD = Ref(kind="matrix", name="fold")
FOLDS = Matrix(axes=(("fold", ("0", "1", "2")),))
NOT_A_CHANGE_REQUEST = Not(term=Compare(subject="event", operator="==", values=("change_request",)))
ACCURATE = Objective(left=Metric(name="accuracy"), operator=">=", right=Number(value="0.9"))


class Origin:
    """A place in a manifest, without the manifest."""

    def __init__(self, path: str) -> None:
        self.path = path

    def span(self, field: str | None = None) -> Span | None:
        del field
        return None


def job(name: str, run: str = "", **more: Any) -> Job:
    """A job as the passes leave one: a timeout, `run_on`, complete needs."""
    if run:
        more.setdefault("action", Script(lines=(run,)))
    more.setdefault("timeout", 3600)
    more.setdefault("run_on", "success")
    more["needs"] = tuple(need(one) if isinstance(one, str) else one for one in more.get("needs", ()))
    return Job(name=name, origin=Origin(f"jobs.{name}"), **more)


def need(name: str, **more: Any) -> Need:
    return Need(**{"job": name, "artifacts": True, "optional": False, "legs": "all", **more})


def project(*jobs: Job, triggers: Any = DEFAULT_TRIGGERS, **more: Any) -> Project:
    """A project of one pipeline, `churn`, that declares what its jobs use."""
    more.setdefault("secrets", tuple(Secret(name=name) for name in _used(jobs)))
    of_pipeline = {key: more.pop(key) for key in ("parameters", "concurrency", "env") if key in more}
    pipeline = Pipeline(name="churn", jobs=jobs, triggers=triggers, **of_pipeline)
    return Project(name="churn", manifest="headrace.yaml", pipelines=(pipeline,), **more)


def _used(jobs: tuple[Job, ...]) -> list[str]:
    """The names of the secrets that jobs, their builds and their images' registries take."""
    uses = [use.secret for job in jobs for use in job.secrets]
    uses += [use.secret for job in jobs if isinstance(job.action, BuildImage) for use in job.action.build.secrets]
    uses += [job.environment.credentials for job in jobs if getattr(job.environment, "credentials", None)]
    return list(dict.fromkeys(uses))


def emitted(given: Project, settings: Settings = SETTINGS) -> tuple[tuple[Document, ...], Sink]:
    sink = Sink()
    check_support(github, given, sink)
    return github.emit(given, settings, sink), sink


def compiled(given: Project, settings: Settings = SETTINGS) -> dict[str, Any]:
    """The one workflow of a project that has nothing wrong, as GitHub reads it."""
    documents, sink = emitted(given, settings)
    assert not sink.failed, sink.diagnostics
    (document,) = documents
    return read(text_of(document, given))


def read(text: str) -> dict[str, Any]:
    """YAML as GitHub reads it: 1.2, where `on` is text."""
    data = yaml.safe_load(text)
    data["on"] = data.pop(True)
    assert isinstance(data, dict)
    return data


def found(given: Project, settings: Settings = SETTINGS) -> list[str]:
    """The numbers of all findings but the notes on what is emulated."""
    _, sink = emitted(given, settings)
    return [one.code.number for one in sink.diagnostics if one.code.number != "HR4002"]


def jobs_of(given: Project, settings: Settings = SETTINGS) -> dict[str, Any]:
    jobs = compiled(given, settings)["jobs"]
    assert isinstance(jobs, dict)
    return jobs


def step(made: dict[str, Any], name: str) -> dict[str, Any]:
    """A job's step by its name, its id or the action that it uses."""
    for one in made["steps"]:
        if name in (one.get("name"), one.get("id"), one.get("uses", "").split("@")[0]):
            assert isinstance(one, dict)
            return one
    raise AssertionError(f"no step {name} among {[s.get('name') or s.get('uses') for s in made['steps']]}")


def write(given: Project, folder: Path, settings: Settings = SETTINGS) -> list[Path]:
    """Write the compiled files into a repository that tools read."""
    documents, sink = emitted(given, settings)
    assert not sink.failed, sink.diagnostics
    (folder / ".git").mkdir(exist_ok=True)
    paths = []
    for document in documents:
        path = folder / document.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(document, given), encoding="utf-8")
        paths.append(path)
    return paths


# ------------------------------------------------------------------------------------------------- pipelines by feature

PARAMETERS = (
    Parameter(name="lr", type="float", default="0.01", minimum="0", help="step size"),
    Parameter(name="epochs", type="int", default="10"),
    Parameter(name="dry_run", type="bool", default="false"),
    Parameter(name="size", type="choice", choices=("s", "l"), default="s"),
    Parameter(name="note", type="string", default="it's"),
)
CHECK = job(
    "check-parameters",
    action=Support(
        script="check_parameters",
        arguments=(('[{"name":"lr","env":"HEADRACE_PARAM_LR","type":"float"}]',),),
        refs=(LR,),
    ),
)
FETCH = job(
    "fetch",
    "python fetch.py",
    environment=UV,
    needs=("check-parameters",),
    secrets=(SecretUse(secret="WAREHOUSE_TOKEN"),),
    outputs=(Artifact(path=("data/customers",), kind="dataset", keep=30 * 86400),),
    cache=Cache(max_age=86400),
)
TRAIN = job(
    "train",
    action=Exec(argv=(("python",), ("train.py",), ("--lr",), (LR,), ("--fold",), (FOLD,))),
    environment=UV,
    needs=("fetch",),
    matrix=FOLDS,
    resources=Resources(request=Amounts(memory=16 * GIB), accelerator=Accelerator(count=1)),
    outputs=(Artifact(path=("models/", FOLD), kind="model"),),
    condition=NOT_A_CHANGE_REQUEST,
    retry=Retry(max=2, on=("failure", "timeout")),
    timeout=4 * 3600,
)
EVALUATE = job(
    "evaluate",
    "python evaluate.py",
    environment=UV,
    needs=("train",),
    outputs=(Artifact(path=("metrics.json",), kind="metrics"),),
    objectives=(ACCURATE,),
)
BUILD = job(
    "build-serve",
    action=BuildImage(
        build=Build(file="Dockerfile", args=(EnvVar(name="LR", value=(LR,)),), secrets=(SecretUse(secret="PIP"),)),
        publish=Publish(repository=("churn",), tags=(("commit",), ("branch",), ("version",), ("latest",))),
        environment="serve",
    ),
    needs=("evaluate",),
)
DEPLOY = job(
    "deploy-serve",
    action=Deploy(
        platform="kubernetes",
        to="production",
        cluster="ml",
        documents=("deploy/serve/kubernetes.yaml",),
        image="serve",
        url="https://churn.example.com",
        health="https://churn.example.com/health",
    ),
    needs=(need("build-serve", artifacts=False),),
    condition=NOT_A_CHANGE_REQUEST,
    approval=Approval(to="production"),
)

CHURN = project(
    CHECK,
    FETCH,
    TRAIN,
    EVALUATE,
    BUILD,
    DEPLOY,
    parameters=PARAMETERS,
    secrets=(Secret(name="WAREHOUSE_TOKEN"), Secret(name="PIP")),
)
# Shared memory is a container's.
ON_THE_HOST = CHURN.replace(
    pipelines=tuple(
        pipeline.replace(
            jobs=tuple(
                one.replace(resources=one.resources.replace(shm=None)) if one.resources is not None else one
                for one in pipeline.jobs
            )
        )
        for pipeline in CHURN.pipelines
    )
)
RUNNERS = SETTINGS.replace(
    runners=(
        Runner(gpu=True, select=(("labels", ("self-hosted", "gpu")),)),
        Runner(select=(("labels", ("ubuntu-24.04",)),)),
    )
)

OUTCOMES = project(
    job("lint", "make lint", allow_failure=True),
    job("test", "make test", condition=Compare(subject="event", operator="in", values=("push", "manual"))),
    job("report", "make report", needs=(need("lint"), need("test", optional=True))),
    job("publish", "make publish", needs=("report",)),
    job("mail", "make mail", needs=("test", "report"), run_on="failure"),
    job("clean", "make clean", needs=("test", "report"), run_on="always"),
)

DECISIONS = project(
    job("api", "make api", condition=Changed(globs=("api/**", "lib/*.py"))),
    job("release", "make release", condition=Matches(subject="branch", glob="release/**")),
    job("both", "make both", needs=("api",), condition=Changed(globs=("api/**", "lib/*.py"))),
    job("note", "make note", needs=("api",), run_on="always"),
)

TRIGGERS = project(
    job("run", action=Exec(argv=(("run",), (LR,), (Ref(kind="git", name="short"),), (Ref(kind="run", name="url"),)))),
    triggers=(
        OnPush(branches=("main", "release/**"), tags=("v*",), paths=("src/**",)),
        OnChangeRequest(branches=("main",), paths=("src/**",)),
        OnSchedule(cron="7 3 * * 1-5", timezone="Europe/Berlin", parameters=(("lr", "0.1"), ("note", ""))),
        OnSchedule(cron="7 4 * * *"),
        OnManual(),
        OnCall(),
    ),
    parameters=PARAMETERS,
)

ACCESS = project(
    job(
        "read",
        "read-all",
        environment=PLAIN.replace(image=("registry.example.com/team/tool:1.2",), credentials="REGISTRY"),
        secrets=(
            SecretUse(secret="TOKEN", env="API_TOKEN"),
            SecretUse(secret="CERT", file="certs/client.pem"),
            SecretUse(secret="DB"),
        ),
        identity=Identity(name="aws", provider="aws", settings=(("role", "arn:aws:iam::1:role/ci"),)),
        permissions=(Permission(scope="issues", access="write"), Permission(scope="pull_requests", access="read")),
    ),
    job(
        "gcs",
        "python copy.py",
        environment=UV,
        outputs=(Artifact(path=("big",), kind="model", store="lake"),),
        resume=Resume(paths=("checkpoints",), every=300, store="lake"),
    ),
    job("use", "ls big", environment=UV, needs=("gcs",)),
    secrets=(
        Secret(name="TOKEN"),
        Secret(name="CERT", key="CLIENT_CERT"),
        Secret(name="DB", store="vault", path="secret/data/db", key="password"),
        Secret(name="REGISTRY"),
    ),
    identities=(
        Identity(name="lake", provider="gcp", settings=(("provider", "projects/1/x"), ("service_account", "ci@x.iam"))),
    ),
    stores=(Store(name="lake", kind="gcs", url="gs://lake/models", identity="lake"),),
)

MACHINES = project(
    job(
        "limits",
        "true",
        environment=PLAIN,
        resources=Resources(limit=Amounts(cpu=1500 * 10**6, memory=2 * GIB), shm=GIB),
        volumes=(Volume(name="data", path="/data", read_only=True),),
        lock=Lock(name="licence"),
    ),
    job("arm", "true", environment=UV, platform="linux/arm64"),
    job("short", "true", environment=UV, timeout=30),
    job("again", "true", environment=PLAIN, retry=Retry(max=3, on=("failure",), exit_codes=(1, 75))),
    job(
        "beside",
        action=Exec(argv=(("psql",), ("-h", Ref(kind="sidecars", name="db", member="host")))),
        environment=PLAIN,
        sidecars=(
            Sidecar(
                name="db",
                image=("postgres:17.2",),
                port=5432,
                env=(EnvVar(name="POSTGRES_PASSWORD", value=("x",)),),
                command=(("postgres",), ("-c",), ("log_statement=all",)),
            ),
        ),
    ),
    job(
        "probe",
        action=Support(
            script="probe",
            arguments=(
                (
                    "http://",
                    Ref(kind="sidecars", name="s", member="host"),
                    ":",
                    Ref(kind="sidecars", name="s", member="port"),
                ),
            ),
        ),
        sidecars=(Sidecar(name="s", image=("nginx:1.27.3",), port=80),),
    ),
    job("files", "make", environment=PLAIN, outputs=(ChangedFiles(paths=("out",)), Artifact(path=("a b",)))),
)

LEGS = project(
    job("train", "train", environment=UV, matrix=FOLDS, outputs=(Artifact(path=("models/", FOLD)),)),
    job("test", "test", environment=UV, matrix=FOLDS, needs=(need("train", legs="same"),),
        outputs=(Artifact(path=("report",), per_leg=True),)),
    job("best", "best", environment=UV, needs=(need("train", legs=(("fold", "1"),)), need("test"))),
    job("odd", "odd", environment=UV, matrix=Matrix(axes=(("path", ("a/b", "c d", "${{ x }}")),), max_parallel=2),
        outputs=(Artifact(path=("log",), per_leg=True),)),
    job("join", "join", environment=UV, needs=("odd",)),
)  # fmt: skip

SEVERAL = Project(
    name="churn",
    manifest="headrace.yaml",
    secrets=(Secret(name="TOKEN"),),
    pipelines=(
        Pipeline(
            name="main",
            jobs=(
                job("train", "train", environment=UV, outputs=(Artifact(path=("model",)),)),
                job(
                    "score",
                    action=Call(
                        pipeline="score",
                        parameters=(
                            EnvVar(name="lr", value=(LR,)),
                            EnvVar(name="dry_run", value=(Ref(kind="parameters", name="dry_run"),)),
                        ),
                    ),
                    needs=("train",),
                ),
                job("end", "make end", environment=UV, needs=("score",)),
            ),
            triggers=DEFAULT_TRIGGERS,
            parameters=PARAMETERS,
        ),
        Pipeline(
            name="score",
            jobs=(
                job(
                    "train",
                    action=Exec(argv=(("score",), (LR,))),
                    environment=UV,
                    secrets=(SecretUse(secret="TOKEN"),),
                    permissions=(Permission(scope="issues", access="write"),),
                    outputs=(Artifact(path=("scores",)),),
                ),
                job("report", "report", environment=UV, needs=("train",)),
            ),
            triggers=(OnCall(), OnManual()),
            parameters=PARAMETERS,
        ),
        Pipeline(
            name="nightly checks",
            jobs=(job("check", "check", environment=UV),),
            triggers=(OnPipeline(pipeline="main"), OnSchedule(cron="3 3 * * 7")),
        ),
    ),
)

GITOPS = project(
    job("build-api", action=BuildImage(build=Build(context="api"), environment="api")),
    job(
        "deploy",
        action=Deploy(platform="gitops", branch="live", documents=("deploy/api.yaml",), image="api"),
        needs=(need("build-api", artifacts=False),),
        condition=NOT_A_CHANGE_REQUEST,
    ),
    job(
        "in-it",
        "pytest",
        environment=Environment(name="api", image=(Ref(kind="images", name="api"),)),
        needs=(need("build-api", artifacts=False),),
        condition=NOT_A_CHANGE_REQUEST,
    ),
)

STRANGE = project(
    job("text", "echo '${{ github.actor }}'\necho \"$HOME\" ${{ x }}", environment=UV,
        env=(EnvVar(name="A", value=("${{ secrets.X }} and ", LR)),)),
    job("1st.job", "true", environment=UV.replace(setup=(("export MODE=fast",),))),
    job("First.Job", needs=("1st.job",), environment=PLAIN,
        action=Script(lines=("true | true",), shell="bash")),
    parameters=PARAMETERS,
)  # fmt: skip

ALL: dict[str, tuple[Project, Settings]] = {
    "churn": (CHURN, RUNNERS),
    "churn on the host": (ON_THE_HOST, SETTINGS.replace(options=(("container", False), ("default_branch", "main")))),
    "outcomes": (OUTCOMES, SETTINGS),
    "decisions": (DECISIONS, SETTINGS),
    "triggers": (TRIGGERS, SETTINGS),
    "access": (ACCESS, SETTINGS),
    "machines": (MACHINES, SETTINGS),
    "legs": (LEGS, SETTINGS),
    "several": (SEVERAL, SETTINGS),
    "gitops": (GITOPS, SETTINGS),
    "strange": (STRANGE, SETTINGS),
}
