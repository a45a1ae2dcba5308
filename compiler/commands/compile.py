"""`headrace compile`: from manifests to the files of the targets, all written or none."""

from __future__ import annotations

import sys

from compiler import codes, driver
from compiler.commands.compilation import emitted, lowered_projects
from compiler.commands.findings import add_options, show, status
from compiler.commands.targeting import add_target, chosen_targets
from compiler.commands.workspace import add_path, open_workspace
from compiler.diagnostics import WARNING, Sink
from compiler.repository import Repository, open_regular
from compiler.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from typing import TextIO

    from compiler.commands.workspace import Workspace
    from compiler.driver import OutputFile
    from compiler.ir import Project
    from compiler.target import Target

DESCRIPTION = """
Write the pipelines that a manifest describes: GitLab CI, GitHub Actions and Argo Workflows. With an error nothing is
written, and files that headrace did not write are never overwritten (--force says otherwise).
"""
EXAMPLES = """
headrace compile                                  for the target that the repository points at
headrace compile --target gitlab --target argo    for these
headrace compile examples/churn --target all --output build
headrace compile --check                          say what differs from the committed files, write nothing
headrace compile --target github --stdout
headrace compile --fail-on-change                 write, and fail if that changed something (for pre-commit)
"""
# Where compiled files go beside a hand-written file that can include them
# (https://docs.gitlab.com/ci/yaml/#includelocal), with the lines to add to it.
INCLUDED = {".gitlab-ci.yml": (".gitlab/headrace.yml", "include:\n  - local: .gitlab/headrace.yml\n")}
# Each target's folders in which a compiled file may be left behind although nothing is written there any more.
FOLDERS = {"gitlab": (".gitlab", ".gitlab/headrace"), "github": (".github/workflows",), "argo": ("argo",)}
STALE_HELP = "say --prune to delete it, or run `headrace eject` to keep it"


def configure(parser: ArgumentParser) -> None:
    add_path(parser)
    add_target(parser, "gitlab, github, argo or all; may be given several times")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="write nothing, fail where a committed file differs")
    what.add_argument("--stdout", action="store_true", help="print the files instead of writing them")
    parser.add_argument(
        "--dynamic", action="store_true", help="one file that a pipeline makes and starts itself, for targets that can"
    )
    parser.add_argument("--fail-on-change", action="store_true", help="write, and fail where a file had to be changed")
    parser.add_argument("--output", metavar="DIR", help="write below this folder instead of the repository's root")
    parser.add_argument("--prune", action="store_true", help="delete compiled files that no manifest makes any more")
    parser.add_argument("--force", action="store_true", help="overwrite files that headrace did not write")
    parser.add_argument(
        "--allow",
        metavar="FEATURE",
        action="append",
        default=[],
        type=feature,
        help="compile although a target can't do this (GPU, RETRY_RUNNER, ...); may be given several times",
    )
    add_options(parser)


def run(arguments: Namespace) -> int:
    sink = Sink()
    done: list[str] = []
    changed: list[str] = []
    workspace = open_workspace(arguments.path, sink, together=arguments.path is None)
    if workspace is not None:
        with driver.Paused():
            done = _compile(workspace, arguments, sink, changed)
    text = arguments.format == "text"
    show(sink.diagnostics, arguments, sys.stderr if arguments.stdout else sys.stdout)
    stream: TextIO = sys.stdout if text or arguments.stdout else sys.stderr
    stream.write("".join(done))
    return 1 if changed and arguments.fail_on_change else status(sink, arguments)


def _compile(workspace: Workspace, arguments: Namespace, sink: Sink, changed: list[str]) -> list[str]:
    """Compile and do with the files what was asked for; gives what to print. `changed` takes the files that did."""
    read, lowered = lowered_projects(workspace, sink)
    if sink.failed and not read:
        return []  # a manifest that can't be read says no target
    targets = chosen_targets(arguments.target, workspace.repository, read, sink)
    if sink.failed:
        return []
    if arguments.dynamic:
        lowered = [_dynamic(project, targets) for project in lowered]
    files = emitted(lowered, targets, sink, frozenset(arguments.allow))
    if sink.failed:
        return []
    if arguments.stdout:
        return _printed(files)
    root = arguments.output if arguments.output is not None else workspace.repository.root
    files, advice = (files, []) if arguments.force else _included(files, root)
    if arguments.check:
        return _drift(files, _Place(files, targets, root, workspace), sink)
    changed += driver.write(files, root, sink, arguments.force)
    written = [f"{file.path}: {'written' if file.path in changed else 'unchanged'}\n" for file in files]
    if sink.failed:
        return []
    manifests = {driver.manifest_shown(project.manifest) for project in lowered}
    place = _Place(files, targets, root, workspace)
    if arguments.prune:
        gone = _pruned(files, manifests, place, sink)
        changed += gone
        return [*written, *(f"{path}: deleted\n" for path in gone), *advice]
    _warn_of_stale(files, manifests, place, sink)
    return written + advice


def _dynamic(project: Project, targets: Sequence[Target]) -> Project:
    """The project with the setting that asks for one file, for each target; one that can't do that says so."""
    found = [
        settings.replace(
            options=(*(option for option in settings.options if option[0] != "dynamic"), ("dynamic", True))
        )
        for settings in (driver.settings_of(project, target) for target in targets)
    ]
    names = {settings.target for settings in found}
    return project.replace(settings=(*(one for one in project.settings if one.target not in names), *found))


def feature(name: str) -> str:
    """A feature by its name or by what people call it; the type of --allow."""
    from argparse import ArgumentTypeError

    from compiler.diagnostics import suggest
    from compiler.features import Feature

    known = {feature.value: feature.name for feature in Feature} | {feature.name: feature.name for feature in Feature}
    if name not in known:
        near = suggest(name, known)
        raise ArgumentTypeError(f'"{name}" is not a feature' + (f', did you mean "{near}"?' if near else ""))
    return known[name]


def _printed(files: Sequence[OutputFile]) -> list[str]:
    """One file as it is, several each below its path."""
    if len(files) == 1:
        return [files[0].text]
    return [f"{'---' + chr(10) if at else ''}# {file.path}\n{file.text}" for at, file in enumerate(files)]


def _included(files: Sequence[OutputFile], root: str) -> tuple[list[OutputFile], list[str]]:
    """Beside a hand-written file that can include ours, ours goes elsewhere; gives the files and what to say."""
    import os

    moved, advice = [], []
    for file in files:
        if file.path not in INCLUDED or _is_free(os.path.join(root, file.path)):
            moved.append(file)
            continue
        path, lines = INCLUDED[file.path]
        moved.append(driver.OutputFile(path, file.text, file.target))
        with open_regular(os.path.join(root, file.path)) as existing:
            if path not in existing.read().decode("utf-8", "replace"):
                advice.append(
                    f"{file.path} is written by hand, so that nothing was changed in it: add to it\n\n{lines}"
                )
    return moved, advice


def _is_free(path: str) -> bool:
    """Whether a compiled file may stand there: nothing does, or one that headrace wrote."""
    try:
        with open_regular(path) as file:
            return driver.is_ours(file.read(driver.HEAD_BYTES).decode("utf-8", "replace"))
    except OSError:
        return True


class _Place:
    """Where files are written: the root, whether it is the repository's own, and the folders to look for stale ones."""

    def __init__(self, files: Sequence[OutputFile], targets: Sequence[Target], root: str, workspace: Workspace) -> None:
        self.root = root
        self.is_repository = Repository(root).root == workspace.repository.root
        own = {folder for target in targets for folder in FOLDERS.get(target.NAME, ())}
        self.folders = sorted(own.union(file.path.rpartition("/")[0] for file in files))


def _drift(files: Sequence[OutputFile], place: _Place, sink: Sink) -> list[str]:
    lines = []
    for difference in driver.drift(files, place.root, place.folders, place.is_repository):
        at = Source(difference.path, "").whole()
        if difference.kind == "stale":
            message = f"no manifest makes {difference.path} any more"
            sink.report(codes.STALE, message, at, help=STALE_HELP)
            continue
        what = "is missing" if difference.kind == "missing" else "differs from what its manifest makes"
        sink.report(
            codes.DRIFT, f"{difference.path} {what}", at, help="run `headrace compile` and commit what it writes"
        )
        lines.append(difference.text)
    return lines


def _pruned(files: Sequence[OutputFile], manifests: set[str], place: _Place, sink: Sink) -> list[str]:
    """Delete the compiled files that are stale; gives their paths."""
    import os

    expected = {file.path for file in files}
    output = Repository(place.root)
    gone = []
    for path in driver.stale(output, expected, manifests, place.folders, place.is_repository):
        try:
            os.unlink(output.path(path))
        except OSError as error:
            sink.report(codes.UNWRITABLE, f"{path} can't be deleted: {(error.strerror or str(error)).lower()}")
            continue
        gone.append(path)
    return gone


def _warn_of_stale(files: Sequence[OutputFile], manifests: set[str], place: _Place, sink: Sink) -> None:
    expected = {file.path for file in files}
    for path in driver.stale(Repository(place.root), expected, manifests, place.folders, place.is_repository):
        message = f"no manifest makes {path} any more"
        at = Source(path, "").whole()
        sink.report(codes.STALE, message, at, severity=WARNING, help=STALE_HELP)
