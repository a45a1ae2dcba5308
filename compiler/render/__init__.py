"""Findings as people and machines read them: one module a format, imported when it is asked for.

Each module offers `render(found) -> str`: the whole output, with a line break at its end, for findings in file order.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.diagnostics import Diagnostic

FORMATS = {
    "text": "compiler.render.text",
    "json": "compiler.render.json",
    "sarif": "compiler.render.sarif",
    "gitlab": "compiler.render.gitlab",
    "github": "compiler.render.github",
}


def told(finding: Diagnostic) -> str:
    """What a finding says in plain text where there is one field for all of it: message, suggestion, help, notes."""
    parts = [finding.message]
    if finding.suggestion:
        parts.append(f'did you mean "{finding.suggestion}"?')
    if finding.help:
        parts.append(f"help: {finding.help}")
    parts.extend(f"note: {note}" for note in finding.notes)
    return "\n".join(parts)


def render(format: str, found: Sequence[Diagnostic]) -> str:
    """The findings in one of FORMATS, text without colours."""
    from importlib import import_module

    made: str = import_module(FORMATS[format]).render(found)
    return made
