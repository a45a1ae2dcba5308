"""Findings as a GitLab Code Quality report (https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format).

A fingerprint says whether a finding is the same as before, so it stands on code, file and message, and for a second
one of those on its count: a line that moves is not a new finding.
"""

from __future__ import annotations

import json
from hashlib import sha256

from compiler.diagnostics import ERROR, NOTE, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from compiler.diagnostics import Diagnostic

_SEVERITIES = {ERROR: "major", WARNING: "minor", NOTE: "info"}
NO_FILE = "headrace.yaml"  # the report must name a file, where the finding has none


def render(found: Sequence[Diagnostic]) -> str:
    counts: dict[tuple[str, str, str], int] = {}
    issues = []
    for finding in found:
        key = (finding.code.number, finding.span.source.name if finding.span else "", finding.message)
        counts[key] = counts.get(key, 0) + 1
        issues.append(_issue(finding, "\0".join([*key, str(counts[key])])))
    return json.dumps(issues, indent=2) + "\n"


def _issue(finding: Diagnostic, identity: str) -> dict[str, Any]:
    message = finding.message
    if finding.suggestion:
        message += f', did you mean "{finding.suggestion}"?'
    elif finding.help:
        message += f" ({finding.help})"
    return {
        "description": message,
        "check_name": f"{finding.code.number} {finding.code.name}",
        "fingerprint": sha256(identity.encode("utf-8", "surrogatepass")).hexdigest(),
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": finding.span.source.name if finding.span else NO_FILE,
            "lines": {"begin": finding.span.begin.line if finding.span else 1},
        },
    }
