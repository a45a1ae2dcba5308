"""What a converter gives, as far as its text says it: `type=str2bool` reads truth values, `type=positive_int` whole numbers.

A converter is never run. What all its returns agree on is known; anything else is "".
"""

from __future__ import annotations

import ast

from compiler.pyargs.values import Class, Function, Symbol, enum_members

BOOL, INT, FLOAT, STRING, LIST, DICT, COMPLEX = "bool", "int", "float", "string", "list", "dict", "complex"
CALLS = {
    "bool": BOOL,
    "strtobool": BOOL,
    "int": INT,
    "len": INT,
    "round": INT,
    "float": FLOAT,
    "Decimal": FLOAT,
    "complex": COMPLEX,
    "str": STRING,
    "list": LIST,
    "tuple": LIST,
    "sorted": LIST,
    "set": LIST,
    "frozenset": LIST,
    "dict": DICT,
}
METHODS = {
    **dict.fromkeys(
        ("lower", "upper", "strip", "lstrip", "rstrip", "title", "capitalize", "casefold", "replace", "format", "join"),
        STRING,
    ),
    **dict.fromkeys(("removeprefix", "removesuffix", "expanduser", "abspath", "realpath", "normpath"), STRING),
    **dict.fromkeys(("split", "rsplit", "splitlines"), LIST),
    **dict.fromkeys(("startswith", "endswith", "isdigit", "isnumeric", "isalpha", "strtobool"), BOOL),
}
MAX_NODES = 300  # a converter is a few lines; what is looked at call by call stays shallow


def gives(converter: object) -> str:
    """bool, int, float, string, list, dict or complex; "" where that can't be told."""
    if isinstance(converter, Symbol):
        last = converter.name.rpartition(".")[2]
        if converter.name.startswith("builtins.str."):
            return METHODS.get(last, "")
        return CALLS.get(last, "")
    if isinstance(converter, Class):
        values = [getattr(member, "value", None) for member in enum_members(converter)] if converter.is_enum else []
        return STRING if values and all(isinstance(value, str) for value in values) else ""
    if not isinstance(converter, Function):
        return ""
    node = converter.node
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
    own = names[0] if names else ""
    if sum(1 for _ in ast.walk(node)) > MAX_NODES:
        return ""
    if isinstance(node, ast.Lambda):
        return _kind(node.body, {own: STRING} if own else {})
    return _of_function(node, own)


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef, own: str) -> str:
    nodes = list(ast.walk(node))
    if any(isinstance(one, ast.Yield | ast.YieldFrom) for one in nodes):
        return ""
    skipped = _never(node, own)
    known = _names(nodes, own)
    kinds = {
        _kind(one.value, known) if one.value is not None else ""
        for one in nodes
        if isinstance(one, ast.Return) and id(one) not in skipped
    }
    return _common(kinds)


def _never(node: ast.AST, own: str) -> set[int]:
    """Returns that no command line reaches, since its values are text: those of `if isinstance(value, bool)`."""
    found: set[int] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.If) and _is_other_type(one.test, own):
            found |= {id(inner) for statement in one.body for inner in ast.walk(statement)}
        elif isinstance(one, ast.FunctionDef | ast.Lambda) and one is not node:
            found |= {id(inner) for inner in ast.walk(one)}
    return found


def _is_other_type(test: ast.expr, own: str) -> bool:
    if not (isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance"):
        return False
    value, kind = [*test.args, None, None][:2]
    return isinstance(value, ast.Name) and value.id == own and not (isinstance(kind, ast.Name) and kind.id == "str")


def _names(nodes: list[ast.AST], own: str) -> dict[str, str]:
    """What the names of a function hold: the argument is text until it is given another value."""
    held: dict[str, set[str]] = {}
    for one in nodes:
        if isinstance(one, ast.Assign):
            for target in one.targets:
                for name in (inner for inner in ast.walk(target) if isinstance(inner, ast.Name)):
                    plain = isinstance(target, ast.Name)
                    held.setdefault(name.id, set()).add(_kind(one.value, {own: STRING}) if plain else "")
        elif isinstance(one, ast.AugAssign | ast.For | ast.NamedExpr | ast.AnnAssign):
            for name in (inner for inner in ast.walk(one.target) if isinstance(inner, ast.Name)):
                held.setdefault(name.id, set()).add("")
    known = {name: _common(kinds) for name, kinds in held.items()}
    return known if own in known or not own else {**known, own: STRING}


def _common(kinds: set[str]) -> str:
    if kinds == {INT, FLOAT}:
        return FLOAT
    return kinds.pop() if len(kinds) == 1 else ""


def _kind(node: ast.expr, known: dict[str, str]) -> str:
    """What an expression gives."""
    if isinstance(node, ast.Constant):
        return {bool: BOOL, int: INT, float: FLOAT, str: STRING, complex: COMPLEX}.get(type(node.value), "")
    if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return BOOL
    if isinstance(node, ast.List | ast.Tuple | ast.ListComp | ast.Set | ast.SetComp):
        return LIST
    if isinstance(node, ast.Dict | ast.DictComp):
        return DICT
    if isinstance(node, ast.JoinedStr):
        return STRING
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.IfExp):
        return _common({_kind(node.body, known), _kind(node.orelse, known)})
    if isinstance(node, ast.BoolOp):
        return _common({_kind(value, known) for value in node.values})
    if isinstance(node, ast.UnaryOp):
        return _kind(node.operand, known)
    if isinstance(node, ast.Call):
        return _of_call(node.func)
    return ""


def _of_call(function: ast.expr) -> str:
    if isinstance(function, ast.Name):
        return CALLS.get(function.id, "")
    return METHODS.get(function.attr, "") if isinstance(function, ast.Attribute) else ""
