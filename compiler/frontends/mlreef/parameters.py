"""A module's parameters as MLReef knows them: name, type, default, required, help; and what argparse knows beyond.

The name is the longest option without its dashes. The type is that of `type=`, else of the default, else STRING. What
has neither a default nor a flag's action is required of who composes a pipeline, though argparse would do without.
"""

from __future__ import annotations

from compiler.pyargs import ABSENT, UNKNOWN, Parameter, reached, selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.mlreef.scripts import Script
    from compiler.pyargs import Argument, Interface, Subcommand

SUPPRESS = "==SUPPRESS=="  # argparse's own mark for a default that leaves the attribute away
_TYPES = {"int": "INTEGER", "float": "FLOAT", "bool": "BOOLEAN", "path": "STRING", "string": "STRING", "json": "OBJECT"}
_OF_DEFAULT: dict[type, str] = {
    bool: "BOOLEAN",
    int: "INTEGER",
    float: "FLOAT",
    complex: "COMPLEX",
    tuple: "LIST",
    str: "STRING",
}
_OF_TEXT = {"complex": "COMPLEX", "list": "LIST", "tuple": "TUPLE", "dict": "DICTIONARY"}
_OF_CONVERTER = {
    "bool": "BOOLEAN",
    "int": "INTEGER",
    "float": "FLOAT",
    "string": "STRING",
    "list": "LIST",
    "dict": "DICTIONARY",
    "complex": "COMPLEX",
}
_NAMES = frozenset(_TYPES.values()) | frozenset(_OF_TEXT.values()) | {"UNDEFINED"}


class ModuleParameter:
    """One parameter. `default` is text as MLReef stores it, None where there is none; `item` is the type of a list's items.

    A switch takes no value: `is_on` says whether one that nobody gives is what a run by hand has.
    """

    __slots__ = (
        "choices",
        "default",
        "flag",
        "help",
        "is_on",
        "item",
        "line",
        "name",
        "nargs",
        "required",
        "switch",
        "type",
    )

    def __init__(self, argument: Argument, decorator: Parameter | None) -> None:
        self.name = spelling_of(argument).lstrip("-")
        self.flag = spelling_of(argument) if argument.flags else ""
        self.type = type_of(argument)
        self.default = default_of(argument)
        self.required = is_required(argument)
        self.help = argument.help or (decorator.description if decorator is not None else "")
        self.choices = argument.choices
        self.nargs = argument.nargs
        self.item = _TYPES.get(argument.type, "UNDEFINED") if argument.type_text else "UNDEFINED"
        self.switch = argument.nargs == 0
        self.is_on = argument.action == "BooleanOptionalAction" and argument.default is True
        self.line = argument.line


def spelling_of(argument: Argument) -> str:
    """The longest option, of a pair that switches on and off the one that switches on."""
    positive = [flag for flag in argument.flags if f"--no-{flag[2:]}" in argument.flags]
    return max(positive, key=len, default=argument.spelling)


def parameters_of(script: Script, command: Interface | Subcommand) -> list[ModuleParameter]:
    """The parameters of a script, or of one of its subcommands, in order: the parser's, else those of the decorators."""
    decorated = {one.name.lstrip("-"): one for one in script.interface.decorators if isinstance(one, Parameter)}
    arguments = [one for one in command.parameters if one.action not in ("help", "version")]
    return [ModuleParameter(one, decorated.get(spelling_of(one).lstrip("-"))) for one in arguments]


def type_of(argument: Argument) -> str:
    if argument.nargs == 0:
        return "INTEGER" if argument.action == "count" else "BOOLEAN"
    if argument.action in ("append", "extend") or argument.nargs in ("*", "+", "..."):
        return "LIST"
    if isinstance(argument.nargs, int):
        return "LIST"
    if argument.type.startswith("unknown:"):
        said = argument.type.removeprefix("unknown:")
        if said in _NAMES:
            return said
        return _OF_CONVERTER.get(argument.gives) or _OF_TEXT.get(said, "UNDEFINED")
    if argument.type == "string" and not argument.type_text:
        return _OF_DEFAULT.get(type(argument.default), "STRING")
    return _TYPES.get(argument.type, "UNDEFINED")


def default_of(argument: Argument) -> str | None:
    """As argparse has it: that of `--no-cuda` with action="store_false" is True, which is what the script then sees."""
    value = argument.default
    if value is ABSENT and argument.action in ("store_true", "store_false"):
        return str(argument.action == "store_false")
    if value in (ABSENT, UNKNOWN, None, SUPPRESS):
        return None
    if isinstance(value, tuple):
        return "[" + ", ".join(map(repr, value)) + "]"
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def is_required(argument: Argument) -> bool:
    if argument.required:
        return True
    if not argument.flags:
        return argument.nargs not in ("?", "*", "...")
    return argument.default is ABSENT and argument.nargs != 0


def sample(script: Script) -> dict[str, Any] | None:
    """Values for every argument that can be given one, and that the script's parser takes; None where none are known."""
    from compiler.pyargs import check_call

    if script.interface.style != "argparse" and script.interface.style != "mlreef":
        return None
    if not script.interface.complete:
        return None
    chosen = _first_subcommands(script.interface)
    every: dict[str, Any] = dict(chosen)
    needed: dict[str, Any] = dict(chosen)
    for argument in reached(script.interface, chosen):
        value = _sample(argument)
        if value is None:
            if argument.required:
                return None
            continue
        key = argument.spelling
        if argument.exclusive is None:
            every[key] = value
        if argument.required:
            needed[key] = value
    for given in (every, needed):
        if not check_call(script.interface, given):
            return given
    return None


def _first_subcommands(interface: Interface) -> dict[str, Any]:
    """The first subcommand of each level, by the name that chooses it."""
    found: dict[str, Any] = {}
    command: Interface | Subcommand = interface
    while command.subcommands:
        found.setdefault(selector(command), []).append(command.subcommands[0].name)
        command = command.subcommands[0]
    return found


def _sample(argument: Argument) -> Any:
    """A value as text (a list of them for several), True for a switch; None where none can be known to be taken."""
    if argument.action in ("help", "version") or argument.action.startswith("unknown:"):
        return None
    if argument.nargs == 0:
        return True if argument.action in ("store_true", "store_false") else None
    one = _one(argument)
    if one is None or argument.nargs is UNKNOWN:
        return None
    if isinstance(argument.nargs, int):
        return [one] * argument.nargs
    return [one] if argument.nargs in ("*", "+") or argument.action in ("append", "extend") else one


def _one(argument: Argument) -> str | None:
    if argument.choices is not None:
        return str(argument.choices[0]) if argument.choices else None
    default = argument.default
    if argument.type == "int":
        return str(default) if isinstance(default, int) and not isinstance(default, bool) else "1"
    if argument.type == "float":
        return str(default) if isinstance(default, (int, float)) and not isinstance(default, bool) else "0.5"
    if argument.type == "bool":
        return "True"
    if argument.type == "json":
        return "{}"
    if argument.type in ("string", "path"):
        written = isinstance(default, (str, int, float)) and not isinstance(default, bool)
        return str(default) if written and default != "" else "sample"
    return None
