"""Every expression that the target emits, judged by GitHub's own evaluator."""

from __future__ import annotations

import itertools
import json
import random
import re
from typing import Any

import pytest

from compiler import condition as conditions
from compiler.condition import Facts, evaluate
from compiler.ir import (
    Job,
    Need,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPush,
    OnSchedule,
    Parameter,
    Project,
)
from targets.github import parts
from targets.github.limits import LIMITS
from tests.github_pipelines import PARAMETERS, PLAIN, SETTINGS, emitted, job, jobs_of, project
from tests.tools import github_evaluations
from tests.tools.github import FUNCTIONS

pytestmark = pytest.mark.engine

CRON = "7 3 * * 1-5"
REPOSITORY = {"default_branch": "main", "full_name": "me/repo"}
EVENTS = ("push", "change_request", "schedule", "manual", "call", "pipeline")


def run_context(event: str, branch: str = "main", tag: str = "", fork: bool = False) -> dict[str, Any]:
    """The `github` context of a run, as far as expressions read it."""
    names = {"change_request": "pull_request", "manual": "workflow_dispatch", "call": "push", "pipeline": "push"}
    found: dict[str, Any] = {
        "event_name": names.get(event, event),
        "repository": "me/repo",
        "ref": f"refs/tags/{tag}" if tag else f"refs/heads/{branch}",
        "ref_name": tag or branch,
        "ref_type": "tag" if tag else "branch",
        "head_ref": "",
        "event": {"repository": REPOSITORY},
        "run_id": "7",
        "sha": "0123456789abcdef",
    }
    if event == "change_request":
        found.update(ref="refs/pull/12/merge", ref_name="12/merge", head_ref=branch)
        found["event"]["pull_request"] = {"head": {"repo": {"full_name": "you/repo" if fork else "me/repo"}}}
    if event == "schedule":
        found["event"]["schedule"] = CRON
    return found


def filled(text: str, cases: list[dict[str, Any]]) -> list[str]:
    """A text with its expressions filled in, in each context, as GitHub writes the values."""
    pieces = re.split(r"\$\{\{ (.*?) \}\}", text)
    asked = [(piece, case) for case in cases for piece in pieces[1::2]]
    values = iter(github_evaluations(asked))
    return ["".join(p if at % 2 == 0 else as_text(next(values)) for at, p in enumerate(pieces)) for _ in cases]


def as_text(evaluation: Any) -> str:
    assert evaluation.error is None, evaluation
    value = evaluation.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15G}" if isinstance(value, float) else str(value)


# ------------------------------------------------------------------------------------------------------------ parameters

MORE = (*PARAMETERS, Parameter(name="bare", type="int"), Parameter(name="empty", type="string", default=""))
GIVEN = {
    "lr": ["0.1", "0", "1e-3", "123456789012345678"],
    "epochs": ["0", "10000000000000000", "-1"],
    "dry_run": ["true", "false"],
    "size": ["s", "l"],
    "note": ["", "0", "false", "it's", "a b"],
    "bare": ["5"],
    "empty": ["", "x"],
}
SCHEDULED = {"lr": "0.1", "note": "", "dry_run": "true", "empty": "night"}
TYPED = {"float": float, "int": float, "bool": lambda text: text == "true"}


def variables(triggers: Any) -> dict[str, str]:
    from compiler.ir import Exec, Ref

    argv = (("run",), *((Ref(kind="parameters", name=one.name),) for one in MORE))
    made = jobs_of(project(job("a", action=Exec(argv=argv)), triggers=triggers, parameters=MORE))
    return {one.name: made["a"]["env"][f"HEADRACE_PARAM_{one.name.upper()}"] for one in MORE}


@pytest.mark.parametrize("callable_", [False, True])
def test_parameters_arrive_as_they_were_given(callable_: bool) -> None:
    schedule = OnSchedule(cron=CRON, parameters=tuple(SCHEDULED.items()))
    triggers = (OnPush(), OnChangeRequest(), schedule, OnManual(), *((OnCall(),) if callable_ else ()))
    texts = variables(triggers)
    defaults = {one.name: one.default or "" for one in MORE}
    types = {one.name: one.type for one in MORE}
    for name, text in texts.items():
        cases, expected = [], []
        for event in ("push", "change_request"):
            cases.append({"github": run_context(event), "inputs": {}})
            expected.append(defaults[name])
        cases.append({"github": run_context("schedule"), "inputs": {}})
        expected.append(SCHEDULED.get(name, defaults[name]))
        other = run_context("schedule")
        other["event"]["schedule"] = "1 1 1 1 1"
        cases.append({"github": other, "inputs": {}})
        expected.append(defaults[name])
        for value in GIVEN[name]:
            by_hand = run_context("manual")
            by_hand["event"]["inputs"] = {name: value}
            typed = TYPED.get(types[name], str)(value)
            cases.append({"github": by_hand, "inputs": {name: typed}})
            expected.append(value)
        if callable_:
            for event, value in itertools.product(("push", "schedule", "manual"), GIVEN[name]):
                caller = run_context(event)
                caller["event"]["inputs"] = {name: "the caller's own"}
                cases.append({"github": caller, "inputs": {name: value, "headrace_event": "call"}})
                expected.append(value)
        assert filled(text, cases) == expected, name


# ------------------------------------------------------------------------------------------------------------ conditions

CONDITIONS = [
    "event == 'push'",
    "event != 'change_request'",
    "not (event == 'change_request')",
    "event in ['push', 'manual']",
    "not (event in ['push', 'schedule'])",
    "event == 'call'",
    "event != 'pipeline' and event != 'call'",
    "branch == 'main'",
    "branch != 'main'",
    "branch == ''",
    "branch != ''",
    "branch in ['main', 'dev']",
    "not (branch in ['main', 'dev'])",
    "branch matches 'main'",
    "tag == 'v1.0'",
    "tag != ''",
    "tag == ''",
    "tag matches 'v*'",
    "branch matches 'release/**' or tag != ''",
    "parameters.dry_run",
    "not parameters.dry_run",
    "parameters.dry_run == 'false'",
    "parameters.size == 's'",
    "parameters.size in ['l', 'xl']",
    "parameters.lr == '0.1'",
    "parameters.lr != '0.01'",
    "parameters.note == ''",
    "parameters.note != 'it''s'",
    "changed('api/**') and event == 'push'",
    "event == 'push' and (branch == 'main' or parameters.dry_run)",
    "not (event == 'push' and branch == 'main')",
    "event == 'schedule' or not (parameters.size == 's' or branch matches 'dev*')",
]
RUNS = [
    ("push", "main", ""),
    ("push", "dev", ""),
    ("push", "release/1", ""),
    ("push", "", "v1.0"),
    ("change_request", "dev", ""),
    ("change_request", "main", ""),
    ("schedule", "main", ""),
    ("manual", "dev", ""),
    ("call", "main", ""),
    ("pipeline", "main", ""),
]
VALUES: list[dict[str, str]] = [
    {},
    {"dry_run": "true", "size": "l", "lr": "0.1", "note": ""},
    {"dry_run": "false", "size": "s", "lr": "0.10", "note": "x"},
]


def inputs(event: str, given: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The `inputs` context, and the values that the run has."""
    defaults = {one.name: one.default or "" for one in PARAMETERS}
    if event == "manual":
        types = {one.name: one.type for one in PARAMETERS}
        whole = {**defaults, **given}
        return {name: TYPED.get(types[name], str)(value) for name, value in whole.items()}, whole
    if event in ("call", "pipeline"):
        return {**defaults, **given, "headrace_event": event}, {**defaults, **given}
    return {}, defaults


@pytest.mark.parametrize("callable_", [False, True])
def test_conditions_have_one_truth_table(callable_: bool) -> None:
    triggers = (OnPush(), OnChangeRequest(), OnManual(), *((OnCall(),) if callable_ else ()))
    asked, expected = [], []
    for source in CONDITIONS:
        parsed = conditions.parse(source)
        made = jobs_of(project(job("a", "true", condition=parsed), triggers=triggers, parameters=PARAMETERS))
        text = expression_of(made["a"])
        for (event, branch, tag), given, changed in itertools.product(RUNS, VALUES, (None, ("api/x",), ("docs/x",))):
            if (event in ("call", "pipeline") and not callable_) or (changed is not None and event != "push"):
                continue
            if event not in ("manual", "call", "pipeline") and given:
                continue
            context, values = inputs(event, given)
            github = run_context(event, branch, tag)
            github["event"]["inputs"] = values if event == "manual" else {}
            facts = Facts(event=event, branch=branch, tag=tag, parameters=values, changed=changed)
            outputs = {name: "true" if evaluate(one, facts) else "false" for name, one in decided(parsed).items()}
            needs = {"decide": {"result": "success", "outputs": outputs}}
            asked.append((text, {"github": github, "inputs": context, "needs": needs}))
            expected.append((source, event, branch, tag, given, evaluate(parsed, facts)))
    answers = github_evaluations(asked)
    for (text, _), answer, case in zip(asked, answers, expected, strict=True):
        assert answer.error is None, (case, text, answer.error)
        assert bool(answer.value) is case[-1], (case, text, answer.value)


def expression_of(made: dict[str, Any]) -> str:
    text = made.get("if", "true")
    return text[4:-3] if text.startswith("${{ ") else text


def decided(parsed: Any) -> dict[str, Any]:
    """What the decide job is asked for a job `a` with this condition."""
    from compiler.condition import conjoin
    from targets.github.conditions import is_native, terms

    others = [term for term in terms(parsed) if not is_native(term)]
    return {"a": conjoin(*others)} if others else {}


# -------------------------------------------------------------------------------------------------------------- outcomes

RESULTS = ("success", "failure")


def random_jobs(seed: int) -> tuple[Job, ...]:
    chance = random.Random(seed)
    made: list[Job] = []
    for at in range(9):
        needs = tuple(
            Need(job=f"j{other}", artifacts=False, optional=chance.random() < 0.25, legs="all")
            for other in chance.sample(range(at), min(at, chance.choice((0, 1, 1, 2, 5))))
        )
        made.append(
            job(
                f"j{at}",
                "true",
                environment=PLAIN,
                needs=needs,
                run_on=chance.choice(("success", "success", "success", "failure", "always")),
                condition=conditions.parse(chance.choice(("event == 'push'", "branch == 'dev'", "changed('a')")))
                if chance.random() < 0.3
                else None,
                allow_failure=chance.random() < 0.2,
            )
        )
    return tuple(made)


def simulated(jobs: tuple[Job, ...], own: dict[str, str], facts: Facts) -> dict[str, str]:
    """What each job comes to by semantics.md: success, failure (an allowed one counts as success) or skipped."""
    results: dict[str, str] = {}
    ruled_out: set[str] = set()
    for one in jobs:
        required = [need.job for need in one.needs if not need.optional]
        if not evaluate(one.condition, facts) or any(name in ruled_out for name in required):
            ruled_out.add(one.name)
        outcomes = [(results[need.job], bool(need.optional)) for need in one.needs]
        if one.run_on == "always":
            runs = True
        elif one.run_on == "failure":
            runs = any(result == "failure" for result, _ in outcomes)
        else:
            runs = all(result == "success" or (optional and result == "skipped") for result, optional in outcomes)
        if one.name in ruled_out or not runs:
            results[one.name] = "skipped"
        else:
            results[one.name] = "success" if one.allow_failure else own[one.name]
    return results


def ancestors(jobs: dict[str, Any], name: str) -> set[str]:
    found: set[str] = set()
    stack = list(jobs[name].get("needs", ()))
    while stack:
        one = stack.pop()
        if one not in found:
            found.add(one)
            stack.extend(jobs[one].get("needs", ()))
    return found


def verdict_cases(
    workflows: list[dict[str, Any]], results: dict[str, str], facts: Facts, decisions: dict[str, Any]
) -> list[tuple[str, str, dict[str, Any], dict[str, bool]]]:
    """(job, expression, contexts, status functions) for each job, in a run with these results."""
    answers = {name: "true" if evaluate(one, facts) else "false" for name, one in decisions.items()}
    told: dict[str, Any] = {"decide": answers}
    for at, workflow in enumerate(workflows[1:], 1):
        outputs = workflow["on"].get("workflow_call", {}).get("outputs", {})
        told[f"part-{at}"] = {name: results[name] for name in outputs}
    found = []
    for workflow in workflows:
        for name, made in workflow["jobs"].items():
            if name not in results:
                continue
            needs = {one: {"result": results.get(one, "success"), "outputs": {}} for one in made.get("needs", ())}
            if "decide" in needs:
                needs["decide"]["outputs"] = answers
            before = {results.get(one, "success") for one in ancestors(workflow["jobs"], name)}
            status = {
                "success": before <= {"success"},
                "failure": "failure" in before,
                "cancelled": False,
                "always": True,
            }
            text = expression_of(made)
            if not re.search(r"\b(success|failure|cancelled|always)\(\)", text):
                text = f"success() && ({text})"
            github = run_context(facts.event, facts.branch)
            context = {"github": github, "needs": needs, "inputs": {"headrace_needs": json.dumps(told)}}
            found.append((name, text, context, status))
    return found


def workflows_of(given: Project) -> list[dict[str, Any]]:
    documents, sink = emitted(given, SETTINGS)
    assert not sink.failed, sink.diagnostics
    return [document.documents[0] for document in documents]


def judge(jobs: tuple[Job, ...], seed: int) -> None:
    given = project(*jobs)
    workflows = workflows_of(given)
    chance = random.Random(seed)
    by_status: dict[str, list[Any]] = {}
    for _ in range(6):
        own = {one.name: chance.choice(RESULTS) for one in jobs}
        facts = Facts(
            event=chance.choice(("push", "manual")),
            branch=chance.choice(("main", "dev")),
            tag="",
            parameters={},
            changed=chance.choice((("a",), ("b",))),
        )
        results = simulated(jobs, own, facts)
        for name, text, context, status in verdict_cases(workflows, results, facts, asked_of(workflows)):
            expected = results[name] != "skipped"
            by_status.setdefault(json.dumps(status), []).append((name, text, context, expected))
    for key, cases in by_status.items():
        answers = github_evaluations(
            ((text, context) for _, text, context, _ in cases), {**FUNCTIONS, **json.loads(key)}
        )
        for (name, text, context, expected), answer in zip(cases, answers, strict=True):
            assert answer.error is None, (seed, name, text, answer.error)
            assert bool(answer.value) is expected, (seed, name, text, context["needs"], json.loads(key))


def asked_of(workflows: list[dict[str, Any]]) -> dict[str, Any]:
    """The conditions that the decide job answers, by output."""
    outputs = workflows[0]["jobs"].get("decide", {}).get("outputs", {})
    return {name: conditions.parse("changed('a')") for name in outputs}


@pytest.mark.parametrize("seed", range(12))
def test_jobs_run_when_their_needs_say_so(seed: int) -> None:
    judge(random_jobs(seed), seed)


@pytest.mark.parametrize("seed", range(12, 18))
def test_so_they_do_in_parts(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "HEAD_BYTES", 0)
    monkeypatch.setitem(LIMITS, "workflow file bytes", 4200)
    jobs = random_jobs(seed)
    assert len(workflows_of(project(*jobs))) > 2
    judge(jobs, seed)


def test_forks_stay_outside() -> None:
    from compiler.ir import Runner

    settings = SETTINGS.replace(runners=(Runner(select=(("labels", ("self-hosted",)),)),))
    text = expression_of(jobs_of(project(job("a", "true")), settings)["a"])
    cases = [
        (run_context("push"), True),
        (run_context("manual"), True),
        (run_context("change_request"), True),
        (run_context("change_request", fork=True), False),
    ]
    answers = github_evaluations((text, {"github": github}) for github, _ in cases)
    assert [bool(answer.value) for answer in answers] == [expected for _, expected in cases]


def test_events_by_name() -> None:
    from targets.github.expressions import event

    for name in EVENTS:
        called = {"headrace_event": name} if name in ("call", "pipeline") else {}
        (answer,) = github_evaluations([(event(True), {"github": run_context(name), "inputs": called})])
        assert answer.value == name
    inside = {"github": run_context("change_request"), "inputs": {"headrace_event": "call"}}
    (answer,) = github_evaluations([(event(True), inside)])
    assert answer.value == "change_request"


def test_git_and_groups() -> None:
    from targets.github.expressions import GIT

    for name, run, expected in (
        ("branch", run_context("push", "dev"), "dev"),
        ("branch", run_context("push", "", "v1"), ""),
        ("branch", run_context("change_request", "feature"), "feature"),
        ("tag", run_context("push", "", "v1"), "v1"),
        ("tag", run_context("push"), ""),
        ("default_branch", run_context("push", "dev"), "main"),
    ):
        (answer,) = github_evaluations([(GIT[name], {"github": run})])
        assert answer.value == expected, (name, run)
    scheduled = run_context("schedule")
    scheduled["event"] = {"schedule": CRON}
    (answer,) = github_evaluations([(GIT["default_branch"], {"github": scheduled})])
    assert answer.value == "main"
