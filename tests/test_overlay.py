"""What an overlay may lay over compiled data, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.diagnostics import Sink
from compiler.yamlwriter import Block, Shared, write
from targets.overlay import apply

FORBIDDEN = (("spec", "hostNetwork"), ("spec", "*", "privileged"), ("permissions",))


def lay(data: dict[str, Any], overlay: Any, jobs: dict[str, list[dict[str, Any]]] | None = None) -> list[str]:
    sink = Sink()
    apply(data, overlay, jobs or {}, FORBIDDEN, sink)
    return [f"{found.code.number} {found.message}" for found in sink.diagnostics]


def test_mappings_are_merged_and_lists_replaced() -> None:
    data = {"spec": {"a": 1, "b": {"c": 2}, "d": [1, 2]}}
    assert lay(data, {"pipeline": {"spec": {"b": {"e": 3}, "d": [9], "f": {"g": "h"}}}}) == []
    assert data == {"spec": {"a": 1, "b": {"c": 2, "e": 3}, "d": [9], "f": {"g": "h"}}}


def test_null_takes_away() -> None:
    data = {"spec": {"a": 1, "b": {"c": 2}}}
    assert lay(data, {"pipeline": {"spec": {"a": None, "b": None, "z": None}}}) == []
    assert data == {"spec": {}}


def test_what_jobs_share_is_changed_for_one_alone() -> None:
    container = Shared({"image": "a", "env": {"X": "1"}})
    first: dict[str, Any] = {"container": container}
    second: dict[str, Any] = {"container": container}
    assert write([first, second]).count("image: a") == 2
    assert lay({}, {"jobs": {"a": {"container": {"env": {"X": "2"}}}}}, {"a": [first], "b": [second]}) == []
    assert first == {"container": {"image": "a", "env": {"X": "2"}}}
    assert second == {"container": {"image": "a", "env": {"X": "1"}}}
    assert 'X: "2"' in write(first)
    assert 'X: "1"' in write(second)


def test_every_mapping_of_a_job_gets_it() -> None:
    first: dict[str, Any] = {"name": "a-1"}
    second: dict[str, Any] = {"name": "a-2", "metadata": {"labels": {"x": "y"}}}
    other: dict[str, Any] = {"name": "b"}
    overlay = {"jobs": {"a": {"metadata": {"labels": {"team": "ml"}}}}}
    assert lay({}, overlay, {"a": [first, second], "b": [other]}) == []
    assert first == {"name": "a-1", "metadata": {"labels": {"team": "ml"}}}
    assert second == {"name": "a-2", "metadata": {"labels": {"x": "y", "team": "ml"}}}
    assert other == {"name": "b"}


def test_a_commented_mapping_keeps_its_comment() -> None:
    job = Block({"name": "a"}, comment="headrace.yaml: jobs.a")
    lay({}, {"jobs": {"a": {"tags": ["gpu"]}}}, {"a": [job]})
    assert write({"jobs": [job]}) == "jobs:\n  - name: a  # headrace.yaml: jobs.a\n    tags: [gpu]\n"


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        (["a"], 'HR4005 the overlay is not a mapping of "pipeline" and "jobs"'),
        ({"pipelines": {}}, 'HR4005 overlay: "pipelines" is not a part of an overlay ("pipeline" or "jobs")'),
        ({"pipeline": [1]}, 'HR4005 the overlay of "pipeline" is not a mapping'),
        ({"jobs": [1]}, 'HR4005 the overlay\'s "jobs" is not a mapping of job names'),
        ({"jobs": {"trian": {}}}, 'HR4005 overlay: "trian" is not a job of this manifest'),
        ({"pipeline": {"spec": "x"}}, 'HR4005 overlay: "pipeline.spec" is a mapping, which "x" can\'t replace'),
        ({"pipeline": {"other": 1}}, 'HR4005 overlay: "pipeline.other" is a mapping, which "1" can\'t replace'),
        ({"pipeline": {"other": {"a": {"b": 1}}}}, 'HR4005 overlay: "pipeline.other.a" is "1", which a mapping can\'t'),
    ],
)
def test_what_is_no_overlay_is_said(overlay: Any, message: str) -> None:
    data = {"spec": {"x": 1}, "other": {"a": 1}}
    [found] = lay(data, overlay, {"train": [{}]})
    assert found.startswith(message)
    assert data == {"spec": {"x": 1}, "other": {"a": 1}}


def test_a_slip_in_a_job_name_is_answered() -> None:
    sink = Sink()
    apply({}, {"jobs": {"trian": {}}}, {"train": [{}]}, (), sink)
    [found] = sink.diagnostics
    assert (found.suggestion, found.help) == ("train", 'did you mean "train"?')


@pytest.mark.parametrize(
    "tree",
    [
        {"spec": {"hostNetwork": True}},
        {"spec": {"hostNetwork": None}},
        {"spec": {"pod": {"privileged": True}}},
        {"spec": {"pod": None}},
        {"spec": None},
        {"spec": []},
        {"permissions": {"contents": "write"}},
    ],
)
def test_forbidden_paths_are_refused_below_and_around(tree: dict[str, Any]) -> None:
    data = {"spec": {"hostNetwork": False, "pod": {"privileged": False}, "a": 1}}
    job = {"spec": {"hostNetwork": False, "pod": {"privileged": False}}}
    found = lay(data, {"pipeline": tree, "jobs": {"a": tree}}, {"a": [job]})
    assert [line[:6] for line in found] == ["HR4006", "HR4006"]
    assert data == {"spec": {"hostNetwork": False, "pod": {"privileged": False}, "a": 1}}
    assert job == {"spec": {"hostNetwork": False, "pod": {"privileged": False}}}


def test_what_stands_beside_a_refused_path_is_laid_on() -> None:
    data: dict[str, Any] = {"spec": {"a": 1}}
    assert len(lay(data, {"pipeline": {"spec": {"hostNetwork": True, "a": 2}}})) == 1
    assert data == {"spec": {"a": 2}}


def test_no_overlay_changes_nothing() -> None:
    data = {"a": {"b": 1}}
    assert lay(data, None) == []
    assert lay(data, {"pipeline": {}, "jobs": {"a": {}}}, {"a": [data]}) == []
    assert data == {"a": {"b": 1}}


def test_deep_trees_do_not_recurse() -> None:
    tree: dict[str, Any] = {}
    at = tree
    for _ in range(5_000):
        at["a"] = {}
        at = at["a"]
    at["a"] = 1
    data: dict[str, Any] = {}
    assert lay(data, {"pipeline": tree}) == []
    depth = 0
    found: Any = data
    while isinstance(found, dict):
        found, depth = found["a"], depth + 1
    assert (found, depth) == (1, 5_001)
