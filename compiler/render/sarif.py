"""Findings as SARIF 2.1.0, for code scanning (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""

from __future__ import annotations

import json

from compiler import VERSION
from compiler.pages import page
from compiler.render import told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from compiler.diagnostics import Code, Diagnostic
    from compiler.source import Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# RFC 3986: what a path may hold without an escape (urllib would cost its import)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def render(found: Sequence[Diagnostic]) -> str:
    rules = {finding.code.number: finding.code for finding in found}
    order = {number: index for index, number in enumerate(rules)}
    driver = {
        "name": "headrace",
        "version": VERSION,
        "semanticVersion": VERSION,
        "rules": [_rule(code) for code in rules.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "the repository's root"}}},
        "results": [_result(finding, order[finding.code.number]) for finding in found],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: Code) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": code.number,
        "name": code.name,
        "shortDescription": {"text": code.summary},
        "defaultConfiguration": {"level": code.severity},
    }
    text = page(code.number)
    if text is not None:
        rule["help"] = {"text": text, "markdown": text}
    return rule


def _result(finding: Diagnostic, rule_index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code.number,
        "ruleIndex": rule_index,
        "level": finding.severity,
        "message": {"text": told(finding)},
        "locations": [] if finding.span is None else [_location(finding.span)],
    }
    if finding.labels:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": label.message}, **_location(label.span)}
            for number, label in enumerate(finding.labels, 1)
        ]
    if finding.fix is not None:
        result["fixes"] = [_fix(finding)]
    return result


def _location(span: Span) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(span.source.name), "region": _region(span)}}


def _artifact(name: str) -> dict[str, str]:
    return {"uri": uri(name), "uriBaseId": "ROOT"}


def uri(path: str) -> str:
    """A path from the root as a relative reference."""
    data = path.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data)


def _region(span: Span) -> dict[str, int]:
    begin, finish = span.begin, span.finish
    region = {"startLine": begin.line, "startColumn": begin.column}
    return {**region, "endLine": finish.line, "endColumn": finish.column}


def _fix(finding: Diagnostic) -> dict[str, Any]:
    assert finding.fix is not None
    changes: dict[str, list[dict[str, Any]]] = {}
    for edit in finding.fix.edits:
        replacement = {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
        changes.setdefault(edit.span.source.name, []).append(replacement)
    return {
        "description": {"text": finding.fix.title},
        "artifactChanges": [
            {"artifactLocation": _artifact(name), "replacements": replacements}
            for name, replacements in changes.items()
        ],
    }
