"""Findings as JSON. The shape is stable: keys are added, never renamed or removed while `version` is 1.

    {"version": 1,
     "summary": {"error": 1, "warning": 0, "note": 0},
     "findings": [{
       "code": "HR3001", "name": "unknown-job", "severity": "error", "message": "...",
       "place": PLACE or null,
       "labels": [{"message": "...", "place": PLACE}],
       "help": text or null, "notes": [text], "suggestion": text or null,
       "fix": null or {"title": "...", "edits": [{"place": PLACE, "text": "..."}]}}]}
    PLACE = {"file": "a/b.yaml", "line": 14, "column": 13, "end_line": 14, "end_column": 25, "start": 210, "end": 222}

Lines and columns start at 1, columns and offsets (`start`, `end`, from 0) count code points, ends are exclusive. The
text is ASCII, so that it survives every terminal and log.
"""

from __future__ import annotations

import json

from compiler.diagnostics import SEVERITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from compiler.diagnostics import Diagnostic
    from compiler.source import Span


def render(found: Sequence[Diagnostic]) -> str:
    counts = {severity: sum(1 for finding in found if finding.severity == severity) for severity in SEVERITIES}
    data = {"version": 1, "summary": counts, "findings": [as_data(finding) for finding in found]}
    return json.dumps(data, indent=2) + "\n"


def as_data(finding: Diagnostic) -> dict[str, Any]:
    fix = finding.fix
    return {
        "code": finding.code.number,
        "name": finding.code.name,
        "severity": finding.severity,
        "message": finding.message,
        "place": None if finding.span is None else place(finding.span),
        "labels": [{"message": label.message, "place": place(label.span)} for label in finding.labels],
        "help": finding.help,
        "notes": list(finding.notes),
        "suggestion": finding.suggestion,
        "fix": fix and {"title": fix.title, "edits": [_edit(edit.span, edit.text) for edit in fix.edits]},
    }


def _edit(span: Span, text: str) -> dict[str, Any]:
    return {"place": place(span), "text": text}


def place(span: Span) -> dict[str, Any]:
    begin, finish = span.begin, span.finish
    return {
        "file": span.source.name,
        "line": begin.line,
        "column": begin.column,
        "end_line": finish.line,
        "end_column": finish.column,
        "start": span.start,
        "end": span.end,
    }
