"""Typed reads from a manifest's tree, for every front end that reads YAML.

Reading never raises for bad input: a fault is reported at its place and the read gives None (or leaves the item out),
so that all faults of a manifest come out in one go.
"""

from __future__ import annotations

from compiler import codes
from compiler.diagnostics import Code, Edit, Fix, Sink, listed
from compiler.source import Span
from compiler.yamltree import Mapping, Quoted, Sequence, Slot, items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    T = TypeVar("T")

NULLS = frozenset(("", "~", "null", "Null", "NULL"))
TRUE = frozenset(("true", "True", "TRUE"))
FALSE = frozenset(("false", "False", "FALSE"))


def is_null(value: object) -> bool:
    """A plain scalar that YAML 1.2 reads as null."""
    return type(value) is str and value in NULLS


def kind_of(value: object) -> str:
    """What people call a value: `a mapping`, `a list`, `a number`, `text` …"""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    text = str(value)
    if isinstance(value, Quoted):
        return "text"
    if text in NULLS:
        return "nothing"
    if text in TRUE or text in FALSE:
        return "a Boolean"
    if integer_of(text) is not None:
        return "an integer"
    return "a number" if number_of(text) is not None else "text"


def integer_of(text: str) -> int | None:
    """A plain scalar as a YAML 1.2 core integer."""
    digits = text[1:] if text[:1] in ("-", "+") else text
    if digits.isascii() and digits.isdigit():
        return int(text) if len(digits) <= 100 else None
    for prefix, base in (("0o", 8), ("0x", 16)):
        if text.startswith(prefix) and 2 < len(text) <= 100 and text[2:].isalnum() and text.isascii():
            try:
                return int(text[2:], base)
            except ValueError:
                return None
    return None


def number_of(text: str) -> float | None:
    """A plain scalar as a YAML 1.2 core number (`.inf` and `.nan` are not numbers here)."""
    if not text or not text.isascii() or text.strip("+-.0123456789eE") or not any(c.isdigit() for c in text):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) != float("inf") else None


def shown(value: object) -> str:
    """A value as a message quotes it."""
    if isinstance(value, str) and not is_null(value):
        line = value if len(value) <= 60 else value[:57] + "..."
        return '"' + line.replace("\n", "\\n") + '"'
    return kind_of(value)


def unknown_key(key: str, node: Mapping, known: Iterable[str], sink: Sink, what: str) -> None:
    """Report a key that does not exist, with the nearest one that does."""
    known = list(dict.fromkeys(known))
    near = sink.nearest(key, (name for name in known if name not in node.entries))
    at = node.key_span(key)
    fix = Fix(f'write "{near}"', Edit(at, near)) if near else None
    notes = () if near else (f"{what} takes {', '.join(sorted(known))}",)
    advice = "merge keys are not part of YAML 1.2: write the keys out, or use a template" if key == "<<" else None
    sink.report(codes.UNKNOWN_KEY, f'{what} has no key "{key}"', at, suggestion=near, fix=fix, notes=notes, help=advice)


def wrong_type(slot: Slot, sink: Sink, wanted: str, help: str | None = None) -> None:
    """Report a value of another type than wanted (`text`, `a list of texts`)."""
    if isinstance(slot.value, Mapping) and slot.value.broken:
        return
    name = f'"{slot.key}"' if isinstance(slot.key, str) and slot.key else "this"
    if is_null(slot.value):
        sink.report(codes.EMPTY_VALUE, f"{name} has nothing behind it, it takes {wanted}", slot.key_span, help=help)
        return
    sink.report(codes.WRONG_TYPE, f"{name} takes {wanted}, not {kind_of(slot.value)}", slot, help=help)


def _tagged(slot: Slot, sink: Sink) -> bool:
    """Report a tag where none means anything."""
    if slot.tag is None:
        return False
    sink.report(codes.UNKNOWN_TAG, f'"{slot.tag}" means nothing here', slot.span_here)
    return True


def text(slot: Slot, sink: Sink) -> str | None:
    """A scalar exactly as it is written: `3.10` stays "3.10"."""
    value = slot.value
    if isinstance(value, str) and slot.tag is None and (value not in NULLS or type(value) is not str):
        return str(value)
    if not _tagged(slot, sink):
        wrong_type(slot, sink, "text", "write '' for an empty text" if is_null(value) else None)
    return None


def integer(slot: Slot, sink: Sink, minimum: int | None = None, maximum: int | None = None) -> int | None:
    value = slot.value
    found = integer_of(value) if type(value) is str and slot.tag is None else None
    if found is None:
        if not _tagged(slot, sink):
            wrong_type(slot, sink, "an integer")
        return None
    if (minimum is not None and found < minimum) or (maximum is not None and found > maximum):
        bounds = f"from {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        sink.report(codes.OUT_OF_RANGE, f'"{slot.key}" takes an integer {bounds}, not {found}', slot)
        return None
    return found


def boolean(slot: Slot, sink: Sink) -> bool | None:
    value = slot.value
    if type(value) is str and slot.tag is None:
        if value in TRUE:
            return True
        if value in FALSE:
            return False
    if not _tagged(slot, sink):
        wrong_type(slot, sink, "true or false")
    return None


def choice(slot: Slot, sink: Sink, values: Iterable[str]) -> str | None:
    found = text(slot, sink)
    if found is None:
        return None
    values = list(values)
    if found in values:
        return found
    near = sink.nearest(found, values)
    fix = Fix(f'write "{near}"', Edit(slot.span_here, near)) if near else None
    sink.report(
        codes.WRONG_VALUE, f'"{slot.key}" takes {listed(values)}, not {shown(found)}', slot, suggestion=near, fix=fix
    )
    return None


def mapping(slot: Slot, sink: Sink) -> Mapping | None:
    if isinstance(slot.value, Mapping) and slot.tag is None:
        return slot.value
    if not _tagged(slot, sink):
        wrong_type(slot, sink, "a mapping")
    return None


def sequence(slot: Slot, sink: Sink) -> Sequence | None:
    if isinstance(slot.value, Sequence) and slot.tag is None:
        return slot.value
    if not _tagged(slot, sink):
        wrong_type(slot, sink, "a list")
    return None


def each(slot: Slot, sink: Sink, read: Callable[[Slot, Sink], T | None]) -> tuple[T, ...]:
    """Every item of a list through a reading function; items with a fault are left out."""
    node = sequence(slot, sink)
    if node is None:
        return ()
    found = (read(item, sink) for item in items(node))
    return tuple(item for item in found if item is not None)


def parsed(slot: Slot, sink: Sink, parse: Callable[[str], T], code: Code) -> T | None:
    """Text through a parser that raises ValueError; the error may carry `offset`, `suggestion` and `help`."""
    value = text(slot, sink)
    if value is None:
        return None
    try:
        return parse(value)
    except ValueError as error:
        report_parse(error, slot, sink, code)
        return None


def report_parse(error: ValueError, slot: Slot, sink: Sink, code: Code) -> None:
    """Report what a small language's parser refused, at the character when it says which."""
    at = slot.span_here
    offset = getattr(error, "offset", None)
    whole = str(slot.value)
    length = 0 if offset is None else min(getattr(error, "length", 1), len(whole) - offset)
    place = at if offset is None else within(slot, offset, length)
    advice, near = getattr(error, "help", None), getattr(error, "suggestion", None)
    if code is codes.BAD_OBJECTIVE:
        advice, near = near, None  # an objective's is a sentence
    fix = Fix(f"write {near}", Edit(at, _quoted_alike(at.text, near))) if near and "\n" not in at.text else None
    sink.report(code, str(error), place, suggestion=near, help=advice, fix=fix)


def _quoted_alike(raw: str, text: str) -> str:
    """Text in the quotes of what it replaces."""
    if raw[:1] == '"':
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "'" + text.replace("'", "''") + "'" if raw[:1] == "'" else text


def within(slot: Slot, offset: int, length: int) -> Span:
    """The span of a piece of a scalar's value: found again in the source, however the scalar is written."""
    at, value = slot.span_here, str(slot.value)
    piece, raw = value[offset : offset + length], at.text
    if not piece or raw.count(piece) != value.count(piece):
        return at
    found = -1
    for _ in range(value.count(piece, 0, offset) + 1):
        found = raw.find(piece, found + 1)
    return Span(at.source, at.start + found, at.start + found + length) if found >= 0 else at
