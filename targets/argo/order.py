"""The tasks of a pipeline, and what each waits for: results by name, always.

https://argo-workflows.readthedocs.io/en/latest/enhanced-depends-logic/
"""

from __future__ import annotations

from compiler.yamlwriter import Block
from targets.argo import artifacts, nodes, outcomes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Job, Need
    from targets.argo.scope import Scope

ENDED = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted")


def any_of(task: str, *results: str) -> str:
    joined = " || ".join(f"{task}.{result}" for result in results)
    return f"({joined})" if len(results) > 1 else joined


def all_of(terms: list[str]) -> str:
    """Terms joined; one that stands alone needs no parentheses."""
    once = list(dict.fromkeys(terms))
    if len(once) == 1 and once[0].startswith("("):
        return once[0][1:-1]
    return " && ".join(once)


def waits(scope: Scope, job: Job, known: dict[str, Job]) -> list[str]:
    """What a job waits for, term by term. Needs in other parts of a split pipeline are not here."""
    names = scope.names.jobs
    needs = [need for need in job.needs if need.job in known]
    if job.run_on == "failure" and any(need.job in scope.outcomes for need in job.needs):
        return [any_of(names[need.job], *ENDED) for need in needs]  # `when` decides
    if job.run_on == "always":
        return [any_of(names[need.job], *ENDED) for need in needs]
    if job.run_on == "failure":
        failed = [need for need in needs if not known[need.job].allow_failure]
        terms = [f"{names[need.job]}.{result}" for need in failed for result in ("Failed", "Errored")]
        ended = [any_of(names[need.job], *ENDED) for need in needs if need not in failed]
        return [f"({' || '.join(terms)})", *ended] if terms else ended
    return [_success(names[need.job], need, known[need.job]) for need in needs]


def _success(task: str, need: Need, needed: Job) -> str:
    results = ["Succeeded"]
    if needed.allow_failure:
        results += ["Failed", "Errored"]
    if need.optional:
        results += ["Skipped", "Omitted"]
    return any_of(task, *results)


def tasks(scope: Scope, job: Job, known: dict[str, Job], place: str) -> list[Block]:
    """A job's own task, and before it the tasks that compute its key and wait for its approval."""
    name = scope.names.jobs[job.name]
    terms = waits(scope, job, known)
    if not job.needs and not scope.part:
        terms.append(f"{scope.names.add('source')}.Succeeded")
    if job.name in scope.nodes:
        terms.append(f"{nodes.service_name(scope, job.name)}.Succeeded")
    when, decided = scope.when(job.condition, name)
    if decided:
        terms.append(f"{scope.names.add('decide')}.Succeeded")
    asked = outcomes.test(scope, job, known)
    if asked is not None:
        when = _both(asked, when)
    elif job.run_on == "failure" and all(known[need.job].allow_failure for need in job.needs if need.job in known):
        when = "false"  # nothing before it can fail
    if any(need.job in scope.outcomes for need in job.needs):
        terms.append(f"{scope.names.add('outcomes')}.Succeeded")
    made: list[Block] = []
    first: dict[str, Any] = {"depends": all_of(terms)} if terms else {}
    if when is not None:
        first["when"] = when
    if artifacts.is_cached(scope, job):
        key = artifacts.key_name(scope, job)
        endings = artifacts.endings(scope, job)
        given = {"arguments": {"parameters": endings}} if endings else {}
        made.append(Block({"name": key, "template": key, **first, **given}, comment=place))
        terms = [f"{key}.Succeeded"]
    if job.approval is not None:
        approval = approval_name(scope, job)
        before = {"depends": all_of(terms)} if made else first
        made.append(Block({"name": approval, "template": scope.names.add("approve"), **before}, comment=place))
        terms = [f"{approval}.Succeeded"]
    own: dict[str, Any] = {"name": name, "template": name}
    if terms:
        own["depends"] = all_of(terms)
    if when is not None and not made:
        own["when"] = when
    arguments = _arguments(scope, job)
    if arguments:
        own["arguments"] = {"parameters": arguments}
    if artifacts.is_loop(job) and not is_wrapped(job):
        own["withItems"] = artifacts.leg_items(job)[0]
    made.append(Block(own, comment=place))
    return made


def _both(test: str, when: str | None) -> str:
    """A task's `when` with a further test."""
    if when is None:
        return "{{= " + test + " }}"
    own = when.removeprefix("{{= ").removesuffix(" }}")
    first, second = (f"({one})" if " || " in one else one for one in (test, own))
    return "{{= " + first + " && " + second + " }}"


def approval_name(scope: Scope, job: Job) -> str:
    return scope.names.add(f"approve-{scope.names.jobs[job.name]}")


def _arguments(scope: Scope, job: Job) -> list[dict[str, Any]]:
    arguments = []
    if artifacts.is_loop(job) and not is_wrapped(job):
        arguments += artifacts.leg_items(job)[1]
    if artifacts.is_cached(scope, job):
        key = artifacts.key_name(scope, job)
        arguments.append({"name": "key", "value": "{{tasks." + key + ".outputs.parameters.key}}"})
    return arguments + artifacts.endings(scope, job)


def is_wrapped(job: Job) -> bool:
    """Whether a looping job's items run in a graph of their own.

    A task with items has succeeded when all its items were skipped, which would let its dependents run; and only a
    template limits how many pods run at once.
    """
    return artifacts.is_loop(job) and (
        job.condition is not None or (job.matrix is not None and job.matrix.max_parallel is not None)
    )


def wrapper(scope: Scope, job: Job, name: str, inner: str) -> dict[str, Any]:
    """The graph around a looping job's items."""
    items, arguments = artifacts.leg_items(job)
    made: dict[str, Any] = {"name": name}
    passed = [one["name"] for one in artifacts.endings(scope, job)]
    if passed:
        made["inputs"] = {"parameters": [{"name": one} for one in passed]}
        arguments += [{"name": one, "value": "{{inputs.parameters." + one + "}}"} for one in passed]
    if job.matrix is not None and job.matrix.max_parallel is not None:
        made["parallelism"] = job.matrix.max_parallel
    task = {"name": "leg", "template": inner, "arguments": {"parameters": arguments}, "withItems": items}
    return {**made, "dag": {"failFast": False, "tasks": [task]}}


def needs_end(jobs: tuple[Job, ...]) -> bool:
    """Whether the leaves alone would not tell how the run ended.

    A graph's outcome is that of its leaves: a tolerated failure at a leaf would fail the run, and a failure that only
    jobs of `run_on: failure` or `always` (or an optional need) wait for would be forgotten.
    """
    return any(
        job.allow_failure or (job.run_on or "success") != "success" or any(need.optional for need in job.needs)
        for job in jobs
    )


def end(scope: Scope, jobs: tuple[Job, ...]) -> Block:
    """The leaf that runs where no job failed that may not."""
    name = scope.names.add("end")
    terms = []
    for job in jobs:
        task = scope.names.jobs[job.name]
        if job.allow_failure:
            terms.append(any_of(task, *ENDED))
        else:
            terms.append(any_of(task, "Succeeded", "Skipped", "Omitted"))
    return Block({"name": name, "template": name, "depends": all_of(terms)})
