"""What reads the values of a manifest's keys: the functions that stand in the tables (`compiler.frontends.tables`)."""

from __future__ import annotations

from compiler import codes, reader
from compiler.credentials import check_variable as check_credential
from compiler.diagnostics import Code, Edit, Fix, Label, Sink, listed
from compiler.frontends.tables import check_name, check_variable, matching
from compiler.ir import EnvVar
from compiler.reader import report_parse, within
from compiler.yamltree import Mapping, Quoted, Sequence, Slot, items, origin, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeVar

    from compiler.ir import Condition, Objective, Text

    T = TypeVar("T")
    Read: TypeAlias = "Callable[[Slot, Context], T | None]"
    Table: TypeAlias = "dict[str, tuple[str, Callable[[Slot, Context], Any]]]"

_FLOW = frozenset("[]{}")  # what ends a plain text inside of a flow list


class Context:
    """What all readers of a manifest share: where findings go, and the folder that its paths are relative to."""

    __slots__ = ("folder", "parsed", "sink")

    def __init__(self, sink: Sink, folder: str) -> None:
        self.sink = sink
        self.folder = folder
        self.parsed: dict[tuple[Code, str], Any] = {}  # what the small languages read: the same few texts come again


# ------------------------------------------------------------------------------------------------------------ mappings


def exclusive(slot: Slot, context: Context, what: str, *keys: str) -> list[str]:
    """The keys of these that a mapping has; more than one is an error."""
    node = slot.value
    if not isinstance(node, Mapping):
        return []
    given = [key for key in keys if key in node.entries]
    if len(given) > 1:
        first = Label(node.key_span(given[0]), "first here")
        message = f'{what} takes one of {listed(keys)}, not "{given[0]}" and "{given[1]}"'
        context.sink.report(codes.KEYS_EXCLUDE, message, node.key_span(given[1]), labels=(first,))
    return given


def missing_one(slot: Slot, context: Context, what: str, *keys: str) -> None:
    """Report that a mapping has none of the keys of which it needs one."""
    if isinstance(slot.value, Mapping) and not slot.value.broken:
        context.sink.report(codes.MISSING_KEY, f"{what} needs one of {listed(keys)}", origin(slot))


def named(slot: Slot, context: Context, read: Callable[[Slot, Context, str], T | None]) -> tuple[T, ...] | None:
    """Every entry of a mapping from names to bodies."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found: list[T] = []
    for entry in slots(node):
        name = str(entry.key)
        good = check_name(name, entry, context)
        body = read(entry, context, name)
        if body is not None and good:
            found.append(body)
    return tuple(found)


def pairs(read: Read[T]) -> Callable[[Slot, Context], tuple[tuple[str, T], ...] | None]:
    """A mapping as pairs in order."""

    def read_pairs(slot: Slot, context: Context) -> tuple[tuple[str, T], ...] | None:
        node = reader.mapping(slot, context.sink)
        if node is None:
            return None
        found = ((str(entry.key), read(entry, context)) for entry in slots(node))
        return tuple((key, value) for key, value in found if value is not None)

    return read_pairs


# --------------------------------------------------------------------------------------------------------------- lists


def list_of(read: Read[T], least: int = 0) -> Callable[[Slot, Context], tuple[T, ...] | None]:
    """A list, each item through a function; items with a fault are left out. One value without a list is an error."""

    def read_list(slot: Slot, context: Context) -> tuple[T, ...] | None:
        node = slot.value
        if not isinstance(node, Sequence) or slot.tag is not None:
            _no_list(slot, context)
            return None
        if len(node.items) < least:
            context.sink.report(codes.EMPTY_VALUE, f'"{slot.key}" is an empty list', slot.key_span)
            return None
        document = node.document
        found = [read(Slot(node, at, given, document), context) for at, given in enumerate(node.items)]
        return tuple([item for item in found if item is not None])

    return read_list


def _no_list(slot: Slot, context: Context) -> None:
    value, at = slot.value, slot.span_here
    if isinstance(value, str) and slot.tag is None and not reader.is_null(value) and "\n" not in at.text:
        raw = (
            at.text if isinstance(value, Quoted) or not set(at.text) & _FLOW else "'" + at.text.replace("'", "''") + "'"
        )
        fix = Fix("write a list", Edit(at, f"[{raw}]"))
        message = f'"{slot.key}" takes a list, not {reader.kind_of(value)}'
        context.sink.report(codes.WRONG_TYPE, message, at, fix=fix, help=f"write [{raw}]")
        return
    if slot.tag is not None or not isinstance(value, Sequence):
        reader.sequence(slot, context.sink)


# ------------------------------------------------------------------------------------------------------------- scalars


def plain(slot: Slot, context: Context) -> str | None:
    """Text as it is written, where no hole can stand."""
    value = reader.text(slot, context.sink)
    if value is not None and "{{" in value:
        from compiler.text import first_hole

        found = first_hole(value)
        if found is not None:
            message = f'a hole can\'t stand here: "{found}"'
            context.sink.report(codes.BAD_HOLE, message, slot.span_here)
            return None
    return value


def filled(slot: Slot, context: Context) -> str | None:
    """Plain text that is not empty."""
    value = plain(slot, context)
    if value is not None and not value.strip():
        context.sink.report(codes.EMPTY_VALUE, f'"{slot.key}" is empty', slot.span_here)
        return None
    return value


def holed(slot: Slot, context: Context) -> Text | None:
    """Text with holes."""
    value = reader.text(slot, context.sink)
    if value is None:
        return None
    if "{{" not in value:
        return (value,) if value else ()
    from compiler import text

    try:
        return text.parse(value)
    except text.HoleError as error:
        at = within(slot, error.offset, error.length)
        fix = Fix(f"write {error.suggestion}", Edit(at, error.suggestion)) if error.suggestion else None
        sink = context.sink
        sink.report(codes.BAD_HOLE, str(error), at, suggestion=error.suggestion, help=error.help, fix=fix)
        return None


def said(slot: Slot, context: Context) -> Text | None:
    """Text with holes that is not empty."""
    value = holed(slot, context)
    if value is not None and not any(not isinstance(piece, str) or piece.strip() for piece in value):
        context.sink.report(codes.EMPTY_VALUE, f'"{slot.key}" is empty', slot.span_here)
        return None
    return value


def shell(slot: Slot, context: Context) -> Text | None:
    """Shell text: its holes stand where a shell expands a variable."""
    value = said(slot, context)
    if value is None or len(value) < 2:  # a hole alone, or none
        return value
    from compiler.text import shell_faults

    for fault in shell_faults(str(slot.value)):
        at = within(slot, fault.offset, fault.length)
        fix = Fix(fault.help, Edit(at, fault.fix)) if fault.fix else None
        context.sink.report(codes.QUOTED_HOLE, fault.why, at, help=fault.help, fix=fix)
    return value


def boolean(slot: Slot, context: Context) -> bool | None:
    return reader.boolean(slot, context.sink)


def integer(minimum: int | None = None, maximum: int | None = None) -> Read[int]:
    def read_integer(slot: Slot, context: Context) -> int | None:
        return reader.integer(slot, context.sink, minimum, maximum)

    return read_integer


def choice(*values: str) -> Read[Any]:
    def read_choice(slot: Slot, context: Context) -> str | None:
        return reader.choice(slot, context.sink, values)

    return read_choice


def shaped(pattern: str, example: str) -> Read[str]:
    """Text that matches a regular expression as a whole; messages show the example."""
    return matching(plain, pattern, f"a value such as {example}")


port = integer(1, 65535)
platform = shaped(r"[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?", "linux/arm64")


def quantity(slot: Slot, context: Context) -> int | None:
    """Nano units."""
    return _parsed(slot, context, _quantity, codes.BAD_QUANTITY)


def _quantity(text: str) -> int:
    from compiler.quantity import parse

    return parse(text)


def duration(slot: Slot, context: Context) -> int | None:
    """Seconds, one at least."""
    seconds = _parsed(slot, context, _duration, codes.BAD_DURATION)
    if seconds == 0:
        context.sink.report(codes.BAD_DURATION, f'"{slot.key}" takes one second or more', slot.span_here)
        return None
    return seconds


def _duration(text: str) -> int:
    from compiler.duration import parse

    return parse(text)


def objective(slot: Slot, context: Context) -> Objective | None:
    from compiler.objective import parse

    found = _parsed(slot, context, parse, codes.BAD_OBJECTIVE)
    return None if found is None else found.replace(origin=slot)


def condition(slot: Slot, context: Context) -> Condition | None:
    """A condition; the globs of `changed` from the repository's root."""
    from compiler import condition as conditions
    from compiler.paths import PathError, from_root

    found = _parsed(slot, context, conditions.parse, codes.BAD_CONDITION)
    if found is None:
        return None
    try:
        found = conditions.map_globs(found, lambda glob: from_root(glob, context.folder))
    except PathError as error:
        context.sink.report(codes.BAD_PATH, str(error), slot.span_here, help=error.help)
        return None
    return found.replace(origin=slot)


def _parsed(slot: Slot, context: Context, parse: Callable[[str], T], code: Code) -> T | None:
    """Text through a small language, its fault at the character where it can be found."""
    value = reader.text(slot, context.sink)
    if value is None:
        return None
    known: T | None = context.parsed.get((code, value))
    if known is not None:
        return known
    try:
        found = context.parsed[code, value] = parse(value)
        return found
    except ValueError as error:
        report_parse(error, slot, context.sink, code)
        return None


# ------------------------------------------------------------------------------------------------------------ variables


def env(slot: Slot, context: Context) -> tuple[EnvVar, ...] | None:
    """Variables; a credential among them is reported."""
    found = variables(slot, context)
    for variable in found or ():
        check_credential(variable, context.sink)
    return found


def variables(slot: Slot, context: Context) -> tuple[EnvVar, ...] | None:
    """Variables by name."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found: list[EnvVar] = []
    for entry in slots(node):
        good = check_variable(str(entry.key), entry, context)
        value = holed(entry, context)
        if value is not None and good:
            found.append(EnvVar(name=str(entry.key), value=value, origin=entry))
    return tuple(found)


# ---------------------------------------------------------------------------------------------------------- plain data

DEEPEST = 100  # levels
LARGEST = 2**53 - 1  # an integer that the writer takes


def data(slot: Slot, context: Context) -> Any:
    """A tree as plain data by YAML 1.2's core schema; None for null, and for what is refused."""
    return _data(slot, context, 0)


def _data(slot: Slot, context: Context, depth: int) -> Any:
    value = slot.value
    if slot.tag is not None:
        context.sink.report(codes.UNKNOWN_TAG, f'"{slot.tag}" means nothing here', slot.span_here)
        return None
    if isinstance(value, str):
        found = scalar(value)
        if type(found) is int and abs(found) > LARGEST:
            message = f"{found} is an integer that some readers of YAML round"
            context.sink.report(codes.OUT_OF_RANGE, message, slot.span_here, help="put it in quotes")
            return None
        return found
    if depth >= DEEPEST:
        context.sink.report(codes.TOO_DEEP, f"nested deeper than {DEEPEST} levels", slot.span_here)
        return None
    if isinstance(value, Mapping):
        return {str(entry.key): _data(entry, context, depth + 1) for entry in slots(value)}
    return [_data(item, context, depth + 1) for item in items(value)]


def scalar(value: str) -> Any:
    """A scalar as YAML 1.2's core schema types it; infinities and what is no number stay text."""
    if isinstance(value, Quoted):
        return str(value)
    if value in reader.NULLS:
        return None
    if value in reader.TRUE or value in reader.FALSE:
        return value in reader.TRUE
    whole = reader.integer_of(value)
    if whole is not None:
        return whole
    number = reader.number_of(value)
    return value if number is None else number
