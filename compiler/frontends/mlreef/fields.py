"""How keys are read: a table for each kind of mapping, whose lines say which field a key fills and what reads it."""

from __future__ import annotations

from compiler import codes, reader
from compiler.paths import PathError, from_root
from compiler.yamltree import Sequence, Slot, items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeVar

    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files
    from compiler.source import Origin

    T = TypeVar("T")
    Read: TypeAlias = "Callable[[Slot, Context], T | None]"
    Table: TypeAlias = "dict[str, tuple[str, Callable[[Slot, Context], Any]]]"

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
LONGEST_NAME = 255


class Context:
    """Where findings go, the files, and the folder that a manifest's paths are relative to."""

    __slots__ = ("files", "folder", "sink")

    def __init__(self, files: Files, sink: Sink, folder: str) -> None:
        self.files = files
        self.sink = sink
        self.folder = folder


def origin(slot: Slot) -> Origin:
    """Where a thing is written: its node, or its slot where the node stands elsewhere or is a scalar."""
    value = slot.value
    if not isinstance(value, str) and value.parent is slot.container and value.key == slot.key:
        return value
    return slot


def section(
    slot: Slot, context: Context, table: Table, what: str, required: tuple[str, ...] = ()
) -> dict[str, Any] | None:
    """The fields that a mapping's keys fill, with its origin; None where it is none, or lacks what it must have."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found: dict[str, Any] = {"origin": origin(slot)}
    for key, given in node.entries.items():
        line = table.get(key)
        if line is None:
            reader.unknown_key(str(key), node, table, context.sink, what)
            continue
        value = line[1](Slot(node, key, given, node.document), context)
        if value is not None:
            found[line[0]] = value
    missing = [key for key in required if key not in node.entries]
    for key in missing if not node.broken else ():
        context.sink.report(codes.MISSING_KEY, f'{what} needs "{key}"', found["origin"])
    return None if any(table[key][0] not in found for key in required) else found


def text(slot: Slot, context: Context) -> str | None:
    """Text that is not empty."""
    value = reader.text(slot, context.sink)
    if value is not None and not value.strip():
        context.sink.report(codes.EMPTY_VALUE, f'"{slot.key}" is empty', slot.span_here)
        return None
    return value


def name(slot: Slot, context: Context) -> str | None:
    value = reader.text(slot, context.sink)
    return value if value is not None and check_name(value, slot, context, slot.span_here) else None


def check_name(value: str, slot: Slot, context: Context, at: Any = None) -> bool:
    """Whether a name is one on every system; what is wrong with it is reported."""
    if value and len(value) <= LONGEST_NAME and _NAME.issuperset(value) and value[0] not in "_-":
        return True
    message = f"{reader.shown(value)} is not a name: letters, digits, _ and -, a letter or a digit first"
    context.sink.report(codes.BAD_NAME, message, at if at is not None else slot.key_span)
    return False


def boolean(slot: Slot, context: Context) -> bool | None:
    return reader.boolean(slot, context.sink)


def integer(minimum: int, maximum: int) -> Read[int]:
    return lambda slot, context: reader.integer(slot, context.sink, minimum, maximum)


def choice(words: dict[str, str]) -> Read[str]:
    """One of some words in any case, blanks, dashes and underscores alike; gives what the table has for it."""

    def read_choice(slot: Slot, context: Context) -> str | None:
        value = reader.text(slot, context.sink)
        if value is None:
            return None
        plain = value.strip().lower().replace(" ", "_").replace("-", "_")
        if plain in words:
            return words[plain]
        return reader.choice(slot, context.sink, list(dict.fromkeys(words.values())))

    return read_choice


def list_of(read: Read[T], least: int = 0) -> Read[tuple[T, ...]]:
    """A list, each item through a function; one item may stand without a list."""

    def read_list(slot: Slot, context: Context) -> tuple[T, ...] | None:
        if not isinstance(slot.value, Sequence):
            one = read(slot, context)
            return None if one is None else (one,)
        if len(slot.value.items) < least:
            context.sink.report(codes.EMPTY_VALUE, f'"{slot.key}" is an empty list', slot.key_span)
            return None
        found = [read(item, context) for item in items(slot.value)]
        return tuple(item for item in found if item is not None)

    return read_list


def path(slot: Slot, context: Context) -> str | None:
    """A path in the manifest's folder, as one from the repository's root."""
    value = reader.text(slot, context.sink)
    if value is None:
        return None
    glob = next((character for character in "*?[" if character in value), None)
    if glob is not None:
        context.sink.report(codes.BAD_PATH, f'"{glob}" can\'t stand in this path', slot.span_here)
        return None
    try:
        return from_root(value, context.folder)
    except PathError as error:
        reader.report_parse(error, slot, context.sink, codes.BAD_PATH)
        return None


def duration(slot: Slot, context: Context) -> int | None:
    """Seconds, one at least."""
    from compiler.duration import parse

    seconds = reader.parsed(slot, context.sink, parse, codes.BAD_DURATION)
    if seconds == 0:
        context.sink.report(codes.BAD_DURATION, f'"{slot.key}" takes one second or more', slot.span_here)
        return None
    return seconds


def quantity(slot: Slot, context: Context) -> int | None:
    """Nano units."""
    from compiler.quantity import parse

    return reader.parsed(slot, context.sink, parse, codes.BAD_QUANTITY)
