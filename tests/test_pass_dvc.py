"""Stores of kind dvc: readers pull by the committed pointer, and a job of its own pushes what was made."""

from __future__ import annotations

import pytest

from compiler.ir import (
    Artifact,
    Dataset,
    Environment,
    EnvVar,
    Exec,
    Identity,
    Job,
    Matrix,
    Need,
    OnChangeRequest,
    OnPush,
    Pipeline,
    Project,
    Ref,
    Secret,
    SecretUse,
    Store,
)
from compiler.passes.environments import NOT_A_CHANGE_REQUEST
from tests.lowering import at, found, job, run

POINTER = {"data/raw.csv.dvc": "outs: []\n"}
CONFIG = "[core]\n    remote = lake\n['remote \"lake\"']\n    url = s3://ml-lake/dvc\n"


def project(*jobs: Job, url: str | None = None, **more: object) -> Project:
    return Project(
        name="p",
        manifest="headrace.yaml",
        jobs=jobs,
        stores=(Store(name="lake", kind="dvc", url=url, identity="ci"),),
        identities=(Identity(name="ci", provider="aws", settings=(("role", "r"),), origin=at("identities.ci")),),
        datasets=(Dataset(name="raw", path="data/raw.csv", store="lake", origin=at("datasets.raw")),),
        **more,
    )


def setup(made: Job) -> str:
    assert isinstance(made.environment, Environment)
    return "\n".join(str(piece) for text in made.environment.setup for piece in text)


def script(made: Job) -> tuple[str, list[object]]:
    assert isinstance(made.action, Exec)
    _, _, (text,), _, *paths = made.action.argv
    return str(text), list(paths)


def test_a_reader_pulls_by_the_pointer() -> None:
    jobs, sink = run(project(job("train", datasets=("raw",)), url="s3://ml-lake/dvc"), **POINTER)
    train = jobs["train"]
    assert found(sink) == []
    assert [(one.path, one.store) for one in train.inputs] == [(("data/raw.csv.dvc",), None)]
    assert "'dvc[s3]==3.67.1'" in setup(train)
    assert "remote add --local --force --quiet headrace 's3://ml-lake/dvc'" in setup(train)
    assert "pull --quiet --remote headrace -- 'data/raw.csv.dvc'" in setup(train)
    assert isinstance(train.identity, Identity)
    assert train.identity.name == "ci"


def test_a_store_without_a_url_is_the_repositorys_own_remote() -> None:
    files = {**POINTER, ".dvc/config": CONFIG}
    text = setup(run(project(job("train", datasets=("raw",))), **files)[0]["train"])
    assert "'dvc[s3]==3.67.1'" in text
    assert "remote add" not in text
    assert "pull --quiet -- 'data/raw.csv.dvc'" in text


@pytest.mark.parametrize("config", ["", "[core\n", "[core]\nremote = other\n", "[core]\nremote=%(x)s\n"])
def test_a_configuration_that_says_nothing_asks_for_no_extra(config: str) -> None:
    files = {**POINTER, ".dvc/config": config}
    assert "'dvc==3.67.1'" in setup(run(project(job("train", datasets=("raw",))), **files)[0]["train"])


def test_data_of_a_dvc_pipeline_are_pulled_by_their_path() -> None:
    jobs, sink = run(project(job("train", datasets=("raw",))), **{"dvc.lock": "x", "dvc.yaml": "x"})
    assert found(sink) == []
    assert [one.path for one in jobs["train"].inputs] == [("dvc.lock",)]
    assert "pull --quiet -- 'data/raw.csv'" in setup(jobs["train"])


def test_data_without_a_pointer_are_said() -> None:
    sink = run(project(job("train", datasets=("raw",))))[1]
    (one,) = [one for one in sink.diagnostics if "DVC" in one.message]
    assert one.message.endswith('neither "data/raw.csv.dvc" nor a "dvc.lock" says what it holds')


def test_set_up_runs_in_the_environments_folder_and_dvc_at_the_root() -> None:
    environment = Environment(python="3.12", working_directory="ml/core", setup=(("make data",),))
    text = setup(run(project(job("train", datasets=("raw",), environment=environment)), **POINTER)[0]["train"])
    assert text.startswith("make data\n")
    assert "(\n  cd ../..\n" in text


def test_what_is_made_is_pushed_by_a_job_after_it() -> None:
    train = job(
        "train",
        outputs=(Artifact(path=("model",), store="lake"), Artifact(path=("log.txt",))),
        secrets=(SecretUse(secret="KEY"),),
        env=(EnvVar(name="REGION", value=("eu",)), EnvVar(name="FOLD", value=(Ref(kind="matrix", name="fold"),))),
        matrix=Matrix(axes=(("fold", ("0",)),)),
    )
    whole = project(
        train, job("use", needs=(Need(job="train"),), datasets=("raw",)), url="gs://lake", secrets=(Secret(name="KEY"),)
    )
    jobs, sink = run(whole, **POINTER)
    assert found(sink) == []
    push = jobs["push-train"]
    text, paths = script(push)
    assert paths == [("model",)]
    assert "'dvc[gs]==3.67.1'" in text
    assert text.endswith(
        'dvc add --quiet -- "$@"\nfor path; do dvc push --quiet --remote headrace -- "$path.dvc"; done'
    )
    assert [one.path for one in push.outputs if isinstance(one, Artifact)] == [("model", ".dvc")]
    assert [need.job for need in push.needs] == ["train"]
    assert [one.secret for one in push.secrets] == ["KEY"]
    assert [one.name for one in push.env] == ["REGION"]
    assert {one.store for one in jobs["train"].outputs if isinstance(one, Artifact)} == {None}
    assert [need.job for need in jobs["use"].needs] == ["train"]


def test_every_legs_output_is_pushed_once() -> None:
    fold = Ref(kind="matrix", name="fold")
    train = job(
        "train",
        matrix=Matrix(axes=(("fold", ("0", "1")),)),
        outputs=(
            Artifact(path=("m/", fold), store="lake"),
            Artifact(path=("all",), store="lake", per_leg=True),
        ),
    )
    assert script(run(project(train))[0]["push-train"])[1] == [("m/", "0"), ("m/", "1"), ("all",)]


@pytest.mark.parametrize("changes", [True, False])
def test_a_change_request_pushes_nothing(changes: bool) -> None:
    train = job("train", outputs=(Artifact(path=("model",), store="lake"),))
    triggers = (OnPush(), *((OnChangeRequest(),) if changes else ()))
    own = Pipeline(name="main", jobs=(train,), triggers=triggers, origin=at("pipelines.main"))
    made = run(project(pipelines=(own,)))[0]["push-train"]
    assert made.condition == (NOT_A_CHANGE_REQUEST if changes else None)


def test_a_name_that_is_taken_is_left_alone() -> None:
    train = job("train", outputs=(Artifact(path=("model",), store="lake"),))
    assert "push-train-dvc" in run(project(train, job("push-train")))[0]


def test_a_job_pulls_as_one_identity() -> None:
    both = project(job("train", datasets=("raw", "more")), url="s3://ml-lake/dvc")
    both = both.replace(
        stores=(*both.stores, Store(name="sea", kind="dvc", url="s3://sea/dvc", identity="other")),
        identities=(*both.identities, Identity(name="other", provider="aws", settings=(("role", "s"),))),
        datasets=(*both.datasets, Dataset(name="more", path="data/more.csv", store="sea", origin=at("datasets.more"))),
    )
    files = {**POINTER, "data/more.csv.dvc": "outs: []\n"}
    _, sink = run(both, **files)
    (one,) = [one for one in sink.diagnostics if one.severity == "error"]
    assert one.message == '"train" reads of stores with two identities, "ci" and "other", and signs in as one'
    chosen = both.replace(jobs=(both.jobs[0].replace(identity="other"),))
    jobs, sink = run(chosen, **files)
    assert not sink.failed
    assert isinstance(jobs["train"].identity, Identity)
    assert jobs["train"].identity.name == "other"
