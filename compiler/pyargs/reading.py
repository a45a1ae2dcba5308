"""From a script's text to its Interface: decorators, parsers, other libraries, and how they agree."""

from __future__ import annotations

from compiler.pyargs.decorators import read_decorators
from compiler.pyargs.flow import Flow
from compiler.pyargs.frameworks import find_uses, reads_argv
from compiler.pyargs.interface import (
    Argument,
    Interface,
    Metric,
    Parameter,
    Processor,
    Remark,
    Subcommand,
)
from compiler.pyargs.model import Child, Option, Parser
from compiler.pyargs.script import Script, parse
from compiler.pyargs.survey import survey

Decorators = tuple[Processor | Parameter | Metric, ...]

# MLReef's types, as the types of arguments that stand for its parameters.
MLREEF_TYPES = {"STRING": "string", "INTEGER": "int", "FLOAT": "float", "UNDEFINED": "string"}


def read(text: str, filename: str) -> Interface:
    """See compiler.pyargs.read_interface."""
    script = parse(text, filename)
    decorators, remarks = read_decorators(script)
    parsers, flow_remarks = _follow(script)
    frameworks = find_uses(script)
    made_here = [parser for parser in parsers if not parser.imported]
    if frameworks and not made_here:
        return _other_library(script, frameworks, decorators, remarks)
    if not parsers:
        return _without_parser(script, decorators, remarks)
    interface = _from_parsers(script, parsers)
    remarks += flow_remarks + interface.remarks
    remarks += tuple(_framework_remark(*use) for use in frameworks)
    style = "argparse"
    if decorators:
        style = "mlreef"
        remarks += tuple(_disagreements(decorators, interface))
    return interface._replace(style=style, decorators=decorators, remarks=_in_order(remarks))


def _follow(script: Script) -> tuple[list[Parser], tuple[Remark, ...]]:
    """The parsers that read the command line, and what was remarked on the way to them."""
    found = survey(script.tree)
    if not found.has_seed:
        return [], ()
    flow = Flow(script, found)
    flow.run()
    tops = [parser for parser in flow.parsers if not parser.is_child]
    used = [parser for parser in tops if parser.parsed]
    unused = [parser for parser in tops if not parser.is_parent and (parser.options or not parser.imported)]
    if tops and not used and all(map(_is_complete, tops)):
        flow.note("never-parsed", "the parser never reads the command line", tops[-1].node)
    last = [parser for parser in used if not parser.is_parent]  # a parent's arguments are its child's too
    made_here = [parser for parser in tops if not parser.imported]
    return last or used or unused or made_here[-1:], tuple(flow.remarks)


def _in_order(remarks: tuple[Remark, ...]) -> tuple[Remark, ...]:
    return tuple(sorted(dict.fromkeys(remarks), key=lambda remark: (remark.line, remark.column, remark.kind)))


def _framework_remark(name: str, line: int, column: int) -> Remark:
    return Remark("framework", f"{name} reads the command line, and is not read here", line, column)


def _other_library(
    script: Script, frameworks: list[tuple[str, int, int]], decorators: Decorators, remarks: tuple[Remark, ...]
) -> Interface:
    notes = remarks + tuple(_framework_remark(*use) for use in frameworks)
    if decorators:
        return _without_parser(script, decorators, notes)._replace(framework=frameworks[0][0])
    return Interface("unreadable", (), (), (), _in_order(notes), complete=False, framework=frameworks[0][0])


def _without_parser(script: Script, decorators: Decorators, remarks: tuple[Remark, ...]) -> Interface:
    """MLReef's parameters stand in for the parser that isn't there; without them nothing is known."""
    place = reads_argv(script)
    if place is not None:
        remarks += (Remark("reads-argv", "sys.argv is read directly, which is not read here", *place),)
    if decorators:
        arguments = tuple(_from_parameter(one) for one in decorators if isinstance(one, Parameter))
        return Interface("mlreef", arguments, decorators, (), _in_order(remarks), complete=place is None)
    if place is None:
        remarks += (Remark("no-interface", "nothing in the file reads the command line", 1, 1),)
    return Interface("none", (), (), (), _in_order(remarks), complete=False)


def _from_parsers(script: Script, parsers: list[Parser]) -> Interface:
    """One interface for the parsers that read the command line: mostly one of them."""
    first = parsers[0]
    remarks: tuple[Remark, ...] = ()
    complete = all(_is_complete(parser) for parser in parsers)
    for parser in parsers:
        if parser.accepts_unknown is not None:
            line, column = script.position(parser.accepts_unknown)
            message = "arguments that the parser does not know are accepted"
            remarks += (Remark("parse-known-args", message, line, column),)
            complete = False
    if len(parsers) > 1:
        line, column = script.position(parsers[1].node)
        remarks += (Remark("several-parsers", "a second parser reads the command line", line, column),)
        complete = False
    parameters: dict[object, Argument] = {}
    for parser in parsers:
        for argument in _arguments(script, parser):
            # Two parsers of one file often share an argument.
            parameters.setdefault(frozenset(argument.flags) or len(parameters), argument)
    return Interface(
        style="argparse",
        parameters=tuple(parameters.values()),
        decorators=(),
        subcommands=tuple(child for parser in parsers for child in _subcommands(script, parser, 0)),
        remarks=remarks,
        complete=complete,
        subcommand_required=any(parser.subcommand_required for parser in parsers),
        prefix_chars=first.prefix_chars,
        fromfile_prefix_chars=first.fromfile_prefix_chars,
        allow_abbrev=first.allow_abbrev,
    )


def _is_complete(parser: Parser) -> bool:
    waiting, seen = [parser], 0
    while waiting and seen < 1_000:
        one = waiting.pop()
        seen += 1
        if not one.complete:
            return False
        waiting.extend(child.parser for child in one.children)
    return not waiting


def _arguments(script: Script, parser: Parser) -> tuple[Argument, ...]:
    return tuple(_argument(script, option) for option in parser.options)


def _argument(script: Script, option: Option) -> Argument:
    return option.argument(*script.position(option.node))


def _subcommands(script: Script, parser: Parser, depth: int) -> tuple[Subcommand, ...]:
    # A subcommand of a subcommand of ... by way of a function that calls itself is not followed for ever.
    if depth > 12:
        return ()
    return tuple(_subcommand(script, parser.subcommand_dest, child, depth) for child in parser.children)


def _subcommand(script: Script, dest: str, child: Child, depth: int) -> Subcommand:
    line, column = script.position(child.node)
    return Subcommand(
        name=child.name,
        aliases=child.aliases,
        dest=dest,
        help=child.help,
        parameters=_arguments(script, child.parser),
        subcommands=_subcommands(script, child.parser, depth + 1),
        subcommand_required=child.parser.subcommand_required,
        prefix_chars=child.parser.prefix_chars,
        fromfile_prefix_chars=child.parser.fromfile_prefix_chars,
        allow_abbrev=child.parser.allow_abbrev,
        line=line,
        column=column,
    )


def _from_parameter(parameter: Parameter) -> Argument:
    """The argument that MLReef would pass for a parameter: `--name value`, truth values as True and False."""
    name = parameter.name.lstrip("-")
    return Argument(
        flags=(f"--{name}",),
        name=name.replace("-", "_"),
        positional=False,
        type=MLREEF_TYPES.get(parameter.type, f"unknown:{parameter.type}"),
        type_text=parameter.type,
        choices=None,
        nargs=None,
        default=parameter.default,
        const=None,
        required=parameter.required and not parameter.default,
        action="store",
        metavar=None,
        help=parameter.description,
        group="",
        exclusive=None,
        conditional=False,
        line=parameter.line,
        column=parameter.column,
    )


# Which of argparse's types a parameter of MLReef's type may have; for the others any.
AGREEING = {
    "INTEGER": ("int", "float"),
    "FLOAT": ("float",),
    "BOOLEAN": ("bool",),
    "STRING": ("string", "path", "json"),
}


def _disagreements(decorators: Decorators, interface: Interface) -> list[Remark]:
    """Where the decorators promise what the parser does not take."""
    remarks: list[Remark] = []
    for one in decorators:
        if not isinstance(one, Parameter):
            continue
        flag = f"--{one.name.lstrip('-')}"
        argument = next((argument for argument in interface.parameters if flag in argument.flags), None)
        if argument is None:
            if interface.complete:
                message = f'the parser has no "{flag}", which MLReef would pass for the parameter "{one.name}"'
                remarks.append(Remark("decorator-without-argument", message, one.line, one.column))
            continue
        if argument.nargs == 0:
            message = f'MLReef would pass a value to "{flag}", which takes none'
            remarks.append(Remark("decorator-differs", message, one.line, one.column))
        elif argument.type not in AGREEING.get(one.type, (argument.type,)) and not argument.type.startswith("unknown:"):
            message = f'"{one.name}" is {one.type} by its decorator, and {argument.type} by the parser'
            remarks.append(Remark("decorator-differs", message, one.line, one.column))
    return remarks
