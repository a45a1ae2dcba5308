"""`headrace graph`: the jobs of each pipeline and what they need, for a terminal, a document or a browser."""

from __future__ import annotations

import sys
from importlib import import_module

from compiler.commands.compilation import lowered_projects
from compiler.commands.findings import add_options, show, status
from compiler.commands.workspace import add_path, open_workspace
from compiler.diagnostics import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """
Draw the jobs of each pipeline and what they need. `html` is one page without any outside parts: drag and scroll to move,
click a job to see what it does.
"""
EXAMPLES = """
headrace graph
headrace graph --format mermaid >> README.md
headrace graph --format dot | dot -Tsvg > graph.svg
headrace graph --format html > graph.html
headrace graph --pipeline nightly
"""
FORMATS = {
    "terminal": "compiler.commands.graph.terminal",
    "mermaid": "compiler.commands.graph.mermaid",
    "dot": "compiler.commands.graph.dot",
    "html": "compiler.commands.graph.html",
}


def configure(parser: ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument("--format", choices=list(FORMATS), default="terminal", help="what to draw with")
    parser.add_argument("--pipeline", metavar="NAME", help="draw this one only")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    from compiler.commands.graph.model import drawing

    sink = Sink()
    workspace = open_workspace(arguments.path, sink)
    _, projects = ([], []) if workspace is None else lowered_projects(workspace, sink)
    show([finding for finding in sink.diagnostics if finding.severity == "error"], arguments, sys.stderr)
    drawings = [drawing(project, pipeline) for project in projects for pipeline in project.pipelines]
    if arguments.pipeline is not None:
        known = [one.name for one in drawings]
        drawings = [one for one in drawings if one.name == arguments.pipeline]
        if not drawings and known:
            from compiler.diagnostics import listed

            print(
                f'headrace graph: there is no pipeline "{arguments.pipeline}", but {listed(known, "and")}',
                file=sys.stderr,
            )
            return 2
    if drawings:
        text = import_module(FORMATS[arguments.format]).draw(drawings)
        sys.stdout.write(text)
        if arguments.format == "mermaid":
            from compiler.commands.graph.mermaid import excess

            found = excess(drawings, text)
            if found is not None:
                print(f"headrace graph: {found}: --pipeline draws one, --format html any", file=sys.stderr)
    return status(sink, arguments)
