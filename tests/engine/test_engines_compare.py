"""The comparison itself: it finds what is wrong, and nothing in what is right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engines import compare, github, gitlab
from tests.engines.cases import FIXTURES, Run, cases, load
from tests.engines.known import KNOWN, SKIPS
from tests.engines.matrix import ENGINES
from tests.engines.seen import Seen, Statement, by_values, split

TRACKED = {"headrace.yaml": {"sha256": compare.sha256(b"x"), "executable": False}}


def stated(job: str, began: float, ended: float, **more: object) -> Statement:
    given = {"attempt": 1, "folder": ".", "arguments": [], "env": {}, "files": dict(TRACKED), **more}
    return Statement(job=job, began=began, ended=ended, **given)  # type: ignore[arg-type]  # a test's shorthand


GOOD = Seen(
    status="succeeded",
    jobs={"a": "succeeded", "b": "succeeded"},
    testimonies=[
        stated("a", 1, 2),
        stated("b", 3, 4, files={**TRACKED, "a.txt": {"sha256": compare.sha256(b"A"), "executable": False}}),
    ],
)
RUN = Run(
    jobs={"a": "succeeded", "b": "succeeded", "c": "skipped"},
    after={"b": ["a"]},
    saw={"b": {"files": {"a.txt": "A"}, "arguments": [], "folder": ".", "attempts": 1}},
)


def topics(run: Run, seen: Seen) -> set[str]:
    return {one.topic for one in compare.differences(run, seen, TRACKED)}


def test_what_is_right_has_no_difference() -> None:
    assert compare.differences(RUN, GOOD, TRACKED) == []


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Seen(**{**vars(GOOD), "status": "failed"}), {"status"}),
        (Seen(**{**vars(GOOD), "jobs": {"a": "succeeded", "b": "failed"}}), {"outcome"}),
        (Seen(**{**vars(GOOD), "jobs": {"a": "succeeded"}}), {"outcome"}),
        (Seen(**{**vars(GOOD), "testimonies": GOOD.testimonies[:1]}), {"witness"}),
        (Seen(**{**vars(GOOD), "testimonies": [*GOOD.testimonies, stated("c", 1, 2)]}), {"ran"}),
        (Seen(**{**vars(GOOD), "testimonies": [*GOOD.testimonies, stated("d", 1, 2)]}), {"extra"}),
        (Seen(**{**vars(GOOD), "testimonies": [stated("a", 1, 3.5), GOOD.testimonies[1]]}), {"order"}),
        (Seen(**{**vars(GOOD), "testimonies": [GOOD.testimonies[0], stated("b", 3, 4)]}), {"files"}),
        (
            Seen(**{**vars(GOOD), "testimonies": [GOOD.testimonies[0], stated("b", 3, 4, arguments=["x"])]}),
            {"files", "arguments"},
        ),
    ],
)
def test_each_fault_is_found(seen: Seen, expected: set[str]) -> None:
    assert topics(RUN, seen) == expected


def test_a_file_too_many_and_a_changed_one_are_found() -> None:
    more = {**GOOD.testimonies[1].files, "extra.txt": {"sha256": "", "executable": False}}
    assert topics(RUN, Seen(**{**vars(GOOD), "testimonies": [GOOD.testimonies[0], stated("b", 3, 4, files=more)]})) == {
        "files"
    }
    changed = {**GOOD.testimonies[1].files, "headrace.yaml": {"sha256": "other", "executable": False}}
    other = Seen(**{**vars(GOOD), "testimonies": [GOOD.testimonies[0], stated("b", 3, 4, files=changed)]})
    assert topics(RUN, other) == {"files"}


def test_secrets_are_looked_for_everywhere() -> None:
    run = Run(jobs=RUN.jobs, secrets={"TOKEN": "s3cret"}, secret={"TOKEN": ["a"]})
    assert topics(run, GOOD) == {"secret"}
    leaked = Seen(**{**vars(GOOD), "log": "it is s3cret", "testimonies": [stated("a", 1, 2, env={"T": "s3cret"})]})
    assert "log" in topics(run, leaked)
    given = [stated("a", 1, 2, env={"T": "s3cret"}), stated("b", 3, 4)]
    assert topics(run, Seen(**{**vars(GOOD), "testimonies": given})) == set()


def test_a_lock_that_is_not_kept_is_found() -> None:
    beside = Seen(status="succeeded", jobs={}, testimonies=[stated("a", 1, 3), stated("b", 2, 4), stated("c", 4, 5)])
    jobs = dict.fromkeys("abc", "succeeded")
    seen = Seen(**{**vars(beside), "jobs": jobs})
    assert topics(Run(jobs=jobs, at_most=[{"jobs": ["a", "b", "c"], "limit": 1}]), seen) == {"lock"}
    assert topics(Run(jobs=jobs, at_most=[{"jobs": ["a", "b", "c"], "limit": 2}]), seen) == set()
    assert topics(Run(jobs=jobs, at_most=[{"jobs": ["a", "c"], "limit": 1}]), seen) == set()


def test_engines_names_are_understood() -> None:
    known = by_values(["train[fold=0,solver=sgd]", "one[only=x]", "pages", "child/make", "b"])
    assert split("train[fold=0,solver=sgd]") == ("train", {"fold": "0", "solver": "sgd"})
    assert github.shown("w/train (0, sgd)-1  ", True, known) == "train[fold=0,solver=sgd]"
    assert github.shown("child/w/make ", False, known) == "child/make"
    assert github.shown("w/b", False, known) == "b"
    for name in ("train: [0,sgd]", "train.fold=0: [0, sgd]", "train.fold=0,solver=sgd"):
        assert gitlab.shown(name, known) == "train[fold=0,solver=sgd]"
    assert gitlab.shown("one", known) == "one[only=x]"
    assert gitlab.shown("job-pages", known) == "pages"
    assert gitlab.shown("[child] -> make", known) == "child/make"
    assert gitlab.shown("[nightly] -> b", known) == "b"


def test_images_are_taken_out_for_the_shell(tmp_path: Path) -> None:
    text = '.t:  # x\n  image: z\n\na:\n  image:\n    name: x\n    entrypoint: [""]\n  script: [b]\nc:\n  image: y\n  needs: []\n'
    (tmp_path / ".gitlab-ci.yml").write_text(text, encoding="utf-8")
    gitlab.adapt(tmp_path)
    left = (tmp_path / ".gitlab-ci.yml").read_text(encoding="utf-8")
    assert left == ".t: {}\n\na:\n  script: [b]\nc:\n  needs: []\n"


def test_every_case_is_well_formed() -> None:
    found = cases()
    assert {case.name for case in found} == {path.name for path in FIXTURES.iterdir() if path.is_dir()}
    for case in found:
        assert case.says
        assert case.runs
        for run in case.runs:
            named = {*run.saw, *run.after, *run.held, *(job for needs in run.after.values() for job in needs)}
            assert named <= set(run.jobs), case.name


def test_what_is_known_names_cases_and_engines() -> None:
    names = {case.name for case in cases()}
    for known in KNOWN:
        assert known.engine in ENGINES
        assert set(known.where) <= names
        assert known.reason
        assert known.source
    assert all(one.engine in ENGINES and one.case in names for one in SKIPS)


def test_a_case_with_an_unknown_word_is_refused(tmp_path: Path) -> None:
    data = {"says": ["x"], "runs": [{"jobs": {"a": "worked"}}]}
    (tmp_path / "expected.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError, match='"worked" of a is none of succeeded, failed, skipped'):
        load(tmp_path)
