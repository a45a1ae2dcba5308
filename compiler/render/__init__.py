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


def render(format: str, found: Sequence[Diagnostic]) -> str:
    """The findings in one of FORMATS, text without colours."""
    from importlib import import_module

    made: str = import_module(FORMATS[format]).render(found)
    return made
