"""Sentences of docs/semantics.md that can be seen in what is emitted, on every target alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import join, normpath
from typing import Any

import pytest
import yaml

from compiler.driver import is_ours
from compiler.ir import BuildImage, Call, Deploy, Environment, Job, Ref, Support, dockerfile_of
from targets import runtime
from tests.conformance.cases import CASES, Case, Lowered, by_pair, cases_of, emitted, lowered
from tests.conformance.readback_gitlab import GLOBAL

SHA = re.compile(r"[0-9a-f]{40}")


def case(name: str) -> Case:
    return next(one for one in CASES if one.name == name)


def documents(one: Case, name: str) -> Iterator[Any]:
    for text in emitted(one, name).yaml.values():
        yield from yaml.load_all(text, Loader=yaml.CBaseLoader)


def github_jobs(one: Case) -> Iterator[tuple[str, Any]]:
    for document in documents(one, "github"):
        yield from document["jobs"].items()


def gitlab_jobs(one: Case) -> Iterator[tuple[str, Any, Any]]:
    """Each job with its file's defaults; what it extends is left where it stands."""
    for text in emitted(one, "gitlab").yaml.values():
        *_, document = yaml.load_all(text, Loader=yaml.CBaseLoader)
        for name, job in document.items():
            if name not in GLOBAL and not name.startswith("."):
                yield name, job, document.get("default", {})


def argo_pods(one: Case) -> Iterator[tuple[str, Any]]:
    for document in documents(one, "argo"):
        for template in document.get("spec", {}).get("templates", ()):
            if "script" in template or "container" in template:
                yield template["name"], template


def jobs_of(found: Lowered) -> Iterator[Job]:
    for pipeline in found.project.pipelines:
        yield from pipeline.jobs


# ---------------------------------------------------------------------------------------------- provenance and determinism


@by_pair
def test_every_file_begins_with_the_header(case: Case, name: str) -> None:
    for path, text in emitted(case, name).files.items():
        assert is_ours(text), path
        assert f" from {case.manifest}. Do not edit" in text.split("\n", 1)[0]


@by_pair
def test_every_job_says_where_it_is_written(case: Case, name: str) -> None:
    text = "\n".join(emitted(case, name).yaml.values())
    for job in jobs_of(lowered(case)):
        assert job.origin is not None
        assert f"  # {case.manifest}: {job.origin.path}\n" in text, job.name


@by_pair
def test_no_line_numbers_and_no_absolute_paths(case: Case, name: str) -> None:
    for text in emitted(case, name).files.values():
        assert str(case.folder) not in text
        assert not re.search(r"headrace\.yaml:\d", text)


@by_pair
def test_a_support_script_stands_once_in_a_file(case: Case, name: str) -> None:
    """A variable of the whole file, or of what all its users extend."""
    for text in emitted(case, name).yaml.values():
        parts = text.split("\n---\n") if name == "argo" else [text]
        for part in parts:
            for script in ("check_parameters", "gate", "decide", "content_key"):
                last = [line.strip() for line in runtime.compact(script).splitlines() if line.strip()][-2]
                assert part.count(last) <= 1 or last.startswith(("if __name__", "finish(")), script


# --------------------------------------------------------------------------------------------------- order, timeout, safety


@cases_of("gitlab")
def test_no_stage_is_a_barrier(case: Case) -> None:
    for document in documents(case, "gitlab"):
        assert "stages" not in document
    for name, job, _ in gitlab_jobs(case):
        assert "stage" not in job, name
        assert "needs" in job, name


@cases_of("github")
def test_a_timeout_is_always_there_on_github(case: Case) -> None:
    for name, job in github_jobs(case):
        assert "uses" in job or int(job["timeout-minutes"]) > 0, name


@cases_of("gitlab")
def test_a_timeout_is_always_there_on_gitlab(case: Case) -> None:
    for name, job, default in gitlab_jobs(case):
        assert "trigger" in job or "timeout" in {**default, **job}, name


@cases_of("argo")
def test_a_timeout_is_always_there_on_argo(case: Case) -> None:
    for name, pod in argo_pods(case):
        assert int(pod["activeDeadlineSeconds"]) > 0, name


@cases_of("github")
def test_github_gives_least_rights(case: Case) -> None:
    for document in documents(case, "github"):
        assert document["permissions"] == {}
        assert not {"pull_request_target", "workflow_run"} & set(document["on"])
        for name, job in document["jobs"].items():
            assert job.get("permissions", {}) != "write-all", name
            for step in job.get("steps", ()):
                action = step.get("uses", "")
                assert not action or action.startswith("./") or SHA.fullmatch(action.partition("@")[2]), action
                if action.startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] == "false"


@cases_of("argo")
def test_every_container_names_its_command(case: Case) -> None:
    for name, pod in argo_pods(case):
        containers = [pod.get("container") or pod["script"], *pod.get("sidecars", ())]  # those that Argo wraps
        assert all(one.get("command") for one in containers), name


@cases_of("argo")
def test_all_jobs_of_a_run_see_the_same_commit(case: Case) -> None:
    """One task resolves it; nothing else checks out by a name that may move."""
    for name, pod in argo_pods(case):
        for one in pod.get("inputs", {}).get("artifacts", ()):
            assert "git" not in one or name == "source", name


@by_pair
def test_images_are_named_exactly(case: Case, name: str) -> None:
    """Helper images have a version; what a manifest names is its own."""
    own = {piece for job in jobs_of(lowered(case)) for piece in _images(job)}
    for image in _emitted_images(case, name):
        if image in own or "$" in image or "{{" in image:
            continue
        assert re.search(r"(:[\w.-]*\d|@sha256:)", image), image
        assert not image.endswith(":latest"), image


def _images(job: Job) -> Iterator[str]:
    if isinstance(job.environment, Environment) and job.environment.image:
        yield "".join(str(piece) for piece in job.environment.image)
    for sidecar in job.sidecars:
        yield "".join(str(piece) for piece in sidecar.image)


def _emitted_images(case: Case, name: str) -> Iterator[str]:
    stack: list[Any] = list(documents(case, name))
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            image = node.get("image")
            if isinstance(image, str):
                yield image
            elif isinstance(image, dict) and "name" in image and not {"runs-on", "script"} & set(image):
                yield image["name"]
            stack += node.values()
        elif isinstance(node, list):
            stack += node


# ----------------------------------------------------------------------------------------------------------------- secrets


@cases_of("github")
def test_github_gives_a_secret_to_the_jobs_that_name_it(case: Case) -> None:
    users: dict[str, set[str]] = {}
    for job in jobs_of(lowered(case)):
        assert job.origin is not None
        users.setdefault(job.origin.path, set()).update(_secrets(job))
    for text in emitted(case, "github").yaml.values():
        for path, body in _bodies(text.replace("${{ '${{' }}secrets", "")):  # text that looks like one
            named = {one.upper() for one in re.findall(r"secrets\.([A-Za-z0-9_]+)", body)} - {"GITHUB_TOKEN"}
            allowed = {re.sub(r"\W", "_", one).upper() for one in users.get(path, ())}
            assert {one for one in named if not any(one.startswith(own) for own in allowed)} <= set(), path


def _secrets(job: Job) -> set[str]:
    found = {use.secret for use in job.secrets}
    if isinstance(job.environment, Environment) and job.environment.publish is not None:
        found |= {"REGISTRY"} if job.environment.publish.registry is not None else set()
    if isinstance(job.environment, Environment) and job.environment.credentials:
        found.add(job.environment.credentials)
    if isinstance(job.environment, Environment) and any(isinstance(one, Ref) for one in job.environment.image or ()):
        found.add("REGISTRY")  # the image that the run built is pulled with the login that pushed it
    if isinstance(job.action, BuildImage):
        if job.action.publish is not None:
            found.add("REGISTRY")
        found |= {use.secret for use in job.action.build.secrets}
        publish = job.action.publish
        found |= {"REGISTRY"} if publish is not None and publish.registry is not None else set()
    if isinstance(job.action, Deploy):
        found |= {"KUBE", f"KUBECONFIG_{job.action.cluster or ''}", "KUBECONFIG", "GITOPS", "DEPLOY"}
    if isinstance(job.action, Call):
        found |= {""}  # a caller hands on what the called pipeline's jobs name
    return found


def _bodies(text: str) -> Iterator[tuple[str, str]]:
    """Each job's text with its path in the manifest."""
    parts = re.split(r"^  \S+:  # \S+: (\S+)$", text, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


@pytest.mark.parametrize("name", ["github", "gitlab", "argo"])
def test_a_job_that_names_no_secret_gets_none(name: str) -> None:
    one = case("secrets")
    body = {
        "github": lambda: [job for id_, job in github_jobs(one) if id_ == "none"],
        "gitlab": lambda: [job for id_, job, _ in gitlab_jobs(one) if id_ == "none"],
        "argo": lambda: [pod for id_, pod in argo_pods(one) if id_ == "none"],
    }[name]()
    (found,) = body
    assert "secret" not in repr(found).lower()
    assert "token" not in repr(found).lower()


# ------------------------------------------------------------------------------------------------------------------ builds


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_change_requests_build_without_pushing(name: str) -> None:
    one = case("images")
    text = "\n".join(emitted(one, name).yaml.values())
    assert {"github": "github.event_name != 'pull_request'", "gitlab": "push=false"}[name] in text


@pytest.mark.parametrize("name", ["github", "gitlab", "argo"])
def test_a_build_takes_its_contexts_dockerfile(name: str) -> None:
    """Where it names none, on every target alike."""
    one = case("images")
    builds = [job.action.build for job in jobs_of(lowered(one)) if isinstance(job.action, BuildImage)]
    assert any(build.context == "app" and build.file is None for build in builds)
    wanted = {(build.context or ".", dockerfile_of(build)) for build in builds}
    if name == "github":
        steps = [
            step for _, job in github_jobs(one) for step in job["steps"] if "docker/build-push" in step.get("uses", "")
        ]
        given = [step["with"] for step in steps]
        # https://github.com/docker/build-push-action#inputs
        found = {(options["context"], options.get("file", f"{options['context']}/Dockerfile")) for options in given}
    else:
        text = "\n".join(emitted(one, name).yaml.values())
        places = re.findall(r"context=([\w./-]+)\W+local.dockerfile=([\w./-]+)\W+opt.filename=([\w./-]+)", text)
        found = {(context, normpath(join(folder, file))) for context, folder, file in places}
    assert found == wanted


@by_pair
def test_what_the_compiler_adds_runs_in_its_own_image(case: Case, name: str) -> None:
    """Support jobs know their Python: they never run in an image of the manifest's."""
    added = [job for job in jobs_of(lowered(case)) if isinstance(job.action, Support) and job.environment is None]
    if name == "gitlab":
        names = {job.name for job in added}
        for id_, job, _ in gitlab_jobs(case):
            if id_ in names:
                assert job["image"]["name"].startswith("python:"), id_
    elif name == "argo":
        names = {job.name for job in added}
        for id_, pod in argo_pods(case):
            if id_ in names:
                assert (pod.get("script") or pod["container"])["image"].startswith("python:"), id_
    else:
        names = {job.name for job in added}
        for id_, job in github_jobs(case):
            if id_ in names:
                assert "container" not in job, id_
