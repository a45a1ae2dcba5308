"""Plans: every leg an instance, every need an edge, and outcomes that follow from needs alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import graph
from compiler.condition import parse
from compiler.ir import Call, EnvVar, Job, Matrix, Need, Not, OnCall, Parameter, Pipeline, Project, Ref, Script
from targets.local.outcome import CANCELLED, FAILED, SKIPPED, SUCCEEDED, Outcome, joined, verdict
from targets.local.plan import CALLED, JOINED, Plan, expand, select
from targets.local.preflight import ruled_out
from targets.local.values import Values, parameter_values

VALUES = Values(
    {"event": "manual", "branch": "main", "tag": "", "short": "abc", "commit": "abc", "default_branch": "main"},
    {"id": "r", "attempt": "1", "url": ""},
    {"name": "p", "version": ""},
)


def job(name: str, *needs: Need | str, **more: object) -> Job:
    listed = tuple(need if isinstance(need, Need) else Need(job=need) for need in needs)
    return Job(**{"name": name, "action": Script(lines=("true",)), "needs": listed, "run_on": "success", **more})  # type: ignore[arg-type]


def plan(*jobs: Job, others: tuple[Pipeline, ...] = (), **parameters: str) -> Plan:
    pipeline = Pipeline(name="main", jobs=jobs)
    project = Project(name="p", pipelines=(pipeline, *others))
    return expand(project, pipeline, VALUES, parameters)


def edges(made: Plan, name: str) -> list[str]:
    return [edge.to for edge in made.instances[name].needs]


FOLDS = Matrix(axes=(("fold", ("0", "1")), ("size", ("s", "l"))), exclude=((("fold", "1"), ("size", "l")),))


def test_legs_become_instances_and_legs_of_needs_edges() -> None:
    made = plan(
        job("train", matrix=FOLDS),
        job("same", Need(job="train", legs="same"), matrix=Matrix(axes=(("fold", ("0", "1")),))),
        job("picked", Need(job="train", legs=(("size", "s"),))),
        job("all", "train"),
    )
    assert set(made.instances) == {
        "train[fold=0,size=s]", "train[fold=0,size=l]", "train[fold=1,size=s]", "same[fold=0]", "same[fold=1]", "picked", "all",
    }  # fmt: skip
    assert edges(made, "same[fold=0]") == ["train[fold=0,size=s]", "train[fold=0,size=l]"]
    assert edges(made, "same[fold=1]") == ["train[fold=1,size=s]"]
    assert edges(made, "picked") == ["train[fold=0,size=s]", "train[fold=1,size=s]"]
    assert len(edges(made, "all")) == 3


def test_two_needs_of_one_job_are_one_edge_that_is_the_stricter() -> None:
    made = plan(
        job("a"), job("b", Need(job="a", artifacts=False, optional=True), Need(job="a", artifacts=True, optional=False))
    )
    (edge,) = made.instances["b"].needs
    assert (edge.artifacts, edge.optional) == (True, False)


@pytest.mark.parametrize(
    ("event", "inside"), [("push", "call"), ("manual", "call"), ("change_request", "change_request")]
)
def test_what_a_change_request_calls_is_its_own_run(event: str, inside: str) -> None:
    inner = Pipeline(name="inner", jobs=(job("work"),), triggers=(OnCall(),))
    outer = Pipeline(name="main", jobs=(job("c", action=Call(pipeline="inner")),))
    made = expand(Project(name="p", pipelines=(outer, inner)), outer, VALUES.at(event), {})
    assert made.instances["c/work"].facts.event == inside


def test_a_call_is_a_start_what_it_calls_and_an_end() -> None:
    call = Call(pipeline="inner", parameters=(EnvVar(name="x", value=("v-", Ref(kind="matrix", name="n"))),))
    inner = Pipeline(
        name="inner", jobs=(job("work"), job("more", "work")), triggers=(OnCall(),), parameters=(Parameter(name="x"),)
    )
    made = plan(
        job("a"), job("c", "a", action=call, matrix=Matrix(axes=(("n", ("1", "2")),))), job("z", "c"), others=(inner,)
    )
    assert edges(made, "c[n=1]:start") == ["a"]
    assert edges(made, "c[n=1]/work") == ["c[n=1]:start"]
    assert edges(made, "c[n=1]/more") == ["c[n=1]/work"]
    assert made.instances["c[n=1]"].kind == JOINED
    assert made.instances["c[n=1]:start"].kind == CALLED
    assert edges(made, "z") == ["c[n=1]", "c[n=2]"]
    assert made.instances["c[n=2]/work"].parameters == {"x": "v-2"}
    assert made.instances["c[n=2]/work"].facts.event == "call"
    assert made.instances["c[n=2]/work"].name == "c/work"
    assert set(select(made, ["c/work"]).instances) == {
        "a",
        "c[n=1]:start",
        "c[n=2]:start",
        "c[n=1]/work",
        "c[n=2]/work",
    }


def test_falsy_values_are_values() -> None:
    pipeline = Pipeline(
        name="p", parameters=(Parameter(name="a", default="1"), Parameter(name="b"), Parameter(name="c", default=""))
    )
    assert parameter_values(pipeline, {"a": ""}) == {"a": "", "c": ""}
    assert parameter_values(pipeline, {"b": "false", "a": "0"}) == {"a": "0", "b": "false", "c": ""}


def test_conditions_see_event_branch_tag_and_parameters() -> None:
    conditions = {
        "event == 'manual'": True,
        "branch matches 'ma*'": True,
        "tag != ''": False,
        "parameters.deep and not parameters.x == '0'": True,
        "changed('never/**')": True,
    }
    made = plan(*(job(f"j{at}", condition=parse(text)) for at, text in enumerate(conditions)), deep="true", x="1")
    assert [not one.ruled_out for one in made.instances.values()] == list(conditions.values())


def test_ruled_out_goes_on_to_dependents_unless_optional() -> None:
    never = Not(term=parse("event == 'manual'"))
    made = plan(
        job("a", condition=never), job("b", "a"), job("c", Need(job="b", optional=True)), job("d", "b", run_on="always")
    )
    assert ruled_out(made) == {"a", "b", "d"}


# ----------------------------------------------------------------------------------------------- outcomes, by property

NAMES = [f"j{at}" for at in range(8)]


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[Job, ...]:
    jobs = []
    for at, name in enumerate(NAMES[: draw(st.integers(1, 8))]):
        needs = draw(st.lists(st.sampled_from(NAMES[:at]), max_size=3, unique=True)) if at else []
        jobs.append(
            job(
                name,
                *(Need(job=need, optional=draw(st.booleans()), artifacts=True) for need in needs),
                run_on=draw(st.sampled_from(["success", "success", "failure", "always"])),
                allow_failure=draw(st.booleans()),
                condition=parse("event == 'push'") if draw(st.integers(0, 5)) == 0 else None,
            )
        )
    return tuple(jobs)


@settings(deadline=None)
@given(pipelines(), st.sets(st.sampled_from(NAMES)))
def test_outcomes_follow_the_rules(jobs: tuple[Job, ...], fails: set[str]) -> None:
    made = plan(*jobs)
    outcomes: dict[str, Outcome] = {}
    for name, one in made.instances.items():
        outcome = verdict(one, outcomes)
        if outcome is None:
            allowed = bool(one.job.allow_failure)
            outcome = Outcome(FAILED, allowed=allowed) if name in fails else Outcome(SUCCEEDED)
        outcomes[name] = outcome
    assert list(outcomes) == graph.order(made.graph())
    out = ruled_out(made)
    for name, one in made.instances.items():
        mine, needs = outcomes[name], [(edge, outcomes[edge.to]) for edge in one.needs]
        assert (mine.ruled_out) == (name in out)
        if mine.ruled_out:
            continue
        ran = mine.status != SKIPPED
        bad = any(need.status == FAILED and not need.allowed for _, need in needs)
        gone = any(need.status == SKIPPED and not edge.optional for edge, need in needs)
        expected = {"always": True, "failure": bad, "success": not bad and not gone}[str(one.job.run_on)]
        assert ran == expected


def test_a_join_is_what_came_of_the_inside() -> None:
    inner = Pipeline(name="inner", jobs=(job("w"),), triggers=(OnCall(),))
    made = plan(job("c", action=Call(pipeline="inner"), allow_failure=True), others=(inner,))
    one = made.instances["c"]
    start = {"c:start": Outcome(SUCCEEDED)}
    assert joined(one, {**start, "c/w": Outcome(SUCCEEDED, started=5.0, seconds=2.0)}).seconds == 2.0
    failed = joined(one, {**start, "c/w": Outcome(FAILED)})
    assert (failed.status, failed.allowed) == (FAILED, True)
    assert joined(one, {**start, "c/w": Outcome(FAILED, allowed=True)}).status == SUCCEEDED
    assert joined(one, {**start, "c/w": Outcome(CANCELLED)}).status == CANCELLED
    assert joined(one, {"c:start": Outcome(SKIPPED, ruled_out=True), "c/w": Outcome(SKIPPED)}).ruled_out
