"""Conditions as Argo's expressions: one truth table with compiler.condition."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import ir
from compiler.condition import Facts, evaluate
from tests.argo_cases import event_is, folds, job, make

PARAMETERS = (ir.Parameter(name="rate"), ir.Parameter(name="dry-run", type="bool", default="false"))
SUBJECTS = ("event", "branch", "tag", "parameters.rate", "parameters.dry-run")
VALUES = ("", "push", "main", "release/1", "it's", 'a"b', "a\\d", "{{ x }}", "}}", "a?b:c", "$x", "true", "ü")
GLOBS = ("main", "release/*", "**", "re**/1", "**/x", "a?b*", "v*", "a+b", "{{*}}", "it's")


def told(condition: ir.Condition) -> str:
    made = make(job("a", condition=condition), parameters=PARAMETERS)
    when: str = made.task("a")["when"]
    assert re.fullmatch(r"\{\{= .* \}\}", when)
    inside = when[4:-3]
    # Argo ends an expression at the first `}}`, and reads `{{` and `?` with `:` before the language does.
    assert "{{" not in inside
    assert "}}" not in inside
    assert "?" not in inside
    return inside


def judged(expression: str, facts: Facts) -> bool:
    """An expression by expr's rules, as far as they are used here: its operators and strings are Python's."""
    values = {"event": facts.event, "branch": facts.branch, "tag": facts.tag}
    values |= {
        f"workflow.parameters.{name}": value for name, value in {"event": facts.event, **facts.parameters}.items()
    }
    pieces = re.split(r"('(?:[^'\\]|\\.)*')", expression)
    out = ""
    for at, piece in enumerate(pieces):
        if at % 2:
            out += piece
            continue
        piece = re.sub(r"tasks\.source\.outputs\.parameters\.(\w+)", r"FACT_\1", piece)
        piece = re.sub(r"workflow\.parameters\.(\w+)", r"FACT_\1", piece)
        piece = piece.replace("workflow.parameters[", "PARAMETER[")
        piece = piece.replace("!(", " not (").replace("&&", " and ").replace("||", " or ")
        out += piece
    out = re.sub(r"(FACT_\w+) matches ('(?:[^'\\]|\\.)*')", r"bool(re.search(\2, \1))", out)
    names = {f"FACT_{name}": value for name, value in {**values, **facts.parameters}.items()}
    return bool(eval(out, {"re": re, "PARAMETER": facts.parameters, **names}))


conditions = st.recursive(
    st.one_of(
        st.builds(
            lambda subject, operator, values: ir.Compare(
                subject=subject, operator=operator, values=tuple(values) if operator == "in" else tuple(values[:1])
            ),
            st.sampled_from(SUBJECTS),
            st.sampled_from(["==", "!=", "in"]),
            st.lists(st.sampled_from(VALUES), min_size=1, max_size=3),
        ),
        st.builds(ir.Matches, subject=st.sampled_from(["branch", "tag"]), glob=st.sampled_from(GLOBS)),
        st.just(ir.Truth(subject="parameters.dry-run")),
    ),
    lambda inner: st.one_of(
        st.builds(lambda terms: ir.And(terms=tuple(terms)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda terms: ir.Or(terms=tuple(terms)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(ir.Not, term=inner),
    ),
    max_leaves=6,
)


@given(conditions, *(st.sampled_from(VALUES) for _ in SUBJECTS))
def test_an_expression_means_what_the_condition_means(
    condition: ir.Condition, event: str, branch: str, tag: str, rate: str, dry: str
) -> None:
    facts = Facts(event=event, branch=branch, tag=tag, parameters={"rate": rate, "dry-run": dry})
    assert judged(told(condition), facts) == evaluate(condition, facts)


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        (event_is("push"), "workflow.parameters.event == 'push'"),
        (ir.Not(term=event_is("push")), "workflow.parameters.event != 'push'"),
        (ir.Truth(subject="parameters.dry-run"), "workflow.parameters['dry-run'] == 'true'"),
        (
            ir.Matches(subject="branch", glob="release/*"),
            (
                "tasks.source.outputs.parameters.branch != '' && "
                "tasks.source.outputs.parameters.branch matches '^release/[^/]*$'"
            ),
        ),
        (
            ir.Not(term=ir.Compare(subject="tag", operator="in", values=("a", "b"))),
            "tasks.source.outputs.parameters.tag not in ['a', 'b']",
        ),
    ],
)
def test_how_it_reads(condition: ir.Condition, written: str) -> None:
    assert told(condition) == written


def test_a_hostile_literal_stays_a_string() -> None:
    hostile = "x' || true || 'y}}{{=workflow.parameters.rate}}"
    facts = Facts(event="other", parameters={})
    assert judged(told(event_is(hostile)), facts) is False
    assert judged(told(event_is(hostile)), Facts(event=hostile, parameters={})) is True


def test_changed_paths_are_decided_once_for_all_jobs(tmp_path: Path) -> None:
    changed = ir.Changed(globs=("src/**", "{{ x }}"))
    made = make(
        job("a", condition=changed),
        job("b", "a", condition=changed),
        job("c", matrix=folds(), condition=ir.And(terms=(event_is("push"), ir.Changed(globs=("docs/**",))))),
        triggers=(ir.OnPush(),),
    )
    assert made.task("decide")["depends"] == "source.Succeeded"
    assert made.task("a")["when"] == made.task("b")["when"] == "{{= tasks.decide.outputs.parameters.a == 'true' }}"
    assert made.task("b")["depends"] == "a.Succeeded && decide.Succeeded"
    outputs = made.template("decide")["outputs"]["parameters"]
    assert [one["name"] for one in outputs] == ["a", "c"]
    given = made.variables("decide")
    assert json.loads(given["HEADRACE_CONDITIONS"])["a"] == ["changed", ["src/**", "{{ x }}"]]
    folder = tmp_path / "out"
    subprocess.run(
        [sys.executable, "-I", "-c", given["HEADRACE_DECIDE"], "--folder", str(folder)],
        env={"HEADRACE_CONDITIONS": given["HEADRACE_CONDITIONS"], "HEADRACE_EVENT": "schedule"},
        check=True,
    )
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "true", "c": "false"}


def test_path_filters_are_conditions_of_the_first_jobs() -> None:
    made = make(
        job("a"),
        job("b", "a"),
        triggers=(ir.OnPush(paths=("src/**",)), ir.OnChangeRequest(), ir.OnManual()),
    )
    [decided] = json.loads(made.variables("decide")["HEADRACE_CONDITIONS"]).values()
    assert decided == [
        "or",
        ["and", ["==", "event", "push"], ["changed", ["src/**"]]],
        ["in", "event", ["change_request", "schedule", "manual", "call", "pipeline"]],
    ]
    assert "when" in made.task("a")
    assert "when" not in made.task("b")


def test_the_first_task_says_which_commit_it_is(tmp_path: Path) -> None:
    names = ("commit", "short", "branch", "tag", "ref", "default_branch")
    made = make(job("a", run=("echo ", *(ir.Ref(kind="git", name=name) for name in names))))
    template = made.template("source")
    assert [one["globalName"] for one in template["outputs"]["parameters"]] == list(names)
    remote, clone = tmp_path / "remote", tmp_path / "clone"

    def git(*arguments: str, at: Path = clone) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=at, check=True, capture_output=True, text=True
        ).stdout.strip()

    remote.mkdir()
    git("init", "--quiet", "--initial-branch=trunk", at=remote)
    git("commit", "--quiet", "--allow-empty", "-m", "x", at=remote)
    git("tag", "v1", at=remote)
    git("branch", "other", at=remote)
    subprocess.run(["git", "clone", "--quiet", str(remote), str(clone)], check=True)
    commit = git("rev-parse", "HEAD")

    def found(revision: str, branch: str = "", tag: str = "") -> dict[str, str]:
        git("checkout", "--quiet", revision)
        source = made.source("source").replace("/headrace/facts", str(tmp_path / "facts"))
        env = {"PATH": "/usr/bin:/bin", "HEADRACE_BRANCH": branch, "HEADRACE_TAG": tag, "HEADRACE_REVISION": revision}
        subprocess.run(["sh", "-eu", "/dev/stdin"], input=source, cwd=clone, env=env, check=True, text=True)
        return {path.name: path.read_text().strip() for path in (tmp_path / "facts").iterdir()}

    same = {"commit": commit, "short": commit[:8], "default_branch": "trunk"}
    assert found("HEAD") == {**same, "branch": "trunk", "tag": "", "ref": "trunk"}
    assert found("other") == {**same, "branch": "other", "tag": "", "ref": "other"}
    assert found("v1") == {**same, "branch": "", "tag": "v1", "ref": "v1"}
    assert found(commit, branch="x") == {**same, "branch": "x", "tag": "", "ref": "x"}
    assert found(commit, tag="v2") == {**same, "branch": "", "tag": "v2", "ref": "v2"}
