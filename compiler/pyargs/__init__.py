"""A Python script's command line, read by its syntax tree and never executed.

`read_interface` reads a script, `check_call` checks the arguments that a manifest gives it, `argv` writes them out.
"""

from __future__ import annotations

from compiler.pyargs.binding import reached, selector
from compiler.pyargs.call import argv, check_call
from compiler.pyargs.interface import (
    ABSENT,
    KINDS,
    UNKNOWN,
    Argument,
    Constant,
    Exclusive,
    Hole,
    Interface,
    Marker,
    Metric,
    Parameter,
    Problem,
    Processor,
    Remark,
    ScriptSyntaxError,
    Subcommand,
    Value,
    Word,
)

__all__ = [
    "ABSENT",
    "KINDS",
    "UNKNOWN",
    "Argument",
    "Constant",
    "Exclusive",
    "Hole",
    "Interface",
    "Marker",
    "Metric",
    "Parameter",
    "Problem",
    "Processor",
    "Remark",
    "ScriptSyntaxError",
    "Subcommand",
    "Value",
    "Word",
    "argv",
    "check_call",
    "reached",
    "read_interface",
    "selector",
]


def read_interface(text: str, filename: str) -> Interface:
    """What the script takes on its command line, and what about that can't be known without running it.

    Raises ScriptSyntaxError when the text isn't Python.
    """
    from compiler.pyargs.reading import read  # ast is not worth its import where no script is read

    return read(text, filename)
