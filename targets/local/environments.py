"""Environments made for real: packages are installed once a lock, into a folder that all runs share.

What an installer must do in the job's own checkout (uv, which has a cache of its own, and locks that refer to files
beside them) is done there, by the lines that CI runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from compiler import images
from compiler.ir import NOTHING, Environment, Job
from targets import commands
from targets.local import locks, process, pythons
from targets.local.process import Ended, Stop
from targets.local.snapshot import Snapshot
from targets.local.state import State, write_whole

_COMPLETE = ".headrace-complete"
# Lines of a requirements file that refer to something beside it.
_ELSEWHERE = re.compile(
    r"^\s*(-[rce]\b|--(requirement|constraint|editable|find-links)\b|\.{0,2}/|\.\s*$|file:)|@\s*file:|\s-e\s", re.M
)


class NotMadeError(Exception):
    """An environment that can't be made; the text says why, `help` what to do."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


@dataclass
class Software:
    """How an environment becomes a job's here: lines for its shell, variables, folders first in PATH."""

    job: Job  # what is left for the shell to prepare
    variables: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # before the job's own


def asks_for_image(environment: Environment | None) -> bool:
    """Whether a person asks for an image: not one of the table, which stand for a Python that is made here."""
    if environment is None or environment.image is None or environment.prelude:
        return False
    named = commands.flat(environment.image)  # None: built by the pipeline itself
    table = images.python_image(environment.python, environment.installer) if environment.python else None
    return named is None or named != table


def system_packages(environment: Environment) -> list[str]:
    """The packages that a person asks for: without those that bring Python into a CUDA image."""
    brought = images.CUDA_PACKAGES if environment.prelude else ()
    return [package for package in environment.apt if package not in brought]


def describe(environment: Environment | None) -> str:
    """What a job gets here, as part of its content key: the exact Python, or this machine."""
    if environment is None or not environment.python:
        return "this machine"
    if environment.installer == "conda":
        return "conda"
    return f"python {pythons.find(environment.python).version}"


class Environments:
    """Makes environments, each once, under a lock that holds across runs."""

    def __init__(self, state: State, snapshot: Snapshot, stop: Stop) -> None:
        self.state, self.snapshot, self.stop = state, snapshot, stop

    def prepare(
        self, job: Job, temporary: str, variables: Mapping[str, str], output: Callable[[bytes], None]
    ) -> Software:
        """The software of a job. `temporary` is a folder of its own. Raises NotMadeError."""
        environment = job.environment
        if not isinstance(environment, Environment):
            return Software(job)
        # A Python that is made here needs no lines that bring one into an image.
        job = job.replace(environment=environment.replace(apt=NOTHING, prelude=NOTHING))
        if not environment.python:
            return Software(job)  # an image's own Python is not here: what installs does so with this machine's
        if environment.installer == "uv":
            return _with_uv(job, environment)
        if environment.installer == "conda" and shutil.which("conda") is None:
            raise NotMadeError("conda is not installed here", "install Miniforge, or use a container engine")
        if environment.installer == "pip" and self._refers(environment):
            return self._in_checkout(job, environment, temporary)
        base = self._shared(environment, variables, temporary, output)
        if environment.installer == "conda":
            return Software(_without_installer(job), {"CONDA_PREFIX": base}, [os.path.join(base, "bin")])
        own = os.path.join(temporary, "environment")
        pythons.overlay(base, own)
        lines = _root_package(environment, self.state)
        return Software(_without_installer(job), {"VIRTUAL_ENV": own}, [os.path.join(own, "bin")], lines)

    def _refers(self, environment: Environment) -> bool:
        """Whether a requirements file installs something beside it: then its own bytes don't tell what it installs."""
        (file,) = commands.lock_files(environment)
        try:
            text = self.snapshot.read(file).decode("utf-8", "replace")
        except OSError:
            return False
        return _ELSEWHERE.search(text) is not None

    def _in_checkout(self, job: Job, environment: Environment, temporary: str) -> Software:
        """CI's own lines, with the right `python` in PATH."""
        python = pythons.find(environment.python or "")
        programs = os.path.join(temporary, "python")
        os.makedirs(programs)
        for name in ("python", "python3"):
            os.symlink(python.path, os.path.join(programs, name))
        return Software(job, {}, [programs])

    def _shared(
        self, environment: Environment, variables: Mapping[str, str], temporary: str, output: Callable[[bytes], None]
    ) -> str:
        """The folder of an environment that is whole; made where it is not there."""
        python = pythons.find(environment.python or "")
        content = self._content(environment)
        digest = _digest(environment, python.version, content)
        base = self.state.shared("environments", digest)
        complete = os.path.join(base, _COMPLETE)
        if os.path.exists(complete):
            os.utime(complete)  # it is in use: `headrace runs clean` looks at this
            return base
        held = None
        while held is None:  # another job, or another run, makes it
            held = locks.attempt(self.state.shared("locks", f"environment-{digest}"))
            if held is None and self.stop.wait(0.1):
                raise NotMadeError("the run was cancelled")
        with held:
            if not os.path.exists(complete):
                shutil.rmtree(base, ignore_errors=True)
                maker = _Maker(
                    environment, python.path, base, content, self.state, variables, temporary, output, self.stop
                )
                output(f"headrace: making {_title(environment, python.version)}\n".encode())
                began = time.monotonic()
                maker.make()
                write_whole(complete, "")
                output(f"headrace: made in {time.monotonic() - began:.1f}s\n".encode())
        return base

    def _content(self, environment: Environment) -> dict[str, bytes]:
        """The bytes of the files that decide what is installed, by their names."""
        found = {}
        for path in commands.lock_files(environment):
            try:
                found[os.path.basename(path)] = self.snapshot.read(path)
            except OSError:
                continue
        names = commands.lock_files(environment)
        if names and not found and environment.installer != "mlflow":
            raise NotMadeError(f'"{names[0]}" is not there, which {environment.installer} installs from')
        return found


def _title(environment: Environment, version: str) -> str:
    how = f" with {environment.installer}" if environment.installer else ""
    return f"the environment {environment.name or 'of this job'}: Python {version}{how}"


def _digest(environment: Environment, version: str, content: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    settings = (environment.installer, version, environment.groups, environment.extras, os.uname().machine)
    total.update(repr(tuple(tuple(one) if isinstance(one, tuple) else one for one in settings)).encode())
    for name in sorted(content):
        total.update(f"{name} {len(content[name])} ".encode() + content[name])
    return total.hexdigest()[:32]


def _without_installer(job: Job) -> Job:
    assert isinstance(job.environment, Environment)
    return job.replace(environment=job.environment.replace(installer=None))


def _with_uv(job: Job, environment: Environment) -> Software:
    """uv has a cache and links from it, so that CI's own lines are fast enough in every checkout."""
    if shutil.which("uv") is None:
        raise NotMadeError("uv is not installed here", "`pip install uv`, or see docs.astral.sh/uv")
    return Software(job, {"UV_PYTHON": environment.python or "", "UV_NO_PROGRESS": "1"})


def _root_package(environment: Environment, state: State) -> list[str]:
    """The project itself, which poetry installs from the checkout."""
    if environment.installer != "poetry":
        return []
    tool = os.path.join(state.shared("tools", f"poetry-{commands.POETRY_VERSION}"), "bin", "poetry")
    enter = f"(cd {commands.literal(environment.working_directory or '.')} && "
    return [f"{enter}POETRY_VIRTUALENVS_CREATE=false {commands.literal(tool)} install --only-root --no-interaction)"]


@dataclass
class _Maker:
    """Installs one environment into its folder."""

    environment: Environment
    python: str
    base: str
    content: Mapping[str, bytes]
    state: State
    variables: Mapping[str, str]
    temporary: str
    output: Callable[[bytes], None]
    stop: Stop

    def make(self) -> None:
        self.folder = os.path.join(self.temporary, "installing")
        os.makedirs(self.folder, exist_ok=True)
        for name, data in self.content.items():
            with open(os.path.join(self.folder, name), "wb") as stream:
                stream.write(data)
        try:
            self._install()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _install(self) -> None:
        installer = self.environment.installer
        if installer == "conda":
            (name,) = self.content
            self._run("conda", "env", "create", "--quiet", "--yes", "--prefix", self.base, "--file", name)
            return
        self._run(self.python, "-m", "venv", self.base)
        own = os.path.join(self.base, "bin", "python")
        if installer == "pip":
            (name,) = self.content
            self._run(own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", name)
        elif installer == "mlflow":
            self._run(own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *images.MLFLOW_TOOLS)
        elif installer == "poetry":
            groups = [word for group in self.environment.groups for word in ("--with", group)]
            extras = [word for extra in self.environment.extras for word in ("--extras", extra)]
            tool = self._tool("poetry", commands.POETRY_VERSION)
            self._run(tool, "install", "--no-root", "--no-interaction", *groups, *extras, VIRTUAL_ENV=self.base,
                      POETRY_VIRTUALENVS_CREATE="false", PATH=self._path())  # fmt: skip
        elif installer == "pipenv":
            groups = [" ".join(("packages", *self.environment.groups))] if self.environment.groups else []
            options = [word for group in groups for word in ("--categories", group)]
            tool = self._tool("pipenv", commands.PIPENV_VERSION)
            self._run(tool, "sync", *options, VIRTUAL_ENV=self.base, PIPENV_VERBOSITY="-1", PATH=self._path())

    def _path(self) -> str:
        return os.path.join(self.base, "bin") + os.pathsep + self.variables.get("PATH", os.defpath)

    def _tool(self, name: str, version: str) -> str:
        """An installer that is itself installed, once, in the version that CI installs."""
        folder = self.state.shared("tools", f"{name}-{version}")
        program = os.path.join(folder, "bin", name)
        held = None
        while held is None:
            held = locks.attempt(self.state.shared("locks", f"tool-{name}-{version}"))
            if held is None and self.stop.wait(0.1):
                raise NotMadeError("the run was cancelled")
        with held:
            if not os.path.exists(os.path.join(folder, _COMPLETE)):
                shutil.rmtree(folder, ignore_errors=True)
                self._run(self.python, "-m", "venv", folder)
                pip = os.path.join(folder, "bin", "python")
                self._run(pip, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{name}=={version}")
                write_whole(os.path.join(folder, _COMPLETE), "")
        return program

    def _run(self, *argv: str, **more: str) -> None:
        ended: Ended = process.run(argv, self.folder, {**self.variables, **more}, self.output, self.stop)
        if ended.cancelled:
            raise NotMadeError("the run was cancelled")
        if ended.status:
            raise NotMadeError(
                f"{os.path.basename(argv[0])} ended with status {ended.status}: its output is in the log"
            )
