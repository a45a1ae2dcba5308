"""Hydra's override grammar: `key=value`, `+key=value`, `++key=value`, `~key`, `group@package=option`.

Hydra's own parser reads an override where it is installed; else this reading of the same grammar does. Texts that both
read alike at first sight (`trainer.max_epochs=3`) are never handed over: to start a parser costs more than the rest.
https://hydra.cc/docs/1.3/advanced/override_grammar/basic/
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DEEPEST = 50  # levels of lists and mappings in one value

_UNSIGNED = r"(?:0|[1-9](?:_?[0-9])*)"
_POINT = rf"(?:{_UNSIGNED}?\.[0-9](?:_?[0-9])*|{_UNSIGNED}\.)"
_TOKENS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("(", r"[ \t]*\([ \t]*"),
        (",", r"[ \t]*,[ \t]*"),
        (")", r"[ \t]*\)"),
        ("[", r"\[[ \t]*"),
        ("]", r"[ \t]*\]"),
        ("{", r"\{[ \t]*"),
        ("}", r"[ \t]*\}"),
        (":", r"[ \t]*:[ \t]*"),
        ("=", r"[ \t]*=[ \t]*"),
        (
            "float",
            rf"[+-]?(?:(?:{_POINT}|{_UNSIGNED})[eE][+-]?[0-9](?:_?[0-9])*|{_POINT}|[Ii][Nn][Ff]|[Nn][Aa][Nn])",
        ),
        ("int", rf"[+-]?{_UNSIGNED}"),
        ("bool", r"[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]"),
        ("null", r"[Nn][Uu][Ll][Ll]"),
        ("char", r"[/\-\\+.$%*@?|]"),
        ("id", r"[A-Za-z_][A-Za-z0-9_-]*"),
        ("escape", r"(?:\\\\|\\[()\[\]{}:=, \t])+"),
        ("blank", r"[ \t]+"),
        ("quoted", r"\"(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)\"|'(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)'"),
        ("hole", r"\$\{[^}]+\}"),
    )
)
_PRIMITIVE = frozenset(("id", "null", "int", "float", "bool", "hole", "char", ":", "escape", "blank"))
_ID = r"[A-Za-z_$][A-Za-z0-9_$-]*"
_PACKAGE = rf"(?:(?:{_ID}|{_UNSIGNED})(?:\.(?:{_ID}|{_UNSIGNED}))+|{_ID}|)"
_KEY = re.compile(rf"(~|\+\+?|)((?:[A-Za-z_][A-Za-z0-9_-]*)(?:/[A-Za-z_][A-Za-z0-9_-]*)+|{_PACKAGE})(?:@({_PACKAGE}))?")
_PLAIN = re.compile(r"(\+\+?|)([A-Za-z_][A-Za-z0-9_-]*(?:[./][A-Za-z_][A-Za-z0-9_-]*)*)=([A-Za-z_][A-Za-z0-9_]*)")
_CASTS = frozenset(("int", "float", "str", "bool"))
_SWEEPS = frozenset(("choice", "range", "interval", "glob", "sort", "shuffle", "tag"))


class GrammarError(ValueError):
    """A text that is no override; `offset` is the character where reading stopped."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class Sweep:
    """A value that stands for several: `a,b`, `choice(...)`, `range(...)`, `interval(...)`, `glob(...)`.

    `values` are those of a sweep that can be counted, None for the others.
    """

    __slots__ = ("kind", "text", "values")

    def __init__(self, kind: str, text: str, values: list[Any] | None) -> None:
        self.kind, self.text, self.values = kind, text, values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sweep) and (self.kind, self.values) == (other.kind, other.values)

    def __hash__(self) -> int:
        return hash((self.kind, self.text))

    def __repr__(self) -> str:
        return f"Sweep({self.kind!r}, {self.values!r})"


class Override:
    """One override. `sign` is "", "+", "++" or "~"; `value` is plain data or a Sweep; `text` is the word as written."""

    __slots__ = ("key", "package", "sign", "text", "value")

    def __init__(self, sign: str, key: str, package: str | None, value: Any, text: str) -> None:
        self.sign, self.key, self.package, self.value, self.text = sign, key, package, value, text

    def __repr__(self) -> str:
        return f"Override({self.text!r})"


_known: dict[str, Override] = {}
_hydra: Callable[[str], Override] | bool | None = False  # False: nobody has looked yet


def parse(text: str) -> Override:
    """Read one override. Raises GrammarError."""
    found = _known.get(text)
    if found is None:
        plain = _PLAIN.fullmatch(text)
        if plain is not None and plain[3].lower() not in ("null", "true", "false", "inf", "nan"):
            found = Override(plain[1], plain[2], None, plain[3], text)
        else:
            found = _by_hydra(text)
        _known[text] = found
    return found


def _by_hydra(text: str) -> Override:
    """By Hydra's parser, where there is one. Faults are told in our words: its own are those of a parser generator."""
    parser = _parser()
    if parser is None:
        return read(text)
    try:
        return parser(text)
    except GrammarError:
        read(text)
        raise


def _parser() -> Callable[[str], Override] | None:
    global _hydra
    if _hydra is False:
        try:
            from compiler.frontends.mml import hydra_parser
        except ImportError:
            _hydra = None
        else:
            _hydra = hydra_parser.read
    return _hydra if callable(_hydra) else None


def read(text: str) -> Override:
    """Read one override without Hydra. Raises GrammarError."""
    key = _KEY.match(text)
    at = key.end() if key is not None else 0
    rest = text[at:]
    if key is None or (rest and rest[0] != "=") or (not rest and key[1] != "~"):
        if "=" not in text and not text.startswith("~"):
            raise GrammarError(f'"{text}" is no override: KEY=VALUE, +KEY=VALUE, ++KEY=VALUE or ~KEY', len(text))
        raise GrammarError(f'"{text}" is no override: "{text[at : at + 1]}" can\'t stand in a key', at)
    if not rest:
        return Override("~", key[2], key[3], None, text)
    body = rest[1:]
    offset = at + 1 + len(body) - len(body.lstrip(" \t"))
    try:
        value = _Values(text, offset).whole()
    except GrammarError as error:
        raise GrammarError(f'"{text}" is no override: {error}', error.offset) from None
    return Override(key[1], key[2], key[3], value, text)


class _Values:
    """Reads the part of an override behind `=`."""

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.tokens = self._lex(offset)
        self.at = 0

    def _lex(self, offset: int) -> list[tuple[str, str, int]]:
        """The longest token each time, the first in the table among equals, as ANTLR has it."""
        found = []
        while offset < len(self.text):
            best, length = "", 0
            for name, pattern in _TOKENS:
                match = pattern.match(self.text, offset)
                if match is not None and match.end() - offset > length:
                    best, length = name, match.end() - offset
            if not length:
                raise GrammarError(
                    f'"{self.text[offset]}" can\'t stand in a value: put the value into quotes of its own', offset
                )
            found.append((best, self.text[offset : offset + length], offset))
            offset += length
        return found

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def fail(self, wanted: str) -> GrammarError:
        if self.at < len(self.tokens):
            _, text, offset = self.tokens[self.at]
            return GrammarError(f'"{text.strip()}" stands where {wanted} belongs', offset)
        return GrammarError(f"the value ends where {wanted} belongs", len(self.text))

    def take(self, kind: str, wanted: str) -> None:
        if self.kind() != kind:
            raise self.fail(wanted)
        self.at += 1

    def whole(self) -> Any:
        if not self.tokens:
            return ""
        start = self.tokens[0][2]
        items = [self.element(0)]
        while self.kind() == ",":
            self.at += 1
            items.append(self.element(0))
        if self.at < len(self.tokens):
            raise self.fail("the end of the value")
        return items[0] if len(items) == 1 else Sweep("choice", self.text[start:], items)

    def element(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise self.fail(f"no value deeper than {DEEPEST} levels")
        kind = self.kind()
        if kind == "[":
            return self.items("]", lambda: self.element(depth + 1))
        if kind == "{":
            return dict(self.items("}", lambda: self.pair(depth)))
        if kind == "id" and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1][0] == "(":
            return self.function(depth)
        return self.primitive(_PRIMITIVE)

    def items(self, closing: str, read: Callable[[], Any]) -> list[Any]:
        self.at += 1
        found: list[Any] = []
        while self.kind() != closing:
            if found:
                self.take(",", f'"," or "{closing}"')
            found.append(read())
        self.at += 1
        return found

    def pair(self, depth: int) -> tuple[Any, Any]:
        key = self.primitive(_PRIMITIVE - {":", "hole"}, quotes=False)
        self.take(":", '":"')
        return key, self.element(depth + 1)

    def function(self, depth: int) -> Any:
        name, start = self.tokens[self.at][1], self.tokens[self.at][2]
        self.at += 2
        arguments: list[Any] = []
        named: dict[str, Any] = {}
        while self.kind() != ")":
            if arguments or named:
                self.take(",", '"," or ")"')
            if self.kind() == "id" and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1][0] == "=":
                word = self.tokens[self.at][1]
                self.at += 2
                named[word] = self.element(depth + 1)
            else:
                arguments.append(self.element(depth + 1))
        self.at += 1
        end = self.tokens[self.at - 1][2] + len(self.tokens[self.at - 1][1])
        return apply(name, arguments, named, self.text[start:end], start)

    def primitive(self, kinds: frozenset[str], quotes: bool = True) -> Any:
        if quotes and self.kind() == "quoted":
            self.at += 1
            return _unquoted(self.tokens[self.at - 1][1])
        run: list[tuple[str, str, int]] = []
        while self.kind() in kinds:
            run.append(self.tokens[self.at])
            self.at += 1
        if run and run[0][0] == "blank":
            run = run[1:]
        if run and run[-1][0] == "blank":
            run = run[:-1]
        if not run:
            raise self.fail("a value")
        if len(run) == 1:
            return _typed(run[0][0], run[0][1])
        return "".join(text[1::2] if kind == "escape" else text for kind, text, _ in run)


def _typed(kind: str, text: str) -> Any:
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "bool":
        return text.lower() == "true"
    if kind == "null":
        return None
    return text[1::2] if kind == "escape" else text


def _unquoted(text: str) -> str:
    """The text between quotes: a backslash counts only before such a quote, or before the last one."""
    quote, body = text[0], text[1:-1]
    found = re.sub(rf"(\\+){quote}", lambda match: match[1][1::2] + quote, body)
    tail = len(found) - len(found.rstrip("\\"))
    return found[: len(found) - tail] + "\\" * (tail // 2)


def apply(name: str, arguments: list[Any], named: dict[str, Any], text: str, offset: int) -> Any:
    """A function's value: casts are worked out, sweeps stay what they are."""
    if name in _CASTS:
        if len(arguments) != 1 or named:
            raise GrammarError(f"{name}() takes one value", offset)
        return _cast(name, arguments[0], offset)
    if name == "json_str" and len(arguments) == 1 and not named:
        import json

        return json.dumps(arguments[0])
    if name not in _SWEEPS:
        raise GrammarError(f'"{name}" is no function of Hydra', offset)
    if name == "choice":
        if not arguments:
            raise GrammarError("choice() takes one value or more", offset)
        return Sweep("choice", text, arguments)
    if name == "range":
        return Sweep("range", text, _range(arguments, named, offset))
    if name == "tag":
        inner = arguments[-1] if arguments else None
        return inner if isinstance(inner, Sweep) else Sweep("tag", text, None)
    if name in ("sort", "shuffle"):
        return _reordered(name, arguments, named, text)
    return Sweep(name, text, None)


def _reordered(name: str, arguments: list[Any], named: dict[str, Any], text: str) -> Any:
    """`sort` and `shuffle` of a list are lists; of a choice, choices. What is shuffled can't be known."""
    inner = arguments[0] if len(arguments) == 1 else arguments
    values = inner.values if isinstance(inner, Sweep) else inner
    if name == "shuffle" or not isinstance(values, list):
        return Sweep("choice", text, None)
    ordered = sorted(values, reverse=named.get("reverse") is True)
    return ordered if isinstance(inner, list) and len(arguments) == 1 else Sweep("choice", text, ordered)


def _range(arguments: list[Any], named: dict[str, Any], offset: int) -> list[Any]:
    """`range(stop)`, `range(start,stop)`, `range(start,stop,step)`, or by name. Floats count as they are added up."""
    given = dict(zip(("start", "stop", "step"), arguments if len(arguments) > 1 else [0, *arguments], strict=False))
    given = {"start": 0, "step": 1, **given, **named}
    numbers = [given.get(word) for word in ("start", "stop", "step")]
    if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in numbers) or not numbers[2]:
        raise GrammarError("range() takes numbers, and a step other than 0", offset)
    kind = float if any(isinstance(number, float) for number in numbers) else int
    start, stop, step = (kind(number) for number in numbers if isinstance(number, (int, float)))
    found: list[Any] = []
    at = start
    while (at < stop if step > 0 else at > stop) and len(found) < 100_000:
        found.append(at)
        at += step
    return found


def _cast(name: str, value: Any, offset: int) -> Any:
    if isinstance(value, list):
        return [_cast(name, item, offset) for item in value]
    if isinstance(value, dict):
        return {key: _cast(name, item, offset) for key, item in value.items()}
    if isinstance(value, Sweep):
        values = None if value.values is None else [_cast(name, item, offset) for item in value.values]
        return Sweep(value.kind, value.text, values)
    try:
        if name == "str":
            return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
        if name == "bool":
            return _truth(value)
        return int(value) if name == "int" else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise GrammarError(f"{name}() can't take {value!r}", offset) from error


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return value.lower() == "true"
    return bool(value)
