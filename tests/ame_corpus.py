"""AME's own files, compiled: what each becomes, or what is said of it. The files themselves are no part of this repository."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from compiler import driver
from compiler.diagnostics import NOTE, Diagnostic, Sink
from compiler.frontends import ame
from compiler.ir import Project
from compiler.repository import Repository
from targets import TARGETS
from tests.conformance.cases import target
from tests.tools.corpus import corpus

RECORDED = Path(__file__).with_name("ame_corpus.json")
MANIFEST = "ame.yaml"
NAMES = sorted(json.loads(RECORDED.read_text(encoding="utf-8"))) if RECORDED.exists() else []


class Compiled:
    """One file through everything: its project, what was found (`manifest`, then by target), and each target's files."""

    def __init__(self, text: bytes, folder: Path) -> None:
        (folder / MANIFEST).write_bytes(text)
        repository = Repository(os.fspath(folder))
        sink = Sink()
        self.project: Project | None = ame.read(MANIFEST, repository, sink)
        self.files: dict[str, dict[str, str]] = {}
        self.found: dict[str, list[Diagnostic]] = {"manifest": sink.diagnostics}
        if self.project is None:
            return
        lowered = driver.lowered(self.project, repository, sink)
        self.found["manifest"] = sink.diagnostics
        if sink.failed:
            return
        for name in TARGETS:
            own = Sink()
            self.files[name] = {file.path: file.text for file in driver.emit(lowered, [target(name)], own)}
            self.found[name] = own.diagnostics

    def told(self) -> dict[str, list[str]]:
        """Code and line of every error and warning; notes are not an outcome."""
        found = {
            part: [
                f"{one.code.number}:{one.span.begin.line if one.span else 0}" for one in told if one.severity != NOTE
            ]
            for part, told in self.found.items()
        }
        return {part: told for part, told in found.items() if told}


def recorded(name: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))[name]
    return entry


def file(name: str) -> bytes:
    """A file of the corpus, as it was when its outcome was recorded."""
    data = corpus("ame", name).read_bytes()
    assert sha256(data).hexdigest() == recorded(name)["sha256"], f"{name} is another file than the one that is recorded"
    return data
