"""A service's function, served on this machine until a person stops it: its smoke test without the requests."""

from __future__ import annotations

from compiler.ir import Job, Project, Support

SERVE = "serve"  # the script
SMOKE = "smoke-"  # the job of a service
DEFAULT_PORT = 8080
HOST = "127.0.0.1"


def services(project: Project) -> dict[str, tuple[str, str]]:
    """The services of a lowered project that can be served: the pipeline and the job that smoke-test each."""
    found: dict[str, tuple[str, str]] = {}
    for pipeline in project.pipelines:
        for job in pipeline.jobs:
            if isinstance(job.action, Support) and job.action.script == SERVE:
                found.setdefault(job.name.removeprefix(SMOKE), (pipeline.name, job.name))
    return found


def serving(project: Project, pipeline: str, name: str, port: int | None) -> Project:
    """The project whose smoke test of that name serves at a port (by default the service's own) and does not end."""
    own = next((one.port for one in project.services if SMOKE + one.name == name), None)
    changed = tuple(
        one.replace(
            jobs=tuple(_endless(job, port or own or DEFAULT_PORT) if job.name == name else job for job in one.jobs)
        )
        if one.name == pipeline
        else one
        for one in project.pipelines
    )
    return project.replace(pipelines=changed)


def _endless(job: Job, port: int) -> Job:
    action = job.action
    assert isinstance(action, Support)
    kept = tuple(words for words in action.arguments if not str(words[0]).startswith("--request="))
    return job.replace(action=action.replace(arguments=(*kept, (f"--host={HOST}",), (f"--port={port}",))), timeout=None)


def listens(job: Job) -> bool:
    """Whether a job answers at a port of its own."""
    action = job.action
    return isinstance(action, Support) and any(
        str(words[0]).startswith("--port=") for words in action.arguments if words
    )
