"""What runs when jobs fail: emitted pipelines, played as GitLab processes them, against semantics.md."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from compiler import ir
from targets.gitlab import LIMITS
from tests.gitlab_project import Emitted, emit, job, jobs_of, need
from tests.gitlab_runs import Run
from tests.test_gitlab_plan import needs_of


def outputs(jobs: list[ir.Job]) -> dict[str, set[str]]:
    return {
        one.name: {
            piece
            for output in one.outputs
            if isinstance(output, ir.Artifact)
            for piece in output.path
            if isinstance(piece, str)
        }
        for one in jobs
    }


ON_PUSH = ir.Compare(subject="event", operator="==", values=("push",))
PUSHED = '$CI_PIPELINE_SOURCE == "push"'


def ruled_out(jobs: list[ir.Job], pushed: bool) -> set[str]:
    """The jobs that are not there, with all that needs them."""
    found: set[str] = set()
    for one in jobs:
        if (one.condition is not None and not pushed) or any(n.job in found and not n.optional for n in one.needs):
            found.add(one.name)
    return found


def expected(jobs: list[ir.Job], failing: set[str], started: set[str], pushed: bool) -> dict[str, str]:
    """How each job ends by semantics.md, but for those whose file did not start. The jobs come after what they need."""
    found: dict[str, str] = {}
    away = ruled_out(jobs, pushed)
    tolerated = {one.name for one in jobs if one.allow_failure}
    for one in jobs:
        before = [need.job for need in one.needs]
        failed = [name for name in before if found[name] == "failed" and name not in tolerated]
        skippable = {need.job for need in one.needs if need.optional}
        fine = [
            found[name] == "success"
            or (found[name] == "failed" and name in tolerated)
            or (found[name] == "skipped" and name in skippable)
            for name in before
        ]
        runs = {"success": all(fine), "failure": bool(failed), "always": True}[one.run_on or "success"]
        runs = runs and one.name in started and one.name not in away
        found[one.name] = "skipped" if not runs else "failed" if one.name in failing else "success"
    return found


def check(jobs: list[ir.Job], failing: set[str], seed: int, made: Emitted | None = None, pushed: bool = True) -> Run:
    """Play it, and compare with what the semantics say: who runs, whether it is well, after whom, with what."""
    made = made or emit(*jobs)
    assert "error" not in [one.severity for one in made.sink.diagnostics], made.messages
    run = Run(made, outputs(jobs), failing, seed, None if pushed else PUSHED)
    wanted = expected(jobs, failing, set(run.status), pushed)
    assert {name: run.status.get(name, "skipped") for name in wanted} == wanted
    bad = any(wanted[one.name] == "failed" and not one.allow_failure for one in jobs)
    assert run.ended == ("failed" if bad else "success")
    for one in jobs:
        if wanted[one.name] == "skipped":
            continue
        assert {need.job for need in one.needs} <= run.before[one.name] | (set(wanted) - set(run.status))
        well = [need.job for need in one.needs if need.artifacts and wanted[need.job] == "success"]
        assert {path for name in well for path in run.outputs[name]} == run.received[one.name]
    return run


LARGE = "true #" + "x" * 5000


def leaves(name: str) -> tuple[ir.Artifact, ...]:
    return (ir.Artifact(path=(f"out/{name}",)),)


def test_what_runs_on_failure_runs_though_others_were_skipped() -> None:
    jobs = [
        job("a", outputs=leaves("a")),
        job("b", needs=("a",), outputs=leaves("b")),
        job("c", needs=("b",), outputs=leaves("c")),
        job("tell", needs=("a", "b", "c"), run_on="failure"),
    ]
    for failing in ([], ["a"], ["b"], ["c"]):
        run = check(jobs, set(failing), 1)
        assert run.status["tell"] == ("success" if failing else "skipped")
    assert run.received["tell"] == {"out/a", "out/b"}


def test_what_always_runs_waits_for_all_though_one_was_skipped() -> None:
    jobs = [job("a"), job("b", needs=("a",)), job("long"), job("clean", needs=("b", "long"), run_on="always")]
    for seed in range(20):
        assert "long" in check(jobs, {"a"}, seed).before["clean"]


def test_needs_that_are_skipped_together_stay_direct() -> None:
    made = emit(
        job("a"),
        job("b", needs=("a",)),
        job("c", needs=("a",)),
        job("tell", needs=("b", "c"), run_on="failure"),
        job("clean", needs=("a",), run_on="always"),
    )
    assert jobs_of(made.main) == ["a", "b", "c", "tell", "clean"]
    assert made.codes == []


def test_jobs_between_are_said_and_shared() -> None:
    made = emit(
        job("a"),
        job("b", needs=("a",)),
        job("tell", needs=("a", "b"), run_on="failure"),
        job("mail", needs=("a", "b"), run_on="failure"),
    )
    assert jobs_of(made.main) == ["a", "b", "b-failed", "b-ended", "tell", "mail"]
    assert made["tell"]["needs"] == made["mail"]["needs"] == ["a", "b-ended"]
    assert made.codes == ["HR4002"]


@pytest.mark.parametrize("run_on", ["failure", "always"])
@pytest.mark.parametrize("failing", [set(), {"j0"}, {"j77"}])
def test_more_needs_than_gitlab_takes(run_on: Any, failing: set[str]) -> None:
    jobs = [job(f"j{at}", outputs=leaves(f"j{at}")) for at in range(130)]
    jobs.append(job("tell", needs=tuple(one.name for one in jobs), run_on=run_on))
    made = emit(*jobs)
    assert all(len(needs_of(made[name])) <= LIMITS["needs"] for name in jobs_of(made.main))
    check(jobs, failing, 3, made)


def test_a_condition_of_the_needs_holds_for_the_jobs_between() -> None:
    on_push = ir.Compare(subject="event", operator="==", values=("push",))
    made = emit(job("a"), job("b", needs=("a",), condition=on_push), job("tell", needs=("a", "b"), run_on="failure"))
    rule = {"if": '$CI_PIPELINE_SOURCE == "push"'}
    assert made["b-failed"]["rules"] == made["tell"]["rules"] == [{**rule, "when": "on_failure"}]
    assert made["b-ended"]["rules"] == [{**rule, "when": "always"}]


def test_what_comes_from_another_part_is_there_when_a_need_was_skipped() -> None:
    jobs = [
        *(job(name, LARGE, outputs=leaves(name)) for name in ("j0", "j1")),
        job("j2", LARGE, allow_failure=True),
        job("j3", LARGE, needs=(need("j2", artifacts=False),), outputs=leaves("j3")),
        job("j4", LARGE, needs=("j0", "j1", need("j2", artifacts=False), "j3"), run_on="failure"),
        job("j5", LARGE, needs=("j2",), run_on="failure"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LIMITS, "yaml", 40_000)
        made = emit(*jobs)
    assert "HR4008" in made.codes
    for seed in range(20):
        assert check(jobs, {"j0", "j1"}, seed, made).received["j4"] == {"out/j3"}


@st.composite
def graphs(
    draw: st.DrawFn, least: int = 1, most: int = 7, run: str = "true", conditions: bool = True
) -> tuple[list[ir.Job], set[str], int]:
    jobs: list[ir.Job] = []
    failing: set[str] = set()
    optional = draw(st.booleans())
    for number in range(draw(st.integers(least, most))):
        name = f"j{number}"
        before = draw(st.lists(st.sampled_from([one.name for one in jobs]), unique=True, max_size=4)) if jobs else []
        needs = tuple(
            need(one, artifacts=draw(st.booleans()), optional=optional and draw(st.booleans())) for one in before
        )
        run_on = draw(st.sampled_from(["success", "success", "failure", "always"])) if needs else "success"
        left = leaves(name) if draw(st.booleans()) else ()
        when = draw(st.sampled_from([None, None, ON_PUSH])) if conditions else None
        allowed = draw(st.booleans())
        jobs.append(job(name, run, needs=needs, allow_failure=allowed, run_on=run_on, outputs=left, condition=when))
        if draw(st.booleans()):
            failing.add(name)
    return jobs, failing, draw(st.integers(0, 9))


@given(graphs(), st.booleans())
def test_every_graph_ends_as_the_semantics_say(drawn: tuple[list[ir.Job], set[str], int], pushed: bool) -> None:
    check(*drawn, pushed=pushed)


def test_an_optional_need_that_was_skipped_skips_nobody() -> None:
    """What it needs failed, so it did not run, and the job does; where it failed itself, the job does not."""
    jobs = [
        job("a"),
        job("b", needs=("a",), outputs=leaves("b")),
        job("c", needs=(need("b", optional=True),)),
        job("d", needs=("c",)),
    ]
    made = emit(*jobs)
    assert jobs_of(made.main) == ["a", "b", "b-failed", "b-ended", "c", "d"]
    assert made.codes == ["HR4002"]
    assert check(jobs, {"a"}, 1).status["d"] == "success"
    assert check(jobs, {"b"}, 1).status["c"] == "skipped"
    assert check(jobs, set(), 1).received["c"] == {"out/b"}


@given(graphs(5, 12, LARGE, conditions=False), st.sampled_from([24_000, 40_000]))
@settings(max_examples=60)
def test_every_split_graph_ends_as_the_semantics_say(drawn: tuple[list[ir.Job], set[str], int], limit: int) -> None:
    """A part that runs on success alone is not started where a part before it failed: order that a split adds, and says."""
    jobs, failing, seed = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LIMITS, "yaml", limit)
        made = emit(*jobs)
    assume("HR4008" in made.codes and "HR4111" not in made.codes and "HR4009" not in made.codes)
    late = {one.name for one in jobs if (one.run_on or "success") != "success"}
    assert late <= set(check(jobs, failing, seed, made).status)
