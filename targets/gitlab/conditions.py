"""Conditions as GitLab's `rules`: expressions over variables, and `changes`.

A rule holds one expression and one list of paths, and the first rule that matches decides. So a condition over changed
paths becomes several rules, or is refused where no list of rules says the same.
https://docs.gitlab.com/ci/yaml/#rules and https://docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions
"""

from __future__ import annotations

import re

from compiler.condition import conjoin, disjoin, glob_regex
from compiler.ir import And, Changed, Compare, Matches, Node, Not, Or, Truth
from targets.gitlab.limits import LIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from compiler.ir import Condition

    Decided: TypeAlias = "Condition | bool"

NATIVE_EVENTS = {
    "push": ("push",),
    "change_request": ("merge_request_event",),
    "schedule": ("schedule",),
    "manual": ("api", "chat", "trigger", "web"),
    "call": ("pipeline",),
    "pipeline": (),
}
# A child pipeline's own source is always `parent_pipeline`, so its trigger job passes the parent's, or one of these.
CHILD_EVENTS = {**NATIVE_EVENTS, "call": ("pipeline", "call"), "pipeline": ("after",)}


class ConditionError(Exception):
    """A condition that GitLab's rules can't express; `kind` is combination, quotes or globs."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Rule(Node):
    """One rule: it matches where the expression holds and one of the paths changed. Without `include` it leaves out."""

    expression: str | None = None
    changes: tuple[str, ...] = ()
    include: bool = True


REVIEWED = "$CI_MERGE_REQUEST_ID"
STARTED_WITHIN = frozenset(CHILD_EVENTS["call"])


class Dialect:
    """How a file's conditions are spelt: the variable that tells the event, and whether it is a child pipeline's.

    `called` is a child that other pipelines start: in a change request's run its event is that change request.
    https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#run-child-pipelines-with-merge-request-pipelines
    """

    __slots__ = ("_known", "called", "events", "source")

    def __init__(self, child: bool, called: bool = False) -> None:
        self.called = called
        self.source = "$HEADRACE_SOURCE" if child else "$CI_PIPELINE_SOURCE"
        self.events = CHILD_EVENTS if child else NATIVE_EVENTS
        self._known: dict[Condition | None, tuple[Rule, ...]] = {}

    def rules(self, condition: Condition | None) -> tuple[Rule, ...]:
        """The rules that include a job where the condition holds. Raises ConditionError."""
        found = self._known.get(condition)
        if found is None:
            found = self._known[condition] = self._rules(condition)
        return found

    def _rules(self, condition: Condition | None) -> tuple[Rule, ...]:
        if condition is None:
            return (Rule(),)
        condition = _absorbed(condition)
        tests = _changes(condition)
        if not tests:
            return self._plain(condition, ())
        if len(tests) == 1:
            return self._over_one(condition, tests[0])
        return self._over_several(condition, tests)

    def _over_one(self, condition: Condition, test: Changed) -> tuple[Rule, ...]:
        changed, unchanged = _assumed(condition, {test: True}), _assumed(condition, {test: False})
        paths = path_patterns(test.globs)
        first = self._plain(changed, paths)
        if unchanged is False:
            return first
        if unchanged == changed:
            return self._plain(unchanged, ())
        # Where the paths changed, only the first rule may decide.
        otherwise = () if changed is True else (Rule(changes=paths, include=False),)
        return (*first, *otherwise, *self._plain(unchanged, ()))

    def _over_several(self, condition: Condition, tests: list[Changed]) -> tuple[Rule, ...]:
        if _is_combined(condition):
            raise ConditionError(
                "combination",
                "no list of rules tests several sets of changed paths together, or that one did not change",
            )
        nothing: dict[Condition, bool] = dict.fromkeys(tests, False)
        rules = list(self._plain(_assumed(condition, nothing), ()))
        for test in tests:
            rules.extend(self._plain(_assumed(condition, {**nothing, test: True}), path_patterns(test.globs)))
        return tuple(rules)

    def _plain(self, condition: Decided, paths: tuple[str, ...]) -> tuple[Rule, ...]:
        if condition is False:
            return ()
        if condition is True:
            return (Rule(changes=paths),)
        return (Rule(expression=self.expression(condition), changes=paths),)

    def expression(self, condition: Condition) -> str:
        """A condition without changed paths as one expression."""
        return self._expression(condition, False)[0]

    def _expression(self, condition: Condition, negated: bool) -> tuple[str, int]:
        """The text and how it binds: 0 `||`, 1 `&&`, 2 alone. There is no `!`: a negation goes to the leaves."""
        if isinstance(condition, Not):
            return self._expression(condition.term, not negated)
        if isinstance(condition, And | Or):
            terms = [self._expression(term, negated) for term in condition.terms]
            return _all(terms) if isinstance(condition, And) is not negated else _any(terms)
        if isinstance(condition, Truth):
            return f'{_parameter(condition.subject)} {"!=" if negated else "=="} "true"', 2
        if isinstance(condition, Matches):
            return _matches(condition, negated)
        assert isinstance(condition, Compare)
        negated = negated is not (condition.operator == "!=")
        if condition.subject == "event":
            return self._event(condition.values, negated)
        leaves = [_equals(condition.subject, value, negated) for value in condition.values]
        return _all(leaves) if negated else _any(leaves)

    def _event(self, events: tuple[str, ...], negated: bool) -> tuple[str, int]:
        if not self.called:
            return self._source(events, negated)
        others = tuple(event for event in events if event != "change_request")
        reviewed = (f"{REVIEWED} == null" if negated else REVIEWED), 2
        if not others:
            return reviewed
        test = self._source(others, negated)
        if len(others) < len(events):
            return _all([reviewed, test]) if negated else _any([reviewed, test])
        if STARTED_WITHIN.isdisjoint(source for event in others for source in self.events[event]):
            return test
        elsewhere = (REVIEWED if negated else f"{REVIEWED} == null"), 2
        return _any([test, elsewhere]) if negated else _all([test, elsewhere])

    def _source(self, events: tuple[str, ...], negated: bool) -> tuple[str, int]:
        sources = [source for event in events for source in self.events.get(event, ())]
        if len(sources) == 1:
            return f'{self.source} {"!=" if negated else "=="} "{sources[0]}"', 2
        pattern = "|".join(sorted(sources)) or "none"
        return f"{self.source} {'!~' if negated else '=~'} /^({pattern})$/", 2


def _parameter(subject: str) -> str:
    name = subject.removeprefix("parameters.")
    return "$HEADRACE_PARAM_" + "".join(c if c.isalnum() and c.isascii() else "_" for c in name).upper()


def _equals(subject: str, value: str, negated: bool) -> tuple[str, int]:
    operator = "!=" if negated else "=="
    if subject == "tag":
        return (
            (f"$CI_COMMIT_TAG {operator} null", 2) if value == "" else (_compared("$CI_COMMIT_TAG", value, negated), 2)
        )
    if subject == "branch":
        # CI_COMMIT_BRANCH is empty in merge request pipelines; the reference's name is a branch's or a tag's.
        if value == "":
            return ("$CI_COMMIT_TAG == null" if negated else "$CI_COMMIT_TAG"), 2
        return _on_branch(_compared("$CI_COMMIT_REF_NAME", value, negated), negated)
    variable = _parameter(subject)
    if value == "":
        leaves = [(f'{variable} {operator} ""', 2), (f"{variable} {operator} null", 2)]
        return _all(leaves) if negated else _any(leaves)
    return _compared(variable, value, negated), 2


def _matches(condition: Matches, negated: bool) -> tuple[str, int]:
    pattern = glob_regex(condition.glob)
    operator = "!~" if negated else "=~"
    if condition.subject == "branch":
        return _on_branch(f"$CI_COMMIT_REF_NAME {operator} {regex(pattern)}", negated)
    test = f"$CI_COMMIT_TAG {operator} {regex(pattern)}", 2
    if re.fullmatch(pattern, "") is None:
        return test
    # A variable that is not there is matched as the empty text.
    return _any([("$CI_COMMIT_TAG == null", 2), test]) if negated else _all([("$CI_COMMIT_TAG", 2), test])


def _on_branch(test: str, negated: bool) -> tuple[str, int]:
    if negated:
        return _any([(test, 2), ("$CI_COMMIT_TAG", 2)])
    return _all([(test, 2), ("$CI_COMMIT_TAG == null", 2)])


def regex(pattern: str) -> str:
    """A pattern as GitLab's RE2 literal that matches the whole text. https://docs.gitlab.com/ci/jobs/job_rules/"""
    return "/^" + pattern.replace("/", "\\/") + "$/"


def glob_test(variable: str, globs: tuple[str, ...]) -> tuple[str, int]:
    """That a variable which is there matches one of the globs."""
    if any(glob.strip("*") == "" and len(glob) > 1 for glob in globs):
        return variable, 2
    patterns = [glob_regex(glob) for glob in globs]
    plain = [glob for glob in globs if not set(glob) & set("*?'\"")]
    if len(plain) == len(globs) == 1:
        return f'{variable} == "{plain[0]}"', 2
    whole = patterns[0] if len(patterns) == 1 else f"({'|'.join(patterns)})"
    test = f"{variable} =~ {regex(whole)}", 2
    if any(re.fullmatch(pattern, "") for pattern in patterns):
        return _all([(variable, 2), test])
    return test


def _compared(variable: str, value: str, negated: bool) -> str:
    return f"{variable} {'!=' if negated else '=='} {literal(value)}"


def literal(value: str) -> str:
    """A text in the quotes that it does not hold: GitLab's expressions have no escapes. Raises ConditionError."""
    if "\n" in value or ('"' in value and "'" in value):
        raise ConditionError("quotes", f"{value!r} has both kinds of quotes, or a line break")
    return f"'{value}'" if '"' in value else f'"{value}"'


def _all(terms: list[tuple[str, int]]) -> tuple[str, int]:
    terms = list(dict.fromkeys(terms))
    if len(terms) == 1:
        return terms[0]
    return " && ".join(text if binds > 0 else f"({text})" for text, binds in terms), 1


def _any(terms: list[tuple[str, int]]) -> tuple[str, int]:
    terms = list(dict.fromkeys(terms))
    if len(terms) == 1:
        return terms[0]
    return " || ".join(text if binds != 1 else f"({text})" for text, binds in terms), 0


def all_of(*expressions: tuple[str, int]) -> tuple[str, int]:
    """Expressions of which all hold."""
    return _all(list(expressions))


def any_of(*expressions: tuple[str, int]) -> tuple[str, int]:
    """Expressions of which one holds."""
    return _any(list(expressions))


# ------------------------------------------------------------------------------------------------------- changed paths


def _changes(condition: Condition) -> list[Changed]:
    from compiler.ir import walk

    return list(dict.fromkeys(node for node in walk(condition) if isinstance(node, Changed)))


def _absorbed(condition: Condition) -> Condition:
    """`changed(a) and changed(a, b)` is `changed(a)`: the wider test says nothing new."""
    if isinstance(condition, Not):
        return condition.replace(term=_absorbed(condition.term))
    if not isinstance(condition, And | Or):
        return condition
    terms = [_absorbed(term) for term in condition.terms]
    tests = [set(term.globs) for term in terms if isinstance(term, Changed)]
    if isinstance(condition, And):
        kept = [t for t in terms if not (isinstance(t, Changed) and any(other < set(t.globs) for other in tests))]
        return conjoin(*kept) or condition
    if len(tests) > 1:
        merged = Changed(globs=tuple(dict.fromkeys(glob for t in terms if isinstance(t, Changed) for glob in t.globs)))
        first = next(at for at, term in enumerate(terms) if isinstance(term, Changed))
        terms = [
            merged if at == first else t for at, t in enumerate(terms) if at == first or not isinstance(t, Changed)
        ]
    return disjoin(*terms) or condition


def _assumed(condition: Condition, facts: Mapping[Condition, bool]) -> Decided:
    """What is left of a condition when some of its tests are decided."""
    if isinstance(condition, Changed | Compare):
        return facts.get(condition, condition)
    if isinstance(condition, Not):
        inner = _assumed(condition.term, facts)
        return (not inner) if isinstance(inner, bool) else condition.replace(term=inner)
    if not isinstance(condition, And | Or):
        return condition
    conjunction = isinstance(condition, And)
    left: list[Condition] = []
    for term in condition.terms:
        found = _assumed(term, facts)
        if isinstance(found, bool):
            if found is not conjunction:
                return found
            continue
        left.append(found)
    return (conjoin(*left) if conjunction else disjoin(*left)) or conjunction


def on_event(condition: Condition | None, event: str) -> Decided:
    """What is left of a condition when the event is known."""
    if condition is None:
        return True
    from compiler.ir import walk

    tests = [node for node in walk(condition) if isinstance(node, Compare) and node.subject == "event"]
    return _assumed(condition, {test: (event in test.values) is (test.operator != "!=") for test in tests})


def _is_combined(condition: Condition) -> bool:
    """Whether two tests must hold together, or one must not hold."""
    if isinstance(condition, Not):
        return bool(_changes(condition))
    if isinstance(condition, Or):
        return any(_is_combined(term) for term in condition.terms)
    if isinstance(condition, And):
        return sum(1 for term in condition.terms if _changes(term)) > 1 or any(map(_is_combined, condition.terms))
    return False


def path_patterns(globs: tuple[str, ...]) -> tuple[str, ...]:
    """Globs as GitLab's `changes` reads them: Ruby's File.fnmatch, where `**` crosses folders only as `**/`.

    https://docs.gitlab.com/ci/yaml/#ruleschanges
    """
    found: dict[str, None] = {}
    for glob in globs:
        found.update(dict.fromkeys(_patterns(glob)))
    if len(found) > LIMITS["globs"]:
        raise ConditionError("globs", f"{len(found)} patterns stand in one rule, GitLab takes {LIMITS['globs']}")
    return tuple(found)


_ESCAPES = {"[": "\\[", "]": "\\]", "{": "\\{", "}": "\\}", "\\": "\\\\", "$": "[$]"}


def _patterns(glob: str) -> list[str]:
    made = [""]
    at = 0
    while at < len(glob):
        starts_segment = at == 0 or glob[at - 1] == "/"
        if glob.startswith("**/", at) and starts_segment:
            made = [text + "**/" for text in made]
            at += 3
        elif glob.startswith("**", at):
            ways = ("**/*",) if starts_segment else ("*", "*/**/*")
            made = [text + way for text in made for way in ways]
            at += 2
        else:
            made = [text + _ESCAPES.get(glob[at], glob[at]) for text in made]
            at += 1
        if len(made) > LIMITS["globs"]:
            raise ConditionError("globs", f'"{glob}" becomes more patterns than a rule takes ({LIMITS["globs"]})')
    return made
