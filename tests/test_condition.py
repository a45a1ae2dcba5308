"""Conditions: how they read, print and decide; what is refused, where, and with which advice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import condition
from compiler.condition import Facts
from compiler.ir import EVENTS, And, Changed, Compare, Matches, Not, Or, Truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Condition

PUSH = Compare(subject="event", operator="==", values=("push",))
MAIN = Compare(subject="branch", operator="==", values=("main",))
GPU = Truth(subject="parameters.gpu")


@pytest.mark.parametrize(
    ("written", "means", "printed"),
    [
        ("event == 'push'", PUSH, None),
        ('event == "push"', PUSH, "event == 'push'"),
        ("  event=='push'\n", PUSH, "event == 'push'"),
        ("event == 'push' and branch == 'main'", And(terms=(PUSH, MAIN)), None),
        (
            "event == 'push' or branch == 'main' and parameters.gpu",
            Or(terms=(PUSH, And(terms=(MAIN, GPU)))),
            None,
        ),
        ("(event == 'push' or branch == 'main') and parameters.gpu", And(terms=(Or(terms=(PUSH, MAIN)), GPU)), None),
        ("((parameters.gpu))", GPU, "parameters.gpu"),
        ("(parameters.gpu and branch == 'main') and event == 'push'", And(terms=(GPU, MAIN, PUSH)), "~"),
        ("not parameters.gpu", Not(term=GPU), None),
        ("not not parameters.gpu", Not(term=Not(term=GPU)), None),
        ("not (parameters.gpu or event == 'push')", Not(term=Or(terms=(GPU, PUSH))), None),
        (
            "event in ['push', 'manual']",
            Compare(subject="event", operator="in", values=("push", "manual")),
            None,
        ),
        ("branch not in ['a']", Not(term=Compare(subject="branch", operator="in", values=("a",))), None),
        ("not branch in ['a']", Not(term=Compare(subject="branch", operator="in", values=("a",))), "~"),
        ("branch matches 'release/**'", Matches(subject="branch", glob="release/**"), None),
        ("tag != ''", Compare(subject="tag", operator="!=", values=("",)), None),
        ("changed('src/**', 'uv.lock')", Changed(globs=("src/**", "uv.lock")), None),
        ("parameters.size == 3", Compare(subject="parameters.size", operator="==", values=("3",)), None),
        ("parameters.lr == 1e-3", Compare(subject="parameters.lr", operator="==", values=("1e-3",)), None),
        ("parameters.lr == '0.10'", Compare(subject="parameters.lr", operator="==", values=("0.10",)), "~"),
        ("parameters.dry-run == true", Compare(subject="parameters.dry-run", operator="==", values=("true",)), None),
        ("branch == 'it''s'", Compare(subject="branch", operator="==", values=("it's",)), None),
    ],
)
def test_reads_and_prints(written: str, means: Condition, printed: str | None) -> None:
    assert condition.parse(written) == means
    again = condition.text(means)
    assert condition.parse(again) == means
    assert again == (written if printed is None else printed) or printed == "~"


@pytest.mark.parametrize(
    ("written", "at", "suggestion"),
    [
        ("", "", None),
        ("event = 'push'", "=", "event == 'push'"),
        ("event === 'push'", "===", "event == 'push'"),
        ("event == 'push' && parameters.x", "&&", "event == 'push' and parameters.x"),
        ("parameters.x || parameters.y", "||", "parameters.x or parameters.y"),
        ("!parameters.x", "!", "not parameters.x"),
        ("event == 'psuh'", "'psuh'", "event == 'push'"),
        ("event == 'pull_request'", "'pull_request'", "event == 'change_request'"),
        ("event in ['push', 'mr']", "'mr'", "event in ['push', 'change_request']"),
        ("event == push", "push", "event == 'push'"),
        ("parameters.x >= 3", ">=", None),
        ("parameters.x < 3", "<", None),
        ("matrix.fold == 1", "matrix.fold", None),
        ("brunch == 'main'", "brunch", "branch == 'main'"),
        ("inputs.gpu", "inputs.gpu", "parameters.gpu"),
        ("param.gpu and tag", "param.gpu", "parameters.gpu and tag"),
        ("git.branch == 'main'", "git.branch", "branch == 'main'"),
        ("event", "event", None),
        ("tag", "tag", None),
        ("'push' == event", "'push'", None),
        ("branch matches main", "main", "branch matches 'main'"),
        ("event matches 'p*'", "matches", None),
        ("parameters.x matches 'p*'", "matches", None),
        ("branch matches '[ab]'", "'[ab]'", None),
        ("changed 'x'", "changed", None),
        ("changed()", ")", None),
        ("changed('a' 'b')", "'b'", None),
        ("branch in 'main'", "'main'", None),
        ("branch in []", "]", None),
        ("(event == 'push'", "(", None),
        ("event == 'push')", ")", None),
        ("event == 'push", "'", None),
        ("event == 'push' nad tag != ''", "nad", "event == 'push' and tag != ''"),
        ("event == 'push' tag != ''", "tag", None),
        ("event ==", "", None),
        ("and", "and", None),
        ("{{ parameters.gpu }} == 'a'", "{{", "parameters.gpu == 'a'"),
        ("$CI_COMMIT_BRANCH == 'main'", "$", None),
        ("parameters.a == parameters.b", "parameters.b", None),
        ("parameters.a.b", "parameters.a.b", None),
        ("parameters.a not 'x'", "not", None),
        ("event == 'push' ; x", ";", None),
    ],
)
def test_refuses(written: str, at: str, suggestion: str | None) -> None:
    with pytest.raises(condition.ConditionError) as raised:
        condition.parse(written)
    error = raised.value
    assert written[error.offset : error.offset + error.length] == at
    assert error.suggestion == suggestion
    assert str(error)[0].islower() or str(error)[0] in "\"'"


def test_depth_is_refused_not_raised() -> None:
    for written in ("(" * 5000 + "parameters.x" + ")" * 5000, "not " * 5000 + "parameters.x"):
        with pytest.raises(condition.ConditionError):
            condition.parse(written)
    wide = condition.parse(" and ".join(["parameters.x"] * 20000))
    assert isinstance(wide, And)
    assert len(wide.terms) == 20000


@pytest.mark.parametrize(
    ("glob", "value", "yes"),
    [
        ("main", "main", True),
        ("main", "mainline", False),
        ("release/*", "release/1", True),
        ("release/*", "release/1/2", False),
        ("release/**", "release/1/2", True),
        ("**", "any/thing", True),
        ("**/x.py", "x.py", True),
        ("**/x.py", "a/b/x.py", True),
        ("a/**/x", "a/x", True),
        ("a/**/x", "ab/x", False),
        ("v?.0", "v1.0", True),
        ("v?.0", "v1x0", False),
        ("a?b", "a/b", False),
        ("a+(b)|$", "a+(b)|$", True),
    ],
)
def test_globs(glob: str, value: str, yes: bool) -> None:
    assert condition.matches(glob, value) is yes


ON_MAIN = Facts(event="push", branch="main", parameters={"gpu": "true", "size": "3"}, changed=("src/a.py",))
ON_TAG = Facts(event="push", tag="v1", parameters={"gpu": "false"})


@pytest.mark.parametrize(
    ("written", "on_main", "on_tag"),
    [
        ("event == 'push'", True, True),
        ("event != 'push'", False, False),
        ("branch == 'main'", True, False),
        ("branch != 'main'", False, True),
        ("branch matches '**'", True, False),
        ("not branch matches '**'", False, True),
        ("tag matches 'v*'", False, True),
        ("tag != ''", False, True),
        ("parameters.gpu", True, False),
        ("parameters.size in [3, 4]", True, False),
        ("parameters.size not in [3, 4]", False, True),
        ("changed('src/**')", True, True),
        ("changed('docs/**')", False, True),
        ("not changed('docs/**')", True, False),
        ("event == 'manual' or branch == 'main' and parameters.gpu", True, False),
        ("(event == 'manual' or branch == 'main') and not parameters.gpu", False, False),
    ],
)
def test_decides(written: str, on_main: bool, on_tag: bool) -> None:
    read = condition.parse(written)
    assert condition.evaluate(read, ON_MAIN) is on_main
    assert condition.evaluate(read, ON_TAG) is on_tag


def test_conjunction_is_flat_and_says_nothing_twice() -> None:
    assert condition.conjoin() is None
    assert condition.conjoin(None, PUSH, None) == PUSH
    assert condition.conjoin(PUSH, And(terms=(MAIN, PUSH)), GPU) == And(terms=(PUSH, MAIN, GPU))
    assert condition.conjoin(PUSH, Or(terms=(MAIN, PUSH))) == PUSH
    assert condition.disjoin(PUSH, None) is None
    assert condition.disjoin(PUSH, Or(terms=(MAIN, PUSH))) == Or(terms=(PUSH, MAIN))


def test_negation_turns_round_what_can_be() -> None:
    assert condition.text(condition.negate(condition.parse("event == 'push' and not parameters.gpu"))) == (
        "event != 'push' or parameters.gpu"
    )
    assert condition.text(condition.negate(condition.parse("branch in ['a']"))) == "branch not in ['a']"


TEXTS = st.text("amin/'\" 019.", max_size=6)
PARAMETERS = st.sampled_from(["parameters.gpu", "parameters.size", "parameters.a-b"])
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        lambda subject, operator, value: Compare(subject=subject, operator=operator, values=(value,)),
        st.one_of(st.sampled_from(["branch", "tag"]), PARAMETERS),
        st.sampled_from(["==", "!="]),
        TEXTS,
    ),
    st.builds(
        lambda values: Compare(subject="event", operator="in", values=tuple(values)),
        st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3),
    ),
    st.builds(lambda glob: Matches(subject="branch", glob=glob), st.sampled_from(["main", "**", "m*/?"])),
    st.builds(lambda globs: Changed(globs=tuple(globs)), st.lists(st.sampled_from(["a/**", "b'c"]), min_size=1)),
    st.builds(lambda subject: Truth(subject=subject), PARAMETERS),
)


def grown(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    def terms(other: type[And] | type[Or]) -> st.SearchStrategy[tuple[Condition, ...]]:
        kept = inner.filter(lambda term: not isinstance(term, other))
        return st.lists(kept, min_size=2, max_size=4).map(tuple)

    return st.one_of(
        st.builds(lambda found: And(terms=found), terms(And)),
        st.builds(lambda found: Or(terms=found), terms(Or)),
        st.builds(lambda found: Not(term=found), inner),
    )


CONDITIONS = st.recursive(LEAVES, grown, max_leaves=12)
FACTS = st.builds(
    lambda event, branch, gpu, changed: Facts(
        event=event, branch=branch, parameters={"gpu": gpu, "size": "1"}, changed=changed
    ),
    st.sampled_from(EVENTS),
    st.sampled_from(["", "main", "m/a"]),
    st.sampled_from(["true", "false"]),
    st.sampled_from([None, (), ("a/b",)]),
)


@given(CONDITIONS)
def test_what_is_printed_reads_back(made: Condition) -> None:
    assert condition.parse(condition.text(made)) == made


@given(CONDITIONS, CONDITIONS, FACTS)
def test_negation_and_conjunction_mean_what_they_say(one: Condition, other: Condition, facts: Facts) -> None:
    first, second = condition.evaluate(one, facts), condition.evaluate(other, facts)
    assert condition.evaluate(condition.negate(one), facts) is not first
    assert condition.evaluate(condition.conjoin(one, other), facts) is (first and second)
    assert condition.evaluate(condition.disjoin(one, other), facts) is (first or second)


def refusal(written: str) -> condition.ConditionError | None:
    try:
        condition.parse(written)
    except condition.ConditionError as error:
        return error
    return None


WORDS = ["event", "branch", "==", "=", "'push'", "and", "or", "not", "in", "[", "]", "(", ")", ",", "3", "parameters.x"]


@given(st.one_of(st.text(max_size=20), st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join)))
def test_reads_or_refuses_at_a_place(written: str) -> None:
    error = refusal(written)
    assert error is None or 0 <= error.offset <= len(written)
