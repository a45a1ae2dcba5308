"""`build: {generate: true}`: the Dockerfile is rendered from what the environment says, and committed like all output.

The files stand below `docker/`, beside the manifest. From there on it is a build like any other, and what the image
brings is not installed again by the jobs that run in it.
"""

from __future__ import annotations

from posixpath import join

from compiler import codes
from compiler.ir import NOTHING, Build, BuildImage, Environment, Project, Rendered
from compiler.passes.context import Context
from compiler.passes.environments import check_installer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Job
    from compiler.source import Origin

FOLDER = "docker"


def write_dockerfiles(project: Project, context: Context) -> Project:
    _check_others(project, context)
    if not any(_is_generated(environment.build) for environment in project.environments):
        return project
    rendered = list(project.rendered)
    environments = []
    for environment in project.environments:
        if _is_generated(environment.build):
            environment = _written(environment, project.folder, rendered, context)
        environments.append(environment)
    return project.replace(environments=tuple(environments), rendered=tuple(rendered))


def _is_generated(build: Build | None) -> bool:
    return build is not None and bool(build.generate)


def _check_others(project: Project, context: Context) -> None:
    """Keys that mean nothing to another build, and builds that have no environment to be written from."""
    for environment in project.environments:
        if environment.build is not None and not environment.build.generate:
            _check_keys(environment.build, environment.build.origin or environment.origin, context)
    for group in (project.jobs, *(pipeline.jobs for pipeline in project.pipelines)):
        for job in group:
            build = _in_place(job)
            at = None if build is None else build.origin or job.origin
            if build is not None and build.generate:
                message = f'"{job.name}" has no environment that a Dockerfile could be written from'
                advice = "say `build: {generate: true}` in an entry of `environments`, and name that one here"
                context.sink.report(codes.KEYS_EXCLUDE, message, at, field="generate", help=advice)
            elif build is not None:
                _check_keys(build, at, context)


def _in_place(job: Job) -> Build | None:
    if isinstance(job.action, BuildImage):
        return job.action.build
    return job.environment.build if isinstance(job.environment, Environment) else None


def _check_keys(build: Build, at: Origin | None, context: Context) -> None:
    for key in ("command", "checks"):
        if getattr(build, key):
            message = f"`{key}` means nothing to a build with a Dockerfile of its own"
            advice = "write it in the Dockerfile, or say `generate: true`"
            context.sink.report(codes.KEYS_EXCLUDE, message, at, field=key, help=advice)


def _written(environment: Environment, folder: str, rendered: list[Rendered], context: Context) -> Environment:
    from compiler.dockerfiles import DockerfileError, ignored, render

    build = environment.build
    assert build is not None
    at = build.origin or environment.origin
    check_installer(environment, environment.origin, context)
    for key in ("file", "target"):
        if getattr(build, key) is not None:
            message = f"`{key}` names what is there, and `generate` writes it"
            context.sink.report(codes.KEYS_EXCLUDE, message, at, field=key, help="leave one of the two out")
    build = build.replace(context=build.context or folder or None)
    environment = environment.replace(build=build)
    try:
        text = render(environment, _has_hashes(environment, context))
    except DockerfileError as error:
        context.sink.report(codes.WRONG_VALUE, str(error), environment.origin, field=error.field, help=error.help)
        text = ""
    path = join(folder, FOLDER, f"{environment.name}.Dockerfile")
    rendered.append(Rendered(path=path, text=text, origin=at))
    rendered.append(Rendered(path=path + ".dockerignore", text=ignored(), origin=at))
    build = build.replace(file=path, generate=None, command=NOTHING, checks=NOTHING)
    return environment.replace(
        build=build,
        image=None,
        installer=None,
        file=None,
        groups=NOTHING,
        extras=NOTHING,
        apt=NOTHING,
        setup=NOTHING,
        working_directory=None,
    )


def _has_hashes(environment: Environment, context: Context) -> bool:
    """Whether the requirements pin hashes; that they are not there is an error, as the image could not be built."""
    if environment.installer != "pip":
        return False
    folder = environment.working_directory
    path = environment.file or (f"{folder}/requirements.txt" if folder else "requirements.txt")
    if not context.files.is_file(path):
        context.sink.report(
            codes.MISSING_FILE, f'"{path}" {context.files.absence(path)}', environment.origin, field="file"
        )
        return False
    source = context.files.source(path, context.sink)
    return source is not None and "--hash=" in source.text
