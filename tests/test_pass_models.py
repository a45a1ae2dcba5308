"""Models become edges and gates: train, validate, test, package, deploy."""

from __future__ import annotations

import pytest

from compiler import codes
from compiler.ir import (
    Approval,
    Artifact,
    Build,
    BuildImage,
    Dataset,
    Deploy,
    Environment,
    Job,
    Lifecycle,
    Metric,
    Model,
    Need,
    Number,
    Objective,
    Pipeline,
    Project,
    Publish,
    Rollout,
    Script,
)
from compiler.passes.environments import NOT_A_CHANGE_REQUEST
from tests.lowering import at, found, job, needs, run


def metrics(path: str = "metrics.json") -> tuple[Artifact, ...]:
    return (Artifact(path=(path,), kind="metrics"),)


def objective(metric: str, value: str = "0.9") -> Objective:
    return Objective(left=Metric(name=metric), operator=">=", right=Number(value=value))


def model(**steps: object) -> Model:
    return Model(name="churn", origin=at("models.churn"), **steps)


def project(*jobs: Job, **more: object) -> Project:
    return Project(name="p", jobs=jobs, **more)


def test_each_step_is_given_the_model_and_waits_for_the_one_before() -> None:
    steps = ("train", "validate", "test", "package", "deploy")
    jobs, sink = run(
        project(*(job(f"a-{step}") for step in steps), models=(model(**{step: f"a-{step}" for step in steps}),))
    )
    assert found(sink) == []
    assert needs(jobs["a-train"]) == {}
    assert needs(jobs["a-validate"]) == {"a-train": True}
    assert needs(jobs["a-test"]) == {"a-train": True, "a-validate": True}
    assert needs(jobs["a-package"]) == {"a-train": True, "a-test": True}
    assert needs(jobs["a-deploy"]) == {"a-train": True, "a-package": True}


def test_a_step_that_is_left_out_is_no_edge() -> None:
    jobs, sink = run(project(job("a"), job("b"), models=(model(train="a", package="b"),)))
    assert found(sink) == []
    assert needs(jobs["b"]) == {"a": True}


def test_a_need_that_is_written_wins() -> None:
    own = Need(job="a", artifacts=False)
    jobs, _ = run(project(job("a"), job("b", needs=(own,)), models=(model(train="a", test="b"),)))
    assert needs(jobs["b"]) == {"a": False}


def test_jobs_in_place_are_named_after_their_step_and_take_the_defaults() -> None:
    jobs, sink = run(
        project(
            models=(model(train=Job(name="", action=Script(lines=("t",))), test=job("exam")),),
            defaults=Job(name="", timeout=77),
        )
    )
    assert found(sink) == []
    assert list(jobs) == ["churn-train", "exam"]
    assert jobs["churn-train"].timeout == 77
    assert jobs["churn-train"].origin is not None
    assert jobs["churn-train"].origin.path == "models.churn"
    assert needs(jobs["exam"]) == {"churn-train": True}


def test_a_job_in_place_with_a_name_that_is_taken() -> None:
    _, sink = run(project(job("a"), models=(model(train=job("a")),)))
    assert 'HR3020: two jobs are named "a"' in found(sink)


def test_unknown_jobs_are_all_reported_with_the_nearest() -> None:
    _, sink = run(project(job("train-it"), models=(model(train="trian-it", test="nothing-like-it"),)))
    assert found(sink) == [
        'HR3001: "nothing-like-it" is not a job of this manifest',
        'HR3001: "trian-it" is not a job of this manifest',
    ]
    assert {one.suggestion for one in sink.diagnostics} == {"train-it", None}


def test_objectives_gate_validation_and_test_separately() -> None:
    first, second = objective("accuracy"), objective("auc")
    python = Environment(name="py", python="3.12")
    jobs, sink = run(
        project(
            job("t"),
            job("v", outputs=metrics("v.json"), objectives=(first,), environment=python),
            job("x", outputs=metrics("x.json"), environment=python),
            models=(model(train="t", validate="v", test="x", objectives=(first, second)),),
        )
    )
    assert found(sink) == []
    assert jobs["v"].objectives == (first, second)
    assert jobs["x"].objectives == (first, second)
    assert jobs["t"].objectives == ()


def test_objectives_without_metrics_are_an_error_at_each_step() -> None:
    _, sink = run(
        project(
            job("v"),
            job("x"),
            job("t"),
            models=(model(train="t", validate="v", test="x", objectives=(objective("a"),)),),
        )
    )
    assert found(sink) == [
        'HR3041: "v" judges "churn", but leaves no metrics file',
        'HR3041: "x" judges "churn", but leaves no metrics file',
    ]


def test_a_jobs_own_objectives_want_metrics_too() -> None:
    _, sink = run(project(job("v", objectives=(objective("a"),)), job("w", outputs=metrics(), objectives=())))
    assert found(sink) == ['HR3041: "v" has objectives, but leaves no metrics file']


def test_objectives_that_nothing_judges_are_an_error() -> None:
    _, sink = run(project(job("t"), models=(model(train="t", objectives=(objective("a"),)),)))
    assert found(sink) == ['HR3041: nothing judges the objectives of "churn": it has neither `validate` nor `test`']


DATA = (
    Dataset(name="one", path="one", version="1"),
    Dataset(name="alias", path="one", version="1"),
    Dataset(name="later", path="one", version="2"),
    Dataset(name="two", path="two"),
)


@pytest.mark.parametrize(
    ("validate", "test", "same"),
    [
        (("one",), ("one",), True),
        (("one", "two"), ("two", "one"), True),
        (("one",), ("alias",), True),
        (("one",), ("later",), False),
        (("one",), ("two",), False),
        (("one", "two"), ("two",), False),
        ((), (), False),
    ],
)
def test_validation_and_test_differ_in_data(validate: tuple[str, ...], test: tuple[str, ...], same: bool) -> None:
    _, sink = run(
        project(
            job("v", datasets=validate), job("x", datasets=test), datasets=DATA, models=(model(validate="v", test="x"),)
        ),
        one="",
        two="",
    )
    assert bool(found(sink, "HR3036")) is same


def test_validation_and_test_are_two_jobs() -> None:
    _, sink = run(project(job("v"), models=(model(validate="v", test="v"),)))
    assert found(sink) == ['HR3036: "churn" is validated and tested by one job, "v"']


SERVING = Environment(name="serving", build=Build(context="."), origin=at("environments.serving"))


def test_a_model_can_be_packaged_by_the_build_of_an_environment() -> None:
    """The image holds the model: its build context is given the training's outputs."""
    jobs, sink = run(
        project(
            job("t", outputs=(Artifact(path=("model",), kind="model"),)),
            environments=(SERVING.replace(publish=Publish()),),
            models=(model(train="t", package="build-serving"),),
        )
    )
    assert found(sink) == []
    assert isinstance(jobs["build-serving"].action, BuildImage)
    assert needs(jobs["build-serving"]) == {"t": True}


def test_a_job_may_be_the_one_that_builds_an_environment() -> None:
    package = job("package", action=BuildImage(build=Build(), environment="serving"))
    jobs, sink = run(
        project(
            job("t"),
            package,
            job("user", environment="serving"),
            environments=(SERVING.replace(publish=Publish(repository=("r",))),),
            models=(model(train="t", package="package"),),
        )
    )
    assert found(sink, "HR3037") == []
    assert list(jobs) == ["t", "package", "user"]
    assert jobs["package"].action == BuildImage(
        build=Build(context="."), publish=Publish(repository=("r",)), environment="serving"
    )
    assert needs(jobs["user"]) == {"package": False}


def test_a_build_of_an_environment_that_is_not_built() -> None:
    _, sink = run(
        project(
            job("a", action=BuildImage(build=Build(), environment="servin")),
            environments=(SERVING, Environment(name="py", python="3.12")),
        )
    )
    assert 'HR3002: "servin" is not an environment with a build' in found(sink)


def test_a_job_that_takes_the_name_of_a_build() -> None:
    _, sink = run(project(job("build-serving"), job("a", environment="serving"), environments=(SERVING,)))
    assert 'HR3020: "build-serving" is the job that builds the environment "serving"' in found(sink)


def test_an_environment_that_nothing_wants_is_not_built() -> None:
    jobs, sink = run(project(job("a"), environments=(SERVING,)))
    assert list(jobs) == ["a"]
    assert found(sink) == ['HR3037: no job runs in "serving" and it is not published, so it is not built']


def test_a_rollout_becomes_a_job() -> None:
    rollout = Rollout(platform="apply", to="production", documents=("k8s.yaml",), approve=True)
    jobs, sink = run(
        project(
            job("t"),
            environments=(SERVING,),
            models=(model(train="t", package="build-serving", deploy=rollout),),
        ),
        **{"k8s.yaml": "image: headrace.invalid/serving"},
    )
    assert found(sink) == []
    deploy = jobs["churn-deploy"]
    assert deploy.action == Deploy(platform="apply", to="production", documents=("k8s.yaml",), image="serving")
    assert needs(deploy) == {"build-serving": False, "t": True}
    assert deploy.approval == Approval(to="production")
    assert deploy.condition == NOT_A_CHANGE_REQUEST
    assert deploy.origin is not None
    assert deploy.origin.path == "models.churn"


def test_documents_without_the_placeholder_get_no_image() -> None:
    rollout = Rollout(platform="apply", documents=("k8s.yaml",))
    jobs, _ = run(
        project(job("t"), environments=(SERVING,), models=(model(train="t", package="build-serving", deploy=rollout),)),
        **{"k8s.yaml": "image: other"},
    )
    action = jobs["churn-deploy"].action
    assert isinstance(action, Deploy)
    assert action.image is None


@pytest.mark.parametrize(
    ("rollout", "message"),
    [
        (Rollout(platform="kserve"), 'HR2003: the rollout of the model "churn" names no `documents`'),
        (
            Rollout(platform="apply", documents=("gone.yaml",)),
            'HR3019: the document "gone.yaml" is not there',
        ),
        (
            Rollout(platform="gitops", documents=("k8s.yaml",)),
            'HR2003: "churn-deploy" deploys by a commit, but no `branch` is named to commit to',
        ),
        (
            Rollout(platform="apply", documents=("k8s.yaml",), branch="live"),
            "HR2012: `branch` is for `platform: gitops`: apply commits nothing",
        ),
        (
            Rollout(platform="gitops", documents=("k8s.yaml",), branch="live", cluster="c"),
            "HR2012: `cluster` means nothing to `platform: gitops`: what watches the branch knows its cluster",
        ),
        (
            Rollout(platform="gitops", documents=("k8s.yaml",), branch="live", restart=True),
            "HR2012: `restart` is for what kubectl rolls out itself, not for gitops",
        ),
    ],
)
def test_rollouts_that_lack_something(rollout: Rollout, message: str) -> None:
    _, sink = run(project(job("t"), models=(model(train="t", deploy=rollout),)), **{"k8s.yaml": ""})
    assert found(sink) == [message]


def test_jobs_that_stand_in_a_pipeline_of_their_own_are_found() -> None:
    jobs, sink = run(
        Project(
            name="p",
            pipelines=(Pipeline(name="p", jobs=(job("t"), job("x"))),),
            models=(model(train="t", test="x"),),
        )
    )
    assert found(sink) == []
    assert needs(jobs["x"]) == {"t": True}


def test_a_model_in_a_circle_is_reported_as_any_other() -> None:
    _, sink = run(project(job("t", needs=(Need(job="x"),)), job("x"), models=(model(train="t", test="x"),)))
    assert found(sink) == ["HR3013: jobs wait for one another: t -> x -> t"]


# ----------------------------------------------------------------------------------------------------------- lifecycle


def lifecycle(**steps: str) -> Lifecycle:
    return Lifecycle(steps=tuple(steps.items()), origin=at("lifecycle"))


def test_without_a_lifecycle_no_gap_is_said() -> None:
    assert found(run(project(job("a")))[1]) == []


def test_gaps_of_a_lifecycle_are_said_once() -> None:
    _, sink = run(project(job("a"), job("b"), lifecycle=lifecycle(data_ingestion="a", training="b")))
    (message,) = found(sink)
    assert message.startswith("HR3046: no job does 11 of the 13 steps: codify_objectives, data_analysis")
    assert sink.diagnostics[0].code is codes.LIFECYCLE_GAP


def test_models_fill_the_steps_that_they_are() -> None:
    _, sink = run(
        project(
            job("t"),
            job("x", outputs=metrics(), environment=Environment(python="3.12")),
            models=(model(train="t", test="x", objectives=(objective("a"),)),),
            lifecycle=lifecycle(data_ingestion="t"),
        )
    )
    (message,) = found(sink)
    assert not {"training", "testing", "codify_objectives", "data_ingestion"} & set(
        message.partition("steps: ")[2].split(", ")
    )
    assert "evaluation" in message


def test_a_lifecycle_names_jobs_that_are_there() -> None:
    _, sink = run(project(job("train"), lifecycle=lifecycle(training="trian", teaching="train")))
    assert 'HR3001: "trian" is not a job of this manifest' in found(sink)
    assert 'HR2001: "teaching" is not a step of the lifecycle' in found(sink)


def test_a_lifecycle_evaluates_and_tests_apart() -> None:
    _, sink = run(project(job("a"), lifecycle=lifecycle(evaluation="a", testing="a")))
    assert 'HR3036: evaluation and testing are done by one job, "a"' in found(sink)
