"""The decisions that targets can't make natively, run as a job runs them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.condition import Facts, evaluate, matches
from compiler.ir import And, Changed, Compare, Matches, Not, Or, Truth
from targets.runtime import decide as decide_script
from tests.runtime_scripts import HOSTILE, Job, environment

if TYPE_CHECKING:
    from compiler.ir import Condition


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def decide(job: Job, condition: Any, **env: str) -> bool:
    done = job.run("decide", json.dumps({"train": condition}), **env)
    assert done.returncode == 0, done.stderr
    return {"train=true\n": True, "train=false\n": False}[done.stdout]


FACTS = {
    "HEADRACE_EVENT": "push",
    "HEADRACE_GIT_BRANCH": "feature/new/model",
    "HEADRACE_PARAM_LEARNING_RATE": "0.10",
    "HEADRACE_PARAM_FULL": "true",
    "HEADRACE_PARAM_EMPTY": "",
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (["==", "event", "push"], True),
        (["!=", "event", "push"], False),
        (["==", "tag", ""], True),
        (["!=", "tag", "v1"], True),
        (["in", "event", ["schedule", "push"]], True),
        (["in", "event", []], False),
        (["not", ["==", "event", "push"]], False),
        (["and"], True),
        (["or"], False),
        (["and", ["==", "event", "push"], ["==", "tag", "v1"]], False),
        (["or", ["==", "event", "manual"], ["not", ["==", "tag", "v1"]]], True),
        (["==", "parameters.learning_rate", "0.10"], True),
        (["==", "parameters.learning-rate", "0.1"], False),
        (["true", "parameters.full"], True),
        (["==", "parameters.full", True], True),
        (["==", "parameters.full", False], False),
        (["true", "parameters.empty"], False),
        (["==", "parameters.empty", ""], True),
        (["==", "parameters.absent", ""], True),
        (["matches", "branch", "feature/**"], True),
        (["matches", "branch", "feature/*"], False),
        (["matches", "branch", "feature/*/mode?"], True),
        (["matches", "branch", "feature/**/model"], True),
        (["matches", "branch", "feature/new/**/model"], True),
        (["matches", "branch", "**/model"], True),
        (["matches", "branch", "**"], True),
        (["matches", "branch", "*"], False),
        (["matches", "branch", "feature"], False),
        (["matches", "branch", "Feature/**"], False),
        (["matches", "branch", "feature/n**"], True),
        (["matches", "branch", "feature.new.model"], False),
        (["matches", "branch", "[f]eature/**"], False),
        (["matches", "tag", "**"], False),
        (["matches", "tag", ""], False),
    ],
)
def test_truth_table(job: Job, condition: Any, holds: bool) -> None:
    assert decide(job, condition, **FACTS) is holds


def as_json(condition: Condition) -> list[Any]:
    """A condition in the form that the script takes."""
    if isinstance(condition, And | Or):
        return [type(condition).__name__.lower(), *map(as_json, condition.terms)]
    if isinstance(condition, Not):
        return ["not", as_json(condition.term)]
    if isinstance(condition, Changed):
        return ["changed", list(condition.globs)]
    if isinstance(condition, Matches):
        return ["matches", condition.subject, condition.glob]
    if isinstance(condition, Truth):
        return ["true", condition.subject]
    values = list(condition.values)
    return [condition.operator, condition.subject, values if condition.operator == "in" else values[0]]


WORDS = st.text("ab/*?.-", max_size=8)
SUBJECTS = st.sampled_from(["event", "branch", "tag", "parameters.x"])
CONDITIONS: st.SearchStrategy[Any] = st.recursive(
    st.builds(Compare, subject=SUBJECTS, operator=st.sampled_from(["==", "!="]), values=st.tuples(WORDS))
    | st.builds(Compare, subject=SUBJECTS, operator=st.just("in"), values=st.tuples(WORDS, WORDS))
    | st.builds(Matches, subject=st.sampled_from(["branch", "tag"]), glob=WORDS)
    | st.builds(Truth, subject=st.just("parameters.x")),
    lambda inner: (
        st.builds(And, terms=st.tuples(inner, inner))
        | st.builds(Or, terms=st.tuples(inner, inner))
        | st.builds(Not, term=inner)
    ),
)


@given(CONDITIONS, WORDS, WORDS, WORDS, WORDS | st.just("true"))
def test_decides_as_the_compiler_does(condition: Condition, event: str, branch: str, tag: str, value: str) -> None:
    facts = Facts(event=event, branch=branch, tag=tag, parameters={"x": value})
    env = {"EVENT": event, "GIT_BRANCH": branch, "GIT_TAG": tag, "PARAM_X": value}
    with mock.patch.dict(os.environ, {f"HEADRACE_{name}": text for name, text in env.items()}):
        assert decide_script.Decision().holds(as_json(condition)) is evaluate(condition, facts)


@given(st.text("ab/*?.\\[^\n"), st.text("ab/.\\[^\n"))
def test_globs_match_as_the_compilers_do(glob: str, text: str) -> None:
    assert decide_script.matches(text, glob) is matches(glob, text)


@pytest.mark.parametrize("branch", HOSTILE)
def test_hostile_branches_are_only_text(job: Job, branch: str) -> None:
    assert decide(job, ["==", "branch", branch], HEADRACE_GIT_BRANCH=branch) is True
    assert decide(job, ["matches", "branch", "**"], HEADRACE_GIT_BRANCH=branch) is True
    assert decide(job, ["matches", "branch", "v*"], HEADRACE_GIT_BRANCH=branch) is False
    assert list(job.folder.iterdir()) == []


def git(job: Job, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=job.folder, env=environment(), capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def commit(job: Job, *paths: str) -> str:
    for path in paths:
        job.write(path, f"{path} {len(list(job.folder.rglob('*')))}")
    git(job, "add", "-A")
    git(job, "commit", "-q", "--allow-empty", "-m", "change")
    return git(job, "rev-parse", "HEAD")


@pytest.fixture
def history(job: Job) -> dict[str, str]:
    """main: root, later; side: from root, two commits."""
    git(job, "init", "-q")
    commits = {"root": commit(job, "README")}
    git(job, "checkout", "-q", "-b", "side")
    commits["side"] = commit(job, "src/a.py", "src/deep/ünï 'x'\n.py")
    git(job, "checkout", "-q", "main")
    commits["later"] = commit(job, "docs/index.md")
    git(job, "checkout", "-q", "side")
    return commits


def changed(job: Job, *globs: str, **env: str) -> bool:
    return decide(job, ["changed", list(globs)], **env)


def test_changed_on_a_push_compares_with_the_previous_head(job: Job, history: dict[str, str]) -> None:
    facts = {"HEADRACE_EVENT": "push", "HEADRACE_BASE": history["root"], "HEADRACE_HEAD": history["side"]}
    assert changed(job, "src/**", **facts)
    assert changed(job, "docs/**", "src/*.py", **facts)
    assert changed(job, "src/**/a.py", **facts)
    assert changed(job, "src/deep/ünï 'x'\n.py", **facts)
    assert not changed(job, "docs/**", **facts)
    assert not changed(job, "*.py", **facts)
    assert not changed(job, "src", **facts)
    assert changed(job, "docs/**", **{**facts, "HEADRACE_BASE": history["later"]})


def test_changed_in_a_change_request_compares_with_the_merge_base(job: Job, history: dict[str, str]) -> None:
    facts = {"HEADRACE_EVENT": "change_request", "HEADRACE_BASE": history["later"], "HEADRACE_HEAD": history["side"]}
    assert changed(job, "src/**", **facts)
    assert not changed(job, "docs/**", **facts)


def test_a_renamed_file_changes_both_places(job: Job, history: dict[str, str]) -> None:
    git(job, "mv", "README", "READ.md")
    head = commit(job)
    facts = {"HEADRACE_EVENT": "push", "HEADRACE_BASE": history["side"], "HEADRACE_HEAD": head}
    assert changed(job, "README", **facts)
    assert changed(job, "READ.md", **facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"HEADRACE_EVENT": "schedule"},
        {"HEADRACE_EVENT": "manual"},
        {"HEADRACE_EVENT": "push", "HEADRACE_GIT_TAG": "v1"},
        {"HEADRACE_EVENT": "push", "HEADRACE_BASE": "0" * 40},
        {"HEADRACE_EVENT": "push", "HEADRACE_BASE": ""},
        {"HEADRACE_EVENT": "push", "HEADRACE_BASE": "1234567" * 5 + "12345"},
        {"HEADRACE_EVENT": "push", "HEADRACE_BASE": "--output=pwned"},
        {"HEADRACE_EVENT": "change_request", "HEADRACE_BASE": "--output=pwned"},
        {"HEADRACE_EVENT": "change_request", "HEADRACE_BASE": "1234567" * 5 + "12345"},
        {"HEADRACE_EVENT": "push", "HEADRACE_HEAD": "--output=pwned"},
    ],
)
def test_changed_is_true_where_there_is_nothing_to_compare_with(
    job: Job, history: dict[str, str], facts: dict[str, str]
) -> None:
    assert changed(job, "no/such/path", **{"HEADRACE_BASE": history["root"], "HEADRACE_HEAD": history["side"], **facts})
    assert not (job.folder / "pwned").exists()


def test_changed_is_true_without_a_repository(job: Job, tmp_path: Path) -> None:
    facts = {"HEADRACE_EVENT": "push", "HEADRACE_BASE": "1" * 40, "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    assert changed(job, "x", **facts)
    assert changed(job, "x", **facts, PATH=str(job.folder))


def test_writes_outputs_and_folders(job: Job) -> None:
    conditions = json.dumps({"train": ["==", "event", "push"], "fold-1.b": ["==", "event", "manual"]})
    output = job.write("output", "before=1\n")
    done = job.run("decide", HEADRACE_CONDITIONS=conditions, HEADRACE_OUTPUT=str(output), HEADRACE_EVENT="push")
    assert (done.returncode, done.stdout) == (0, "")
    assert output.read_text() == "before=1\ntrain=true\nfold-1.b=false\n"
    assert job.run("decide", conditions, "--folder", "out", HEADRACE_EVENT="push").returncode == 0
    assert {file.name: file.read_text() for file in (job.folder / "out").iterdir()} == {
        "train": "true",
        "fold-1.b": "false",
    }


@pytest.mark.parametrize(
    "conditions",
    [
        "",
        "[]",
        '{"x": 3}',
        '{"x": []}',
        '{"x": ["=="]}',
        '{"x": ["~", "event", "push"]}',
        '{"x": ["==", "user", "me"]}',
        '{"x": ["==", 3, "me"]}',
        '{"x\\ny=true": ["and"]}',
        '{"../x": ["and"]}',
    ],
)
def test_what_no_compiler_wrote_is_misuse(job: Job, conditions: str) -> None:
    assert job.run("decide", "--folder", "out", HEADRACE_CONDITIONS=conditions).returncode == 2
    assert not (job.folder / "out").exists()


def test_depth_is_refused_without_a_traceback(job: Job) -> None:
    conditions = '{"x": ' + '["not", ' * 5000 + '["and"]' + "]" * 5000 + "}"
    assert job.run("decide", conditions).returncode == 2
