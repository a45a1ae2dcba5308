"""Where a command works: a repository, and the manifests that a path on the command line means."""

from __future__ import annotations

import os

from compiler import codes, driver
from compiler.diagnostics import Sink
from compiler.repository import OutsideError, Repository, find_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from compiler.driver import Unit
    from compiler.frontends.base import FrontEnd
    from compiler.ir import Project


def add_path(parser: ArgumentParser) -> None:
    parser.add_argument(
        "path", metavar="PATH", nargs="?", help="a manifest or a folder; without it, the one found here"
    )


def unreadable(path: str) -> str | None:
    """Why a folder can't be looked into: it is gone below our feet, or not ours to read. None for all else."""
    if not os.path.isdir(path):
        return None
    try:
        with os.scandir(os.path.realpath(path)):
            return None
    except OSError as error:
        return (error.strerror or str(error)).lower()


class Workspace:
    """A repository and the units in it that are meant."""

    __slots__ = ("repository", "units")

    def __init__(self, repository: Repository, units: list[Unit]) -> None:
        self.repository = repository
        self.units = units

    def projects(self, sink: Sink) -> Iterator[Project]:
        """Every unit, read, and the manifests that they name."""
        from targets import TARGETS

        return driver.load_all(self.units, self.repository, front_ends(), sink, tuple(TARGETS))


def open_workspace(path: str | None, sink: Sink, *, together: bool = False) -> Workspace | None:
    """The repository and manifests for PATH: a file is read whatever its name, a folder is searched.

    Without a path the folder here is searched, and then each one above it up to the repository's root. Where none of
    them has a manifest, all are taken that lie below; `together` takes all of the repository, from anywhere in it,
    where its root has none: what compiles to one file can't be compiled alone.
    """
    given = path if path is not None else "."
    try:
        if path is not None and not os.path.exists(path):
            sink.report(codes.NO_MANIFEST, f'"{path}" is not there')
            return None
        folder = given if os.path.isdir(given) else os.path.dirname(given) or "."
        repository = Repository(find_root(folder) or folder)
        relative = repository.relative(given)
        repository.path(relative)
    except OutsideError as error:
        sink.report(codes.OUTSIDE, str(error))
        return None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        sink.report(codes.UNREADABLE, f'"{given}" can\'t be read: {reason.lower()}')
        return None
    denied = unreadable(given)
    if denied is not None:
        sink.report(codes.UNREADABLE, f'"{given}" can\'t be read: {denied}')
        return None
    if not os.path.isdir(given):
        unit = driver.recognise(repository, relative, front_ends(), sink)
        return None if unit is None else Workspace(repository, [unit])
    return _search(repository, relative, path is None, together, sink)


def front_ends() -> list[FrontEnd]:
    from compiler.frontends import FRONT_ENDS, front_end

    return [front_end(name) for name in FRONT_ENDS]


def _search(repository: Repository, folder: str, upwards: bool, together: bool, sink: Sink) -> Workspace | None:
    known = front_ends()
    at = folder
    units = driver.find(repository, at, known)
    while not units and upwards and at:
        at = at.rpartition("/")[0]
        units = driver.find(repository, at, known)
    if units and together and at and not driver.find(repository, "", known):
        every = driver.find_below(repository, "", known)
        if {unit.path for unit in units} <= {unit.path for unit in every}:
            units = every
    if not any(repository.is_file(unit.path) for unit in units):  # none, or folders that one dialect reads as a whole
        below = driver.find_below(repository, at, known)
        units = [*units, *(unit for unit in below if not units or repository.is_file(unit.path))]
    if units:
        return Workspace(repository, units)
    where = f'"{folder}"' if folder else "this folder"
    sink.report(
        codes.NO_MANIFEST,
        f"there is no manifest in {where}",
        help="name a file, or run `headrace init` to write a headrace.yaml",
    )
    return None
