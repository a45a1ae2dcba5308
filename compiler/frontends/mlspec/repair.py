"""The one indentation fault of MLSpec's examples: the keys of a list item stand deeper than the item's first key.

     -  name: files
           feature_file: a.csv        YAML reads this line as a part of the text above, up to its colon

The fix moves the deeper lines to the column of the first key.
"""

from __future__ import annotations

from compiler import codes as core
from compiler.diagnostics import Edit, Fix, Sink
from compiler.frontends.mlspec import codes
from compiler.source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic

MOST_FAULTS = 100


class Fault:
    """One list item with deeper keys: the place that YAML complains about, and the blanks that are too many."""

    __slots__ = ("at", "blanks", "column")

    def __init__(self, at: Span, column: int, blanks: list[Span]) -> None:
        self.at = at
        self.column = column  # from 1: where the first key stands
        self.blanks = blanks


def report(source: Source, found: list[Diagnostic], sink: Sink) -> None:
    """Report why a file is not YAML: the indentation fault with its fix where it is that, else what libyaml says."""
    faults = faults_of(source, found)
    for fault in faults:
        edits = (Edit(span, "") for span in fault.blanks)
        sink.report(
            codes.INDENTATION,
            "this key stands deeper than the first key of its list item: mapping values are not allowed here",
            fault.at,
            help=f"dedent to column {fault.column}",
            fix=Fix(f"dedent to column {fault.column}", *edits),
        )
    for one in found if not faults else ():
        sink.report(
            one.code, one.message, one.span, severity=one.severity, labels=one.labels, help=one.help, notes=one.notes,
            suggestion=one.suggestion, fix=one.fix,
        )  # fmt: skip


def faults_of(source: Source, found: list[Diagnostic]) -> list[Fault]:
    """Every such fault of a file; none where something else is wrong before them."""
    faults: list[Fault] = []
    lines = source.text.split("\n")
    while len(faults) < MOST_FAULTS:
        syntax = next((one for one in found if one.code is core.YAML_SYNTAX and one.span is not None), None)
        if syntax is None or syntax.span is None or "mapping values are not allowed" not in syntax.message:
            return faults
        place = syntax.span.begin
        fault = _fault(source, lines, place.line, syntax.span)
        if fault is None:
            return faults
        faults.append(fault)
        for span in fault.blanks:
            number = span.begin.line - 1
            lines[number] = lines[number][span.end - span.start :]
        found = _syntax_errors("\n".join(lines), source.name)
        if found and any(one.span is not None and one.span.begin.line <= place.line for one in found):
            return faults[:-1]  # it did not help
    return faults


def _syntax_errors(text: str, name: str) -> list[Diagnostic]:
    from compiler import yamltree

    sink = Sink()
    yamltree.parse(Source(name, text), sink)
    return sink.diagnostics


def _fault(source: Source, lines: list[str], number: int, said: Span) -> Fault | None:
    """The fault around a line (from 1) at whose colon YAML stopped."""
    deep = _indentation(lines[number - 1])
    first = number - 1
    while first > 0 and (_is_bare(lines[first - 1]) or _indentation(lines[first - 1]) >= deep):
        first -= 1
    opening = lines[first - 1] if first > 0 else ""
    column = _key_column(opening)
    if column is None or column >= deep:
        return None
    blanks = []
    for at in range(first + 1, len(lines) + 1):
        line = lines[at - 1]
        if _is_bare(line):
            continue
        if _indentation(line) < deep:
            break
        start = source.offset(at, column + 1)
        blanks.append(Span(source, start, start + deep - column))
    at = source.offset(number, said.begin.column)
    return Fault(Span(source, at, at + 1), column + 1, blanks)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_bare(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _key_column(line: str) -> int | None:
    """Where the key stands in `-  key: text`, from 0; None for other lines."""
    rest = line.lstrip(" ")
    if not rest.startswith("- "):
        return None
    key = rest[1:].lstrip(" ")
    name, colon, value = key.partition(": ")
    if not colon or not value.strip() or value.strip()[0] in "\"'[{|>&*!#" or not name.strip():
        return None
    return len(line) - len(key)
