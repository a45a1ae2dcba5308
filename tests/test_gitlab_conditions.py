"""Conditions as GitLab's rules: the same truth table, and refusals where rules can't say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import condition as conditions
from compiler.condition import Facts, evaluate, parse
from compiler.ir import And, Changed, Compare, Matches, Not, Or, Truth
from targets.gitlab.conditions import ConditionError, Dialect, glob_test, literal, on_event, path_patterns, regex
from tests.gitlab_rules import decide, fnmatch, holds, variables_of

if TYPE_CHECKING:
    from compiler.ir import Condition

BRANCHES = ("main", "release/1", "release/1/x", "feature", "v1")
TAGS = ("v1", "v1.2", "nightly")
PATHS = ("src/a.py", "src/deep/b.py", "docs/x.md", "README.md", ".hidden/y", "a[1]{x}/z")
GLOBS = (
    "*",
    "**",
    "src/**",
    "**/*.py",
    "*.md",
    "s*c/**",
    "s**c/*.py",
    "docs/?.md",
    "**.md",
    "a[1]{x}/**",
    "src/**/b.py",
)
EVENTS = ("push", "change_request", "schedule", "manual", "call")


def compares() -> st.SearchStrategy[Condition]:
    subjects = {
        "event": (*EVENTS, "pipeline"),
        "branch": (*BRANCHES, ""),
        "tag": (*TAGS, ""),
        "parameters.mode": ("a", "b", ""),
    }

    @st.composite
    def compare(draw: st.DrawFn) -> Compare:
        subject = draw(st.sampled_from(sorted(subjects)))
        operator: Any = draw(st.sampled_from(["==", "!=", "in"]))
        values = draw(st.lists(st.sampled_from(subjects[subject]), min_size=1, max_size=3 if operator == "in" else 1))
        return Compare(subject=subject, operator=operator, values=tuple(values))

    return compare()


LEAVES: st.SearchStrategy[Condition] = st.one_of(
    compares(),
    st.builds(
        Matches, subject=st.sampled_from(["branch", "tag"]), glob=st.sampled_from(["*", "**", "release/**", "v?", "v*"])
    ),
    st.just(Truth(subject="parameters.dry")),
)


def trees(leaves: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    def grow(below: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(below, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(And, terms=several), st.builds(Or, terms=several), st.builds(Not, term=below))

    return st.recursive(leaves, grow, max_leaves=8)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    event = draw(st.sampled_from(EVENTS))
    tagged = event == "push" and draw(st.booleans())
    compared = event in ("push", "change_request") and not tagged
    return Facts(
        event=event,
        branch="" if tagged else draw(st.sampled_from(BRANCHES)),
        tag=draw(st.sampled_from(TAGS)) if tagged else "",
        parameters={"mode": draw(st.sampled_from(["a", "b", ""])), "dry": draw(st.sampled_from(["true", "false"]))},
        changed=draw(st.lists(st.sampled_from(PATHS), min_size=1).map(tuple)) if compared else None,
    )


def included(condition: Condition | None, at: Facts) -> bool:
    """Whether GitLab would have the job."""
    rules = [
        {
            **({"if": rule.expression} if rule.expression is not None else {}),
            **({"changes": rule.changes} if rule.changes else {}),
            "when": "on_success" if rule.include else "never",
        }
        for rule in Dialect(child=False).rules(condition)
    ]
    return decide(rules, variables_of(at.event, at.branch, at.tag, at.parameters), at.changed) is not None


@settings(max_examples=400, deadline=None)
@given(trees(LEAVES), facts())
def test_rules_hold_exactly_when_the_condition_does(condition: Condition, at: Facts) -> None:
    assert included(condition, at) == evaluate(condition, at)


@settings(max_examples=400, deadline=None)
@given(
    trees(
        st.one_of(LEAVES, st.builds(Changed, globs=st.lists(st.sampled_from(GLOBS), min_size=1, max_size=2).map(tuple)))
    ),
    facts(),
)
def test_changed_paths_are_exact_or_refused(condition: Condition, at: Facts) -> None:
    try:
        found = included(condition, at)
    except ConditionError:
        return
    assert found == evaluate(condition, at)


@given(trees(LEAVES), facts())
def test_a_known_event_decides_its_tests(condition: Condition, at: Facts) -> None:
    left = on_event(condition, at.event)
    assert (left if isinstance(left, bool) else evaluate(left, at)) == evaluate(condition, at)
    if not isinstance(left, bool):
        assert "event" not in conditions.text(left)


@pytest.mark.parametrize("glob", GLOBS)
def test_path_patterns_match_what_the_glob_does(glob: str) -> None:
    for path in PATHS:
        found = any(fnmatch(pattern, path) for pattern in path_patterns((glob,)))
        assert found == conditions.matches(glob, path), (glob, path, path_patterns((glob,)))


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("event == 'push'", '$CI_PIPELINE_SOURCE == "push"'),
        ("event in ['push', 'schedule']", "$CI_PIPELINE_SOURCE =~ /^(push|schedule)$/"),
        ("event != 'manual'", "$CI_PIPELINE_SOURCE !~ /^(api|chat|trigger|web)$/"),
        ("branch == 'main'", '$CI_COMMIT_REF_NAME == "main" && $CI_COMMIT_TAG == null'),
        ("branch != 'main'", '$CI_COMMIT_REF_NAME != "main" || $CI_COMMIT_TAG'),
        ("branch matches 'release/*'", r"$CI_COMMIT_REF_NAME =~ /^release\/[^\/]*$/ && $CI_COMMIT_TAG == null"),
        ("tag matches '**'", "$CI_COMMIT_TAG && $CI_COMMIT_TAG =~ /^.*$/"),
        ("not (tag matches 'v*')", "$CI_COMMIT_TAG !~ /^v[^\\/]*$/"),
        ("parameters.dry", '$HEADRACE_PARAM_DRY == "true"'),
        ("not parameters.dry", '$HEADRACE_PARAM_DRY != "true"'),
        ("parameters.x == 'say \"hi\"'", "$HEADRACE_PARAM_X == 'say \"hi\"'"),
        (
            "event == 'push' and (tag == 'v1' or parameters.x == '1')",
            '$CI_PIPELINE_SOURCE == "push" && ($CI_COMMIT_TAG == "v1" || $HEADRACE_PARAM_X == "1")',
        ),
    ],
)
def test_expressions_read_well(text: str, expression: str) -> None:
    assert Dialect(child=False).expression(parse(text)) == expression


def test_a_child_pipeline_asks_for_the_source_of_its_parent() -> None:
    child = Dialect(child=True)
    assert child.expression(parse("event == 'push'")) == '$HEADRACE_SOURCE == "push"'
    assert child.expression(parse("event == 'call'")) == "$HEADRACE_SOURCE =~ /^(call|pipeline)$/"
    assert child.expression(parse("event == 'pipeline'")) == '$HEADRACE_SOURCE == "after"'


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("event == 'change_request'", "$CI_MERGE_REQUEST_ID"),
        ("event != 'change_request'", "$CI_MERGE_REQUEST_ID == null"),
        ("event == 'call'", "$HEADRACE_SOURCE =~ /^(call|pipeline)$/ && $CI_MERGE_REQUEST_ID == null"),
        ("event != 'call'", "$HEADRACE_SOURCE !~ /^(call|pipeline)$/ || $CI_MERGE_REQUEST_ID"),
        ("event in ['change_request', 'call']", "$CI_MERGE_REQUEST_ID || $HEADRACE_SOURCE =~ /^(call|pipeline)$/"),
        ("not (event in ['change_request', 'push'])", '$CI_MERGE_REQUEST_ID == null && $HEADRACE_SOURCE != "push"'),
        ("event == 'push'", '$HEADRACE_SOURCE == "push"'),
    ],
)
def test_what_a_change_request_calls_is_its_own_run(text: str, expression: str) -> None:
    assert Dialect(child=True, called=True).expression(parse(text)) == expression


def test_an_event_that_never_is_never_holds() -> None:
    test = Dialect(child=False).expression(parse("event == 'pipeline'"))
    assert not any(holds(test, {"CI_PIPELINE_SOURCE": source}) for source in ("push", "pipeline", "web"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("changed('a') and changed('b')", "combination"),
        ("not changed('a') and changed('b')", "combination"),
        ("parameters.x == 'it''s \"x\"'", "quotes"),
    ],
)
def test_refuses_what_rules_cannot_say(text: str, kind: str) -> None:
    with pytest.raises(ConditionError) as refusal:
        Dialect(child=False).rules(parse(text))
    assert refusal.value.kind == kind


def test_refuses_more_patterns_than_a_rule_takes() -> None:
    with pytest.raises(ConditionError) as refusal:
        path_patterns(tuple(f"{number}/**" for number in range(51)))
    assert refusal.value.kind == "globs"


def test_narrower_paths_absorb_wider_ones() -> None:
    (rule,) = Dialect(child=False).rules(parse("changed('a') and changed('a', 'b')"))
    assert rule.changes == ("a",)
    (rule,) = Dialect(child=False).rules(parse("changed('a') or changed('b')"))
    assert rule.changes == ("a", "b")


def test_dollars_and_braces_in_paths_mean_themselves() -> None:
    (pattern,) = path_patterns(("a$HOME/[x]{y}\\z",))
    assert pattern == "a[$]HOME/\\[x\\]\\{y\\}\\\\z"
    assert fnmatch(pattern, "a$HOME/[x]{y}\\z")


@pytest.mark.parametrize(
    ("globs", "expression"),
    [
        (("main",), '$V == "main"'),
        (("**",), "$V"),
        (("*",), r"$V && $V =~ /^[^\/]*$/"),
        (("main", "release/*"), r"$V =~ /^(main|release\/[^\/]*)$/"),
    ],
)
def test_globs_of_triggers(globs: tuple[str, ...], expression: str) -> None:
    assert glob_test("$V", globs)[0] == expression


def test_literals_and_patterns() -> None:
    assert literal("a") == '"a"'
    assert literal('a"b') == "'a\"b'"
    assert regex("a/b") == "/^a\\/b$/"
