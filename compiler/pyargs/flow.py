"""Follows a script from its first line, as Python would run it, to see what becomes of its parsers.

Branches whose condition isn't known are both followed; loops over literals are unrolled; calls of the file's own
functions are followed when they may touch a parser. Nothing of the script is executed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from compiler.pyargs.caller import LASTING, LEAVES, STAR_OF_ARGPARSE, Caller, Frame, agree
from compiler.pyargs.interface import UNKNOWN
from compiler.pyargs.model import Call, Parser, TooMuchError
from compiler.pyargs.survey import FunctionNode, names_in
from compiler.pyargs.values import (
    MISSING,
    Bound,
    Class,
    EnumMember,
    Function,
    Scope,
    Symbol,
    constant,
    items_of,
)

# How a block of statements ended: RETURN, BREAK (continue too) or EXIT (the script ends); MAYBE: one branch left.
RETURN, BREAK, EXIT, MAYBE = "return", "break", "exit", "maybe"


class Flow(Caller):
    """The script's run."""

    def run(self) -> None:
        """Follows the file as a script; then, if no parser was used, the functions that nothing in it calls."""
        try:
            self.follow_module()
            if not any(parser.parsed for parser in self.parsers):
                self.follow_uncalled()
        except (TooMuchError, RecursionError):
            self.note(
                "too-much-to-follow", "the script is too long or too deep to be followed to its end", self.script.tree
            )
            for parser in self.parsers:
                parser.complete = False

    def follow_module(self) -> None:
        self.frames.append(Frame())
        self.block(self.script.tree.body, self.module)
        self.frames.pop()

    def follow_uncalled(self) -> None:
        """Functions that may touch a parser but were not reached: first those that no other of them mentions."""
        relevant = [node for node in self.survey.functions if node.name in self.survey.relevant]
        mentioned: set[str] = set()
        for node in relevant:
            mentioned |= self.survey.mentions[id(node)] - {node.name}
        roots = [node for node in relevant if node.name not in mentioned]
        for node in roots + relevant:
            if id(node) not in self.visited:
                self._follow_root(node)

    def _follow_root(self, node: FunctionNode) -> None:
        before = len(self.parsers)
        used_before = sum(parser.parsed for parser in self.parsers)
        owner = next((cls for cls in self.classes.values() if node in cls.node.body), None)
        call = Call(ast.copy_location(ast.Call(ast.Constant(None), [], []), node), [], {}, {}, False, False)
        call.node.end_lineno, call.node.end_col_offset = node.lineno, node.col_offset
        if owner is not None:
            self._follow_method(owner, node.name, call)
        else:
            function = self.module.names.get(node.name)
            if not isinstance(function, Function) or function.node is not node:
                function = Function(node, self.module)
            self.invoke(function, call)
        if len(self.parsers) > before or sum(parser.parsed for parser in self.parsers) > used_before:
            self.note("never-called", f'nothing in the file calls "{node.name}" when it runs as a script', node)

    def _follow_method(self, owner: Class, name: str, call: Call) -> None:
        function = owner.find(name)
        if not isinstance(function, Function):
            return
        if function.kind == "staticmethod":
            self.invoke(function, call)
        elif function.kind == "classmethod":
            self.invoke(function, call, owner)
        else:
            self.invoke(function, call, self.instantiate(owner, call))

    # Statements

    def block(self, statements: Sequence[ast.stmt], scope: Scope) -> str | None:
        uncertain = 0
        signal = None
        for statement in statements:
            self.spend()
            handle = STATEMENTS.get(type(statement))
            signal = handle(self, statement, scope) if handle else None
            if signal == MAYBE:
                uncertain += 1
                self.possible += 1
            elif signal is not None:
                break
        self.possible -= uncertain
        if signal not in (None, MAYBE):
            return signal
        return MAYBE if uncertain else None

    def expression(self, node: ast.Expr, scope: Scope) -> str | None:
        value = self.value(node.value, scope)
        return EXIT if value is LEAVES else None

    def assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.unpack(target, value, scope)

    def annotated_assign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.unpack(node.target, self.value(node.value, scope), scope)

    def augmented_assign(self, node: ast.AugAssign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        if isinstance(node.target, ast.Name | ast.Attribute):
            before = scope.get(node.target.id) if isinstance(node.target, ast.Name) else UNKNOWN
            self.unpack(node.target, self.operate(node.op, before, value), scope)

    def returns(self, node: ast.Return, scope: Scope) -> str:
        value = self.value(node.value, scope) if node.value is not None else None
        self.frames[-1].returns.append(value)
        return RETURN

    def raises(self, node: ast.Raise, scope: Scope) -> str:
        if node.exc is not None:
            self.value(node.exc, scope)
        return EXIT

    def asserts(self, node: ast.Assert, scope: Scope) -> None:
        self.value(node.test, scope)

    def leaves_loop(self, _node: ast.stmt, _scope: Scope) -> str:
        return BREAK

    def delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                scope.set(target.id, UNKNOWN)

    def global_names(self, node: ast.Global, scope: Scope) -> None:
        if scope is not self.module:
            scope.declared_global.update(node.names)

    def imports(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            if alias.asname:
                self.bind(scope, alias.asname, Symbol(alias.name))
            else:
                top = alias.name.partition(".")[0]
                self.bind(scope, top, Symbol(top))

    def imports_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                if module == "argparse":
                    for name in STAR_OF_ARGPARSE:
                        self.bind(scope, name, self.attribute_of(Symbol("argparse"), name))
                continue
            owner = "pathlib" if module == "pathlib2" else module
            self.bind(scope, alias.asname or alias.name, self.attribute_of(Symbol(owner), alias.name))

    def define(self, node: FunctionNode, scope: Scope) -> None:
        function = Function(node, scope)
        made: object = function
        decorators = [(decorator, self.value(decorator, scope)) for decorator in node.decorator_list]
        for decorator, value in reversed(decorators):
            if isinstance(value, Symbol):
                kind = value.name.removeprefix("builtins.")
                if kind in ("staticmethod", "classmethod", "property", "functools.cached_property"):
                    function.kind = "property" if "property" in kind else kind
            elif isinstance(value, Function | Bound):
                made = self._decorate(value, decorator, made)
        self.bind(scope, node.name, made)

    def _decorate(self, decorator: Function | Bound, node: ast.expr, function: object) -> object:
        """What a decorator of the file makes of a function: mostly the same, for all that concerns its call."""
        place = ast.copy_location(ast.Call(node, [], []), node)
        call = Call(place, [function], {}, {}, False, False)
        if isinstance(decorator, Bound):
            made = self.invoke(decorator.function, call, decorator.receiver)
        else:
            made = self.invoke(decorator, call)
        return made if isinstance(made, Function) and self.touches(made) else function

    def define_class(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = tuple(self.value(base, scope) for base in node.bases)
        inner = Scope(scope)
        self.block(node.body, inner)
        cls = Class(node, bases, inner.names)
        self.classes[id(node)] = cls
        for name, value in inner.names.items():
            if isinstance(value, Function) and value.cls is None:
                value.cls = cls
                value.scope = scope  # a method does not see its class's names
            elif cls.is_enum and not name.startswith("_") and constant(value) is not UNKNOWN:
                inner.names[name] = EnumMember(cls, name, value)
            elif cls.is_enum and value is UNKNOWN:
                inner.names[name] = EnumMember(cls, name, self._automatic(cls, name))
        self.bind(scope, node.name, cls)

    def _automatic(self, cls: Class, name: str) -> object:
        # auto() of a StrEnum is the name in lower case; others count, which aliases can disturb.
        return name.lower() if cls.inherits(frozenset({"enum.StrEnum"})) else UNKNOWN

    def branch(self, node: ast.If, scope: Scope) -> str | None:
        """`if`, with its `elif`s in a loop: a chain of thousands must not be a depth of thousands."""
        outcomes: list[tuple[str | None, dict[str, object]]] = []
        signal: str | None = None
        level = 0
        while True:
            truth = self.truth(self.value(node.test, scope))
            if truth is not False:
                if truth:
                    outcomes.append(self._try_block(node.body, scope))
                    break
                level += 1
                self.possible += 1
                outcomes.append(self._try_block(node.body, scope))
            if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
                node = node.orelse[0]
                self.spend()
                continue
            outcomes.append(self._try_block(node.orelse, scope))
            break
        self.possible -= level
        if level == 0:
            signal, made = outcomes[-1]
            for name, value in made.items():
                scope.set(name, value)
            return signal
        return self._merge(outcomes, scope)

    def _try_block(self, statements: Sequence[ast.stmt], scope: Scope) -> tuple[str | None, dict[str, object]]:
        """Follows a block and takes back what it bound: how it ended, and what it had bound."""
        scope.journals.append({})
        try:
            signal = self.block(statements, scope)
        finally:
            journal = scope.journals.pop()
        return signal, scope.undo(journal)

    def _merge(self, outcomes: list[tuple[str | None, dict[str, object]]], scope: Scope) -> str | None:
        """After branches of which one runs: names that all going on agree about, and whether any goes on."""
        going_on = [made for signal, made in outcomes if signal in (None, MAYBE)]
        for name in dict.fromkeys(name for made in going_on for name in made):
            before = scope.names.get(name, MISSING)
            scope.set(name, agree([made.get(name, before) for made in going_on]))
        signals = {signal for signal, _ in outcomes}
        if not going_on:
            return EXIT if signals == {EXIT} else RETURN if RETURN in signals else BREAK
        return MAYBE if signals & {RETURN, BREAK, MAYBE} else None

    def loop(self, node: ast.For | ast.AsyncFor, scope: Scope) -> str | None:
        items = items_of(self.value(node.iter, scope))
        if items is None or not (self.survey.is_relevant(node.body) or self._loop_touches(node.body, items, scope)):
            return self._loop_once(node.target, node, scope)
        left = False
        for item in items:
            self.unpack(node.target, item, scope)
            signal = self.block(node.body, scope)
            if signal in (RETURN, EXIT):
                self.possible -= int(left)
                return signal
            if signal == MAYBE and not left:
                left = True
                self.possible += 1
        self.block(node.orelse, scope)
        self.possible -= int(left)
        return MAYBE if left else None

    def _loop_touches(self, body: Sequence[ast.stmt], items: list[object], scope: Scope) -> bool:
        """Whether a loop may touch a parser by other names than argparse's: `for add in (add_train, add_test): add(sub)`."""
        if any(map(self.touches, items)):
            return True
        names = {name for statement in body for name in names_in(statement)}
        return any(self.touches(scope.get(name)) for name in names)

    def while_loop(self, node: ast.While, scope: Scope) -> str | None:
        self.value(node.test, scope)
        return self._loop_once(None, node, scope)

    def _loop_once(self, target: ast.expr | None, node: ast.For | ast.AsyncFor | ast.While, scope: Scope) -> str | None:
        """A loop of which it isn't known how often it runs: what it binds is not known before, in or after it."""
        self._forget_bound(node.body, scope)
        if target is not None:
            self.unpack(target, UNKNOWN, scope)
        self.possible += 1
        signal, made = self._try_block(node.body, scope)
        self.possible -= 1
        for name, value in made.items():
            before = scope.names.get(name, MISSING)
            scope.set(name, agree([before, value]) if isinstance(value, LASTING) else UNKNOWN)
        self.block(node.orelse, scope)
        return MAYBE if signal in (RETURN, MAYBE) else None

    def _forget_bound(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        for statement in body:
            for node in ast.walk(statement):
                self.spend()
                if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Store):
                    continue
                if node.id in scope.names and not isinstance(scope.names[node.id], LASTING):
                    scope.set(node.id, UNKNOWN)

    def with_block(self, node: ast.With | ast.AsyncWith, scope: Scope) -> str | None:
        for item in node.items:
            value = self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.unpack(item.optional_vars, value if isinstance(value, Parser) else UNKNOWN, scope)
        return self.block(node.body, scope)

    def try_block(self, node: ast.Try, scope: Scope) -> str | None:
        signal = self.block(node.body, scope)
        handled: dict[str, object] = {}
        self.possible += 1
        for handler in node.handlers:
            if handler.name:
                self.bind(scope, handler.name, UNKNOWN)
            handled.update(self._try_block(handler.body, scope)[1])
        self.possible -= 1
        for name, value in handled.items():
            before = scope.names.get(name, MISSING)
            scope.set(name, agree([before, value]))
        if signal in (None, MAYBE):
            after = self.block(node.orelse, scope)
            signal = after or signal
        last = self.block(node.finalbody, scope)
        return last if last in (RETURN, EXIT, BREAK) else signal

    def match(self, node: ast.Match, scope: Scope) -> str | None:
        self.value(node.subject, scope)
        self.possible += 1
        outcomes = [self._try_block(case.body, scope) for case in node.cases]
        self.possible -= 1
        return self._merge([*outcomes, (None, {})], scope)


STATEMENTS: dict[type[ast.stmt], Callable[..., str | None]] = {
    ast.Expr: Flow.expression,
    ast.Assign: Flow.assign,
    ast.AnnAssign: Flow.annotated_assign,
    ast.AugAssign: Flow.augmented_assign,
    ast.Return: Flow.returns,
    ast.Raise: Flow.raises,
    ast.Assert: Flow.asserts,
    ast.Break: Flow.leaves_loop,
    ast.Continue: Flow.leaves_loop,
    ast.Delete: Flow.delete,
    ast.Global: Flow.global_names,
    ast.Import: Flow.imports,
    ast.ImportFrom: Flow.imports_from,
    ast.FunctionDef: Flow.define,
    ast.AsyncFunctionDef: Flow.define,
    ast.ClassDef: Flow.define_class,
    ast.If: Flow.branch,
    ast.For: Flow.loop,
    ast.AsyncFor: Flow.loop,
    ast.While: Flow.while_loop,
    ast.With: Flow.with_block,
    ast.AsyncWith: Flow.with_block,
    ast.Try: Flow.try_block,
    ast.TryStar: Flow.try_block,
    ast.Match: Flow.match,
}
