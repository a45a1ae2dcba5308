"""What a Python script's command line takes, as plain immutable data. Imports nothing that costs."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple


class Marker(enum.Enum):
    """Stands where a literal would: written, but not to be known before run time; or not written at all."""

    UNKNOWN = "unknown"
    ABSENT = "absent"


UNKNOWN = Marker.UNKNOWN
ABSENT = Marker.ABSENT

Constant = str | int | float | complex | bool | bytes | None | tuple["Constant", ...]


class ScriptSyntaxError(Exception):
    """The text isn't Python. Line and column count from 1, columns in code points."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Exclusive(NamedTuple):
    """A mutually exclusive group: arguments with one `id` may not be given together."""

    id: int
    required: bool


class Argument(NamedTuple):
    """One `add_argument` call (or one MLReef parameter, when the script has no parser).

    `flags` is empty for a positional. `name` is argparse's `dest`. `type` is string, int, float, bool, path, json or
    `unknown:NAME`; what takes no value is a bool (`count` an int). `default` is a literal, UNKNOWN, or ABSENT when
    none was given; a member of an Enum stands as its value. `nargs` is argparse's own, 0 for what takes no value, or
    UNKNOWN. `conditional` says that the call stands where it may not be reached. `gives` is what a type of the script's
    own makes of text, as far as its own text says it (bool, int, float, string, list, dict, complex), else "".
    """

    flags: tuple[str, ...]
    name: str
    positional: bool
    type: str
    type_text: str
    choices: tuple[Constant, ...] | None
    nargs: int | str | Marker | None
    default: Constant | Marker
    const: Constant | Marker
    required: bool
    action: str
    metavar: str | tuple[str, ...] | None
    help: str
    group: str
    exclusive: Exclusive | None
    conditional: bool
    line: int
    column: int
    gives: str = ""

    @property
    def spelling(self) -> str:
        """How a message names it: the longest flag, or the positional's name."""
        return max(self.flags, key=len) if self.flags else self.name


class Remark(NamedTuple):
    """What can't be known before run time, or what a reader of the script should know. `kind` is a key of KINDS."""

    kind: str
    message: str
    line: int
    column: int


class Subcommand(NamedTuple):
    """One `add_parser` call. `dest` names the attribute that holds its name ("" when none)."""

    name: str
    aliases: tuple[str, ...]
    dest: str
    help: str
    parameters: tuple[Argument, ...]
    subcommands: tuple[Subcommand, ...]
    subcommand_required: bool
    prefix_chars: str
    fromfile_prefix_chars: str
    allow_abbrev: bool
    line: int
    column: int


class Processor(NamedTuple):
    """MLReef's `@data_processor`: all that MLReef keeps of it is the description. `said` is the rest, by keyword."""

    target: str
    description: str
    line: int
    column: int
    said: tuple[tuple[str, str], ...] = ()


class Parameter(NamedTuple):
    """MLReef's `@parameter`. `default` is text, as MLReef stores it; `order` counts decorators from the first, 0."""

    name: str
    type: str
    required: bool
    default: str
    description: str
    order: int
    line: int
    column: int


class Metric(NamedTuple):
    """MLReef's `@metric`. MLReef stores the first one only."""

    type: str
    ground_truth: str
    prediction: str
    order: int
    line: int
    column: int


class Interface(NamedTuple):
    """All that was read. `style` is argparse, mlreef, none or unreadable.

    Without `complete`, a name that is not among the parameters can't be called an error. `framework` names the
    library that reads the command line when it is not argparse (`hydra`, `click`, ...).
    """

    style: str
    parameters: tuple[Argument, ...]
    decorators: tuple[Processor | Parameter | Metric, ...]
    subcommands: tuple[Subcommand, ...]
    remarks: tuple[Remark, ...]
    complete: bool
    framework: str = ""
    subcommand_required: bool = False
    prefix_chars: str = "-"
    fromfile_prefix_chars: str = ""
    allow_abbrev: bool = True


class Hole:
    """A value that is known only at run time: its parameter's type, and whatever the caller wants back in its place.

    `dash` says that the value may begin with "-", so that it must not stand as a word of its own after a flag.
    """

    __slots__ = ("dash", "type", "value")

    def __init__(self, type: str, value: object = None, dash: bool = True) -> None:
        self.type = type
        self.value = value
        self.dash = dash

    def __repr__(self) -> str:
        return f"Hole({self.type!r}, {self.value!r}, dash={self.dash})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hole):
            return NotImplemented
        return (self.type, self.value, self.dash) == (other.type, other.value, other.dash)

    def __hash__(self) -> int:
        return hash((Hole, self.type, self.dash))


Value = str | int | float | bool | None | Hole | Sequence["Value"]
Word = tuple[str | Hole, ...]


class Problem(NamedTuple):
    """One thing wrong with a call. `name` is the key as it was given, or the argument's spelling when none was."""

    kind: str
    name: str
    message: str
    help: str = ""
    accepted: tuple[str, ...] = ()


# Every kind of remark, with what it means for a reader of the script.
KINDS: dict[str, str] = {
    "computed-flag": "a flag's name is worked out while the script runs",
    "computed-arguments": "arguments of an add_argument call arrive by * or **",
    "computed-choices": "the choices are worked out while the script runs",
    "computed-default": "the default is worked out while the script runs",
    "computed-setting": "nargs, action, required or dest is worked out while the script runs",
    "computed-subcommand": "a subcommand's name is worked out while the script runs",
    "sequence-type": "type=list cuts text into its characters",
    "custom-type": "the type is the script's own, so that values can't be checked",
    "custom-action": "the action is the script's own, so that values can't be checked",
    "bool-type": "type=bool reads any text that isn't empty as True",
    "text-default": "the default is text that argparse converts by the type",
    "bad-default": "the default can't be converted by the type",
    "default-type": "the default is of another type than values that are given",
    "untyped-default": "the default is a number or a truth value, but values that are given stay text",
    "flag-without-effect": "giving the flag changes nothing",
    "conflicting-flag": "two arguments have one flag",
    "invalid-argument": "argparse refuses the call when the script runs",
    "changed-later": "an argument is changed after add_argument",
    "imported-parser": "the parser comes from another file",
    "imported-parents": "the parser's parents come from another file",
    "parser-passed-away": "the parser is given to code that is not in this file",
    "overridden-method": "the script has its own version of an argparse method",
    "parse-known-args": "arguments that the parser does not know are accepted",
    "fixed-arguments": "parse_args is given its arguments, so that the command line is not read",
    "several-parsers": "more than one parser reads the command line",
    "never-parsed": "a parser is made, and never reads the command line",
    "never-called": "nothing calls the function when the file runs as a script",
    "too-much-to-follow": "the script is too long or too deep to be followed to its end",
    "reads-argv": "sys.argv is read directly",
    "no-interface": "nothing in the file reads the command line",
    "framework": "a library other than argparse reads the command line",
    "dropped-decorator": "MLReef ignores the decorator",
    "old-keyword": "MLReef ignores the decorator because of a keyword's old name",
    "unknown-parameter-type": "MLReef does not know the type",
    "bad-parameter-name": "MLReef refuses the name",
    "several-processors": "MLReef accepts one data processor a file",
    "decorator-without-argument": "a decorator's parameter is not an argument of the parser",
    "decorator-differs": "a decorator and the parser disagree",
}
