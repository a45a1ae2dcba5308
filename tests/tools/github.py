"""GitHub's own workflow parser, language service and expression evaluator, from the npm packages that it publishes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.tools.finding import Finding
from tests.tools.process import Completed, RefusedError, expect, program, run, tools_folder

SCRIPTS = Path(__file__).parent / "node"

# What the functions that depend on a run return unless a case says otherwise: a run in which nothing failed.
FUNCTIONS: Mapping[str, Any] = {"always": True, "success": True, "failure": False, "cancelled": False, "hashFiles": ""}


class Evaluation(NamedTuple):
    """What an expression came to; where `error` is set there is no value."""

    value: Any
    error: str | None


def node(script: str, stdin: str) -> Completed:
    """Runs one of the committed scripts with the packages of the tools folder."""
    argv = [program("node"), "--no-warnings", "--import", (SCRIPTS / "hook.mjs").as_uri(), str(SCRIPTS / script)]
    modules = tools_folder() / "npm" / "node_modules"
    return run(argv, stdin=stdin, env={"HEADRACE_NODE_MODULES": str(modules)})


def github_parser(*paths: Path) -> list[Finding]:
    """What GitHub's parser and language service say to workflow files, warnings included; all in one process.

    `uses: ./…` is read from the repository's root: two folders above a file in `.github/workflows`, else its own.
    """
    program("languageservice")
    asked = [{"path": str(path), "root": str(_root(path))} for path in paths]
    ended = expect(node("workflow.mjs", json.dumps(asked)), (0,), "languageservice")
    return [Finding("languageservice", one["path"], one["line"], one["message"]) for one in json.loads(ended.stdout)]


def _root(path: Path) -> Path:
    folder = path.resolve().parent
    return folder.parent.parent if folder.parts[-2:] == (".github", "workflows") else folder


def github_evaluations(
    cases: Iterable[tuple[str, Mapping[str, Any]]], functions: Mapping[str, Any] = FUNCTIONS
) -> list[Evaluation]:
    """Evaluates many (expression, contexts) in one process. An expression stands without its `${{ }}`."""
    program("languageservice")
    asked = [{"expression": text, "contexts": contexts, "functions": dict(functions)} for text, contexts in cases]
    ended = expect(node("expressions.mjs", json.dumps(asked)), (0,), "@actions/expressions")
    return [Evaluation(one.get("value"), one.get("error")) for one in json.loads(ended.stdout)]


def github_evaluator(expression: str, contexts: Mapping[str, Any], functions: Mapping[str, Any] = FUNCTIONS) -> Any:
    """The value of one expression; RefusedError where GitHub's evaluator refuses it."""
    (evaluation,) = github_evaluations([(expression, contexts)], functions)
    if evaluation.error is not None:
        raise RefusedError(evaluation.error)
    return evaluation.value
