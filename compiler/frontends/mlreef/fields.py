"""What reads the values of a manifest's keys: the functions that stand in the tables (`compiler.frontends.tables`)."""

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

    T = TypeVar("T")
    Read: TypeAlias = "Callable[[Slot, Context], T | None]"
    Table: TypeAlias = "dict[str, tuple[str, Callable[[Slot, Context], Any]]]"


class Context:
    """Where findings go, the files, and the folder that a manifest's paths are relative to."""

    __slots__ = ("files", "folder", "sink")

    def __init__(self, files: Files, sink: Sink, folder: str) -> None:
        self.files = files
        self.sink = sink
        self.folder = folder


def text(slot: Slot, context: Context) -> str | None:
    """Text that is not empty."""
    value = reader.text(slot, context.sink)
    if value is not None and not value.strip():
        context.sink.report(codes.EMPTY_VALUE, f'"{slot.key}" is empty', slot.span_here)
        return None
    return value


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
