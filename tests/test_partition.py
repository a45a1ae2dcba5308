"""Splitting of job graphs, as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import graph
from targets.partition import parts_needed, split

LIMIT = 20


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], dict[str, list[str]], dict[str, int]]:
    """An acyclic graph whose names are not in order, with weights up to the limit."""
    size = draw(st.integers(0, 40))
    names = draw(st.permutations([f"job{at}" for at in range(size)]))
    needs = {
        name: [names[at] for at in draw(st.sets(st.integers(0, place - 1), max_size=4))] if place else []
        for place, name in enumerate(names)
    }
    shuffled = draw(st.permutations(names))
    needs = {name: needs[name] for name in shuffled}
    weight = {name: draw(st.integers(0, LIMIT)) for name in names}
    return graph.order(needs), needs, weight


@given(graphs())
def test_parts_hold_every_job_once_in_order(case: tuple[list[str], dict[str, list[str]], dict[str, int]]) -> None:
    order, needs, weight = case
    parts = split(order, needs, weight, LIMIT)
    assert [name for part in parts for name in part] == order
    assert all(parts)


@given(graphs())
def test_parts_keep_within_the_limit_and_are_few(
    case: tuple[list[str], dict[str, list[str]], dict[str, int]],
) -> None:
    order, needs, weight = case
    parts = split(order, needs, weight, LIMIT)
    sums = [sum(weight[name] for name in part) for part in parts]
    assert all(total <= LIMIT for total in sums)
    assert all(first + weight[following[0]] > max(sums) for first, following in zip(sums, parts[1:], strict=False))


@given(graphs())
def test_no_cycle_between_parts(case: tuple[list[str], dict[str, list[str]], dict[str, int]]) -> None:
    order, needs, weight = case
    parts = split(order, needs, weight, LIMIT)
    assert all(earlier < number for number, others in enumerate(parts_needed(parts, needs)) for earlier in others)
    between = {
        str(number): [str(other) for other in others] for number, others in enumerate(parts_needed(parts, needs))
    }
    assert graph.cycles(between) == []


@given(graphs())
def test_is_deterministic(case: tuple[list[str], dict[str, list[str]], dict[str, int]]) -> None:
    order, needs, weight = case
    assert split(order, needs, weight, LIMIT) == split(list(order), dict(needs), dict(weight), LIMIT)


def test_parts_are_even() -> None:
    names = [f"job{at}" for at in range(10)]
    parts = split(names, {}, dict.fromkeys(names, 1), 9)
    assert [len(part) for part in parts] == [5, 5]


def test_needed_parts_are_direct_ones() -> None:
    needs = {"a": [], "b": ["a"], "c": ["b", "elsewhere"], "d": ["a"]}
    assert parts_needed([["a"], ["b"], ["c", "d"]], needs) == [[], [0], [0, 1]]


def test_nothing_to_split() -> None:
    assert split([], {}, {}, 5) == []
    assert split(["a"], {}, {"a": 5}, 5) == [["a"]]


@pytest.mark.parametrize(
    ("order", "needs", "weight", "message"),
    [
        (["a"], {}, {"a": 6}, '"a" alone weighs 6, the limit is 5'),
        (["a", "b"], {"a": ["b"]}, {"a": 1, "b": 1}, '"a" stands before "b", which it needs'),
        (["a", "a"], {}, {"a": 1}, "a name stands twice in the order"),
    ],
)
def test_refuses(order: list[str], needs: dict[str, list[str]], weight: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split(order, needs, weight, 5)


def test_long_chain() -> None:
    names = [f"job{at}" for at in range(50_000)]
    needs = {name: names[max(0, at - 1) : at] for at, name in enumerate(names)}
    parts = split(names, needs, dict.fromkeys(names, 1), 1000)
    assert len(parts) == 50
