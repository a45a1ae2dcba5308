"""What a repository's files say about its software and its work. Nothing is run; files that can't be read are left out."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from compiler.pyargs import Argument, Interface

MAX_BYTES = 256 * 1024
FOLDERS = ("", "src", "scripts", "pipeline", "pipelines", "jobs", "ml")
CONDA = ("environment.yml", "environment.yaml", "conda.yaml", "conda.yml")
LOCKS = {"uv": ("uv.lock", "uv lock"), "pipenv": ("Pipfile.lock", "pipenv lock")}  # what can't install without one
NOTEBOOK_FOLDERS = ("", "notebooks")
# Steps in the order in which they usually run, with the words that scripts for them are named by.
STEPS = {
    "fetch": ("fetch", "download", "ingest", "extract", "collect", "load_data"),
    "prepare": (
        "prepare",
        "preprocess",
        "preprocessing",
        "process",
        "transform",
        "featurize",
        "features",
        "clean",
        "split",
    ),
    "train": ("train", "training", "fit", "finetune", "fine_tune"),
    "evaluate": ("evaluate", "evaluation", "eval", "test_model", "validate", "validation", "score"),
    "predict": ("predict", "inference", "infer", "export"),
}


class Script:
    """A script that looks like a step of a pipeline. `interface` is None where it can't be read."""

    __slots__ = ("interface", "path", "step")

    def __init__(self, path: str, step: str, interface: Interface | None) -> None:
        self.path = path
        self.step = step
        self.interface = interface

    @property
    def arguments(self) -> list[Argument]:
        """The arguments that can be given by name."""
        if self.interface is None or self.interface.style != "argparse":
            return []
        return [one for one in self.interface.parameters if one.action != "help" and not one.conditional]


class Survey:
    """What was found."""

    __slots__ = (
        "dockerfile",
        "file",
        "installer",
        "jupyter",
        "lock",
        "name",
        "notebooks",
        "papermill",
        "python",
        "scripts",
        "why",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.python: str | None = None
        self.installer: str | None = None
        self.file: str | None = None  # where it is not the installer's usual one
        self.why = ""  # the file that the installer was taken from
        self.lock = ""  # the command that makes the lock file that the installer needs and that is not there
        self.dockerfile: str | None = None
        self.scripts: list[Script] = []
        self.notebooks: list[str] = []
        self.papermill = False
        self.jupyter = False  # what runs notebooks is among the requirements


def survey(folder: str) -> Survey:
    """Look at a folder."""
    found = Survey(_name(folder))
    names = set(_listed(folder, ""))
    _software(folder, names, found)
    found.python = _python(folder, names)
    if "Dockerfile" in names:
        found.dockerfile = "Dockerfile"
    found.scripts = _scripts(folder)
    found.notebooks = [
        path
        for below in NOTEBOOK_FOLDERS
        for path in (f"{below}/{name}".lstrip("/") for name in _listed(folder, below))
        if path.endswith(".ipynb")
    ]
    return found


def _name(folder: str) -> str:
    """The folder's name as a project's name."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.basename(os.path.realpath(folder))).strip("-_")
    return name[:100] or "project"


def _listed(folder: str, below: str) -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(folder, below)))
    except OSError:
        return []


def _text(folder: str, path: str) -> str:
    """A file's text; empty for one that is missing, too large or no text."""
    whole = os.path.join(folder, path)
    try:
        if not os.path.isfile(whole) or os.path.getsize(whole) > MAX_BYTES:
            return ""
        with open(whole, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _project(folder: str) -> dict[str, Any]:
    """pyproject.toml, as far as it is one."""
    import tomllib

    try:
        return tomllib.loads(_text(folder, "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return {}


def _software(folder: str, names: set[str], found: Survey) -> None:
    """The installer: what has a lock file first."""
    project = _project(folder)
    tools = project.get("tool")
    tools = tools if isinstance(tools, dict) else {}
    conda = next((name for name in CONDA if name in names), "")
    requirements = _text(folder, "requirements.txt")
    for file, installer, there in (
        ("uv.lock", "uv", "uv.lock" in names),
        ("poetry.lock", "poetry", "poetry.lock" in names),
        ("pyproject.toml", "poetry", "poetry" in tools),
        ("pyproject.toml", "uv", "uv" in tools),
        ("Pipfile", "pipenv", "Pipfile" in names),
        ("requirements.txt", "pip", "requirements.txt" in names),
        (conda, "conda", bool(conda)),
        ("MLproject", "mlflow", "MLproject" in names),
    ):
        if there:
            found.installer, found.why = installer, file
            break
    lock, command = LOCKS.get(found.installer or "", ("", ""))
    found.lock = command if lock and lock not in names else ""
    if found.installer == "conda" and conda != "environment.yml":
        found.file = conda
    if not found.installer and "project" in project:
        found.why = "pyproject.toml"
    everything = requirements + _text(folder, "pyproject.toml") + _text(folder, conda) + _text(folder, "Pipfile")
    found.papermill = "papermill" in everything
    found.jupyter = found.papermill or "jupyter" in everything or "nbconvert" in everything


def _python(folder: str, names: set[str]) -> str | None:
    """The Python version that the project names, by its minor version; the first file that names one counts."""
    for given in _pythons(folder, names):
        version = re.search(r"(3\.\d{1,2})", given)
        if version:
            return version.group(1)
    return None


def _pythons(folder: str, names: set[str]) -> Iterator[str]:
    """Where files name a Python version."""
    yield _text(folder, ".python-version")
    project = _project(folder)
    yield str(_under(project, "project", "requires-python") or "")
    yield str(_under(project, "tool", "poetry", "dependencies", "python") or "")
    for file, line in (
        ("Pipfile", r"^python_(?:full_)?version\s*=\s*(.+)$"),  # https://pipenv.pypa.io/en/latest/pipfile.html
        ("python_env.yaml", r"^python\s*:\s*(.+)$"),  # https://mlflow.org/docs/latest/ml/projects/
        *((name, r"^\s*-\s*[\"']?python\s*[=<>~]+\s*(.+)$") for name in CONDA),
    ):
        if file in names:
            yield from re.findall(line, _text(folder, file), re.MULTILINE)


def _under(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _scripts(folder: str) -> list[Script]:
    """One script a step, in the steps' order: the first that is named like it."""
    found: dict[str, Script] = {}
    for below in FOLDERS:
        for name in _listed(folder, below):
            step = _step(name)
            if step is not None and step not in found:
                path = f"{below}/{name}".lstrip("/")
                found[step] = Script(path, step, _interface(folder, path))
    return [found[step] for step in STEPS if step in found]


def _step(name: str) -> str | None:
    if not name.endswith(".py") or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        return None
    stem = re.sub(r"^\d+[-_]", "", name.removesuffix(".py").lower())  # 01_prepare.py
    for step, words in STEPS.items():
        if any(stem == word or stem.startswith(word + "_") or stem.endswith("_" + word) for word in words):
            return step
    return None


def _interface(folder: str, path: str) -> Interface | None:
    from compiler.pyargs import ScriptSyntaxError, read_interface

    try:
        return read_interface(_text(folder, path), path)
    except ScriptSyntaxError:
        return None
