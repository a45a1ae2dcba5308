"""What became of jobs in other parts of a split pipeline.

A child workflow tells whoever started it no more than how it ended as a whole. So each part whose jobs others ask about
ends with a task `told`, which writes down how they ended; a part that asks begins with a task `outcomes`, which reads that,
and its jobs' `when` decides by it. What a part did not write down, since it was never started, did not run.
"""

from __future__ import annotations

from compiler import graph
from compiler.images import HELPER
from targets.argo import artifacts, jobs, spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from compiler.ir import Job, Need
    from targets.argo.scope import Scope

FOLDER = "/tmp/headrace-outcomes"
SECONDS = 600
FAILED = ("Failed", "Error")  # a node's phases, where `depends` says Errored
LEFT_OUT = ("Skipped", "Omitted")


def late(known: Mapping[str, Job]) -> dict[str, None]:
    """The jobs that do not run on success alone, and all that need them, in order."""
    found: dict[str, None] = {}
    for name in graph.order({name: [need.job for need in job.needs] for name, job in known.items()}):
        job = known[name]
        if (job.run_on or "success") != "success" or any(need.job in found for need in job.needs):
            found[name] = None
    return found


def asked(
    members: Sequence[Job], known: Mapping[str, Job], is_late: bool, unsure: Mapping[str, Sequence[str]]
) -> dict[str, Job]:
    """The jobs of other parts of which a part must know how they ended."""
    here = {job.name for job in members}
    found: dict[str, Job] = {}
    for job in members:
        wanted = set(unsure.get(job.name, ()))
        if is_late and job.run_on != "always":
            wanted.update(need.job for need in job.needs)
        for need in job.needs:
            if need.job in wanted and need.job not in here:
                found[need.job] = known[need.job]
    return found


def status(scope: Scope, name: str) -> str:
    """The expression for how a job ended: a node's phase."""
    task = scope.names.jobs[name]
    if name in scope.outcomes:
        return spelling.member(spelling.member("tasks", scope.names.add("outcomes")) + ".outputs.parameters", task)
    return spelling.member("tasks", task) + ".status"


def test(scope: Scope, job: Job, here: Mapping[str, Job]) -> str | None:
    """What must hold of the needs, where some of them lie in other parts; None where nothing is asked of those."""
    if job.run_on == "always" or not any(need.job in scope.outcomes for need in job.needs):
        return None
    if job.run_on == "failure":
        needed = [scope.outcomes.get(need.job) or here.get(need.job) for need in job.needs]
        counted = [one for one in needed if one is not None and not one.allow_failure]
        return " || ".join(_among(status(scope, one.name), FAILED) for one in counted) or "false"
    found = [need for need in job.needs if need.job in scope.outcomes]
    return " && ".join(_among(status(scope, need.job), _fine(need, scope.outcomes[need.job])) for need in found)


def _fine(need: Need, needed: Job) -> tuple[str, ...]:
    more = (*(FAILED if needed.allow_failure else ()), *(LEFT_OUT if need.optional else ()))
    return ("Succeeded", *more)


def _among(subject: str, phases: tuple[str, ...]) -> str:
    if len(phases) == 1:
        return f"{subject} == {spelling.literal(phases[0])}"
    return f"{subject} in [{', '.join(map(spelling.literal, phases))}]"


def _key(scope: Scope, number: int) -> str:
    return f"{scope.run}/outcomes/{number + 1}"


def telling(scope: Scope, names: Sequence[str], number: int, depends: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The task and the template that write down how a part's jobs ended."""
    name = scope.names.add("told")
    tasks = [scope.names.jobs[one] for one in names]
    value = "\n".join(f"{task}={{{{tasks.{task}.status}}}}" for task in tasks)
    env = [{"name": "HEADRACE_OUTCOMES", "value": "{{inputs.parameters.outcomes}}"}]
    lines = [f"mkdir -p {FOLDER}", f"printf '%s\\n' \"$HEADRACE_OUTCOMES\" > {FOLDER}/told"]
    task = {
        "name": name,
        "template": name,
        "depends": depends,
        "arguments": {"parameters": [{"name": "outcomes", "value": value}]},
    }
    template = {
        "name": name,
        "inputs": {"parameters": [{"name": "outcomes"}]},
        "activeDeadlineSeconds": SECONDS,
        "script": jobs.script(scope.pinned(HELPER), lines, env, folder="/tmp"),
        "outputs": {
            "artifacts": [
                {
                    "name": "told",
                    "path": f"{FOLDER}/told",
                    "archive": {"none": {}},
                    **artifacts.key(_key(scope, number)),
                }
            ]
        },
    }
    return task, template


def asking(scope: Scope, numbers: Sequence[int]) -> dict[str, Any]:
    """The template that reads what other parts wrote down."""
    tasks = [scope.names.jobs[name] for name in scope.outcomes]
    lines = [
        f"mkdir -p {FOLDER}/each",
        f"for name in {' '.join(tasks)}; do printf Omitted > {FOLDER}/each/$name; done",
        f"for file in {FOLDER}/told-*; do",
        '  if [ -f "$file" ]; then',
        f'    while IFS== read -r name status; do printf %s "$status" > {FOLDER}/each/$name; done < "$file"',
        "  fi",
        "done",
    ]
    return {
        "name": scope.names.add("outcomes"),
        "inputs": {
            "artifacts": [
                {
                    "name": f"told-{number + 1}",
                    "path": f"{FOLDER}/told-{number + 1}",
                    "optional": True,
                    "archive": {"none": {}},
                    **artifacts.key(_key(scope, number)),
                }
                for number in numbers
            ]
        },
        "activeDeadlineSeconds": SECONDS,
        "script": jobs.script(scope.pinned(HELPER), lines, [], folder="/tmp"),
        "outputs": {"parameters": [{"name": task, "valueFrom": {"path": f"{FOLDER}/each/{task}"}} for task in tasks]},
    }
