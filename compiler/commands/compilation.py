"""From a workspace to the files that its manifests make, for `compile` and `check`."""

from __future__ import annotations

from compiler import driver
from compiler.lifetime import keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.commands.workspace import Workspace
    from compiler.diagnostics import Sink
    from compiler.driver import OutputFile
    from compiler.ir import Project
    from compiler.target import Target


def lowered_projects(workspace: Workspace, sink: Sink) -> tuple[list[Project], list[Project]]:
    """The projects as they were read, and as targets see them."""
    read = list(workspace.projects(sink))
    lowered = [driver.lowered(project, workspace.repository, sink) for project in read]
    keep(read, lowered)
    return read, lowered


def emitted(
    projects: Sequence[Project], targets: Sequence[Target], sink: Sink, allowed: frozenset[str] = frozenset()
) -> list[OutputFile]:
    """All files of all projects; none where there is an error. Two that are one file are an error."""
    if len(projects) > 1:
        return driver.emit_together(projects, targets, sink, allowed)
    return [file for project in projects for file in driver.emit(project, targets, sink, allowed)]
