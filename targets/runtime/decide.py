"""Evaluate the conditions of several jobs at once.

decide.py [JSON] [--folder FOLDER]    or the conditions in HEADRACE_CONDITIONS: {job: condition}

Conditions: ["and", c...], ["or", c...], ["not", c], ["==" or "!=", subject, literal], ["in", subject, [literals]],
["matches", subject, glob], ["true", subject], ["changed", [globs]]; subjects: event, branch, tag, parameters.X.
Prints `job=true` lines to the file HEADRACE_OUTPUT or stdout, or writes a file for each job into the folder.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from typing import Any

from targets.runtime.problem import UsageError, finish, parsed, quoted, say

FACTS = {"event": "HEADRACE_EVENT", "branch": "HEADRACE_GIT_BRANCH", "tag": "HEADRACE_GIT_TAG"}
GLOB = re.compile(r"(?:^|(?<=/))\*\*/|\*\*|\*|\?|[^*?]+")
WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matches(text: str, glob: str) -> bool:
    pattern = "".join(WILD.get(part) or re.escape(part) for part in GLOB.findall(glob))
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def value_of(subject: str) -> str:
    if subject in FACTS:
        return os.environ.get(FACTS[subject], "")
    if not subject.startswith("parameters."):
        raise UsageError(f"{quoted(subject)} is not event, branch, tag or parameters.NAME")
    name = re.sub("[^A-Za-z0-9]", "_", subject[len("parameters.") :]).upper()
    return os.environ.get(f"HEADRACE_PARAM_{name}", "")


def text_of(literal: Any) -> str:
    return ("false", "true")[literal] if isinstance(literal, bool) else str(literal)


def git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments], stdin=subprocess.DEVNULL, capture_output=True
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout


def changed_paths() -> list[str] | None:
    """Paths that differ from the merge base or the previous head; None where there is nothing to compare with."""
    event, base = os.environ.get("HEADRACE_EVENT"), os.environ.get("HEADRACE_BASE", "")
    head = os.environ.get("HEADRACE_HEAD") or "HEAD"
    if event not in ("push", "change_request") or os.environ.get("HEADRACE_GIT_TAG") or not base.strip("0"):
        return None
    if event == "change_request" and not base.startswith("-") and not head.startswith("-"):
        base = os.fsdecode(git("merge-base", base, head) or b"").strip()
    if not re.fullmatch("[0-9a-fA-F]{7,64}", base) or head.startswith("-"):
        say("the commit to compare with is not here, so everything counts as changed")
        return None
    listed = git("diff", "--name-only", "--no-renames", "--no-relative", "--no-ext-diff", "-z", base, head, "--")
    if listed is None:
        say(f"commit {quoted(base)} can't be compared with, so everything counts as changed")
        return None
    return [os.fsdecode(path) for path in listed.split(b"\0") if path]


class Decision:
    """Evaluates conditions; asks git once, and only where a condition needs it."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        self.asked = False

    def changed(self, globs: list[str]) -> bool:
        if not self.asked:
            self.paths, self.asked = changed_paths(), True
        return self.paths is None or any(matches(path, glob) for path in self.paths for glob in globs)

    def holds(self, condition: Any) -> bool:
        operator, *operands = condition
        if operator in ("and", "or"):
            return (all if operator == "and" else any)(self.holds(operand) for operand in operands)
        if operator == "not":
            return not self.holds(operands[0])
        if operator == "changed":
            return self.changed(operands[0])
        value = value_of(operands[0])
        if operator == "true":
            return value == "true"
        if operator in ("==", "!="):
            same = value == text_of(operands[1])
            return same if operator == "==" else not same
        if operator == "in":
            return value in [text_of(literal) for literal in operands[1]]
        if operator == "matches":
            return value != "" and matches(value, operands[1])
        raise UsageError(f"{quoted(operator)} is not an operator of a condition")


def write(decisions: dict[str, str], folder: str | None) -> None:
    wrong = [job for job in decisions if not re.fullmatch(r"[\w-][\w.-]*", job)]
    if wrong:
        raise UsageError(f"{quoted(wrong[0])} is not a job's name")
    if folder is not None:
        os.makedirs(folder, exist_ok=True)
        for job, decision in decisions.items():
            with open(os.path.join(folder, job), "w", encoding="utf-8") as stream:
                stream.write(decision)
        return
    lines = "".join(f"{job}={decision}\n" for job, decision in decisions.items())
    output = os.environ.get("HEADRACE_OUTPUT")
    if output:
        with open(output, "a", encoding="utf-8") as stream:
            stream.write(lines)
    else:
        print(lines, end="")


def main() -> int:
    parser = argparse.ArgumentParser(prog="decide", allow_abbrev=False)
    parser.add_argument("conditions", nargs="?", default=os.environ.get("HEADRACE_CONDITIONS", ""))
    parser.add_argument("--folder")
    options = parser.parse_args()
    conditions = parsed(options.conditions, "the conditions", parse_int=str, parse_float=str)
    if not isinstance(conditions, dict):
        raise UsageError("the conditions are a mapping of jobs")
    decision = Decision()
    try:
        decisions = {job: text_of(decision.holds(condition)) for job, condition in conditions.items()}
    except (ValueError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise UsageError(f"a condition is not in its form: {error}") from error
    write(decisions, options.folder)
    return 0


if __name__ == "__main__":
    finish(main)
