"""`headrace eject`: compiled files become the user's own: their header goes, and headrace leaves them alone from then on."""

from __future__ import annotations

import os
import sys

from compiler import codes, driver
from compiler.commands.findings import add_options, show, status
from compiler.commands.targeting import add_target
from compiler.commands.workspace import unreadable
from compiler.diagnostics import Sink
from compiler.repository import OutsideError, Repository, find_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

DESCRIPTION = """
Take the header off compiled files, so that they are your own: edit them as you like, and headrace neither overwrites nor
compares them any more. The manifest stays.
"""
EXAMPLES = """
headrace eject                      all compiled files of this repository
headrace eject --target github      those of one target
headrace eject .gitlab-ci.yml       this one
"""
# Where each target's files are, below which compiled ones are looked for: (folders, names at the root).
PLACES = {
    "gitlab": ((".gitlab",), (".gitlab-ci.yml",)),
    "github": ((".github/workflows",), ()),
}
SKIPPED = frozenset((".git", ".venv", "node_modules", "__pycache__"))


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="*", help="compiled files or folders; without it, the repository")
    add_target(parser, "only what was compiled for this target")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    sink = Sink()
    given = arguments.path or ["."]
    folder = given[0] if os.path.isdir(given[0]) else os.path.dirname(given[0]) or "."
    denied = unreadable(folder)
    if denied is not None:
        sink.report(codes.UNREADABLE, f'"{folder}" can\'t be read: {denied}')
        show(sink.diagnostics, arguments, sys.stderr)
        return status(sink, arguments)
    repository = Repository(find_root(folder) or folder)
    files = []
    for path in given:
        files.extend(_compiled(path, repository, sink))
    if arguments.target:
        files = [file for file in files if _target(file.path) in arguments.target or "all" in arguments.target]
    if not files and not sink.failed:
        sink.report(codes.NO_MANIFEST, "there is no compiled file here", help="name it, or go to its repository")
    changed = [] if sink.failed else driver.write(files, repository.root, sink, force=True)
    show(sink.diagnostics, arguments, sys.stderr)
    if changed and not sink.failed:
        print("\n".join(f"{path}: ejected" for path in changed))
        print(
            "\nThese files are yours now. `headrace compile` will refuse to overwrite them; to go back, delete them and\n"
            "compile again. If you are done with headrace, delete the manifest, too."
        )
    return status(sink, arguments)


def _compiled(path: str, repository: Repository, sink: Sink) -> list[driver.OutputFile]:
    """The compiled files at a path, without their header. A file that is none is reported."""
    found = []
    for name in _files(path):
        try:
            relative = repository.relative(name)
            text = repository.read_bytes(relative).decode("utf-8")
        except OutsideError as error:
            sink.report(codes.OUTSIDE, str(error))
            continue
        except (OSError, ValueError) as error:
            if name == path:
                reason = getattr(error, "strerror", None) or str(error)
                sink.report(codes.UNREADABLE, f'"{path}" can\'t be read: {reason.lower()}')
            continue
        if driver.is_ours(text):
            found.append(driver.OutputFile(relative, text.split("\n", 1)[1] if "\n" in text else "", ""))
        elif name == path:
            sink.report(codes.HAND_WRITTEN, f'"{path}" was not written by headrace')
    return found


def _files(path: str) -> Iterator[str]:
    """A file itself; the YAML files below a folder."""
    if not os.path.isdir(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(names):
            if name.endswith((".yml", ".yaml")):
                yield os.path.join(folder, name)


def _target(path: str) -> str:
    """The target that a path belongs to, as far as the path tells."""
    for target, (folders, names) in PLACES.items():
        if path in names or any(path.startswith(folder + "/") for folder in folders):
            return target
    return "argo"
