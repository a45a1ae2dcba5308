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
headrace init --target gitlab                     and add the compiled file to a hand-written .gitlab-ci.yml
headrace init --target gitlab --component gitlab.com/acme/headrace/check@1
"""
FILE = "headrace.yaml"
# The hand-written file of each target that can include others, and the compiled one that it includes.
INCLUDING = {"gitlab": (".gitlab-ci.yml", ".gitlab/headrace.yml")}


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", default=".", help="the folder (default: this one)")
    parser.add_argument("--stdout", action="store_true", help="print it instead of writing it")
    parser.add_argument(
        "--target", choices=list(INCLUDING), help="have this target's hand-written file include what is compiled"
    )
    parser.add_argument("--component", metavar="ADDRESS", help="include this CI/CD component as well (GitLab)")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    from compiler.commands.workspace import unreadable
    from compiler.scaffold import manifest, survey

    sink = Sink()
    if arguments.component:
        arguments.target = "gitlab"  # nobody else has components
    reason = unreadable(arguments.path)
    if reason is not None:
        sink.report(codes.UNREADABLE, f'"{arguments.path}" can\'t be read: {reason}')
    elif not os.path.isdir(arguments.path):
        sink.report(codes.UNREADABLE, f'"{arguments.path}" is not a folder')
    elif arguments.stdout:
        sys.stdout.write(manifest(survey(arguments.path)))
    else:
        others = _others(arguments.path)
        if others:
            _keep(others, sink, keep=arguments.target is not None)
        else:
            text = manifest(survey(arguments.path))
            _write(os.path.join(arguments.path, FILE), text, sink, keep=arguments.target is not None)
        if arguments.target is not None and not sink.failed:
            _include(arguments, sink)
    show(sink.diagnostics, arguments, sys.stderr)
    return status(sink, arguments)


def _include(arguments: Namespace, sink: Sink) -> None:
    """Add the includes to the target's hand-written file; without one, there is nothing to add to."""
    from compiler.driver import is_ours
    from compiler.inclusion import IncludeError, included
    from compiler.repository import open_regular

    name, compiled = INCLUDING[arguments.target]
    wanted = [("local", compiled), *([("component", arguments.component)] if arguments.component else [])]
    path = os.path.join(arguments.path, name)
    try:
        with open_regular(path) as file:
            before = text = file.read().decode("utf-8")
        if is_ours(text):
            print(f"{name}: compiled by headrace, nothing has to be included")
            return
        for kind, value in wanted:
            text = included(text, kind, value)
    except FileNotFoundError:
        print(f"{name}: not there, `headrace compile --target {arguments.target}` writes it")
        return
    except (OSError, UnicodeDecodeError, IncludeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        lines = "".join(f"\n  - {kind}: {value}" for kind, value in wanted)
        advice = f"add to it by hand:\ninclude:{lines}"
        sink.report(codes.UNWRITABLE, f"{name} can't be added to: {reason}", Source(name, ""), help=advice)
        return
    _replace(path, name, before, text, sink)
    if not sink.failed:
        print(f"Now run `headrace compile --target {arguments.target}`, and commit {name} and {compiled}.")


def _replace(path: str, name: str, before: str, text: str, sink: Sink) -> None:
    from compiler.driver import OutputFile, write

    if text == before:
        print(f"{name}: unchanged")
        return
    write([OutputFile(name, text, "")], os.path.dirname(path) or ".", sink, force=True)
    if not sink.failed:
        print(f"{name}: written")


def _others(folder: str) -> list[str]:
    """Manifests that are there already, of other dialects or below the folder: one here would hide those below."""
    from compiler.commands.workspace import open_workspace

    if os.path.lexists(os.path.join(folder, FILE)):
        return []
    found = open_workspace(folder, Sink())
    return [] if found is None else [unit.path for unit in found.units]


def _keep(others: list[str], sink: Sink, *, keep: bool) -> None:
    for path in others:
        if keep:
            print(f"{path}: unchanged")
        else:
            sink.report(
                codes.HAND_WRITTEN,
                f"{path} is a manifest already",
                Source(path, ""),
                help="headrace reads it as it is, and `headrace convert` prints it as a headrace.yaml",
            )


def _write(path: str, text: str, sink: Sink, *, keep: bool) -> None:
    """A new file; one that is there stays as it is (an error, unless `keep`)."""
    if keep and os.path.lexists(path):
        print(f"{FILE}: unchanged")
        return
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
