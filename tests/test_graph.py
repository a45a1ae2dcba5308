"""Graphs of names: order, cycles, reachability, critical path, at sizes where recursion would die."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import graph


def graphs() -> st.SearchStrategy[dict[str, list[str]]]:
    names = st.sampled_from("abcdefgh")
    return st.dictionaries(names, st.lists(names, max_size=4), max_size=8)


def test_order_stays_near_the_manifests() -> None:
    assert graph.order({"evaluate": ["train"], "fetch": [], "train": ["fetch"], "other": []}) == [
        "fetch",
        "train",
        "evaluate",
        "other",
    ]


@given(graphs())
def test_order_holds_all_but_what_waits_for_itself(needs: dict[str, list[str]]) -> None:
    order = graph.order(needs)
    place = {name: at for at, name in enumerate(order)}
    for name in order:
        assert all(place[need] < place[name] for need in needs[name] if need in needs)
    knots = graph.cycles(needs)
    assert bool(knots) == (len(order) < len(needs))


@given(graphs())
def test_cycles_are_closed_ways_along_needs(needs: dict[str, list[str]]) -> None:
    for cycle in graph.cycles(needs):
        assert len(set(cycle)) == len(cycle)
        for name, need in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            assert need in needs[name]


def test_a_cycle_is_shown_whole() -> None:
    assert graph.cycles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]
    assert graph.cycles({"a": ["a"]}) == [["a"]]


@pytest.mark.parametrize("size", [100_000])
def test_long_chains(size: int) -> None:
    chain = {str(at): [str(at - 1)] if at else [] for at in range(size)}
    assert graph.order(chain)[-1] == str(size - 1)
    assert len(graph.reachable(chain, [str(size - 1)])) == size
    assert graph.cycles(chain) == []
    assert len(graph.layers(chain)) == size
    assert len(graph.critical_path(chain, dict.fromkeys(chain, 1.0))) == size
    circle = {**chain, "0": [str(size - 1)]}
    assert len(graph.cycles(circle)[0]) == size


@pytest.mark.parametrize("size", [100_000])
def test_a_chain_beside_a_cycle_and_many_cycles(size: int) -> None:
    """Each of these took minutes when a knot was looked for in what was read before it."""
    chain = {"a": ["b"], "b": ["a"], **{str(at): [str(at + 1)] for at in range(size)}}
    pairs = {str(at): [str(at ^ 1)] for at in range(size)}
    started = time.process_time()
    assert graph.cycles(chain) == [["a", "b"]]
    assert len(graph.cycles(pairs)) == size // 2
    assert time.process_time() - started < 10


def test_critical_path() -> None:
    needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    assert graph.critical_path(needs, {"a": 1, "b": 2, "c": 5, "d": 1}) == ["a", "c", "d"]


def test_layers() -> None:
    assert graph.layers({"d": ["b", "c"], "a": [], "b": ["a"], "c": ["a"]}) == [["a"], ["b", "c"], ["d"]]
