"""Compiles manifests in a process of its own and prints a digest of each file: python -m tests.conformance.compile_all FOLDER...

Imports nothing beyond what the compiler itself needs, so that any Python that can run the compiler can run this.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module

from compiler import driver
from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.repository import Repository
from targets import TARGETS


def digests(folder: str) -> dict[str, str]:
    """What one folder's manifest makes: the sha256 of each file, and of the findings, by target."""
    found: dict[str, str] = {}
    manifest = next(_manifests(folder))
    for name, module in TARGETS.items():
        sink = Sink()
        repository = Repository(folder)
        project = native.read(manifest, repository, sink)
        assert project is not None
        files = driver.emit(driver.lowered(project, repository, sink), [import_module(module)], sink)
        told = "\n".join(repr(one) for one in sink.diagnostics)
        found[f"{name}:findings"] = hashlib.sha256(told.encode()).hexdigest()
        found.update({f"{name}:{file.path}": hashlib.sha256(file.text.encode()).hexdigest() for file in files})
    return found


def _manifests(folder: str) -> Iterator[str]:
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one != "expected")
        if "headrace.yaml" in names:
            yield os.path.relpath(os.path.join(at, "headrace.yaml"), folder).replace(os.sep, "/")


if __name__ == "__main__":
    json.dump({os.path.basename(folder): digests(folder) for folder in sys.argv[1:]}, sys.stdout)
