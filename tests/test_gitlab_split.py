"""Pipelines that are too large for one GitLab file."""

from __future__ import annotations

from typing import Any

import pytest

from compiler import graph
from compiler.ir import Artifact, Compare, Job, Matrix, OnCall, Parameter, Pipeline, Ref
from targets.gitlab import LIMITS
from targets.gitlab.sizes import size
from tests.gitlab_project import Emitted, at, emit, job, jobs_of, project, resolved
from tests.gitlab_runs import Run
from tests.test_gitlab_plan import needs_of

ON_PUSH = Compare(subject="event", operator="==", values=("push",))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a size that a few jobs fill."""
    monkeypatch.setitem(LIMITS, "yaml", 30_000)


def chain(count: int, **fields: Any) -> list[Job]:
    return [job(f"j{at}", needs=(f"j{at - 1}",) if at else (), **fields) for at in range(count)]


def parts(made: Emitted) -> dict[str, dict[str, Any]]:
    return {path: documents[-1] for path, documents in made.files.items() if path.startswith(".gitlab/headrace/")}


def place_of(made: Emitted) -> dict[str, str]:
    return {name: path for path, data in parts(made).items() for name in jobs_of(data)}


def test_small_pipelines_stay_in_one_file() -> None:
    assert list(emit(*chain(50)).files) == [".gitlab-ci.yml"]


def test_every_file_is_within_the_limit_and_every_job_is_there_once(small: None) -> None:
    made = emit(*chain(100))
    assert len(parts(made)) > 2
    assert all(size(data) <= 30_000 for data in made.files[".gitlab-ci.yml"])
    assert all(size(data) <= 30_000 for data in parts(made).values())
    names = [name for data in parts(made).values() for name in jobs_of(data)]
    assert sorted(names) == sorted(f"j{at}" for at in range(100))
    assert made.codes == ["HR4008"]


def test_every_job_that_no_file_holds_is_told_at_its_place(small: None) -> None:
    long = "x" * 40_000
    made = emit(job("a", long), job("b"), job("c", long))
    assert made.codes == ["HR4009", "HR4009"]
    assert all(one.span is not None for one in made.sink.diagnostics)
    assert ['"a" alone' in said or '"c" alone' in said for said in made.messages] == [True, True]


def test_parts_run_in_the_order_of_their_jobs(small: None) -> None:
    made = emit(*chain(60))
    trigger_of = {data["trigger"]["include"][0]["local"]: name for name, data in made.main.items() if "trigger" in data}
    needs = {name: list(needs_of(made.main[name])) for name in trigger_of.values()}
    assert graph.cycles(needs) == []
    place = place_of(made)
    for number in range(1, 60):
        before, after = place[f"j{number - 1}"], place[f"j{number}"]
        inside = f"j{number - 1}" in needs_of(resolved(parts(made)[after], f"j{number}"))
        assert inside if before == after else trigger_of[before] in graph.reachable(needs, [trigger_of[after]])
    assert all(made.main[name]["trigger"]["strategy"] == "depend" for name in trigger_of.values())


def test_no_need_leads_out_of_a_file(small: None) -> None:
    made = emit(*chain(60, outputs=()))
    for data in parts(made).values():
        names = set(jobs_of(data))
        assert all(set(needs_of(resolved(data, name))) <= names for name in names)


def test_outputs_cross_parts_through_the_registry(small: None) -> None:
    jobs = [
        job(f"j{at}", needs=(f"j{at - 1}",) if at else (), outputs=(Artifact(path=(f"out/{at}",)),)) for at in range(60)
    ]
    made = emit(*jobs)
    assert all(size(data) <= 30_000 for data in parts(made).values())
    fetches = {name: data for one in parts(made).values() for name, data in one.items() if name.startswith("fetch-")}
    keeps = [data for one in parts(made).values() for name, data in one.items() if name.startswith("keep-outputs")]
    assert fetches
    for name, data in fetches.items():
        number = name.removeprefix("fetch-j")
        assert data["artifacts"]["paths"] == [f"out/{number}"]
        assert data["script"] == [f'python3 -I -c "$HEADRACE_RELAY" get j{number}']
        put = f'python3 -I -c "$HEADRACE_RELAY" put j{number} out/{number}'
        assert [one for one in keeps if put in one["script"] and f"j{number}" in needs_of(one)]
        consumer = f"j{int(number) + 1}"
        file = parts(made)[place_of(made)[consumer]]
        assert list(needs_of(file[consumer])) == [name]
    for data in made.main.values():
        if "trigger" in data:
            assert data["variables"]["HEADRACE_RUN"] == "$CI_PIPELINE_ID"


def test_legs_cross_parts(small: None) -> None:
    fold = Ref(kind="matrix", name="fold")
    matrix = Matrix(axes=(("fold", tuple(str(number) for number in range(70))),))
    jobs = [
        job("train", matrix=matrix, outputs=(Artifact(path=("m/", fold)),)),
        *chain(40),
        job("end", needs=("train", "j39")),
    ]
    made = emit(*jobs)
    lines = [line for one in parts(made).values() for name in jobs_of(one) for line in one[name]["script"]]
    put = [line for line in lines if " put train-join" in line or " put train" in line]
    assert put
    place = place_of(made)
    assert place["train"] != place["end"]


def test_a_part_without_a_job_is_not_started(small: None) -> None:
    jobs = [
        *chain(30),
        *(job(f"k{at}", needs=(f"k{at - 1}",) if at else ("j29",), condition=ON_PUSH) for at in range(60)),
    ]
    made = emit(*jobs)
    place = place_of(made)
    trigger_of = {data["trigger"]["include"][0]["local"]: name for name, data in made.main.items() if "trigger" in data}
    last = trigger_of[place["k59"]]
    assert made.main[last]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "push"'}]
    assert "rules" not in made.main[trigger_of[place["j0"]]]
    assert parts(made)[place["k59"]]["k59"]["rules"] == [{"if": '$HEADRACE_SOURCE == "push"'}]
    optional = [need for need in made.main[last]["needs"] if isinstance(need, dict)]
    assert all(need["optional"] for need in optional)


def test_parameters_are_passed_explicitly(small: None) -> None:
    made = emit(*chain(60), pipeline={"parameters": (Parameter(name="rate", default="1"),)})
    triggers = [data for data in made.main.values() if "trigger" in data]
    assert all(data["inherit"] == {"variables": ["HEADRACE_PARAM_RATE"]} for data in triggers)
    assert all(data["variables"]["HEADRACE_SOURCE"] == "$CI_PIPELINE_SOURCE" for data in triggers)
    assert all(data["variables"]["HEADRACE_PARAM_RATE"] == "1" for data in parts(made).values())


def test_a_child_that_is_split_forwards_what_it_was_given(small: None) -> None:
    made = project(job("a"))
    large = Pipeline(name="large", jobs=tuple(chain(60)), triggers=(OnCall(),), origin=at("pipelines.large"))
    found = Emitted(made.replace(pipelines=(*made.pipelines, large)))
    child = found.files[".gitlab/headrace/large.yml"][-1]
    triggers = [data for data in child.values() if "trigger" in data]
    assert all(data["trigger"]["forward"] == {"pipeline_variables": True} for data in triggers)
    assert all("HEADRACE_SOURCE" not in data["variables"] for data in triggers)


def test_what_runs_on_failure_comes_last_and_starts_whatever_happened(small: None) -> None:
    made = emit(*chain(60), job("tell", needs=("j0", "j59"), run_on="failure"))
    place = place_of(made)
    trigger_of = {data["trigger"]["include"][0]["local"]: name for name, data in made.main.items() if "trigger" in data}
    late = made.main[trigger_of[place["tell"]]]
    assert late["when"] == "always"
    assert place["j59"] != place["tell"] != place["j0"]
    waited = {name: made.main[name] for name in late["needs"]}
    assert all(data.get("when", "always") == "always" for data in waited.values() if "trigger" not in data)
    assert "HR4111" not in made.codes


def test_a_late_part_waits_though_a_part_before_it_was_skipped(small: None) -> None:
    large = "true #" + "x" * 20_000
    jobs = [job("a", large), job("b", large, needs=("a",)), job("slow", large)]
    jobs.append(job("clean", large, needs=("b", "slow"), run_on="always"))
    made = emit(*jobs)
    assert len(set(place_of(made).values())) == 4
    for seed in range(20):
        run = Run(made, {one.name: set() for one in jobs}, {"a"}, seed)
        assert "b" not in run.status
        assert run.status["clean"] == "success"
        assert "slow" in run.before["clean"]


def test_what_needs_a_job_that_runs_on_failure_is_split_off_with_it(small: None) -> None:
    """A job of another part could not be left out where that one is, so that one part holds both, and all between."""
    undo = [job(f"undo{at}", needs=("j0",), run_on="failure") for at in range(60)]
    between = [job("tidy", needs=("undo0",), run_on="always"), job("report", needs=("tidy", "undo0", "undo59"))]
    jobs = [job("j0"), *undo, *between]
    made = emit(*jobs)
    assert made.codes == ["HR4008"]
    place = place_of(made)
    assert len({place[name] for name in ("undo0", "undo59", "tidy", "report")}) == 1
    assert len(set(place.values())) > 2
    assert Run(made, {one.name: set() for one in jobs}, {"j0"}, 1).status["report"] == "success"
    well = Run(made, {one.name: set() for one in jobs}, set(), 1)
    assert (well.ended, well.status["report"]) == ("success", "skipped")


def test_what_needs_more_jobs_that_run_on_failure_than_a_part_holds_is_refused(small: None) -> None:
    undo = [job(f"undo{at}", "true #" + "x" * 3000, needs=("j0",), run_on="failure") for at in range(12)]
    made = emit(job("j0"), *undo, job("report", needs=tuple(one.name for one in undo)))
    assert made.codes == ["HR4008", "HR4111"]
    assert made.messages[1].startswith('"report" needs "undo')


def test_more_parts_than_a_job_can_need(small: None) -> None:
    large = "true #" + "x" * 20_000
    jobs = [job(f"j{at}", large) for at in range(60)]
    made = emit(
        *jobs, job("end", large, needs=tuple(one.name for one in jobs[:50])), job("more", large, needs=("end",))
    )
    graph_of = {
        name: list(needs_of(data)) for name, data in made.main.items() if isinstance(data, dict) and "needs" in data
    }
    assert all(len(needs) <= LIMITS["needs"] for needs in graph_of.values())
    place = place_of(made)
    trigger_of = {data["trigger"]["include"][0]["local"]: name for name, data in made.main.items() if "trigger" in data}
    before = graph.reachable(graph_of, [trigger_of[place["end"]]])
    assert {trigger_of[place[f"j{at}"]] for at in range(50)} <= before


def test_a_job_that_no_file_holds(small: None) -> None:
    made = emit(*chain(20), job("large", "\n".join(f"echo {number}" for number in range(5000))))
    assert "HR4009" in made.codes


@pytest.mark.parametrize("outputs", [False, True])
def test_ten_thousand_jobs(outputs: bool) -> None:
    jobs = []
    for number in range(10_000):
        needs = tuple(f"t{one}" for one in sorted({number - 1, number // 2}) if 0 <= one < number)
        made = (Artifact(path=(f"out/{number}",)),) if outputs else ()
        jobs.append(job(f"t{number}", needs=needs, outputs=made))
    found = emit(*jobs)
    assert "error" not in [one.severity for one in found.sink.diagnostics]
    own = [name for data in parts(found).values() for name in jobs_of(data) if name.startswith("t")]
    assert sorted(own) == sorted(one.name for one in jobs)
    for data in (*parts(found).values(), found.main):
        assert size(data) <= LIMITS["yaml"]
        names = set(jobs_of(data))
        for name in names:
            assert len(data[name]["needs"]) <= LIMITS["needs"]
            assert set(needs_of(data[name])) <= names
