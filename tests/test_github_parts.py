"""Calls of other pipelines, pipelines after others, and pipelines too large for one file."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from compiler.driver import text_of
from compiler.ir import (
    Artifact,
    Build,
    BuildImage,
    Call,
    Changed,
    Environment,
    EnvVar,
    OnCall,
    OnPipeline,
    Pipeline,
    Project,
    Ref,
    Script,
    SecretUse,
)
from compiler.yamlwriter import write
from targets.github import parts
from targets.github.limits import LIMITS
from tests import github_pipelines as cases
from tests.github_pipelines import PARAMETERS, PLAIN, emitted, found, job, need, project, read


def files(given: Project) -> dict[str, dict[str, Any]]:
    documents, sink = emitted(given)
    assert not sink.failed, sink.diagnostics
    return {document.path.rsplit("/", 1)[-1]: read(text_of(document, given)) for document in documents}


def test_a_call_passes_values_rights_and_secrets_by_name() -> None:
    made = files(cases.SEVERAL)
    call = made["main.yml"]["jobs"]["score"]
    assert call["uses"] == "./.github/workflows/score.yml"
    assert call["permissions"] == {"contents": "read", "issues": "write"}
    assert call["secrets"] == {"TOKEN": "${{ secrets.TOKEN }}"}
    assert call["with"]["headrace_scope"] == "score."
    assert call["with"]["dry_run"].startswith("${{ format('{0}', ")
    assert set(call) <= {"name", "if", "needs", "uses", "permissions", "with", "secrets"}
    called = made["score.yml"]["on"]["workflow_call"]
    assert called["secrets"] == {"TOKEN": {"required": False}}
    assert set(call["with"]) <= set(called["inputs"])


def test_artifacts_of_a_call_are_its_own() -> None:
    jobs = files(cases.SEVERAL)["score.yml"]["jobs"]
    assert cases.step(jobs["train"], "actions/upload-artifact")["with"]["name"] == "${{ inputs.headrace_scope }}train"
    assert (
        cases.step(jobs["report"], "actions/download-artifact")["with"]["name"] == "${{ inputs.headrace_scope }}train"
    )


def test_a_pipeline_after_another_is_called_at_its_end() -> None:
    made = files(cases.SEVERAL)
    assert "workflow_run" not in made["nightly-checks.yml"]["on"]
    follow = made["main.yml"]["jobs"]["then-nightly-checks"]
    assert follow["needs"] == ["train", "score", "end"]
    assert follow["uses"] == "./.github/workflows/nightly-checks.yml"
    assert follow["with"] == {"headrace_event": "pipeline", "headrace_scope": "then-nightly-checks."}
    assert "github.event_name != 'pull_request'" in follow["if"]


def test_pipelines_that_follow_each_other_in_a_circle() -> None:
    given = Project(
        name="x",
        manifest="headrace.yaml",
        pipelines=(
            Pipeline(name="a", jobs=(job("j", "true"),), triggers=(OnPipeline(pipeline="b"),)),
            Pipeline(name="b", jobs=(job("j", "true"),), triggers=(OnPipeline(pipeline="a"),)),
        ),
    )
    assert "HR3042" in found(given)


@pytest.mark.parametrize("key", ["allow_failure", "secrets", "outputs"])
def test_a_call_takes_no_keys_of_a_job(key: str) -> None:
    values: dict[str, Any] = {
        "allow_failure": True,
        "secrets": (SecretUse(secret="TOKEN"),),
        "outputs": (Artifact(path=("x",)),),
    }
    main, score, _ = cases.SEVERAL.pipelines
    jobs = tuple(one.replace(**{key: values[key]}) if one.name == "score" else one for one in main.jobs)
    given = cases.SEVERAL.replace(pipelines=(main.replace(jobs=jobs), score))
    assert found(given) == ["HR4213"]


def chain(count: int, **more: Any) -> tuple[Any, ...]:
    return tuple(
        job(
            f"step-{at}",
            f"make {at}",
            environment=PLAIN,
            needs=tuple(f"step-{other}" for other in (at - 1, at - 7) if other >= 0),
            outputs=(Artifact(path=(f"out/{at}",)),),
            **more,
        )
        for at in range(count)
    )


def test_a_pipeline_of_one_file_is_not_split() -> None:
    assert list(files(project(*chain(20)))) == ["churn.yml"]


def test_a_large_pipeline_calls_its_parts_in_their_order() -> None:
    secret = (SecretUse(secret="TOKEN"),)
    made = files(project(*chain(1200, secrets=secret), parameters=PARAMETERS))
    top = made.pop("churn.yml")
    assert len(made) > 2
    assert list(top["jobs"]) == [f"part-{at}" for at in range(1, len(made) + 1)]
    assert top["jobs"]["part-2"]["needs"] == ["part-1"]
    assert top["jobs"]["part-2"]["if"] == "${{ !cancelled() }}"
    assert top["jobs"]["part-2"]["with"]["headrace_needs"] == '{"part-1": ${{ toJSON(needs.part-1.outputs) }}}'
    assert set(top["jobs"]["part-2"]["with"]) >= {one.name for one in PARAMETERS}
    assert top["jobs"]["part-2"]["secrets"] == {"TOKEN": "${{ secrets.TOKEN }}"}
    jobs = [name for part in made.values() for name in part["jobs"]]
    assert sorted(jobs) == sorted(f"step-{at}" for at in range(1200))
    for at, part in enumerate(made.values(), 1):
        assert list(part["on"]) == ["workflow_call"]
        assert set(top["jobs"][f"part-{at}"]["with"]) <= set(part["on"]["workflow_call"]["inputs"])
        for name, one in part["jobs"].items():
            assert set(one.get("needs", ())) <= set(part["jobs"]), name


def test_results_cross_from_part_to_part() -> None:
    made = files(project(*chain(1200)))
    first, second = made["churn-1.yml"], made["churn-2.yml"]
    across = [one for one in second["jobs"].values() if "headrace_needs" in one.get("if", "")]
    assert across
    outputs = first["on"]["workflow_call"]["outputs"]
    for one in across:
        for part in one["if"].split("fromJSON(inputs.headrace_needs).")[1:]:
            assert part.split(".")[0] == "part-1"
            name = part.split(".")[1].split(" ")[0]
            assert outputs[name] == {"value": f"${{{{ jobs.{name}.result }}}}"}


def test_ten_thousand_jobs_stay_within_githubs_limits() -> None:
    given = project(*chain(10_000))
    documents, sink = emitted(given)
    assert not sink.failed
    assert [one.code.number for one in sink.diagnostics if one.code.number != "HR4002"] == ["HR4008"]
    assert len(documents) - 1 <= LIMITS["reusable workflows of a run"]
    for document in documents:
        assert len(text_of(document, given).encode()) <= LIMITS["workflow file bytes"]


def test_workflows_connect_over_ten_levels() -> None:
    def calling(levels: int) -> Project:
        names = [f"p{at}" for at in range(levels)]
        made = [Pipeline(name=names[0], jobs=(job("j", "true"),), triggers=(OnCall(),))]
        for below, name in pairwise(names):
            made.append(Pipeline(name=name, jobs=(job("j", action=Call(pipeline=below)),), triggers=(OnCall(),)))
        return project().replace(pipelines=tuple(made))

    assert "HR4009" not in found(calling(10))
    assert found(calling(11)).count("HR4009") == 1


def test_a_text_with_values_is_no_longer_than_an_expression() -> None:
    branch = Ref(kind="git", name="branch")
    assert "HR4009" in found(project(job("a", "true", env=(EnvVar(name="A", value=("x" * 21_000, branch)),))))
    assert "HR4009" in found(project(job("a", "true", env=(EnvVar(name="A", value=("'" * 10_500, branch)),))))
    assert found(project(job("a", "true", env=(EnvVar(name="A", value=("x" * 20_000, branch)),)))) == []
    assert found(project(job("a", "true", env=(EnvVar(name="A", value=("x" * 40_000,)),)))) == []


def test_sizes_are_never_less_than_what_is_written() -> None:
    for given, settings in cases.ALL.values():
        for document in emitted(given, settings)[0]:
            for name, one in document.documents[0]["jobs"].items():
                written = len(write({name: one}, 2).encode())
                assert written <= parts.size(one) <= written * 1.4 + 200, name


def test_decisions_and_images_cross_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "HEAD_BYTES", 0)
    monkeypatch.setitem(LIMITS, "workflow file bytes", 2000)
    image = Environment(name="api", image=(Ref(kind="images", name="api"),))
    given = project(
        job("build-api", action=BuildImage(build=Build(context="api"), environment="api")),
        job("filler", "true", environment=PLAIN),
        job(
            "test",
            "pytest",
            environment=image,
            needs=(need("build-api", artifacts=False), "filler"),
            condition=Changed(globs=("api/**",)),
        ),
    )
    made = files(given)
    top = made.pop("churn.yml")
    assert top["jobs"]["decide"]["outputs"] == {"test": "${{ steps.decide.outputs.test }}"}
    where = next(part for part in made.values() if "test" in part["jobs"])
    test = where["jobs"]["test"]
    number = next(at for at, part in enumerate(made.values(), 1) if "build-api" in part["jobs"])
    assert test["container"]["image"] == f"${{{{ fromJSON(inputs.headrace_needs).part-{number}.build-api_image }}}}"
    assert "fromJSON(inputs.headrace_needs).decide.test == 'true'" in test["if"]
    outputs = list(made.values())[number - 1]["on"]["workflow_call"]["outputs"]
    assert outputs["build-api_image"] == {"value": "${{ jobs.build-api.outputs.image }}"}


def test_more_parts_than_one_run_may_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "HEAD_BYTES", 0)
    monkeypatch.setitem(LIMITS, "workflow file bytes", 5000)
    assert "HR4009" in found(project(*chain(200)))


def test_a_job_that_no_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "HEAD_BYTES", 0)
    monkeypatch.setitem(LIMITS, "workflow file bytes", 500)
    assert "HR4009" in found(project(*chain(2)))


def test_parameters_reach_jobs_in_parts_through_their_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "HEAD_BYTES", 1000)
    monkeypatch.setitem(LIMITS, "workflow file bytes", 5000)
    hole = Ref(kind="parameters", name="lr")
    jobs = tuple(job(f"j{at}", action=Script(lines=("run ", hole)), environment=PLAIN) for at in range(20))
    made = files(project(*jobs, parameters=PARAMETERS))
    top = made.pop("churn.yml")
    assert len(made) > 2
    for one in (one for part in made.values() for one in part["jobs"].values()):
        assert one["env"] == {"HEADRACE_PARAM_LR": "${{ inputs.lr }}"}
    for part in top["jobs"].values():
        assert part["with"]["lr"] == (
            "${{ format('{0}', toJSON(inputs.lr) == 'null' && '0.01' || github.event.inputs.lr) }}"
        )
