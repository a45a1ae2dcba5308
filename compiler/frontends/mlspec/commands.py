"""Commands with placeholders: `{name}` is a parameter, and becomes a variable, so that no value is part of a script.

`{{`, `}}` and `${X}` are the command's own.
"""

from __future__ import annotations

from compiler import codes as core
from compiler import text
from compiler.diagnostics import Edit, Fix, Sink, suggest
from compiler.frontends.mlspec import codes
from compiler.ir import EnvVar, Ref
from compiler.pattern import Pattern
from compiler.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.frontends.mlspec.view import View
    from compiler.ir import Text

_PLACEHOLDER = Pattern(r"(?<![{$])\{([A-Za-z_][A-Za-z0-9_-]*)\}(?!\})")
_EXPANDED = (text.WORD, text.DOUBLE, text.DOCUMENT)


def variable(name: str) -> str:
    """The variable that carries a parameter's value to the command: PARAM_DATA_FILE."""
    return "PARAM_" + "".join(c if c.isalnum() and c.isascii() else "_" for c in name).upper()


def placeholders(command: str) -> list[str]:
    return [found[1] for found in _PLACEHOLDER.finditer(command)]


def lines_of(command: View, values: Mapping[str, Text], sink: Sink) -> tuple[Text, set[str]]:
    """The shell text of a command, and the names that it uses. Values are the step's and the pipeline's parameters."""
    source = command.value
    pieces: list[str | Ref] = []
    spans: list[Span] = []
    used: set[str] = set()
    at = 0
    for found in _PLACEHOLDER.finditer(source):
        place = _within(command, found.start(), found.end())
        name = found[1]
        if name not in values:
            _report_unknown(name, values, place, sink)
            continue
        used.add(name)
        spans.append(place)
        pieces += [piece for piece in (source[at : found.start()],) if piece]
        pieces.append(Ref(kind="parameters", name=name))
        at = found.end()
    pieces += [source[at:]] if source[at:] else []
    return _with_variables(tuple(pieces), values, spans, sink), used


def _with_variables(pieces: Text, values: Mapping[str, Text], spans: list[Span], sink: Sink) -> Text:
    """Each placeholder as the variable that a shell expands where it stands, or as the pipeline's own hole."""
    where = iter(zip(text.contexts(pieces), spans, strict=True))
    lines: list[str | Ref] = []
    for piece in pieces:
        if isinstance(piece, str):
            lines.append(piece)
            continue
        context, place = next(where)
        if context not in _EXPANDED:
            _report_quoted(context, place, sink)
        value = values[piece.name]
        if len(value) == 1 and isinstance(value[0], Ref) and value[0].name == piece.name:
            lines.append(value[0])
        else:
            name = variable(piece.name)
            lines.append(f'"${name}"' if context == text.WORD else "${" + name + "}")
    joined: list[str | Ref] = []
    for piece in lines:
        if joined and isinstance(piece, str) and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def variables_of(names: set[str], values: Mapping[str, Text]) -> tuple[EnvVar, ...]:
    """The variables that a command's placeholders need, in the order of the parameters."""
    return tuple(
        EnvVar(name=variable(name), value=value)
        for name, value in values.items()
        if name in names and not (len(value) == 1 and isinstance(value[0], Ref) and value[0].name == name)
    )


def _report_unknown(name: str, values: Mapping[str, Text], place: Span, sink: Sink) -> None:
    near = suggest(name, values)
    fix = Fix(f"write {{{near}}}", Edit(place, f"{{{near}}}")) if near else None
    known = ", ".join(sorted(values))
    notes = () if near else (f"there is {known}" if known else "the step has no parameters",)
    advice = f"declare it under `parameters`, or write ${{{name}}} for a variable of the shell"
    message = f'"{{{name}}}" is no parameter of this step'
    sink.report(codes.PLACEHOLDER, message, place, suggestion=near, fix=fix, notes=notes, help=advice)


def _report_quoted(context: str, place: Span, sink: Sink) -> None:
    advice = "use double quotes" if context != text.COMMENT else "take it out of the comment"
    fix = Fix("end the quotes around it", Edit(place, f"'{place.text}'")) if context == text.SINGLE else None
    message = f"{place.text} stands in {context}, where a shell expands no variable"
    sink.report(core.QUOTED_HOLE, message, place, help=advice, fix=fix)


def _within(command: View, start: int, end: int) -> Span:
    """A piece of a scalar, found again in the source however the scalar is written."""
    at, piece = command.at, command.value[start:end]
    count = command.value.count(piece, 0, start)
    found = -1
    for _ in range(count + 1):
        found = at.text.find(piece, found + 1)
        if found < 0:
            return at
    return Span(at.source, at.start + found, at.start + found + len(piece))
