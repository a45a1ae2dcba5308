"""What libyaml says about a text that is not YAML, at its place, with what a person most likely did.

Imported only where there is such a fault.
"""

from __future__ import annotations

from compiler import codes
from compiler.diagnostics import Label, Sink
from compiler.libyaml import MarkedYAMLError
from compiler.source import Source, Span

CONFLICT = ("<<<<<<< ", "||||||| ", ">>>>>>> ")  # https://git-scm.com/docs/git-merge#_how_conflicts_are_presented
QUOTED = r""""(?:[^"\\]|\\.)*"|'[^']*'"""  # a text of one line
NOT_FIRST = "@`%"  # no plain text begins with one: https://yaml.org/spec/1.2.2/#53-indicator-characters

# What libyaml's scanner and parser say -> what helps. https://github.com/yaml/libyaml/tree/master/src
ADVICE = {
    "found unknown escape character": 'in double quotes "\\" begins an escape: write "\\\\", or use single quotes',
    "found invalid Unicode character escape code": "write the character itself instead of halves of it",
    "block sequence entries are not allowed in this context": "a list begins on the line below its key, or is [a, b]",
    "could not find expected ':'": 'a key has ": " behind it; text of several lines is indented below its key',
    "found incompatible YAML document": "headrace reads YAML 1.2: leave the %YAML line out",
    "mapping values are not allowed in this context": (
        'a text that holds ": " needs quotes, a key a blank behind its colon; keys of one mapping stand in one column'
    ),
}


def report_syntax(error: Exception, source: Source, sink: Sink) -> None:
    """Report what libyaml raised."""
    if not isinstance(error, MarkedYAMLError):  # the reader's
        position = getattr(error, "position", 0)
        at = Span(source, position, position + 1)
        advice: str | None = "remove it, or write it as an escape in double quotes"
        sink.report(codes.YAML_SYNTAX, "a character that YAML does not take", at, help=advice)
        return
    marker = _conflict(source)
    if marker is not None:
        advice = "decide which of the two versions holds, and remove the markers"
        sink.report(codes.YAML_SYNTAX, "a merge conflict stands in the file", marker, help=advice)
        return
    mark = error.problem_mark or error.context_mark
    start = mark.index if mark is not None else 0
    at = Span(source, start, start + 1)
    problem = (error.problem or "not YAML").strip()
    labels: tuple[Label, ...] = ()
    if error.context and error.context_mark is not None and error.context_mark.index != start:
        context = Span(source, error.context_mark.index, error.context_mark.index + 1)
        labels = (Label(context, error.context),)
    tab = _tab(at, problem)
    if tab is not None:
        message = "a tab where YAML takes blanks only"
        sink.report(codes.TAB_INDENTATION, message, tab, labels=labels, help="indent with blanks")
        return
    sink.report(codes.YAML_SYNTAX, problem, at, labels=labels, help=_advice(at, problem, error.context or ""))


def _conflict(source: Source) -> Span | None:
    """The first mark of a merge conflict, which would be reported as anything, and anywhere below."""
    at = 0
    for line in source.text.splitlines(keepends=True):
        if line.startswith(CONFLICT):
            return Span(source, at, at + 7)
        at += len(line)
    return None


def _tab(at: Span, problem: str) -> Span | None:
    """The tab that libyaml stumbled over."""
    number = at.begin.line
    line = at.source.line(number)
    if "\t" in line[: len(line) - len(line.lstrip())]:
        start = at.source.offset(number, line.index("\t") + 1)
        return Span(at.source, start, start + 1)
    return at if "token" in problem and at.text == "\t" else None


def _advice(at: Span, problem: str, context: str) -> str | None:
    """What to do about it, where that can be told."""
    line = at.source.line(at.begin.line)
    from re import sub

    if "{{" in sub(QUOTED, "", line) and "flow" in f"{problem} {context}":
        return "put text that holds {{ }} in quotes"
    if "flow" in context and problem.startswith("did not find expected ','"):
        return f'a comma is missing, or the "{"{" if "mapping" in context else "["}" that was opened is not closed'
    if "\ufeff" in line:
        return "a byte order mark stands in the middle of the file: remove it"
    sign = {"while scanning an alias": "*", "while scanning an anchor": "&"}.get(context, at.text)
    if sign in ("*", "&") or (sign in NOT_FIRST and "start any token" in problem):
        return f'a text that begins with "{sign}" needs quotes'
    if problem == "did not find expected key":
        return _advice_on_key(at, line[: at.begin.column - 1])
    return ADVICE.get(problem)


def _advice_on_key(at: Span, before: str) -> str | None:
    """libyaml wants another key of the mapping, or its end: what stands there instead says what went wrong."""
    if at.text in ("}", "]"):
        return f'no "{"{" if at.text == "}" else "["}" is open here'
    if before.rstrip().endswith(("'", '"')):
        return (
            "a text that is quoted ends with its quote: within, ' is written '' in single quotes, \" is \\\" in double"
        )
    return None if before.strip() else "keys of one mapping stand in one column, as do the items of a list"
