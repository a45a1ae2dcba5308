"""What starts a pipeline: `workflow:rules`, the header's inputs, schedules.

https://docs.gitlab.com/ci/yaml/workflow/
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import (
    NOTHING,
    Compare,
    Node,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPush,
    OnSchedule,
    Parameter,
    Pipeline,
    Project,
)
from targets.gitlab.conditions import Dialect, all_of, any_of, glob_test, literal, path_patterns
from targets.gitlab.limits import LIMITS
from targets.gitlab.values import escaped, given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink

MANUAL = "$CI_PIPELINE_SOURCE =~ /^(api|chat|trigger|web)$/"
CHOICE = "headrace_pipeline"  # the input that says which of several pipelines runs by hand
FORKS = "a fork's merge request runs in the fork, without this project's secrets and runners"
INTEGER = "[+-]?[0-9]+"
DECIMAL = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"


class Clause(Node):
    """One way in which a pipeline starts: the rule's test, and the values that hold then."""

    event: str
    expression: tuple[str, int]
    changes: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()


def clauses(pipeline: Pipeline, project: Project) -> list[Clause]:
    """Every way in which a pipeline of the main file starts."""
    several = sum(1 for other in project.pipelines if _has(other, OnManual)) > 1
    names = iter(schedule_names(pipeline))
    found: list[Clause] = []
    for trigger in pipeline.triggers:
        if isinstance(trigger, OnPush):
            found.extend(_push(trigger, pipeline))
        elif isinstance(trigger, OnChangeRequest):
            found.append(_change_request(trigger))
        elif isinstance(trigger, OnSchedule):
            test = f"$HEADRACE_SCHEDULE == {literal(next(names))}"
            both = all_of(('$CI_PIPELINE_SOURCE == "schedule"', 2), (test, 2))
            found.append(Clause(event="schedule", expression=both, values=trigger.parameters))
        elif isinstance(trigger, OnManual):
            chosen = [(f"$HEADRACE_PIPELINE == {literal(pipeline.name)}", 2)] if several else []
            found.append(Clause(event="manual", expression=all_of((MANUAL, 2), *chosen)))
        elif isinstance(trigger, OnCall):
            found.append(Clause(event="call", expression=('$CI_PIPELINE_SOURCE == "pipeline"', 2)))
    return found


def _has(pipeline: Pipeline, kind: type[Node]) -> bool:
    return any(isinstance(trigger, kind) for trigger in pipeline.triggers)


def _push(trigger: OnPush, pipeline: Pipeline) -> list[Clause]:
    refs = []
    if trigger.branches is NOTHING:
        refs.append(("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", 2))
    elif trigger.branches:
        refs.append(_branches(trigger.branches, pipeline))
    if trigger.tags is NOTHING:
        refs.append(("$CI_COMMIT_TAG", 2))
    elif trigger.tags:
        refs.append(glob_test("$CI_COMMIT_TAG", trigger.tags))
    if not refs:
        return []
    expression = all_of(('$CI_PIPELINE_SOURCE == "push"', 2), any_of(*refs))
    return [Clause(event="push", expression=expression, changes=path_patterns(trigger.paths))]


def _branches(globs: tuple[str, ...], pipeline: Pipeline) -> tuple[str, int]:
    """Branches by glob; one with an open merge request has that one's pipelines instead.

    Where only some target branches have pipelines for merge requests, GitLab can't tell at a push whether there will
    be one: a second run is better than none. https://docs.gitlab.com/ci/yaml/workflow/
    """
    test = glob_test("$CI_COMMIT_BRANCH", globs)
    requests = [trigger for trigger in pipeline.triggers if isinstance(trigger, OnChangeRequest)]
    if not requests or all(request.branches for request in requests):
        return test
    alone = any_of(("$CI_OPEN_MERGE_REQUESTS == null", 2), ("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", 2))
    return all_of(test, alone)


def _change_request(trigger: OnChangeRequest) -> Clause:
    tests = [('$CI_PIPELINE_SOURCE == "merge_request_event"', 2)]
    if trigger.branches:
        tests.append(glob_test("$CI_MERGE_REQUEST_TARGET_BRANCH_NAME", trigger.branches))
    return Clause(event="change_request", expression=all_of(*tests), changes=path_patterns(trigger.paths))


def schedule_names(pipeline: Pipeline) -> list[str]:
    """The value of HEADRACE_SCHEDULE that selects each schedule of a pipeline."""
    count = sum(1 for trigger in pipeline.triggers if isinstance(trigger, OnSchedule))
    return [pipeline.name] if count == 1 else [f"{pipeline.name}-{number}" for number in range(1, count + 1)]


def note_schedules(project: Project, sink: Sink) -> None:
    """GitLab keeps schedules outside of the file: say which ones must be there."""
    for pipeline in project.pipelines:
        names = iter(schedule_names(pipeline))
        for trigger in pipeline.triggers:
            if not isinstance(trigger, OnSchedule):
                continue
            name = next(names)
            zone = trigger.timezone or "UTC"
            sink.report(
                codes.ACTION_NEEDED,
                f'GitLab needs a pipeline schedule "{trigger.cron}" in time zone "{zone}" '
                f'with the variable HEADRACE_SCHEDULE = "{name}"',
                trigger.origin or pipeline.origin,
                help="create it under Build > Pipeline schedules",
            )


def start_rules(found: list[tuple[Pipeline, Clause]], *, events_needed: bool, caches: bool) -> list[dict[str, Any]]:
    """The rules of `workflow`, each once."""
    rules: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for pipeline, clause in found:
        rule = rules.setdefault((clause.expression[0], clause.changes), {})
        if not rule:
            rule["if"] = clause.expression[0]
            if clause.changes:
                rule["changes"] = list(clause.changes)
        if clause.event == "change_request" and _cancels(pipeline, change_request=True):
            rule["auto_cancel"] = {"on_new_commit": "interruptible"}
        values = _values(clause)
        if events_needed:
            values["HEADRACE_GIT_EVENT"] = clause.event
        if caches and clause.event == "change_request":
            values["HEADRACE_CACHE_POLICY"] = "pull"
        if values:
            rule["variables"] = {**rule.get("variables", {}), **values}
    return list(rules.values())


def child_rules(dialect: Dialect, *, events_needed: bool, caches: bool) -> list[dict[str, Any]]:
    """The rules of a child pipeline: it always runs. (Without any, its jobs would be left out of merge requests.)"""
    rules: list[dict[str, Any]] = []
    # The first rule that fits counts, so what a change request's run calls must come after that event.
    for event in sorted(dialect.events, key="change_request".__ne__):
        values: dict[str, Any] = {"HEADRACE_GIT_EVENT": event} if events_needed else {}
        if caches and event == "change_request":
            values["HEADRACE_CACHE_POLICY"] = "pull"
        if values:
            test = Compare(subject="event", operator="==", values=(event,))
            rules.append({"if": dialect.expression(test), "variables": values})
    return [*rules, {"when": "always"}]


def _values(clause: Clause) -> dict[str, str]:
    """A schedule's own parameters. Values of rules are expanded, so what looks like a variable is escaped."""
    return {parameter_variable(name): escaped(value) for name, value in clause.values}


def cancels(pipeline: Pipeline) -> bool:
    """Whether a new commit cancels every superseded run of its branch."""
    return pipeline.concurrency is not None and bool(pipeline.concurrency.cancel)


def _cancels(pipeline: Pipeline, *, change_request: bool) -> bool:
    if pipeline.concurrency is None or pipeline.concurrency.cancel is None:
        return change_request
    return pipeline.concurrency.cancel


# ------------------------------------------------------------------------------------------------------------ parameters


def parameter_variable(name: str) -> str:
    return "HEADRACE_PARAM_" + "".join(c if c.isalnum() and c.isascii() else "_" for c in name).upper()


def input_name(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)


def input_spec(parameter: Parameter) -> dict[str, Any]:
    """A parameter as an input of the header.

    Every input is text with a pattern or options: GitLab puts a `number` or `boolean` into a variable's value as such,
    where it takes text and integers alone; and text arrives as it was typed (1e-3, 0.10). Every input has a default:
    GitLab reads the header before any rule, so that a push would fail for want of what only a person gives. The first
    job refuses a required one that is empty. https://docs.gitlab.com/ci/yaml/#specinputs
    """
    spec: dict[str, Any] = {}
    optional = parameter.default is None
    default = "" if optional else parameter.default
    if default is not None:
        spec["default"] = default
    if parameter.help:
        spec["description"] = parameter.help
    options = ["true", "false"] if parameter.type == "bool" else list(parameter.choices)
    if options:
        spec["options"] = [*options, ""] if optional else options
    elif parameter.type in ("int", "float"):
        pattern = INTEGER if parameter.type == "int" else DECIMAL
        spec["regex"] = f"^({pattern})?$" if optional else f"^({pattern})$"
    return spec


def may_be_unset(parameter: Parameter) -> bool:
    """Whether an empty input means that there is no value, rather than an empty text."""
    return parameter.default is None and (bool(parameter.required) or parameter.type != "string")


def default_value(parameter: Parameter) -> object:
    return given(parameter.default or "")


def check_inputs(count: int, pipeline: Pipeline, sink: Sink) -> None:
    if count > LIMITS["inputs"]:
        sink.report(
            codes.PARAMETER_LIMIT,
            f"a GitLab pipeline takes {LIMITS['inputs']} inputs, these are {count}",
            pipeline.origin,
        )
