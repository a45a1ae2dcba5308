"""headrace's own tools that a manifest's jobs may run: scripts of targets/runtime that travel with the job."""

from __future__ import annotations

TOOLS = {
    "data": "checks data files against a schema of columns, or writes the first schema",
    "leakage": "checks that the parts of a split have no row in common, and counts what is in them",
    "objectives": "freezes objectives: a copy and its hash",
    "objects": "fetches from and uploads to object stores",
    "onnx": "converts a model to ONNX, and verifies it by tolerances",
    "records": "checks the lines of an inference log against a record's schema",
    "release": "gives a pushed image its version's tag, <branch>-<version>, or takes it away",
    "score": "runs samples through a model, checks them against schemas, measures",
    "tolerance": "compares numbers of two files within tolerances",
    "usable": "checks that what documents describe may still be used, and that files have their checksums",
}

# The scripts that work on the files of the repository and of the run, as the jobs of a manifest do.
WORKING = frozenset((*TOOLS, "attest"))
