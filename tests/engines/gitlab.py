"""The GitLab output, run by gitlab-ci-local, each job in a folder of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from compiler.matrix import label
from tests.engines.cases import Run
from tests.engines.checkout import Checkout
from tests.engines.seen import Seen, by_values, collect, split
from tests.tools.gitlab import gitlab_ci_local
from tests.tools.process import ToolError

NAME = "gitlab-ci-local"
TARGET = "gitlab"
TOOLS = ("gitlab-ci-local", "node", "rsync", "git")
LIMIT_SECONDS = 180.0
SOURCES = {"tag": "push", "change_request": "merge_request_event", "manual": "web"}
_OUTCOMES = {"PASS": "succeeded", "WARN": "failed", "FAIL": "failed"}
_IMAGE = re.compile(r"^( +)image:(?:.*\n)(?:\1 +.*\n)*", re.MULTILINE)
_EMPTY = re.compile(r"^(\.[^\s:]+:)[^\n]*\n(?=\n|\S|\Z)", re.MULTILINE)  # a template that was an image alone
_SUMMARY = re.compile(r"^ (PASS|WARN|FAIL)  (.*?)(?:  +(?:pre_script|after_script))? *$", re.MULTILINE)


def adapt(folder: Path) -> None:
    """Takes `image` out of the compiled files: gitlab-ci-local doesn't enter it in its shell executor, but then tells
    jobs that CI_PROJECT_DIR is the container's folder (src/job.ts: _predefinedVariables)."""
    for file in (folder / ".gitlab-ci.yml", *folder.glob(".gitlab/**/*.yml")):
        left = _IMAGE.sub("", file.read_text(encoding="utf-8"))
        file.write_text(_EMPTY.sub(r"\1 {}\n", left), encoding="utf-8")


def execute(checkout: Checkout, run: Run) -> Seen:
    given = variables(checkout, run)
    arguments = ["--force-shell-executor", "--shell-isolation", "--concurrency", "4", "--no-artifacts-to-source"]
    arguments += ["--ignore-predefined-vars", ",".join(given)]
    for name, value in {**given, **run.secrets}.items():
        arguments += ["--variable", f"{name}={value}"]
    # GitLab hands these on to child pipelines, the tool hands on nothing of its command line:
    # https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#run-child-pipelines-with-merge-request-pipelines
    review = {name: value for name, value in given.items() if name.startswith("CI_MERGE_REQUEST_")}
    everywhere = checkout.home / ".gitlab-ci-local" / "variables.yml"
    everywhere.parent.mkdir(exist_ok=True)
    everywhere.write_text(json.dumps({"global": review}), encoding="utf-8")
    if run.approved:
        for job in jobs_by_hand(checkout.folder):
            arguments += ["--manual", job]
    inputs = checkout.home / "inputs.yml"  # on the command line `true` and `1` would be no texts
    inputs.write_text(json.dumps(given_inputs(run)), encoding="utf-8")
    arguments += ["--inputs-file", str(inputs)]
    done = gitlab_ci_local(checkout.folder, *arguments, limit=LIMIT_SECONDS)
    log = done.stdout + done.stderr
    seen = Seen(status="succeeded" if done.status == 0 else "failed", log=log)
    seen.testimonies = collect(checkout.testimonies)
    summary = _SUMMARY.findall(done.stdout)
    if not summary and seen.testimonies:
        raise ToolError(log)
    known = by_values(run.jobs)
    for word, name in summary:
        if name.startswith("downstream pipeline is experimental"):
            continue
        job = shown(name, known)
        (seen.jobs if job in run.jobs else seen.helpers)[job] = _OUTCOMES[word]
    return seen


def jobs_by_hand(folder: Path) -> list[str]:
    """The jobs that wait for somebody to start them."""
    documents = yaml.load_all((folder / ".gitlab-ci.yml").read_text(encoding="utf-8"), Loader=_Tolerant)
    found = []
    for name, job in (item for document in documents for item in document.items()):
        rules = job.get("rules", []) if isinstance(job, dict) else []
        if any(isinstance(rule, dict) and rule.get("when") == "manual" for rule in rules):
            found.append(name)
    return found


class _Tolerant(yaml.SafeLoader):
    """Takes `!reference` for nothing."""


_Tolerant.add_constructor("!reference", lambda _loader, _node: None)


def given_inputs(run: Run) -> dict[str, str]:
    """What a person fills in, all as text, as the form does. https://docs.gitlab.com/ci/inputs/"""
    chosen = {"headrace_pipeline": run.pipeline} if run.pipeline and run.event == "manual" else {}
    return {**chosen, **run.parameters}


def variables(checkout: Checkout, run: Run) -> dict[str, str]:
    """The predefined variables that an event brings: https://docs.gitlab.com/ci/variables/predefined_variables/."""
    found = {"CI_PIPELINE_SOURCE": SOURCES.get(run.event, run.event), "CI_DEFAULT_BRANCH": "main"}
    if run.event == "change_request":
        found |= {
            "CI_MERGE_REQUEST_ID": "1",
            "CI_MERGE_REQUEST_IID": "1",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": run.branch,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": checkout.before,
            "CI_COMMIT_BRANCH": "",
        }
    elif run.event == "tag":
        found |= {"CI_COMMIT_TAG": run.tag, "CI_COMMIT_BRANCH": ""}
    else:
        found |= {"CI_COMMIT_BRANCH": run.branch}
    if run.event == "schedule":
        found["HEADRACE_SCHEDULE"] = run.pipeline or "main"
    return found


_LEGS = re.compile(r"(?P<job>.*): \[(?P<values>.*)\]$")


def shown(name: str, known: dict[tuple[str, tuple[str, ...]], str]) -> str:
    """A job's name among the expected, or as gitlab-ci-local says it.

    Legs are `job: [a, b]`, and where they could not be one job of GitLab's `job.fold=0: [a, b]` or `job.fold=0,size=b`.
    """
    child = re.match(r"\[(.*)\] -> (.*)$", name)
    if child is not None:  # a job of a child pipeline: of a call, or of a pipeline that is a child for GitLab's sake
        inner = f"{child[1]}/{shown(child[2], known)}"
        return inner if inner in known.values() else shown(child[2], known)
    found = _LEGS.match(name)
    if found is not None:
        values = tuple(re.split(", ?", found["values"]))
        for job in (found["job"], found["job"].rpartition(".")[0]):
            if (job, values) in known:
                return known[job, values]
        return name
    for expected in known.values():
        job, leg = split(expected)
        alone = f"{job}.{label(tuple(leg.items()))}" if leg else job
        if name in (alone, f"job-{alone}"):  # a name that GitLab keeps for itself gets `job-` before it
            return expected
    return known.get((name, tuple(_only_values(name, known))), name)


def _only_values(name: str, known: dict[tuple[str, tuple[str, ...]], str]) -> tuple[str, ...]:
    """The values of a job's leg where it has one alone, which GitLab shows without them."""
    found = [values for job, values in known if job == name]
    return found[0] if len(found) == 1 else ()
