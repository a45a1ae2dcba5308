"""GitLab's rules, evaluated: https://docs.gitlab.com/ci/jobs/job_rules/, as GitLab's own lexer and parser have them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<variable>\$\w+)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<pattern>/(?:[^/\\]|\\.)+/)|(?P<null>null\b)"
    r"|(?P<operator>==|!=|=~|!~|&&|\|\||\(|\)))"
)
_BINDS = {"||": 0, "&&": 1, "==": 2, "!=": 2, "=~": 2, "!~": 2}


def tokens(expression: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    while at < len(expression.rstrip()):
        match = _TOKEN.match(expression, at)
        assert match is not None, expression[at:]
        assert match.lastgroup is not None
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def holds(expression: str, variables: Mapping[str, str]) -> bool:
    """Whether an expression is true for these variables; one that is not there is null."""
    rest = tokens(expression)
    value = _binary(rest, 0, variables)
    assert not rest, rest
    return _truth(value)


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else bool(value)


def _binary(rest: list[tuple[str, str]], level: int, variables: Mapping[str, str]) -> Any:
    if level == 3:
        return _operand(rest, variables)
    left = _binary(rest, level + 1, variables)
    while rest and rest[0][0] == "operator" and _BINDS.get(rest[0][1]) == level:
        operator = rest.pop(0)[1]
        left = _apply(operator, left, _binary(rest, level + 1, variables))
    return left


def _operand(rest: list[tuple[str, str]], variables: Mapping[str, str]) -> Any:
    kind, text = rest.pop(0)
    if kind == "variable":
        return variables.get(text[1:])
    if kind == "text":
        return text[1:-1]
    if kind == "pattern":
        return re.compile(text[1:-1].replace("\\/", "/"))
    if kind == "null":
        return None
    assert text == "("
    value = _binary(rest, 0, variables)
    assert rest.pop(0) == ("operator", ")")
    return value


def _apply(operator: str, left: Any, right: Any) -> bool:
    if operator == "&&":
        return _truth(left) and _truth(right)
    if operator == "||":
        return _truth(left) or _truth(right)
    if operator == "==":
        return bool(left == right)
    if operator == "!=":
        return bool(left != right)
    found = right.search(left or "") is not None
    return found if operator == "=~" else not found


def fnmatch(pattern: str, path: str) -> bool:
    """Ruby's File.fnmatch with FNM_PATHNAME, FNM_DOTMATCH and FNM_EXTGLOB, for patterns without bare braces."""
    out = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            out.append("(?:[^/]+/)*")
            at += 3
        elif pattern[at] == "*":
            out.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            out.append("[^/]")
            at += 1
        elif pattern[at] == "\\":
            out.append(re.escape(pattern[at + 1]))
            at += 2
        elif pattern[at] == "[":
            end = pattern.index("]", at)
            out.append(f"[{re.escape(pattern[at + 1 : end])}]")
            at = end + 1
        else:
            assert pattern[at] not in "{}"
            out.append(re.escape(pattern[at]))
            at += 1
    return re.fullmatch("".join(out), path, re.DOTALL) is not None


def decide(
    rules: Sequence[Mapping[str, Any]], variables: Mapping[str, str], changed: Sequence[str] | None
) -> Mapping[str, Any] | None:
    """The first rule that matches, None where none does or where it says never. `changed` None: nothing to compare."""
    for rule in rules:
        if "if" in rule and not holds(rule["if"], variables):
            continue
        patterns = rule.get("changes", ())
        if patterns and changed is not None and not any(fnmatch(one, path) for one in patterns for path in changed):
            continue
        return None if rule.get("when") == "never" else rule
    return None


SOURCES = {"change_request": "merge_request_event", "manual": "web", "call": "pipeline"}


def variables_of(
    event: str, branch: str = "", tag: str = "", parameters: Mapping[str, str] | None = None
) -> dict[str, str]:
    """GitLab's variables in a pipeline of the main file. https://docs.gitlab.com/ci/variables/predefined_variables/"""
    found = {"CI_PIPELINE_SOURCE": SOURCES.get(event, event), "CI_DEFAULT_BRANCH": "main"}
    found["CI_COMMIT_REF_NAME"] = tag or branch
    if tag:
        found["CI_COMMIT_TAG"] = tag
    elif event == "change_request":
        found["CI_MERGE_REQUEST_ID"] = "1"
        found["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"] = branch
        found["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"] = "main"
    else:
        found["CI_COMMIT_BRANCH"] = branch
    for name, value in (parameters or {}).items():
        found["HEADRACE_PARAM_" + name.upper()] = value
    return found
