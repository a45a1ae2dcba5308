"""Calls in a script that is followed: of its own functions and classes, of argparse, and of code from elsewhere."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Callable, Sequence

from compiler.pyargs.evaluation import Evaluator
from compiler.pyargs.interface import UNKNOWN, Exclusive, Remark
from compiler.pyargs.model import Call, Child, Group, Option, Parser, Subparsers, read_option
from compiler.pyargs.script import Script
from compiler.pyargs.survey import SEEDS, Survey
from compiler.pyargs.values import (
    MISSING,
    Api,
    Bound,
    Class,
    EnumMember,
    Function,
    Instance,
    Partial,
    Scope,
    Super,
    Symbol,
    constant,
    dotted_path,
    items_of,
    same,
)

MAX_CALLS = 12

PARSER_CLASSES = frozenset({"argparse.ArgumentParser"})
PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath", "os.path.join"})
EXITS = frozenset({"sys.exit", "builtins.exit", "builtins.quit", "os._exit"})
# What may be handed a parser without changing it.
HARMLESS = ("builtins.", "argcomplete.autocomplete", "logging.", "pprint.", "copy.", "argparse.Namespace")
# add_argument is a method of other libraries' objects too (a browser's options, say); these keywords tell.
ARGUMENT_KEYWORDS = frozenset({"type", "default", "help", "action", "required", "choices", "nargs", "dest", "metavar"})

PARSE_METHODS = frozenset({"parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args"})


class _Leaves:
    """What a call gives that does not come back."""

    __slots__ = ()


LEAVES = _Leaves()

LASTING = (Parser, Group, Subparsers, Function, Class, Symbol, Instance, Bound, Partial, Api)

STAR_OF_ARGPARSE = (
    *("ArgumentParser", "BooleanOptionalAction", "FileType", "Namespace", "SUPPRESS", "OPTIONAL", "ZERO_OR_MORE"),
    *("ONE_OR_MORE", "REMAINDER", "PARSER", "Action", "HelpFormatter", "ArgumentTypeError"),
)


def agree(possible: list[object]) -> object:
    """One value for several possible ones: the parser or function among them, what all are, or UNKNOWN."""
    bound = [value for value in possible if value is not MISSING]
    for value in bound:
        if isinstance(value, LASTING):
            return value
    if bound and all(same(value, bound[0]) for value in bound):
        return bound[0]
    return UNKNOWN


class Frame:
    """One call that is being followed."""

    __slots__ = ("cls", "receiver", "returns")

    def __init__(self, cls: Class | None = None, receiver: object = None) -> None:
        self.cls = cls
        self.receiver = receiver
        self.returns: list[object] = []


class Caller(Evaluator):
    """Gives calls their values. `parsers` holds every parser that was made, in order."""

    def __init__(self, script: Script, survey: Survey) -> None:
        super().__init__(script, survey.mutated)
        self.survey = survey
        self.parsers: list[Parser] = []
        self.remarks: dict[Remark, None] = {}
        self.exclusive_groups = 0
        self.possible = 0  # how many conditions that aren't known stand around the statement
        self.frames: list[Frame] = []
        self.active: list[ast.AST] = []
        self.visited: set[int] = set()
        self.strangers: dict[str, Parser] = {}
        self.classes: dict[int, Class] = {}
        self.module = Scope(None)
        self.module.names.update(
            {"__name__": "__main__", "__file__": UNKNOWN, "__doc__": ast.get_docstring(script.tree)}
        )

    def note(self, kind: str, message: str, node: ast.AST) -> None:
        line, column = 1, 1
        if isinstance(node, ast.expr | ast.stmt):
            line, column = self.script.position(node)
        self.remarks.setdefault(Remark(kind, message, line, column))

    @abstractmethod
    def block(self, statements: Sequence[ast.stmt], scope: Scope) -> str | None:
        """Follow statements; gives how they leave the block, None where they run to its end."""

    def call(self, node: ast.Call, scope: Scope) -> object:
        function = self.value(node.func, scope)
        if function == Symbol("builtins.super"):
            return self._super()
        call = self._read_call(node, scope)
        while isinstance(function, Partial):
            given, named = [*function.given, *call.given], {**function.named, **call.named}
            function, call = function.function, call._replace(given=given, named=named)
        if isinstance(function, Function):
            return self.invoke(function, call)
        if isinstance(function, Bound):
            return self.invoke(function.function, call, function.receiver)
        if isinstance(function, Class):
            return self.make(function, call)
        if isinstance(function, Api):
            return self._api(function, call)
        if isinstance(function, Symbol):
            return self._symbol(function.name, call, scope)
        return self._stranger(call, "", scope)

    def _super(self) -> object:
        frame = self.frames[-1]
        return Super(frame.receiver, frame.cls) if frame.cls is not None else UNKNOWN

    def _read_call(self, node: ast.Call, scope: Scope) -> Call:
        given: list[object] = []
        names_open = keys_open = False
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                items = items_of(self.value(argument.value, scope))
                names_open = names_open or items is None
                given.extend(items or ())
            else:
                given.append(self.value(argument, scope))
        named: dict[str, object] = {}
        nodes: dict[str, ast.expr] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                named[keyword.arg] = value
                nodes[keyword.arg] = keyword.value
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
                named.update({str(key): item for key, item in value.items()})
            else:
                keys_open = True
        return Call(node, given, named, nodes, names_open, keys_open)

    def invoke(self, function: Function, call: Call, receiver: object = MISSING) -> object:
        """Follows a call of one of the file's own functions, when it may touch a parser."""
        node = function.node
        if isinstance(node, ast.Lambda):
            statements: Sequence[ast.stmt] = ()
        elif (
            node.name in self.survey.relevant
            or _is_one_return(node)
            or any(map(self.touches, (*call.given, *call.named.values())))
        ):
            statements = node.body
        else:
            return UNKNOWN
        if any(node is other for other in self.active) or len(self.active) >= MAX_CALLS:
            return UNKNOWN
        self.visited.add(id(node))
        scope = Scope(function.scope)
        self._bind_parameters(node.args, call, receiver, scope)
        frame = Frame(function.cls, receiver)
        self.frames.append(frame)
        self.active.append(node)
        depth, self.depth = self.depth, 0
        try:
            if isinstance(node, ast.Lambda):
                return self.value(node.body, scope)
            self.block(statements, scope)
        finally:
            self.depth = depth
            self.active.pop()
            self.frames.pop()
        return agree(frame.returns) if frame.returns else None

    def touches(self, value: object) -> bool:
        """Whether a value is a parser, a part of one, or a function that may touch one; a collection, by what is in it."""
        if isinstance(value, Parser | Group | Subparsers):
            return True
        if isinstance(value, Api | Bound):
            return self.touches(value.receiver)
        if isinstance(value, Partial):
            return self.touches(value.function)
        if isinstance(value, Function):
            return isinstance(value.node, ast.Lambda) or value.node.name in self.survey.relevant
        if isinstance(value, dict):
            value = list(value.values())
        return isinstance(value, list | tuple) and any(isinstance(one, LASTING) and self.touches(one) for one in value)

    def get_property(self, receiver: object, function: Function) -> object:
        node = function.node
        place = node.body[0] if not isinstance(node, ast.Lambda) else node
        call = Call(ast.copy_location(ast.Call(ast.Constant(None), [], []), place), [], {}, {}, False, False)
        return self.invoke(function, call, receiver)

    def _bind_parameters(self, arguments: ast.arguments, call: Call, receiver: object, scope: Scope) -> None:
        given = list(call.given) if receiver is MISSING else [receiver, *call.given]
        named = dict(call.named)
        parameters = arguments.posonlyargs + arguments.args
        defaults: list[ast.expr | None] = [None] * (len(parameters) - len(arguments.defaults))
        defaults += arguments.defaults
        pairs = list(zip(parameters, defaults, strict=True))
        pairs += list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
        for index, (parameter, default) in enumerate(pairs):
            if index < len(parameters) and index < len(given):
                value = given[index]
            elif parameter.arg in named:
                value = named.pop(parameter.arg)
            elif default is None or call.names_open or call.keys_open:
                value = UNKNOWN
            else:
                value = self.value(default, scope.parent or scope)
            scope.names[parameter.arg] = value
        if arguments.vararg is not None:
            rest = tuple(given[len(parameters) :])
            scope.names[arguments.vararg.arg] = UNKNOWN if call.names_open else rest
        if arguments.kwarg is not None:
            scope.names[arguments.kwarg.arg] = UNKNOWN if call.keys_open else named

    def make(self, cls: Class, call: Call) -> object:
        """Calling a class of the file: a parser, a member of an Enum, or an object."""
        if cls.is_enum:
            wanted = constant(call.given[0]) if call.given else UNKNOWN
            for member in items_of(cls) or ():
                if isinstance(member, EnumMember) and wanted is not UNKNOWN and same(constant(member), wanted):
                    return member
            return UNKNOWN
        if cls.inherits(PARSER_CLASSES):
            parser = self.new_parser(call, configure=not isinstance(cls.find("__init__"), Function))
            parser.cls = cls
            self._initialize(cls, parser, call)
            return parser
        if any(isinstance(base, Symbol) and _looks_like_parser_class(base.name) for base in cls.lineage()):
            return self.imported_parser(call, f'"{cls.node.name}" extends a parser of another file')
        return self.instantiate(cls, call)

    def instantiate(self, cls: Class, call: Call) -> Instance:
        has_init = isinstance(cls.find("__init__"), Function)
        plain = not call.given and not call.named and not call.names_open and not call.keys_open
        instance = Instance(cls, certain=plain and not has_init and cls.knows_all())
        self._initialize(cls, instance, call)
        return instance

    def _initialize(self, cls: Class, instance: object, call: Call) -> None:
        init = cls.find("__init__")
        if isinstance(init, Function):
            self.invoke(init, call, instance)

    def new_parser(self, call: Call, configure: bool = True) -> Parser:
        parser = Parser(call.node)
        if configure:
            parser.configure(call, self.note)
        self.parsers.append(parser)
        return parser

    def imported_parser(self, call: Call, message: str) -> Parser:
        parser = Parser(call.node)
        parser.imported = True
        parser.complete = False
        self.note("imported-parser", message, call.node)
        self.parsers.append(parser)
        return parser

    def _symbol(self, name: str, call: Call, scope: Scope) -> object:
        """A call of something imported or built in."""
        if name in PARSER_CLASSES:
            return self.new_parser(call)
        if name in EXITS:
            return LEAVES
        if name == "argparse.FileType":
            return Symbol("argparse.FileType")
        if name in PATHS:
            return _path(call)
        if name == "functools.partial" and call.given and not call.names_open and not call.keys_open:
            return Partial(call.given[0], tuple(call.given[1:]), call.named)
        if name.startswith("builtins."):
            self._watch(call, name)
            if call.names_open or call.keys_open:
                return UNKNOWN
            return self.pure_call(name.removeprefix("builtins."), call.given, call.named)
        if _looks_like_parser_class(name):
            return self.imported_parser(call, f'the parser is made by "{name}", which is not argparse\'s own')
        return self._stranger(call, name, scope)

    def _stranger(self, call: Call, name: str, scope: Scope) -> object:
        """A call of code that is not in the file."""
        if isinstance(call.node.func, ast.Attribute) and call.node.func.attr in SEEDS:
            parser = self._strange_parser(call, call.node.func, scope)
            if parser is not None:
                return self._api(Api(parser, call.node.func.attr), call)
        return self._watch(call, name)

    def _watch(self, call: Call, name: str) -> object:
        """What becomes of parsers and functions that are handed to other code: that it may do anything with them."""
        result: object = UNKNOWN
        for argument in [*call.given, *call.named.values()]:
            if isinstance(argument, Api) and argument.name in SEEDS:
                argument = argument.receiver
            if isinstance(argument, Parser | Group | Subparsers) and not name.startswith(HARMLESS):
                parser = argument if isinstance(argument, Parser) else argument.parser
                parser.complete = False
                shown = name or " ".join(self.script.segment(call.node.func).split())[:60]
                self.note(
                    "parser-passed-away", f'the parser is given to "{shown}", which is not in this file', call.node
                )
                result = argument
            elif isinstance(argument, Function | Bound) and not name.startswith("builtins."):
                function = argument.function if isinstance(argument, Bound) else argument
                receiver = argument.receiver if isinstance(argument, Bound) else MISSING
                # Something like `app.run(main)`: most likely it calls what it is given.
                self.invoke(function, call._replace(given=[], named={}, nodes={}, names_open=True), receiver)
        return result

    def _strange_parser(self, call: Call, function: ast.Attribute, scope: Scope) -> Parser | None:
        """A parser that came from elsewhere, if what is called looks like one."""
        text = " ".join(self.script.segment(function.value).split())[:200]
        if text in self.strangers:
            return self.strangers[text]
        looks = "pars" in text.lower() or "arg" in text.lower()
        if function.attr == "add_argument":
            looks = looks or not ARGUMENT_KEYWORDS.isdisjoint(call.named)
        if not looks:
            return None
        parser = self.imported_parser(call, f'"{text}" is a parser that was not made in this file')
        self.strangers[text] = parser
        if isinstance(function.value, ast.Name):
            self.bind(scope, function.value.id, parser)
        return parser

    # argparse's own methods

    def _api(self, api: Api, call: Call) -> object:
        receiver, name = api
        if isinstance(receiver, str):
            return UNKNOWN if call.names_open or call.named else self.text_method(receiver, name, call.given)
        if isinstance(receiver, dict):
            return _dictionary_method(receiver, name, call)
        if isinstance(receiver, Subparsers):
            return self.add_parser(receiver, call) if name == "add_parser" else UNKNOWN
        if not isinstance(receiver, Parser | Group):
            return UNKNOWN
        method = METHODS.get(name)
        if method is not None:
            return method(self, receiver, call)
        if isinstance(receiver, Parser) and name in PARSE_METHODS:
            return self.parse(receiver, name, call)
        if name == "__init__" and isinstance(receiver, Parser):
            receiver.configure(call, self.note)
        return LEAVES if name in ("error", "exit") else UNKNOWN

    def add_argument(self, owner: Parser | Group, call: Call) -> object:
        parser = owner.parser if isinstance(owner, Group) else owner
        if parser.cls is not None and isinstance(parser.cls.find("add_argument"), Function):
            self.note("overridden-method", "the parser's class has its own add_argument", call.node)
            parser.complete = False
        option = read_option(call, parser, self.script.segment, self.note)
        if option is None:
            return UNKNOWN
        if isinstance(owner, Group):
            option.group = owner.title
            option.exclusive = owner.exclusive
        option.conditional = self.possible > 0
        parser.add(option, self.note)
        return option

    def add_argument_group(self, owner: Parser | Group, call: Call) -> object:
        parser = owner.parser if isinstance(owner, Group) else owner
        title = call.given[0] if call.given else call.keyword("title", "")
        exclusive = owner.exclusive if isinstance(owner, Group) else None
        return Group(parser, title if isinstance(title, str) else "", exclusive)

    def add_exclusive_group(self, owner: Parser | Group, call: Call) -> object:
        parser = owner.parser if isinstance(owner, Group) else owner
        self.exclusive_groups += 1
        required = call.keyword("required", call.given[0] if call.given else False)
        certain = required is True and self.possible == 0
        title = owner.title if isinstance(owner, Group) else ""
        return Group(parser, title, Exclusive(self.exclusive_groups, certain))

    def add_subparsers(self, owner: Parser | Group, call: Call) -> object:
        parser = owner.parser if isinstance(owner, Group) else owner
        dest = call.keyword("dest")
        parser.subcommand_dest = dest if isinstance(dest, str) and dest != "==SUPPRESS==" else ""
        parser.subcommand_required = call.keyword("required") is True
        return Subparsers(parser, parser.subcommand_dest)

    def add_parser(self, subparsers: Subparsers, call: Call) -> object:
        child = self.new_parser(call)
        child.is_child = True
        # 3.11 and later give a subcommand's parser the class of its parent; its prefix characters are its own.
        child.cls = subparsers.parser.cls
        name = call.given[0] if call.given else call.keyword("name")
        aliases = [alias for alias in items_of(call.keyword("aliases", [])) or () if isinstance(alias, str)]
        if not isinstance(name, str):
            self.note("computed-subcommand", "the subcommand's name is not a literal", call.node)
            subparsers.parser.complete = False
            return child
        help_text = call.keyword("help")
        help_text = help_text if isinstance(help_text, str) else ""
        subparsers.parser.children.append(Child(name, tuple(aliases), help_text, child, call.node))
        return child

    def set_parser_defaults(self, owner: Parser | Group, call: Call) -> object:
        (owner.parser if isinstance(owner, Group) else owner).set_defaults(call, self.note)
        return None

    def parse(self, parser: Parser, name: str, call: Call) -> object:
        arguments = call.given[0] if call.given else call.keyword("args")
        if isinstance(arguments, list | str) or type(arguments) is tuple:
            self.note("fixed-arguments", f"{name} is given its arguments, so the command line is not read", call.node)
        if "known" in name:
            parser.accepts_unknown = call.node
        parser.parsed = True
        return UNKNOWN

    def change_option(self, option: Option, target: ast.Attribute, value: object) -> None:
        known = constant(value)
        if target.attr == "required":
            option.required = known is True
        elif target.attr == "default":
            option.default = known
        elif target.attr == "help":
            option.help = known if isinstance(known, str) else ""
        elif target.attr in ("type", "choices", "nargs", "dest", "option_strings"):
            option.type, option.choices, option.gives = f"unknown:{target.attr}", None, ""
            shown = max(option.flags, key=len) if option.flags else option.name
            self.note("changed-later", f'"{shown}" is given other {target.attr} after add_argument', target)


def _is_one_return(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function does nothing but give an expression's value: `def flag(*names, **more): return names, more`."""
    return len(node.body) <= 2 and isinstance(node.body[-1], ast.Return) and not isinstance(node, ast.AsyncFunctionDef)


def _looks_like_parser_class(name: str) -> bool:
    return name.rpartition(".")[2] in ("ArgumentParser", "ArgParser", "ArgParse") and name not in PARSER_CLASSES


def _path(call: Call) -> object:
    parts = [part for part in call.given if isinstance(part, str)]
    if len(parts) != len(call.given) or not parts or call.names_open:
        return UNKNOWN
    path = dotted_path("", parts[0])
    for part in parts[1:]:
        path = dotted_path(path, part)
    return path


def _dictionary_method(owner: dict[object, object], name: str, call: Call) -> object:
    if name == "get" and call.given and isinstance(call.given[0], str | int):
        return owner.get(call.given[0], call.given[1] if len(call.given) > 1 else None)
    listed: dict[str, Callable[[], list[object]]] = {
        "keys": lambda: list(owner),
        "values": lambda: list(owner.values()),
        "items": lambda: list(owner.items()),
    }
    if name == "copy":
        return dict(owner)
    return listed[name]() if name in listed else UNKNOWN


METHODS: dict[str, Callable[[Caller, Parser | Group, Call], object]] = {
    "add_argument": Caller.add_argument,
    "add_argument_group": Caller.add_argument_group,
    "add_mutually_exclusive_group": Caller.add_exclusive_group,
    "add_subparsers": Caller.add_subparsers,
    "set_defaults": Caller.set_parser_defaults,
}
