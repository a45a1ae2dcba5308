"""What a typed parameter takes. Values are text as a person types it, and are compared exactly, whatever their size."""

from __future__ import annotations

from compiler.diagnostics import listed
from compiler.pattern import Pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Parameter

EXAMPLES = {"int": "an integer", "float": "a number", "bool": "true or false"}
_INT = Pattern(r"[+-]?[0-9]+")
_FLOAT = Pattern(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_LONGEST = 4000  # digits; more is no number that anybody gives by hand


def fits(value: str, kind: str) -> bool:
    """Whether text is a value of a parameter's type; integers may be of any size, numbers are decimal and finite."""
    if kind == "int":
        return len(value) <= _LONGEST and _INT.fullmatch(value) is not None
    if kind == "float":
        return len(value) <= _LONGEST and _FLOAT.fullmatch(value) is not None
    return value in ("true", "false") if kind == "bool" else True


def compare(left: str, right: str) -> int:
    """Below, equal or above zero as the first number is less than, equal to or greater than the second, exactly."""
    if _INT.fullmatch(left) and _INT.fullmatch(right):
        return int(left) - int(right)
    from decimal import Decimal

    return int(Decimal(left).compare(Decimal(right)))


def problem(parameter: Parameter, value: str) -> str | None:
    """What is wrong with a value that is given to a parameter; None where nothing is."""
    if parameter.type == "choice":
        return None if value in parameter.choices else f'"{value}" is not {listed(parameter.choices)}'
    if not fits(value, parameter.type):
        return f'"{value}" is not {EXAMPLES[parameter.type]}'
    if parameter.type in ("int", "float"):
        if parameter.minimum is not None and compare(value, parameter.minimum) < 0:
            return f'"{value}" is below the minimum "{parameter.minimum}"'
        if parameter.maximum is not None and compare(value, parameter.maximum) > 0:
            return f'"{value}" is above the maximum "{parameter.maximum}"'
    return None
