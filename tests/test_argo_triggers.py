"""What starts a pipeline: schedules, webhooks, one another."""

from __future__ import annotations

import re
from typing import Any

import pytest

from compiler import ir
from tests.argo_cases import Made, event_is, job, make, pipeline, project, settings

GITLAB = settings(options={"repository": "https://gitlab.example.com/team/churn.git"})


def test_by_hand_only_is_a_template_and_nothing_else() -> None:
    made = make(job("a"))
    assert [one["kind"] for one in made.documents] == ["WorkflowTemplate"]
    assert list(made.parameters()) == ["repository", "revision"]


def test_schedules() -> None:
    made = make(
        job("a", condition=event_is("schedule")),
        triggers=(
            ir.OnSchedule(cron="0 3 * * 1", timezone="Europe/Berlin", parameters=(("rate", "0.5"),)),
            ir.OnSchedule(cron="5 4 * * *"),
        ),
        parameters=(ir.Parameter(name="rate", default="1"),),
        given=settings(options={"namespace": "ml"}),
    )
    first, second = made.kind("CronWorkflow")
    assert first["metadata"] == {"name": "churn-1", "namespace": "ml"}
    assert first["spec"] == {
        "schedules": ["0 3 * * 1"],
        "timezone": "Europe/Berlin",
        "workflowSpec": {
            "workflowTemplateRef": {"name": "churn"},
            "arguments": {"parameters": [{"name": "event", "value": "schedule"}, {"name": "rate", "value": "0.5"}]},
        },
    }
    assert second["spec"]["workflowSpec"]["arguments"]["parameters"] == [{"name": "event", "value": "schedule"}]


def test_a_schedule_needs_the_repository() -> None:
    """A run by schedule has no value for it: Argo refuses it."""
    when = (ir.OnSchedule(cron="5 4 * * *"),)
    bare = make(job("a"), triggers=when, given=settings(options={"repository": None}))
    told = [one for one in bare.said if one.code.name == "argo-no-repository"]
    assert [one.message for one in told] == [
        '"churn" can\'t be started by its schedule: targets.argo.repository is not said'
    ]
    assert bare.kind("CronWorkflow") == []
    assert not [
        one for one in make(job("a"), triggers=when, given=GITLAB).said if one.code.name == "argo-no-repository"
    ]


def test_parameters_are_the_workflows() -> None:
    made = make(
        job("a"),
        parameters=(
            ir.Parameter(name="rate", type="float", default="0", help="step size"),
            ir.Parameter(name="mode", type="choice", choices=("a", "b"), default="a"),
            ir.Parameter(name="flag", type="bool", default="false"),
            ir.Parameter(name="who", required=True),
            ir.Parameter(name="note"),
            ir.Parameter(name="revision", default="x"),
            ir.Parameter(name="a.b", default=""),
            ir.Parameter(name="a_b", default=""),
        ),
    )
    found = made.parameters()
    assert found["rate"] == {"name": "rate", "value": "0", "description": "step size"}
    assert found["mode"] == {"name": "mode", "value": "a", "enum": ["a", "b"]}
    assert found["flag"] == {"name": "flag", "value": "false", "enum": ["true", "false"]}
    assert found["who"] == {"name": "who"}
    assert found["note"] == {"name": "note", "value": ""}
    assert found["revision_"]["value"] == "x"
    assert found["revision"]["value"] == "HEAD"
    assert len(found) == len(made.workflow()["spec"]["arguments"]["parameters"]) == 10


def test_a_webhook_without_a_repository_is_said() -> None:
    made = make(job("a"), triggers=(ir.OnPush(),), given=ir.Settings(target="argo"))
    assert made.codes == ["HR4302"]
    assert made.said[0].severity == "warning"
    assert made.parameters()["repository"] == {"name": "repository"}


def test_github_webhooks_are_checked_by_their_secret() -> None:
    made = make(job("a"), triggers=(ir.OnPush(),))
    [source] = made.kind("EventSource")
    assert source["spec"]["github"]["repository"]["repositories"] == [{"owner": "acme", "names": ["churn"]}]
    assert source["spec"]["github"]["repository"]["webhookSecret"] == {"name": "churn-webhook", "key": "secret"}


def test_gitlab_webhooks_are_checked_by_their_header() -> None:
    made = make(job("a"), triggers=(ir.OnPush(),), given=GITLAB)
    [source] = made.kind("EventSource")
    assert source["spec"]["webhook"]["repository"] == {
        "endpoint": "/churn",
        "port": "12000",
        "method": "POST",
        "authSecret": {"name": "churn-webhook", "key": "secret"},
    }
    [told] = [one for one in made.said if "Argo Events needs" in one.message]
    assert "Authorization: Bearer" in told.message


def test_several_pipelines_share_an_event_source() -> None:
    first = pipeline(job("a"), name="one", triggers=(ir.OnPush(),))
    second = pipeline(job("a"), name="two", triggers=(ir.OnChangeRequest(),))
    made = Made(project(first, second))
    assert [file.path for file in made.files] == ["argo/one.yaml", "argo/two.yaml"]
    assert len(made.kind("EventSource")) == 1
    assert [one["metadata"]["name"] for one in made.kind("Sensor")] == ["one", "two"]


def started(made: Made, data: dict[str, Any]) -> bool:
    """Whether a sensor's filters let an event through: govaluate's operators, read as Python's."""
    [sensor] = made.kind("Sensor")
    held = sensor["spec"]["dependencies"][0]["filters"]
    assert held["exprLogicalOperator"] == "or"
    return any(holds(one, data) for one in held["exprs"])


def holds(one: dict[str, Any], data: dict[str, Any]) -> bool:
    values: dict[str, Any] = {}
    for field in one["fields"]:
        found: Any = data
        for part in field["path"].split("."):
            try:
                found = found[int(part)] if isinstance(found, list) else found[part]
            except (KeyError, TypeError):
                return False  # a path that is not there makes the filter false
        values[f"v_{field['name']}"] = found
    pieces = re.split(r"('(?:[^'\\]|\\.)*')", one["expr"])
    for at in range(0, len(pieces), 2):
        text = re.sub(r"\b([a-z]+)\b(?<!\bin)", r"v_\1", pieces[at])
        text = text.replace("v_in ", "in ").replace("v_false", "False").replace("v_true", "True")
        pieces[at] = text.replace("&&", " and ")
    told = re.sub(r"(v_\w+) !~ ('[^']*')", r"not re.search(\2, \1)", "".join(pieces))
    told = re.sub(r"(v_\w+) =~ ('(?:[^'\\]|\\.)*')", r"bool(re.search(\2, \1))", told)
    return bool(eval(told, {"re": re, **values}))


def github(ref: str, deleted: bool = False) -> dict[str, Any]:
    body = {
        "ref": ref,
        "deleted": deleted,
        "after": "c0ffee",
        "before": "0" * 40,
        "repository": {"default_branch": "main"},
    }
    return {"headers": {"X-Github-Event": ["push"]}, "body": body}


def github_change(action: str = "opened", base: str = "main", repo: str = "a/b", head: str = "topic") -> dict[str, Any]:
    sides = {
        "head": {"ref": head, "sha": "c0ffee", "repo": {"full_name": repo}},
        "base": {"ref": base, "sha": "ba5e", "repo": {"full_name": "a/b"}},
    }
    body = {"action": action, "number": 7, "pull_request": sides, "repository": {"default_branch": "main"}}
    return {"headers": {"X-Github-Event": ["pull_request"]}, "body": body}


PUSH = make(job("a"), triggers=(ir.OnPush(),))
NARROW = make(job("a"), triggers=(ir.OnPush(branches=("main", "release/*"), tags=("v1.*",)),))
CHANGE = make(job("a"), triggers=(ir.OnChangeRequest(),))
INTO = make(job("a"), triggers=(ir.OnChangeRequest(branches=("main", "rel?")),))


@pytest.mark.parametrize(
    ("made", "event", "wanted"),
    [
        (PUSH, github("refs/heads/main"), True),
        (PUSH, github("refs/heads/topic"), False),
        (PUSH, github("refs/tags/v1"), True),
        (PUSH, github("refs/tags/{{=x}}"), False),
        (PUSH, github("refs/heads/main", deleted=True), False),
        (PUSH, github_change(), False),
        (NARROW, github("refs/heads/release/1"), True),
        (NARROW, github("refs/heads/release/1/2"), False),
        (NARROW, github("refs/heads/release/{{x}}"), False),
        (NARROW, github("refs/heads/xmain"), False),
        (NARROW, github("refs/tags/v1.0"), True),
        (NARROW, github("refs/tags/v1x0"), False),
        (CHANGE, github_change(), True),
        (CHANGE, github_change("synchronize", base="other"), True),
        (CHANGE, github_change("labeled"), False),
        (CHANGE, github_change(repo="evil/b"), False),
        (CHANGE, github_change(head="{{=x}}"), False),
        (CHANGE, github("refs/heads/main"), False),
        (INTO, github_change(base="rel1"), True),
        (INTO, github_change(base="topic"), False),
    ],
)
def test_which_events_start_it(made: Made, event: dict[str, Any], wanted: bool) -> None:
    assert started(made, event) is wanted


def gitlab_change(action: str, **more: Any) -> dict[str, Any]:
    held = {
        "action": action,
        "source_project_id": 1,
        "target_project_id": 1,
        "source_branch": "t",
        "target_branch": "main",
        "iid": 7,
        **more,
    }
    return {"body": {"object_kind": "merge_request", "object_attributes": held}}


def gitlab_push(kind: str, ref: str, commit: str = "c0ffee") -> dict[str, Any]:
    project = {"default_branch": "main"}
    return {"body": {"object_kind": kind, "ref": ref, "project": project, "before": "0", "after": commit}}


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (gitlab_push("push", "refs/heads/main"), True),
        (gitlab_push("push", "refs/heads/topic"), False),
        (gitlab_push("push", "refs/heads/main", "0" * 40), False),
        (gitlab_push("tag_push", "refs/tags/v1"), True),
        (gitlab_change("open"), True),
        (gitlab_change("close"), False),
        (gitlab_change("update"), False),
        (gitlab_change("update", oldrev="abc"), True),
        (gitlab_change("open", source_project_id=2), False),
    ],
)
def test_which_events_of_gitlab_start_it(event: dict[str, Any], wanted: bool) -> None:
    made = make(job("a"), triggers=(ir.OnPush(), ir.OnChangeRequest()), given=GITLAB)
    assert started(made, event) is wanted


def test_the_sensor_hands_on_what_the_pipeline_wants_to_know() -> None:
    made = make(
        job("a", condition=ir.Matches(subject="branch", glob="x")), triggers=(ir.OnPush(), ir.OnChangeRequest())
    )
    [sensor] = made.kind("Sensor")
    trigger = sensor["spec"]["triggers"][0]["template"]["k8s"]
    workflow = trigger["source"]["resource"]
    assert workflow["spec"]["workflowTemplateRef"] == {"name": "churn"}
    names = [one["name"] for one in workflow["spec"]["arguments"]["parameters"]]
    assert names == ["revision", "event", "branch", "tag", "change-request"]
    assert set(names) <= set(made.parameters())
    assert [one["dest"] for one in trigger["parameters"]] == [
        f"spec.arguments.parameters.{number}.value" for number in range(len(names))
    ]
    assert trigger["parameters"][0]["src"]["dataTemplate"] == (
        "{{ if .Input.body.pull_request }}{{ .Input.body.pull_request.head.sha }}{{ else }}{{ .Input.body.after }}{{ end }}"
    )


def test_superseded_runs_of_a_change_request_are_ended() -> None:
    made = make(job("a"), triggers=(ir.OnChangeRequest(),))
    assert made.task("supersede")["when"] == "{{= workflow.parameters.event == 'change_request' }}"
    assert made.source("supersede").startswith('python3 -I -c "$HEADRACE_SUPERSEDE" change-request ||')
    assert made.workflow()["spec"]["workflowMetadata"] == {"labels": {"headrace/pipeline": "churn"}}


def test_concurrency_waits_or_ends() -> None:
    branch = ir.Ref(kind="git", name="branch")
    waits = make(job("a"), concurrency=ir.Concurrency(group=("deploy ", branch), cancel=False))
    assert waits.workflow()["spec"]["synchronization"] == {
        "mutexes": [{"name": "churn-deploy-{{workflow.parameters.branch}}"}]
    }
    assert "supersede" not in waits.tasks()
    ends = make(job("a"), concurrency=ir.Concurrency(group=(branch,), cancel=True))
    assert "synchronization" not in ends.workflow()["spec"]
    assert "when" not in ends.task("supersede")
    assert '"$HEADRACE_SUPERSEDE" branch ||' in ends.source("supersede")


def test_older_runs_are_ended_and_no_others(tmp_path: Any) -> None:
    """The script against an API server of our own."""
    import json
    import subprocess
    import sys
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    made = make(job("a"), triggers=(ir.OnChangeRequest(),))
    text = made.variables("supersede")["HEADRACE_SUPERSEDE"].replace("$$", "$")
    ended: list[str] = []

    def run(name: str, at: str, number: str, phase: str | None = None) -> dict[str, Any]:
        told = {"arguments": {"parameters": [{"name": "change-request", "value": number}]}}
        return {"metadata": {"name": name, "creationTimestamp": at}, "spec": told, "status": {"phase": phase}}

    runs = [
        run("old", "1", "7"),
        run("own", "3", "7"),
        run("new", "4", "7"),
        run("other", "1", "8"),
        run("done", "1", "7", "Failed"),
    ]

    class Server(BaseHTTPRequestHandler):
        def answer(self, data: Any) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(data).encode())

        def do_GET(self) -> None:
            assert self.path.endswith("/namespaces/ml/workflows?labelSelector=headrace%2Fpipeline%3Dchurn")
            assert self.headers["Authorization"] == "Bearer secret"
            self.answer({"items": runs})

        def do_PATCH(self) -> None:
            assert json.loads(self.rfile.read(int(self.headers["Content-Length"]))) == {
                "spec": {"shutdown": "Terminate"}
            }
            ended.append(self.path.rpartition("/")[2])
            self.answer({})

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text("secret")
    text = text.replace("/var/run/secrets/kubernetes.io/serviceaccount/", f"{tmp_path}/").replace("https://", "http://")
    text = text.replace('ssl.create_default_context(cafile=account + "ca.crt")', "None")
    env = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.server_port)}
    env |= {"HEADRACE_NAMESPACE": "ml", "HEADRACE_RUN": "own", "HEADRACE_PIPELINE": "churn"}
    subprocess.run([sys.executable, "-I", "-c", text, "change-request"], env=env, check=True, capture_output=True)
    server.shutdown()
    assert ended == ["old"]


def test_a_call_is_a_workflow_that_is_waited_for() -> None:
    rate = ir.Ref(kind="parameters", name="rate")
    called = pipeline(
        job("x", condition=event_is("call")),
        name="Release It",
        triggers=(ir.OnCall(),),
        parameters=(ir.Parameter(name="to"), ir.Parameter(name="rate")),
    )
    values = (ir.EnvVar(name="to", value=('it\'s "{{x}}" ', rate)),)
    caller = pipeline(
        job("a"),
        job("b", "a", action=ir.Call(pipeline="Release It", parameters=values), environment=None),
        parameters=(ir.Parameter(name="rate", default="1"),),
    )
    made = Made(project(caller, called))
    body = made.template("b")["resource"]
    assert (body["action"], body["successCondition"]) == ("create", "status.phase == Succeeded")
    text = body["manifest"]
    assert "name: release-it\n" in text
    assert (
        '          - name: event\n            value: "call"\n'.replace("          -", "      -").replace(
            "            v", "        v"
        )
        in text
    )
    wanted = "'it\\x27s \\x22{\\x7bx}\\x7d\\x22 ' + workflow.parameters.rate"
    assert f'value: "{{{{=toJson({wanted})[1:len(toJson({wanted})) - 1]}}}}"' in text


def test_what_a_change_request_calls_is_told_so() -> None:
    called = pipeline(job("x", condition=event_is("call")), name="inner", triggers=(ir.OnCall(),))
    between = pipeline(
        job("b", action=ir.Call(pipeline="inner"), environment=None), name="between", triggers=(ir.OnCall(),)
    )
    caller = pipeline(
        job("b", action=ir.Call(pipeline="between"), environment=None),
        name="outer",
        triggers=(ir.OnChangeRequest(), ir.OnManual()),
    )
    made = Made(project(caller, between, called))
    told = "workflow.parameters.event == 'change_request' ? 'change_request' : 'call'"
    for name in ("outer", "between"):
        assert f"toJson({told})" in made.template("b", name)["resource"]["manifest"]


def test_a_pipeline_after_another_is_started_by_its_exit_handler() -> None:
    before = pipeline(job("a"), name="before")
    after = pipeline(
        job("b", condition=event_is("pipeline")), name="after", triggers=(ir.OnPipeline(pipeline="before"),)
    )
    made = Made(project(before, after))
    spec = made.workflow("before")["spec"]
    [task] = made.template(spec["onExit"], "before")["dag"]["tasks"]
    assert task["when"] == "{{workflow.status}} == Succeeded"
    body = made.template(task["template"], "before")["resource"]
    assert "successCondition" not in body
    assert "workflowTemplateRef:\n    name: after" in body["manifest"]
    assert 'value: "pipeline"' in body["manifest"]
    assert made.kind("Sensor") == []
