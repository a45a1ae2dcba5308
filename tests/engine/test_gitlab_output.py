"""What the GitLab target writes, judged by GitLab's own reader of YAML, its schema, and gitlab-ci-local."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

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
    Concurrency,
    Deploy,
    Environment,
    EnvVar,
    Exec,
    Identity,
    Lock,
    Matches,
    Matrix,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPipeline,
    OnPush,
    OnSchedule,
    Parameter,
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
)
from compiler.yamlwriter import write_documents
from tests import tools
from tests.gitlab_project import PY, Emitted, at, job, need, project

pytestmark = pytest.mark.engine

FOLD = Ref(kind="matrix", name="fold")
RATE = Ref(kind="parameters", name="rate")
STORE = Store(name="lake", kind="s3", url="s3://lake/x", identity="cloud")
CLOUD = Identity(name="cloud", provider="aws", settings=(("role", "arn:aws:iam::1:role/x"), ("region", "eu-west-1")))
GI = 10**9 << 30
SETTINGS = Settings(
    target="gitlab",
    runners=(
        Runner(name="small", select=(("tags", ("small",)),), executor="kubernetes", overwrite=True),
        Runner(name="gpu", select=(("tags", ("gpu", "a100")),), gpu=True, executor="docker"),
    ),
    options=(("deploy_image", "registry.example.com/kubectl:1"),),
    include=(".gitlab/hand-written.yml",),
)


def everything() -> Project:
    """A project that uses each construct."""
    jobs = (
        job(
            "fetch",
            "python fetch.py\necho $HOME '$[[ x ]]'",
            environment=PY,
            cache=Cache(max_age=86400),
            secrets=(
                SecretUse(secret="TOKEN"),
                SecretUse(secret="KEY", file="secrets/key"),
                SecretUse(secret="DB", env="DATABASE"),
            ),
            outputs=(Artifact(path=("data",), kind="dataset", keep=86400), ChangedFiles(paths=("docs",))),
        ),
        job(
            "train",
            environment=PY,
            needs=("fetch",),
            matrix=Matrix(axes=(("fold", ("0", "1")),)),
            action=Exec(argv=(("python",), ("train.py",), (RATE,), (FOLD,))),
            timeout=4 * 3600,
            env=(EnvVar(name="GREETING", value=("it's $HOME ", RATE)), EnvVar(name="LITERAL", value=("$HOME %X%",))),
            retry=Retry(max=5),
            outputs=(
                Artifact(path=("models/", FOLD), kind="model"),
                Artifact(path=("log.txt",), per_leg=True),
                Artifact(path=("big/", FOLD), store="lake"),
            ),
            resources=Resources(
                request=Amounts(cpu=4 * 10**9, memory=16 * GI), shm=8 * GI, accelerator=Accelerator(count=1)
            ),
            resume=Resume(paths=("ckpt",), store="lake"),
        ),
        job(
            "score",
            needs=(need("train", legs="same"),),
            matrix=Matrix(axes=(("fold", ("0", "1")),)),
            outputs=(Artifact(path=("scores/", FOLD, ".json")),),
        ),
        job(
            "first",
            needs=(need("train", legs=(("fold", "0"),)),),
            identity=CLOUD,
            resources=Resources(request=Amounts(cpu=10**9, storage=GI), limit=Amounts(memory=GI)),
        ),
        job(
            "odd",
            matrix=Matrix(axes=(("s", ("a b", "$c")), ("n", ("1",))), include=((("s", "z"), ("n", "2")),)),
            sidecars=(Sidecar(name="db", image=("postgres:16",), port=5432, env=(EnvVar(name="P", value=("x",)),)),),
            env=(EnvVar(name="URL", value=("db://", Ref(kind="sidecars", name="db", member="host"))),),
        ),
        job("few", matrix=Matrix(axes=(("k", ("1", "2", "3")),), max_parallel=2), lock=None),
        job("locked", lock=Lock(name="the lab/1"), retry=Retry(max=2, on=("runner", "failure"), exit_codes=(137,))),
        job("docs", condition=Changed(globs=("docs/**", "*.md")), run_on="always", allow_failure=True),
        job("after-docs", needs=(need("docs", optional=True), "fetch")),
        job("tell", needs=("train",), run_on="failure"),
        job(
            "build-serve",
            environment=None,
            needs=("score",),
            action=BuildImage(
                build=Build(
                    file="serve/Dockerfile",
                    args=(EnvVar(name="V", value=(Ref(kind="git", name="short"),)),),
                    secrets=(SecretUse(secret="TOKEN", env="TOKEN"),),
                    platforms=("linux/amd64",),
                    target="x",
                ),
                publish=Publish(
                    repository=("serve",),
                    tags=(("commit",), ("branch",), ("release",), ("latest",), ("v-", Ref(kind="git", name="branch"))),
                ),
                environment="serve",
            ),
        ),
        job(
            "smoke",
            needs=(need("build-serve", artifacts=False),),
            action=Script(lines=("serve --check",), shell="bash"),
            environment=Environment(name="serve", image=(Ref(kind="images", name="serve"),)),
            condition=Compare(subject="event", operator="!=", values=("change_request",)),
        ),
        job(
            "deploy",
            environment=None,
            needs=("build-serve", "smoke"),
            approval=Approval(to="production"),
            action=Deploy(
                platform="kubernetes",
                to="production",
                documents=("deploy/a.yaml",),
                image="serve",
                cluster="g/p:agent",
                namespace="ml",
                health="/healthz",
                url="https://x.example.com",
            ),
        ),
        job(
            "gitops",
            environment=None,
            needs=("build-serve",),
            action=Deploy(platform="gitops", to="staging", documents=("deploy/a.yaml",), image="serve", branch="live"),
        ),
        job(
            "release",
            environment=None,
            needs=("deploy",),
            action=Call(
                pipeline="notes",
                parameters=(
                    EnvVar(name="version", value=("v", Ref(kind="git", name="tag"))),
                    EnvVar(name="dry", value=("false",)),
                ),
            ),
        ),
        job(
            "tagged",
            condition=Matches(subject="tag", glob="v*"),
            env=(EnvVar(name="E", value=(Ref(kind="git", name="event"),)),),
        ),
    )
    nightly = Pipeline(
        name="nightly",
        jobs=(job("sweep", action=Exec(argv=(("echo",), (RATE,)))),),
        triggers=(OnSchedule(cron="0 3 * * *", timezone="Europe/Berlin", parameters=(("rate", "0.5"),)), OnManual()),
        parameters=(Parameter(name="rate", type="float", default="1e-3"),),
        origin=at("pipelines.nightly"),
        concurrency=Concurrency(group=("lab",)),
    )
    notes = Pipeline(
        name="notes",
        jobs=(job("write", "echo"),),
        triggers=(OnCall(), OnPipeline(pipeline="churn")),
        parameters=(Parameter(name="version"), Parameter(name="dry", type="bool", default="true")),
        origin=at("pipelines.notes"),
    )
    made = project(
        *jobs,
        triggers=(
            OnPush(branches=("main", "release/**"), tags=("v*",)),
            OnChangeRequest(),
            OnManual(),
        ),
        pipeline={
            "parameters": (
                Parameter(name="rate", type="float", default="1e-3"),
                Parameter(name="mode", type="choice", choices=("a", "b"), default="a"),
            ),
            "env": (EnvVar(name="TEAM", value=("churn",)),),
        },
        secrets=(Secret(name="TOKEN"), Secret(name="KEY"), Secret(name="DB", store="vault", path="kv/db", key="p")),
        identities=(CLOUD,),
        stores=(STORE,),
    )
    return made.replace(pipelines=(*made.pipelines, nightly, notes))


@pytest.fixture(scope="module")
def emitted() -> Emitted:
    made = Emitted(everything(), SETTINGS)
    assert [found for found in made.sink.diagnostics if found.severity == "error"] == []
    return made


@pytest.fixture
def folder(emitted: Emitted, tmp_path: Path) -> Path:
    return written(emitted, tmp_path)


def written(made: Emitted, folder: Path) -> Path:
    made.write(folder)
    hand = folder / ".gitlab" / "hand-written.yml"
    hand.parent.mkdir(exist_ok=True)
    hand.write_text("mine:\n  needs: [fetch]\n  script: [make mine]\n", encoding="utf-8")
    return folder


def files(folder: Path) -> Iterator[Path]:
    yield folder / ".gitlab-ci.yml"
    yield from sorted((folder / ".gitlab" / "headrace").glob("*.yml"))


def test_psych_reads_what_was_meant(emitted: Emitted) -> None:
    for documents in emitted.files.values():
        assert tools.read_psych(write_documents(documents)) == json.loads(json.dumps(documents))


def test_schemas_know_every_key(emitted: Emitted, folder: Path) -> None:
    schema: Any = json.loads((Path(__file__).parents[2] / "schemas/vendor/gitlab-ci.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    for path, documents in emitted.files.items():
        found = [
            f"{path} {list(error.absolute_path)}: {error.message}"
            for error in validator.iter_errors(json.loads(json.dumps(documents[-1])))
        ]
        assert found == []
    for file in files(folder):
        assert tools.check_jsonschema(file, "vendor.gitlab-ci") == []


def test_gitlab_ci_local_takes_every_file(folder: Path) -> None:
    for file in files(folder):
        listed = tools.gitlab_ci_local_list(folder, {"CI_PIPELINE_SOURCE": "push"}, str(file.relative_to(folder)))
        assert listed


def test_scripts_pass_shellcheck(emitted: Emitted) -> None:
    ignored = ("SC2034", "SC2164", "SC2154", "SC2016", "SC1091", "SC2155", "SC2103")
    for documents in emitted.files.values():
        for name, data in documents[-1].items():
            if not isinstance(data, dict) or not isinstance(data.get("script"), list):
                continue
            text = "\n".join([*data.get("before_script", []), *data["script"]]) + "\n"
            found = [
                one
                for one in tools.shellcheck(text, "bash")
                if not one.message.endswith(tuple(f"({c})" for c in ignored))
            ]
            assert found == [], name


def test_hand_written_jobs_may_need_compiled_ones(folder: Path) -> None:
    listed = tools.gitlab_ci_local_list(folder, {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"})
    assert "mine" in [one["name"] for one in listed]
