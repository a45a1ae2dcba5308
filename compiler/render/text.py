"""Findings for people: place, code, message, the line with carets, other places that explain it, help and notes.

headrace.yaml:14:13: error[HR3001 unknown-job]: "prepare-date" is not a job of this pipeline
   14 |     needs: [prepare-date]
      |             ^^^^^^^^^^^^ did you mean "prepare-data"?
      = help: ...
"""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, SEVERITIES, WARNING
from compiler.render.visible import cells, visible, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.diagnostics import Diagnostic
    from compiler.source import Source, Span

WIDTH = 110  # columns of a source line before it is cut around its caret
FAR = 4 * WIDTH  # characters of a line on each side of its caret that may be shown
LEAD = 30  # columns that stay in front of the caret of a line that is cut
SECRET = "secret-in-clear"
_BLANK = "      "
_COLOURS = {ERROR: "1;31", WARNING: "1;33", NOTE: "1;36", "code": "1", "gutter": "34", "help": "32"}


class Mark:
    """A piece of a source that is underlined, with what is said about it. The primary one has carets."""

    __slots__ = ("message", "primary", "span")

    def __init__(self, span: Span, message: str, primary: bool) -> None:
        self.span = span
        self.message = message
        self.primary = primary


def render(found: Sequence[Diagnostic], colour: bool = False) -> str:
    """All findings, each in a block of its own, and a line that counts them. Notes stand close, without their lines."""
    if not found:
        return ""
    pieces = []
    secret = _secret_lines(found)
    for before, finding in zip([None, *found], found, strict=False):
        if before is not None and not (_is_short(before) and _is_short(finding)):
            pieces.append("\n")
        pieces.append(_block(finding, colour, secret))
    return "".join([*pieces, "\n", summary(found), "\n"])


def _is_short(finding: Diagnostic) -> bool:
    """A note asks for nothing to be changed, and there may be dozens; a credential's line must not get into a log."""
    return finding.code.name == SECRET or (finding.severity == NOTE and not finding.labels)


def _secret_lines(found: Sequence[Diagnostic]) -> set[tuple[str, int]]:
    """The lines, by file, that hold a credential: no other finding may show them either."""
    spans = [finding.span for finding in found if finding.code.name == SECRET and finding.span is not None]
    return {(span.source.name, line) for span in spans for line in range(span.begin.line, span.finish.line + 1)}


def summary(found: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`; empty when there is nothing."""
    parts = []
    for severity in SEVERITIES:
        count = sum(1 for finding in found if finding.severity == severity)
        if count:
            parts.append(f"{count} {severity}{'s' if count > 1 else ''}")
    return ", ".join(parts)


def painted(text: str, style: str, colour: bool) -> str:
    """Text in the style of a severity, `code`, `gutter` or `help`, where colours are wanted."""
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if colour and text else text


def _block(finding: Diagnostic, colour: bool, secret: set[tuple[str, int]]) -> str:
    severity = finding.severity
    code = painted(f"{severity}[{finding.code.number} {finding.code.name}]", severity, colour)
    lines = [f"{_place(finding.span)}{code}: {painted(visible(finding.message), 'code', colour)}"]
    marks = _marks(finding, secret)
    if marks:
        lines.extend(_snippets(marks, severity, colour))
    if finding.suggestion and not any(mark.primary for mark in marks):
        lines.append(_remark("help", f'did you mean "{finding.suggestion}"?', colour))
    if finding.help:
        lines.append(_remark("help", finding.help, colour))
    lines.extend(_remark("note", note, colour) for note in finding.notes)
    return "".join(line.rstrip() + "\n" for line in lines)


def _marks(finding: Diagnostic, secret: set[tuple[str, int]]) -> list[Mark]:
    """What is underlined, but for the lines that hold a credential."""
    if finding.span is None or _is_short(finding):
        return []
    ask = f'did you mean "{finding.suggestion}"?' if finding.suggestion else ""
    marks = [Mark(finding.span, ask, True), *(Mark(label.span, label.message, False) for label in finding.labels)]
    return [mark for mark in marks if (mark.span.source.name, mark.span.begin.line) not in secret]


def _place(span: Span | None) -> str:
    if span is None:
        return ""
    name = visible(span.source.name)
    return f"{name}:{span.begin}: " if span.source.text else f"{name}: "


def _remark(kind: str, text: str, colour: bool) -> str:
    """A help or a note; further lines of it are indented below the first."""
    first, *rest = text.split("\n")
    lead = f"{_BLANK}{painted('=', 'gutter', colour)} {painted(kind, 'help', colour)}: "
    below = f"\n{_BLANK}  {' ' * len(kind)}  "
    return lead + below.join([visible(first), *map(visible, rest)])


def _snippets(marks: list[Mark], severity: str, colour: bool) -> list[str]:
    """The lines with their marks: the primary one's file first, each file's lines in order."""
    primary = marks[0].span.source
    sources: list[Source] = list({id(mark.span.source): mark.span.source for mark in marks}.values())
    lines: list[str] = []
    for source in sources:
        if not source.text:
            continue
        here = [mark for mark in marks if mark.span.source is source]
        if source is not primary and source.name != primary.name:
            lines.append(f"{_BLANK}{painted('-->', 'gutter', colour)} {visible(source.name)}:{here[0].span.begin}")
        for number in sorted({mark.span.begin.line for mark in here}):
            on_line = [mark for mark in here if mark.span.begin.line == number]
            lines.extend(_snippet(source, number, on_line, severity, colour))
    return lines


def _snippet(source: Source, number: int, marks: list[Mark], severity: str, colour: bool) -> list[str]:
    """A line, and below it one line a mark."""
    line = source.line(number)
    caret = marks[0].span.begin.column - 1
    left = max(0, caret - FAR)  # characters that are never looked at: a line may have millions
    shown = cells(line[left : caret + FAR])
    first, last, cut = _window(shown, caret - left)
    leads = first > 0 or left > 0
    text = ("..." if leads else "") + "".join(shown[first:last]) + ("..." if cut or len(line) > caret + FAR else "")
    lines = [f"{painted(f'{number:>5} |', 'gutter', colour)} {text}"]
    for mark in marks:
        start = min(max(mark.span.begin.column - 1 - left, first), last)
        finish = mark.span.finish
        end = finish.column - 1 - left if finish.line == number else len(shown)
        before = (3 if leads else 0) + width("".join(shown[first:start]))
        length = max(1, width("".join(shown[start : min(end, last)])))
        style = severity if mark.primary else "gutter"
        said = f" {visible(mark.message)}" if mark.message else ""
        under = painted(("^" if mark.primary else "-") * length + said, style, colour)
        lines.append(f"{painted(_BLANK + '|', 'gutter', colour)} {' ' * before}{under}")
    return lines


def _window(shown: list[str], caret: int) -> tuple[int, int, bool]:
    """Which characters of a line are shown: from, to, and whether the end is cut."""
    first = 0
    if width("".join(shown)) <= WIDTH:
        return 0, len(shown), False
    if width("".join(shown[:caret])) > WIDTH - LEAD:
        first = caret
        room = LEAD
        while first > 0 and room > 0:
            first -= 1
            room -= width(shown[first])
    last, room = first, WIDTH
    while last < len(shown) and room > 0:
        room -= width(shown[last])
        last += 1
    return first, last, last < len(shown)
