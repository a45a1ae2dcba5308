"""YAML text -> located nodes, from libyaml's events.

Scalars are kept as text in their container: a plain scalar is a `str`, a quoted or block one a `Quoted`. All offsets
stand in one array a document, two for each event, and a container holds the ordinal of its first child, so that a
place costs nothing until somebody asks for it. Aliases keep their own place and point at what they repeat. Tags are
kept. `<<` is a key like any other (YAML 1.2 has no merge keys).
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from sys import intern

from compiler import codes
from compiler.diagnostics import Code, Edit, Fix, Label, Sink, suggest
from compiler.libyaml import (
    CParser,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)
from compiler.source import Source, Span, item_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol, TypeAlias

    from compiler.source import Origin

    class Cuts(Protocol):
        """Says where a place of a text with cuts is in the whole."""

        def span(self, start: int, end: int) -> tuple[int, int]: ...

    Value: TypeAlias = "str | Mapping | Sequence | Alias | Tagged"
    Container: TypeAlias = "Mapping | Sequence"

MAX_DEPTH = 100
MAX_COPIES = 200_000  # nodes that aliases may add to a document when they are followed
NODE_TEXT = 256  # characters of text that weigh as much as a node


class Quoted(str):
    """A scalar that was quoted or written as a block: always text, whatever it looks like."""

    __slots__ = ()


class Tagged:
    """A value with an explicit tag that says something (`!poetry`), the tag as written."""

    __slots__ = ("tag", "value")

    def __init__(self, tag: str, value: Value) -> None:
        self.tag = tag
        self.value = value


class Alias:
    """`*name`: stands for `value`, which is written elsewhere."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: Value) -> None:
        self.name = name
        self.value = value


class Document:
    """One YAML document: its root, where every event of it stands, and the tags in it with their ordinals."""

    __slots__ = ("cuts", "offsets", "paths", "root", "source", "tags")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.cuts: Cuts | None = None  # what was left out of the source before it was read
        self.offsets = array("I")
        self.root: Value | None = None
        self.tags: list[tuple[str, int]] = []
        self.paths: dict[int, str] = {}  # the way to a container, by its identity: its children are many

    def span_of(self, ordinal: int) -> Span:
        start, end = self.offsets[2 * ordinal], self.offsets[2 * ordinal + 1]
        return Span(self.source, *(self.cuts.span(start, end) if self.cuts is not None else (start, end)))


_NO_STRAYS: list[tuple[int, int]] = []  # shared by all mappings without one, never changed


class _Base:
    """What mappings and sequences share: a place in the tree and in the text."""

    __slots__ = ("after", "document", "first", "flow", "key", "parent")
    document: Document
    parent: Container | None
    key: str | int  # the key or index under which the parent holds it
    first: int  # ordinal of the first child; the container's own start event is the one before
    after: int  # ordinal behind its end event
    flow: bool

    @property
    def path(self) -> str:
        """`jobs.train.outputs[0]`; empty for the root."""
        parent = self.parent
        if parent is None:
            return ""
        above = self.document.paths.get(id(parent))
        if above is None:
            above = self.document.paths[id(parent)] = _steps(parent)
        return (above + step(self.key)).removeprefix(".")

    def own_span(self) -> Span:
        """From its first character to its last child's end."""
        return self.document.span_of(self.first - 1)


def _steps(node: Container) -> str:
    """The way from the root to a node, as it goes on to what is in it."""
    parts: list[str] = []
    at: Container | None = node
    while at is not None and at.parent is not None:
        parts.append(step(at.key))
        at = at.parent
    return "".join(reversed(parts))


def step(key: str | int) -> str:
    """One step of a path, `.key` or `[index]`; a key that holds a dot or a bracket is quoted."""
    if isinstance(key, int):
        return f"[{key}]"
    if key.replace("-", "_").isidentifier() or (key and not any(c in key for c in '.[]" ')):
        return f".{key}"
    return '["' + key.replace("\\", "\\\\").replace('"', '\\"') + '"]'


def _size(value: Value) -> int:
    """How many events a child takes."""
    if isinstance(value, (str, Alias)):
        return 1
    if isinstance(value, Tagged):
        return _size(value.value)
    return value.after - value.first + 1


class Mapping(_Base):
    """Keys in order. As an IR node's origin its span is that of the key it stands under."""

    __slots__ = ("_ordinals", "broken", "entries", "strays")

    def __init__(self, document: Document, parent: Container | None, key: str | int, first: int, flow: bool) -> None:
        self.document, self.parent, self.key = document, parent, key
        self.first = self.after = first
        self.flow = flow
        self.entries: dict[str, Value] = {}
        self._ordinals: dict[str, int] | None = None
        self.broken = False  # a key was refused: then nobody should complain about what is missing
        self.strays: list[tuple[int, int]] = _NO_STRAYS  # (entries before it, events) of what was refused and reported

    def __len__(self) -> int:
        return len(self.entries)

    def add_stray(self, events: int) -> None:
        if not self.strays:
            self.strays = []
        self.strays.append((len(self.entries), events))

    def _ordinal(self, key: str) -> int:
        """The ordinal of a key's event. All keys' are worked out at once: a large mapping is asked often or never."""
        if self.after == self.first:  # still being read
            return self._all_ordinals()[key]
        if self._ordinals is None:
            self._ordinals = self._all_ordinals()
        return self._ordinals[key]

    def _all_ordinals(self) -> dict[str, int]:
        found: dict[str, int] = {}
        at = self.first
        strays = iter(self.strays)
        stray = next(strays, None)
        for count, (name, value) in enumerate(self.entries.items()):
            while stray is not None and stray[0] == count:
                at += stray[1]
                stray = next(strays, None)
            found[name] = at
            at += 1 + _size(value)
        return found

    def key_span(self, key: str) -> Span:
        return self.document.span_of(self._ordinal(key))

    def value_span(self, key: str) -> Span:
        return self.document.span_of(self._ordinal(key) + 1)

    def field_span(self, field: str) -> Span | None:
        """A field's value, or an item of it (a mapping's key); None where there is no such field."""
        if field in self.entries:
            return self.value_span(field)
        name, item = item_of(field)
        if item is None or name not in self.entries:
            return None
        value = self.entries[name]
        if isinstance(value, Mapping) and item in value.entries:
            return value.key_span(item)
        if isinstance(value, Sequence):
            if item in value.items:
                return value.item_span(value.items.index(item))
            if item.isdecimal() and int(item) < len(value.items):
                return value.item_span(int(item))
        return self.value_span(name)

    def span(self, field: str | None = None) -> Span:
        """The key that it stands under (its first key for the root or an item of a list); a field's value."""
        found = self.field_span(field) if field is not None else None
        if found is not None:
            return found
        if isinstance(self.parent, Mapping) and isinstance(self.key, str):
            return self.parent.key_span(self.key)
        if self.flow or not self.entries:
            own = self.own_span()
            return Span(own.source, own.start, min(own.end, own.start + 1)) if not self.entries else own
        return self.key_span(next(iter(self.entries)))


class Sequence(_Base):
    """Items in order."""

    __slots__ = ("_ordinals", "items")

    def __init__(self, document: Document, parent: Container | None, key: str | int, first: int, flow: bool) -> None:
        self.document, self.parent, self.key = document, parent, key
        self.first = self.after = first
        self.flow = flow
        self.items: list[Value] = []
        self._ordinals: list[int] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def item_span(self, index: int) -> Span:
        """The place of an item. All items' are worked out at once, as a mapping's are; nobody asks while it is read."""
        if self._ordinals is None:
            self._ordinals = list(accumulate(map(_size, self.items), initial=self.first))
        return self.document.span_of(self._ordinals[index])

    def span(self, field: str | None = None) -> Span:  # noqa: ARG002 - the protocol's shape; a list has no fields
        if isinstance(self.parent, Mapping) and isinstance(self.key, str):
            return self.parent.key_span(self.key)
        return self.own_span()


class Slot:
    """A value together with the place that holds it. `key` is a key or an index; a document's root has neither."""

    __slots__ = ("container", "document", "key", "tag", "value")

    def __init__(self, container: Container | None, key: str | int, value: Value, document: Document) -> None:
        self.container = container
        self.key = key
        self.document = document
        self.tag: str | None = None
        if type(value) is Alias:
            value = value.value
        if type(value) is Tagged:
            self.tag, value = value.tag, value.value
        self.value: str | Mapping | Sequence = value  # type: ignore[assignment]  # a tag holds no tag or alias

    def at(self, key: str | int) -> Slot:
        """What stands under a key or an index of its value."""
        node = self.value
        given = node.entries[str(key)] if isinstance(node, Mapping) else node.items[int(key)]  # type: ignore[union-attr]
        return Slot(node, key, given, self.document)  # type: ignore[arg-type]  # text has nothing under it

    @property
    def span_here(self) -> Span:
        if isinstance(self.container, Mapping):
            return self.container.value_span(str(self.key))
        if isinstance(self.container, Sequence):
            return self.container.item_span(int(self.key))
        return self.value.own_span() if not isinstance(self.value, str) else self.document.span_of(0)

    def span(self, field: str | None = None) -> Span:
        """The value's own span; for a mapping with that field, the field's value."""
        found = self.value.field_span(field) if field is not None and isinstance(self.value, Mapping) else None
        if found is not None:
            return found
        span = self.span_here
        if not isinstance(self.value, str) and isinstance(self.container, Mapping) and not self.value.flow:
            return self.container.key_span(str(self.key))  # a block's own span would be many lines
        return span

    @property
    def key_span(self) -> Span:
        if isinstance(self.container, Mapping):
            return self.container.key_span(str(self.key))
        return self.span_here

    @property
    def path(self) -> str:
        above = self.container.path if self.container is not None else ""
        return (above + step(self.key)).removeprefix(".") if self.container is not None else ""


def slots(node: Mapping) -> Iterator[Slot]:
    """The entries of a mapping as slots, in order."""
    for key, value in node.entries.items():
        yield Slot(node, key, value, node.document)


def items(node: Sequence) -> Iterator[Slot]:
    """The items of a list as slots, in order."""
    for index, value in enumerate(node.items):
        yield Slot(node, index, value, node.document)


def origin(slot: Slot) -> Origin:
    """Where a thing is written: its node, or its slot where the node stands elsewhere (an alias) or is a scalar."""
    value = slot.value
    if not isinstance(value, str) and value.parent is slot.container and value.key == slot.key:
        return value
    return slot


def root_slot(document: Document) -> Slot:
    assert document.root is not None
    return Slot(None, "", document.root, document)


def parse(source: Source, sink: Sink) -> list[Document]:
    """Every document of a source. Faults are reported; what could be read is returned (nothing after a syntax error).

    The caller is expected to have switched the garbage collector off for large inputs (compiler.driver does).
    """
    if "\x00" in source.text:
        at = source.text.index("\x00")
        sink.report(codes.YAML_SYNTAX, "the file holds a NUL character", Span(source, at, at + 1))
        return []
    try:
        return _Builder(source, sink).build()
    except YAMLError as error:
        from compiler.yamlsyntax import report_syntax

        report_syntax(error, source, sink)
        return []
    except _RefusedError:
        return []


class _RefusedError(Exception):
    """The document was refused and the reason reported."""


class _Builder:
    """Reads one source's events. Iterative: `stack` holds what is open around the container that is being filled."""

    def __init__(self, source: Source, sink: Sink) -> None:
        self.source = source
        self.sink = sink
        self.anchors: dict[str, tuple[Value | None, int]] = {}  # value (None while open), nodes that a copy adds
        self.copies = 0

    def build(self) -> list[Document]:
        parser = CParser(self.source.text)
        documents: list[Document] = []
        while True:
            event = parser.get_event()
            if event is None or type(event) is StreamEndEvent:
                return documents
            if type(event) is DocumentStartEvent:
                document = Document(self.source)
                documents.append(document)
                self.anchors.clear()
                self._fill(parser.get_event, document)

    def _fill(self, get_event: Callable[[], Any], document: Document) -> None:
        append = document.offsets.append
        stack: list[tuple[Container | None, str | None, str | None, str | None]] = []
        node: Container | None = None
        entries: dict[str, Value] | None = None  # of `node` when it is a mapping
        key: str | None = None  # of the entry that waits for its value
        anchor: str | None = None
        tag: str | None = None
        quoted: dict[str, Quoted] = {}  # most texts of a large document stand in it again and again
        value: Value
        ordinal = 0
        while True:
            event = get_event()
            kind = type(event)
            append(event.start_mark.index)
            append(event.end_mark.index)
            ordinal += 1
            if kind is ScalarEvent:
                value = text = event.value
                if event.style:
                    known = quoted.get(text)
                    if known is None:
                        known = quoted[text] = Quoted(text)
                    value = text = known
                    if "\0" in text:  # an escape brings it in
                        self._report_nul(document.span_of(ordinal - 1))
                if event.anchor is not None or event.tag is not None:
                    value = self._decorated(event.tag, event.anchor, text, document, ordinal - 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if len(stack) >= MAX_DEPTH:
                    self._refuse(
                        codes.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels", document.span_of(ordinal - 1)
                    )
                stack.append((node, key, anchor, tag))
                under: str | int = len(node.items) if type(node) is Sequence else key or ""
                if kind is MappingStartEvent:
                    node = Mapping(document, node, under, ordinal, bool(event.flow_style))
                    entries = node.entries
                else:
                    node, entries = Sequence(document, node, under, ordinal, bool(event.flow_style)), None
                key, anchor, tag = None, event.anchor, event.tag
                if anchor is not None:
                    self.anchors[anchor] = (None, self.copies)
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                assert node is not None
                _close(document, node, ordinal)
                value = node
                if tag is not None and tag not in _OWN_TAGS[kind]:
                    value = self._tagged(tag, node, document, node.first - 1)
                if anchor is not None:
                    copied = self.copies - self.anchors[anchor][1]
                    weight = node.after - node.first + copied + _text_weight(document, node)
                    self.anchors[anchor] = (value, weight)
                node, key, anchor, tag = stack.pop()
                entries = node.entries if type(node) is Mapping else None
            elif kind is DocumentEndEvent:
                return
            else:
                value = self._alias(event.anchor, document.span_of(ordinal - 1))

            if entries is None:
                if node is None:
                    document.root = value
                else:
                    node.items.append(value)  # type: ignore[union-attr]  # no entries: a sequence
            elif key is None:
                if type(value) is str:
                    key = intern(value)  # a few keys come again and again
                elif type(value) is Quoted:
                    key = value
                else:
                    key = self._odd_key(node, value, document, ordinal)  # type: ignore[arg-type]  # entries: a mapping
            elif key not in entries and key is not _REFUSED:
                entries[key] = value
                key = None
            else:
                self._stray(node, key, value, document, ordinal)  # type: ignore[arg-type]
                key = None

    def _report_nul(self, at: Span) -> None:
        """An escape can bring a NUL in, which no variable, argument, path or name of a system holds."""
        self.sink.report(codes.YAML_SYNTAX, "this text holds a NUL character", at, help="leave the escape out")

    def _refuse(self, code: Code, message: str, at: Span) -> None:
        self.sink.report(code, message, at)
        raise _RefusedError

    def _decorated(self, tag: str | None, anchor: str | None, value: str, document: Document, ordinal: int) -> Value:
        made: Value = value
        if tag in _TEXT_TAGS:
            made = Quoted(value)
        elif tag is not None and not (tag in _PLAIN_TAGS and type(value) is str):
            made = self._tagged(tag, value, document, ordinal)
        if anchor is not None:
            self.anchors[anchor] = (made, 1 + len(value) // NODE_TEXT)
        return made

    def _tagged(self, tag: str, value: str | Container, document: Document, ordinal: int) -> Tagged:
        tag = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
        document.tags.append((tag, ordinal))
        return Tagged(tag, value)

    def _alias(self, name: str, at: Span) -> Value:
        value, weight = self.anchors.get(name, (None, -1))
        if value is None:
            if weight < 0:
                known = suggest(name, self.anchors)
                self._refuse_alias(codes.UNKNOWN_ALIAS, f'no anchor "&{name}" stands before this', at, known)
            self._refuse(codes.ALIAS_CYCLE, f'"*{name}" stands inside what it refers to', at)
        assert value is not None
        self.copies += weight
        if self.copies > MAX_COPIES:
            self._refuse(codes.ALIAS_BOMB, f"aliases add more than {MAX_COPIES:,} nodes to this document", at)
        return Alias(name, value)

    def _refuse_alias(self, code: Code, message: str, at: Span, known: str | None) -> None:
        self.sink.report(code, message, at, suggestion=known)
        raise _RefusedError

    def _odd_key(self, node: Mapping, value: Value, document: Document, ordinal: int) -> str:
        """A key that is no plain text: an alias of text is that text, anything else is reported."""
        if isinstance(value, Alias) and isinstance(value.value, str):
            return value.value
        if isinstance(value, Tagged) and isinstance(value.value, str):
            self.sink.report(codes.COMPLEX_KEY, f'a key takes no tag: "{value.tag}"', document.span_of(ordinal - 1))
            return value.value
        inner = value.value if isinstance(value, (Alias, Tagged)) else value
        if isinstance(inner, Mapping) and node.flow and not node.entries and _is_hole(inner):
            at = Span(self.source, document.offsets[2 * (node.first - 1)], 0)
            end = self.source.text.find("}}", inner.own_span().start)
            at.end = end + 2 if end >= 0 else inner.own_span().end
            self.sink.report(
                codes.UNQUOTED_HOLE,
                f'"{at.text}" without quotes is a mapping in YAML',
                at,
                help="put the text in quotes",
                fix=Fix("put the text in quotes", Edit(at, f'"{at.text}"')),
            )
        else:
            at = inner.own_span() if isinstance(inner, (Mapping, Sequence)) else document.span_of(ordinal - 1)
            self.sink.report(codes.COMPLEX_KEY, "a key must be text", at)
        node.broken = True
        node.add_stray(_size(value))
        return _REFUSED

    def _stray(self, node: Mapping, key: str, value: Value, document: Document, ordinal: int) -> None:
        """The value of a key that was refused, or of one that stands there already."""
        if key is _REFUSED:
            node.add_stray(_size(value))
            return
        at = document.span_of(ordinal - _size(value) - 1)
        first = Label(node.key_span(key), "first here")
        fix = None
        if node.entries[key] == value and isinstance(value, str):
            whole_line = Span(
                self.source, self.source.offset(at.begin.line, 1), self.source.offset(at.begin.line + 1, 1)
            )
            in_one_line = "\n" not in document.span_of(ordinal - 1).text
            if not node.flow and in_one_line and whole_line.text.strip().startswith(at.text):
                fix = Fix(f'remove the second "{key}"', Edit(whole_line, ""))
        self.sink.report(codes.DUPLICATE_KEY, f'"{key}" stands twice in one mapping', at, labels=(first,), fix=fix)
        node.add_stray(1 + _size(value))


_REFUSED = Quoted("a key that was refused")
# Tags that say what YAML's core schema says anyway: https://yaml.org/spec/1.2.2/#103-core-schema
_CORE = "tag:yaml.org,2002:"
_OWN_TAGS = {MappingEndEvent: ("!", _CORE + "map"), SequenceEndEvent: ("!", _CORE + "seq")}
_TEXT_TAGS = frozenset(("!", _CORE + "str"))
_PLAIN_TAGS = frozenset(_CORE + kind for kind in ("null", "bool", "int", "float"))


def _is_hole(inner: Mapping) -> bool:
    """`{x: }` inside a flow mapping: what YAML makes of an unquoted `{{ x }}`."""
    return inner.flow and len(inner.entries) == 1 and next(iter(inner.entries.values())) == ""


def _close(document: Document, node: Container, ordinal: int) -> None:
    """Set where a container ends: for a block, libyaml says where the next token starts, which may be lines below."""
    node.after = ordinal
    offsets = document.offsets
    if not node.flow and ordinal - node.first > 1:
        offsets[2 * ordinal - 1] = offsets[2 * ordinal - 3]
    offsets[2 * node.first - 1] = offsets[2 * ordinal - 1]


def _text_weight(document: Document, node: Container) -> int:
    """What the text of a container weighs when an alias repeats it: few nodes can hold much."""
    return (document.offsets[2 * node.after - 1] - document.offsets[2 * (node.first - 1)]) // NODE_TEXT
