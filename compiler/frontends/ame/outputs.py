"""What is kept of a task, and where a data set lies: paths of a project's folder, from the repository's root."""

from __future__ import annotations

from compiler import codes
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config
from compiler.ir import Artifact, ChangedFiles
from compiler.paths import ROOT, PathError, from_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink

WORK_FOLDER = "/project/"  # where AME's image works: a path below it is one of the project's
_GLOBS = frozenset("*?[")


class Claims:
    """Which paths somebody keeps. AME's tasks have storage of their own; jobs of one manifest must not share a path."""

    __slots__ = ("around", "paths")

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.around: set[str] = set()  # the folders around those

    def take(self, path: str) -> bool:
        """Whether nobody keeps a path, something in it, or a folder around it; from now on somebody does."""
        folders = _folders(path)
        if path in self.paths or path in self.around or not self.paths.isdisjoint(folders):
            return False
        self.paths.add(path)
        self.around.update(folders)
        return True


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def outputs_of(
    task: config.Task, folder: str, claims: Claims, sink: Sink, everything: bool, dataset: str | None
) -> tuple[Artifact | ChangedFiles, ...]:
    """A task's outputs. A data set's path is its producer's output by itself, and all that is kept of that."""
    artifacts = task.artifacts
    home = folder or ROOT
    if everything or (artifacts is not None and artifacts.changed):
        at = task.origin if artifacts is None else artifacts.origin
        return () if dataset is not None else (ChangedFiles(paths=(home,), origin=at),)
    kept: list[Artifact | ChangedFiles] = []
    below: dict[str, None] = {}  # folders of which every changed file is kept
    for given in artifacts.paths if artifacts is not None else ():
        path = _kept_path(given, folder, sink)
        if path is None or path == dataset:
            continue
        if path == home or "*" in path:
            below[_plain_folder(path)] = None
        elif claims.take(path):
            kept.append(Artifact(path=(path,), origin=given.origin))
        else:
            below[path] = None
    if below and artifacts is not None:
        kept.append(ChangedFiles(paths=tuple(below), origin=artifacts.origin))
    return tuple(kept)


def _plain_folder(path: str) -> str:
    """The folder around the first part with a pattern."""
    parts = path.split("/")
    plain = parts[: next((at for at, part in enumerate(parts) if "*" in part), len(parts))]
    return "/".join(plain) or ROOT


def _kept_path(given: config.Path, folder: str, sink: Sink) -> str | None:
    """A path of `paths`; patterns are written with `*` alone, whatever they were."""
    text = given.path
    if not _GLOBS.isdisjoint(text):
        message = f'AME keeps nothing for the pattern "{text}": it takes paths'
        note = "headrace keeps every file that the task changes below the folder"
        sink.report(ame.LOST_FIELD, message, given.origin, notes=(note,))
        text = "".join("*" if c in "?[" else c for c in text)
    return _from_root(given, text, folder, sink)


def dataset_path(dataset: config.DataSet, folder: str, sink: Sink) -> str | None:
    """Where a data set lies: a file or folder of the project."""
    text = dataset.path.path
    path = _from_root(dataset.path, text, folder, sink)
    if path is None:
        return None
    if path == (folder or ROOT) or not _GLOBS.isdisjoint(path):
        advice = "name the folder or file that its task makes"
        message = f'"{text}" can\'t be the path of a data set'
        sink.report(codes.BAD_PATH, message, dataset.path.origin, help=advice)
        return None
    return path


def _from_root(given: config.Path, text: str, folder: str, sink: Sink) -> str | None:
    if text.startswith(WORK_FOLDER):
        text = text.removeprefix(WORK_FOLDER)
    elif text.startswith("/"):
        message = f'"{text}" lies outside of the project'
        sink.report(codes.BAD_PATH, message, given.origin, help="name a path from the project's folder")
        return None
    try:
        return from_root(text, folder)
    except PathError as error:
        sink.report(codes.BAD_PATH, str(error), given.origin, suggestion=error.suggestion, help=error.help)
        return None
