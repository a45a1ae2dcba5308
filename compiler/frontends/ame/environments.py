"""Executors: the environment that each of AME's makes, and the text that it runs.

AME's own scripts: `source ~/.bashrc; pyenv install V; pyenv global V; poetry install; poetry run CMD` and so on, without
`set -e`, so that a failed installation shows only where the command fails too. Here the Python is the image's, and the
first line that fails ends the job.
"""

from __future__ import annotations

from compiler import images
from compiler.frontends.ame import config
from compiler.ir import NOTHING, Environment, Job, Script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import Files

AME_PYTHON = "3.11"  # what AME's image has where the executor names none
INSTALLERS = {"poetry": "poetry", "pip": "pip", "pipEnv": "pipenv", "mlflow": "mlflow"}
# MLflow makes a project's environment itself: with uv, which fetches the Python that the project asks for, as AME's
# image has pyenv do. https://mlflow.org/docs/latest/ml/projects
MLFLOW_COMMAND = "mlflow run . --env-manager uv"
MLFLOW_SETUP = f"pip install --quiet uv=={images.UV_VERSION}"
_SIMPLE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-./=:,@%+")


def with_executor(job: Job, executor: config.Executor, folder: str, files: Files) -> Job:
    """A job that runs what the executor says. Text that shells read differently is bash's, as it is AME's."""
    kind = executor.kind or "pipEnv"
    command = MLFLOW_COMMAND if kind == "mlflow" else (executor.command or "").strip("\n")
    return job.replace(
        environment=_environment(kind, executor, folder, files),
        action=Script(lines=(command,), origin=executor.origin),
        shell=None if _SIMPLE.issuperset(command) else "bash",
    )


def _environment(kind: str, executor: config.Executor, folder: str, files: Files) -> Environment:
    python = executor.python
    if python is None and kind == "pipEnv":
        python = _pipfile_python(folder, files) or AME_PYTHON
    elif python is None and executor.image is None:
        python = AME_PYTHON
    return Environment(
        image=(executor.image,) if executor.image else None,
        python=python,
        installer=INSTALLERS.get(kind),  # type: ignore[arg-type]  # the table's values are the IR's words
        setup=((MLFLOW_SETUP,),) if kind == "mlflow" else NOTHING,
        origin=executor.origin,
    )


def _pipfile_python(folder: str, files: Files) -> str | None:
    """The Python that a Pipfile asks for: https://pipenv.pypa.io/en/latest/pipfile.html; None where it can't be told."""
    from compiler.diagnostics import Sink

    path = f"{folder}/Pipfile".removeprefix("/")
    source = files.source(path, Sink()) if files.is_file(path) else None
    if source is None:
        return None
    import tomllib

    try:
        requires = tomllib.loads(source.text).get("requires")
    except tomllib.TOMLDecodeError:
        return None
    asked = requires if isinstance(requires, dict) else {}
    version = asked.get("python_full_version") or asked.get("python_version")
    good = isinstance(version, str) and all(part.isdecimal() for part in version.split(".")) and version.count(".") <= 2
    return version if good else None
