"""`headrace modules`: the scripts that are modules, with their typed parameters."""

from __future__ import annotations

import os
import sys

from compiler import codes
from compiler.commands.findings import add_options, show, status
from compiler.diagnostics import Sink, listed
from compiler.repository import OutsideError, Repository, find_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from compiler.frontends.mlreef.modules import Module
    from compiler.frontends.mlreef.parameters import ModuleParameter
    from compiler.frontends.mlreef.scripts import Script
    from compiler.pyargs import Interface, Subcommand

DESCRIPTION = """
List the entry scripts of a folder as modules: their names, kinds and typed parameters, read by the syntax tree of what they
say to argparse or by MLReef's decorators. No script is run. `schema` prints JSON Schemas that a form can be built from.
"""
EXAMPLES = """
headrace modules
headrace modules src --format json
headrace modules --module train --format schema
"""


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", default=".", help="a folder, a mlreef.yaml or a script")
    parser.add_argument("--module", metavar="NAME", help="this one only")
    parser.add_argument("--format", choices=["table", "json", "schema"], default="table", help="how they are listed")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    sink = Sink()
    modules = _found(arguments.path, sink)
    show(sink.diagnostics, arguments, sys.stderr)
    if arguments.module is not None:
        known = [module.name for module in modules]
        modules = [module for module in modules if module.name == arguments.module]
        if not modules:
            there = f"but {listed(known, 'and')}" if known else "and no other"
            print(f'headrace modules: there is no module "{arguments.module}", {there}', file=sys.stderr)
            return 2
    if not modules and not sink.failed:
        print("headrace modules: no script here reads its arguments by argparse or by decorators", file=sys.stderr)
    sys.stdout.write(_written(modules, arguments))
    return status(sink, arguments)


def _found(path: str, sink: Sink) -> list[Module]:
    from compiler.frontends.mlreef.listing import find

    try:
        if not os.path.exists(path):
            sink.report(codes.NO_MANIFEST, f'"{path}" is not there')
            return []
        folder = path if os.path.isdir(path) else os.path.dirname(path) or "."
        repository = Repository(find_root(folder) or folder)
        return find(repository, repository.relative(path), sink)
    except OutsideError as error:
        sink.report(codes.OUTSIDE, str(error))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        sink.report(codes.UNREADABLE, f'"{path}" can\'t be read: {reason.lower()}')
    return []


def _written(modules: list[Module], arguments: Namespace) -> str:
    from compiler.frontends.mlreef.listing import as_data, json_schema

    if arguments.format == "table":
        return "\n".join(_table(module) for module in modules)
    data: Any
    if arguments.format == "json":
        data = [as_data(module) for module in modules]
    elif arguments.module is not None:
        data = json_schema(modules[0])
    else:
        data = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {module.name: json_schema(module) for module in modules},
        }
    import json

    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _table(module: Module) -> str:
    """A module's line, and one for each of its parameters."""
    from compiler.render.visible import visible

    types = ""
    if module.input_types or module.output_types:
        types = f", {'/'.join(module.input_types) or 'any'} -> {'/'.join(module.output_types) or 'any'}"
    head = f"{module.name}: {module.kind or 'module'}, {module.script.path}{types}"
    if module.description:
        head += f"\n  {module.description}"
    lines = _lines(module.script, module.script.interface, "  ")
    if not module.script.interface.complete:
        lines.append("  (not all of its parameters are known)")
    return "".join(visible(line) + "\n" for line in (*head.split("\n"), *lines))


def _lines(script: Script, command: Interface | Subcommand, indent: str) -> list[str]:
    """A line for each parameter of a script or a subcommand, and below them the subcommands with theirs."""
    from compiler.frontends.mlreef.parameters import parameters_of
    from compiler.pyargs import selector

    rows = [_row(parameter) for parameter in parameters_of(script, command)]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(3)]
    lines = [indent + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)) for row in rows]
    lines = [f"{line}  {row[3]}".rstrip() for line, row in zip(lines, rows, strict=True)]
    for one in command.subcommands:
        names = ", ".join((one.name, *one.aliases))
        lines.append(f"{indent}{selector(command)}: {names}  {one.help}".rstrip())
        lines += _lines(script, one, indent + "  ")
    return lines


def _row(parameter: ModuleParameter) -> tuple[str, str, str, str]:
    default = "required" if parameter.required else "" if parameter.default is None else f"= {parameter.default}"
    more = f" ({', '.join(map(str, parameter.choices))})" if parameter.choices else ""
    return parameter.flag or parameter.name, parameter.type, default, f"{parameter.help}{more}".replace("\n", " ")
