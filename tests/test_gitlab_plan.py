"""Legs, needs, joins and conditions of GitLab jobs."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import Artifact, Compare, Matrix, Not, Ref
from targets.gitlab.jobs import matrix_data
from targets.gitlab.limits import LIMITS
from targets.gitlab.plan import Decided
from tests.gitlab_project import Emitted, emit, job, jobs_of, need

FOLD = Ref(kind="matrix", name="fold")
ON_PUSH = Compare(subject="event", operator="==", values=("push",))
ON_MAIN = Compare(subject="branch", operator="==", values=("main",))


def folds(count: int) -> Matrix:
    return Matrix(axes=(("fold", tuple(str(number) for number in range(count))),))


def needs_of(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        (one if isinstance(one, str) else one["job"]): ({} if isinstance(one, str) else one) for one in data["needs"]
    }


def legs_in(rows: list[dict[str, Any]]) -> list[tuple[tuple[str, str], ...]]:
    """The legs that GitLab makes of `parallel:matrix`: the product of each row."""
    found = []
    for row in rows:
        lists = [value if isinstance(value, list) else [value] for value in row.values()]
        found += [tuple(zip(row, values, strict=True)) for values in product(*lists)]
    return found


def count_needs(made: Emitted, name: str) -> int:
    """As GitLab counts: each leg of a matrix is a need."""
    total = 0
    for one, data in needs_of(made[name]).items():
        rows = data["parallel"]["matrix"] if "parallel" in data else made.main[one].get("parallel", {}).get("matrix")
        total += len(legs_in(rows)) if rows else 1
    return total


def test_nothing_needed_waits_for_nothing() -> None:
    made = emit(job("a"), job("b", needs=("a", need("c", artifacts=False))), job("c"))
    assert made["a"]["needs"] == []
    assert made["b"]["needs"] == ["a", {"job": "c", "artifacts": False}]
    assert "stages" not in made.main
    assert not any("stage" in made.main[name] for name in jobs_of(made.main))


def test_a_job_exists_only_where_all_that_it_needs_does() -> None:
    made = emit(
        job("a", condition=ON_PUSH),
        job("b", needs=("a",), condition=ON_MAIN),
        job("c", needs=("b",)),
        job("d"),
    )
    push = '$CI_PIPELINE_SOURCE == "push"'
    main = '$CI_COMMIT_REF_NAME == "main" && $CI_COMMIT_TAG == null'
    assert made["a"]["rules"] == [{"if": push}]
    assert made["b"]["rules"] == [{"if": f"{main} && {push}"}]
    assert made["c"]["rules"] == made["b"]["rules"]
    assert "rules" not in made["d"]


def test_an_optional_need_brings_its_own_along() -> None:
    made = emit(
        job("zero"),
        job("a", needs=("zero",)),
        job("b", needs=("a",), condition=ON_PUSH),
        job("c", needs=(need("b", optional=True),)),
    )
    assert list(needs_of(made["c"])) == ["b-ended", "a-ended"]
    assert "rules" not in made["c"]
    assert made["a-ended"]["needs"] == [{"job": "a", "artifacts": False, "optional": True}]
    assert made["a-ended"]["when"] == "always"


def test_an_optional_chain_of_one_condition_reaches_what_always_runs() -> None:
    made = emit(
        job("zero"),
        job("a", needs=("zero",), condition=ON_PUSH),
        job("b", needs=("a",), condition=ON_PUSH),
        job("c", needs=(need("b", optional=True),)),
    )
    assert list(needs_of(made["c"])) == ["b-ended", "zero-ended", "a-ended"]


def test_what_comes_before_a_need_anyway_is_waited_for_there() -> None:
    """Without the build there is no test, and nothing to ship: nobody need tell how it ended."""
    made = emit(
        job("build"),
        job("test", needs=("build",)),
        job("slow", needs=("build",), condition=ON_PUSH),
        job("ship", needs=("test", need("slow", optional=True))),
    )
    assert made["ship"]["needs"] == ["test", {"job": "slow", "optional": True}]
    assert jobs_of(made.main) == ["build", "test", "slow", "ship"]


def test_run_on_becomes_when() -> None:
    made = emit(
        job("a", condition=ON_PUSH),
        job("b", needs=("a",), run_on="failure"),
        job("c", run_on="always"),
        job("d", run_on="failure"),
    )
    assert made["b"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "push"', "when": "on_failure"}]
    assert made["c"]["when"] == "always"
    assert made["d"]["when"] == "on_failure"


def test_a_job_that_never_exists_has_a_rule_that_says_so() -> None:
    from compiler.ir import And, Changed

    never = And(terms=(Changed(globs=("a",)), Not(term=Changed(globs=("a",)))))
    assert emit(job("a", condition=never))["a"]["rules"] == [{"when": "never"}]


def test_a_matrix_is_one_parallel_job() -> None:
    made = emit(job("train", matrix=folds(3)), job("join", needs=("train",)))
    assert made["train"]["parallel"] == {"matrix": [{"HEADRACE_MATRIX_FOLD": ["0", "1", "2"]}]}
    assert made["join"]["needs"] == ["train"]


def test_the_same_legs_are_needed_by_jobs_of_their_own() -> None:
    both = Matrix(axes=(("fold", ("0", "1")), ("size", ("s", "l"))))
    made = emit(job("train", matrix=folds(2)), job("score", matrix=both, needs=(need("train", legs="same"),)))
    assert jobs_of(made.main) == ["train", "score.fold=0", "score.fold=1"]
    assert made["score.fold=0"]["parallel"] == {
        "matrix": [{"HEADRACE_MATRIX_FOLD": ["0"], "HEADRACE_MATRIX_SIZE": ["s", "l"]}]
    }
    assert made["score.fold=0"]["needs"] == [
        {"job": "train", "parallel": {"matrix": [{"HEADRACE_MATRIX_FOLD": ["0"]}]}}
    ]


def test_picked_legs_are_named_whole() -> None:
    both = Matrix(axes=(("fold", ("0", "1")), ("size", ("s", "l"))))
    made = emit(job("train", matrix=both), job("first", needs=(need("train", legs=(("fold", "0"),)),)))
    (wanted,) = made["first"]["needs"]
    assert legs_in(wanted["parallel"]["matrix"]) == [
        (("HEADRACE_MATRIX_FOLD", "0"), ("HEADRACE_MATRIX_SIZE", "s")),
        (("HEADRACE_MATRIX_FOLD", "0"), ("HEADRACE_MATRIX_SIZE", "l")),
    ]


@given(st.sets(st.tuples(*(st.sampled_from("abc") for _ in range(3))), min_size=1))
def test_matrix_data_makes_exactly_the_legs(values: set[tuple[str, str, str]]) -> None:
    legs = tuple(tuple(zip(("x", "y", "z"), one, strict=True)) for one in sorted(values))
    made = legs_in(matrix_data(legs))
    assert len(made) == len(legs)
    assert {tuple(value for _, value in leg) for leg in made} == values


def test_legs_with_other_axes_stay_whole() -> None:
    legs = ((("a", "1"),), (("a", "1"), ("b", "2")), (("b", "3"),))
    made = legs_in(matrix_data(legs))
    plain = [tuple((name.removeprefix("HEADRACE_MATRIX_").lower(), value) for name, value in leg) for leg in made]
    assert sorted(plain) == sorted(legs)


def test_values_that_gitlab_would_expand_make_jobs_of_their_own() -> None:
    made = emit(job("a", matrix=Matrix(axes=(("x", ("$HOME", "%Y%", "plain")),))))
    values = [made[name]["variables"]["HEADRACE_MATRIX_X"] for name in jobs_of(made.main)]
    assert values == [{"value": "$HOME", "expand": False}, {"value": "%Y%", "expand": False}, "plain"]
    assert not any("parallel" in made[name] for name in jobs_of(made.main))


def test_a_limit_deals_legs_to_resource_groups() -> None:
    matrix = Matrix(axes=(("k", tuple("abcde")),), max_parallel=2)
    made = emit(job("few", matrix=matrix))
    groups = {made[name]["resource_group"]: legs_in(made[name]["parallel"]["matrix"]) for name in jobs_of(made.main)}
    assert {group: len(legs) for group, legs in groups.items()} == {
        "few-$CI_PIPELINE_ID-0": 3,
        "few-$CI_PIPELINE_ID-1": 2,
    }


def test_more_legs_than_a_matrix_takes_become_several_jobs() -> None:
    made = emit(job("sweep", matrix=folds(450)), job("end", needs=(need("sweep", artifacts=False),)))
    parts = [name for name in jobs_of(made.main) if name.startswith("sweep.")]
    assert [len(legs_in(made[name]["parallel"]["matrix"])) for name in parts] == [
        LIMITS["matrix"],
        LIMITS["matrix"],
        50,
    ]


@pytest.mark.parametrize("count", [49, 50, 51, 120, 2600])
def test_no_job_needs_more_than_fifty(count: int) -> None:
    output = Artifact(path=("models/", FOLD))
    jobs = (job("train", matrix=folds(count), outputs=(output,)), job("one"), job("end", needs=("train", "one")))
    made = emit(*jobs)
    names = jobs_of(made.main)
    assert all(count_needs(made, name) <= LIMITS["needs"] for name in names)
    joins = [name for name in names if "join" in name]
    assert bool(joins) == (count > 49)
    reached = set()
    pending = ["end"]
    while pending:
        for other, data in needs_of(made[pending.pop()]).items():
            if other.startswith("train") and "join" not in other:
                rows = data["parallel"]["matrix"] if "parallel" in data else made[other]["parallel"]["matrix"]
                reached |= {leg[0][1] for leg in legs_in(rows)}
            else:
                pending.append(other)
    assert reached == {str(number) for number in range(count)}


def test_joins_hand_on_what_arrives() -> None:
    jobs = [job(f"j{number}", outputs=(Artifact(path=(f"out/{number}",)),)) for number in range(60)]
    made = emit(*jobs, job("end", needs=tuple(one.name for one in jobs)))
    direct = {name for name in needs_of(made["end"]) if "join" not in name}
    (join,) = [name for name in needs_of(made["end"]) if "join" in name]
    assert made[join]["artifacts"]["paths"] == [f"out/{name[1:]}" for name in needs_of(made[join])]
    assert len(direct) + len(made[join]["artifacts"]["paths"]) == 60


def test_a_join_exists_where_all_that_it_joins_does() -> None:
    jobs = [job(f"j{number}", condition=ON_PUSH) for number in range(60)]
    made = emit(*jobs, job("end", needs=tuple(one.name for one in jobs)))
    join = next(name for name in jobs_of(made.main) if "join" in name)
    assert made[join]["rules"] == made["end"]["rules"] == made["j0"]["rules"]


def test_who_needs_the_same_shares_a_join() -> None:
    jobs = (job("train", matrix=folds(80)), job("x", needs=("train",)), job("y", needs=("train",)))
    made = emit(*jobs)
    assert [name for name in jobs_of(made.main) if "join" in name] == ["train-join"]


def test_names_are_legal_and_said() -> None:
    long = "x" * 300
    made = emit(job("image"), job(long, needs=("image",)))
    first, second = jobs_of(made.main)
    assert first == "job-image"
    assert len(second) <= 255
    assert made[second]["needs"] == ["job-image"]
    assert made.codes.count("HR4010") == 2


def test_a_long_chain_needs_no_recursion() -> None:
    jobs = [job(f"j{number}", needs=(f"j{number - 1}",) if number else (), condition=ON_PUSH) for number in range(3000)]
    made = emit(*jobs)
    assert "error" not in [found.severity for found in made.sink.diagnostics]


def test_what_decides_is_looked_for_no_further_than_asked() -> None:
    chain = [job(f"j{at}", needs=(need(f"j{at - 1}"),) if at else ()) for at in range(1_000)]
    by_name = {one.name: one for one in chain}
    decided = Decided(chain[-1], by_name, {name: at for at, name in enumerate(by_name)})
    assert "j995" in decided
    assert len(decided._found) < 10
    assert "j0" in decided
    assert "another" not in decided
