"""Operators and builtins whose result depends on their arguments alone, on values short enough for a command line."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Sequence

from compiler.pyargs import values
from compiler.pyargs.interface import UNKNOWN
from compiler.pyargs.values import MAX_ITEMS, MAX_TEXT, EnumMember, Symbol, items_of

TEXT_METHODS = frozenset(
    {"lower", "upper", "strip", "lstrip", "rstrip", "title", "capitalize", "replace", "split", "join", "splitlines"}
    | {"removeprefix", "removesuffix", "startswith", "endswith"}
)


def hashable(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bytes | EnumMember)


def prints_plainly(value: object) -> bool:
    return isinstance(value, str | int | float) or value is None


def bounded(value: object) -> object:
    """The value, or UNKNOWN when it is too large to be of use on a command line."""
    if isinstance(value, str | bytes):
        return value if len(value) <= MAX_TEXT else UNKNOWN
    if isinstance(value, int) and value.bit_length() > 4 * MAX_ITEMS:
        return UNKNOWN
    if isinstance(value, list) or type(value) is tuple:
        return value if len(value) <= MAX_ITEMS else UNKNOWN
    return value


def percent(template: str, given: object) -> object:
    """`"--%s" % name`, for %s and %d alone."""
    items = given if type(given) is tuple else (given,)
    pieces = template.replace("%%", "\0").replace("%d", "%s").split("%s")
    if any("%" in piece for piece in pieces):
        return UNKNOWN
    return _filled([piece.replace("\0", "%") for piece in pieces], items)


def formatted(template: str, given: list[object]) -> object:
    """`"--{}".format(name)`, for plain {} alone."""
    pieces = template.split("{}")
    if any("{" in piece or "}" in piece for piece in pieces):
        return UNKNOWN
    return _filled(pieces, given)


def _filled(pieces: list[str], items: Sequence[object]) -> object:
    """Pieces with items between them, each as it prints."""
    if len(pieces) != len(items) + 1 or not all(prints_plainly(item) for item in items):
        return UNKNOWN
    text = pieces[0]
    for item, piece in zip(items, pieces[1:], strict=True):
        text += str(item) + piece
    return bounded(text)


# A width and a precision of two digits at most: no text grows beyond use by them.
SPECIFICATION = re.compile(r"[<>^=]?[+ -]?0?\d{0,2},?(\.\d{1,2})?[bdeEfFgGosxX%]?")


def interpolated(value: object, conversion: int, specification: str) -> object:
    """A `{value}` of an f-string, as text."""
    if not prints_plainly(value) or not SPECIFICATION.fullmatch(specification):
        return UNKNOWN
    if conversion != -1:
        value = str(value) if conversion == ord("s") else ascii(value) if conversion == ord("a") else repr(value)
    try:
        return format(value, specification)
    except (TypeError, ValueError):
        return UNKNOWN


ORDERINGS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def compare(sign: ast.cmpop, left: object, right: object) -> object:
    if isinstance(sign, ast.Is | ast.IsNot):
        if left is UNKNOWN or right is UNKNOWN or isinstance(left, Symbol) or isinstance(right, Symbol):
            return UNKNOWN
        if left is None or right is None:
            return (left is right) is isinstance(sign, ast.Is)
        return UNKNOWN
    simple = str | int | float
    if isinstance(sign, ast.Eq | ast.NotEq):
        if not (isinstance(left, simple) and isinstance(right, simple)):
            return UNKNOWN
        return (left == right) is isinstance(sign, ast.Eq)
    if isinstance(sign, ast.In | ast.NotIn):
        items = items_of(right)
        if items is None or not isinstance(left, simple) or not all(isinstance(item, simple) for item in items):
            return UNKNOWN
        found = left in right if isinstance(left, str) and isinstance(right, str) else left in items
        return found is isinstance(sign, ast.In)
    ordering = ORDERINGS.get(type(sign))
    if ordering is not None and isinstance(left, int | float) and isinstance(right, int | float):
        return ordering(left, right)
    return UNKNOWN


def _number(value: object) -> int | float:
    if not isinstance(value, int | float):
        raise TypeError
    return value


def _add(left: object, right: object) -> object:
    if isinstance(left, str) and isinstance(right, str):
        return str(left) + right
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    if type(left) is tuple and type(right) is tuple:
        return left + right
    return _number(left) + _number(right)


def _multiply(left: object, right: object) -> object:
    if isinstance(left, str | list) or type(left) is tuple:
        if not isinstance(right, int) or len(left) * max(right, 0) > MAX_ITEMS:
            return UNKNOWN
        return left * right
    return _number(left) * _number(right)


def _power(left: object, right: object) -> object:
    if abs(_number(right)) > 400 or abs(_number(left)) > 1e10:
        return UNKNOWN
    power: object = _number(left) ** _number(right)
    return power


def _union(left: object, right: object) -> object:
    if isinstance(left, dict) and isinstance(right, dict):
        return left | right
    return UNKNOWN


def _shift(left: object, right: object) -> object:
    if not (isinstance(left, int) and isinstance(right, int)) or right > MAX_ITEMS:
        return UNKNOWN
    return left << right


OPERATIONS: dict[type[ast.operator], Callable[[object, object], object]] = {
    ast.Add: _add,
    ast.Sub: lambda left, right: _number(left) - _number(right),
    ast.Mult: _multiply,
    ast.Div: lambda left, right: _number(left) / _number(right),
    ast.FloorDiv: lambda left, right: _number(left) // _number(right),
    ast.Mod: lambda left, right: _number(left) % _number(right),
    ast.Pow: _power,
    ast.LShift: _shift,
    ast.BitOr: _union,
}


def _items(value: object) -> list[object]:
    items = items_of(value)
    if items is None:
        raise TypeError
    return items


def _sorted(value: object) -> object:
    items = _items(value)
    texts = [item for item in items if isinstance(item, str)]
    numbers = [item for item in items if isinstance(item, int | float)]
    if len(texts) == len(items):
        return sorted(texts)
    return sorted(numbers) if len(numbers) == len(items) else UNKNOWN


def _unique(value: object = ()) -> object:
    kept: list[object] = []
    for item in _items(value):
        if not any(values.same(item, other) for other in kept):
            kept.append(item)
    return kept


def _range(*given: object) -> object:
    numbers = [one for one in given if isinstance(one, int)]
    return range(*numbers) if len(numbers) == len(given) else UNKNOWN


def _to_int(value: object = 0) -> object:
    if isinstance(value, str | int | float) and len(str(value)) <= 100:
        return int(value)
    return UNKNOWN


def _to_float(value: object = 0.0) -> object:
    if isinstance(value, str | int | float) and len(str(value)) <= 100:
        return float(value)
    return UNKNOWN


def _to_text(value: object = "") -> object:
    return str(value) if prints_plainly(value) else UNKNOWN


def _length(value: object) -> object:
    if isinstance(value, str | list | dict) or type(value) is tuple:
        return len(value)
    return UNKNOWN


def _map(function: object, value: object) -> object:
    if function == Symbol("builtins.str"):
        return [_to_text(item) for item in _items(value)]
    return [_to_int(item) for item in _items(value)] if function == Symbol("builtins.int") else UNKNOWN


def _numbers(function: Callable[..., float], given: tuple[object, ...]) -> object:
    """A function of numbers, given one by one or as a list."""
    listed = _items(given[0]) if len(given) == 1 and isinstance(given[0], list | tuple) else list(given)
    numbers = [_number(one) for one in listed]
    return function(numbers) if numbers else UNKNOWN


def _round(value: object, digits: object = None) -> object:
    if digits is not None and not isinstance(digits, int):
        return UNKNOWN
    return round(_number(value), digits)


def _type(value: object) -> object:
    """The class of a literal, by which `type=type(default)` converts."""
    return Symbol(f"builtins.{type(value).__name__}") if type(value) in (bool, int, float, str) else UNKNOWN


def _enumerate(value: object, start: object = 0) -> object:
    return list(enumerate(_items(value), start)) if isinstance(start, int) else UNKNOWN


FUNCTIONS: dict[str, Callable[..., object]] = {
    "list": lambda value=(): _items(value),
    "tuple": lambda value=(): tuple(_items(value)),
    "set": _unique,
    "frozenset": _unique,
    "sorted": _sorted,
    "reversed": lambda value: _items(value)[::-1],
    "range": _range,
    "int": _to_int,
    "float": _to_float,
    "str": _to_text,
    "bool": lambda value=False: bool(value) if prints_plainly(value) else UNKNOWN,
    "len": _length,
    "enumerate": _enumerate,
    "zip": lambda *given: list(zip(*(_items(one) for one in given), strict=False)),
    "map": _map,
    "type": _type,
    "abs": lambda value: abs(_number(value)),
    "min": lambda *given: _numbers(min, given),
    "max": lambda *given: _numbers(max, given),
    "sum": lambda *given: _numbers(sum, given),
    "round": _round,
}
