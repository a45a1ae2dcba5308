"""Conditions as GitHub's expressions, and the job that decides what expressions can't.

GitHub tests events, refs and values. Globs and changed paths go to one job, `decide`, whose outputs the others read.
"""

from __future__ import annotations

from compiler.ir import And, Changed, Compare, Matches, Not, Or, Truth, walk
from compiler.pattern import Pattern
from targets.github import codes, expressions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Condition, Parameter
    from compiler.source import Origin

_REFS = {"branch": "refs/heads/", "tag": "refs/tags/"}
NEVER = "false"


class Facts:
    """What the subjects of conditions are in one workflow."""

    __slots__ = ("callable", "change_requests", "origin", "parameters", "sink", "values")

    def __init__(
        self,
        parameters: dict[str, Parameter],
        values: dict[str, str],
        callable_: bool,
        change_requests: bool,
        sink: Sink,
        origin: Origin | None,
    ) -> None:
        self.parameters = parameters
        self.values = values  # expressions by parameter
        self.callable = callable_
        self.change_requests = change_requests  # whether a run may be of a change request
        self.sink = sink
        self.origin = origin  # where findings about its conditions point


def is_native(condition: Condition) -> bool:
    """Whether an expression can test it: no changed paths, and globs only where they are plain names."""
    return not any(
        isinstance(node, Changed) or (isinstance(node, Matches) and _is_glob(node.glob)) for node in walk(condition)
    )


def _is_glob(glob: str) -> bool:
    return "*" in glob or "?" in glob


def terms(condition: Condition | None) -> tuple[Condition, ...]:
    """What must hold, one by one: `a and b` are two terms, so that only what needs `decide` goes there."""
    if condition is None:
        return ()
    return condition.terms if isinstance(condition, And) else (condition,)


def expression(condition: Condition, facts: Facts) -> str:
    """A native condition as an expression, in parentheses where it stands beside others."""
    if isinstance(condition, (And, Or)):
        word = " && " if isinstance(condition, And) else " || "
        parts = [_operand(term, facts) for term in condition.terms]
        return word.join(parts)
    if isinstance(condition, Not):
        return _negated(condition.term, facts)
    if isinstance(condition, Compare):
        return _comparison(condition, facts)
    if isinstance(condition, Truth):
        return _equals(condition.subject, "true", facts)
    assert isinstance(condition, Matches)
    return _equals(condition.subject, condition.glob, facts) if condition.glob else NEVER


def _operand(condition: Condition, facts: Facts) -> str:
    text = expression(condition, facts)
    return f"({text})" if " && " in text or " || " in text else text


def _negated(term: Condition, facts: Facts) -> str:
    if isinstance(term, Not):
        return expression(term.term, facts)
    if isinstance(term, Compare):
        return expression(term.replace(operator="in" if term.operator == "!=" else "!="), facts)
    return f"!({expression(term, facts)})"


def _comparison(comparison: Compare, facts: Facts) -> str:
    parts = [_equals(comparison.subject, value, facts) for value in comparison.values]
    if comparison.operator == "!=":
        return " && ".join(map(_not_equal, parts))
    return " || ".join(parts)


_EQUALITY = Pattern(r"(?P<left>[\w.]+|\([^()']*\)|format\('\{0\}', .*\)) == (?P<right>'(?:[^']|'')*')")


def _not_equal(equal: str) -> str:
    """`a == b` as `a != b`; anything else behind a `!`."""
    left, _, right = equal.partition(" == ")
    if left.replace(".", "").replace("_", "").isalnum() and right[1:-1].isidentifier() and right[0] + right[-1] == "''":
        return f"{left} != {right}"
    alternatives = [_EQUALITY.fullmatch(part) for part in equal.split(" || ")]
    if all(alternatives):
        return " && ".join(f"{found['left']} != {found['right']}" for found in alternatives if found)
    if equal.startswith("!startsWith("):
        return equal[1:]
    return NEVER if equal == "true" else "true" if equal == NEVER else f"!({equal})"


def _equals(subject: str, value: str, facts: Facts) -> str:
    if subject == "event":
        return expressions.is_event(value, facts.callable)
    if subject in _REFS:
        return _on_ref(subject, value, facts)
    name = subject.removeprefix("parameters.")
    parameter = facts.parameters[name]
    # A Boolean input would be compared as a number with text: `true == 'true'` is false.
    held = facts.values[name]
    if parameter.type == "bool":
        return f"format('{{0}}', {held}) == {expressions.literal(value)}"
    if parameter.type == "string":
        _note_case(value, facts)
    return f"{expressions.bracketed(held)} == {expressions.literal(value)}"


def _on_ref(subject: str, value: str, facts: Facts) -> str:
    """A branch or a tag by its name. A change request is of the branch that it would merge."""
    if not value:
        tagged = f"startsWith(github.ref, {expressions.literal(_REFS['tag'])})"
        return tagged if subject == "branch" else f"!{tagged}"
    _note_case(value, facts)
    test = f"github.ref == {expressions.literal(_REFS[subject] + value)}"
    if subject == "branch" and facts.change_requests:
        return f"{test} || github.head_ref == {expressions.literal(value)}"
    return test


def _note_case(value: str, facts: Facts) -> None:
    """https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#operators"""
    if value.lower() != value.upper():
        message = f'GitHub Actions: what is compared with "{value}" may be written in any case: "{value.swapcase()}" holds too'
        facts.sink.report(codes.NO_CASE, message, facts.origin)


def decisions(conditions: dict[str, Condition]) -> str:
    """What the script `decide` takes: the conditions by name, as JSON."""
    import json

    return json.dumps({name: _data(condition) for name, condition in conditions.items()}, ensure_ascii=False)


def _data(condition: Condition) -> list[Any]:
    """A condition as targets/runtime/decide.py reads it."""
    if isinstance(condition, (And, Or)):
        return ["and" if isinstance(condition, And) else "or", *map(_data, condition.terms)]
    if isinstance(condition, Not):
        return ["not", _data(condition.term)]
    if isinstance(condition, Changed):
        return ["changed", list(condition.globs)]
    if isinstance(condition, Truth):
        return ["true", condition.subject]
    if isinstance(condition, Matches):  # a run without a branch or tag matches no glob
        return ["and", ["!=", condition.subject, ""], ["matches", condition.subject, condition.glob]]
    listed: list[Any] = ["in", condition.subject, list(condition.values)]
    return ["not", listed] if condition.operator == "!=" else listed


def asks_git(conditions: dict[str, Condition]) -> bool:
    """Whether deciding needs the history."""
    return any(isinstance(node, Changed) for condition in conditions.values() for node in walk(condition))


def subjects(condition: Condition) -> list[Any]:
    """The parts of a condition that ask about a subject."""
    return [node for node in walk(condition) if isinstance(node, (Compare, Matches, Truth))]
