"""GitHub Actions: one workflow file a pipeline, under .github/workflows.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

from __future__ import annotations

from compiler import codes as core
from compiler import graph
from compiler.ir import Call, OnPipeline
from compiler.target import Document
from targets import names
from targets.github.limits import LIMITS
from targets.github.support import SUPPORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Pipeline, Project, Settings

NAME = "github"
TITLE = "GitHub Actions"
OPTIONS = frozenset(("container", "default_branch"))
FOLDER = ".github/workflows"
# Keys that hold a safety rule: rights, guards against forks, pinned actions, machines that forks must not reach.
_OF_A_JOB = ("permissions", "if", "steps", "runs-on", "secrets", "uses")
FORBIDDEN = (
    ("on", "pull_request_target"),
    ("on", "workflow_run"),
    *((key,) for key in _OF_A_JOB),
    *(("jobs", "*", key) for key in _OF_A_JOB),
)
LONGEST_FILE = 120


def emit(project: Project, settings: Settings, sink: Sink) -> tuple[Document, ...]:
    """A workflow for each pipeline; findings go to the sink."""
    from compiler.target import with_default_store
    from targets.github import parts
    from targets.github.workflow import Workflow

    _check_settings(settings, sink)
    project = with_default_store(project, settings)
    if dict(settings.options).get("container") is False:
        from targets.prebuilt import without

        project = without(project)  # its jobs run on the machine itself
    by_name = {pipeline.name: pipeline for pipeline in project.pipelines}
    after = _after(project)
    called = {job.action.pipeline for one in project.pipelines for job in one.jobs if isinstance(job.action, Call)}
    called |= {follower.name for followers in after.values() for follower in followers}
    files = names.unique(by_name, _legal_file, LONGEST_FILE, key=str.lower)
    made: dict[str, list[Document]] = {}
    callees: dict[str, Any] = {}
    for name in _callees_first(project, after, sink):
        pipeline = by_name[name]
        is_called = name in called or any(type(trigger).__name__ == "OnCall" for trigger in pipeline.triggers)
        workflow = Workflow(project, pipeline, settings, sink, is_called, files[name])
        found, callees[name] = parts.emit(workflow, callees, after.get(name, []))
        made[name] = [Document(path=f"{FOLDER}/{stem}.yml", documents=(data,)) for stem, data in found]
        _overlay(workflow, found, settings, sink)
    return tuple(document for name in by_name for document in made.get(name, []))


def _check_settings(settings: Settings, sink: Sink) -> None:
    options = dict(settings.options)
    if not isinstance(options.get("container", True), bool):
        _refuse("container", options["container"], "true or false", settings, sink)
    branch = options.get("default_branch", "main")
    if not isinstance(branch, str) or not branch:
        _refuse("default_branch", branch, "the name of a branch", settings, sink)
    if settings.output is not None and settings.output.rstrip("/") != FOLDER:
        message = f'"{settings.output}" can\'t be where workflows are: GitHub reads them in {FOLDER} alone'
        advice = "leave `output` out; `headrace compile --output DIR` writes everything below another folder"
        sink.report(core.WRONG_SETTING, message, settings.origin, field="output", help=advice)
    for path in settings.include:
        message = f'"{path}" can\'t be included: a workflow on GitHub is a file of its own'
        advice = f"put it beside the compiled ones, under {FOLDER}"
        sink.report(core.WRONG_SETTING, message, settings.origin, field=f"include[{path}]", help=advice)


def _refuse(key: str, value: object, wanted: str, settings: Settings, sink: Sink) -> None:
    from json import dumps

    message = f"targets.github.{key} takes {wanted}, not {dumps(value, ensure_ascii=False)}"
    sink.report(core.WRONG_SETTING, message, settings.origin, field=key)


def _after(project: Project) -> dict[str, list[Pipeline]]:
    """The pipelines that run after each pipeline."""
    found: dict[str, list[Pipeline]] = {}
    for pipeline in project.pipelines:
        for trigger in pipeline.triggers:
            if isinstance(trigger, OnPipeline):
                found.setdefault(trigger.pipeline, []).append(pipeline)
    return found


def _callees_first(project: Project, after: dict[str, list[Pipeline]], sink: Sink) -> list[str]:
    calls = {
        pipeline.name: [job.action.pipeline for job in pipeline.jobs if isinstance(job.action, Call)]
        + [follower.name for follower in after.get(pipeline.name, [])]
        for pipeline in project.pipelines
    }
    for cycle in graph.cycles(calls):
        circle = " -> ".join([*cycle, cycle[0]])
        at = next(pipeline.origin for pipeline in project.pipelines if pipeline.name == cycle[0])
        sink.report(core.CALL_CYCLE, f"pipelines call or follow one another: {circle}", at)
    return graph.order(calls)


def _legal_file(name: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name).strip("-.")
    return kept or "pipeline"


def _overlay(workflow: Any, found: list[tuple[str, dict[str, Any]]], settings: Settings, sink: Sink) -> None:
    """Lay `targets.github.overlay` over the first file and over each job, wherever a split has put it."""
    if not settings.overlay:
        return
    from targets import overlay
    from targets.github.workflow import legal_id

    emitted = {id_: job for _, data in found for id_, job in data["jobs"].items()}
    jobs = {
        name: [emitted[workflow.ids[part]] for part in parts if workflow.ids[part] in emitted]
        for name, parts in workflow.members.items()
    }
    document = found[0][1]
    overlay.apply(document, settings.overlay, jobs, FORBIDDEN, sink, settings.origin)
    those = overlay.touched(settings.overlay, jobs) or dict(list(document["jobs"].items())[:1])
    kept = {**document, "jobs": {legal_id(name): job for name, job in those.items()}}
    overlay.judge("github", [kept], sink, settings.origin)


def script(name: str) -> str:
    """The text of one of headrace's own scripts, for images that hold it."""
    from targets.runtime import script as text

    return text(name)


def recognise(remote: str | None, has: Any) -> bool:
    """A repository on GitHub, or one that has workflows already."""
    authority = (remote or "").split("://")[-1].split("/")[0]
    host = authority.split("@")[-1].split(":")[0].lower()
    # https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/about-github-enterprise-cloud-with-data-residency
    return host.startswith("github.") or host.endswith(".ghe.com") or bool(has(FOLDER))


__all__ = ["LIMITS", "NAME", "OPTIONS", "SUPPORT", "TITLE", "emit", "recognise", "script"]
