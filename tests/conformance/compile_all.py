"""Compiles manifests in a process of its own and prints a digest of each file:

    python -m tests.conformance.compile_all [NAME DIALECT ROOT MANIFEST] ...

Imports nothing beyond what the compiler itself needs, so that any Python that can run the compiler can run this.
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import import_module

from compiler import driver
from compiler.diagnostics import Sink
from compiler.frontends import front_end
from compiler.repository import Repository
from targets import TARGETS


def digests(dialect: str, root: str, manifest: str) -> dict[str, str]:
    """What one manifest makes: the sha256 of each file, and of the findings, by target."""
    found: dict[str, str] = {}
    for name, module in TARGETS.items():
        sink = Sink()
        repository = Repository(root)
        project = front_end(dialect).read(manifest, repository, sink)
        assert project is not None
        files = driver.emit(driver.lowered(project, repository, sink), [import_module(module)], sink)
        told = "\n".join(repr(one) for one in sink.diagnostics)
        found[f"{name}:findings"] = hashlib.sha256(told.encode()).hexdigest()
        found.update({f"{name}:{file.path}": hashlib.sha256(file.text.encode()).hexdigest() for file in files})
    return found


if __name__ == "__main__":
    given = zip(*(sys.argv[at::4] for at in range(1, 5)), strict=True)
    json.dump({name: digests(dialect, root, manifest) for name, dialect, root, manifest in given}, sys.stdout)
