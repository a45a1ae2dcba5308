"""What starts a pipeline: schedules by Argo, pushes and change requests by Argo Events, pipelines by one another.

https://argoproj.github.io/argo-events/eventsources/setup/github/, …/gitlab/ and https://argoproj.github.io/argo-events/sensors/filters/expr/
"""

from __future__ import annotations

from compiler import codes as core
from compiler.condition import glob_regex
from compiler.ir import NOTHING, OnChangeRequest, OnPipeline, OnPush, OnSchedule
from compiler.yamlwriter import Block
from targets.argo import children, codes, options, spelling
from targets.argo.scope import TRIGGERED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Pipeline, Project
    from targets.argo.scope import Scope

PORT = 12000
LONGEST_CRON = 52  # a run's name adds 11 characters

# Where each webhook says what, seen from the event's data.
GITHUB = {
    "event": "headers.X-Github-Event.0",
    "ref": "body.ref",
    "default": "body.repository.default_branch",
    "deleted": "body.deleted",
    "action": "body.action",
    "target": "body.pull_request.base.ref",
    "from": "body.pull_request.head.repo.full_name",
    "into": "body.pull_request.base.repo.full_name",
    "head": "body.pull_request.head.ref",
}
GITLAB = {
    "event": "body.object_kind",
    "ref": "body.ref",
    "default": "body.project.default_branch",
    "commit": "body.after",
    "action": "body.object_attributes.action",
    "target": "body.object_attributes.target_branch",
    "from": "body.object_attributes.source_project_id",
    "into": "body.object_attributes.target_project_id",
    "head": "body.object_attributes.source_branch",
    "before": "body.object_attributes.oldrev",
}


def schedules(scope: Scope) -> list[dict[str, Any]]:
    """A CronWorkflow a schedule. Where the repository is not known there is none: Argo refuses a run without a value for it."""
    given = [trigger for trigger in scope.pipeline.triggers if isinstance(trigger, OnSchedule)]
    if given and scope.options.repository is None:
        scope.sink.report(
            codes.NO_REPOSITORY,
            f'"{scope.pipeline.name}" can\'t be started by its schedule: targets.argo.repository is not said',
            given[0].origin or scope.pipeline.origin,
            help="say repository: its URL",
        )
        return []
    made = []
    for number, trigger in enumerate(given, 1):
        name = scope.names.workflow if len(given) == 1 else scope.names.of_workflow(str(number))
        arguments = [{"name": scope.parameters[key], "value": value} for key, value in trigger.parameters]
        if "event" in scope.uses.triggered:
            arguments.insert(0, {"name": "event", "value": "schedule"})
        spec: dict[str, Any] = {"workflowTemplateRef": {"name": scope.names.workflow}}
        if arguments:
            spec["arguments"] = {"parameters": arguments}
        cron: dict[str, Any] = {"schedules": [trigger.cron]}
        if trigger.timezone is not None:
            cron["timezone"] = trigger.timezone
        made.append(
            _document(scope, "CronWorkflow", spelling.short(name, LONGEST_CRON), {**cron, "workflowSpec": spec})
        )
    return made


def _document(scope: Scope, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if scope.options.namespace is not None:
        metadata["namespace"] = scope.options.namespace
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


# ------------------------------------------------------------------------------------------------------------- webhooks


def listens(pipeline: Pipeline) -> bool:
    return any(isinstance(trigger, (OnPush, OnChangeRequest)) for trigger in pipeline.triggers)


def source_name(scope: Scope) -> str:
    return spelling.short(scope.project.name, 50)


def event_source(scope: Scope, project: Project) -> dict[str, Any]:
    """What takes the webhooks of the project's repository, and asks each for the secret.

    GitHub signs what it sends. For GitLab it is the source for webhooks of any kind: the one for GitLab is refused without
    an access token, and looks at GitLab's own token only where it made the webhook itself (Argo Events v1.9.11,
    pkg/eventsources/sources/gitlab).
    """
    assert scope.options.repository is not None
    name = source_name(scope)
    hook: dict[str, Any] = {"endpoint": f"/{name}", "port": str(PORT), "method": "POST"}
    secret = {"name": f"{name}-webhook", "key": "secret"}
    listening: dict[str, Any]
    if scope.options.webhook == "gitlab":
        kind, listening = "webhook", {**hook, "authSecret": secret}
    else:
        _, path = options.project_path(scope.options.repository)
        owner, _, repository = path.rpartition("/")
        kind = "github"
        listening = {
            "repositories": [{"owner": owner, "names": [repository]}],
            "webhook": hook,
            "events": ["push", "pull_request"],
            "contentType": "json",
            "webhookSecret": secret,
        }
    ports = [{"port": PORT, "targetPort": PORT}]
    del project
    spec = {"service": {"ports": ports}, kind: {"repository": listening}}
    return _document(scope, "EventSource", name, spec)


def sensor(scope: Scope) -> dict[str, Any]:
    """Starts the pipeline for the pushes and change requests that it wants, at exactly their commit.

    Argo Events takes a template that comes to nothing for an error, but for those that have a value to fall back on: all
    but the commit, without which nothing is to start.
    """
    arguments, values = _arguments(scope)
    workflow: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{scope.names.workflow}-"},
        "spec": {"workflowTemplateRef": {"name": scope.names.workflow}, "arguments": {"parameters": arguments}},
    }
    trigger = {
        "name": "start",
        "k8s": {
            "operation": "create",
            "source": {"resource": workflow},
            "parameters": [
                {
                    "src": {"dependencyName": "webhook", "dataTemplate": value} | ({"value": ""} if number else {}),
                    "dest": f"spec.arguments.parameters.{number}.value",
                }
                for number, value in enumerate(values)
            ],
        },
    }
    dependency = {
        "name": "webhook",
        "eventSourceName": source_name(scope),
        "eventName": "repository",
        "filters": {"exprLogicalOperator": "or", "exprs": filters(scope)},
    }
    spec: dict[str, Any] = {}
    if scope.options.service_account is not None:
        spec["template"] = {"serviceAccountName": scope.options.service_account}
    return _document(
        scope,
        "Sensor",
        scope.names.workflow,
        {**spec, "dependencies": [dependency], "triggers": [{"template": trigger}]},
    )


def filters(scope: Scope) -> list[dict[str, Any]]:
    """One expression an event that starts the pipeline; an event for which none holds starts nothing.

    A field that an event does not have makes the expression false. Names with a brace start nothing: Argo would read it.
    """
    made = []
    for trigger in scope.pipeline.triggers:
        if isinstance(trigger, OnPush):
            made += _pushes(scope, trigger)
        elif isinstance(trigger, OnChangeRequest):
            made += _changes(scope, trigger)
    return made


def _filter(scope: Scope, terms: list[str], *names: str) -> dict[str, Any]:
    table = GITLAB if scope.options.webhook == "gitlab" else GITHUB
    return {"expr": " && ".join(terms), "fields": [{"name": name, "path": table[name]} for name in names]}


def _pushes(scope: Scope, trigger: OnPush) -> list[dict[str, Any]]:
    gitlab = scope.options.webhook == "gitlab"
    there = ["commit !~ '^0+$'"] if gitlab else ["deleted == false"]  # a ref that is deleted has a commit of zeros
    fact = "commit" if gitlab else "deleted"
    made = []
    if trigger.branches is NOTHING:
        terms = ["event == 'push'", *there, "ref == 'refs/heads/' + default"]
        made.append(_filter(scope, terms, "event", fact, "ref", "default"))
    elif trigger.branches:
        terms = ["event == 'push'", *there, _matches("ref", "refs/heads/", trigger.branches)]
        made.append(_filter(scope, terms, "event", fact, "ref"))
    if trigger.tags is NOTHING or trigger.tags:
        event = "event == 'tag_push'" if gitlab else "event == 'push'"
        terms = [event, *there, _matches("ref", "refs/tags/", trigger.tags or ("**",))]
        made.append(_filter(scope, terms, "event", fact, "ref"))
    return made


def _changes(scope: Scope, trigger: OnChangeRequest) -> list[dict[str, Any]]:
    """Change requests of the repository's own branches: a fork's would run its code with the cluster's rights."""
    same = ["from == into", _matches("head", "", ("**",))]
    branches = [_matches("target", "", trigger.branches)] if trigger.branches else []
    names = ["event", "action", "from", "into", "head", *(["target"] if branches else [])]
    if scope.options.webhook == "gitlab":
        event = "event == 'merge_request'"
        opened = _filter(scope, [event, "action in ('open', 'reopen')", *same, *branches], *names)
        pushed = _filter(scope, [event, "action == 'update'", "before != ''", *same, *branches], *names, "before")
        return [opened, pushed]
    wanted = "action in ('opened', 'reopened', 'synchronize')"
    return [_filter(scope, ["event == 'pull_request'", wanted, *same, *branches], *names)]


def _matches(name: str, prefix: str, globs: tuple[str, ...]) -> str:
    """A name against globs, as a term of govaluate, where a backslash takes the next character as it is."""
    patterns = "|".join(glob_regex(glob).replace("[^/]", "[^/{]").replace(".*", "[^{]*") for glob in globs)
    pattern = f"^{prefix}({patterns})$".replace("\\", "\\\\").replace("'", "\\'")
    return f"{name} =~ '{pattern}'"


def _arguments(scope: Scope) -> tuple[list[dict[str, str]], list[str]]:
    """The arguments that a webhook fills, and the templates that take them from its data."""
    gitlab = scope.options.webhook == "gitlab"
    change = 'eq .Input.body.object_kind "merge_request"' if gitlab else ".Input.body.pull_request"
    if gitlab:
        values = {
            "revision": (".Input.body.object_attributes.last_commit.id", ".Input.body.checkout_sha"),
            "event": ('"change_request"', '"push"'),
            "branch": (".Input.body.object_attributes.source_branch", ".Input.body.ref"),
            "base": (".Input.body.object_attributes.target_branch", ".Input.body.before"),
            "change-request": (".Input.body.object_attributes.iid", '""'),
        }
    else:
        values = {
            "revision": (".Input.body.pull_request.head.sha", ".Input.body.after"),
            "event": ('"change_request"', '"push"'),
            "branch": (".Input.body.pull_request.head.ref", ".Input.body.ref"),
            "base": (".Input.body.pull_request.base.sha", ".Input.body.before"),
            "change-request": (".Input.body.number", '""'),
        }
    arguments = [{"name": "revision", "value": "HEAD"}]
    templates = [_either(change, *values["revision"])]
    for name in TRIGGERED:
        if name not in scope.uses.triggered:
            continue
        arguments.append({"name": name, "value": ""})
        if name == "branch":
            pushed = '{{ if hasPrefix "refs/heads/" .Input.body.ref }}{{ trimPrefix "refs/heads/" .Input.body.ref }}{{ end }}'
            templates.append(f"{{{{ if {change} }}}}{{{{ {values[name][0]} }}}}{{{{ else }}}}{pushed}{{{{ end }}}}")
        elif name == "tag":
            pushed = (
                '{{ if hasPrefix "refs/tags/" .Input.body.ref }}{{ trimPrefix "refs/tags/" .Input.body.ref }}{{ end }}'
            )
            templates.append(f"{{{{ if not ({change}) }}}}{pushed}{{{{ end }}}}")
        elif name == "change-request":
            templates.append(f"{{{{ if {change} }}}}{{{{ {values[name][0]} | int64 }}}}{{{{ end }}}}")
        elif name == "base" and gitlab:
            templates.append(_either(change, f'printf "origin/%s" {values[name][0]}', values[name][1]))
        else:
            templates.append(_either(change, *values[name]))
    return arguments, templates


def _either(change: str, there: str, otherwise: str) -> str:
    return f"{{{{ if {change} }}}}{{{{ {there} }}}}{{{{ else }}}}{{{{ {otherwise} }}}}{{{{ end }}}}"


# ------------------------------------------------------------------------------------------------- after one another


def followers(scope: Scope, project: Project) -> list[Pipeline]:
    """The pipelines that start when this one ended well."""
    return [
        pipeline
        for pipeline in project.pipelines
        if any(isinstance(one, OnPipeline) and one.pipeline == scope.pipeline.name for one in pipeline.triggers)
    ]


def follow(scope: Scope, project: Project, workflow: dict[str, Any]) -> None:
    """Let an exit handler start the pipelines that come after this one, at the same commit."""
    wanted = followers(scope, project)
    if not wanted:
        return
    name = scope.names.add("next")
    tasks = []
    templates = []
    for pipeline in wanted:
        task = scope.names.add(f"start-{spelling.legal(pipeline.name)}")
        when = "{{workflow.status}} == Succeeded"
        if any(isinstance(trigger, OnChangeRequest) for trigger in scope.pipeline.triggers):
            when += " && {{workflow.parameters.event}} != change_request"
        tasks.append(Block({"name": task, "template": task, "when": when}))
        declared = scope.declared(pipeline)
        arguments = {"repository": "workflow.parameters.repository", "revision": scope.fact("commit")}
        if "event" in declared:
            arguments["event"] = "'pipeline'"
        for fact in ("branch", "tag"):
            if fact in declared and fact in scope.uses.facts:
                arguments[fact] = scope.fact(fact)
        body = children.start(scope.names.workflows[pipeline.name], arguments)
        for key in ("successCondition", "failureCondition", "setOwnerReference"):
            del body["resource"][key]
        templates.append({"name": task, **body})
    spec = workflow["spec"]
    spec["onExit"] = name
    spec["templates"] += [{"name": name, "dag": {"tasks": tasks}}, *templates]


def say_setup(scope: Scope) -> None:
    """What must stand outside of the compiled files for a webhook to arrive."""
    name = source_name(scope)
    if scope.options.repository is None:
        scope.sink.report(
            codes.NO_REPOSITORY,
            f'nothing starts "{scope.pipeline.name}" on pushes and change requests: targets.argo.repository is not said',
            scope.pipeline.origin,
            help="say repository: its URL, and webhook: github or gitlab",
        )
        return
    # https://docs.gitlab.com/user/project/integrations/webhooks/#custom-headers
    gitlab = scope.options.webhook == "gitlab"
    shown = ', which GitLab sends as the custom header "Authorization: Bearer SECRET"' if gitlab else ""
    scope.sink.report(
        core.ACTION_NEEDED,
        f"Argo Events needs an event bus in the namespace, a webhook of the repository that reaches the service "
        f'"{name}-eventsource-svc" at port {PORT} and path "/{name}", and its secret in the Kubernetes secret '
        f'"{name}-webhook" under the key "secret"{shown}; the Sensor\'s service account may create workflows',
        scope.pipeline.origin,
    )
