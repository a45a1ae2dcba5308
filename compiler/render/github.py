"""Findings as GitHub workflow commands, which become annotations of a run and of a pull request.

The commands and their escapes: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions,
actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING
from compiler.render import told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.diagnostics import Diagnostic

_COMMANDS = {ERROR: "error", WARNING: "warning", NOTE: "notice"}


def render(found: Sequence[Diagnostic]) -> str:
    return "".join(map(_command, found))


def _command(finding: Diagnostic) -> str:
    properties: dict[str, object] = {}
    if finding.span is not None:
        begin, finish = finding.span.begin, finding.span.finish
        properties = {"file": finding.span.source.name, "line": begin.line, "col": begin.column}
        if finish.line == begin.line and finish.column > begin.column:
            properties |= {"endLine": finish.line, "endColumn": finish.column - 1}  # both ends count here
    properties["title"] = f"{finding.code.number} {finding.code.name}"
    shown = ",".join(f"{key}={escape_property(str(value))}" for key, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {shown}::{escape_data(told(finding))}\n"


def escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")
