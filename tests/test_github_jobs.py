"""Jobs as GitHub gets them: order, machines, rights, steps."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest

from compiler.features import Feature
from compiler.ir import (
    Accelerator,
    Amounts,
    Approval,
    Artifact,
    Build,
    BuildImage,
    Cache,
    ChangedFiles,
    Compare,
    Deploy,
    Environment,
    EnvVar,
    Exec,
    Identity,
    Input,
    Job,
    Lock,
    Matrix,
    OnPush,
    Permission,
    Publish,
    Ref,
    Resources,
    Retry,
    Runner,
    Secret,
    SecretUse,
    Settings,
    Store,
)
from targets import github
from targets.github import codes
from targets.github.actions import PINS
from targets.github.limits import LIMITS
from tests import github_pipelines as cases
from tests.github_pipelines import (
    PARAMETERS,
    PLAIN,
    SETTINGS,
    UV,
    compiled,
    emitted,
    found,
    job,
    jobs_of,
    need,
    project,
    step,
)


def only(one: Job, settings: Settings = SETTINGS, **more: Any) -> dict[str, Any]:
    """The one job of a pipeline that is pushed only."""
    made = jobs_of(project(one, triggers=(OnPush(),), **more), settings)
    result = made[next(iter(made))]
    assert isinstance(result, dict)
    return result


def test_support_is_total() -> None:
    assert set(github.SUPPORT) == set(Feature)


def test_every_action_is_pinned_by_a_whole_commit() -> None:
    for given, settings in cases.ALL.values():
        documents, _ = emitted(given, settings)
        for document in documents:
            for made in document.documents[0]["jobs"].values():
                for one in made.get("steps", ()):
                    if "uses" in one:
                        action, _, commit = one["uses"].partition("@")
                        assert PINS[action] == (one["uses"].comment, commit)
                        assert len(commit) == 40


def test_checkouts_never_keep_the_token() -> None:
    for given, settings in cases.ALL.values():
        for made in (one for document in emitted(given, settings)[0] for one in document.documents[0]["jobs"].values()):
            for one in made.get("steps", ()):
                if one.get("uses", "").startswith("actions/checkout@"):
                    assert one["with"]["persist-credentials"] is False


def test_no_expression_stands_in_a_script() -> None:
    for given, settings in cases.ALL.values():
        for made in (one for document in emitted(given, settings)[0] for one in document.documents[0]["jobs"].values()):
            assert not [one["run"] for one in made.get("steps", ()) if "${{" in one.get("run", "")]


def test_rights_are_nothing_at_the_top_and_least_in_a_job() -> None:
    made = compiled(cases.CHURN, cases.RUNNERS)
    assert made["permissions"] == {}
    rights = {name: one.get("permissions") for name, one in made["jobs"].items()}
    assert rights == {
        "check-parameters": None,
        "fetch": {"contents": "read"},
        "train": {"contents": "read"},
        "evaluate": {"contents": "read"},
        "build-serve": {"contents": "read", "packages": "write"},
        "deploy-serve": {"contents": "read"},
    }


def test_a_job_asks_for_rights_by_name() -> None:
    asks = (Permission(scope="pull_requests", access="write"), Permission(scope="contents", access="none"))
    assert only(job("a", "true", permissions=asks))["permissions"] == {"pull-requests": "write"}
    assert found(project(job("a", "true", permissions=(Permission(scope="moon", access="read"),)))) == ["HR4213"]


def test_secrets_are_seen_by_the_command_alone() -> None:
    made = jobs_of(cases.CHURN, cases.RUNNERS)["fetch"]
    seen = [one.get("name") for one in made["steps"] if "WAREHOUSE_TOKEN" in json.dumps(one)]
    assert seen == ["python fetch.py"]
    assert "WAREHOUSE_TOKEN" not in json.dumps(made.get("env", {}))


def test_a_secret_as_a_file() -> None:
    made = jobs_of(cases.ACCESS)["read"]
    files = step(made, "secret files")
    assert files["env"] == {"HEADRACE_SECRET_1": "${{ secrets.CLIENT_CERT }}"}
    assert 'chmod 600 "$RUNNER_TEMP/headrace/1"' in files["run"]
    assert step(made, "read-all")["env"] == {
        "API_TOKEN": "${{ secrets.TOKEN }}",
        "DB": "${{ steps.vault.outputs.DB }}",
    }
    assert step(made, "vault")["with"]["exportEnv"] is False


@pytest.mark.parametrize(
    ("secret", "number"),
    [
        (Secret(name="GITHUB_X"), "HR4204"),
        (Secret(name="api-token"), "HR4010"),
        (Secret(name="X", store="kubernetes"), "HR4204"),
    ],
)
def test_secrets_that_github_has_not(secret: Secret, number: str) -> None:
    given = project(job("a", "true", secrets=(SecretUse(secret=secret.name),)), secrets=(secret,))
    assert number in found(given)


@pytest.mark.parametrize("provider", ["azure", "kubernetes"])
def test_identities_without_a_pinned_action_are_refused(provider: Any) -> None:
    given = project(job("a", "true", identity=Identity(name="x", provider=provider)))
    assert found(given) == ["HR4203"]


def test_an_identity_gets_a_token_for_its_job_only() -> None:
    made = jobs_of(cases.ACCESS)
    assert made["read"]["permissions"]["id-token"] == "write"
    assert step(made["read"], "identity")["with"]["role-to-assume"] == "arn:aws:iam::1:role/ci"
    plain = jobs_of(cases.OUTCOMES)
    assert not any("id-token" in one.get("permissions", {}) for one in plain.values())


# ------------------------------------------------------------------------------------------------------------- machines


def test_gpus() -> None:
    made = jobs_of(cases.CHURN, cases.RUNNERS)["train"]
    assert made["runs-on"] == ["self-hosted", "gpu"]
    assert made["container"]["options"] == "--shm-size 8g --gpus all"


def test_without_runners_a_gpu_is_a_label() -> None:
    wants = job("a", "true", resources=Resources(accelerator=Accelerator(count=1)))
    assert found(project(wants, triggers=(OnPush(),))) == ["HR4004"]
    assert only(wants)["runs-on"] == ["self-hosted", "gpu"]


def test_groups_and_labels() -> None:
    by_group = SETTINGS.replace(runners=(Runner(select=(("group", "ml"), ("labels", ("big",)))),))
    assert only(job("a", "true"), by_group)["runs-on"] == {"group": "ml", "labels": ["big"]}
    wrong = SETTINGS.replace(runners=(Runner(select=(("tags", ("x",)),)),))
    assert found(project(job("a", "true"), triggers=(OnPush(),)), wrong) == ["HR4007"]


def test_forks_do_not_reach_self_hosted_runners() -> None:
    settings = SETTINGS.replace(runners=(Runner(select=(("labels", ("self-hosted", "linux")),)),))
    given = project(job("a", "true"))
    assert jobs_of(given, settings)["a"]["if"] == (
        "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
    )
    assert found(given, settings) == ["HR4214"]
    hosted = settings.replace(runners=(Runner(select=(("labels", ("large",)),), executor="hosted"),))
    assert "if" not in jobs_of(given, hosted)["a"]
    assert "if" not in jobs_of(project(job("a", "true"), triggers=(OnPush(),)), settings)["a"]


def test_a_deployment_is_never_a_forks() -> None:
    action = Deploy(platform="apply", documents=("deploy/x.yaml",), to="review")
    assert "head.repo.full_name == github.repository" in jobs_of(project(job("d", action=action)))["d"]["if"]


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        (None, "https://github.example/acme/x"),
        ("acme/deployed", "https://github.example/acme/deployed.git"),
        ("https://forge.example:3000/acme/deployed.git", "https://forge.example:3000/acme/deployed.git"),
    ],
)
def test_a_commit_logs_in_where_it_goes(repository: str | None, place: str) -> None:
    """Git itself says which header it would send to which address."""
    action = Deploy(platform="gitops", branch="live", documents=("deploy/x.yaml",), repository=repository)
    step = only(job("d", action=action))["steps"][-1]
    assert step["env"]["HEADRACE_TOKEN"] == f"${{{{ secrets.{'GITOPS_TOKEN' if repository else 'GITHUB_TOKEN'} }}}}"
    login, _, command = step["run"].rstrip().rpartition("\n")
    asked = f'git config --get-urlmatch http.extraheader "$1"; git ls-remote --get-url "{named(command) or place}"'
    env = {**os.environ, "GITHUB_SERVER_URL": "https://github.example", "HEADRACE_TOKEN": "t"}
    words = ["sh", "-euc", f"{login}\n{asked}", "sh", place]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46dA==", place]


def named(command: str) -> str | None:
    found = re.search(r"--repository=(\S+)", command)
    return found and found.group(1)


def test_platforms() -> None:
    assert jobs_of(cases.MACHINES)["arm"]["runs-on"] == "ubuntu-24.04-arm"
    assert found(project(job("a", "true", platform="linux/riscv64"))) == ["HR4215"]


def test_limits_shared_memory_and_volumes_are_the_containers() -> None:
    made = jobs_of(cases.MACHINES)["limits"]["container"]
    assert made["options"] == "--cpus 1.5 --memory 2g --shm-size 1g"
    assert made["volumes"] == ["data:/data:ro"]
    bare = job("a", "true", resources=Resources(shm=10**18))
    assert found(project(bare)) == ["HR4205"]


def test_half_of_a_gpu_jobs_memory_is_shared_unless_it_is_said() -> None:
    wants = Resources(request=Amounts(memory=16 * cases.GIB), accelerator=Accelerator(count=1))
    made = only(job("a", "true", environment=UV, resources=wants))
    assert made["container"]["options"] == "--shm-size 8g --gpus all"
    said = only(job("a", "true", environment=UV, resources=wants.replace(shm=cases.GIB)))
    assert said["container"]["options"] == "--shm-size 1g --gpus all"


def test_the_host_instead_of_a_container() -> None:
    settings = cases.ALL["churn on the host"][1]
    made = jobs_of(cases.ON_THE_HOST, settings)["evaluate"]
    assert "container" not in made
    assert step(made, "astral-sh/setup-uv")["with"] == {
        "version": "0.13.8",
        "python-version": "3.12",
        "enable-cache": False,
    }
    pip = job("a", "true", environment=UV.replace(installer="pip", apt=("git",)))
    on_host = only(pip, settings)
    assert step(on_host, "actions/setup-python")["with"] == {"python-version": "3.12"}
    assert "sudo apt-get install" in step(on_host, "environment")["run"]


def test_a_locked_job_waits_and_is_not_cancelled() -> None:
    assert jobs_of(cases.MACHINES)["limits"]["concurrency"] == {"group": "lock-licence", "queue": "max"}
    two = project(job("a", "true", lock=Lock(name="x", limit=2)))
    assert "HR4001" in found(two)


def test_an_approval_names_the_rule_that_must_be_set() -> None:
    given = project(job("a", "true", approval=Approval(to="production")), triggers=(OnPush(),))
    documents, sink = emitted(given)
    assert documents[0].documents[0]["jobs"]["a"]["environment"] == {"name": "production"}
    (note,) = [one for one in sink.diagnostics if one.code.number == "HR4011"]
    assert "required reviewers" in note.message
    assert "Settings, Environments, production" in (note.help or "")


def test_a_deployment_has_its_environment_and_takes_its_turn() -> None:
    made = jobs_of(cases.CHURN, cases.RUNNERS)["deploy-serve"]
    assert made["environment"] == {"name": "production", "url": "https://churn.example.com"}
    assert made["concurrency"] == {"group": "deploy-production-ml", "queue": "max"}
    roll_out = step(made, "deploy to production")
    assert roll_out["env"] == {"HEADRACE_IMAGE_SERVE": "${{ needs.build-serve.outputs.image }}"}
    assert roll_out["run"].startswith('python3 -I -c "$HEADRACE_DEPLOY" apply')


# ------------------------------------------------------------------------------------------------------ time and attempts


@pytest.mark.parametrize(
    ("timeout", "retry", "minutes"),
    [
        (3600, None, 60),
        (61, None, 2),
        (30, None, 11),
        (3600, Retry(max=2, on=("failure",)), 190),
        (3600, Retry(max=2, on=("runner",)), 60),
    ],
)
def test_minutes(timeout: int, retry: Retry | None, minutes: int) -> None:
    one = job("a", "true", environment=UV, timeout=timeout, retry=retry)
    documents, _ = emitted(project(one, triggers=(OnPush(),)))
    assert documents[0].documents[0]["jobs"]["a"]["timeout-minutes"] == minutes


def test_longer_than_github_lets_a_job_run() -> None:
    long = job("a", "true", timeout=7 * 3600)
    assert found(project(long, triggers=(OnPush(),))) == ["HR4212"]
    own = SETTINGS.replace(runners=(Runner(select=(("labels", ("self-hosted",)),)),))
    assert found(project(long, triggers=(OnPush(),)), own) == []


def test_a_retry_runs_the_command_again() -> None:
    made = jobs_of(cases.CHURN, cases.RUNNERS)["train"]
    run = step(made, "train")
    assert run["run"] == (
        'python3 -I -c "$HEADRACE_RETRY" --max 2 --on failure,timeout --timeout 14400 -- sh -euc "$HEADRACE_COMMAND"'
    )
    assert run["env"]["HEADRACE_COMMAND"] == 'python train.py --lr "$HEADRACE_PARAM_LR" --fold "$HEADRACE_MATRIX_FOLD"'


def test_a_lost_runner_is_not_retried() -> None:
    both = job("a", "true", environment=UV, retry=Retry(max=1, on=("runner", "failure")))
    assert found(project(both)) == ["HR4201"]
    alone = job("a", "true", environment=UV, retry=Retry(max=1, on=("runner",)))
    assert found(project(alone)) == ["HR4001"]


def test_seconds_are_kept_by_a_wrapper() -> None:
    assert "--max 0 --on failure --timeout 30" in step(jobs_of(cases.MACHINES)["short"], "short")["run"]


def test_what_needs_python_and_has_none() -> None:
    out = (Artifact(path=("x",)),)
    assert found(project(job("a", "true", environment=PLAIN, cache=Cache(), outputs=out))) == ["HR4207"]


# ------------------------------------------------------------------------------------------------------ outputs, caches


def test_outputs_travel_as_tars_and_come_back_by_name() -> None:
    made = jobs_of(cases.CHURN, cases.RUNNERS)
    upload = step(made["fetch"], "actions/upload-artifact")["with"]
    assert upload["name"] == "fetch"
    assert upload["if-no-files-found"] == "error"
    assert upload["retention-days"] == 30
    assert step(made["train"], "actions/download-artifact")["with"] == {"name": "fetch", "path": ".headrace/in/fetch"}
    assert step(made["train"], "actions/upload-artifact")["with"]["name"] == "train.${{ matrix.fold }}"
    assert step(made["evaluate"], "actions/download-artifact")["with"]["pattern"] == "train.*"


def test_what_may_be_missing_is_asked_for_by_pattern() -> None:
    given = project(
        job("a", "true", outputs=(Artifact(path=("x",)),), allow_failure=True),
        job("b", "true", outputs=(Artifact(path=("y",)),)),
        job("c", "true", needs=("a",)),
        job("d", "true", needs=("a", "b")),
        job("e", "true", needs=(need("a", artifacts=False),)),
        triggers=(OnPush(),),
    )
    made = jobs_of(given)
    assert step(made["c"], "actions/download-artifact")["with"]["pattern"] == "a"
    assert step(made["d"], "actions/download-artifact")["with"]["pattern"] == "{a,b}"
    assert "[ ! -e" in step(made["c"], "inputs")["run"]
    assert not [one for one in made["e"]["steps"] if "download" in one.get("uses", "")]


def test_objectives_are_judged_after_the_upload() -> None:
    names = [
        one.get("name") or one["uses"].split("@")[0] for one in jobs_of(cases.CHURN, cases.RUNNERS)["evaluate"]["steps"]
    ]
    assert names[-3:] == ["outputs", "actions/upload-artifact", "objectives"]
    gate = jobs_of(cases.CHURN, cases.RUNNERS)["evaluate"]["steps"][-1]["run"]
    assert gate == (
        'python3 -I -c "$HEADRACE_GATE" --summary "$GITHUB_STEP_SUMMARY" metrics.json -- \'accuracy >= 0.9\''
    )


def test_a_cache_is_read_by_all_and_written_by_no_change_request() -> None:
    made = jobs_of(cases.CHURN, cases.RUNNERS)["fetch"]
    key = step(made, "actions/cache/restore")["with"]["key"]
    assert key == "headrace-churn-fetch-${{ steps.key.outputs.key }}-${{ steps.key.outputs.age }}"
    save = step(made, "actions/cache/save")
    assert save["if"] == "steps.held.outputs.cache-hit != 'true' && github.event_name != 'pull_request'"
    assert step(made, "python fetch.py")["if"] == "steps.held.outputs.cache-hit != 'true'"
    assert "if" not in step(made, "outputs")


def test_the_key_covers_what_the_job_is_made_of() -> None:
    one = job(
        "a",
        action=Exec(argv=(("run",), (cases.LR,), (cases.FOLD,))),
        environment=UV,
        env=(EnvVar(name="A", value=("x-", cases.LR)), EnvVar(name="B", value=("{ ${{ } }",))),
        matrix=cases.FOLDS,
        cache=Cache(share=True),
        outputs=(Artifact(path=("out/", cases.FOLD)),),
    )
    made = only(one, parameters=PARAMETERS)
    text = step(made, "key")["env"]["HEADRACE_KEY_SPEC"]
    assert '"parameters": {"lr": ${{ toJSON(env.HEADRACE_PARAM_LR) }}}' in text
    assert '"matrix": {"fold": ${{ toJSON(matrix.fold) }}}' in text
    assert "\"A\": ${{ toJSON(format('x-{0}', '0.01')) }}" in text
    assert '"B": "{ ${{ \'${{\' }} } }"' in text
    assert '"files": ["uv.lock", "pyproject.toml"]' in text
    assert step(made, "held")["with"]["key"] == "headrace-${{ steps.key.outputs.key }}"


def test_installers_keep_no_cache_where_something_is_published() -> None:
    assert not [
        one for one in jobs_of(cases.CHURN, cases.RUNNERS)["evaluate"]["steps"] if "cache" in one.get("uses", "")
    ]
    kept = jobs_of(cases.MACHINES)["arm"]
    assert step(kept, "packages")["with"]["key"] == "uv-${{ runner.arch }}-3.12-${{ hashFiles('uv.lock') }}"
    assert step(kept, "actions/cache/save")["if"].endswith("github.event_name != 'pull_request'")


def test_stores() -> None:
    made = jobs_of(cases.ACCESS)
    assert "--url gs://lake/models --path big" in step(made["gcs"], "outputs")["run"]
    assert "get --reference" in step(made["use"], "inputs")["run"]
    assert step(made["use"], "identity")["uses"].startswith("google-github-actions/auth@")
    disk = project(
        job("a", "true", environment=UV, outputs=(Artifact(path=("x",), store="disk"),)),
        stores=(Store(name="disk", kind="pvc", mount="/data"),),
    )
    assert "HR4206" in found(disk)


ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


def pushing(cloud: Any, registry: str | None, **settings: str) -> Any:
    pusher = Identity(name="p", provider=cloud, settings=tuple(settings.items()))
    publish = Publish(registry=registry, identity="p")
    return project(job("a", action=BuildImage(build=Build(), publish=publish)), identities=(pusher,))


@pytest.mark.parametrize(
    ("provider", "registry", "codes"),
    [
        ("aws", ECR, []),
        ("aws", "registry.example.com", ["HR4013"]),
        ("gcp", "eu-docker.pkg.dev", []),
        ("azure", "example.azurecr.io", []),
        ("azure", None, ["HR4013"]),
        ("kubernetes", "registry.example.com", ["HR4013"]),
    ],
)
def test_a_registry_by_an_identity(provider: Any, registry: str | None, codes: list[str]) -> None:
    made = pushing(provider, registry, role="r", region="x", client="c", tenant="t")
    assert [code for code in found(made) if code not in ("HR4002", "HR4011")] == codes
    if codes:
        return
    assert jobs_of(made)["a"]["permissions"]["id-token"] == "write"
    logins = [one for one in jobs_of(made)["a"]["steps"] if "login-action" in one.get("uses", "")]
    assert all("if" in one for one in logins)
    assert not any("REGISTRY_PASSWORD" in str(one) for one in logins)


@pytest.mark.parametrize(
    ("timeout", "retries", "session"), [(3600, 0, None), (7200, 0, 7200), (3600, 2, 10800), (36_000, 1, 43_200)]
)
def test_a_session_lasts_as_long_as_its_job(timeout: int, retries: int, session: int | None) -> None:
    """What is left at the end needs it still; a role allows an hour unless it says more."""
    role = Identity(name="x", provider="aws", settings=(("role", "r"),))
    again = Retry(max=retries, on=("failure",)) if retries else None
    given = project(job("a", "true", environment=UV, identity=role, timeout=timeout, retry=again))
    assert step(jobs_of(given)["a"], "identity")["with"].get("role-duration-seconds") == session
    assert [code for code in found(given) if code != "HR4212"] == ([] if session is None else ["HR4011"])


def test_the_files_of_a_login_stay_out_of_the_image() -> None:
    """Google's action would write its credentials into the checkout, which is what the image is built from."""
    made = jobs_of(pushing("gcp", "eu-docker.pkg.dev", provider="x"))["a"]
    assert step(made, "identity")["with"] == {"workload_identity_provider": "x", "create_credentials_file": False}
    assert step(made, "docker/login-action")["with"]["password"] == "${{ steps.identity.outputs.auth_token }}"
    made = jobs_of(pushing("gcp", "eu-docker.pkg.dev", provider="x", service_account="s"))["a"]
    assert step(made, "identity")["with"]["token_format"] == "access_token"
    assert step(made, "docker/login-action")["with"]["password"] == "${{ steps.identity.outputs.access_token }}"


def test_a_login_of_azure_is_hidden_and_ends_with_the_job() -> None:
    made = jobs_of(pushing("azure", "example.azurecr.io/team", client="c", tenant="it's", audience="me"))["a"]
    run = step(made, "login")["run"]
    assert "azure --registry=example.azurecr.io --client=c '--tenant=it'\\''s' --audience=me" in run
    assert run.index("::add-mask::") < run.index("GITHUB_OUTPUT")
    assert step(made, "docker/login-action")["with"] == {
        "registry": "example.azurecr.io",
        "username": "00000000-0000-0000-0000-000000000000",
        "password": "${{ steps.login.outputs.password }}",
    }


def test_git_lfs_is_there_before_the_checkout() -> None:
    lfs = (Store(name="big", kind="lfs"),)
    steps = jobs_of(project(job("a", "true", environment=UV), job("b", "true"), stores=lfs))
    assert steps["a"]["steps"][0]["name"] == "git lfs"
    for name in ("a", "b"):
        assert step(steps[name], "actions/checkout")["with"] == {"persist-credentials": False, "lfs": True}
    assert not any(one.get("name") == "git lfs" for one in steps["b"]["steps"])


def test_datasets_of_other_runs_come_from_their_store() -> None:
    lake = (Store(name="lake", kind="s3", url="s3://lake/x"),)
    given = Input(path=("data/c",), store="lake", dataset="c", version="v1")
    made = jobs_of(project(job("a", "true", environment=UV, inputs=(given,)), stores=lake))["a"]
    assert step(made, "datasets")["run"] == (
        'python3 -I -c "$HEADRACE_STORE" get --url s3://lake/x --dataset c --version v1 --path data/c'
    )
    output = Artifact(path=("d",), store="lake", dataset="c")
    made = jobs_of(project(job("a", "true", environment=UV, outputs=(output,)), stores=lake))["a"]
    assert '[ "$GITHUB_EVENT_NAME" = pull_request ] || ' in step(made, "outputs")["run"]


def test_a_legs_output_goes_to_its_own_place_in_a_store() -> None:
    lake = (Store(name="lake", kind="s3", url="s3://lake/x"),)
    outputs = (Artifact(path=("d",), store="lake", per_leg=True),)
    made = jobs_of(project(job("a", "true", environment=UV, matrix=cases.FOLDS, outputs=outputs), stores=lake))["a"]
    assert '--path d/"$HEADRACE_LEG" --reference' in step(made, "outputs")["run"]


# --------------------------------------------------------------------------------------------------------------- matrices


def test_plain_axes_and_whole_legs() -> None:
    made = jobs_of(cases.CHURN, cases.RUNNERS)["train"]
    assert made["strategy"] == {"fail-fast": False, "matrix": {"fold": ["0", "1", "2"]}}
    assert made["env"]["HEADRACE_MATRIX_FOLD"] == "${{ matrix.fold }}"
    odd = jobs_of(cases.LEGS)["odd"]
    assert odd["strategy"] == {
        "fail-fast": False,
        "max-parallel": 2,
        "matrix": {
            "include": [
                {"path": "a/b", "leg": "1", "folder": "path=a_2fb"},
                {"path": "c d", "leg": "2", "folder": "path=c_20d"},
                {"path": "${{ '${{' }} x }}", "leg": "3", "folder": "path=_24_7b_7b_20x_20_7d_7d"},
            ]
        },
    }
    assert step(odd, "actions/upload-artifact")["with"]["name"] == "odd.${{ matrix.leg }}"


def test_exclude_and_include_are_whole_legs() -> None:
    matrix = Matrix(
        axes=(("fold", ("0", "1")), ("size", ("s", "l"))),
        exclude=((("fold", "0"), ("size", "l")),),
        include=((("fold", "9"), ("size", "xl")),),
    )
    made = only(job("a", "true", matrix=matrix))["strategy"]["matrix"]
    assert made == {
        "include": [
            {"fold": "0", "size": "s"},
            {"fold": "1", "size": "s"},
            {"fold": "1", "size": "l"},
            {"fold": "9", "size": "xl"},
        ]
    }


def test_legs_that_are_needed_one_by_one_are_jobs() -> None:
    made = jobs_of(cases.LEGS)
    assert list(made) == [
        "train-fold-0", "train-fold-1", "train-fold-2", "test-fold-0", "test-fold-1", "test-fold-2",
        "best", "odd", "join",
    ]  # fmt: skip
    assert made["test-fold-1"]["needs"] == ["train-fold-1"]
    assert step(made["test-fold-1"], "actions/download-artifact")["with"]["name"] == "train.1"
    assert made["best"]["needs"] == ["train-fold-1", "test-fold-0", "test-fold-1", "test-fold-2"]


def test_a_wide_matrix_becomes_several() -> None:
    wide = Matrix(axes=(("seed", tuple(map(str, range(600)))),))
    made = jobs_of(project(job("sweep", "true", matrix=wide, outputs=(Artifact(path=("x",), per_leg=True),)),
                           job("best", "true", needs=("sweep",))))  # fmt: skip
    assert list(made) == ["sweep-1", "sweep-2", "sweep-3", "best"]
    assert [len(made[f"sweep-{at}"]["strategy"]["matrix"]["include"]) for at in (1, 2, 3)] == [256, 256, 88]
    assert made["best"]["needs"] == ["sweep-1", "sweep-2", "sweep-3"]


# ---------------------------------------------------------------------------------------------------------- text and names


def test_text_that_looks_like_an_expression_arrives_as_it_was_written() -> None:
    made = jobs_of(cases.STRANGE)
    run = step(made["text"], "text")
    assert run["run"] == 'sh -euc "$HEADRACE_RUN"'
    assert "${{ '${{' }} github.actor }}" in run["env"]["HEADRACE_RUN"]
    assert made["text"]["env"]["A"].startswith("${{ '${{' }} secrets.X }} and ${{")


def test_ids_are_legal_and_differ_in_more_than_case() -> None:
    made = jobs_of(cases.STRANGE)
    assert list(made)[:2] == ["text", "_1st-job"]
    assert made["_1st-job"]["name"] == "1st.job"
    assert len({name.lower() for name in made}) == 3


def test_set_up_lines_hold_for_the_command() -> None:
    made = jobs_of(cases.STRANGE)["_1st-job"]
    assert [one["run"] for one in made["steps"] if "run" in one] == [
        'uv sync --locked\nexport PATH="$PWD/.venv/bin:$PATH"\nexport MODE=fast\ntrue\n'
    ]


def test_jobs_name_their_place_in_the_manifest() -> None:
    documents, _ = emitted(cases.OUTCOMES)
    assert documents[0].documents[0]["jobs"]["test"].comment == "headrace.yaml: jobs.test"


def test_a_value_known_only_in_steps_is_no_image() -> None:
    late = Environment(name="x", image=("x:", Ref(kind="git", name="short")))
    assert found(project(job("a", "true", environment=late))) == ["HR4216"]


def test_a_working_folder_is_entered() -> None:
    deep = UV.replace(working_directory="ml")
    made = only(job("a", "true", environment=deep, working_directory="ml/src"))
    assert step(made, "environment")["run"].splitlines()[1:3] == ["cd ml", "uv sync --locked"]
    assert step(made, "true")["run"] == "cd ml\ncd src\ntrue\n"


def test_codes_are_githubs_own() -> None:
    numbers = [code.number for code in vars(codes).values() if type(code).__name__ == "Code"]
    assert all(number.startswith("HR42") for number in numbers)
    assert len(numbers) == len(set(numbers))


def test_includes_are_refused() -> None:
    assert found(project(job("a", "true")), SETTINGS.replace(include=("ci.yml",))) == ["HR4007"]


def test_the_overlay_is_laid_on_and_cannot_undo_a_safety_rule() -> None:
    overlay = {"pipeline": {"run-name": "train"}, "jobs": {"a": {"timeout-minutes": 5}}}
    made = compiled(project(job("a", "true")), SETTINGS.replace(overlay=overlay))
    assert made["run-name"] == "train"
    assert made["jobs"]["a"]["timeout-minutes"] == 5
    for wrong in (
        {"pipeline": {"permissions": "write-all"}},
        {"pipeline": {"on": {"pull_request_target": {}}}},
        {"jobs": {"a": {"permissions": {"contents": "write"}}}},
        {"jobs": {"a": {"runs-on": "self-hosted"}}},
    ):
        assert "HR4006" in found(project(job("a", "true")), SETTINGS.replace(overlay=wrong))


def test_recognition() -> None:
    assert github.recognise("git@github.com:me/repo.git", lambda _: False)
    assert github.recognise("https://github.example.org/me/repo", lambda _: False)
    assert github.recognise("https://x@github.com/me/repo", lambda _: False)
    assert github.recognise("ssh://git@github.com:22/me/repo@2", lambda _: False)
    assert github.recognise("https://acme.ghe.com/me/repo", lambda _: False)
    assert not github.recognise("https://example.org/github.com@github.com", lambda _: False)
    assert not github.recognise("https://gitlab.com/me/repo", lambda _: False)
    assert github.recognise(None, lambda path: path == ".github/workflows")


def test_a_job_without_outputs_is_held_too() -> None:
    made = only(job("lint", "ruff check", environment=UV, cache=Cache()))
    assert step(made, "held")["with"]["path"] == ".headrace/held"
    marks = [one for one in made["steps"] if one.get("run", "").endswith("touch .headrace/held")]
    assert [one["if"] for one in marks] == [
        "steps.held.outputs.cache-hit != 'true' && github.event_name != 'pull_request'"
    ]


def test_a_cache_can_not_hold_changed_files() -> None:
    assert found(project(job("a", "true", environment=UV, cache=Cache(), outputs=(ChangedFiles(),)))) == ["HR4213"]


def test_the_decide_job_runs_where_other_jobs_do() -> None:
    settings = SETTINGS.replace(runners=(Runner(select=(("labels", ("self-hosted", "linux")),)),))
    decide = jobs_of(cases.DECISIONS, settings)["decide"]
    assert decide["runs-on"] == ["self-hosted", "linux"]
    assert decide["if"].endswith("head.repo.full_name == github.repository")
    hosted = jobs_of(cases.DECISIONS)["decide"]
    assert hosted["permissions"] == {"contents": "read"}
    assert step(hosted, "actions/checkout")["with"] == {
        "persist-credentials": False,
        "fetch-depth": 0,
        "filter": "blob:none",
    }


def test_names_are_compared_in_any_case_and_that_is_said() -> None:
    given = project(job("a", "true", condition=Compare(subject="branch", operator="==", values=("main",))))
    assert found(given) == ["HR4202"]
    assert found(project(job("a", "true", condition=Compare(subject="tag", operator="==", values=("1.0",))))) == []


def test_a_limit_below_the_number_of_matrices_is_refused() -> None:
    seeds = (("seed", tuple(map(str, range(600)))),)
    assert found(project(job("a", "true", matrix=Matrix(axes=seeds, max_parallel=2)))) == ["HR4217"]
    assert found(project(job("a", "true", matrix=Matrix(axes=seeds, max_parallel=3)))) == []


def test_every_code_is_used() -> None:
    from pathlib import Path

    text = "".join(path.read_text() for path in Path(github.__file__).parent.glob("*.py") if path.name != "codes.py")
    unused = [name for name, one in vars(codes).items() if type(one).__name__ == "Code" and f"codes.{name}" not in text]
    assert unused == []


@pytest.mark.parametrize("optional", [0, 1, 300])
def test_an_if_over_many_needs_stays_short(optional: int) -> None:
    first = [job(f"a-job-with-a-long-name-{at}", "true") for at in range(300)]
    needs = tuple(need(one.name, optional=at < optional) for at, one in enumerate(first))
    jobs = jobs_of(project(*first, job("last", "true", needs=needs, run_on="success")))
    test = jobs["last"].get("if", "")
    assert len(test) < LIMITS["characters of an expression"]
    assert ("!contains(needs.*.result, 'failure')" in test) is bool(optional)
    assert test.count("!= 'skipped'") == (299 if optional == 1 else 0)


def test_an_if_that_is_too_long_is_refused() -> None:
    first = [job(f"a-job-with-a-long-name-{at}", "true") for at in range(700)]
    needs = tuple(need(one.name, optional=at == 0) for at, one in enumerate(first))
    _, sink = emitted(project(*first, job("last", "true", needs=needs)))
    assert [one.code.number for one in sink.diagnostics if one.severity == "error"] == ["HR4009"]
