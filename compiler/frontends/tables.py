"""What front ends that read by tables share: a table for each kind of mapping says which field a key fills, and what reads it.

A reading function takes a slot and the front end's context, reports what is wrong to the context's sink, and gives the
value or None. Tables are asked by what a mapping holds, so that a job pays for its own keys and not for all that there are.
"""

from __future__ import annotations

from compiler import codes, reader, yamltree
from compiler.diagnostics import ERROR
from compiler.naming import LONGEST_NAME, is_name, is_variable, near_name, near_variable
from compiler.yamltree import Quoted, Slot, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol, TypeVar

    from compiler.diagnostics import Sink
    from compiler.source import Source, Span

    class Reporting(Protocol):
        """A front end's context, as far as tables know it."""

        @property
        def sink(self) -> Sink: ...

    C = TypeVar("C", bound=Reporting)


def only_document(source: Source, sink: Sink, advice: str) -> Slot | None:
    """The one document of a file. `advice` says how a manifest begins."""
    errors = sink.count(ERROR)
    documents = yamltree.parse(source, sink)
    for slot in map(yamltree.root_slot, documents[1:]):
        if not reader.is_null(slot.value):
            sink.report(codes.SEVERAL_DOCUMENTS, "a manifest is one YAML document, another begins here", slot.span_here)
            break
    if documents and documents[0].root is not None:
        slot = yamltree.root_slot(documents[0])
        if not reader.is_null(slot.value):
            return slot
    if sink.count(ERROR) == errors:
        sink.report(codes.EMPTY_FILE, "the manifest is empty", source.whole(), help=advice)
    return None


def section(
    slot: Slot,
    context: C,
    table: Mapping[str, tuple[str, Callable[[Slot, C], Any]]],
    what: str,
    required: tuple[str, ...] = (),
) -> dict[str, Any] | None:
    """The fields that a mapping's keys fill, with its origin; None where it is no mapping or lacks what it must have.

    `what` is how messages call it: "a job".
    """
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
    if not required:
        return found
    missing = [key for key in required if key not in node.entries]
    for key in missing if not node.broken else ():
        context.sink.report(codes.MISSING_KEY, f'{what} needs "{key}"', found["origin"])
    return None if any(table[key][0] not in found for key in required) else found


def check_name(name: str, slot: Slot, context: Reporting, at: Span | None = None) -> bool:
    """Report a name that not every system takes."""
    if is_name(name):
        return True
    if len(name) > LONGEST_NAME:
        message, near = f"a name has at most {LONGEST_NAME} characters, not {len(name)}", None
    else:
        message = f"{reader.shown(Quoted(name))} is not a name: letters, digits, _ and -, a letter or digit first"
        near = near_name(name)
    context.sink.report(codes.BAD_NAME, message, at or slot.key_span, suggestion=near)
    return False


def name(slot: Slot, context: Reporting) -> str | None:
    """A name that this key gives to something."""
    value = reader.text(slot, context.sink)
    if value is None or not check_name(value, slot, context, slot.span_here):
        return None
    return value


def check_variable(name: str, slot: Slot, context: Reporting, at: Span | None = None) -> bool:
    """Report what is not an environment variable's name."""
    if is_variable(name):
        return True
    near = near_variable(name)
    message = f"{reader.shown(Quoted(name))} is not a variable's name: letters, digits and _, no digit first"
    context.sink.report(codes.BAD_NAME, message, at or slot.key_span, suggestion=near if near != name else None)
    return False


def matching(read: Callable[[Slot, C], str | None], pattern: str, takes: str) -> Callable[[Slot, C], str | None]:
    """Text that a pattern matches as a whole; `takes` says in words what that is."""

    def read_matching(slot: Slot, context: C) -> str | None:
        from re import fullmatch

        value = read(slot, context)
        if value is None or fullmatch(pattern, value):
            return value
        message = f'"{slot.key}" takes {takes}, not {reader.shown(value)}'
        context.sink.report(codes.WRONG_VALUE, message, slot.span_here)
        return None

    return read_matching


def variable(slot: Slot, context: Reporting) -> str | None:
    value = reader.text(slot, context.sink)
    return value if value is not None and check_variable(value, slot, context, slot.span_here) else None


def cron(slot: Slot, context: Reporting, value: str) -> str | None:
    """A schedule's five fields, in their one spelling."""
    from compiler.cron import CronError, parse, text

    try:
        found = parse(value)
    except CronError as error:
        reader.report_parse(error, slot, context.sink, codes.BAD_CRON)
        return None
    if found.never:
        context.sink.report(codes.BAD_CRON, f"{reader.shown(value)} never comes: no month has that day", slot.span_here)
        return None
    return text(found)


def timezone(slot: Slot, context: Reporting, value: str) -> str | None:
    """A time zone's name, in the shape of the tz database."""
    from re import fullmatch

    if fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", value):
        return value
    message = f'"{slot.key}" takes a value such as Europe/Berlin, not {reader.shown(value)}'
    context.sink.report(codes.WRONG_VALUE, message, slot.span_here)
    return None
