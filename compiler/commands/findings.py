"""What commands do with their findings: options, output and exit status."""

from __future__ import annotations

import os
import sys

from compiler.diagnostics import NOTE
from compiler.render import FORMATS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from typing import TextIO

    from compiler.diagnostics import Diagnostic, Sink


def add_options(parser: ArgumentParser, *, machine: bool = True) -> None:
    """--strict and --color; --format and --quiet where findings are what the command is for."""
    if machine:
        parser.add_argument("--format", choices=list(FORMATS), default="text", help="how findings are written")
        parser.add_argument("--quiet", "-q", action="store_true", help="show no notes, only errors and warnings")
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument("--color", choices=["auto", "always", "never"], default="auto", help="when text has colours")


def wants_colour(choice: str, stream: TextIO) -> bool:
    """Colours: where asked for, else on a terminal that does not refuse them (https://no-color.org)."""
    if choice != "auto":
        return choice == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(found: Sequence[Diagnostic], arguments: Namespace, stream: TextIO | None = None) -> None:
    """Write findings in the format that was asked for."""
    stream = stream or sys.stdout
    if getattr(arguments, "quiet", False):
        found = [finding for finding in found if finding.severity != NOTE]
    chosen = getattr(arguments, "format", "text")
    if chosen == "text" or chosen not in FORMATS:  # other commands have formats of their own
        from compiler.render.text import render

        stream.write(render(found, wants_colour(arguments.color, stream)))
    else:
        from compiler import render as renderers

        stream.write(renderers.render(chosen, found))


def status(sink: Sink, arguments: Namespace) -> int:
    """0, or 1 where there are errors (with --strict: or warnings)."""
    return 1 if sink.failed or (arguments.strict and sink.count("warning")) else 0
