"""A job's template: what it runs, on what, with what."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import ir
from targets.argo import spelling
from tests.argo_cases import CORE, FOLD, GIB, PARAMETER, UV, folds, job, make, py, settings

RATE = ir.Parameter(name="rate", type="float", default="0.1")
WHO = ir.Parameter(name="who", default="a")


def sh(source: str, **env: str) -> str:
    """What a script prints, run as Argo runs it: a file, by `sh -eu`."""
    done = subprocess.run(
        ["sh", "-eu", "/dev/stdin"],
        input=source,
        env={"PATH": "/usr/bin:/bin", **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def expanded(value: str, **known: str) -> str:
    """A variable's value as Kubernetes expands it."""
    out, at = "", 0
    while at < len(value):
        if value.startswith("$$", at):
            out, at = out + "$", at + 2
        elif value.startswith("$(", at) and ")" in value[at:]:
            end = value.index(")", at)
            name = value[at + 2 : end]
            out, at = out + known.get(name, value[at : end + 1]), end + 1
        else:
            out, at = out + value[at], at + 1
    return out


def test_shell_text_is_a_script_under_sh_eu() -> None:
    body = make(job("a", run="python a.py\npython b.py")).template("a")["script"]
    assert body == {
        "image": UV,
        "workingDir": "/src",
        "command": ["sh", "-eu"],
        "source": "python a.py\npython b.py\n",
    }


def test_bash_where_it_is_asked_for() -> None:
    body = make(job("a", action=ir.Script(lines=("a",), shell="bash"))).template("a")["script"]
    assert body["command"] == ["bash", "-eu"]


def test_exact_arguments_need_no_shell() -> None:
    body = make(
        job("a", action=ir.Exec(argv=(("python",), ("a b.py",), ("$HOME",))), working_directory="sub")
    ).template("a")
    assert body["container"] == {
        "image": UV,
        "workingDir": "/src/sub",
        "command": ["python"],
        "args": ["a b.py", "$HOME"],
    }


def test_arguments_with_holes_are_words_with_variables() -> None:
    made = make(job("a", action=ir.Exec(argv=(("python",), ("--rate=", PARAMETER)))), parameters=(RATE,))
    assert made.source("a") == 'python "--rate=${HEADRACE_PARAM_RATE}"\n'
    assert made.variables("a") == {"HEADRACE_PARAM_RATE": "{{workflow.parameters.rate}}"}


def test_every_container_names_its_command() -> None:
    made = make(
        job("a"),
        job("b", action=ir.Exec(argv=(("true",),))),
        job("c", action=ir.Support(script="gate"), environment=None),
    )
    for template in made.templates().values():
        body = template.get("script") or template.get("container")
        assert body is None or body["command"]


TEXTS = [
    "{{ x }}",
    "{{{{",
    "}}{{",
    "{ {",
    "'{{'",
    '"{{ \\"y\\" }}"',
    "{{=toJson(1)}}",
    "{{\n}}",
    "$HOME {{x}} `id`",
    "{" * 7,
]


@pytest.mark.parametrize("text", TEXTS)
def test_braces_reach_the_container_as_written(text: str) -> None:
    quoted = "'" + text.replace("'", "'\\''") + "'"
    made = make(job("a", run=f"printf %s {quoted}"))
    assert "{{" not in made.source("a")
    assert sh(made.source("a")) == text


@pytest.mark.parametrize("text", TEXTS)
def test_braces_in_variables_and_arguments_reach_it_too(text: str) -> None:
    made = make(job("a", run='printf %s "$X"', env=(ir.EnvVar(name="X", value=(text,)),)))
    assert sh(made.source("a"), **{name: expanded(value) for name, value in made.variables("a").items()}) == text
    made = make(job("a", action=ir.Exec(argv=(("printf",), ("%s",), (text,)))))
    body = made.template("a")
    assert "{{" not in str(body.get("script") or body.get("container"))
    if "script" in body:
        assert sh(body["script"]["source"]) == text


@given(st.text(alphabet="${}()'\"\\ aB_\n", max_size=12))
def test_any_text_survives(text: str) -> None:
    made = make(job("a", run='printf %s. "$X"', env=(ir.EnvVar(name="X", value=(text,)),)))
    env = {name: expanded(value, X="no", B="no") for name, value in made.variables("a").items()}
    assert "{{" not in str(made.template("a")["script"])
    assert sh(made.source("a"), **env) == text + "."


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a $HOME", "a $HOME"),
        ("$$", "$$$"),
        ("$(HOME)", "$$(HOME)"),
        ("$(a b)", "$(a b)"),
        ("$", "$"),
        ("$$$(X)", "$$$$$$(X)"),
    ],
)
def test_dollars_are_doubled_only_where_kubernetes_reads_them(text: str, written: str) -> None:
    assert spelling.plain(text) == written
    assert expanded(written, HOME="no", X="no") == text


def test_values_that_people_choose_can_name_no_variable() -> None:
    """`$(TOKEN)` and `{{= x }}` in a branch's name or a parameter stay text, and secrets stand behind all values."""
    made = make(
        job("a", run=("echo ", PARAMETER, ir.Ref(kind="git", name="branch")), secrets=(ir.SecretUse(secret="TOKEN"),)),
        parameters=(ir.Parameter(name="rate"),),
        whole={"secrets": (ir.Secret(name="TOKEN"),)},
    )
    variables = made.variables("a")
    assert variables["HEADRACE_PARAM_RATE"] == (
        "{{=replace(replace(workflow.parameters.rate, '$', '$$'), '{' + '{', '{$(HEADRACE_BRACE)')}}"
    )
    assert variables["HEADRACE_GIT_BRANCH"] == (
        "{{=replace(replace(workflow.outputs.parameters.branch, '$', '$$'), '{' + '{', '{$(HEADRACE_BRACE)')}}"
    )
    assert list(variables)[-1] == "TOKEN"


def test_no_value_is_spliced_into_a_script() -> None:
    refs = [PARAMETER, FOLD, *(ir.Ref(kind="git", name=name) for name in ("commit", "branch", "tag", "ref", "event"))]
    made = make(job("a", run=("echo ", *refs), matrix=folds()), parameters=(RATE,))
    for template in made.templates().values():
        assert "{{" not in template.get("script", {}).get("source", "")
        assert "{{" not in str(template.get("container", {}).get("args", ""))


def test_the_environment_is_made_first() -> None:
    made = make(job("a", run="python a.py", environment=py(installer="uv", apt=("git",), setup=(("make x",),))))
    assert made.source("a").splitlines() == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends git",
        "uv sync --locked",
        'export PATH="$PWD/.venv/bin:$PATH"',
        "make x",
        "python a.py",
    ]


def test_amounts_are_exact() -> None:
    asked = ir.Resources(
        request=ir.Amounts(cpu=CORE // 2, memory=3 * GIB // 2, storage=10 * GIB), limit=ir.Amounts(memory=2 * GIB)
    )
    assert make(job("a", resources=asked)).template("a")["script"]["resources"] == {
        "requests": {"cpu": "500m", "memory": "1536Mi", "ephemeral-storage": "10Gi"},
        "limits": {"memory": "2Gi"},
    }


def test_gpus_are_limits_of_the_runners_resource() -> None:
    asked = ir.Resources(accelerator=ir.Accelerator(count=2), shm=GIB)
    made = make(job("a", resources=asked))
    body = made.template("a")
    assert made.errors == []
    assert body["script"]["resources"] == {"limits": {"nvidia.com/gpu": 2}}
    assert body["volumes"] == [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]
    assert body["script"]["volumeMounts"] == [{"name": "shm", "mountPath": "/dev/shm"}]
    amd = make(job("a", resources=ir.Resources(accelerator=ir.Accelerator(count=1, vendor="amd"))))
    assert amd.template("a")["script"]["resources"] == {"limits": {"amd.com/gpu": 1}}


def test_a_kind_of_gpu_needs_a_runner_that_has_it() -> None:
    asked = ir.Resources(accelerator=ir.Accelerator(count=1, kind="a100"))
    assert make(job("a", resources=asked)).errors == [
        'HR4303 "a" asks for a GPU of a100, and no runner is listed that has it'
    ]
    runner = ir.Runner(
        select=(("node_selector", {"gpu": "a100"}), ("tolerations", [{"operator": "Exists"}])),
        accelerator=ir.Accelerator(count=1, kind="a100"),
        resource="nvidia.com/mig",
    )
    made = make(job("a", resources=asked), given=settings(runners=(runner,)))
    body = made.template("a")
    assert made.errors == []
    assert body["nodeSelector"] == {"gpu": "a100"}
    assert body["tolerations"] == [{"operator": "Exists"}]
    assert body["script"]["resources"] == {"limits": {"nvidia.com/mig": 1}}
    wrong = make(job("a"), given=settings(runners=(ir.Runner(select=(("tags", ["x"]),)),)))
    assert [found[:6] for found in wrong.errors] == ["HR4007"]


def test_platform_volumes_identity_and_pull_secrets() -> None:
    made = make(
        job(
            "a",
            platform="linux/arm64",
            volumes=(
                ir.Volume(name="data", path="/data", read_only=True),
                ir.Volume(name="tmp", path="/big", size=GIB),
            ),
            identity=ir.Identity(name="trainer", provider="aws", settings=(("role", "arn:aws:iam::1:role/x"),)),
            environment=py(credentials="PULL"),
        ),
        whole={"secrets": (ir.Secret(name="PULL"),)},
    )
    body = made.template("a")
    assert body["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}
    assert body["serviceAccountName"] == "trainer"
    assert body["volumes"][0]["persistentVolumeClaim"] == {"claimName": "data", "readOnly": True}
    assert body["volumes"][1]["ephemeral"]["volumeClaimTemplate"]["spec"]["resources"] == {
        "requests": {"storage": "1Gi"}
    }
    assert [mount["mountPath"] for mount in body["script"]["volumeMounts"]] == ["/data", "/big"]
    assert made.workflow()["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert any("eks.amazonaws.com/role-arn: arn:aws:iam::1:role/x" in found.message for found in made.said)


def test_secrets_are_references() -> None:
    made = make(
        job(
            "a",
            secrets=(ir.SecretUse(secret="A"), ir.SecretUse(secret="B", env="X"), ir.SecretUse(secret="A", file="k/a")),
        ),
        whole={"secrets": (ir.Secret(name="A"), ir.Secret(name="B", store="kubernetes", path="db", key="url"))},
    )
    body = made.template("a")
    assert made.variables("a") == {
        "A": {"secretKeyRef": {"name": "churn", "key": "A"}},
        "X": {"secretKeyRef": {"name": "db", "key": "url"}},
    }
    assert body["volumes"] == [
        {"name": "secret-a", "secret": {"secretName": "churn", "items": [{"key": "A", "path": "value"}]}}
    ]
    assert body["script"]["volumeMounts"] == [
        {"name": "secret-a", "mountPath": "/src/k/a", "subPath": "value", "readOnly": True}
    ]


@pytest.mark.parametrize(
    ("retry", "strategy"),
    [
        ({"max": 2}, {"limit": "2", "retryPolicy": "Always"}),
        ({"max": 1, "on": ("runner",)}, {"limit": "1", "retryPolicy": "OnError"}),
        (
            {"max": 1, "on": ("timeout",)},
            {
                "limit": "1",
                "retryPolicy": "Always",
                "expression": "lastRetry.status == 'Failed' && asFloat(lastRetry.duration) >= 60",
            },
        ),
        (
            {"max": 1, "on": ("runner", "failure")},
            {
                "limit": "1",
                "retryPolicy": "Always",
                "expression": "lastRetry.status == 'Error' || "
                "(lastRetry.status == 'Failed' && !(asFloat(lastRetry.duration) >= 60))",
            },
        ),
        (
            {"max": 3, "on": ("failure",), "exit_codes": (1, 137)},
            {"limit": "3", "retryPolicy": "Always", "expression": "asInt(lastRetry.exitCode) in [1, 137]"},
        ),
    ],
)
def test_retries(retry: dict[str, Any], strategy: dict[str, Any]) -> None:
    body = make(job("a", retry=ir.Retry(**retry), timeout=60)).template("a")
    assert body["retryStrategy"] == strategy
    assert body["activeDeadlineSeconds"] == 60


def test_locks_hold_across_runs() -> None:
    made = make(job("a", lock=ir.Lock(name="db")), job("b", lock=ir.Lock(name="The GPUs", limit=2)))
    assert made.template("a")["synchronization"] == {"mutexes": [{"name": "churn-db"}]}
    held = {"configMapKeyRef": {"name": "churn-locks", "key": "the-gpus"}}
    assert made.template("b")["synchronization"] == {"semaphores": [held]}
    [limits] = made.kind("ConfigMap")
    assert (limits["metadata"]["name"], limits["data"]) == ("churn-locks", {"the-gpus": "2"})


def test_a_job_waits_for_its_sidecars_port() -> None:
    sidecar = ir.Sidecar(name="db", image=("postgres:16",), port=5432, env=(ir.EnvVar(name="X", value=("$$",)),))
    port = ir.Ref(kind="sidecars", name="db", member="port")
    host = ir.Ref(kind="sidecars", name="db", member="host")
    made = make(job("a", run=("psql ", host, port), sidecars=(sidecar,)))
    [held] = made.template("a")["initContainers"]
    assert (held["restartPolicy"], held["startupProbe"]["tcpSocket"]) == ("Always", {"port": 5432})
    assert held["env"] == [{"name": "X", "value": "$$$"}]
    assert made.variables("a") == {"HEADRACE_SIDECAR_DB_HOST": "localhost", "HEADRACE_SIDECAR_DB_PORT": "5432"}


def test_objectives_are_judged_after_the_command_by_a_carried_script(tmp_path: Path) -> None:
    metrics = ir.Artifact(path=("m.json",), kind="metrics")
    wanted = ir.Objective(left=ir.Metric(name="f1"), operator=">=", right=ir.Number(value="0.9"))
    made = make(job("a", run="true", outputs=(metrics,), objectives=(wanted,)))
    assert made.source("a").splitlines()[-1].endswith("m.json -- 'f1 >= 0.9'")
    env = {name: expanded(value) for name, value in made.variables("a").items()}
    for value, status in (("0.95", 0), ("0.5", 1)):
        (tmp_path / "m.json").write_text(f'{{"f1": {value}}}')
        done = subprocess.run(
            ["sh", "-eu", "/dev/stdin"],
            input=made.source("a"),
            env={"PATH": "/usr/bin:/bin", **env},
            cwd=tmp_path,
            text=True,
            capture_output=True,
        )
        assert done.returncode == status, done.stderr
    assert made.outputs("a")["m"]["path"] == "/src/m.json"


def test_a_script_that_several_jobs_carry_stands_once() -> None:
    metrics = ir.Artifact(path=("a.json",), kind="metrics")
    wanted = ir.Objective(left=ir.Metric(name="f1"), operator=">=", right=ir.Number(value="0.9"))
    more = {"objectives": (wanted,)}
    made = make(
        job("a", outputs=(metrics,), **more), job("b", outputs=(ir.Artifact(path=("b.json",), kind="metrics"),), **more)
    )
    assert made.variables("a")["HEADRACE_GATE"] == "{{workflow.parameters.headrace-gate}}"
    assert "objective" in made.parameters()["headrace-gate"]["value"]


def test_checkpoints_are_kept_in_a_store() -> None:
    disk = ir.Store(name="disk", kind="pvc", mount="/disk", url="checkpoints")
    held = ir.Resume(paths=("ck",), every=60, store="disk")
    made = make(job("a", run="python t.py", resume=held, matrix=folds()), whole={"stores": (disk,)})
    assert made.source("a").startswith('python3 -I -c "$HEADRACE_KEEPER" --store /disk --key ')
    assert "--path ck -- sh -euc 'python t.py'" in made.source("a")
    assert made.variables("a")["HEADRACE_MATRIX_FOLD"] == "{{inputs.parameters.fold}}"
    assert made.template("a")["volumes"][0]["persistentVolumeClaim"] == {"claimName": "checkpoints"}
    assert [found[:6] for found in make(job("a", resume=ir.Resume(paths=("x",)))).errors] == ["HR4308"]


def test_changed_files_are_kept(tmp_path: Path) -> None:
    made = make(
        job("a", run="echo new > src/new; echo more >> 'src/a b'", outputs=(ir.ChangedFiles(paths=("src",)),)),
        job("b", "a"),
    )
    (tmp_path / "src").mkdir()
    for name in ("a b", "old"):
        (tmp_path / "src" / name).write_text("old\n")
    out = tmp_path / "out"
    source = (
        made.source("a")
        .replace("/src\n", f"{tmp_path}\n")
        .replace("/tmp/headrace-changed", str(out))
        .replace("/tmp/headrace-start", str(tmp_path / "start"))
    )
    subprocess.run(["sh", "-eu", "/dev/stdin"], input=source, cwd=tmp_path, text=True, check=True)
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == [
        "src/a b",
        "src/new",
    ]
    assert made.outputs("a")["changed-files"]["path"] == "/tmp/headrace-changed"
    assert "cp -R /headrace/a-changed-files/. ." in made.source("b")


def test_a_switch_is_on_only_where_its_parameter_is_true() -> None:
    switch = ir.Switch(when=ir.Ref(kind="parameters", name="balanced"), word="--balanced")
    bare = ir.Environment(image=("python:3.12-slim",))
    action = ir.Exec(argv=(("python",), ("train.py",)), switches=(switch,), switches_at=2)
    parameter = ir.Parameter(name="balanced", type="bool", default="false")
    made = make(job("t", action=action, environment=bare), parameters=(parameter,))
    text = made.template("t")["script"]["source"]
    assert 'if [ "$HEADRACE_PARAM_BALANCED" = true ]; then set -- "$@" --balanced; fi' in text
    assert text.rstrip().endswith('python train.py "$@"')


def test_a_sidecars_variables_hold_what_was_written() -> None:
    word = ir.Ref(kind="parameters", name="word")
    env = (
        ir.EnvVar(name="A", value=("${{ github.sha }}",)),
        ir.EnvVar(name="B", value=("x{", word, "{$")),
        ir.EnvVar(name="C", value=("$", word)),
        ir.EnvVar(name="D", value=("$(HOME)",)),
    )
    sidecar = ir.Sidecar(name="db", image=("redis",), env=env)
    made = make(job("a", sidecars=(sidecar,)), parameters=(ir.Parameter(name="word", default="x"),))
    assert "HR4304" not in made.codes
    [container] = made.template("a")["initContainers"]
    values = {one["name"]: one["value"] for one in container["env"]}
    assert values.pop("HEADRACE_BRACE") == "{"
    for text in ("plain", "$(PATH)", "{=1}", "{{=1}}", "(HOME)", "{"):
        filled = {
            name: value.replace(guarded(), text.replace("$", "$$").replace("{{", "{$(HEADRACE_BRACE)"))
            for name, value in values.items()
        }
        assert all("{{" not in value for value in filled.values()), "Argo reads what it put in once more"
        assert {name: expanded(value, HEADRACE_BRACE="{") for name, value in filled.items()} == {
            "A": "${{ github.sha }}",
            "B": "x{" + text + "{$",
            "C": "$" + text,
            "D": "$(HOME)",
        }


def guarded() -> str:
    return "{{=replace(replace(workflow.parameters.word, '$', '$$'), '{' + '{', '{$(HEADRACE_BRACE)')}}"
