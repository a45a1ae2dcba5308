"""What starts a workflow, with which inputs, and which runs give way to others.

https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
"""

from __future__ import annotations

from compiler import codes as core
from compiler.ir import (
    NOTHING,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPush,
    OnSchedule,
    Ref,
)
from targets.github import codes, expressions
from targets.github.limits import LIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Parameter
    from targets.github.workflow import Workflow

SHORTEST_INTERVAL_MINUTES = 5
DEFAULT_BRANCH = "main"
ALL_TAGS = "**"
_SPECIAL = frozenset("+[]!\\")  # of filter patterns, besides * ** ?


def on(workflow: Workflow) -> dict[str, Any]:
    """`on:`, in the order in which people look for them."""
    found: dict[str, Any] = {}
    triggers = workflow.pipeline.triggers
    for trigger in triggers:
        if isinstance(trigger, OnPush):
            push = _push(workflow, trigger)
            if push is not None:
                found["push"] = push
        elif isinstance(trigger, OnChangeRequest):
            found["pull_request"] = _change_request(workflow, trigger)
    if workflow.schedules:
        found["schedule"] = _schedules(workflow)
    if any(isinstance(trigger, OnManual) for trigger in triggers):
        found["workflow_dispatch"] = _manual(workflow)
    if workflow.called or any(isinstance(trigger, OnCall) for trigger in triggers):
        found["workflow_call"] = {"inputs": call_inputs(workflow)}
    _check_double(workflow)
    return found


def _push(workflow: Workflow, trigger: OnPush) -> dict[str, Any] | None:
    """Branches and tags of a push; nothing said is the default branch and all tags, written empty is none."""
    branches = list(trigger.branches)
    if trigger.branches is NOTHING:
        branches = [default_branch(workflow)]
    tags = [ALL_TAGS] if trigger.tags is NOTHING else list(trigger.tags)
    push: dict[str, Any] = {}
    if branches:
        push["branches"] = [_filter(workflow, glob, trigger, "branches") for glob in branches]
    if tags:
        push["tags"] = [_filter(workflow, glob, trigger, "tags") for glob in tags]
    if not push:
        return None
    if trigger.paths:
        push["paths"] = [_filter(workflow, glob, trigger, "paths") for glob in trigger.paths]
    return push


def default_branch(workflow: Workflow) -> str:
    """The name of the default branch, which filters of `on:` can't ask GitHub for."""
    given = workflow.options.get("default_branch")
    if isinstance(given, str) and given:
        return given
    workflow.sink.report(
        core.ACTION_NEEDED,
        f'GitHub Actions: pushes to the default branch start runs, and it is taken to be "{DEFAULT_BRANCH}"',
        workflow.settings.origin,
        help="say targets.github.default_branch where it has another name",
    )
    return DEFAULT_BRANCH


def _change_request(workflow: Workflow, trigger: OnChangeRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if trigger.branches:
        found["branches"] = [_filter(workflow, glob, trigger, "branches") for glob in trigger.branches]
    if trigger.paths:
        found["paths"] = [_filter(workflow, glob, trigger, "paths") for glob in trigger.paths]
    return found


def _filter(workflow: Workflow, glob: str, trigger: OnPush | OnChangeRequest, field: str) -> str:
    """A glob as a filter pattern: `*` and `**` are the same there, `?` is not.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
    """
    if "?" in glob:
        message = f'"{glob}" can\'t be a filter on GitHub, where "?" makes what stands before it optional'
        at = trigger.origin or workflow.pipeline.origin
        workflow.sink.report(codes.BAD_GLOB, message, at, field=f"{field}[{glob}]")
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in glob)


def _check_double(workflow: Workflow) -> None:
    """GitHub can't tell in a push whether its branch has an open change request."""
    triggers = workflow.pipeline.triggers
    if not any(isinstance(trigger, OnChangeRequest) for trigger in triggers):
        return
    for trigger in triggers:
        if isinstance(trigger, OnPush) and trigger.branches:
            branches = [branch for branch in trigger.branches if branch != workflow.options.get("default_branch")]
            if branches and branches != [DEFAULT_BRANCH]:
                workflow.sink.report(
                    codes.DOUBLE_RUN,
                    f'GitHub Actions: a push to a branch such as "{branches[0]}" that has an open change request '
                    "starts two runs",
                    trigger.origin or workflow.pipeline.origin,
                    help="without `branches` pushes run on the default branch and change requests elsewhere",
                )


def _schedules(workflow: Workflow) -> list[dict[str, Any]]:
    seen: dict[str, OnSchedule] = {}
    found = []
    for schedule in workflow.schedules:
        other = seen.setdefault(schedule.cron, schedule)
        if other is not schedule and other.parameters != schedule.parameters:
            message = (
                f'two schedules "{schedule.cron}" with different parameters: GitHub tells a run only its cron line'
            )
            workflow.sink.report(
                codes.AMBIGUOUS_SCHEDULE,
                message,
                schedule.origin or workflow.pipeline.origin,
                help="let them differ by a minute",
            )
        _check_density(workflow, schedule)
        entry = {"cron": schedule.cron}
        if schedule.timezone and schedule.timezone.upper() not in ("UTC", "ETC/UTC"):
            entry["timezone"] = schedule.timezone
        if entry not in found:
            found.append(entry)
    return found


def _check_density(workflow: Workflow, schedule: OnSchedule) -> None:
    from compiler.cron import parse, shortest_interval_minutes

    minutes = shortest_interval_minutes(parse(schedule.cron))
    if minutes is not None and minutes < SHORTEST_INTERVAL_MINUTES:
        workflow.sink.report(
            codes.SCHEDULE_TOO_DENSE,
            f'"{schedule.cron}" asks for a run every {minutes} minutes, GitHub starts one every '
            f"{SHORTEST_INTERVAL_MINUTES} at most",
            schedule.origin or workflow.pipeline.origin,
        )


def _manual(workflow: Workflow) -> dict[str, Any]:
    parameters = workflow.pipeline.parameters
    if len(parameters) > LIMITS["inputs of a run by hand"]:
        workflow.sink.report(
            core.PARAMETER_LIMIT,
            f'"{workflow.pipeline.name}" has {len(parameters)} parameters, a run by hand on GitHub takes {LIMITS["inputs of a run by hand"]}',
            parameters[LIMITS["inputs of a run by hand"]].origin or workflow.pipeline.origin,
            help="leave `manual` out of the pipeline's `on`, or give several values one parameter",
        )
    for parameter in parameters:
        _check_input(parameter, workflow.sink)
    inputs = {expressions.input_name(parameter.name): _manual_input(parameter) for parameter in parameters}
    return {"inputs": inputs} if inputs else {}


def _check_input(parameter: Parameter, sink: Sink) -> None:
    """GitHub takes no expression in the inputs of a run by hand, so there is no way to write these three characters."""
    if any("${{" in text for text in (parameter.default or "", *parameter.choices)):
        message = f'the parameter "{parameter.name}" has "${{{{" in a value, which GitHub refuses in the inputs of a run by hand'
        sink.report(codes.EXPRESSION_IN_INPUT, message, parameter.origin)


def _described(text: str) -> str:
    """Help for people; GitHub takes no expression there."""
    return text.replace("${{", "$ {{")


def _manual_input(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if parameter.help:
        found["description"] = _described(parameter.help)
    default: Any = parameter.default
    if parameter.type == "choice":
        found.update(type="choice", options=[expressions.written(choice) for choice in parameter.choices])
        if default is not None:
            default = expressions.written(default)
    elif parameter.type == "bool":
        found["type"] = "boolean"
        default = None if default is None else default == "true"
    elif expressions.takes_number(parameter):
        found["type"] = "number"
        default = None if default is None else expressions.number(default)
    else:
        found["type"] = "string"
        default = None if default is None else expressions.written(default)
    if parameter.required and default is None:
        found["required"] = True
    if default is not None:
        found["default"] = default
    return found


def call_inputs(workflow: Workflow) -> dict[str, Any]:
    """The inputs of a call. All are text, so that every value arrives as it was given."""
    found: dict[str, Any] = {
        expressions.input_name(parameter.name): _call_input(parameter) for parameter in workflow.pipeline.parameters
    }
    found[expressions.CALL_EVENT] = {"type": "string", "default": "call"}
    found[expressions.CALL_SCOPE] = {"type": "string", "default": ""}
    return found


def _call_input(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if parameter.help:
        found["description"] = _described(parameter.help)
    found["type"] = "string"
    if parameter.required and parameter.default is None:
        found["required"] = True
    else:
        found["default"] = expressions.written(parameter.default or "")
    return found


def concurrency(workflow: Workflow) -> dict[str, Any]:
    """Superseded runs of a change request are cancelled, all others run to their end unless the manifest says more.

    A run that is not to give way is in a group of its own: of several that wait in one group GitHub keeps the last.
    https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
    """
    asked = workflow.pipeline.concurrency
    own = expressions.hole("github.run_id")
    name = expressions.written(workflow.pipeline.name)
    if workflow.called:
        name += f"-{workflow.scope()}"
    if asked is not None and asked.group is not None:
        group = expressions.text(asked.group, lambda ref: _group_value(workflow, ref))
        if asked.cancel:
            return {"group": group, "cancel-in-progress": True}
        return {"group": group, "queue": "max"}
    if asked is not None and asked.cancel is False:
        return {"group": f"{name}-{own}", "cancel-in-progress": False}
    if asked is not None and asked.cancel:
        return {"group": f"{name}-{expressions.hole('github.ref')}", "cancel-in-progress": True}
    alone = expressions.hole(f"{expressions.ON_CHANGE_REQUEST} && github.ref || github.run_id")
    return {"group": f"{name}-{alone}", "cancel-in-progress": expressions.hole(expressions.ON_CHANGE_REQUEST)}


def _group_value(workflow: Workflow, ref: Ref) -> str:
    """What a hole is at the head of a workflow, where no job and no step is known."""
    known = {"parameters": workflow.top_values, "run": expressions.RUN, "git": expressions.GIT}
    if ref.kind == "run" and ref.name == "url":
        return expressions.RUN_URL
    if ref.kind == "git" and ref.name == "event":
        return expressions.event(workflow.called)
    if ref.kind == "project" and ref.name == "name":
        return expressions.literal(workflow.project.name)
    value = known.get(ref.kind, {}).get(ref.name)
    if value is None or value.startswith("steps."):
        message = f'"{ref.kind}.{ref.name}" is not known where a concurrency group is named'
        workflow.sink.report(codes.NO_HOLE, message, workflow.pipeline.origin)
        return "''"
    return value
