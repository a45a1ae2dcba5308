"""What the tests of the native front end share: its fixtures, and reading text without a repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from compiler import ir, yamltree
from compiler.diagnostics import Sink
from compiler.driver import with_known_targets
from compiler.frontends.native.fields import scalar
from compiler.frontends.native.reading import read_source
from compiler.source import Source
from compiler.yamltree import Alias, Mapping, Sequence, Tagged
from targets import TARGETS

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures" / "native"
GOOD = [*sorted((FIXTURES / "good").glob("*.yaml")), *sorted((ROOT / "examples").glob("*/headrace.yaml"))]
_MARK = re.compile(r"# (HR[0-9]{4}(?: HR[0-9]{4})*)$")


def bad_cases() -> dict[str, str]:
    """Every document of the bad fixtures, by file and number."""
    found = {}
    for path in sorted((FIXTURES / "bad").glob("*.yaml")):
        for number, text in enumerate(path.read_text(encoding="utf-8").split("---\n")):
            found[f"{path.stem}-{number}"] = text
    return found


def marked(text: str) -> list[tuple[int, str]]:
    """The line and code of each finding that a document's marks promise."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        mark = _MARK.search(line)
        found += [(number, code) for code in mark[1].split()] if mark else []
    return found


def read(text: str, unit: str = "headrace.yaml") -> tuple[ir.Project | None, Sink]:
    sink = Sink()
    found = read_source(Source(unit, text), unit, sink)
    return found and with_known_targets(found, tuple(TARGETS), sink), sink


def project(text: str, unit: str = "headrace.yaml") -> ir.Project:
    """A project that has to be without a fault."""
    found, sink = read(text, unit)
    assert sink.diagnostics == []
    assert found is not None
    return found


def body(text: str) -> ir.Job:
    """The job of a manifest that has one, from its body in flow style."""
    return project(f"version: 1\nname: a\njobs:\n  a: {{{text}}}\n").jobs[0]


def data(text: str) -> Any:
    """A document as plain data by YAML 1.2's core schema."""
    documents = yamltree.parse(Source("data", text), Sink())
    return plain(documents[0].root)


def plain(value: Any) -> Any:
    if isinstance(value, (Alias, Tagged)):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.entries.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value.items]
    return scalar(value)
