"""`headrace init`: a first headrace.yaml from what a repository holds."""

from __future__ import annotations

import os
import sys

from compiler import codes
from compiler.commands.findings import add_options, show, status
from compiler.diagnostics import Sink
from compiler.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """
Write a headrace.yaml from what a repository holds: pyproject.toml, requirements.txt, Pipfile, environment.yml, MLproject,
Dockerfile, notebooks, and scripts that are named like a step of a pipeline. Nothing is run, and no file is overwritten.
"""
EXAMPLES = """
headrace init
headrace init --stdout path/to/repository
"""
FILE = "headrace.yaml"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", default=".", help="the folder (default: this one)")
    parser.add_argument("--stdout", action="store_true", help="print it instead of writing it")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    from compiler.scaffold import manifest, survey

    sink = Sink()
    if not os.path.isdir(arguments.path):
        sink.report(codes.UNREADABLE, f'"{arguments.path}" is not a folder')
    else:
        text = manifest(survey(arguments.path))
        if arguments.stdout:
            sys.stdout.write(text)
        else:
            _write(os.path.join(arguments.path, FILE), text, sink)
    show(sink.diagnostics, arguments, sys.stderr)
    return status(sink, arguments)


def _write(path: str, text: str, sink: Sink) -> None:
    """A new file; one that is there stays as it is."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        at = Source(path.removeprefix("./"), "")
        sink.report(
            codes.HAND_WRITTEN, f"{FILE} is there already", at, help="`headrace check` says what is wrong with it"
        )
        return
    except OSError as error:
        sink.report(codes.UNWRITABLE, f"{path} can't be written: {(error.strerror or str(error)).lower()}")
        return
    print(f"{FILE}: written. Look it over, then run `headrace check`.")
