"""Several manifests of one repository, compiled together: names that stay apart, and pipelines that mind their own folder."""

from __future__ import annotations

from compiler import codes
from compiler.ir import NOTHING, Call, OnChangeRequest, OnPipeline, OnPush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.diagnostics import Sink
    from compiler.ir import Job, Pipeline, Project, Trigger


def apart(projects: Sequence[Project], sink: Sink) -> list[Project]:
    """Lowered projects with names of their own, whose pipelines start for changes in their manifest's folder.

    A name that two of them have is led by the folder (a project's) or the project (a pipeline's); a note says so.
    A trigger that says `paths` keeps them, and a manifest in the root starts for everything, as it does by itself.
    """
    named = [_named(project, name, sink) for project, name in zip(projects, _project_names(projects), strict=True)]
    taken = _count(pipeline.name for project in named for pipeline in project.pipelines)
    return [_with_paths(_with_pipelines(project, taken, sink)) for project in named]


def _key(name: str) -> str:
    """Names that are one file or one cluster resource have one key."""
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def _count(names: object) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:  # type: ignore[attr-defined]  # any iterable of names
        found[_key(name)] = found.get(_key(name), 0) + 1
    return found


def _project_names(projects: Sequence[Project]) -> list[str]:
    taken = _count(project.name for project in projects)
    names = []
    for project in projects:
        folder = project.folder.replace("/", "-")
        shared = taken[_key(project.name)] > 1 and folder
        names.append(f"{folder}-{project.name}" if shared else project.name)
    return names


def _named(project: Project, name: str, sink: Sink) -> Project:
    if name == project.name:
        return project
    _say(sink, f'the project "{project.name}" of {project.manifest}', name, project)
    renamed = {project.name: name}
    pipelines = tuple(_renamed(pipeline, renamed) for pipeline in project.pipelines)
    return project.replace(name=name, pipelines=pipelines)


def _with_pipelines(project: Project, taken: dict[str, int], sink: Sink) -> Project:
    renamed = {
        pipeline.name: f"{project.name}-{pipeline.name}"
        for pipeline in project.pipelines
        if taken[_key(pipeline.name)] > 1
    }
    if not renamed:
        return project
    for old, new in renamed.items():
        _say(sink, f'the pipeline "{old}" of {project.manifest}', new, project)
    return project.replace(pipelines=tuple(_renamed(pipeline, renamed) for pipeline in project.pipelines))


def _say(sink: Sink, what: str, name: str, project: Project) -> None:
    message = f'{what} is called "{name}": another manifest of this repository has that name too'
    sink.report(codes.RENAMED_TOGETHER, message, project.origin)


def _renamed(pipeline: Pipeline, renamed: dict[str, str]) -> Pipeline:
    jobs = tuple(_renamed_call(job, renamed) for job in pipeline.jobs)
    triggers = tuple(
        trigger.replace(pipeline=renamed.get(trigger.pipeline, trigger.pipeline))
        if isinstance(trigger, OnPipeline)
        else trigger
        for trigger in pipeline.triggers
    )
    return pipeline.replace(name=renamed.get(pipeline.name, pipeline.name), jobs=jobs, triggers=triggers)


def _renamed_call(job: Job, renamed: dict[str, str]) -> Job:
    call = job.action
    if not isinstance(call, Call) or call.pipeline not in renamed:
        return job
    return job.replace(action=call.replace(pipeline=renamed[call.pipeline]))


def _with_paths(project: Project) -> Project:
    if not project.folder:
        return project
    own = (f"{project.folder}/**",)
    pipelines = tuple(
        pipeline.replace(triggers=tuple(_filtered(trigger, own) for trigger in pipeline.triggers))
        for pipeline in project.pipelines
    )
    return project.replace(pipelines=pipelines)


def _filtered(trigger: Trigger, own: tuple[str, ...]) -> Trigger:
    if isinstance(trigger, (OnPush, OnChangeRequest)) and trigger.paths is NOTHING:
        return trigger.replace(paths=own)
    return trigger
