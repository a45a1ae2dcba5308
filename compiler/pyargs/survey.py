"""What is gathered from a script's tree in one look, before it is followed."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

# A function that mentions none of these, and calls none that does, has no part in the command line.
SEEDS = frozenset(
    {"ArgumentParser", "add_argument", "add_argument_group", "add_mutually_exclusive_group", "add_subparsers"}
    | {"add_parser", "set_defaults", "parse_args", "parse_known_args", "parse_intermixed_args"}
    | {"parse_known_intermixed_args"}
)
MUTATORS = frozenset(
    {"append", "extend", "insert", "remove", "pop", "clear", "update", "setdefault", "popitem", "add", "discard"}
    | {"sort", "reverse", "difference_update", "intersection_update"}
)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Survey(NamedTuple):
    """`relevant` holds the names of functions and classes that may touch a parser; `functions` all defs, in order."""

    mutated: frozenset[str]
    relevant: frozenset[str]
    functions: tuple[FunctionNode, ...]
    mentions: dict[int, frozenset[str]]
    has_seed: bool

    def is_relevant(self, nodes: Iterable[ast.stmt]) -> bool:
        """Whether statements may touch a parser."""
        wanted = self.relevant | SEEDS
        return any(not wanted.isdisjoint(names_in(node)) for node in nodes)


def names_in(node: ast.AST) -> set[str]:
    """Every name and attribute that stands anywhere under a node."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute):
            found.add(one.attr)
    return found


def survey(tree: ast.Module) -> Survey:
    """One look at the whole tree."""
    mutated: set[str] = set()
    seen: set[str] = set()
    aliases: set[str] = set()
    functions: list[FunctionNode] = []
    classes: list[ast.ClassDef] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            seen.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(node)
        elif isinstance(node, ast.ClassDef):
            classes.append(node)
        elif isinstance(node, ast.Global):
            mutated.update(node.names)
        elif isinstance(node, ast.ImportFrom):
            aliases.update(alias.asname for alias in node.names if alias.asname and alias.name in SEEDS)
        elif isinstance(node, ast.Attribute):
            seen.add(node.attr)
            mutated.update(_mutated_by(node))
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            mutated.update(_last_name(node.value))
    functions.sort(key=lambda node: (node.lineno, node.col_offset))
    seeds = SEEDS | aliases
    has_seed = not seeds.isdisjoint(seen)
    if not has_seed:
        return Survey(frozenset(mutated), frozenset(), tuple(functions), {}, False)
    mentions = {id(node): frozenset(names_in(node)) for node in functions}
    relevant = _relevant(functions, classes, mentions, seeds)
    return Survey(frozenset(mutated), relevant | aliases, tuple(functions), mentions, True)


def _mutated_by(node: ast.Attribute) -> list[str]:
    return _last_name(node.value) if node.attr in MUTATORS else []


def _last_name(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    return [node.attr] if isinstance(node, ast.Attribute) else []


def _relevant(
    functions: list[FunctionNode],
    classes: list[ast.ClassDef],
    mentions: dict[int, frozenset[str]],
    seeds: frozenset[str],
) -> frozenset[str]:
    """Names of functions that mention a seed, or one that does, and so on; a class is relevant with its methods."""
    mentioned_by: dict[str, list[str]] = {}
    waiting: list[str] = []
    for function in functions:
        for name in mentions[id(function)]:
            mentioned_by.setdefault(name, []).append(function.name)
        if not seeds.isdisjoint(mentions[id(function)]):
            waiting.append(function.name)
    for cls in classes:
        for part in cls.body:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                mentioned_by.setdefault(part.name, []).append(cls.name)
                if "cls" in mentions[id(part)]:  # `cls()` in a method makes one of the class
                    mentioned_by.setdefault(cls.name, []).append(part.name)
            # A method of the class may be reached by the class's name alone: `Options().parse()`.
        for base in cls.bases:
            for name in names_in(base):
                mentioned_by.setdefault(name, []).append(cls.name)
                if name in seeds:
                    waiting.append(cls.name)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting.extend(mentioned_by.get(name, ()))
    return frozenset(found)
