"""`headrace ir`: what the compiler understood, as JSON.

A node is `{"type": "Job", ...fields that were said..., "origin": "headrace.yaml:14:3 jobs.train"}`; text with holes is a
list of texts and of `Ref` nodes; quantities are integers in nano-units (nano-cores, nano-bytes), durations in seconds.
"""

from __future__ import annotations

import sys

from compiler import driver
from compiler.commands.findings import add_options, show, status
from compiler.commands.workspace import add_path, open_workspace
from compiler.diagnostics import Sink
from compiler.ir import NOTHING, Node, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from compiler.source import Origin

DESCRIPTION = """
Print what the compiler understood of a manifest, as JSON. What the manifest did not say is left out; each node says where
it was written.
"""
EXAMPLES = """
headrace ir
headrace ir --lowered | jq '.projects[0].pipelines[].jobs[].name'
"""


def configure(parser: ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument("--lowered", action="store_true", help="as targets see it: after all passes")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    import json

    sink = Sink()
    workspace = open_workspace(arguments.path, sink)
    projects = []
    if workspace is not None:
        projects = list(workspace.projects(sink))
        if arguments.lowered:
            projects = [driver.lowered(project, workspace.repository, sink) for project in projects]
    show(sink.diagnostics, arguments, sys.stderr)
    if projects:
        json.dump({"version": 1, "projects": [as_data(project) for project in projects]}, sys.stdout, indent=2)
        print()
    return status(sink, arguments)


def as_data(value: Any) -> Any:
    """A node, or what a node holds, as JSON data."""
    if isinstance(value, Node):
        data: dict[str, Any] = {"type": type(value).__name__}
        for name in fields(type(value)):
            held = getattr(value, name)
            if held is not None and held is not NOTHING:
                data[name] = as_data(held)
        if value.origin is not None:
            data["origin"] = place(value.origin)
        return data
    if isinstance(value, list | tuple):
        return [as_data(item) for item in value]
    if isinstance(value, dict):
        return {str(key): as_data(item) for key, item in value.items()}
    return value if value is None or isinstance(value, str | int | float) else str(value)


def place(origin: Origin) -> str:
    """`headrace.yaml:14:3 jobs.train`."""
    return f"{origin.span()!r} {origin.path}".rstrip()
