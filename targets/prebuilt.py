"""Environments that are built ahead: an image with the packages, under a tag that says what they were made from.

The tag is computed in the job that builds, from the commit's own lock files: an image can then neither be stale nor
make the compiled files change with every lock. A job in such an image still runs its installer, which finds all
packages there and adds what only the checkout has (the project itself): what the job gets is what it would have got.
"""

from __future__ import annotations

from compiler.images import MLFLOW_TOOLS
from compiler.ir import BuildImage, Environment, Job, Pipeline, Project, holes
from targets.commands import (
    PIPENV_VERSION,
    POETRY_VERSION,
    installer_options,
    literal,
    lock_files,
    named_file,
    pinned,
)

PLACE = "/opt/headrace"
FILE = ".headrace/Dockerfile"
VARIABLE = "HEADRACE_DOCKERFILE"
_VENV = f"{PLACE}/venv"
_HERE = {
    "poetry": f"VIRTUAL_ENV={_VENV} POETRY_VIRTUALENVS_CREATE=false",
    "pipenv": f"VIRTUAL_ENV={_VENV} PIPENV_VERBOSITY=-1",
}


def dockerfile(software: Environment, variables: tuple[str, ...] = (), project: Project | None = None) -> str:
    """What builds the image, from one with its digest where the project knows it. `variables` are given as build
    arguments of the same names."""
    base = "".join(str(piece) for piece in software.image or ())
    base = base if project is None else pinned(project, base)
    lines = [f"FROM {base}", *(f"ARG {name}" for name in variables)]
    if software.apt:
        packages = " ".join(literal(package) for package in software.apt)
        lines.append(
            "RUN apt-get update -qq \\\n"
            f"  && apt-get install -y -qq --no-install-recommends {packages} \\\n"
            "  && rm -rf /var/lib/apt/lists/*"
        )
    brought = [line for line in software.prelude if not line.startswith("export ")]
    if brought:
        lines.append("RUN " + " \\\n  && ".join(brought))
    lines += [f"ENV {line.removeprefix('export ')}" for line in software.prelude if line.startswith("export ")]
    packed = _packed(software)
    if packed:
        folder = f"/src/{software.working_directory}" if software.working_directory else "/src"
        lines.append(f"WORKDIR {_quoted(folder)}")
        # Jobs run as whatever user their system says.
        body = " \\\n  && ".join([*packed, f"chmod -R a+rwX {PLACE}"])
        lines.append(f"RUN --mount=type=bind,target=/src,rw \\\n  {body}")
        lines.append("WORKDIR /")
    return "\n".join(lines) + "\n"


def _quoted(folder: str) -> str:
    """A folder as WORKDIR takes it: https://docs.docker.com/reference/dockerfile/#environment-replacement."""
    plain = folder.replace("$", "\\$").replace('"', '\\"')
    return folder if plain == folder and " " not in folder else f'"{plain}"'


def _packed(software: Environment) -> list[str]:
    """The installer's commands without the project itself, which is the checkout's."""
    options = installer_options(software)
    match software.installer:
        case "uv":
            sync = f"uv sync --locked --no-cache --no-install-workspace{options}"
            return [f"UV_PROJECT_ENVIRONMENT={_VENV} UV_LINK_MODE=copy {sync}"]
        case "pip":
            file = literal(named_file(software))
            return [f"python -m venv {_VENV}", f"{_VENV}/bin/pip install --quiet --no-cache-dir -r {file}"]
        case "poetry":
            return [
                f"python -m venv {PLACE}/poetry",
                f"{PLACE}/poetry/bin/pip install --quiet --no-cache-dir poetry=={POETRY_VERSION}",
                f"python -m venv {_VENV}",
                f"{_HERE['poetry']} {PLACE}/poetry/bin/poetry install --no-interaction --no-cache --no-root{options}",
            ]
        case "pipenv":
            return [
                f"python -m venv {PLACE}/pipenv",
                f"{PLACE}/pipenv/bin/pip install --quiet --no-cache-dir pipenv=={PIPENV_VERSION}",
                f"python -m venv {_VENV}",
                f"{_HERE['pipenv']} {PLACE}/pipenv/bin/pipenv sync{options}",
            ]
        case "conda":
            return [f"conda env create --quiet --prefix {_VENV} --file {literal(named_file(software))}"]
        case "mlflow":
            tools = " ".join(MLFLOW_TOOLS)
            return [f"python -m venv {_VENV}", f"{_VENV}/bin/pip install --quiet --no-cache-dir {tools}"]
    return []


def key_lines(software: Environment) -> list[str]:
    """Shell lines that write the Dockerfile and set HEADRACE_KEY, the tag for these packages on this kind of machine."""
    lines = [
        "mkdir -p .headrace",
        f'printf %s "${VARIABLE}" > {FILE}',
        f"echo .git > {FILE}.dockerignore",  # the repository's own is for its images
        f"cp {FILE} .headrace/made-from",
    ]
    files = [] if software.installer == "mlflow" else lock_files(software)
    if files:
        lines.append(f"sha256sum {' '.join(map(literal, files))} >> .headrace/made-from")
    lines.append("uname -m >> .headrace/made-from")
    return [*lines, 'HEADRACE_KEY="env-$(sha256sum .headrace/made-from | cut -c 1-40)"']


def without(project: Project) -> Project:
    """The same project with nothing built ahead: for machines that keep environments themselves, or use no images."""
    if not any(is_prebuilt(job) for pipeline in project.pipelines for job in pipeline.jobs):
        return project
    return project.replace(pipelines=tuple(_without(pipeline) for pipeline in project.pipelines))


def is_prebuilt(job: Job) -> bool:
    """Whether a job's image holds its packages."""
    return isinstance(job.environment, Environment) and job.environment.base is not None


def _without(pipeline: Pipeline) -> Pipeline:
    actions = [job.action for job in pipeline.jobs if isinstance(job.action, BuildImage)]
    made = {action.environment: action.software for action in actions if action.software is not None}
    jobs = tuple(_plain(job, made) if is_prebuilt(job) else job for job in pipeline.jobs)
    wanted = {ref.name for job in jobs for ref in holes(job) if ref.kind == "images"}
    gone = {job.name for job in jobs if _builds_ahead(job) and getattr(job.action, "environment", None) not in wanted}
    kept = (job for job in jobs if job.name not in gone)
    return pipeline.replace(
        jobs=tuple(job.replace(needs=tuple(need for need in job.needs if need.job not in gone)) for job in kept)
    )


def _plain(job: Job, made: dict[str | None, Environment]) -> Job:
    """The job in what its image is made from, with all that its own lines have to install."""
    environment = job.environment
    assert isinstance(environment, Environment)
    software = made[environment.name]
    plain = environment.replace(image=environment.base, base=None, apt=software.apt, prelude=software.prelude)
    return job.replace(environment=plain)


def _builds_ahead(job: Job) -> bool:
    return isinstance(job.action, BuildImage) and job.action.software is not None


def in_job(environment: Environment) -> list[str]:
    """The installer's lines in a job whose image has the packages. They leave its programs first in PATH."""
    options = installer_options(environment)
    path = f'export PATH="{_VENV}/bin:$PATH"'
    match environment.installer:
        case "uv":
            return [f"export UV_PROJECT_ENVIRONMENT={_VENV}", f"uv sync --locked{options}", path]
        case "pip":
            return [f"{_VENV}/bin/pip install --quiet -r {literal(named_file(environment))}", path]
        case "poetry":
            return [f"{_HERE['poetry']} {PLACE}/poetry/bin/poetry install --no-interaction{options}", path]
        case "pipenv":
            return [f"{_HERE['pipenv']} {PLACE}/pipenv/bin/pipenv sync{options}", path]
        case "conda" | "mlflow":
            return [path]
    return []
