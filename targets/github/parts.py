"""A pipeline as workflow files: one, or, where that is too large, one that calls its parts.

A part is a reusable workflow. It hears through its inputs of the values that the run was started with, and of what the
jobs of earlier parts came to; artifacts belong to the run, so all parts share them.
https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
"""

from __future__ import annotations

from compiler import codes as core
from compiler.ir import Call, Job
from compiler.pattern import Pattern
from compiler.yamlwriter import Block, Formed, PlainKey
from targets import runtime
from targets.commands import script_variable, variable
from targets.github import conditions, expressions, jobs, steps, triggers
from targets.github.limits import LIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from compiler.ir import Pipeline
    from targets.github.workflow import Workflow

HEAD_BYTES = 20_000  # kept for what is not a job
_DEPTH = " " * 4  # before a job's keys
SHELL = {"run": {"shell": "sh -eu {0}"}}
_SECRET = Pattern(r"secrets\.([A-Za-z_][A-Za-z0-9_]*)")
_RANK = {"none": 0, "read": 1, "write": 2}


class Callee:
    """What a caller must know of a workflow: what it may ask the token for, which secrets it reads, and which it calls, with those
    that they call, over how many levels."""

    __slots__ = ("file", "levels", "rights", "secrets", "workflows")

    def __init__(
        self, file: str, rights: dict[str, Any], secrets: list[str], workflows: set[str], levels: int = 1
    ) -> None:
        self.file = file
        self.rights = rights
        self.secrets = secrets
        self.workflows = workflows
        self.levels = levels


def emit(
    workflow: Workflow, callees: dict[str, Callee], after: Iterable[Pipeline]
) -> tuple[list[tuple[str, dict[str, Any]]], Callee]:
    """The workflow's files, by stem, the one that starts first; and what its callers must know."""
    order = jobs.Order(workflow)
    made = {job.name: _filled(jobs.emit(workflow, order, job), job, callees) for job in workflow.jobs}
    measures = {name: Measure(job) for name, job in made.items()}
    called = [callees[job.action.pipeline] for job in workflow.jobs if isinstance(job.action, Call)]
    follow = _follow(workflow, callees, after)
    if sum(measure.size for measure in measures.values()) <= _room(workflow):
        body = {workflow.ids[name]: job for name, job in made.items()}
        decide = _decide(workflow)
        everything = {**({workflow.decide_id: decide} if decide else {}), **body, **follow}
        secrets = secrets_in([decide, [made[name] for name in made if measures[name].names_secrets], follow])
        files = [(workflow.file, _document(workflow, everything))]
        parts: list[Callee] = []
    else:
        files, parts, everything = _split(workflow, order, made, measures, callees, follow)
        secrets = secrets_in(everything)
    below = (*called, *parts, *(callees[pipeline.name] for pipeline in after))
    workflows = {file for one in below for file in (one.file, *one.workflows)}
    through = 1 + max((one.levels for one in called), default=0) if parts else 0  # a part may hold a call
    levels = 1 + max([through, *(one.levels for one in below)])
    if levels > LIMITS["levels of reusable workflows"]:
        message = f'"{workflow.pipeline.name}" calls workflows over {levels} levels, GitHub connects '
        message += str(LIMITS["levels of reusable workflows"])
        workflow.sink.report(core.LIMIT, message, workflow.pipeline.origin, help="let fewer pipelines call one another")
    most = LIMITS["reusable workflows of a run"]
    if len(workflows) > most:
        workflow.sink.report(
            core.LIMIT,
            f'"{workflow.pipeline.name}" becomes {len(workflows)} workflows that one run calls, GitHub takes {most}',
            workflow.pipeline.origin,
            help="make several pipelines of it, or fewer jobs with a matrix",
        )
    _declare_secrets(files[0][1], secrets)
    return files, Callee(workflow.file, union(everything.values()), secrets, workflows, levels)


def _declare_secrets(document: dict[str, Any], secrets: list[str]) -> None:
    call = document[_ON].get("workflow_call")
    if call is not None and secrets:
        call["secrets"] = {name: {"required": False} for name in secrets}


_ON = PlainKey("on")


def _document(workflow: Workflow, body: dict[str, Any]) -> dict[str, Any]:
    found: dict[Any, Any] = {"name": expressions.written(workflow.pipeline.name), _ON: triggers.on(workflow)}
    found |= {"permissions": {}, "concurrency": triggers.concurrency(workflow), "defaults": SHELL, "jobs": body}
    return _with_scripts(workflow, found)


def _with_scripts(workflow: Workflow, document: dict[str, Any]) -> dict[str, Any]:
    """The support scripts stand once, behind everything that people read."""
    if workflow.scripts:
        document["env"] = {script_variable(name): runtime.compact(name) for name in workflow.scripts}
    return document


def _parameter_variable(name: str) -> str:
    from compiler.ir import Ref

    return variable(Ref(kind="parameters", name=name))


# ---------------------------------------------------------------------------------------------------- calls and permissions


def _filled(made: dict[str, Any], job: Job, callees: dict[str, Callee]) -> dict[str, Any]:
    """A call with the file, the rights and the secrets of what it calls."""
    if isinstance(job.action, Call):
        _fill(made, callees[job.action.pipeline])
    return made


def _fill(made: dict[str, Any], callee: Callee) -> None:
    values = made.pop("with", None)
    made["uses"] = f"./.github/workflows/{callee.file}.yml"
    if callee.rights:
        made["permissions"] = callee.rights
    if values:
        made["with"] = values
    if callee.secrets:
        made["secrets"] = {name: expressions.hole(f"secrets.{name}") for name in callee.secrets}


def _follow(workflow: Workflow, callees: dict[str, Callee], after: Iterable[Pipeline]) -> dict[str, Any]:
    """The pipelines that run after this one: calls that need all of its jobs, in the same run and at the same commit.

    The trigger `workflow_run` would run with the default branch's rights on whatever started the first workflow.
    """
    found: dict[str, Any] = {}
    for pipeline in after:
        last = _last(workflow)
        name = f"then-{callees[pipeline.name].file}"
        test = "!cancelled() && !contains(needs.*.result, 'failure') && !contains(needs.*.result, 'cancelled')"
        if workflow.change_requests:
            test += f" && {expressions.NOT_ON_CHANGE_REQUEST}"
        call: dict[str, Any] = {
            "name": expressions.written(pipeline.name),
            "if": expressions.condition(test),
            "needs": last,
        }
        values = {expressions.CALL_EVENT: "pipeline", expressions.CALL_SCOPE: f"{workflow.scope()}{name}."}
        call["with"] = values
        _fill(call, callees[pipeline.name])
        place = pipeline.origin.path if pipeline.origin is not None else ""
        manifest = workflow.project.manifest
        found[name] = Block(call, comment=f"{manifest}: {place}" if place else manifest)
    return found


def _last(workflow: Workflow) -> list[str]:
    return [workflow.ids[job.name] for job in workflow.jobs]


def union(made: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The most that any job may do: what a caller must grant."""
    found: dict[str, Any] = {}
    rights = {id(job["permissions"]): job["permissions"] for job in made if "permissions" in job}  # many share them
    for one in rights.values():
        for scope, access in one.items():
            if _RANK[str(access)] > _RANK[str(found.get(scope, "none"))]:
                found[scope] = access
    return found


def secrets_in(data: Any) -> list[str]:
    """The names of the secrets that expressions read, in order; the token is always there."""
    found: dict[str, None] = {}
    stack = [data]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, str) and "${{" in item and "secrets." in item:
            found.update(dict.fromkeys(_SECRET.findall(item)))
    return [name for name in found if name != "GITHUB_TOKEN"]


# ------------------------------------------------------------------------------------------------------------- decisions


def _decide(workflow: Workflow) -> dict[str, Any] | None:
    """The job that answers the conditions which expressions can't test."""
    if not workflow.decided:
        return None
    text = conditions.decisions(workflow.decided)
    needs_git = conditions.asks_git(workflow.decided)
    env = {
        "HEADRACE_DECIDE": runtime.compact("decide"),
        "HEADRACE_CONDITIONS": expressions.written(text),
        "HEADRACE_EVENT": expressions.hole(expressions.event(workflow.called)),
        "HEADRACE_GIT_BRANCH": expressions.hole(expressions.GIT["branch"]),
        "HEADRACE_GIT_TAG": expressions.hole(expressions.GIT["tag"]),
    }
    if needs_git:
        env["HEADRACE_BASE"] = expressions.hole("github.event.pull_request.base.sha || github.event.before")
        env["HEADRACE_HEAD"] = expressions.hole("github.event.pull_request.head.sha || github.sha")
    subjects = {node.subject for one in workflow.decided.values() for node in conditions.subjects(one)}
    for name in workflow.parameters:
        if f"parameters.{name}" in subjects:
            env[_parameter_variable(name)] = expressions.hole(workflow.top_values[name])
    plain = Job(name=workflow.decide_id)
    runner = workflow.runner(plain)
    runs_on = workflow.runs_on(plain, runner)
    found: dict[str, Any] = {"name": workflow.decide_id}
    if workflow.change_requests and workflow.is_self_hosted(runner, runs_on):
        found["if"] = expressions.NOT_FROM_FORK
    found |= {"runs-on": runs_on, "timeout-minutes": 10}
    if needs_git:
        found["permissions"] = {"contents": "read"}
    found["outputs"] = {name: expressions.hole(f"steps.decide.outputs.{name}") for name in workflow.decided}
    history = [steps.checkout(**{"fetch-depth": 0, "filter": "blob:none"})] if needs_git else []
    run = 'HEADRACE_OUTPUT="$GITHUB_OUTPUT" python3 -I -c "$HEADRACE_DECIDE"'
    found["steps"] = [*history, {"id": "decide", "env": env, "run": run}]
    return found


# ---------------------------------------------------------------------------------------------------------------- splitting


class Measure:
    """What a look at a job's data shows: its size as text, and whether it could read a secret."""

    __slots__ = ("names_secrets", "size")

    def __init__(self, made: dict[str, Any]) -> None:
        text = made.text(_DEPTH) if isinstance(made, Formed) else ""
        self.size = len(text.encode("utf-8", "surrogatepass")) + _beside(made)
        if not text:
            text = repr(made)
            self.size = _size(text, made)
        self.names_secrets = "secrets." in text


def size(made: Any) -> int:
    """How many bytes a job becomes at most, and hardly fewer: writing them all to count them would cost twice.

    A test holds it to what is written. Against Python's own text YAML has an indent before each key and each line.
    """
    return _size(repr(made), made)


def _size(text: str, made: Any) -> int:
    length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    indents = 10 * text.count("\\n") + 3 * text.count("': ")
    return (length + indents) * 23 // 20 + _beside(made)


def _beside(made: Any) -> int:
    """What a job's id and comment take, beside its entries."""
    return len(getattr(made, "comment", "")) + 60


def _room(workflow: Workflow) -> int:
    """What a file holds beside its head, its inputs and outputs, and the support scripts."""
    return LIMITS["workflow file bytes"] - HEAD_BYTES - sum(size(runtime.compact(name)) for name in workflow.scripts)


def _split(
    workflow: Workflow,
    order: jobs.Order,
    made: dict[str, dict[str, Any]],
    measures: dict[str, Measure],
    callees: dict[str, Callee],
    follow: dict[str, Any],
) -> tuple[list[tuple[str, dict[str, Any]]], list[Callee], dict[str, Any]]:
    """The top workflow, which starts and calls, and its parts."""
    room = _room(workflow)
    largest = max(measures, key=lambda name: measures[name].size)
    if measures[largest].size > room:
        job = workflow.by_name[largest]
        own = measures[largest].size
        message = (
            f'"{job.name}" alone makes {own} bytes, a workflow file on GitHub holds {LIMITS["workflow file bytes"]}'
        )
        workflow.sink.report(core.LIMIT, message, job.origin)
        return [(workflow.file, _document(workflow, follow))], [], follow
    bodies, earlier = _bodies(workflow, order, made, measures, callees)
    workflow.sink.report(
        core.SPLIT,
        f'"{workflow.pipeline.name}" is too large for one workflow file on GitHub: {len(bodies)} parts run in their order',
        workflow.pipeline.origin,
        notes=("a part starts when the parts that it needs something of have ended",),
    )
    exports = _exports(workflow)
    files, parts = [], []
    for number, body in enumerate(bodies, 1):
        stem = f"{workflow.file}-{number}"
        document = _part(workflow, number, body.jobs, exports.get(number, {}))
        part = Callee(stem, union(body.jobs.values()), secrets_in(body.with_secrets), set())
        _declare_secrets(document, part.secrets)
        files.append((stem, document))
        parts.append(part)
    decide = _decide(workflow)
    top: dict[str, Any] = {workflow.decide_id: decide} if decide else {}
    for number, part in enumerate(parts, 1):
        before = [place + 1 for place in earlier[number - 1]]
        top[f"part-{number}"] = _part_call(workflow, number, part, before, decide is not None)
    for call in follow.values():
        call["needs"] = [f"part-{number}" for number in range(1, len(parts) + 1)]
    return [(workflow.file, _document(workflow, top | follow)), *files], parts, top | follow


class _Body:
    """The jobs of a part by id, those of them that could read a secret, and at most how many bytes they are."""

    __slots__ = ("bytes", "jobs", "with_secrets")

    def __init__(self) -> None:
        self.jobs: dict[str, Any] = {}
        self.with_secrets: list[Any] = []
        self.bytes = 100

    def add(self, id_: str, job: dict[str, Any], measure: Measure) -> None:
        self.jobs[id_] = job
        self.bytes += measure.size + 2 * len(id_)  # no less than `size` of all of them
        if measure.names_secrets:
            self.with_secrets.append(job)


def _bodies(
    workflow: Workflow,
    order: jobs.Order,
    made: dict[str, dict[str, Any]],
    measures: dict[str, Measure],
    callees: dict[str, Callee],
) -> tuple[list[_Body], list[list[int]]]:
    """The parts, and the numbers of the earlier parts that each needs.

    Where a need lies in another part it becomes a longer `if`, and an output there. Few do, as a rule; where many do
    the parts are cut again, smaller.
    """
    from targets import partition

    needs = {job.name: [need.job for need in job.needs] for job in workflow.jobs}
    room = _room(workflow)
    bodies: list[_Body] = []
    groups: list[list[str]] = []
    for share in (40, 400):
        weight = {name: min(room, one.size + share * len(needs[name])) for name, one in measures.items()}
        groups = partition.split(workflow.order, needs, weight, room)
        workflow.place(groups)
        moved = {job.name for job in workflow.jobs if _reads_elsewhere(workflow, job, made[job.name])}
        bodies = [_Body() for _ in groups]
        for job in workflow.jobs:
            one, measure = made[job.name], measures[job.name]
            if job.name in moved:
                one = _filled(jobs.emit(workflow, order, job), job, callees)
                measure = Measure(one)
            bodies[workflow.part_of[job.name] - 1].add(workflow.ids[job.name], one, measure)
        outputs = _exports(workflow)
        if all(_fits(body, room - size(outputs.get(at, {}))) for at, body in enumerate(bodies, 1)):
            break
    else:
        message = f'"{workflow.pipeline.name}" has jobs with too many needs to be cut into files of {LIMITS["workflow file bytes"]} bytes'
        workflow.sink.report(core.LIMIT, message, workflow.pipeline.origin)
    return bodies, partition.parts_needed(groups, needs)


def _fits(body: _Body, room: int) -> bool:
    return body.bytes <= room or size(body.jobs) <= room


def _reads_elsewhere(workflow: Workflow, job: Job, made: dict[str, Any]) -> bool:
    """Whether the job asks for a parameter, for something of another part or of the decide job: it is written again."""
    if job.name in workflow.across or (workflow.parameters and "inputs." in repr(made)):
        return True
    return "if" in made and f"needs.{workflow.decide_id}." in made["if"]


def _exports(workflow: Workflow) -> dict[int, dict[str, str]]:
    """What later parts ask of each part: results, and the references of images."""
    found: dict[int, dict[str, str]] = {}
    builders = set(workflow.builders.values())
    for needed in workflow.across.values():
        for need in needed:
            name = workflow.ids[need]
            outputs = found.setdefault(workflow.part_of[need], {})
            outputs[name] = expressions.hole(f"jobs.{name}.result")
            if need in builders:
                outputs[f"{name}_image"] = expressions.hole(f"jobs.{name}.outputs.image")
    return found


def _part(workflow: Workflow, number: int, body: dict[str, Any], exports: dict[str, str]) -> dict[str, Any]:
    inputs = triggers.call_inputs(workflow)
    inputs[expressions.CALL_EVENT] = {"type": "string", "default": ""}
    inputs[expressions.CALL_NEEDS] = {"type": "string", "default": "{}"}
    call: dict[str, Any] = {"inputs": inputs}
    if exports:
        call["outputs"] = {name: {"value": value} for name, value in exports.items()}
    title = f"{workflow.pipeline.name} {number}"
    found: dict[Any, Any] = {"name": expressions.written(title), _ON: {"workflow_call": call}}
    found |= {"permissions": {}, "defaults": SHELL, "jobs": body}
    return _with_scripts(workflow, found)


def _part_call(workflow: Workflow, number: int, part: Callee, before: list[int], decides: bool) -> dict[str, Any]:
    """A call of a part: it starts whatever came of earlier jobs, since its own jobs decide for themselves."""
    needs = [*([workflow.decide_id] if decides else []), *(f"part-{one}" for one in before)]
    found: dict[str, Any] = {"name": f"part {number}"}
    if needs:
        found["if"] = expressions.hole("!cancelled()")
        found["needs"] = needs
    told = [f'"decide": {expressions.hole(f"toJSON(needs.{workflow.decide_id}.outputs)")}'] if decides else []
    told += [f'"part-{one}": {expressions.hole(f"toJSON(needs.part-{one}.outputs)")}' for one in before]
    values = {
        expressions.input_name(parameter): expressions.hole(f"format('{{0}}', {value})")
        for parameter, value in workflow.top_values.items()
    }
    values[expressions.CALL_EVENT] = expressions.hole(f"inputs.{expressions.CALL_EVENT}") if workflow.called else ""
    values[expressions.CALL_SCOPE] = workflow.scope()
    if told:
        values[expressions.CALL_NEEDS] = "{" + ", ".join(told) + "}"
    found["with"] = {key: value for key, value in values.items() if value != ""}
    _fill(found, part)
    return found
