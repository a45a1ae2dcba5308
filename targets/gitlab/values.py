"""How text reaches a GitLab job as it was written: what stays, what is escaped, and what travels in a variable.

GitLab expands `$X`, `${X}` and `%X%` in the values of variables, and `$[[ … ]]` in every text of a file that has a
`spec:` header. https://docs.gitlab.com/ci/variables/where_variables_can_be_used/ and https://docs.gitlab.com/ci/inputs/
"""

from __future__ import annotations

import re

from compiler.ir import Ref
from targets.commands import variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text

# Variables that hold a sign, to write in two pieces what GitLab would take for a reference.
DOLLAR, PERCENT = "HEADRACE_DOLLAR", "HEADRACE_PERCENT"
SIGNS = {DOLLAR: "$", PERCENT: "%"}
_PERCENT_NAME = re.compile("%(?=[A-Za-z_][A-Za-z0-9_]*%)")
OPENING = "$[["

# What GitLab knows by itself; nobody but GitLab chooses these values, so expanding them again changes nothing.
NATIVE = {
    ("git", "commit"): "$CI_COMMIT_SHA",
    ("git", "short"): "$CI_COMMIT_SHORT_SHA",
    ("git", "repository"): "$CI_PROJECT_PATH",
    ("run", "id"): "$CI_PIPELINE_ID",
    ("run", "url"): "$CI_PIPELINE_URL",
}
# Names of branches and tags may hold a `$`: the shell copies them, which expands nothing.
COPIED = {
    ("git", "branch"): "${CI_COMMIT_BRANCH-}${CI_MERGE_REQUEST_SOURCE_BRANCH_NAME-}",
    ("git", "tag"): "${CI_COMMIT_TAG-}",
    ("git", "ref"): "${CI_COMMIT_REF_NAME-}",
    ("git", "default_branch"): "${CI_DEFAULT_BRANCH-}",
    # GitLab does not count a job's attempts; a retried job is another job, so its number tells attempts apart.
    ("run", "attempt"): "${HEADRACE_ATTEMPT:-1}",
}
# A test for scripts. The variable is set in what a change request's pipeline starts, too:
# https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#run-child-pipelines-with-merge-request-pipelines
ON_CHANGE_REQUEST = '[ -n "${CI_MERGE_REQUEST_ID-}" ]'


def given(value: str) -> object:
    """A literal as the value of a variable: plain, or not to be expanded."""
    if "$" not in value and "%" not in value:
        return value
    if OPENING in value:
        return escaped(value)
    return {"value": value, "expand": False}


def escaped(text: str) -> str:
    """A literal inside of a value that GitLab expands. There is `$$` for a dollar sign, but nothing for `%X%`."""
    text = text.replace("$", "$$").replace("$$[[", "${" + DOLLAR + "}[[")
    return _PERCENT_NAME.sub("${" + PERCENT + "}", text) if "%" in text else text


def signs_used(value: object) -> set[str]:
    """The signs that a value takes from their variables."""
    return {name for name in (DOLLAR, PERCENT) if isinstance(value, str) and "{" + name + "}" in value}


def expanded(text: Text) -> str:
    """Text where GitLab expands variables (image, artifact path, key): holes as `$V`, literals escaped."""
    parts = []
    for at, piece in enumerate(text):
        if isinstance(piece, Ref):
            after = text[at + 1] if at + 1 < len(text) else ""
            inner = NATIVE.get((piece.kind, piece.name), "$" + variable(piece))
            closed = isinstance(after, str) and after[:1] and (after[0].isalnum() or after[0] == "_")
            parts.append("${" + inner[1:] + "}" if closed else inner)
        else:
            parts.append(escaped(piece))
    return "".join(parts)


def in_shell(kind: str, name: str) -> str | None:
    """The shell text that copies a hole's value, for those that are not variables of the file."""
    return COPIED.get((kind, name))
