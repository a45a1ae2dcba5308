"""Where text comes from, and how a place in it is named.

Offsets count code points from 0. Lines and columns are what people see: they start at 1 and are worked out only when a
diagnostic or a comment needs them, so that a large manifest does not pay for places that nobody asks for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # typing costs a tenth of a cold start; a protocol needs no class at run time


class Pos:
    """A line and a column, both from 1, the column in code points."""

    __slots__ = ("column", "line")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column

    def __repr__(self) -> str:
        return f"{self.line}:{self.column}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pos) and (self.line, self.column) == (other.line, other.column)

    def __hash__(self) -> int:
        return hash((self.line, self.column))


class Source:
    """One file's text under the name that diagnostics show for it."""

    __slots__ = ("_asked", "_line_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._asked = 0  # characters that were looked through for a few places
        self._line_starts: list[int] | None = None

    def __repr__(self) -> str:
        return f"Source({self.name!r}, {len(self.text)} characters)"

    def _starts(self) -> list[int]:
        if self._line_starts is None:
            text = self.text
            if "\r" in text:  # alone it breaks a line, too: https://yaml.org/spec/1.2.2/#54-line-break-characters
                text = text.replace("\r\n", " \n").replace("\r", "\n")
            starts = [0]
            find = text.find
            at = find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = find("\n", at + 1)
            self._line_starts = starts
        return self._line_starts

    def pos(self, offset: int) -> Pos:
        """The line and column of an offset; an offset past the end is the end."""
        offset = min(max(offset, 0), len(self.text))
        if self._line_starts is None and self._asked + offset < len(self.text) and "\r" not in self.text:
            self._asked += offset  # one look at all of the text finds every line
            return Pos(self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset))
        from bisect import bisect_right

        starts = self._starts()
        line = bisect_right(starts, offset)
        return Pos(line, offset - starts[line - 1] + 1)

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column (both from 1), held inside the text."""
        starts = self._starts()
        line = min(max(line, 1), len(starts))
        return min(starts[line - 1] + max(column, 1) - 1, len(self.text))

    def line(self, number: int) -> str:
        """The text of a line (from 1) without its line break; empty past the end."""
        starts = self._starts()
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def whole(self) -> Span:
        """The span that stands for the file itself: its first character."""
        return Span(self, 0, 0)


class Span:
    """A piece of a source: `start` and `end` are offsets, the end exclusive."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = max(start, end)

    def __repr__(self) -> str:
        return f"{self.source.name}:{self.begin}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> tuple[str, int, int]:
        """What orders spans: file, then place."""
        return (self.source.name, self.start, self.end)

    @property
    def begin(self) -> Pos:
        return self.source.pos(self.start)

    @property
    def finish(self) -> Pos:
        return self.source.pos(self.end)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]


class Origin(Protocol):
    """Where an IR node was written. A manifest's tree node is one, so that no span is computed before it is needed."""

    @property
    def path(self) -> str:
        """The place in the manifest's own words: `jobs.train`."""

    def span(self, field: str | None = None) -> Span:
        """The span of the node (for an entry of a mapping its key), or of one of its fields when it has it.

        `jobs[lint]` is the item `lint` of the field `jobs`, where that is a list with such an item or a mapping with
        such a key; `include[0]` is a list's first item, whatever it is.
        """


def item_of(field: str) -> tuple[str, str | None]:
    """The field's name and the item that is meant: `("jobs", "lint")` for `jobs[lint]`."""
    name, bracket, item = field.partition("[")
    return (name, item[:-1]) if bracket else (field, None)


class At:
    """An origin with a fixed span, for nodes that come from something other than a manifest's tree."""

    __slots__ = ("_fields", "_span", "path")

    def __init__(self, path: str, span: Span, fields: dict[str, Span] | None = None) -> None:
        self.path = path
        self._span = span
        self._fields = fields or {}

    def span(self, field: str | None = None) -> Span:
        return self._span if field is None else self._fields.get(item_of(field)[0], self._span)
