"""Documents against their JSON Schema, on located nodes: the schema that is published is the one that reads.

What differs from a plain validator is what MLSpec asks: a key that is not known is a warning (M32), a key in a known
misspelling is taken (M18), and where a list and a mapping are both taken, one document should keep to one (M11).
"""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.diagnostics import Edit, Fix, Label, Sink, listed, suggest
from compiler.frontends.mlspec import codes
from compiler.source import Span
from compiler.yamltree import Mapping, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Schema: TypeAlias = "dict[str, Any]"

_SCALARS = frozenset(("string", "number", "integer", "boolean"))
_WORDS = {
    "string": "text",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}
_schema: Schema = {}


def definitions() -> Schema:
    """The definitions of the published schema, by kind of document."""
    if not _schema:
        import json
        import os

        import schemas

        path = os.path.join(os.path.dirname(os.path.abspath(schemas.__file__)), "mlspec.json")
        with open(path, encoding="utf-8") as file:
            _schema.update(json.load(file)["$defs"])
    return _schema


def check(slot: Slot, kind: str, sink: Sink) -> None:
    """Report where a document differs from the definition of its kind."""
    checker = _Checker(sink)
    checker.check(slot, definitions()[kind])
    checker.report_forms()


class _Checker:
    """Checks one document, and remembers which keys came in which form."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.single: list[Slot] = []  # mappings where a list of such is usual
        self.forms: dict[str, dict[type, Slot]] = {}  # by key: the first mapping and the first list

    def check(self, slot: Slot, schema: Schema) -> None:
        """One value. Recursion follows the schema, whose depth is its own."""
        schema = _resolved(schema)
        if slot.tag is not None:
            return  # reported for the whole document
        if "x-forms" in schema:
            self._note_form(slot, schema["x-forms"])
        chosen = _alternative(slot.value, schema)
        if chosen is None:
            words = listed(dict.fromkeys(_words(schema))).replace('"', "")
            reader.wrong_type(slot, self.sink, words)
        elif isinstance(slot.value, Mapping):
            self._mapping(slot, slot.value, chosen)
        elif isinstance(slot.value, Sequence):
            for item in items(slot.value):
                self.check(item, chosen.get("items", {}))
        else:
            self._scalar(slot, slot.value, chosen)

    def _note_form(self, slot: Slot, forms: str) -> None:
        if isinstance(slot.value, str):
            return
        if forms == "list" and isinstance(slot.value, Mapping):
            self.single.append(slot)
        elif forms == "either":
            self.forms.setdefault(str(slot.key), {}).setdefault(type(slot.value), slot)

    def report_forms(self) -> None:
        """M11: one finding for what is a single mapping, and one a key that comes in both forms."""
        if self.single:
            first, *others = self.single
            names = listed((str(slot.key) for slot in self.single), "and")
            more = tuple(Label(slot.key_span, "here too") for slot in others)
            message = f"{names} {'hold' if others else 'holds'} one mapping where a list of them is usual"
            self.sink.report(codes.MIXED_FORMS, message, first.key_span, labels=more)
        for key, found in self.forms.items():
            if len(found) > 1:
                one, other = found[Sequence], found[Mapping]
                first, second = (one, other) if one.key_span.start < other.key_span.start else (other, one)
                labels = (Label(first.key_span, f"{reader.kind_of(first.value)} here"),)
                message = f'"{key}" is {reader.kind_of(second.value)} here and {reader.kind_of(first.value)} before'
                self.sink.report(codes.MIXED_FORMS, message, second.key_span, labels=labels)

    def _mapping(self, slot: Slot, node: Mapping, schema: Schema) -> None:
        known: Schema = schema.get("properties", {})
        more = schema.get("additionalProperties")
        required = schema.get("required", ())
        for entry in slots(node):
            key = str(entry.key)
            inner = known.get(key)
            if inner is None:
                if more is None:
                    self._unknown(key, node, known)
                elif more is not True and not reader.is_null(entry.value):
                    self.check(entry, more)
                continue
            if "x-instead" in inner:
                self._misspelt(key, inner["x-instead"], node)
            if key in required or not reader.is_null(entry.value):
                self.check(entry, inner)
        for key in required:
            if key not in node.entries and not node.broken:
                self.sink.report(core.MISSING_KEY, f'{_called(slot)} needs "{key}"', node)

    def _unknown(self, key: str, node: Mapping, known: Schema) -> None:
        taken = [name for name, inner in known.items() if "x-instead" not in inner and name not in node.entries]
        near = suggest(key, taken)
        at = node.key_span(key)
        fix = Fix(f'write "{near}"', Edit(at, near)) if near else None
        notes = () if near else (f"here it has {', '.join(sorted(taken)[:12])}",) if taken else ()
        self.sink.report(
            codes.UNKNOWN_KEY, f'"{key}" is no key of MLSpec here', at, suggestion=near, fix=fix, notes=notes
        )

    def _misspelt(self, key: str, real: str, node: Mapping) -> None:
        at = node.key_span(key)
        if real in node.entries:
            message = f'"{key}" stands beside "{real}", which is the same'
            self.sink.report(core.KEYS_EXCLUDE, message, at, labels=(Label(node.key_span(real), "here"),))
            return
        fix = Fix(f'write "{real}"', Edit(at, real))
        message = f'"{key}" is taken for "{real}"'
        self.sink.report(codes.MISSPELT_KEY, message, at, fix=fix, help=f'write "{real}"')

    def _scalar(self, slot: Slot, value: str, schema: Schema) -> None:
        if reader.is_null(value):
            reader.wrong_type(slot, self.sink, " or ".join(dict.fromkeys(_words(schema))))
            return
        if "minLength" in schema and not value.strip():
            self.sink.report(core.EMPTY_VALUE, f'"{slot.key}" is empty', slot.span_here)
        elif "enum" in schema and value not in schema["enum"]:
            self._not_listed(slot, value, [word for word in schema["enum"] if word])
        elif "minimum" in schema:
            whole = reader.integer_of(value)
            if whole is None or whole < schema["minimum"] or whole > schema.get("maximum", whole):
                bounds = f"from {schema['minimum']}" + (f" to {schema['maximum']}" if "maximum" in schema else "")
                message = f'"{slot.key}" takes an integer {bounds}, not {reader.shown(value)}'
                self.sink.report(codes.FIELD_VALUE, message, slot.span_here)
        elif "maxLength" in schema and len(value) > schema["maxLength"]:
            message = f'"{slot.key}" has {len(value)} characters, {schema["maxLength"]} at most'
            self.sink.report(codes.OBJECT_FIELD, message, _start(slot))
        elif "pattern" in schema:
            self._shaped(slot, value, schema)

    def _shaped(self, slot: Slot, value: str, schema: Schema) -> None:
        from re import search

        if search(schema["pattern"], value):
            return
        if "description" in schema:  # a status
            words = ("active", "deprecated", "archived")
            near = suggest(value, words)
            fix = Fix(f'write "{near}"', Edit(slot.span_here, near)) if near else None
            message = f'"{slot.key}" takes {listed(words)}, not {reader.shown(value)}'
            self.sink.report(codes.OBJECT_FIELD, message, slot.span_here, suggestion=near, fix=fix)
        else:
            reader.wrong_type(slot, self.sink, "a number")

    def _not_listed(self, slot: Slot, value: str, words: list[str]) -> None:
        near = suggest(value, words)
        fix = Fix(f'write "{near}"', Edit(slot.span_here, near)) if near else None
        of = f'"{slot.key}"' if isinstance(slot.key, str) else f'"{slot.container.key if slot.container else ""}"'
        message = f"{of} takes {listed(words)}, not {reader.shown(value)}"
        self.sink.report(codes.FIELD_VALUE, message, slot.span_here, suggestion=near, fix=fix)


def _resolved(schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = definitions()[schema["$ref"].rpartition("/")[2]]
    return schema


def _alternative(value: object, schema: Schema) -> Schema | None:
    """The part of a schema that is for values of this kind; None where there is none."""
    for inner in schema.get("anyOf", ()):
        found = _alternative(value, _resolved(inner))
        if found is not None:
            return found
    if "anyOf" in schema:
        return None
    kinds = _kinds(schema)
    if not kinds:
        return schema
    if isinstance(value, Mapping):
        return schema if "object" in kinds else None
    if isinstance(value, Sequence):
        return schema if "array" in kinds else None
    return schema if _is_scalar(str(value), kinds, isinstance(value, str) and type(value) is not str) else None


def _is_scalar(value: str, kinds: frozenset[str], quoted: bool) -> bool:
    if not kinds & _SCALARS:
        return False
    if "string" in kinds or (reader.is_null(value) and not quoted):
        return True
    if quoted:
        return False
    whole = reader.integer_of(value) is not None
    return (
        ("boolean" in kinds and value in reader.TRUE | reader.FALSE)
        or ("integer" in kinds and whole)
        or ("number" in kinds and (whole or reader.number_of(value) is not None))
    )


def _kinds(schema: Schema) -> frozenset[str]:
    kinds = schema.get("type", ())
    return frozenset([kinds] if isinstance(kinds, str) else kinds)


def _words(schema: Schema) -> list[str]:
    """What a schema takes, in words."""
    found = [word for inner in schema.get("anyOf", ()) for word in _words(_resolved(inner))]
    kinds = _kinds(schema)
    return found + [
        _WORDS[kind] for kind in _WORDS if kind in kinds and not (kind != "string" and _is_text(kind, kinds))
    ]


def _is_text(kind: str, kinds: frozenset[str]) -> bool:
    return kind in _SCALARS and "string" in kinds


def _called(slot: Slot) -> str:
    path = slot.path
    return f'"{path}"' if path else "the document"


def _start(slot: Slot) -> Span:
    """The first line of a value that may be long."""
    at = slot.span_here
    end = at.source.text.find("\n", at.start)
    return Span(at.source, at.start, min(at.end, end) if end >= 0 else at.end)
