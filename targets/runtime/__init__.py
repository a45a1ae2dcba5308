"""The support scripts that travel inside compiled output and run in jobs.

Each is one file for Python 3.8 and later, standard library only. What several of them need stands once in a part
(`PARTS`); a line `from targets.runtime.PART import ...` in a script is replaced by that part's text, so that what
travels is whole. Scripts exit with 0 (fine), 1 (the user's condition or data failed) or 2 (misuse); those that run a
command exit with its status. Run them as `python3 -I FILE`: nothing in the checkout then shadows the standard library.
"""

from __future__ import annotations

import os

NAMES = {
    "artifact": "packs and unpacks outputs as deterministic tars",
    "check_parameters": "checks the type and bounds of the run's parameters",
    "attest": "writes a run's record and the statement of what it was made from",
    "content_key": "computes the cache key of a job",
    "data": "checks data files against a schema of columns, or writes the first schema",
    "decide": "evaluates conditions that a target cannot test natively",
    "deploy": "puts built images into Kubernetes documents, and applies or commits them",
    "gate": "judges objectives over a job's metrics",
    "held": "holds a job's outputs in a store, by the job's key",
    "keeper": "keeps checkpoints outside the machine and brings them back",
    "leakage": "checks that the parts of a split have no row in common",
    "login": "signs in to an image registry by a cloud identity",
    "objectives": "freezes objectives: a copy and its hash",
    "objects": "fetches from and uploads to object stores",
    "onnx": "converts a model to ONNX, and verifies it by tolerances",
    "probe": "waits for a service and checks its answer to a request",
    "records": "checks the lines of an inference log against a record",
    "release": "gives a pushed image its version's tag, or takes it away",
    "retry": "runs a command again when an attempt fails",
    "score": "runs samples through a model, checks them against schemas, measures",
    "serve": "serves a Python function over HTTP, and smoke-tests it",
    "stamp": "skips a job whose key is unchanged and whose outputs are held",
    "store": "carries big outputs through a store",
    "tolerance": "compares numbers of two files within tolerances",
    "usable": "checks when a job runs that data may still be used",
}
PARTS = (
    "archive",
    "blobs",
    "child",
    "compare",
    "problem",
    "provenance",
    "reports",
    "rows",
    "shapes",
    "signature",
    "web",
)

_FUTURE = "from __future__ import annotations"
_IMPORT = "from targets.runtime."
_texts: dict[str, str] = {}
_compacts: dict[str, str] = {}


def script(name: str) -> str:
    """Return the text of a script of `NAMES`, its parts put in; raises KeyError for any other name."""
    if name not in NAMES:
        raise KeyError(name)
    if name not in _texts:
        _texts[name] = "\n".join(_whole(name)) + "\n"
    return _texts[name]


def compact(name: str) -> str:
    """Return a script's text without docstrings, comment lines and blank lines: what is embedded in output."""
    if name not in _compacts:
        _compacts[name] = "\n".join(stripped(script(name).splitlines())) + "\n"
    return _compacts[name]


def _lines(name: str) -> list[str]:
    with open(os.path.join(os.path.dirname(__file__), name + ".py"), encoding="utf-8") as stream:
        return stream.read().splitlines()


def _whole(name: str) -> list[str]:
    """Put each part in where it is first imported, and write each import once."""
    seen: set[str] = set()
    whole: list[str] = []
    pending = _lines(name)[::-1]
    while pending:
        line = pending.pop()
        if line.startswith(_IMPORT):
            part = line[len(_IMPORT) :].split(" ", 1)[0]
            if part not in seen:
                seen.add(part)
                pending.extend(_body(_lines(part))[::-1])
            continue
        if line.startswith(("import ", "from ")):
            if line in seen:
                continue
            seen.add(line)
        whole.append(line)
    return whole


def _body(lines: list[str]) -> list[str]:
    """A part's lines after its `from __future__` line, which may stand only at a file's head."""
    return lines[lines.index(_FUTURE) + 1 :]


def stripped(lines: list[str]) -> list[str]:
    """The lines without comment lines, blank lines and docstrings.

    It goes by lines, since a tokenizer would cost every compile; tests compare the syntax trees of both texts, and so
    hold the scripts to whole-line comments and to triple quotes for docstrings alone.
    """
    kept: list[str] = []
    inside = False
    for line in lines:
        text = line.strip()
        if inside:
            inside = not text.endswith('"""')
        elif text.startswith('"""'):
            inside = len(text) < 6 or not text.endswith('"""')
        elif text and not text.startswith("#"):
            kept.append(line)
    return kept
