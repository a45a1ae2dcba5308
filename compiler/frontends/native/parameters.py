"""`parameters`: typed inputs of a pipeline. Values are kept as the text that a person would type."""

from __future__ import annotations

from compiler import codes, reader
from compiler.frontends.native.fields import boolean, choice, list_of, named, plain
from compiler.frontends.tables import section
from compiler.ir import Parameter
from compiler.parameter import EXAMPLES, compare, fits
from compiler.yamltree import Mapping, Quoted, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.native.fields import Context, Table
    from compiler.source import Span

TYPES = ("string", "int", "float", "bool", "choice")


def _text(slot: Slot, context: Context) -> str | None:
    """A value as written; a Boolean in its one spelling."""
    value = plain(slot, context)
    if value is not None and not isinstance(slot.value, Quoted) and (value in reader.TRUE or value in reader.FALSE):
        return value.lower()
    return value


PARAMETER: Table = {
    "type": ("type", choice(*TYPES)),
    "default": ("default", _text),
    "choices": ("choices", list_of(_text, least=1)),
    "minimum": ("minimum", _text),
    "maximum": ("maximum", _text),
    "required": ("required", boolean),
    "help": ("help", plain),
}


def read_parameters(slot: Slot, context: Context) -> tuple[Parameter, ...] | None:
    return named(slot, context, _parameter)


def _parameter(slot: Slot, context: Context, name: str) -> Parameter | None:
    found = section(slot, context, PARAMETER, "a parameter")
    if found is None:
        return None
    node = slot.value
    assert isinstance(node, Mapping)
    check = _Check(name, found, node, context)
    check.choices()
    for key in ("minimum", "maximum", "default"):
        check.typed(key)
    check.bounds()
    return Parameter(name=name, **found)


class _Check:
    """Holds a parameter's values against its type, and takes out what does not fit."""

    def __init__(self, name: str, found: dict[str, Any], node: Mapping, context: Context) -> None:
        self.name = name
        self.found = found
        self.node = node
        self.context = context
        self.type: str = found.get("type", "string")

    def at(self, key: str) -> Span:
        return self.node.value_span(key)

    def drop(self, key: str, message: str, help: str | None = None) -> None:
        self.found.pop(key, None)
        self.context.sink.report(codes.WRONG_DEFAULT, message, self.at(key), help=help)

    def choices(self) -> None:
        if self.type == "choice" and "choices" not in self.node.entries and not self.node.broken:
            self.context.sink.report(codes.MISSING_KEY, 'a parameter of type choice needs "choices"', self.node)
        elif self.type != "choice" and "choices" in self.node.entries:
            message = f'"choices" belongs to the type choice, not to {self.type}'
            self.context.sink.report(
                codes.WRONG_VALUE, message, self.node.key_span("choices"), help="write type: choice"
            )
        for key in ("minimum", "maximum"):
            if self.type not in ("int", "float") and key in self.node.entries:
                message = f'"{key}" belongs to the types int and float, not to {self.type}'
                self.context.sink.report(codes.WRONG_VALUE, message, self.node.key_span(key))
                self.found.pop(key, None)

    def typed(self, key: str) -> None:
        value = self.found.get(key)
        if value is None:
            return
        shown = reader.shown(Quoted(value))
        if self.type == "choice":
            choices = self.found.get("choices", (value,))
            if value not in choices:
                self.drop(key, f'{shown} is not one of the choices of "{self.name}"')
        elif self.type in EXAMPLES and not fits(value, self.type):
            self.drop(key, f'{shown} is not {EXAMPLES[self.type]}, as "{self.name}" takes')

    def bounds(self) -> None:
        minimum, maximum, default = (self.found.get(key) for key in ("minimum", "maximum", "default"))
        if minimum is not None and maximum is not None and compare(minimum, maximum) > 0:
            self.drop("maximum", f'the maximum "{maximum}" is below the minimum "{minimum}"')
        elif default is not None and self.type in ("int", "float"):
            if minimum is not None and compare(default, minimum) < 0:
                self.drop("default", f'the default "{default}" is below the minimum "{minimum}"')
            elif maximum is not None and compare(default, maximum) > 0:
                self.drop("default", f'the default "{default}" is above the maximum "{maximum}"')
