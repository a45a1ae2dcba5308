"""What waits for what, played through by Argo's own rules for `depends` and for how a graph ends."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import ir
from tests.argo_cases import Made, event_is, folds, job, make, need

ENDED = {"Succeeded", "Failed", "Errored"}


def play(made: Made, fate: dict[str, str]) -> tuple[dict[str, str], str]:
    """Each task's result and the graph's.

    `fate` says how a job ends when it runs (Succeeded if it says nothing), `Skipped` for one whose `when` is false.
    The graph ends as its leaves do; a leaf that did not run takes over what failed on a way to it
    (https://argo-workflows.readthedocs.io/en/latest/enhanced-depends-logic/).
    """
    tasks = made.tasks()
    results: dict[str, str] = {}
    branches: dict[str, set[str]] = {}
    needs = {name: re.findall(r"([\w-]+)\.\w+", task.get("depends", "")) for name, task in tasks.items()}
    pending = list(tasks)
    while pending:
        name = next(one for one in pending if all(other in results for other in needs[one]))
        pending.remove(name)
        above = set().union(*(branches[other] for other in needs[name])) if needs[name] else {"Succeeded"}
        if runs(tasks[name].get("depends", ""), results):
            results[name] = "Skipped" if tasks[name].get("when") == "false" else fate.get(name, "Succeeded")
        else:
            results[name] = "Omitted"
        branches[name] = {results[name]} if results[name] in ENDED else above
    needed = {other for found in needs.values() for other in found}
    leaves = set().union(*(branches[name] for name in tasks if name not in needed))
    return results, "Succeeded" if leaves == {"Succeeded"} else "Failed"


def runs(depends: str, results: dict[str, str]) -> bool:
    if not depends:
        return True
    told = re.sub(r"([\w-]+)\.(\w+)", lambda found: str(results[found[1]] == found[2]), depends)
    return bool(eval(told.replace("&&", " and ").replace("||", " or ")))


def results_of(made: Made, fate: dict[str, str], *names: str) -> list[str]:
    found, _ = play(made, fate)
    return [found[name] for name in names]


def test_needs_are_results_by_name() -> None:
    made = make(job("a"), job("b", "a"), job("c", "a", "b"))
    assert {name: task.get("depends") for name, task in made.tasks().items()} == {
        "source": None,
        "a": "source.Succeeded",
        "b": "a.Succeeded",
        "c": "a.Succeeded && b.Succeeded",
    }
    assert made.template("churn")["dag"]["failFast"] is False


def test_a_failure_stops_what_needs_it_and_nothing_else() -> None:
    made = make(job("a"), job("b", "a"), job("c"))
    assert results_of(made, {"a": "Failed"}, "a", "b", "c") == ["Failed", "Omitted", "Succeeded"]
    assert play(made, {"a": "Failed"})[1] == "Failed"


def test_a_tolerated_failure_stops_nothing() -> None:
    made = make(job("a", allow_failure=True), job("b", "a"))
    for result in ("Failed", "Errored"):
        assert play(made, {"a": result}) == (
            {"source": "Succeeded", "a": result, "b": "Succeeded", "end": "Succeeded"},
            "Succeeded",
        )


def test_a_tolerated_failure_at_a_leaf_does_not_fail_the_run() -> None:
    made = make(job("a"), job("b", "a", allow_failure=True))
    assert play(made, {"b": "Failed"})[1] == "Succeeded"
    assert play(made, {"a": "Failed"})[1] == "Failed"


def test_a_skipped_need_skips_unless_it_is_optional() -> None:
    made = make(job("a"), job("b", "a"), job("c", need("a", optional=True)), job("d", "b"))
    assert results_of(made, {"a": "Skipped"}, "b", "c", "d") == ["Omitted", "Succeeded", "Omitted"]
    assert results_of(made, {"a": "Failed"}, "b", "c") == ["Omitted", "Omitted"]
    assert play(made, {"a": "Skipped"})[1] == "Succeeded"
    assert play(made, {"a": "Failed"})[1] == "Failed"


def test_run_on_failure_runs_after_a_failure_alone_and_leaves_it_one() -> None:
    made = make(job("a"), job("b"), job("notify", "a", "b", run_on="failure"))
    assert results_of(made, {"a": "Failed"}, "notify") == ["Succeeded"]
    assert results_of(made, {"b": "Errored"}, "notify") == ["Succeeded"]
    assert results_of(made, {}, "notify") == ["Omitted"]
    assert play(made, {"a": "Failed"})[1] == "Failed"
    assert play(made, {})[1] == "Succeeded"


def test_run_on_failure_does_not_count_what_is_tolerated() -> None:
    made = make(job("a", allow_failure=True), job("b"), job("notify", "a", "b", run_on="failure"))
    assert results_of(made, {"a": "Failed"}, "notify") == ["Omitted"]
    assert results_of(made, {"a": "Failed", "b": "Failed"}, "notify") == ["Succeeded"]


@pytest.mark.parametrize("result", ["Succeeded", "Failed", "Errored", "Skipped"])
def test_run_always_runs_however_its_need_ended(result: str) -> None:
    made = make(job("a"), job("clean", "a", run_on="always"))
    found, outcome = play(made, {"a": result})
    assert found["clean"] == "Succeeded"
    assert outcome == ("Failed" if result in ("Failed", "Errored") else "Succeeded")


def test_nothing_is_added_where_the_leaves_say_how_it_ended() -> None:
    assert "end" not in make(job("a"), job("b", "a", condition=event_is("push"))).tasks()


def test_a_job_called_like_an_added_task_keeps_its_name() -> None:
    made = make(job("source"), job("end", "source", allow_failure=True), job("churn", "end"))
    assert made.errors == []
    assert {"source", "end", "churn"} <= set(made.tasks())
    assert made.task("source")["depends"] == "source-2.Succeeded"
    assert made.workflow()["spec"]["entrypoint"] not in made.tasks()


def test_names_are_legal_unique_and_said() -> None:
    long = "x" * 80
    made = make(job("Train Model"), job("train_model"), job(long, "Train Model", "train_model"))
    names = [name for name in made.tasks() if name != "source"]
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for name in names)
    assert made.codes.count("HR4010") == 3


def test_approval_suspends_before_the_job() -> None:
    made = make(job("a"), job("b", "a", approval=ir.Approval(to="prod"), condition=event_is("push")))
    approval, own = made.task("approve-b"), made.task("b")
    assert made.template(approval["template"]) == {"name": "approve", "suspend": {}}
    assert approval["depends"] == "a.Succeeded"
    assert "when" in approval
    assert own == {"name": "b", "template": "b", "depends": "approve-b.Succeeded"}


def test_the_manifests_place_stands_at_each_task() -> None:
    made = make(job("a"), job("b", "a", approval=ir.Approval()))
    assert [getattr(task, "comment", None) for task in made.tasks().values()] == [
        "",
        "headrace.yaml: jobs.a",
        "headrace.yaml: jobs.b",
        "headrace.yaml: jobs.b",
    ]


def test_items_with_a_condition_or_a_limit_run_in_a_graph_of_their_own() -> None:
    made = make(job("a", matrix=folds(max_parallel=2)), job("b", "a", matrix=folds(), condition=event_is("push")))
    assert made.template("a")["parallelism"] == 2
    for name in ("a", "b"):
        [task] = made.template(name)["dag"]["tasks"]
        assert task["withItems"] == ["0", "1", "2"]
        assert "withItems" not in made.task(name)
        assert made.template(task["template"])["script"]["source"] == f"echo {name}\n"


def test_legs_that_are_needed_one_by_one_are_tasks() -> None:
    made = make(
        job("a", matrix=folds("0", "1")),
        job("b", need("a", legs="same"), matrix=folds("0", "1")),
        job("c", need("a", legs=(("fold", "1"),))),
    )
    assert {name: task.get("depends") for name, task in made.tasks().items() if name != "source"} == {
        "a-fold-0": "source.Succeeded",
        "a-fold-1": "source.Succeeded",
        "b-fold-0": "a-fold-0.Succeeded",
        "b-fold-1": "a-fold-1.Succeeded",
        "c": "a-fold-1.Succeeded",
    }


def expected(jobs: list[ir.Job], fate: dict[str, str]) -> tuple[dict[str, str], str]:
    """The same by semantics.md: what runs, and whether the run is well."""
    found: dict[str, str] = {}
    for one in jobs:
        before = [
            (need, found[need.job], next(other for other in jobs if other.name == need.job)) for need in one.needs
        ]
        failed = [result in ("Failed", "Errored") and not other.allow_failure for _, result, other in before]
        fine = [
            result == "Succeeded"
            or (result in ("Failed", "Errored") and bool(other.allow_failure))
            or (result == "not run" and bool(need.optional))
            for need, result, other in before
        ]
        go = {"always": True, "failure": any(failed), "success": all(fine)}[one.run_on or "success"]
        result = fate.get(one.name, "Succeeded")
        found[one.name] = ("not run" if result == "Skipped" else result) if go else "not run"
    bad = any(found[one.name] in ("Failed", "Errored") and not one.allow_failure for one in jobs)
    return found, "Failed" if bad else "Succeeded"


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[ir.Job], dict[str, str]]:
    jobs: list[ir.Job] = []
    fate: dict[str, str] = {}
    for number in range(draw(st.integers(1, 6))):
        name = f"j{number}"
        before = draw(st.lists(st.sampled_from([one.name for one in jobs]), unique=True, max_size=3)) if jobs else []
        needs = [need(one, optional=draw(st.booleans())) for one in before]
        run_on = draw(st.sampled_from(["success", "failure", "always"])) if needs else "success"
        jobs.append(job(name, *needs, allow_failure=draw(st.booleans()), run_on=run_on))
        fate[name] = draw(st.sampled_from(["Succeeded", "Failed", "Errored", "Skipped"]))
    return jobs, fate


@given(graphs())
def test_every_graph_ends_as_the_semantics_say(drawn: tuple[list[ir.Job], dict[str, str]]) -> None:
    jobs, fate = drawn
    found, outcome = play(make(*jobs), fate)
    wanted, well = expected(jobs, fate)
    told: dict[str, Any] = {
        one.name: "not run" if found[one.name] in ("Skipped", "Omitted") else found[one.name] for one in jobs
    }
    assert (told, outcome) == (wanted, well)
