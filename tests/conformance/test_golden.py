"""Each case of fixtures/DIALECT compiles to what it did, byte for byte; `python -m tests.golden --update` writes that."""

from __future__ import annotations

from pathlib import Path

from compiler.features import Feature, features_used
from tests import golden
from tests.conformance.cases import CASES, REFUSED, Case, by_case, by_target, compiled, lowered, target


@by_case
def test_a_case_compiles_to_its_golden(case: Case) -> None:
    assert golden.difference(case) == ""


def test_a_golden_that_differs_is_noticed(tmp_path: Path) -> None:
    case = CASES[0]
    copy = Case(case.folder)
    copy.folder = tmp_path
    for path, text in golden.expected(case).items():
        place = tmp_path / "expected" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text + ("x" if path == "ir.json" else ""), encoding="utf-8")
    assert golden.expected(copy) != golden.expected(case)


def test_every_feature_has_a_case() -> None:
    used = {
        feature
        for case in CASES
        for one in lowered(case).project.pipelines
        for feature in features_used(one, lowered(case).project)
    }
    if any(len(lowered(case).project.pipelines) > 1 for case in CASES):
        used.add(Feature.SEVERAL_PIPELINES)
    assert sorted(feature.name for feature in set(Feature) - used) == []


@by_target
def test_a_target_refuses_what_the_table_says(name: str) -> None:
    assert sorted(case.name for case in CASES if compiled(case, name).failed) == sorted(REFUSED[name])


@by_target
def test_support_is_said_of_every_feature(name: str) -> None:
    support = target(name).SUPPORT
    assert set(support) == set(Feature)
    for said in support.values():
        words = getattr(said, "how", None) or getattr(said, "why", None)
        assert type(said).__name__ == "Native" or (words and words == words.strip())
