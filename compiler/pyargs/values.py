"""What a name in a script can stand for while the script is followed: literals as themselves, everything else here."""

from __future__ import annotations

import ast
from typing import NamedTuple

from compiler.pyargs.interface import UNKNOWN, Constant, Marker

# Longer ones are of no use on a command line, and loops that double a text would fill the memory.
MAX_ITEMS = 1_000
MAX_TEXT = 10_000


class Symbol(NamedTuple):
    """Something imported or built in, by its dotted name."""

    name: str


class PathText(str):
    """The text of a pathlib.Path made from literals."""

    __slots__ = ()


class Scope:
    """Names of a module, class or function. Branches record what they rebind, so that it can be undone or merged."""

    __slots__ = ("declared_global", "journals", "module", "names", "parent")

    def __init__(self, parent: Scope | None) -> None:
        self.parent = parent
        self.module: Scope = parent.module if parent else self
        self.names: dict[str, object] = {}
        self.declared_global: set[str] = set()
        self.journals: list[dict[str, object]] = []

    def set(self, name: str, value: object) -> None:
        if name in self.declared_global:
            self.module.set(name, value)
            return
        if self.journals:
            self.journals[-1].setdefault(name, self.names.get(name, MISSING))
        self.names[name] = value

    def get(self, name: str) -> object:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return MISSING

    def undo(self, journal: dict[str, object]) -> dict[str, object]:
        """Puts back what stood before, and returns what the branch had made of it."""
        made = {name: self.names.get(name, MISSING) for name in journal}
        for name, before in journal.items():
            if before is MISSING:
                self.names.pop(name, None)
            else:
                self.names[name] = before
        return made


class _Missing:
    __slots__ = ()


MISSING = _Missing()


class Function:
    """A def or lambda of the file, with the scope that it closes over."""

    __slots__ = ("cls", "kind", "node", "scope")

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope) -> None:
        self.node = node
        self.scope = scope
        self.cls: Class | None = None
        self.kind = "plain"  # or staticmethod, classmethod, property

    @property
    def name(self) -> str:
        return "lambda" if isinstance(self.node, ast.Lambda) else self.node.name


class Class:
    """A class of the file. Its bases are Class, Symbol or UNKNOWN."""

    __slots__ = ("attributes", "bases", "is_enum", "node")

    def __init__(self, node: ast.ClassDef, bases: tuple[object, ...], attributes: dict[str, object]) -> None:
        self.node = node
        self.bases = bases
        self.attributes = attributes
        self.is_enum: bool = any(
            (isinstance(base, Symbol) and base.name in ENUMS) or (isinstance(base, Class) and base.is_enum)
            for base in bases
        )

    def lineage(self) -> list[object]:
        """The class and its bases, nearest first, each once."""
        order: list[object] = []
        waiting: list[object] = [self]
        while waiting:
            one = waiting.pop(0)
            if any(one is other for other in order):
                continue
            order.append(one)
            if isinstance(one, Class):
                waiting.extend(one.bases)
        return order

    def find(self, name: str, after: Class | None = None) -> object:
        """An attribute by name; with `after`, only of what comes behind that class."""
        started = after is None
        for one in self.lineage():
            if started and isinstance(one, Class) and name in one.attributes:
                return one.attributes[name]
            started = started or one is after
        return MISSING

    def inherits(self, names: frozenset[str]) -> bool:
        return any(isinstance(one, Symbol) and one.name in names for one in self.lineage())

    def knows_all(self) -> bool:
        """Whether every base is in the file, or is known to have nothing to do with arguments."""
        return all(isinstance(one, Class) or one == Symbol("builtins.object") for one in self.lineage())


class EnumMember(NamedTuple):
    cls: Class
    name: str
    value: object


class Instance:
    """An object of a class of the file. `certain` when all that its attributes may be was followed."""

    __slots__ = ("attributes", "certain", "cls")

    def __init__(self, cls: Class, certain: bool) -> None:
        self.cls = cls
        self.attributes: dict[str, object] = {}
        self.certain = certain


class Bound(NamedTuple):
    """A function with its first argument."""

    receiver: object
    function: Function


class Api(NamedTuple):
    """A method of an argparse object."""

    receiver: object
    name: str


class Partial(NamedTuple):
    """What functools.partial gives: something that is called with more arguments before those of the call."""

    function: object
    given: tuple[object, ...]
    named: dict[str, object]


class Super(NamedTuple):
    receiver: object
    after: Class


ENUMS = frozenset({"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"})


def enum_members(cls: Class) -> list[object]:
    """The members that iteration gives, aliases left out; one UNKNOWN when a value is."""
    members: list[object] = []
    seen: list[object] = []
    for one in reversed(cls.lineage()):
        if not isinstance(one, Class):
            continue
        for member in one.attributes.values():
            if not isinstance(member, EnumMember):
                continue
            if member.value is not UNKNOWN and any(same(member.value, value) for value in seen):
                continue
            seen.append(member.value)
            members.append(member)
    return members


def constant(value: object) -> Constant | Marker:
    """The literal that a value is, lists as tuples and members of an Enum by their value; else UNKNOWN."""
    if isinstance(value, PathText):
        return str(value)
    if value is None or isinstance(value, str | int | float | complex | bool | bytes):
        return value
    if isinstance(value, EnumMember):
        return constant(value.value)
    if isinstance(value, list) or type(value) is tuple:
        items: list[Constant] = []
        for item in value:
            known = constant(item)
            if isinstance(known, Marker):
                return UNKNOWN
            items.append(known)
        return tuple(items)
    return UNKNOWN


def same(left: object, right: object) -> bool:
    """Equal and of one type (1, 1.0 and True are three things here)."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, str | int | float | complex | bytes | range):
        return left == right
    return False


def items_of(value: object) -> list[object] | None:
    """What a loop over the value would give, when that is known and short."""
    if isinstance(value, Class) and value.is_enum:
        return enum_members(value)
    if isinstance(value, range | str | bytes) and not isinstance(value, PathText):
        return list(value) if len(value) <= MAX_ITEMS else None
    if isinstance(value, list | dict | frozenset) or type(value) is tuple:
        return list(value) if len(value) <= MAX_ITEMS else None
    return None


def dotted_path(left: str, right: str) -> PathText:
    from pathlib import PurePosixPath

    return PathText(PurePosixPath(left) / right)
