"""Expressions of a script, as far as literals, the file's own names and a few pure functions decide them.

Nothing of the script is executed: what isn't one of the cases below is UNKNOWN.
"""

from __future__ import annotations

import ast
import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable

from compiler.pyargs import pure, values
from compiler.pyargs.interface import UNKNOWN
from compiler.pyargs.model import Group, Option, Parser, Subparsers, TooMuchError
from compiler.pyargs.script import Script
from compiler.pyargs.values import (
    MAX_ITEMS,
    MAX_TEXT,
    MISSING,
    Api,
    Bound,
    Class,
    EnumMember,
    Function,
    Instance,
    PathText,
    Scope,
    Super,
    Symbol,
    items_of,
)

MAX_DEPTH = 40
MAX_STEPS = 200_000

ARGPARSE_CONSTANTS = {
    "argparse.SUPPRESS": "==SUPPRESS==",
    "argparse.OPTIONAL": "?",
    "argparse.ZERO_OR_MORE": "*",
    "argparse.ONE_OR_MORE": "+",
    "argparse.REMAINDER": "...",
    "argparse.PARSER": "A...",
}


class Evaluator(ABC):
    """Gives expressions their values. What a call does is the subclass's business."""

    def __init__(self, script: Script, mutated: frozenset[str]) -> None:
        self.script = script
        # Containers under these names change after they are made, by code that is not followed.
        self.mutated = mutated
        self.depth = 0
        self.steps = 0

    @abstractmethod
    def call(self, node: ast.Call, scope: Scope) -> object:
        """What a call gives."""

    @abstractmethod
    def get_property(self, receiver: object, function: Function) -> object:
        """What a function under `@property` gives for its object."""

    @abstractmethod
    def change_option(self, option: Option, target: ast.Attribute, value: object) -> None:
        """Take note that the script gives an option's attribute another value."""

    def spend(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooMuchError

    def bind(self, scope: Scope, name: str, value: object) -> None:
        if name in self.mutated and isinstance(value, list | dict):
            value = UNKNOWN
        scope.set(name, value)

    def value(self, node: ast.expr, scope: Scope) -> object:
        self.spend()
        if self.depth >= MAX_DEPTH:
            return UNKNOWN
        self.depth += 1
        try:
            evaluate = EXPRESSIONS.get(type(node))
            if evaluate is not None:
                return evaluate(self, node, scope)
            for child in ast.iter_child_nodes(node):  # for the calls inside
                if isinstance(child, ast.expr):
                    self.value(child, scope)
            return UNKNOWN
        finally:
            self.depth -= 1

    def truth(self, value: object) -> bool | None:
        """Whether a condition holds, None when that is not known."""
        if value is None or isinstance(value, str | int | float | complex | bytes | list | dict | range):
            return bool(value)
        if type(value) is tuple:
            return bool(value)
        if isinstance(value, Parser | Group | Function | Class | Bound):
            return True
        return None

    def constant_node(self, node: ast.Constant, _scope: Scope) -> object:
        return UNKNOWN if node.value is Ellipsis else node.value

    def name(self, node: ast.Name, scope: Scope) -> object:
        found = scope.get(node.id)
        if found is not MISSING:
            return found
        if hasattr(builtins, node.id):
            return Symbol(f"builtins.{node.id}")
        return UNKNOWN

    def attribute(self, node: ast.Attribute, scope: Scope) -> object:
        return self.attribute_of(self.value(node.value, scope), node.attr)

    def attribute_of(self, owner: object, name: str) -> object:
        if isinstance(owner, Symbol):
            dotted = f"{owner.name}.{name}"
            return ARGPARSE_CONSTANTS.get(dotted, Symbol(dotted))
        if isinstance(owner, EnumMember):
            if name in ("value", "name"):
                return owner.value if name == "value" else owner.name
            return UNKNOWN
        if isinstance(owner, Class):
            return self._class_attribute(owner, name)
        if isinstance(owner, Instance | Parser | Super):
            return self._object_attribute(owner, name)
        if isinstance(owner, Group | Subparsers | str | list | dict):
            return Api(owner, name)
        if isinstance(owner, Function) and name in ("__name__", "__doc__"):
            if name == "__name__":
                return owner.name if not isinstance(owner.node, ast.Lambda) else "<lambda>"
            return None if isinstance(owner.node, ast.Lambda) else ast.get_docstring(owner.node, clean=False)
        return UNKNOWN

    def _class_attribute(self, cls: Class, name: str) -> object:
        if name == "__members__" and cls.is_enum:
            return {name: member for name, member in cls.attributes.items() if isinstance(member, EnumMember)}
        if name == "__name__":
            return cls.node.name
        found = cls.find(name)
        if found is MISSING:
            return UNKNOWN
        if isinstance(found, Function) and found.kind == "classmethod":
            return Bound(cls, found)
        return found

    def _object_attribute(self, owner: Instance | Parser | Super, name: str) -> object:
        receiver = owner.receiver if isinstance(owner, Super) else owner
        if not isinstance(owner, Super) and isinstance(owner.attributes, dict) and name in owner.attributes:
            return owner.attributes[name]
        cls = receiver.cls if isinstance(receiver, Instance | Parser) else receiver
        found: object = MISSING
        if isinstance(cls, Class):
            found = cls.find(name, owner.after if isinstance(owner, Super) else None)
        if isinstance(found, Function):
            return self._method(receiver, cls, found)
        if isinstance(receiver, Parser):
            return Api(receiver, name)
        if found is MISSING or (isinstance(receiver, Instance) and not receiver.certain):
            return UNKNOWN
        return found

    def _method(self, receiver: object, cls: object, function: Function) -> object:
        if function.kind == "staticmethod":
            return function
        if function.kind == "classmethod":
            return Bound(cls, function)
        if function.kind == "property":
            return self.get_property(receiver, function)
        return Bound(receiver, function)

    def sequence(self, node: ast.expr, scope: Scope) -> object:
        assert isinstance(node, ast.Tuple | ast.List | ast.Set)
        items: list[object] = []
        for element in node.elts[:MAX_ITEMS]:
            if isinstance(element, ast.Starred):
                inner = items_of(self.value(element.value, scope))
                if inner is None:
                    return UNKNOWN
                items.extend(inner)
            else:
                items.append(self.value(element, scope))
        if len(node.elts) > MAX_ITEMS or len(items) > MAX_ITEMS:
            return UNKNOWN
        return tuple(items) if isinstance(node, ast.Tuple) else items

    def dictionary(self, node: ast.Dict, scope: Scope) -> object:
        made: dict[object, object] = {}
        if len(node.keys) > MAX_ITEMS:
            return UNKNOWN
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            item = self.value(value_node, scope)
            if key_node is None:
                if not isinstance(item, dict):
                    return UNKNOWN
                made.update(item)
                continue
            key = self.value(key_node, scope)
            if not pure.hashable(key):
                return UNKNOWN
            made[key] = item
        return made

    def binary(self, node: ast.BinOp, scope: Scope) -> object:
        # Text that is glued together over many lines leans to the left: walked down here, not by recursion.
        spine: list[ast.BinOp] = []
        leftmost: ast.expr = node
        while isinstance(leftmost, ast.BinOp):
            spine.append(leftmost)
            leftmost = leftmost.left
        result = self.value(leftmost, scope)
        for step in reversed(spine):
            result = self.operate(step.op, result, self.value(step.right, scope))
        return result

    def operate(self, operator: ast.operator, left: object, right: object) -> object:
        if isinstance(operator, ast.Mod) and isinstance(left, str):
            return pure.percent(left, right)
        if isinstance(operator, ast.Div) and isinstance(left, PathText) and isinstance(right, str):
            return values.dotted_path(left, right)
        operate = pure.OPERATIONS.get(type(operator))
        if operate is None:
            return UNKNOWN
        try:
            return pure.bounded(operate(left, right))
        except (TypeError, ValueError, ArithmeticError):
            return UNKNOWN

    def unary(self, node: ast.UnaryOp, scope: Scope) -> object:
        operand = self.value(node.operand, scope)
        if isinstance(node.op, ast.Not):
            truth = self.truth(operand)
            return UNKNOWN if truth is None else not truth
        if not isinstance(operand, int | float | complex):
            return UNKNOWN
        if isinstance(node.op, ast.USub):
            return -operand
        if isinstance(node.op, ast.UAdd):
            return +operand
        return UNKNOWN if isinstance(operand, float | complex) else ~operand

    def boolean(self, node: ast.BoolOp, scope: Scope) -> object:
        stops_at = isinstance(node.op, ast.Or)
        result: object = UNKNOWN
        for part in node.values:
            result = self.value(part, scope)
            truth = self.truth(result)
            if truth is None:
                return UNKNOWN
            if truth is stops_at:
                return result
        return result

    def comparison(self, node: ast.Compare, scope: Scope) -> object:
        left = self.value(node.left, scope)
        rights = [self.value(one, scope) for one in node.comparators]
        if len(rights) != 1:
            return UNKNOWN
        return pure.compare(node.ops[0], left, rights[0])

    def choice(self, node: ast.IfExp, scope: Scope) -> object:
        truth = self.truth(self.value(node.test, scope))
        if truth is not None:
            return self.value(node.body if truth else node.orelse, scope)
        first, second = self.value(node.body, scope), self.value(node.orelse, scope)
        return first if values.same(first, second) else UNKNOWN

    def joined_text(self, node: ast.JoinedStr, scope: Scope) -> object:
        text = ""
        known = True
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                inner = self.value(part.value, scope)
                wanted = self.value(part.format_spec, scope) if part.format_spec is not None else ""
                made = pure.interpolated(inner, part.conversion, wanted) if isinstance(wanted, str) else UNKNOWN
                known = known and isinstance(made, str)
                text += made if isinstance(made, str) else ""
        return pure.bounded(text) if known else UNKNOWN

    def subscript(self, node: ast.Subscript, scope: Scope) -> object:
        owner = self.value(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            return self.sliced(owner, node.slice, scope)
        key = self.value(node.slice, scope)
        if isinstance(owner, Class) and owner.is_enum and isinstance(key, str):
            return self._class_attribute(owner, key)
        try:
            if isinstance(owner, dict) and pure.hashable(key):
                return owner.get(key, UNKNOWN)
            if (isinstance(owner, list | str | range) or type(owner) is tuple) and isinstance(key, int):
                return owner[key]
        except IndexError:
            pass
        return UNKNOWN

    def sliced(self, owner: object, node: ast.Slice, scope: Scope) -> object:
        ends = [None if end is None else self.value(end, scope) for end in (node.lower, node.upper, node.step)]
        lower, upper, step = (end if isinstance(end, int) else None for end in ends)
        if [lower, upper, step] != ends or step == 0:
            return UNKNOWN
        if isinstance(owner, list | str | range) or type(owner) is tuple:
            return str(owner)[lower:upper:step] if isinstance(owner, str) else owner[lower:upper:step]
        return UNKNOWN

    def comprehension(self, node: ast.expr, scope: Scope) -> object:
        assert isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp)
        items = items_of(self.value(node.generators[0].iter, scope))
        if len(node.generators) != 1 or items is None:
            return UNKNOWN
        inner = Scope(scope)
        results: list[object] = []
        pairs: dict[object, object] = {}
        for item in items:
            self.unpack(node.generators[0].target, item, inner)
            truths = [self.truth(self.value(test, inner)) for test in node.generators[0].ifs]
            if None in truths:
                return UNKNOWN
            if not all(truths):
                continue
            if isinstance(node, ast.DictComp):
                key = self.value(node.key, inner)
                if not pure.hashable(key):
                    return UNKNOWN
                pairs[key] = self.value(node.value, inner)
            else:
                results.append(self.value(node.elt, inner))
        return pairs if isinstance(node, ast.DictComp) else results

    def function(self, node: ast.Lambda, scope: Scope) -> object:
        return Function(node, scope)

    def named(self, node: ast.NamedExpr, scope: Scope) -> object:
        value = self.value(node.value, scope)
        self.bind(scope, node.target.id, value)
        return value

    def awaited(self, node: ast.Await, scope: Scope) -> object:
        return self.value(node.value, scope)

    def unpack(self, target: ast.expr, value: object, scope: Scope) -> None:
        """Assigns a value to a target: a name, an attribute of an object of the file, or several of them."""
        if isinstance(target, ast.Name):
            self.bind(scope, target.id, value)
        elif isinstance(target, ast.Attribute):
            self.set_attribute(self.value(target.value, scope), target, value)
        elif isinstance(target, ast.Tuple | ast.List):
            items = items_of(value)
            fits = items is not None and len(items) == len(target.elts)
            fits = fits and not any(isinstance(element, ast.Starred) for element in target.elts)
            for index, element in enumerate(target.elts):
                self.unpack(element, items[index] if items is not None and fits else UNKNOWN, scope)
        elif isinstance(target, ast.Starred):
            self.unpack(target.value, UNKNOWN, scope)

    def set_attribute(self, owner: object, target: ast.Attribute, value: object) -> None:
        if target.attr in self.mutated and isinstance(value, list | dict):
            value = UNKNOWN
        if isinstance(owner, Instance | Class | Parser):
            owner.attributes[target.attr] = value
        elif isinstance(owner, Option):
            self.change_option(owner, target, value)

    def text_method(self, text: str, name: str, given: list[object]) -> object:
        """A pure method of text, on short text."""
        if name == "format":
            return pure.formatted(text, given)
        if name not in pure.TEXT_METHODS or len(text) > MAX_TEXT:
            return UNKNOWN
        if name == "join":
            parts = items_of(given[0]) if len(given) == 1 else None
            texts = [part for part in parts or () if isinstance(part, str)]
            return pure.bounded(text.join(texts)) if parts is not None and len(texts) == len(parts) else UNKNOWN
        if not all(isinstance(one, str) and len(one) <= 100 for one in given):
            return UNKNOWN
        try:
            made: object = getattr(str(text), name)(*given)
        except (TypeError, ValueError):
            return UNKNOWN
        return pure.bounded(made)

    def pure_call(self, name: str, given: list[object], named: dict[str, object]) -> object:
        """A call of a builtin that depends on its arguments alone; UNKNOWN for all others."""
        if name == "dict":
            start = given[0] if given else {}
            return {**start, **named} if isinstance(start, dict) and len(given) < 2 else UNKNOWN
        if named and not (name == "sorted" and set(named) <= {"reverse"}):
            return UNKNOWN
        function = pure.FUNCTIONS.get(name)
        if function is None:
            return UNKNOWN
        try:
            made = function(*given)
            if name == "sorted" and named.get("reverse") is True and isinstance(made, list):
                made.reverse()
        except (TypeError, ValueError, ArithmeticError):
            return UNKNOWN
        return pure.bounded(made)


EXPRESSIONS: dict[type[ast.expr], Callable[..., object]] = {
    ast.Constant: Evaluator.constant_node,
    ast.Name: Evaluator.name,
    ast.Attribute: Evaluator.attribute,
    ast.Call: lambda self, node, scope: self.call(node, scope),
    ast.Tuple: Evaluator.sequence,
    ast.List: Evaluator.sequence,
    ast.Set: Evaluator.sequence,
    ast.Dict: Evaluator.dictionary,
    ast.BinOp: Evaluator.binary,
    ast.UnaryOp: Evaluator.unary,
    ast.BoolOp: Evaluator.boolean,
    ast.Compare: Evaluator.comparison,
    ast.IfExp: Evaluator.choice,
    ast.JoinedStr: Evaluator.joined_text,
    ast.Subscript: Evaluator.subscript,
    ast.ListComp: Evaluator.comprehension,
    ast.SetComp: Evaluator.comprehension,
    ast.GeneratorExp: Evaluator.comprehension,
    ast.DictComp: Evaluator.comprehension,
    ast.Lambda: Evaluator.function,
    ast.NamedExpr: Evaluator.named,
    ast.Await: Evaluator.awaited,
}
