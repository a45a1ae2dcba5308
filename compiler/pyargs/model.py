"""argparse's own objects, as they are built up while a script is followed.

The rules are those of https://docs.python.org/3/library/argparse.html and of argparse.py beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NamedTuple

from compiler.pyargs.converters import gives
from compiler.pyargs.interface import ABSENT, UNKNOWN, Argument, Constant, Exclusive, Marker
from compiler.pyargs.values import Class, Function, PathText, Symbol, constant, items_of

MAX_CHOICES = 1_000
MAX_ARGUMENTS = 5_000

NO_VALUE = frozenset(
    {"store_true", "store_false", "store_const", "append_const", "count", "help", "version", "BooleanOptionalAction"}
)
ACTIONS = NO_VALUE | {"store", "append", "extend", "parsers"}

OWN_DEFAULTS: dict[str, Constant] = {
    "store_true": False,
    "store_false": True,
    "help": "==SUPPRESS==",
    "version": "==SUPPRESS==",
}

Note = Callable[[str, str, ast.AST], None]


class TooMuchError(Exception):
    """The script was followed for as long as is sensible."""


class Call(NamedTuple):
    """A call with its arguments' values. `open` when more may arrive by * (`names_open`) or by ** (`keys_open`)."""

    node: ast.Call
    given: list[object]
    named: dict[str, object]
    nodes: dict[str, ast.expr]
    names_open: bool
    keys_open: bool

    def keyword(self, name: str, default: object = None) -> object:
        return self.named.get(name, default)

    def at(self, name: str) -> ast.expr:
        """Where to point for a keyword."""
        return self.nodes.get(name, self.node)


class Option:
    """One argument, while it may still change."""

    __slots__ = (
        "action",
        "choices",
        "conditional",
        "const",
        "default",
        "exclusive",
        "flags",
        "gives",
        "group",
        "help",
        "metavar",
        "name",
        "nargs",
        "node",
        "required",
        "type",
        "type_text",
    )

    def __init__(self, node: ast.Call, flags: tuple[str, ...], name: str) -> None:
        self.node = node
        self.flags = flags
        self.name = name
        self.type = "string"
        self.type_text = ""
        self.gives = ""
        self.choices: tuple[Constant, ...] | None = None
        self.nargs: int | str | Marker | None = None
        self.default: Constant | Marker = ABSENT
        self.const: Constant | Marker = ABSENT
        self.required = False
        self.action = "store"
        self.metavar: str | tuple[str, ...] | None = None
        self.help = ""
        self.group = ""
        self.exclusive: Exclusive | None = None
        self.conditional = False

    def argument(self, line: int, column: int) -> Argument:
        """The finished argument. Positionals that may be empty are never required, whatever argparse stores."""
        required = self.required
        if not self.flags:
            required = self.nargs not in ("?", "*", "...")
        return Argument(
            flags=self.flags,
            name=self.name,
            positional=not self.flags,
            type=self.type,
            type_text=self.type_text,
            choices=self.choices,
            nargs=self.nargs,
            default=self.default,
            const=self.const,
            required=required,
            action=self.action,
            metavar=self.metavar,
            help=self.help,
            group=self.group,
            exclusive=self.exclusive,
            conditional=self.conditional,
            line=line,
            column=column,
            gives=self.gives,
        )

    def blur(self, other: Option) -> None:
        """Keeps what two versions of one argument agree on, when it isn't known which of them runs."""
        if (self.type, self.type_text) != (other.type, other.type_text):
            self.type, self.type_text, self.gives = "unknown:conditional", "", ""
        if self.choices != other.choices:
            self.choices = None
        if self.nargs != other.nargs:
            self.nargs = UNKNOWN
        if self.default != other.default:
            self.default = UNKNOWN
        if self.const != other.const:
            self.const = UNKNOWN
        if self.action != other.action:
            self.action = "unknown:conditional"
        self.required = self.required and other.required
        self.conditional = True


class Group:
    """What add_argument_group and add_mutually_exclusive_group give."""

    __slots__ = ("exclusive", "parser", "title")

    def __init__(self, parser: Parser, title: str, exclusive: Exclusive | None) -> None:
        self.parser = parser
        self.title = title
        self.exclusive = exclusive


class Subparsers:
    """What add_subparsers gives."""

    __slots__ = ("dest", "parser")

    def __init__(self, parser: Parser, dest: str) -> None:
        self.parser = parser
        self.dest = dest


class Child(NamedTuple):
    """One add_parser call."""

    name: str
    aliases: tuple[str, ...]
    help: str
    parser: Parser
    node: ast.Call


class Parser:
    """An ArgumentParser, with what was done to it so far."""

    __slots__ = (
        "accepts_unknown",
        "add_help",
        "allow_abbrev",
        "argument_default",
        "attributes",
        "by_flag",
        "children",
        "cls",
        "complete",
        "defaults",
        "fromfile_prefix_chars",
        "imported",
        "is_child",
        "is_parent",
        "node",
        "options",
        "parsed",
        "prefix_chars",
        "resolves_conflicts",
        "subcommand_dest",
        "subcommand_required",
    )

    def __init__(self, node: ast.Call) -> None:
        self.node = node
        self.cls: Class | None = None
        self.attributes: dict[str, object] = {}
        self.options: list[Option] = []
        self.by_flag: dict[str, Option] = {}
        self.defaults: dict[str, Constant | Marker] = {}
        self.argument_default: Constant | Marker = ABSENT
        self.children: list[Child] = []
        self.subcommand_dest = ""
        self.subcommand_required = False
        self.prefix_chars = "-"
        self.fromfile_prefix_chars = ""
        self.allow_abbrev = True
        self.add_help = True
        self.resolves_conflicts = False
        self.complete = True
        self.imported = False  # made in another file: what it has from there isn't known
        self.accepts_unknown: ast.Call | None = None  # where parse_known_args was called
        self.is_child = False
        self.is_parent = False
        self.parsed = False

    def help_flags(self) -> tuple[str, ...]:
        prefix = "-" if "-" in self.prefix_chars else self.prefix_chars[0]
        return (f"{prefix}h", f"{prefix}{prefix}help") if self.add_help else ()

    def configure(self, call: Call, note: Note) -> None:
        """Takes the constructor's keywords."""
        prefix_chars = call.keyword("prefix_chars", "-")
        if isinstance(prefix_chars, str) and prefix_chars:
            self.prefix_chars = prefix_chars
        else:
            note("computed-setting", "prefix_chars is not a literal", call.at("prefix_chars"))
            self.complete = False
        fromfile = call.keyword("fromfile_prefix_chars")
        if isinstance(fromfile, str):
            self.fromfile_prefix_chars = fromfile
        self.allow_abbrev = call.keyword("allow_abbrev", True) is not False
        self.add_help = call.keyword("add_help", True) is not False
        self.resolves_conflicts = call.keyword("conflict_handler") == "resolve"
        self.argument_default = _none_is_absent(constant(call.keyword("argument_default")))
        self._take_parents(call, note)

    def _take_parents(self, call: Call, note: Note) -> None:
        given = call.keyword("parents", [])
        parents = items_of(given)
        if call.keys_open or parents is None:
            parents = [UNKNOWN]
        for parent in parents:
            if not isinstance(parent, Parser):
                note("imported-parents", "the parser's parents are not all made in this file", call.at("parents"))
                self.complete = False
                continue
            parent.is_parent = True
            self.complete = self.complete and parent.complete
            self.defaults.update(parent.defaults)
            for option in list(parent.options):  # shared, as argparse shares them: set_defaults changes all
                self.add(option, note)
            self.children.extend(parent.children)
            if len(self.children) > MAX_ARGUMENTS:
                raise TooMuchError

    def set_defaults(self, call: Call, note: Note) -> None:
        if call.keys_open:
            note("computed-default", "set_defaults is given names that are not literals", call.node)
        for name, value in call.named.items():
            known = constant(value)
            self.defaults[name] = known
            for option in self.options:
                if option.name == name:
                    option.default = known

    def add(self, option: Option, note: Note) -> None:
        """Registers an argument as argparse does, conflicts included."""
        if option.default is ABSENT:
            option.default = self.defaults.get(option.name, self.argument_default)
        if option.default is ABSENT:
            option.default = OWN_DEFAULTS.get(option.action, ABSENT)
        clash = [flag for flag in option.flags if flag in self.help_flags()]
        if clash and not self.resolves_conflicts:
            note("conflicting-flag", f'"{clash[0]}" is argparse\'s own, and add_help is not off', option.node)
        for flag in option.flags:
            other = self.by_flag.get(flag)
            if other is None or flag not in other.flags:
                continue
            if option.conditional or other.conditional:
                other.blur(option)
                other.flags += tuple(flag for flag in option.flags if flag not in other.flags)
                self.by_flag.update(dict.fromkeys(option.flags, other))
                return
            if not self.resolves_conflicts:
                note("conflicting-flag", f'"{flag}" is already a flag of another argument', option.node)
                return
            other.flags = tuple(one for one in other.flags if one != flag)
            if not other.flags:
                self.options.remove(other)
        self.by_flag.update(dict.fromkeys(option.flags, option))
        if len(self.options) >= MAX_ARGUMENTS:
            raise TooMuchError
        self.options.append(option)


def _none_is_absent(value: Constant | Marker) -> Constant | Marker:
    return ABSENT if value is None else value


def read_option(call: Call, parser: Parser, segment: Callable[[ast.expr], str], note: Note) -> Option | None:
    """The argument that an add_argument call makes; None when its name isn't known, or argparse would refuse it."""
    if call.names_open or any(not isinstance(name, str) for name in call.given):
        node: ast.AST = call.node.args[0] if call.node.args else call.node
        note("computed-flag", "the argument's name is not a literal", node)
        parser.complete = False
        return None
    names = tuple(name for name in call.given if isinstance(name, str))
    if call.keys_open:
        note("computed-arguments", f"{_quoted(names)} is given keywords by ** that are not literals", call.node)
    option = _named_option(call, names, parser, note)
    if option is None:
        return None
    _read_action(option, call, segment, note)
    _read_type(option, call, segment, note)
    _read_numbers(option, call, note)
    _read_choices(option, call, note)
    _read_texts(option, call)
    _read_default(option, call, note)
    if call.keys_open:
        _forget(option, call)
    return option


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names) or "an argument"


def _forget(option: Option, call: Call) -> None:
    """What ** may have said: everything that the call doesn't say itself."""
    if "type" not in call.named:
        option.type = "unknown:**"
    if "action" not in call.named:
        option.action = "unknown:**"
    if "nargs" not in call.named:
        option.nargs = UNKNOWN
    if "default" not in call.named:
        option.default = UNKNOWN


def _named_option(call: Call, names: tuple[str, ...], parser: Parser, note: Note) -> Option | None:
    prefixes = parser.prefix_chars
    dest = call.keyword("dest")
    if dest is not None and not isinstance(dest, str):
        note("computed-setting", f"the dest of {_quoted(names)} is not a literal", call.at("dest"))
        dest = None
    if any(not name for name in names) or (not names and dest is None):
        note("invalid-argument", "add_argument needs a name", call.node)
        return None
    if not names or (len(names) == 1 and names[0][0] not in prefixes):
        if names and dest is not None:
            note("invalid-argument", f"{_quoted(names)} is a positional, which takes no dest", call.node)
        option = Option(call.node, (), names[0] if names else str(dest))
        if "required" in call.named:
            note("invalid-argument", f'"{option.name}" is a positional, which takes no required', call.at("required"))
        return option
    if any(name[0] not in prefixes for name in names):
        note("invalid-argument", f"{_quoted(names)}: a flag must begin with one of {prefixes!r}", call.node)
        return None
    if dest is None:
        long = [name for name in names if len(name) > 1 and name[1] in prefixes]
        dest = (long or list(names))[0].lstrip(prefixes).replace("-", "_")
    if not dest:
        note("invalid-argument", f"{_quoted(names)} needs a dest", call.node)
        return None
    return Option(call.node, names, dest)


def _read_action(option: Option, call: Call, segment: Callable[[ast.expr], str], note: Note) -> None:
    action = call.keyword("action", "store")
    if action is None:
        action = "store"
    if isinstance(action, Symbol) and action.name.rpartition(".")[2] == "BooleanOptionalAction":
        action = "BooleanOptionalAction"
        negated = [(flag, f"--no-{flag[2:]}") if flag.startswith("--") else (flag,) for flag in option.flags]
        option.flags = tuple(flag for pair in negated for flag in pair)
    if isinstance(action, str) and action in ACTIONS:
        option.action = action
    else:
        option.action = f"unknown:{_callable_name(action, call.at('action'), segment)}"
        note("custom-action", f"the action of {_shown(option)} is the script's own", call.at("action"))
        own_init = not isinstance(action, Class) or isinstance(action.find("__init__"), Function)
        option.nargs = UNKNOWN if own_init else None
    if option.action in NO_VALUE:
        option.nargs = 0
        option.type = "int" if option.action == "count" else "bool"
        refused = [key for key in ("type", "nargs", "choices") if key in call.named]
        if option.action != "BooleanOptionalAction" and refused:
            message = f"action {option.action!r} of {_shown(option)} takes no {refused[0]}"
            note("invalid-argument", message, call.at(refused[0]))


def _shown(option: Option) -> str:
    return f'"{max(option.flags, key=len) if option.flags else option.name}"'


def _callable_name(value: object, node: ast.expr, segment: Callable[[ast.expr], str]) -> str:
    if isinstance(value, Function):
        return value.name
    if isinstance(value, Class):
        return value.node.name
    if isinstance(value, Symbol):
        return value.name.removeprefix("builtins.")
    if isinstance(value, str):
        return repr(value)
    return " ".join(segment(node).split())[:80]


TYPES = {
    "builtins.str": "string",
    "builtins.int": "int",
    "builtins.float": "float",
    "builtins.bool": "bool",
    "builtins.open": "path",
    "argparse.FileType": "path",
    "pathlib.Path": "path",
    "pathlib.PurePath": "path",
    "pathlib.PosixPath": "path",
    "pathlib.PurePosixPath": "path",
    "os.path.abspath": "path",
    "os.path.realpath": "path",
    "os.path.expanduser": "path",
    "os.path.expandvars": "path",
    "os.path.normpath": "path",
    "json.loads": "json",
}


SEQUENCES = frozenset(("builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset"))


def _read_type(option: Option, call: Call, segment: Callable[[ast.expr], str], note: Note) -> None:
    if "type" not in call.named:
        return
    given, node = call.named["type"], call.at("type")
    option.type_text = " ".join(segment(node).split()) if node is not call.node else ""
    if option.action in NO_VALUE or given is None:
        return
    known = TYPES.get(given.name) if isinstance(given, Symbol) else None
    option.type = known or f"unknown:{_callable_name(given, node, segment)}"
    if known == "bool":
        message = f'{_shown(option)} has type=bool, which reads any text that isn\'t empty as True, also "False"'
        note("bool-type", message, node)
    elif known is None:
        option.gives = gives(given)
        if isinstance(given, Symbol) and given.name in SEQUENCES:
            name = given.name.removeprefix("builtins.")
            message = f"{_shown(option)} has type={name}, which cuts the text that is given into its characters"
            note("sequence-type", message, node)
        note("custom-type", f"the type of {_shown(option)} is the script's own: {option.type[8:]}", node)


def _read_numbers(option: Option, call: Call, note: Note) -> None:
    """nargs, const and required."""
    if "nargs" in call.named and option.action not in NO_VALUE:
        given = constant(call.named["nargs"])
        if given is None or isinstance(given, int | str):
            option.nargs = given
        else:
            option.nargs = UNKNOWN
            note("computed-setting", f"the nargs of {_shown(option)} are not a literal", call.at("nargs"))
    if "const" in call.named:
        option.const = constant(call.named["const"])
    if "required" in call.named:
        required = call.named["required"]
        option.required = required is True or (isinstance(required, int) and bool(required))
        if not isinstance(required, int):
            note("computed-setting", f"whether {_shown(option)} is required is not a literal", call.at("required"))


def _read_choices(option: Option, call: Call, note: Note) -> None:
    given = call.keyword("choices")
    if given is None:
        return
    length = len(given) if isinstance(given, range) else 0
    items = items_of(given)
    known = constant(tuple(items)) if items else UNKNOWN
    if isinstance(known, tuple) and length <= MAX_CHOICES:
        option.choices = known
        return
    message = f"the choices of {_shown(option)} are not literals"
    if length > MAX_CHOICES:
        message = f"{_shown(option)} has {length} choices, too many to check"
    note("computed-choices", message, call.at("choices"))


def _read_texts(option: Option, call: Call) -> None:
    help_text, metavar = call.keyword("help"), constant(call.keyword("metavar"))
    option.help = help_text if isinstance(help_text, str) else ""
    if isinstance(metavar, str):
        option.metavar = metavar
    elif isinstance(metavar, tuple) and all(isinstance(part, str) for part in metavar):
        option.metavar = tuple(str(part) for part in metavar)


def _read_default(option: Option, call: Call, note: Note) -> None:
    if "default" in call.named:
        option.default = constant(call.named["default"])
    if option.default is UNKNOWN:
        note("computed-default", f"the default of {_shown(option)} is not a literal", call.at("default"))
    elif "default" in call.named:
        is_path = isinstance(call.named["default"], PathText)
        _check_default(option, is_path, lambda kind, message: note(kind, message, call.at("default")))


def _check_default(option: Option, is_path: bool, note: Callable[[str, str], None]) -> None:
    default, shown = option.default, _shown(option)
    if (option.action, default) in (("store_true", True), ("store_false", False)) and isinstance(default, bool):
        note("flag-without-effect", f"{shown} is {option.action} with default={default}: giving it changes nothing")
    if option.action in NO_VALUE or default is None or default == "==SUPPRESS==" or is_path:
        return
    several = option.action in ("append", "extend") or option.nargs not in (None, "?")
    for one in default if isinstance(default, tuple) and several else (default,):
        _check_one_default(option, one, note)


def _check_one_default(option: Option, default: object, note: Callable[[str, str], None]) -> None:
    shown = _shown(option)
    if option.type == "string":
        if isinstance(default, bool | int | float) and option.type_text == "":
            note("untyped-default", f"{shown} has no type: its default is {default!r}, values that are given stay text")
        elif not isinstance(default, str):
            note("default-type", f"the default of {shown} is {default!r}, but values that are given are text")
        return
    wanted: dict[str, type] = {"int": int, "float": float, "bool": bool}
    if option.type not in wanted:
        return
    if isinstance(default, str):
        try:
            wanted[option.type](default)
        except ValueError:
            note("bad-default", f"the default of {shown} is {default!r}, which {option.type} does not accept")
        else:
            note("text-default", f"the default of {shown} is the text {default!r}, which argparse converts")
    elif type(default) is not wanted[option.type] and not (option.type == "float" and type(default) is int):
        note("default-type", f"the default of {shown} is {default!r}, but its type is {option.type}")
