"""Workflows that a workflow starts and waits for: a called pipeline, a part of one that is too large for one object.

Such a child is an object of its own, with a status of its own: templates that a workflow refers to would count toward
its own size (https://argo-workflows.readthedocs.io/en/latest/workflow-of-workflows/).
"""

from __future__ import annotations

from compiler.ir import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Job
    from targets.argo.scope import Scope


HARMLESS = ("commit", "short", "run")  # what Argo or headrace itself wrote


def start(workflow: str, arguments: dict[str, str]) -> dict[str, Any]:
    """A resource template's body that runs a workflow template; `arguments` are expressions by parameter.

    The values are written into YAML text, so each is the inside of a JSON string.
    """
    lines = [
        "apiVersion: argoproj.io/v1alpha1",
        "kind: Workflow",
        "metadata:",
        f"  generateName: {workflow}-",
        "spec:",
        "  workflowTemplateRef:",
        f"    name: {workflow}",
    ]
    if arguments:
        lines += ["  arguments:", "    parameters:"]
    for name, expression in arguments.items():
        lines += [f"      - name: {name}", f'        value: "{_inside(expression)}"']
    return {
        "resource": {
            "action": "create",
            "setOwnerReference": True,
            "successCondition": "status.phase == Succeeded",
            "failureCondition": "status.phase in (Failed, Error)",
            "manifest": "\n".join(lines) + "\n",
        }
    }


def _inside(expression: str) -> str:
    """A value as it stands between the quotes of a JSON string; a plain literal as it is."""
    if expression.startswith("'") and expression[1:-1].replace("-", "").replace("_", "").isalnum():
        return expression[1:-1]
    if expression.rpartition(".")[2] in HARMLESS:
        return "{{" + expression + "}}"
    return "{{=toJson(" + expression + ")[1:len(toJson(" + expression + ")) - 1]}}"


def call(scope: Scope, job: Job, name: str) -> dict[str, Any]:
    """The template that runs another pipeline of the project, at this run's commit."""
    from targets.argo import pods
    from targets.argo.jobs import given_inputs, retry
    from targets.argo.scope import may_be_reviewed

    action = job.action
    assert isinstance(action, Call)
    called = next(pipeline for pipeline in scope.project.pipelines if pipeline.name == action.pipeline)
    declared = scope.declared(called)
    arguments = {"repository": "workflow.parameters.repository", "revision": scope.fact("commit")}
    if "event" in declared:
        event = scope.fact("event")
        reviewed = f"{event} == 'change_request' ? 'change_request' : 'call'"
        arguments["event"] = reviewed if may_be_reviewed(scope.pipeline) else "'call'"
    for fact in ("branch", "tag"):
        if fact in declared:
            arguments[fact] = scope.fact(fact)
    legal = scope.parameter_names(called)
    for variable in action.parameters:
        arguments[legal[variable.name]] = scope.expression(variable.value)
    result: dict[str, Any] = {"name": name}
    inputs = given_inputs(scope, job)
    if inputs:
        result["inputs"] = {"parameters": inputs}
    if job.retry is not None and job.retry.max > 0:
        result["retryStrategy"] = retry(job)
    if job.lock is not None:  # the pod ends with what it started
        result["synchronization"] = pods.lock(scope, job.lock.name, job.lock.limit or 1)
    return {**result, **start(scope.names.workflows[called.name], arguments)}
