"""`headrace convert`: any manifest as a headrace.yaml."""

from __future__ import annotations

import sys

from compiler import codes
from compiler.commands.findings import add_options, show, status
from compiler.commands.workspace import add_path, open_workspace
from compiler.diagnostics import Sink, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from compiler.ir import Project
    from compiler.repository import Repository

DESCRIPTION = """
Print a manifest of any dialect as a headrace.yaml that compiles to the same. A comment goes along with what it stands
beside or above; a manifest with an error is not converted.
"""
EXAMPLES = """
headrace convert ame.yaml > headrace.yaml
"""


def configure(parser: ArgumentParser) -> None:
    add_path(parser)
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    sink = Sink()
    workspace = open_workspace(arguments.path, sink)
    projects = [] if workspace is None else list(workspace.projects(sink))
    if len(projects) > 1:
        names = listed((project.manifest for project in projects), "and")
        sink.report(codes.SEVERAL_OUTPUTS, f"one manifest is converted at a time, not {names}", help="name one by PATH")
    show(sink.diagnostics, arguments, sys.stderr)
    if workspace is not None and projects and not sink.failed:
        sys.stdout.write(converted(projects[0], workspace.repository))
    return status(sink, arguments)


def converted(project: Project, repository: Repository) -> str:
    """The project as a headrace.yaml, with the comments of its manifest's files where those are YAML."""
    from compiler.comments import carried, sources_of
    from compiler.frontends.native import write

    text = write(project)
    own = repository.source(project.manifest, Sink()) if project.manifest.endswith((".yaml", ".yml")) else None
    others = [source for source in sources_of(project) if own is None or source.name != own.name]
    sources = [source for source in (own, *others) if source is not None and "#" in source.text]
    if not sources:
        return text
    again = _read(text, project)
    if again != project:
        return text
    commented = carried(text, sources, project, again)
    return commented if _read(commented, project) == project else text


def _read(text: str, project: Project) -> Project | None:
    """A headrace.yaml in the place of the project's own manifest, or in the folder that is its manifest."""
    from compiler.frontends.native.reading import read_source
    from compiler.source import Source

    is_folder = project.manifest in (project.folder, ".")
    place = f"{project.folder}/headrace.yaml".removeprefix("/") if is_folder else project.manifest
    found = read_source(Source(place, text), place, Sink())
    return None if found is None else found.replace(manifest=project.manifest)
