"""Findings for machines: JSON, SARIF, GitLab Code Quality, GitHub annotations."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import codes
from compiler.diagnostics import Diagnostic, Edit, Fix, Label
from compiler.render import FORMATS, render
from compiler.render.github import escape_data, escape_property
from compiler.render.sarif import uri
from compiler.source import Source, Span

SOURCE = Source("a b/größe%.yaml", 'jobs:\n  "🚂": {nedes: [x]}\n  y: {nedes: [x]}\n')


def span(text: str, nth: int = 0) -> Span:
    at = -1
    for _ in range(nth + 1):
        at = SOURCE.text.index(text, at + 1)
    return Span(SOURCE, at, at + len(text))


FOUND = [
    Diagnostic(codes.NO_TARGET, "no target", help="say --target"),
    Diagnostic(
        codes.UNKNOWN_KEY,
        'a job has no key "nedes"',
        span("nedes"),
        labels=(Label(span("jobs"), "in this mapping"),),
        suggestion="needs",
        notes=("a note", "100% more"),
        fix=Fix('write "needs"', Edit(span("nedes"), "needs")),
    ),
    Diagnostic(codes.UNKNOWN_KEY, 'a job has no key "nedes"', span("nedes", 1), suggestion="needs"),
    Diagnostic(codes.UNUSED, "unused", span("y")),
    Diagnostic(codes.SPLIT, "split, into: 3", SOURCE.whole()),
]

PLACE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["file", "line", "column", "end_line", "end_column", "start", "end"],
    "properties": {
        "file": {"type": "string"},
        **{name: {"type": "integer", "minimum": 1} for name in ("line", "column", "end_line", "end_column")},
        **{name: {"type": "integer", "minimum": 0} for name in ("start", "end")},
    },
}
TEXT_OR_NULL = {"type": ["string", "null"]}


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


COUNT = {"type": "integer", "minimum": 0}
SCHEMA = closed(
    version={"const": 1},
    summary=closed(error=COUNT, warning=COUNT, note=COUNT),
    findings={
        "type": "array",
        "items": closed(
            code={"type": "string", "pattern": "^HR[0-9]{4}$"},
            name={"type": "string", "pattern": "^[a-z0-9-]+$"},
            severity={"enum": ["error", "warning", "note"]},
            message={"type": "string"},
            place={"oneOf": [{"type": "null"}, PLACE]},
            labels={"type": "array", "items": closed(message={"type": "string"}, place=PLACE)},
            help=TEXT_OR_NULL,
            notes={"type": "array", "items": {"type": "string"}},
            suggestion=TEXT_OR_NULL,
            fix={
                "oneOf": [
                    {"type": "null"},
                    closed(
                        title={"type": "string"},
                        edits={"type": "array", "items": closed(place=PLACE, text={"type": "string"}), "minItems": 1},
                    ),
                ]
            },
        ),
    },
)


def test_json_has_the_shape_that_its_docstring_promises() -> None:
    data = json.loads(render("json", FOUND))
    jsonschema.validate(data, SCHEMA)
    assert data["summary"] == {"error": 3, "warning": 1, "note": 1}
    finding = data["findings"][1]
    assert finding["fix"] == {"title": 'write "needs"', "edits": [{"place": finding["place"], "text": "needs"}]}
    assert finding["place"] == {
        "file": "a b/größe%.yaml",
        "line": 2,
        "column": 9,
        "end_line": 2,
        "end_column": 14,
        "start": 14,
        "end": 19,
    }
    assert [finding["place"] for finding in data["findings"][:1]] == [None]


def test_sarif_names_rules_places_and_fixes() -> None:
    (run,) = json.loads(render("sarif", FOUND))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["HR5008", "HR2001", "HR3037", "HR4008"]
    assert [rule["defaultConfiguration"]["level"] for rule in rules] == ["error", "error", "warning", "note"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    result = run["results"][1]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b/gr%C3%B6%C3%9Fe%25.yaml", "uriBaseId": "ROOT"}
    assert place["region"] == {"startLine": 2, "startColumn": 9, "endLine": 2, "endColumn": 14}
    assert run["columnKind"] == "unicodeCodePoints"
    replacement = result["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert replacement == {"deletedRegion": place["region"], "insertedContent": {"text": "needs"}}
    assert result["relatedLocations"][0]["message"] == {"text": "in this mapping"}
    assert 'did you mean "needs"?\nnote: a note' in result["message"]["text"]
    assert run["results"][0]["locations"] == []


def test_sarif_rules_carry_their_page() -> None:
    (run,) = json.loads(render("sarif", FOUND))["runs"]
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["help"]["markdown"].startswith(f"# {rule['id']} {rule['name']}\n")


def test_a_uri_is_escaped_as_rfc_3986_says() -> None:
    assert uri("a/b-c_d.~e") == "a/b-c_d.~e"
    assert uri("#?:%\n\udcff") == "%23%3F%3A%25%0A%FF"


def test_code_quality_fingerprints_stay_when_lines_move() -> None:
    def fingerprints(before: str) -> list[str]:
        source = Source("headrace.yaml", before + SOURCE.text)
        found = [
            Diagnostic(codes.UNKNOWN_KEY, "m", Span(source, at, at + 5)) for at in (len(before) + 14, len(before) + 30)
        ]
        return [issue["fingerprint"] for issue in json.loads(render("gitlab", found))]

    assert fingerprints("") == fingerprints("# a comment\n")
    assert len(set(fingerprints(""))) == 2


def test_code_quality_has_what_gitlab_asks_for() -> None:
    issues = json.loads(render("gitlab", FOUND))
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert not issue["location"]["path"].startswith(("/", "./"))
        assert issue["location"]["lines"]["begin"] >= 1
    assert [issue["severity"] for issue in issues] == ["major", "major", "major", "minor", "info"]
    assert issues[1]["description"] == 'a job has no key "nedes", did you mean "needs"?'
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


def test_annotations_are_workflow_commands() -> None:
    lines = render("github", FOUND).splitlines()
    assert lines[0] == "::error title=HR5008 no-target::no target%0Ahelp: say --target"
    assert lines[1] == (
        "::error file=a b/größe%25.yaml,line=2,col=9,endLine=2,endColumn=13,title=HR2001 unknown-key::"
        'a job has no key "nedes"%0Adid you mean "needs"?%0Anote: a note%0Anote: 100%25 more'
    )
    assert lines[3].startswith("::warning ")
    assert lines[4].startswith("::notice ")


@given(st.text(), st.text())
def test_no_text_ends_a_workflow_command(data: str, name: str) -> None:
    assert not set(escape_data(data)) & set("\r\n")
    assert not set(escape_property(name)) & set("\r\n:,")
    source = Source(name or "x", "a: b\n")
    output = render("github", [Diagnostic(codes.UNUSED, data, Span(source, 0, 1))])
    assert output.count("\n") == 1


def test_machine_formats_are_ascii_where_they_are_json() -> None:
    for name in ("json", "sarif", "gitlab"):
        assert render(name, FOUND).isascii()


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_found_is_an_output_too(format: str) -> None:
    output = render(format, [])
    assert output == "" or json.loads(output) is not None
