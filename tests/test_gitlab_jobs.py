"""One job on GitLab: software, machine, secrets, outputs, attempts, images, deployments."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

import pytest

from compiler.images import KUBECTL
from compiler.ir import (
    Accelerator,
    Amounts,
    Approval,
    Artifact,
    Build,
    BuildImage,
    Cache,
    ChangedFiles,
    Deploy,
    Environment,
    EnvVar,
    Exec,
    Identity,
    Input,
    Lock,
    Matrix,
    Metric,
    Number,
    Objective,
    OnCall,
    OnPush,
    Parameter,
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
)
from tests.gitlab_project import PY, UV_IMAGE, emit, job, need

FOLD = Ref(kind="matrix", name="fold")
FOLDS = Matrix(axes=(("fold", ("0", "1")),))
GI = 10**9 << 30
ACCURACY = Objective(left=Metric(name="accuracy"), operator=">=", right=Number(value="0.9"))
METRICS = Artifact(path=("metrics.json",), kind="metrics")
LAKE = Store(name="lake", kind="s3", url="s3://lake/x")


def runners(*given: Runner) -> Settings:
    return Settings(target="gitlab", runners=given)


# -------------------------------------------------------------------------------------------------------------- software


def test_an_environment_is_a_template_with_its_installers_cache() -> None:
    made = emit(job("a", environment=PY), job("b", environment=PY))
    assert made.main["a"]["extends"] == made.main["b"]["extends"] == ".py"
    assert made["a"]["image"] == {"name": UV_IMAGE, "entrypoint": [""]}
    assert made["a"]["before_script"] == ["uv sync --locked", 'export PATH="$PWD/.venv/bin:$PATH"']
    (cache,) = made["a"]["cache"]
    assert cache["key"] == {"files": ["uv.lock", "pyproject.toml"], "prefix": "uv"}
    assert made["a"]["variables"]["UV_CACHE_DIR"] == "$CI_PROJECT_DIR/.headrace/cache/uv"


@pytest.mark.parametrize("installer", ["uv", "pip", "poetry", "pipenv", "conda", "mlflow"])
def test_every_cache_has_two_key_files_at_most_and_is_only_read_by_change_requests(installer: Any) -> None:
    made = emit(job("a", environment=PY.replace(installer=installer)))
    (cache,) = made["a"]["cache"]
    assert 1 <= len(cache["key"]["files"]) <= 2
    assert cache["policy"] == "$HEADRACE_CACHE_POLICY"
    assert made.main["variables"]["HEADRACE_CACHE_POLICY"] == "pull-push"
    policies = [
        rule["variables"]["HEADRACE_CACHE_POLICY"] for rule in made.main["workflow"]["rules"] if "variables" in rule
    ]
    assert policies == ["pull"]


def test_one_name_set_up_in_two_ways_has_two_templates() -> None:
    made = emit(job("a", environment=PY), job("b", environment=PY.replace(image=("nvidia/cuda:12",))))
    assert (made.main["a"]["extends"], made.main["b"]["extends"]) == (".py", ".py-2")


def test_lines_run_strictly_in_the_shell_that_was_asked_for() -> None:
    made = emit(
        job("one", "python a.py"),
        job("two", "cd x\nmake"),
        job("expands", "echo $HOME"),
        job("bash", action=Script(lines=("shopt -s globstar",), shell="bash")),
        job("exact", action=Exec(argv=(("echo",), ("$HOME it's",)))),
        job("inside", "make", working_directory="a b"),
    )
    assert made["one"]["script"] == ["python a.py"]
    assert made["two"]["script"] == ["set -eu", "cd x\nmake"]
    assert made["expands"]["script"] == ["set -eu", "echo $HOME"]
    assert made["bash"]["script"] == ["bash -euc 'shopt -s globstar'"]
    assert made["exact"]["script"] == ["echo '$HOME it'\\''s'"]
    assert made["inside"]["script"] == ["cd 'a b'", "make"]


def test_variables_reach_the_job_as_written() -> None:
    made = emit(
        job(
            "a",
            env=(
                EnvVar(name="PLAIN", value=("x",)),
                EnvVar(name="DOLLAR", value=("$HOME ${X} %PATH%",)),
                EnvVar(name="HOLE", value=("it's $", Ref(kind="parameters", name="rate"))),
                EnvVar(name="COMMIT", value=(Ref(kind="git", name="commit"),)),
                EnvVar(name="BRANCH", value=(Ref(kind="git", name="branch"),)),
                EnvVar(name="TEAM", value=("churn",)),
            ),
        ),
        pipeline={"parameters": (Parameter(name="rate"),), "env": (EnvVar(name="TEAM", value=("churn",)),)},
    )
    assert made["a"]["variables"] == {
        "PLAIN": "x",
        "DOLLAR": {"value": "$HOME ${X} %PATH%", "expand": False},
        "HEADRACE_GIT_COMMIT": "$CI_COMMIT_SHA",
    }
    assert made.main["variables"]["TEAM"] == "churn"
    assert made["a"]["before_script"] == [
        'export HEADRACE_GIT_BRANCH="${CI_COMMIT_BRANCH-}${CI_MERGE_REQUEST_SOURCE_BRANCH_NAME-}"',
        "export HOLE='it'\\''s $'\"$HEADRACE_PARAM_RATE\"",
        'export COMMIT="$HEADRACE_GIT_COMMIT"',
        'export BRANCH="$HEADRACE_GIT_BRANCH"',
    ]


def test_the_event_is_a_variable_where_a_job_asks() -> None:
    made = emit(job("a", env=(EnvVar(name="E", value=(Ref(kind="git", name="event"),)),)))
    events = [rule["variables"]["HEADRACE_GIT_EVENT"] for rule in made.main["workflow"]["rules"]]
    assert events == ["push", "change_request", "manual"]


def test_support_scripts_travel_once() -> None:
    check = Support(script="check_parameters", arguments=(("[]",),), refs=(Ref(kind="parameters", name="n"),))
    made = emit(
        job("check", action=check, environment=None),
        job("a", outputs=(METRICS,), objectives=(ACCURACY,)),
        job("b", outputs=(METRICS.replace(path=("m2.json",)),), objectives=(ACCURACY,)),
        pipeline={"parameters": (Parameter(name="n", type="int"),)},
    )
    assert made.main["a"]["extends"] == [".plain", ".headrace-gate"]
    value = made["a"]["variables"]["HEADRACE_GATE"]
    assert value["expand"] is False
    assert "def judge" in value["value"]
    assert made["check"]["script"] == ["python3 -I -c \"$HEADRACE_CHECK_PARAMETERS\" '[]'"]
    assert made["check"]["before_script"] == ['[ -n "$HEADRACE_PARAM_N" ] || unset HEADRACE_PARAM_N']
    assert made["check"]["image"]["name"] == "python:3.12-slim-bookworm"


# ------------------------------------------------------------------------------------------------------------ the machine


def test_the_smallest_runner_that_fits_and_its_overwrites() -> None:
    small = Runner(name="s", select=(("tags", ("small",)),), executor="kubernetes", overwrite=True, memory=8 * GI)
    large = Runner(name="l", select=(("tags", ("large", "ssd")),), executor="docker", memory=64 * GI)
    asked = Resources(request=Amounts(cpu=1500 * 10**6, memory=4 * GI, storage=GI), limit=Amounts(memory=8 * GI))
    made = emit(
        job("a", resources=asked),
        job("b", resources=Resources(request=Amounts(memory=16 * GI))),
        settings=runners(small, large),
    )
    assert made["a"]["tags"] == ["small"]
    assert made["a"]["variables"] == {
        "KUBERNETES_CPU_REQUEST": "1500m",
        "KUBERNETES_MEMORY_REQUEST": "4Gi",
        "KUBERNETES_EPHEMERAL_STORAGE_REQUEST": "1Gi",
        "KUBERNETES_MEMORY_LIMIT": "8Gi",
    }
    assert made["b"]["tags"] == ["large", "ssd"]
    assert "variables" not in made["b"]


def test_gpus_ask_for_a_runner_of_that_name_where_none_is_listed() -> None:
    made = emit(job("a", resources=Resources(accelerator=Accelerator(count=1))))
    assert made["a"]["tags"] == ["gpu"]
    assert made.codes == ["HR4004", "HR4011"]


def test_a_platform_needs_a_runner_of_it() -> None:
    assert "HR4003" in emit(job("a", platform="linux/arm64")).codes
    arm = Runner(select=(("tags", ("arm",)),), executor="docker", platform="linux/arm64")
    made = emit(job("a", platform="linux/arm64"), settings=runners(arm))
    assert made["a"]["image"]["docker"] == {"platform": "linux/arm64"}


def test_shared_memory_is_checked_before_the_job() -> None:
    made = emit(job("a", resources=Resources(shm=8 * GI)))
    (line,) = made["a"]["before_script"]
    assert "-ge 8388608 ]" in line
    assert "exit 1" in line


def test_a_gpu_job_is_told_where_its_shared_memory_is_small() -> None:
    """Nobody asked for that much, so that the job goes on; who says `shm` means it."""
    device = Accelerator(count=1)
    asked = Resources(accelerator=device, request=Amounts(memory=GI << 20))
    made = emit(job("a", resources=asked))
    assert made.codes.count("HR4011") == 1
    (line,) = made["a"]["before_script"]
    done = subprocess.run(["sh", "-euc", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "half of the memory: set shm_size" in done.stderr
    assert "before_script" not in emit(job("a", resources=Resources(accelerator=device)))["a"]
    shell = runners(Runner(select=(("tags", ["gpu"]),), executor="shell", accelerator=device))
    assert "HR4011" not in emit(job("a", resources=asked.replace(request=None)), settings=shell).codes


def test_python_is_there_before_what_a_store_brings() -> None:
    """The image for GPUs has no Python of its own, and the script that fetches needs it."""
    lake = Store(name="lake", kind="s3", url="s3://lake")
    model = Artifact(path=("model",), kind="model", store="lake")
    cuda = PY.replace(prelude=("bring-python", "use-python"), apt=("curl",), setup=(("own",),))
    made = emit(
        job("train", environment=PY, outputs=(model,)), job("use", environment=cuda, needs=("train",)), stores=(lake,)
    )
    before = made["use"]["before_script"]
    fetch = next(at for at, line in enumerate(before) if "$HEADRACE_STORE" in line)
    assert before.index("use-python") < fetch < before.index("own")
    assert [before.count(line) for line in ("bring-python", "use-python", "own")] == [1, 1, 1]


def test_sidecars_are_services_that_answer_first() -> None:
    sidecar = Sidecar(name="my_db", image=("postgres:16",), port=5432, env=(EnvVar(name="P", value=("$x",)),))
    made = emit(
        job(
            "a",
            sidecars=(sidecar,),
            env=(EnvVar(name="U", value=(Ref(kind="sidecars", name="my_db", member="port"),)),),
        )
    )
    assert made["a"]["services"] == [
        {"name": "postgres:16", "alias": "my-db", "variables": {"P": {"value": "$x", "expand": False}}}
    ]
    assert made["a"]["variables"]["HEADRACE_SIDECAR_MY_DB_PORT"] == "5432"
    assert any("headrace_answers my-db 5432" in line for line in made["a"]["before_script"])


# ------------------------------------------------------------------------------------------------ secrets and identities


def test_secrets_are_said_and_copied_where_the_name_differs() -> None:
    uses = (
        SecretUse(secret="TOKEN"),
        SecretUse(secret="DB", env="DATABASE"),
        SecretUse(secret="KEY", file="keys/id"),
    )
    made = emit(job("a", secrets=uses), secrets=(Secret(name="TOKEN"), Secret(name="DB"), Secret(name="KEY")))
    export, written = sorted(made["a"]["before_script"], reverse=True)[0], made["a"]["before_script"][1]
    assert export == 'export DATABASE="${DB-}"'
    assert written.startswith('(umask 077; mkdir -p "$(dirname keys/id)"')
    assert made.messages == ["GitLab needs the CI/CD variables DB, KEY, TOKEN in the project"]
    assert "TOKEN" not in str(made["a"])


def test_a_secret_that_no_variable_can_be_called_gets_another_name() -> None:
    uses = (SecretUse(secret="hf-token", env="HF"), SecretUse(secret="hf_token"))
    made = emit(job("a", secrets=uses), secrets=(Secret(name="hf-token"), Secret(name="hf_token")))
    (export,) = made["a"]["before_script"]
    assert export.startswith('export HF="${hf_token_')
    assert made.codes == ["HR4010", "HR4011"]


def test_vault_secrets_are_native() -> None:
    vault = Secret(name="T", store="vault", path="ml/warehouse", key="token")
    made = emit(job("a", secrets=(SecretUse(secret="T"),)), secrets=(vault,))
    assert made["a"]["secrets"]["T"] == {
        "vault": {"engine": {"name": "kv-v2", "path": "ml"}, "path": "warehouse", "field": "token"},
        "file": False,
        "token": "$HEADRACE_VAULT_TOKEN",
    }
    assert made["a"]["id_tokens"] == {"HEADRACE_VAULT_TOKEN": {"aud": "$VAULT_SERVER_URL"}}
    assert made.codes == []


@pytest.mark.parametrize(
    ("provider", "settings", "audience", "expected"),
    [
        ("aws", (("role", "arn:x"),), "sts.amazonaws.com", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("azure", (("client", "c"), ("tenant", "t")), "api://AzureADTokenExchange", "AZURE_FEDERATED_TOKEN_FILE"),
        (
            "gcp",
            (
                ("provider", "projects/1/locations/global/workloadIdentityPools/p/providers/g"),
                ("service_account", "s@p"),
            ),
            "https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/g",
            "GOOGLE_APPLICATION_CREDENTIALS",
        ),
    ],
)
def test_identities_are_tokens_and_no_keys(provider: Any, settings: Any, audience: str, expected: str) -> None:
    made = emit(job("a", identity=Identity(name="cloud", provider=provider, settings=settings)))
    assert made["a"]["id_tokens"] == {"HEADRACE_IDENTITY_TOKEN": {"aud": audience}}
    assert any(line.startswith(f"export {expected}=") for line in made["a"]["before_script"])


def test_everything_that_is_said_of_azure_reaches_the_job() -> None:
    settings = (("client", "c"), ("tenant", "t"), ("subscription", "s"))
    made = emit(job("a", identity=Identity(name="cloud", provider="azure", settings=settings)))
    assert made["a"]["variables"] == {"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_SUBSCRIPTION_ID": "s"}


def test_a_service_account_needs_a_runner_that_takes_it() -> None:
    identity = Identity(name="k", provider="kubernetes", settings=(("service_account", "trainer"),))
    assert emit(job("a", identity=identity)).codes == ["HR4110"]
    takes = Runner(select=(("tags", ("k8s",)),), executor="kubernetes", overwrite=True)
    made = emit(job("a", identity=identity), settings=runners(takes))
    assert made["a"]["variables"] == {"KUBERNETES_SERVICE_ACCOUNT_OVERWRITE": "trainer"}


def test_a_private_image_is_pulled_with_its_secret() -> None:
    private = Environment(name="x", image=("r.example.com/x:1",), credentials="REGISTRY_LOGIN")
    login = Secret(name="REGISTRY_LOGIN")
    assert emit(job("a", environment=private), secrets=(login,))["a"]["variables"] == {
        "DOCKER_AUTH_CONFIG": "$REGISTRY_LOGIN"
    }


# ----------------------------------------------------------------------------------------------------------------- data


def test_outputs_are_artifacts_kept_as_long_as_the_longest() -> None:
    made = emit(
        job(
            "a",
            matrix=FOLDS,
            outputs=(
                Artifact(path=("models/", FOLD, "/x"), keep=86400),
                Artifact(path=("run/", FOLD, "_", Ref(kind="git", name="short")), keep=30 * 86400),
                Artifact(path=("a[1].txt",)),
            ),
        )
    )
    assert made["a"]["artifacts"] == {
        "paths": ["models/$HEADRACE_MATRIX_FOLD/x", "run/${HEADRACE_MATRIX_FOLD}_$CI_COMMIT_SHORT_SHA", "a\\[1].txt"],
        "expire_in": "30d",
    }


def test_legs_that_write_one_path_are_kept_apart() -> None:
    made = emit(
        job("a", matrix=FOLDS, outputs=(Artifact(path=("log.txt",), per_leg=True),)),
    )
    assert made["a"]["script"][-1] == (
        'mv log.txt .headrace-leg && mkdir -p log.txt && mv .headrace-leg log.txt/"fold=${HEADRACE_MATRIX_FOLD}"'
    )
    assert made["a"]["artifacts"]["paths"] == ["log.txt/fold=${HEADRACE_MATRIX_FOLD}"]


def test_outputs_leave_even_where_an_objective_is_missed() -> None:
    made = emit(job("a", matrix=FOLDS, outputs=(METRICS.replace(per_leg=True),), objectives=(ACCURACY,)))
    assert made["a"]["artifacts"]["when"] == "always"
    first, status, gate, *_, move, last = made["a"]["script"]
    assert (first, status, last) == ("true", "HEADRACE_STATUS=0", 'exit "$HEADRACE_STATUS"')
    assert gate.endswith("|| HEADRACE_STATUS=$?")
    assert move.startswith("mv metrics.json")


def test_outputs_of_a_cached_job_leave_too_and_are_not_held() -> None:
    outputs = (METRICS.replace(per_leg=True),)
    made = emit(job("a", matrix=FOLDS, outputs=outputs, objectives=(ACCURACY,), cache=Cache()))
    lines = made["a.fold=0"]["script"][-1].split("\n")
    (gate,) = [at for at, line in enumerate(lines) if line.endswith("|| HEADRACE_STATUS=$?")]
    (move,) = [at for at, line in enumerate(lines) if line.startswith("mv metrics.json")]
    end = lines.index('[ "$HEADRACE_STATUS" = 0 ] || exit "$HEADRACE_STATUS"')
    (save,) = [at for at, line in enumerate(lines) if " save --key" in line]
    assert gate < move < end < save


def test_a_store_carries_what_is_large() -> None:
    big = Artifact(path=("big/", FOLD), store="lake")
    made = emit(
        job("a", matrix=FOLDS, outputs=(big,)),
        job("b", needs=("a",)),
        job("c", needs=(need("a", artifacts=False),)),
        stores=(LAKE,),
    )
    reference = ".headrace/references/a.0.fold=${HEADRACE_MATRIX_FOLD}.json"
    assert made["a"]["artifacts"]["paths"] == [reference]
    assert made["a"]["script"][-1] == (
        'python3 -I -c "$HEADRACE_STORE" put --url s3://lake/x --path "big/${HEADRACE_MATRIX_FOLD}" '
        f'--reference "{reference}" --place a'
    )
    assert made["b"]["before_script"] == [
        f'python3 -I -c "$HEADRACE_STORE" get --reference .headrace/references/a.0.fold={fold}.json' for fold in "01"
    ]
    assert "before_script" not in made["c"]


@pytest.mark.parametrize("kind", ["dvc", "lfs", "pvc"])
def test_stores_that_a_job_cannot_reach(kind: Any) -> None:
    store = Store(name="lake", kind=kind)
    assert "HR4104" in emit(job("a", outputs=(Artifact(path=("x",), store="lake"),)), stores=(store,)).codes


def test_a_mounted_volume_is_a_store() -> None:
    store = Store(name="disk", kind="pvc", mount="/data")
    made = emit(job("a", outputs=(Artifact(path=("x",), store="disk"),)), stores=(store,))
    assert "--url /data " in made["a"]["script"][-1]


@pytest.mark.parametrize(
    ("version", "asked"),
    [("a" * 64, "sha256:" + "a" * 64), ("sha256:" + "b" * 64, "sha256:" + "b" * 64), ("v1", "v1"), (None, "latest")],
)
def test_a_dataset_of_another_run_is_fetched_by_its_version(version: str | None, asked: str) -> None:
    given = Input(path=("data/c",), store="lake", dataset="c", version=version)
    made = emit(job("a", inputs=(given,)), stores=(LAKE,))
    assert made["a"]["before_script"][0] == (
        f'python3 -I -c "$HEADRACE_STORE" get --url s3://lake/x --dataset c --version {asked} --path data/c'
    )


def test_a_dataset_is_named_outside_of_change_requests() -> None:
    made = emit(job("a", outputs=(Artifact(path=("d",), store="lake", dataset="c", version="v1"),)), stores=(LAKE,))
    assert made["a"]["script"][-1] == (
        '[ -n "${CI_MERGE_REQUEST_ID-}" ] || python3 -I -c "$HEADRACE_STORE" name --url s3://lake/x '
        "--reference .headrace/references/a.0.json --dataset c --version v1"
    )


def test_the_targets_store_holds_what_names_none() -> None:
    outputs = (Artifact(path=("big",)), Artifact(path=("m.json",), kind="metrics"), Artifact(path=("x",), store="ci"))
    made = emit(job("a", outputs=outputs), stores=(LAKE,), settings=Settings(target="gitlab", store="lake"))
    assert made["a"]["artifacts"]["paths"] == [".headrace/references/a.0.json", "m.json", "x"]


def test_a_store_holds_a_cache() -> None:
    kept = Cache(store="lake", share=True)
    made = emit(job("a", outputs=(Artifact(path=("d",)),), cache=kept), stores=(LAKE,))["a"]
    assert "cache" not in made
    assert '--store s3://lake/x --key "$HEADRACE_KEY"' in made["script"][1]
    assert '[ "$HEADRACE_CACHE_POLICY" = pull ] ||' in made["script"][2]


def test_changed_files_travel_as_an_archive() -> None:
    made = emit(job("a", outputs=(ChangedFiles(paths=("docs",)),)), job("b", needs=("a",)))
    assert made["a"]["artifacts"]["paths"] == [".headrace/changed/a.0.tar"]
    assert made["a"]["script"][0] == "mkdir -p .headrace/changed"
    assert made["a"]["script"][-1] == "tar -cf .headrace/changed/a.0.tar -T .headrace/changed/list"
    assert made["b"]["before_script"] == ["tar -xf .headrace/changed/a.0.tar"]


def test_a_job_that_may_fail_waits_for_nobody() -> None:
    assert "HR4001" in emit(job("a", approval=Approval(), allow_failure=True)).codes


def test_a_dollar_in_a_path_is_refused() -> None:
    assert emit(job("a", outputs=(Artifact(path=("x$y",)),))).codes == ["HR4106"]


def test_the_key_covers_what_decides_the_outputs() -> None:
    made = emit(
        job("data", outputs=(Artifact(path=("data",)),)),
        job(
            "a",
            environment=PY,
            needs=("data",),
            action=Exec(argv=(("python",), ("a.py",), (Ref(kind="parameters", name="rate"),), (FOLD,))),
            matrix=FOLDS,
            env=(EnvVar(name="E", value=("1",)),),
            inputs=(Input(path=("src/", FOLD)), Input(path=("data",))),
            outputs=(Artifact(path=("out/", FOLD)),),
            cache=Cache(max_age=3600),
        ),
        pipeline={"parameters": (Parameter(name="rate"),)},
    )
    data = made["a.fold=1"]
    spec = json.loads(data["variables"]["HEADRACE_KEY_SPEC"]["value"])
    assert spec["inputs"] == ["data", "src/1"]
    assert spec["needs"] == ["data"]
    assert spec["matrix"] == {"fold": "1"}
    assert spec["env"] == {"E": "1"}
    assert spec["environment"]["files"] == ["uv.lock", "pyproject.toml"]
    assert spec["command"][-1] == 'python a.py "$HEADRACE_PARAM_RATE" "$HEADRACE_MATRIX_FOLD"'
    assert data["script"][0] == (
        'HEADRACE_KEY="$(python3 -I -c "$HEADRACE_CONTENT_KEY") '
        'parameters.rate=${#HEADRACE_PARAM_RATE}:${HEADRACE_PARAM_RATE} age=$(($(date +%s) / 3600))"'
    )
    assert data["cache"][-1] == {
        "key": "headrace-a.fold_3d1",
        "paths": [".headrace/cache/a.fold_3d1"],
        "policy": "$HEADRACE_CACHE_POLICY",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"cache": Cache(), "outputs": (Artifact(path=("x",)),)},
        {"retry": Retry(max=3)},
        {"outputs": (Artifact(path=("x",), store="lake"),)},
        {"resume": Resume(paths=("c",), store="lake")},
    ],
)
def test_some_features_need_python_in_the_image(fields: dict[str, Any]) -> None:
    bare = Environment(name="r", image=("rocker/r-ver:4",))
    assert "HR4103" in emit(job("a", environment=bare, **fields), stores=(LAKE,)).codes
    assert "HR4103" not in emit(job("a", environment=bare.replace(python="3.11"), **fields), stores=(LAKE,)).codes


# -------------------------------------------------------------------------------------------------------------- attempts


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (Retry(max=1), 1),
        (Retry(max=2, on=("failure",)), {"max": 2, "when": ["script_failure"]}),
        (Retry(max=2, on=("timeout",)), {"max": 2, "when": ["job_execution_timeout"]}),
        (Retry(max=1, on=("failure",), exit_codes=(137,)), {"max": 1, "exit_codes": [137]}),
        (Retry(max=0), None),
    ],
)
def test_two_retries_are_native(retry: Retry, expected: Any) -> None:
    made = emit(job("a", retry=retry))
    assert made["a"].get("retry") == expected
    assert made["a"]["script"] == ["true"]


def test_more_retries_are_the_jobs_own() -> None:
    made = emit(job("a", "python a.py\necho it's", retry=Retry(max=5, exit_codes=(1, 2)), timeout=600))
    assert made["a"]["script"] == [
        (
            'python3 -I -c "$HEADRACE_RETRY" --max 5 --on failure,timeout --exit-codes 1,2 --timeout 600 -- '
            "sh -euc 'python a.py\necho it'\\''s'"
        )
    ]
    assert "timeout" not in made["a"]  # six times ten minutes are the default
    assert made["a"]["retry"]["when"][0] == "runner_system_failure"
    assert "HR4002" in made.codes


def test_a_lost_runner_is_retried_twice_at_most() -> None:
    assert "HR4107" in emit(job("a", retry=Retry(max=3, on=("runner",)))).codes


def test_timeouts_are_always_said() -> None:
    made = emit(job("a"), job("b", timeout=4 * 3600 + 1800))
    assert made.main["default"]["timeout"] == "1h"
    assert made["b"]["timeout"] == "4h30m"


def test_checkpoints_are_kept_in_a_store() -> None:
    made = emit(
        job("a", "python a.py", matrix=FOLDS, resume=Resume(paths=("ckpt",), every=60, store="lake")), stores=(LAKE,)
    )
    assert made["a"]["script"] == [
        (
            'python3 -I -c "$HEADRACE_KEEPER" --store s3://lake/x '
            '--key "$CI_PROJECT_ID/$CI_COMMIT_SHA/a/fold=${HEADRACE_MATRIX_FOLD}" --every 60 --path ckpt -- '
            "sh -euc 'python a.py'"
        )
    ]
    assert emit(job("a", resume=Resume(paths=("ckpt",)))).codes == ["HR4104"]


def test_an_approval_blocks_and_says_who_may_start_it() -> None:
    made = emit(job("a", approval=Approval(to="production")))
    assert made["a"]["rules"] == [{"when": "manual", "allow_failure": False}]
    assert made["a"]["environment"] == {"name": "production", "action": "prepare"}
    assert made.messages == ['anyone who may run jobs can start "a" until the environment "production" is protected']


@pytest.mark.parametrize("run_on", ["failure", "always"])
def test_an_approval_of_what_runs_on_failure_is_refused(run_on: str) -> None:
    needed = job("a")
    made = emit(needed, job("b", "a", run_on=run_on, approval=Approval()))
    assert any("can't wait for a person" in message for message in made.messages)


def test_a_lock_is_a_resource_group() -> None:
    assert emit(job("a", lock=Lock(name="lab/gpu é")))["a"]["resource_group"] == "lab/gpu -"


# --------------------------------------------------------------------------------------------------- images, deployments


def build(**fields: Any) -> Any:
    publish = Publish(repository=("serve",), tags=(("commit",), ("branch",), ("release",)))
    action = BuildImage(**{"build": Build(file="Dockerfile"), "publish": publish, "environment": "serve", **fields})
    return job("build-serve", environment=None, action=action)


def script_of(made: Any, name: str) -> str:
    return "\n".join(made[name]["script"])


def test_images_are_built_without_privilege_and_pushed_outside_of_change_requests() -> None:
    made = emit(build())
    data, script = made["build-serve"], script_of(made, "build-serve")
    assert data["image"] == {"name": "moby/buildkit:v0.32.2-rootless", "entrypoint": [""]}
    assert data["variables"]["HEADRACE_REPOSITORY"] == "$CI_REGISTRY_IMAGE/serve"
    assert data["artifacts"] == {"reports": {"dotenv": ".headrace/image.env"}}
    before, after = script.split("else\n", 1)
    assert 'push=false"' in before
    assert "push=true" not in before
    assert "--export-cache" not in before
    assert 'push=true"' in after
    assert "attest:provenance=mode=max" in after
    assert "HEADRACE_IMAGE_SERVE=" in after
    assert "$CI_REGISTRY_PASSWORD" in script


def test_a_build_takes_arguments_secrets_and_platforms() -> None:
    given = Build(
        context="serve",
        file="serve/Dockerfile.gpu",
        target="run",
        args=(EnvVar(name="A", value=("it's $x",)),),
        secrets=(SecretUse(secret="T"),),
        platforms=("linux/amd64", "linux/arm64"),
    )
    made = emit(build(build=given), secrets=(Secret(name="T"),))
    script = script_of(made, "build-serve")
    for option in (
        "--local context=serve",
        "--local dockerfile=serve",
        "--opt filename=Dockerfile.gpu",
        "--opt build-arg:A='it'\\''s $x'",
        "--opt target=run",
        "--opt platform=linux/amd64,linux/arm64",
        "--secret id=T,env=T",
    ):
        assert option in script
    assert "HR4011" in made.codes


ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("provider", "registry", "settings", "audience", "asked"),
    [
        ("aws", ECR, {"role": "arn:r"}, "sts.amazonaws.com", ["aws", f"--registry={ECR}", "--role=arn:r"]),
        (
            "gcp",
            "eu-docker.pkg.dev/p",
            {"provider": "projects/1", "service_account": "s"},
            "https://iam.googleapis.com/projects/1",
            ["gcp", "--registry=eu-docker.pkg.dev", "--provider=projects/1", "--account=s"],
        ),
        (
            "azure",
            "x.azurecr.io",
            {"client": "c", "tenant": "it's", "audience": "me"},
            "me",
            ["azure", "--registry=x.azurecr.io", "--client=c", "--tenant=it's"],
        ),
    ],
)
def test_an_identity_signs_in_to_its_registry(
    provider: Any, registry: str, settings: dict[str, str], audience: str, asked: list[str]
) -> None:
    """By a script that BuildKit runs, and on no change request."""
    pusher = Identity(name="p", provider=provider, settings=tuple(settings.items()))
    publish = Publish(registry=registry, identity="p")
    made = emit(build(publish=publish), identities=(pusher,))
    assert [code for code in made.codes if code != "HR4002"] == ["HR4011"]  # whom the cloud must trust
    data = made["build-serve"]
    assert data["id_tokens"] == {"HEADRACE_IDENTITY_TOKEN": {"aud": audience}}
    assert "HEADRACE_LOGIN" in data["variables"]
    before, after = script_of(made, "build-serve").split("else\n", 1)
    assert "secret id=token" not in before
    words = next(shlex.split(line) for line in after.splitlines() if line.startswith("printf"))
    run = next(word for word in words if word.startswith("RUN ")).partition(" [")[2]
    places = ["--token=/run/secrets/token", "--to=/login/config.json"]
    assert json.loads("[" + run) == ["python3", "-I", "/run/secrets/script", *asked, *places]
    assert "DOCKER_AUTH_CONFIG" not in before + after


def test_an_identity_of_another_cloud_signs_in_nowhere() -> None:
    role = Identity(name="p", provider="aws", settings=(("role", "r"),))
    pod = Identity(name="p", provider="kubernetes", settings=(("service_account", "s"),))
    for by, registry in ((role, "registry.example.com"), (role, None), (pod, ECR)):
        made = emit(build(publish=Publish(registry=registry, identity="p")), identities=(by,))
        assert "HR4013" in made.codes
    action = BuildImage(build=Build(), publish=Publish(registry=ECR, identity="p"))
    other = Identity(name="q", provider="aws", settings=(("role", "r"),))
    assert "HR4013" in emit(job("a", environment=None, action=action, identity=other), identities=(role, other)).codes


def test_images_that_nobody_gets_stay_in_their_job() -> None:
    plain = [
        job(name, environment=None, action=BuildImage(build=Build(context=name))) for name in ("Model_a", "model.b")
    ]
    made = emit(*plain)
    places = [made[one.name]["variables"]["HEADRACE_REPOSITORY"] for one in plain]
    assert places == ["$CI_REGISTRY_IMAGE/model_a", "$CI_REGISTRY_IMAGE/model.b"]
    for one in plain:
        script = script_of(made, one.name)
        assert 'push=false"' in script
        assert "push=true" not in script
        assert "artifacts" not in made[one.name]


def test_a_job_that_no_change_request_has_only_pushes() -> None:
    data = emit(build(), triggers=(OnPush(),))["build-serve"]
    script = "\n".join(data["script"])
    assert 'push=true"' in script
    assert "push=false" not in script
    assert "CI_MERGE_REQUEST_ID" not in script
    called = script_of(emit(build(), triggers=(OnPush(), OnCall())), "build-serve")
    assert "CI_MERGE_REQUEST_ID" in called


def test_a_version_is_the_tag_without_its_letter() -> None:
    publish = Publish(repository=("serve",), tags=(("version",), ("tag",), ("release",)))
    script = script_of(emit(build(publish=publish)), "build-serve")
    assert "${CI_COMMIT_TAG#v}" in script
    assert script.count("HEADRACE_TAGS,$HEADRACE_REPOSITORY:$(printf") == 2


def test_a_registry_of_its_own_needs_a_login() -> None:
    made = emit(build(), settings=Settings(target="gitlab", registry="r.example.com/team"))
    assert made["build-serve"]["variables"]["HEADRACE_REPOSITORY"] == "r.example.com/team/serve"
    assert "$DOCKER_AUTH_CONFIG" in script_of(made, "build-serve")
    assert any("DOCKER_AUTH_CONFIG" in message for message in made.messages)


def test_jobs_run_in_the_image_of_this_commit() -> None:
    serve = Environment(name="serve", image=(Ref(kind="images", name="serve"),))
    made = emit(build(), job("smoke", environment=serve, needs=(need("build-serve", artifacts=False),)))
    assert made["smoke"]["image"]["name"] == "$CI_REGISTRY_IMAGE/serve:$CI_COMMIT_SHA"


def test_a_deployment_takes_the_digest_that_was_built() -> None:
    action = Deploy(
        platform="kubernetes",
        to="production",
        documents=("deploy/a.yaml",),
        image="serve",
        cluster="g/p:agent",
        namespace="ml",
        url="https://x.example.com",
    )
    made = emit(build(), job("deploy", environment=None, action=action, needs=(need("build-serve", artifacts=False),)))
    data = made["deploy"]
    assert data["needs"] == ["build-serve"]  # whose digest arrives with its report
    assert data["environment"] == {"name": "production", "url": "https://x.example.com"}
    assert data["resource_group"] == "production"
    assert data["interruptible"] is False
    assert data["image"]["name"] == KUBECTL
    assert data["script"] == [
        (
            'python3 -I -c "$HEADRACE_DEPLOY" apply --context=g/p:agent --namespace=ml '
            '"--image=headrace.invalid/serve=${HEADRACE_IMAGE_SERVE}" -- deploy/a.yaml'
        )
    ]
    assert "HEADRACE_IMAGE_SERVE" not in data["variables"]
    assert made.codes == []


def test_a_deployment_without_a_context_needs_a_kubeconfig() -> None:
    made = emit(job("deploy", environment=None, action=Deploy(platform="apply", documents=("d.yaml",))))
    assert made.messages == ['"deploy" needs access to its cluster: GitLab needs the CI/CD variable KUBECONFIG']


def test_gitops_commits_to_a_branch() -> None:
    action = Deploy(platform="gitops", to="staging", documents=("deploy/a.yaml",), branch="live", repository="g/ops")
    made = emit(job("deploy", environment=None, action=action))
    script = script_of(made, "deploy")
    assert "commit --branch=live --repository=gitlab:g/ops.git -- deploy/a.yaml" in script
    assert 'GIT_CONFIG_KEY_1="url.$CI_SERVER_URL/.insteadOf"' in script
    assert any("HEADRACE_GITOPS_TOKEN" in message for message in made.messages)
    here = emit(job("deploy", environment=None, action=action.replace(repository=None)))
    assert 'git remote set-url origin "$CI_PROJECT_URL.git"' in here["deploy"]["script"]


def test_the_settings_name_the_deployments_image() -> None:
    settings = Settings(target="gitlab", options=(("deploy_image", "r.example.com/k:1"),))
    action = Deploy(platform="apply", documents=("d.yaml",))
    assert (
        emit(job("d", environment=None, action=action), settings=settings)["d"]["image"]["name"] == "r.example.com/k:1"
    )


# --------------------------------------------------------------------------------------------------------------- overlays


def test_an_overlay_is_laid_on_and_undoes_no_safety_rule() -> None:
    overlay = {
        "pipeline": {"variables": {"X": "1"}, "workflow": {"rules": []}},
        "jobs": {"a": {"tags": ["mine"], "rules": [{"when": "always"}]}},
    }
    made = emit(job("a"), settings=Settings(target="gitlab", overlay=overlay))
    assert made.main["variables"]["X"] == "1"
    assert made["a"]["tags"] == ["mine"]
    assert "rules" not in made["a"]
    assert made.codes == ["HR4006", "HR4006"]


def test_jobs_carry_their_place_in_the_manifest() -> None:
    assert emit(job("a")).main["a"].comment == "headrace.yaml: jobs.a"


def test_who_gets_what_lies_in_a_store_has_the_stores_identity() -> None:
    stores = (Store(name="lake", kind="s3", url="s3://lake", identity="ci"),)
    identities = (Identity(name="ci", provider="aws", settings=(("role", "r"),)),)
    made = emit(
        job("a", outputs=(Artifact(path=("big",), store="lake"),)),
        job("b", needs=("a",)),
        job("c", needs=("b",)),
        stores=stores,
        identities=identities,
    )
    assert "id_tokens" in made["a"]
    assert "id_tokens" in made["b"]
    assert "id_tokens" not in made["c"]
