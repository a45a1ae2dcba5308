"""What Argo Events' own code makes of the compiled event sources and sensors: judged, posted to, and started."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from compiler.cli import main
from compiler.yamlwriter import write_documents
from tests.argo_cases import Made, constructs
from tests.conformance.cases import CASES
from tests.tools import Answer, Request, argo_events, argo_events_post, argo_lint

pytestmark = pytest.mark.engine

SECRET = 'it\'s a "secret"'
ZEROS = "0" * 40
COMMIT = "c0ffee" * 6 + "c0ff"
BASE = "ba5e" * 10
MANIFEST = """\
version: 1
name: churn
parameters: {rate: {default: "0.1"}}
environments: {py: {image: "python:3.12-slim-bookworm"}}
jobs:
  train:
    environment: py
    run: "echo {{ git.branch }} {{ git.tag }} {{ git.event }} {{ git.commit }} {{ parameters.rate }}"
    when: changed('src/**')
pipelines:
  main: {on: [push]}
  branches: {on: [{push: {branches: [main, "release/**", "it's?"], tags: []}}]}
  tags: {on: [{push: {branches: [], tags: ["v*.*"]}}]}
  requests: {on: [change_request]}
  to-main: {on: [{change_request: {branches: [main]}}]}
targets: {argo: {repository: "REPOSITORY", namespace: ml}}
"""
HOSTS = {"github": "https://github.com/acme/churn.git", "gitlab": "https://gitlab.example.com/acme/churn.git"}


# -------------------------------------------------------------------------------------------------------------- judged


def test_the_controllers_take_every_golden() -> None:
    found = [path for case in CASES for path in (case.expected / "argo").rglob("*.yaml")]
    paths = [path for path in found if "kind: Sensor" in path.read_text(encoding="utf-8")]
    assert len(paths) >= 10
    assert [str(one) for one in argo_events(paths)] == []


def test_the_controllers_take_every_construct(tmp_path: Path) -> None:
    paths = []
    for name, case in constructs().items():
        for number, file in enumerate(Made(*case).files):
            paths.append(tmp_path / f"{name}-{number}.yaml")
            paths[-1].write_text(write_documents(file.documents), encoding="utf-8")
    assert [str(one) for one in argo_events(paths)] == []


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("endpoint: /churn", 'endpoint: ""', "endpoint can't be empty"),
        ('port: "12000"', "port: web", "failed to parse server port"),
        ("contentType: json", "contentTyp: json", 'unknown field "contentTyp"'),
        ("operation: create", "operation: submit", "unknown operation type submit"),
        ("- name: webhook\n", "- name: ''\n", "dependency must define a name"),
    ],
)
def test_the_controllers_refuse_what_is_wrong(old: str, new: str, wanted: str, tmp_path: Path) -> None:
    path = next(path for path in _compiled("github", tmp_path) if old in path.read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    [found] = argo_events([path])
    assert wanted in found.message


# -------------------------------------------------------------------------------------------------------------- posted


def _compiled(host: str, folder: Path) -> list[Path]:
    (folder / ".git").mkdir(parents=True)
    (folder / "headrace.yaml").write_text(MANIFEST.replace("REPOSITORY", HOSTS[host]), encoding="utf-8")
    assert main(["compile", str(folder), "--target", "argo", "--quiet"]) == 0
    return sorted((folder / "argo").glob("*.yaml"))


def github(event: str, body: dict[str, Any], secret: str = SECRET) -> Request:
    """https://docs.github.com/en/webhooks/webhook-events-and-payloads"""
    text = json.dumps({**body, "repository": {"full_name": "acme/churn", "default_branch": "main"}})
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-GitHub-Event": event, "X-GitHub-Delivery": "1"}
    return Request({**headers, "X-Hub-Signature-256": f"sha256={signature}"}, text)


def github_push(ref: str, **more: Any) -> Request:
    body = {"ref": ref, "before": BASE, "after": COMMIT, "created": False, "deleted": False, "forced": False}
    return github("push", {**body, **more})


def github_change(action: str = "opened", into: str = "main", head: str = "topic", repo: str = "acme/churn") -> Request:
    sides = {
        "head": {"ref": head, "sha": COMMIT, "repo": {"full_name": repo} if repo else None},
        "base": {"ref": into, "sha": BASE, "repo": {"full_name": "acme/churn"}},
    }
    return github("pull_request", {"action": action, "number": 1234567, "pull_request": {"number": 1234567, **sides}})


def gitlab(kind: str, body: dict[str, Any], secret: str | None = SECRET) -> Request:
    """https://docs.gitlab.com/user/project/integrations/webhook_events/"""
    project = {"id": 7, "path_with_namespace": "acme/churn", "default_branch": "main"}
    headers = {"Content-Type": "application/json", "X-Gitlab-Event": "Hook"}
    if secret is not None:
        headers["Authorization"] = f"Bearer {secret}"
    return Request(headers, json.dumps({"object_kind": kind, **body, "project": project}))


def gitlab_push(ref: str, kind: str = "push", gone: bool = False, secret: str | None = SECRET) -> Request:
    commits = {"before": BASE, "after": ZEROS if gone else COMMIT, "checkout_sha": None if gone else COMMIT}
    return gitlab(kind, {"event_name": kind, "ref": ref, **commits}, secret)


def gitlab_change(
    action: str = "open", into: str = "main", head: str = "topic", source: int = 7, **more: Any
) -> Request:
    held = {"iid": 42, "action": action, "source_branch": head, "target_branch": into, "last_commit": {"id": COMMIT}}
    return gitlab(
        "merge_request", {"object_attributes": {**held, "source_project_id": source, "target_project_id": 7, **more}}
    )


# A request, and the pipelines that it starts.
EVENTS: dict[str, list[tuple[Request, set[str]]]] = {
    "github": [
        (github_push("refs/heads/main"), {"main", "branches"}),
        (github_push("refs/heads/topic"), set()),
        (github_push("refs/heads/release/1/2"), {"branches"}),
        (github_push("refs/heads/it's1"), {"branches"}),
        (github_push("refs/heads/its1"), set()),
        (github_push("refs/heads/release/{{=sprig.env('X')}}"), set()),
        (github_push("refs/heads/xmain"), set()),
        (github_push("refs/heads/main", deleted=True, after=ZEROS), set()),
        (github_push("refs/tags/v1"), {"main"}),
        (github_push("refs/tags/v1.0"), {"main", "tags"}),
        (github_push("refs/tags/v1.0", deleted=True, after=ZEROS), set()),
        (github_push("refs/notes/v1.0"), set()),
        (github_change(), {"requests", "to-main"}),
        (github_change("synchronize", into="other"), {"requests"}),
        (github_change("reopened"), {"requests", "to-main"}),
        (github_change("closed"), set()),
        (github_change("labeled"), set()),
        (github_change(repo="evil/churn"), set()),
        (github_change(repo=""), set()),  # the fork is gone
        (github_change(head="{{inputs.parameters.x}}"), set()),
        (github("ping", {"zen": "Keep it logically awesome."}), set()),
        (github("create", {"ref": "v1.0", "ref_type": "tag"}), set()),
    ],
    "gitlab": [
        (gitlab_push("refs/heads/main"), {"main", "branches"}),
        (gitlab_push("refs/heads/topic"), set()),
        (gitlab_push("refs/heads/release/1/2"), {"branches"}),
        (gitlab_push("refs/heads/release/{{=x}}"), set()),
        (gitlab_push("refs/heads/main", gone=True), set()),
        (gitlab_push("refs/tags/v1", "tag_push"), {"main"}),
        (gitlab_push("refs/tags/v1.0", "tag_push"), {"main", "tags"}),
        (gitlab_push("refs/tags/v1.0", "tag_push", gone=True), set()),
        (gitlab_change(), {"requests", "to-main"}),
        (gitlab_change(into="other"), {"requests"}),
        (gitlab_change("update", oldrev=BASE), {"requests", "to-main"}),
        (gitlab_change("update"), set()),  # its title changed, or a label
        (gitlab_change("close"), set()),
        (gitlab_change("merge"), set()),
        (gitlab_change(source=8), set()),
        (gitlab_change(head="{{=x}}"), set()),
        (gitlab("note", {"object_attributes": {"note": "nice", "action": "open"}}), set()),
    ],
}


@pytest.fixture(scope="module", params=sorted(HOSTS))
def answered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Answer], list[Path]]:
    host = request.param
    paths = _compiled(host, tmp_path_factory.mktemp(host))
    return host, argo_events_post(paths, [event for event, _ in EVENTS[host]], SECRET), paths


def test_which_events_start_which_pipelines(answered: tuple[str, list[Answer], list[Path]]) -> None:
    host, answers, _ = answered
    for (event, wanted), answer in zip(EVENTS[host], answers, strict=True):
        assert (answer.status, set(answer.started)) == (200, wanted), event.body
        assert not any("failed" in why or "unable" in why for why in answer.refused.values()), answer.refused


def test_what_is_started_knows_its_commit(answered: tuple[str, list[Answer], list[Path]], tmp_path: Path) -> None:
    """And Argo Workflows takes it, beside the template that it refers to."""
    host, answers, paths = answered
    told = {"github": ("1234567", BASE), "gitlab": ("42", "origin/main")}[host]
    pushed, tagged, changed = (answers[at] for at in _first(host, "main", "tags", "requests"))
    assert _arguments(pushed, "main") == _facts("push", branch="main", base=BASE)
    assert _arguments(tagged, "tags") == _facts("push", tag="v1.0", base=BASE)
    assert _arguments(changed, "requests") == {
        **_facts("change_request", branch="topic", base=told[1]),
        "change-request": told[0],
    }
    for at, answer in enumerate(answers):
        for name, made in answer.started.items():
            assert made["metadata"]["namespace"] == "ml"
            assert made["metadata"]["generateName"] == f"{name}-"
            del made["metadata"]["labels"]["events.argoproj.io/action-timestamp"]
            place = tmp_path / f"{at}-{name}.yaml"
            place.write_text(write_documents([made]), encoding="utf-8")
    started = sorted(tmp_path.glob("*.yaml"))
    assert len(started) > 8
    assert [str(one) for one in argo_lint([*paths, *started])] == []


def _first(host: str, *names: str) -> list[int]:
    return [next(at for at, (_, wanted) in enumerate(EVENTS[host]) if name in wanted) for name in names]


def _facts(event: str, branch: str = "", tag: str = "", base: str = "") -> dict[str, str]:
    return {"revision": COMMIT, "event": event, "branch": branch, "tag": tag, "base": base}


def _arguments(answer: Answer, name: str) -> dict[str, str]:
    parameters = answer.started[name]["spec"]["arguments"]["parameters"]
    return {one["name"]: one["value"] for one in parameters}


@pytest.mark.parametrize(
    ("host", "event"),
    [
        ("github", github("push", {"ref": "refs/heads/main"}, secret="guessed")),
        ("github", github_push("refs/heads/main")._replace(headers={"X-GitHub-Event": "push"})),
        ("gitlab", gitlab_push("refs/heads/main", secret="guessed")),
        ("gitlab", gitlab_push("refs/heads/main", secret=None)),
    ],
)
def test_who_does_not_know_the_secret_starts_nothing(host: str, event: Request, tmp_path: Path) -> None:
    [answer] = argo_events_post(_compiled(host, tmp_path), [event], SECRET)
    assert answer.status in (400, 401)
    assert (answer.started, answer.refused) == ({}, {})
