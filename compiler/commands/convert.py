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

DESCRIPTION = """
Print a manifest of any dialect as a headrace.yaml that compiles to the same. Comments stay behind; a manifest with an
error is not converted.
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
    if projects and not sink.failed:
        from compiler.frontends.native import write

        sys.stdout.write(write(projects[0]))
    return status(sink, arguments)
