"""How AME's reader (serde_yaml 0.9) takes values, where that is not how YAML's core schema does.

A scalar is text as it is written (`3.10`); an empty value is an empty list, an empty mapping or nothing, while `~` is
nothing only where a value may be left out; keys that it does not know, and tags, it ignores; a key that stands twice is
an error. Dialects that its current reader refuses are read alike.
"""

from __future__ import annotations

from compiler import codes, reader
from compiler.diagnostics import suggest
from compiler.frontends.ame import codes as ame
from compiler.yamltree import Mapping, Quoted, Sequence, Slot, items, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeVar

    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files

    T = TypeVar("T")
    Read: TypeAlias = "Callable[[Slot, Context], T | None]"
    Table: TypeAlias = "dict[str, Key]"

# The dialects, by the key of the root that tells them.
CURRENT, RUST, GO, DOCUMENTED = "name", "projectid", "projectname", "documentation"


class Context:
    """What all readers of one file share. `current` tells that AME's current reader is the one to speak of."""

    __slots__ = ("current", "dialect", "files", "folder", "sink")

    def __init__(self, sink: Sink, files: Files, folder: str, dialect: str) -> None:
        self.sink = sink
        self.files = files
        self.folder = folder
        self.dialect = dialect
        self.current = dialect in (CURRENT, DOCUMENTED)

    def within(self) -> Context:
        """For what stands below a key that AME ignores as a whole: one finding is enough."""
        made = Context(self.sink, self.files, self.folder, self.dialect)
        made.current = False
        return made


class Key:
    """A key of a mapping: the field that it fills and what reads it.

    `instead` is what AME's current reader takes in its place, "" where it has nothing of the kind; None: it takes it.
    A key that is `left` over from an older dialect counts only in the older ones. `quiet`: its reader says what is to say.
    """

    __slots__ = ("field", "instead", "left", "quiet", "read")

    def __init__(
        self, field: str, read: Read[Any], instead: str | None = None, left: bool = False, quiet: bool = False
    ) -> None:
        self.field = field
        self.read = read
        self.instead = instead
        self.left = left
        self.quiet = quiet


# ------------------------------------------------------------------------------------------------------------ mappings


def mapping(slot: Slot, context: Context, what: str = "a mapping") -> Mapping | None:
    """A mapping; None for an empty value, and for what is none, which is reported."""
    if slot.tag is not None:
        ignored_tag(slot, context)
    if isinstance(slot.value, Mapping):
        return slot.value
    if not is_empty(slot.value):
        wrong_type(slot, context, what)
    return None


def section(slot: Slot, context: Context, table: Table, what: str) -> dict[str, Any] | None:
    """The fields that a mapping's keys fill, with its origin; None where it is empty or no mapping."""
    node = mapping(slot, context)
    if node is None:
        return None
    found: dict[str, Any] = {"origin": origin(slot)}
    for key, given in node.entries.items():
        entry = Slot(node, key, given, node.document)
        line = table.get(str(key))
        if line is None:
            ignored_key(entry, table, context, what)
            continue
        if context.current and line.instead is not None:
            if not line.quiet:
                _other_key(entry, line, context, what)
            if line.left:
                continue
        value = line.read(entry, context)
        if value is not None and (line.instead is None or line.field not in found):
            found[line.field] = value
    return found


def lacks(found: dict[str, Any], field: str, key: str, what: str, slot: Slot, context: Context) -> bool:
    """Whether a mapping does not say a field that it must; reported unless its key stands there with a fault."""
    node = slot.value
    if field in found:
        return False
    if isinstance(node, Mapping) and not node.broken and key not in node.entries:
        context.sink.report(codes.MISSING_KEY, f'{what} needs "{key}"', origin(slot))
    return True


def ignored_key(entry: Slot, table: Table, context: Context, what: str) -> None:
    """A key that no dialect has, with the key that was probably meant."""
    key = str(entry.key)
    if key == "<<":
        message, advice = "AME does not apply merge keys", "write the keys out, or use a template"
        context.sink.report(ame.IGNORED_KEY, message, entry.key_span, help=advice)
        return
    read = [name for name, line in table.items() if line.instead is None]
    near = suggest(key, read) or next((name for name in read if name.lower() == key.replace("_", "").lower()), None)
    notes = () if near or not read else (f"it reads {', '.join(read)}",)
    message = f'AME ignores "{key}" in {what}'
    context.sink.report(ame.IGNORED_KEY, message, entry.key_span, suggestion=near, notes=notes)


def _other_key(entry: Slot, line: Key, context: Context, what: str) -> None:
    """A key that only the documentation or an older dialect has."""
    message = f'AME ignores "{entry.key}" in {what}'
    notes = () if line.left else ("headrace takes it as it is meant",)
    near = line.instead or None
    context.sink.report(ame.IGNORED_KEY, message, entry.key_span, suggestion=near, notes=notes)


def other_spelling(slot: Slot, context: Context, message: str, near: str | None = None) -> None:
    """What AME's current reader refuses, and headrace takes."""
    if context.current:
        context.sink.report(ame.OTHER_SPELLING, message, slot, suggestion=near)


def ignored_tag(slot: Slot, context: Context) -> None:
    context.sink.report(ame.IGNORED_KEY, f'AME ignores the tag "{slot.tag}"', slot.span_here)


def wrong_type(slot: Slot, context: Context, wanted: str) -> None:
    value, name = slot.value, f'"{slot.key}"' if isinstance(slot.key, str) and slot.key else "this"
    if isinstance(value, Mapping) and value.broken:
        return
    at = slot.span_here if isinstance(value, str) else value.own_span()
    at = type(at)(at.source, at.start, min(at.end, at.start + 1)) if "\n" in at.text else at
    context.sink.report(codes.WRONG_TYPE, f"{name} takes {wanted}, not {reader.kind_of(value)}", at)


def is_empty(value: object) -> bool:
    """Nothing at all: not even `~`."""
    return type(value) is str and not value


# --------------------------------------------------------------------------------------------------------------- lists


def listed(read: Read[T]) -> Callable[[Slot, Context], tuple[T, ...] | None]:
    """A list, each item through a function; an empty value is an empty list. `~` is an error, as it is for AME."""

    def read_list(slot: Slot, context: Context) -> tuple[T, ...] | None:
        if slot.tag is not None:
            ignored_tag(slot, context)
        if is_empty(slot.value):
            return ()
        if not isinstance(slot.value, Sequence):
            wrong_type(slot, context, "a list")
            return None
        found = [read(item, context) for item in items(slot.value)]
        return tuple([item for item in found if item is not None])

    return read_list


# ------------------------------------------------------------------------------------------------------------- scalars


def required_text(slot: Slot, context: Context) -> str | None:
    """Text that must be there: `~` is the text "~"."""
    if not isinstance(slot.value, str):
        wrong_type(slot, context, "text")
        return None
    if slot.tag is not None:
        ignored_tag(slot, context)
    return str(slot.value)


def filled_text(slot: Slot, context: Context) -> str | None:
    """Text that must say something."""
    value = required_text(slot, context)
    if value is not None and not value.strip():
        context.sink.report(codes.EMPTY_VALUE, f'"{slot.key}" is empty', slot.key_span)
        return None
    return value


def text(slot: Slot, context: Context) -> str | None:
    """Text that may be left out: then nothing, `~` and `null` say so."""
    return None if reader.is_null(slot.value) and slot.tag is None else required_text(slot, context)


def boolean(slot: Slot, context: Context) -> bool | None:
    if reader.is_null(slot.value):
        return None
    value = slot.value
    if isinstance(value, Quoted) or not isinstance(value, str) or value not in reader.TRUE | reader.FALSE:
        wrong_type(slot, context, "true or false")
        return None
    return value in reader.TRUE


def whole(slot: Slot, context: Context) -> int | None:
    """An integer that may be left out; one in quotes is text."""
    if reader.is_null(slot.value):
        return None
    found = reader.integer_of(slot.value) if type(slot.value) is str else None
    if found is None:
        wrong_type(slot, context, "an integer")
    return found


def skipped(slot: Slot, context: Context) -> None:
    """A key that is known and means nothing to a pipeline."""
    del slot, context


def pairs(slot: Slot, context: Context) -> tuple[tuple[str, str], ...] | None:
    """A mapping of text to text."""
    node = mapping(slot, context)
    if node is None:
        return None
    entries = (Slot(node, key, given, node.document) for key, given in node.entries.items())
    found = ((str(entry.key), required_text(entry, context)) for entry in entries)
    return tuple((key, value) for key, value in found if value is not None)
