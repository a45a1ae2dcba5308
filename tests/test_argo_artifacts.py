"""What jobs leave behind and what arrives: artifacts by key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compiler import ir
from tests.argo_cases import FOLD, Made, folds, job, make, need, py

RUN = "{{workflow.namespace}}/{{workflow.name}}"
OUT = ir.Artifact(path=("data/out",), kind="directory")
MODEL = ir.Artifact(path=("models/", FOLD), kind="model")
METRICS = ir.Artifact(path=("reports/metrics.json",), kind="metrics")


def test_the_commit_is_fetched_once_and_every_pod_takes_it() -> None:
    made = make(job("a"), job("b", "a"))
    stored = {"name": "source", "path": "/src", "s3": {"key": f"{RUN}/source.tgz"}}
    assert made.outputs("source")["source"] == stored
    for name in ("a", "b"):
        assert made.template(name)["inputs"]["artifacts"] == [stored]
    clones = [template for template in made.templates().values() if "git" in json.dumps(template.get("inputs", {}))]
    assert [template["name"] for template in clones] == ["source"]


@pytest.mark.parametrize(
    ("options", "git"),
    [
        (
            {"credentials": "login"},
            {
                "usernameSecret": {"name": "login", "key": "username"},
                "passwordSecret": {"name": "login", "key": "password"},
            },
        ),
        (
            {"credentials": "key", "repository": "git@example.com:a/b.git"},
            {"sshPrivateKeySecret": {"name": "key", "key": "ssh-privatekey"}},
        ),
        (
            {"credentials": {"secret": "s", "password": "token"}, "depth": 1},
            {"depth": 1, "passwordSecret": {"name": "s", "key": "token"}},
        ),
    ],
)
def test_how_the_commit_is_fetched(options: dict[str, Any], git: dict[str, Any]) -> None:
    from tests.argo_cases import settings

    made = make(job("a"), given=settings(options=options))
    assert made.errors == []
    assert made.inputs("source")["repository"]["git"] == {
        "repo": "{{workflow.parameters.repository}}",
        "revision": "{{workflow.parameters.revision}}",
        **git,
    }


def test_outputs_arrive_at_direct_needs() -> None:
    made = make(job("a", outputs=(OUT, METRICS)), job("b", "a"), job("c", "b"), job("d", need("a", artifacts=False)))
    assert made.outputs("a") == {
        "out": {"name": "out", "path": "/src/data/out", "s3": {"key": f"{RUN}/a/out.tgz"}},
        "metrics": {
            "name": "metrics",
            "path": "/src/reports/metrics.json",
            "archive": {"none": {}},
            "s3": {"key": f"{RUN}/a/metrics.json"},
        },
    }
    assert {name: one for name, one in made.inputs("b").items() if name != "source"} == made.outputs("a")
    assert list(made.inputs("c")) == ["source"]
    assert list(made.inputs("d")) == ["source"]


def test_what_may_be_missing_is_optional() -> None:
    made = make(
        job("a", outputs=(OUT,), allow_failure=True),
        job("b", outputs=(ir.Artifact(path=("b",)),)),
        job("c", "a", need("b", optional=True)),
        job("d", "b", run_on="always"),
        job("e", "b"),
    )
    assert made.inputs("c")["out"]["optional"] is True
    assert made.inputs("c")["b"]["optional"] is True
    assert made.inputs("d")["b"]["optional"] is True
    assert "optional" not in made.inputs("e")["b"]


def joined(made: Made, root: Path) -> dict[str, str]:
    """What job b finds, when each of a's legs writes its output and the keys are files of a folder."""
    [task] = [made.task("a")]
    items = task.get("withItems") or made.template("a")["dag"]["tasks"][0]["withItems"]
    inner = made.template("a") if "script" in made.template("a") else made.template("a-leg")
    store, work = root / "store", root / "work"
    work.mkdir()
    names = [one["name"] for one in inner["inputs"]["parameters"]]
    for item in items:
        given = item if isinstance(item, dict) else {names[0]: item}
        for output in inner["outputs"]["artifacts"]:
            key = output["s3"]["key"]
            for name, value in given.items():
                key = key.replace("{{inputs.parameters." + name + "}}", value)
            (store / key).parent.mkdir(parents=True, exist_ok=True)
            (store / key).write_text(json.dumps(given, sort_keys=True))
    source = made.source("b")
    for artifact in made.template("b")["inputs"]["artifacts"][1:]:
        source = source.replace(artifact["path"], str(store / artifact["s3"]["key"]))
    subprocess.run(["sh", "-eu", "/dev/stdin"], input=source, cwd=work, text=True, check=True, capture_output=True)
    return {path.relative_to(work).as_posix(): path.read_text() for path in work.rglob("*") if path.is_file()}


def test_legs_join_at_their_own_paths(tmp_path: Path) -> None:
    made = make(job("a", matrix=folds(), outputs=(MODEL,)), job("b", "a"))
    assert made.outputs("a")["models"]["archive"] == {"none": {}}
    assert [one["name"] for one in made.template("b")["inputs"]["artifacts"]] == ["source", "a"]
    assert joined(made, tmp_path) == {f"models/{fold}": json.dumps({"fold": fold}) for fold in "012"}


def test_outputs_per_leg_lie_below_their_path(tmp_path: Path) -> None:
    matrix = ir.Matrix(axes=(("fold", ("0", "1")), ("size", ("s", "x, y"))), exclude=((("fold", "1"), ("size", "s")),))
    made = make(job("a", matrix=matrix, outputs=(ir.Artifact(path=("r/report",), per_leg=True),)), job("b", "a"))
    assert sorted(joined(made, tmp_path)) == [
        "r/report/fold=0,size=s",
        "r/report/fold=0,size=x_2c_20y",
        "r/report/fold=1,size=x_2c_20y",
    ]


def test_legs_as_tasks_leave_artifacts_of_their_own() -> None:
    made = make(
        job("a", matrix=folds("0", "1"), outputs=(MODEL,)),
        job("b", need("a", legs="same"), matrix=folds("0", "1")),
        job("c", "a"),
    )
    key = f"{RUN}/a-fold-1/models.tgz"
    assert made.outputs("a-fold-1")["models"] == {"name": "models", "path": "/src/models/1", "s3": {"key": key}}
    assert made.inputs("b-fold-1")["models"]["path"] == "/src/models/1"
    assert [one["path"] for one in made.template("c")["inputs"]["artifacts"]] == [
        "/src",
        "/src/models/0",
        "/src/models/1",
    ]


def test_two_outputs_of_one_name_stay_apart() -> None:
    made = make(
        job("a", outputs=(ir.Artifact(path=("x/data",)), ir.Artifact(path=("y/data",)))),
        job("b", outputs=(ir.Artifact(path=("z/data",)),)),
        job("c", "a", "b"),
    )
    keys = [one["s3"]["key"] for one in made.template("c")["inputs"]["artifacts"]]
    names = [one["name"] for one in made.template("c")["inputs"]["artifacts"]]
    assert len(set(keys)) == len(set(names)) == 4


def test_stores_hold_outputs_beyond_the_run() -> None:
    stores = (ir.Store(name="s3", kind="s3", url="s3://bucket/ml"), ir.Store(name="dvc", kind="dvc", url="x"))
    made = make(
        job("a", outputs=(ir.Artifact(path=("big",), store="s3"),)),
        job("b", "a", inputs=(ir.Input(path=("old",), store="s3", dataset="old", version="v1"),)),
        whole={"stores": stores},
    )
    place = made.outputs("a")["big"]["s3"]
    assert (place["bucket"], place["key"]) == ("bucket", "ml/big/{{workflow.outputs.parameters.commit}}.tgz")
    assert made.inputs("b")["big"]["s3"] == place
    assert made.inputs("b")["old"]["s3"]["key"] == "ml/old/v1.tgz"
    refused = make(job("a", outputs=(ir.Artifact(path=("x",), store="dvc"),)), whole={"stores": stores})
    assert [found[:6] for found in refused.errors] == ["HR4307"]


# ----------------------------------------------------------------------------------------------------------------- cache


def cached(**more: Any) -> Made:
    return make(
        job("a", run="make", cache=ir.Cache(**more), outputs=(OUT,), environment=py(installer="uv")),
        job("b", "a"),
        triggers=(ir.OnPush(),),
    )


def test_a_cached_job_is_memoized_by_its_content_key() -> None:
    made = cached(max_age=60)
    assert made.task("a-key")["depends"] == "source.Succeeded"
    assert made.task("a")["depends"] == "a-key.Succeeded"
    assert made.task("a")["arguments"]["parameters"] == [
        {"name": "key", "value": "{{tasks.a-key.outputs.parameters.key}}"}
    ]
    assert made.template("a")["memoize"] == {
        "key": "a-{{inputs.parameters.key}}",
        "maxAge": "60s",
        "cache": {"configMap": {"name": "churn-cache"}},
    }
    assert made.outputs("a")["out"]["s3"] == {"key": "churn/cache/a/{{inputs.parameters.key}}/out.tgz"}
    assert made.inputs("b")["out"]["s3"] == {"key": "churn/cache/a/{{workflow.outputs.parameters.a-key}}/out.tgz"}


def test_a_change_request_has_a_cache_of_its_own() -> None:
    made = make(job("a", cache=ir.Cache(), outputs=(OUT,)), triggers=(ir.OnPush(), ir.OnChangeRequest()))
    name = made.template("a")["memoize"]["cache"]["configMap"]["name"]
    assert name == "churn-cache{{=workflow.parameters.event == 'change_request' ? '-changes' : ''}}"


def test_the_key_covers_what_decides_the_outputs(tmp_path: Path) -> None:
    def key(run: str = "make {{ x }}", rate: str = "0.1", file: str = "1", **more: Any) -> str:
        rated = (run + " ", ir.Ref(kind="parameters", name="rate"))
        made = make(
            job("a", run=rated, cache=ir.Cache(), outputs=(OUT,), inputs=(ir.Input(path=("in",)),), **more),
            parameters=(ir.Parameter(name="rate", default="1"),),
        )
        assert made.errors == []
        (tmp_path / "in").write_text(file)
        facts = tmp_path / "facts"
        env = dict(made.variables("a-key").items()) | {"HEADRACE_PARAM_RATE": rate}
        source = made.source("a-key").replace("/headrace/facts", str(facts)).replace("python3", sys.executable)
        subprocess.run(
            ["sh", "-eu", "/dev/stdin"],
            input=source,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", **env},
            text=True,
            check=True,
        )
        return (facts / "key").read_text().strip()

    first = key()
    assert len(first) == 64
    assert key() == first
    changed = [key(run="make y"), key(rate="0.2"), key(file="2"), key(env=(ir.EnvVar(name="A", value=("b",)),))]
    assert len({first, *changed}) == 5


def test_cached_legs_have_a_key_each() -> None:
    made = make(job("a", cache=ir.Cache(), matrix=folds("0", "1"), outputs=(MODEL,)), job("b", "a"))
    assert {"a-fold-0-key", "a-fold-0", "a-fold-1-key", "a-fold-1", "b"} <= set(made.tasks())
    assert [one["path"] for one in made.template("b")["inputs"]["artifacts"]] == [
        "/src",
        "/src/models/0",
        "/src/models/1",
    ]
