"""`headrace check`: everything that is wrong with a manifest, in one go; nothing is written unless --fix says so."""

from __future__ import annotations

import sys

from compiler import codes
from compiler.commands.compilation import emitted, lowered_projects
from compiler.commands.findings import add_options, show, status
from compiler.commands.targeting import add_target, guessed_targets, named_targets
from compiler.commands.workspace import open_workspace
from compiler.diagnostics import Sink
from compiler.driver import Paused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from compiler.commands.workspace import Workspace
    from compiler.driver import Unit
    from compiler.ir import Project
    from compiler.repository import Repository

DESCRIPTION = """
Find what is wrong with a manifest: its text, its meaning, and what the targets that it would be compiled for can't do.
All findings come in one go, each with its place, and with what to do about it.
"""
EXAMPLES = """
headrace check                            the manifest of the folder that you are in
headrace check --fix                      apply the fixes that findings bring
headrace check examples/churn --strict    warnings fail, too
headrace check --target none              without asking any target
headrace check --format sarif > headrace.sarif
headrace check --changed src/train.py ame.yaml    what these files have a part in (for pre-commit)
"""
NO_TARGETS = "none"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "path", metavar="PATH", nargs="*", help="manifests or folders; without one, the manifest found here"
    )
    parser.add_argument(
        "--changed",
        action="store_true",
        help="PATHs are files that changed: check the repository, and each of them that is a manifest beside it",
    )
    add_target(
        parser, "check for this target (or all, or none) instead of those that the repository points at", NO_TARGETS
    )
    parser.add_argument("--fix", action="store_true", help="apply the fixes that findings bring, then check again")
    add_options(parser)


def run(arguments: Namespace) -> int:
    if arguments.fix:
        from compiler.commands.fixing import fix

        fix(lambda: check(arguments), sys.stderr)
    checked = check(arguments)
    show(checked.sink.diagnostics, arguments)
    if arguments.format == "text" and not checked.sink.failed:
        print("\n".join(checked.lines))
    return status(checked.sink, arguments)


class Checked:
    """What a check found, and lines that say what is fine. `manifests` are those that it read."""

    __slots__ = ("lines", "manifests", "repository", "sink", "units")

    def __init__(self) -> None:
        self.sink = Sink()
        self.repository: Repository | None = None
        self.lines: list[str] = []
        self.manifests: set[str] = set()
        self.units: list[Unit] = []

    def add(self, workspace: Workspace, arguments: Namespace) -> None:
        """Check a workspace; what is wrong elsewhere has no part in that."""
        sink = Sink()
        with Paused():
            read, lowered = lowered_projects(workspace, sink)
            if arguments.target != [NO_TARGETS] and not sink.failed:
                _check_targets(arguments, workspace, read, lowered, sink)
        self.sink.take(sink)
        self.repository = self.repository or workspace.repository
        self.units += workspace.units
        self.manifests.update(project.manifest for project in read)
        self.lines += [_fine(project) for project in lowered]
        self.lines += [f"{unit.path}: fine, it has no jobs" for unit in workspace.units if not read]
        self.lines += [line for project in read for line in _overlays(project)]

    def covers(self, unit: Unit) -> bool:
        """Whether a manifest has been checked: by itself, or as part of a folder that one dialect reads as a whole."""
        if unit.path in self.manifests:
            return True
        return any(
            unit.path == one.path
            or (unit.front_end is one.front_end and (one.path == "." or unit.path.startswith(one.path + "/")))
            for one in self.units
        )


def check(arguments: Namespace) -> Checked:
    """Check what the command line names."""
    checked = Checked()
    if arguments.changed:
        _check_changed(arguments, checked)
        return checked
    for path in arguments.path or [None]:
        workspace = open_workspace(path, checked.sink)
        if workspace is not None:
            checked.add(workspace, arguments)
    return checked


def _check_changed(arguments: Namespace, checked: Checked) -> None:
    """The repository's manifests, and files that are manifests but none of those; any other file is passed over."""
    sink = Sink()
    workspace = open_workspace(None, sink)
    if workspace is not None:
        checked.add(workspace, arguments)
    elif any(found.code is not codes.NO_MANIFEST for found in sink.diagnostics):
        checked.sink.take(sink)
    for path in arguments.path:
        alone = open_workspace(path, Sink())
        if alone is None or any(checked.covers(unit) for unit in alone.units):
            continue
        used = {unit.front_end.NAME for unit in checked.units}
        if path.endswith(".py") and used and not used.issuperset(unit.front_end.NAME for unit in alone.units):
            continue  # a script, which is a manifest only to a dialect that the repository does not use
        checked.add(alone, arguments)


def _check_targets(
    arguments: Namespace, workspace: Workspace, read: list[Project], lowered: list[Project], sink: Sink
) -> None:
    targets = named_targets(arguments.target) if arguments.target else guessed_targets(workspace.repository, read)
    if targets:
        emitted(lowered, targets, sink)


def _fine(project: Project) -> str:
    jobs = sum(len(pipeline.jobs) for pipeline in project.pipelines)
    pipelines = len(project.pipelines)
    return (
        f"{project.manifest}: fine, {jobs} job{'s' if jobs != 1 else ''} "
        f"in {pipelines} pipeline{'s' if pipelines != 1 else ''}"
    )


def _overlays(project: Project) -> list[str]:
    """Where a target's own keys are in effect: the only place where a manifest is not the same everywhere."""
    found = []
    for settings in project.settings:
        overlay = settings.overlay
        if not isinstance(overlay, dict) or not overlay:
            continue
        keys = [f"pipeline.{key}" for key in overlay.get("pipeline") or ()]
        keys.extend(f"jobs.{name}.{key}" for name, body in (overlay.get("jobs") or {}).items() for key in body or ())
        found.append(f"{project.manifest}: overlay in effect for {settings.target}: {', '.join(keys)}")
    return found
