"""The one indentation fault of MLSpec's examples: the keys of one mapping stand in different columns.

     -  name: files
           feature_file: a.csv        YAML reads this line as a part of the text above, up to its colon

Lines that stand deeper than the key before them, which has a value already, are moved to its column. Where the first key
of a list item stands deeper than the others, it is moved to theirs.
"""

from __future__ import annotations

from compiler import codes as core
from compiler.diagnostics import Edit, Fix, Sink
from compiler.frontends.mlspec import codes
from compiler.pattern import Pattern
from compiler.source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic

MOST_FAULTS = 100
# A line that is a key with what stands behind it; in front of it may stand a list item's dash. A key of several words
# is more likely a text that goes on.
_KEY_LINE = Pattern(r"( *)(-( +))?([A-Za-z0-9_.$-]+|'[^']+'|\"[^\"]+\"|&[^ ]+ +[A-Za-z0-9_.$-]+) *:( .*)?$")
_OPENS = frozenset("|>[{&*!")  # a value that begins so ends elsewhere, or stands for a mapping


class Fault:
    """Lines of one mapping that stand elsewhere than its other keys: the place of YAML's complaint, and the mending."""

    __slots__ = ("at", "blanks", "column", "is_first", "is_item")

    def __init__(self, at: Span, column: int, blanks: list[Span], is_item: bool, is_first: bool) -> None:
        self.at = at
        self.column = column  # from 1: where the keys are to stand
        self.blanks = blanks  # what is taken out
        self.is_item = is_item
        self.is_first = is_first  # the first key is the one that moves

    @property
    def message(self) -> str:
        if self.is_first:
            return "this key does not stand in the column of the first key of its list item"
        before = "first key of its list item" if self.is_item else "key before it"
        return f"this key stands deeper than the {before}: mapping values are not allowed here"


class _KeyLine:
    """A line that holds a key."""

    __slots__ = ("column", "dash", "value")

    def __init__(self, column: int, dash: int | None, value: str) -> None:
        self.column = column  # from 0
        self.dash = dash  # the column of the list item's dash
        self.value = value


def report(source: Source, found: list[Diagnostic], sink: Sink) -> None:
    """Report why a file is not YAML: the indentation faults with their fixes, and what libyaml says beside them."""
    mended = _Mended(source)
    faults, rest = mended.faults(found)
    for fault in faults:
        edits = (Edit(span, "") for span in fault.blanks)
        advice = f"dedent to column {fault.column}"
        sink.report(codes.INDENTATION, fault.message, fault.at, help=advice, fix=Fix(advice, *edits))
    for one in rest:
        span = mended.original(one.span) if faults and one.span is not None else one.span
        sink.report(
            one.code, one.message, span, severity=one.severity, labels=() if faults else one.labels, help=one.help,
            notes=one.notes, suggestion=one.suggestion, fix=None if faults else one.fix,
        )  # fmt: skip


class _Mended:
    """A file's lines, as they are with the faults mended that were found so far."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines = source.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.taken: dict[int, list[tuple[int, int]]] = {}  # by line, from 1: column from 0 and number of blanks

    def faults(self, found: list[Diagnostic]) -> tuple[list[Fault], list[Diagnostic]]:
        """Every such fault, and what is wrong with the file beside them."""
        faults: list[Fault] = []
        while len(faults) < MOST_FAULTS:
            syntax = next((one for one in found if one.code is core.YAML_SYNTAX and one.span is not None), None)
            if syntax is None or syntax.span is None:
                break
            fault = self._fault(syntax.span, syntax.message)
            if fault is None:
                break
            blanks, before = fault
            at = self.original(syntax.span)
            spans = [self._take(*blank) for blank in blanks]
            now = _syntax_errors("\n".join(self.lines), self.source.name)
            line = syntax.span.begin.line
            if any(one.span is not None and one.span.begin.line <= line for one in now):
                self._give_back([line for line, _, _ in blanks])  # it did not help
                break
            is_first = blanks[0][1] < before.column
            column = blanks[0][1] + 1
            faults.append(Fault(at, column, spans, before.dash is not None, is_first))
            found = now
        return faults, found

    def _fault(self, said: Span, message: str) -> tuple[list[tuple[int, int, int]], _KeyLine] | None:
        """The blanks to take (line, column, how many), and the key line before."""
        line = said.begin.line
        here = _key_line(self.lines[line - 1])
        above = self._above(line)
        before = _key_line(self.lines[above - 1]) if above else None
        if here is None or before is None or here.dash is not None:
            return None
        if here.column > before.column and "mapping values are not allowed" in message:
            return self._deeper(above + 1, here.column, before) if _is_text(before.value) else None
        if here.column > before.column and "did not find expected key" in message:
            return self._deeper(above + 1, here.column, before) if _is_whole(before.value) else None
        is_first = before.dash is not None and before.dash + 2 <= here.column < before.column
        if is_first and "did not find expected" in message:
            return [(above, here.column, before.column - here.column)], before
        return None

    def _deeper(self, start: int, deep: int, before: _KeyLine) -> tuple[list[tuple[int, int, int]], _KeyLine] | None:
        """The lines from one on that stand as deep as it, or deeper, with the comments above it."""
        blanks = []
        for number in range(start, len(self.lines) + 1):
            text = self.lines[number - 1]
            if text.strip() and _indentation(text) < deep and not _is_comment(text):
                break
            if _indentation(text) >= deep:
                blanks.append((number, before.column, deep - before.column))
        return blanks, before

    def _above(self, line: int) -> int:
        """The last line before one that is neither empty nor a comment; 0 where there is none."""
        line -= 1
        while line > 0 and (not self.lines[line - 1].strip() or _is_comment(self.lines[line - 1])):
            line -= 1
        return line

    def _take(self, line: int, column: int, count: int) -> Span:
        text = self.lines[line - 1]
        start = self.source.offset(line, self._column(line, column) + 1)
        self.lines[line - 1] = text[:column] + text[column + count :]
        self.taken.setdefault(line, []).append((column, count))
        return Span(self.source, start, start + count)

    def _give_back(self, lines: list[int]) -> None:
        for line in lines:
            column, count = self.taken[line].pop()
            text = self.lines[line - 1]
            self.lines[line - 1] = text[:column] + " " * count + text[column:]

    def _column(self, line: int, column: int) -> int:
        """A column of a mended line as the source has it; both from 0."""
        for start, count in reversed(self.taken.get(line, ())):
            column += count if column >= start else 0
        return column

    def original(self, span: Span) -> Span:
        """A place of the mended text in the source."""
        line, column = span.begin.line, span.begin.column
        start = self.source.offset(line, self._column(line, column - 1) + 1)
        return Span(self.source, start, start + 1)


def _syntax_errors(text: str, name: str) -> list[Diagnostic]:
    from compiler import yamltree

    sink = Sink()
    yamltree.parse(Source(name, text), sink)
    return [one for one in sink.diagnostics if one.code in (core.YAML_SYNTAX, core.TAB_INDENTATION)]


def _key_line(text: str) -> _KeyLine | None:
    found = _KEY_LINE.match(text.rstrip("\r"))
    if found is None:
        return None
    return _KeyLine(found.start(4), len(found[1]) if found[2] else None, (found[5] or "").strip())


def _is_text(value: str) -> bool:
    """Whether a key's value is a plain text, which YAML reads on into deeper lines."""
    return bool(value) and value[0] not in _OPENS and value[0] not in "\"'#"


def _is_whole(value: str) -> bool:
    """Whether a key's value ends on its line: a text in quotes, or one with a comment behind it."""
    if not value or value[0] in "|>&!#":
        return False
    return value[0] in "\"'[{*" or " #" in value


def _is_comment(text: str) -> bool:
    return text.lstrip().startswith("#")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
