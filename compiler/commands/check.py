"""`headrace check`: everything that is wrong with a manifest, in one go; nothing is written unless --fix says so."""

from __future__ import annotations

import sys

from compiler.commands.compilation import emitted, lowered_projects
from compiler.commands.findings import add_options, show, status
from compiler.commands.targeting import add_target, guessed_targets, named_targets
from compiler.commands.workspace import add_path, open_workspace
from compiler.diagnostics import Sink
from compiler.driver import Paused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from compiler.commands.workspace import Workspace
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
"""
NO_TARGETS = "none"


def configure(parser: ArgumentParser) -> None:
    add_path(parser)
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
    """What a check found, and lines that say what is fine."""

    __slots__ = ("lines", "repository", "sink")

    def __init__(self, sink: Sink, repository: Repository | None, lines: list[str]) -> None:
        self.sink = sink
        self.repository = repository
        self.lines = lines


def check(arguments: Namespace) -> Checked:
    """Check what the command line names."""
    sink = Sink()
    workspace = open_workspace(arguments.path, sink)
    if workspace is None:
        return Checked(sink, None, [])
    with Paused():
        return _checked(workspace, arguments, sink)


def _checked(workspace: Workspace, arguments: Namespace, sink: Sink) -> Checked:
    read, lowered = lowered_projects(workspace, sink)
    if arguments.target != [NO_TARGETS] and not sink.failed:
        _check_targets(arguments, workspace, read, lowered, sink)
    lines = [_fine(project) for project in lowered]
    return Checked(sink, workspace.repository, lines + [line for project in read for line in _overlays(project)])


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
