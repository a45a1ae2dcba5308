"""The rows of the comparison: which command compiles the task set by which tool, and how far it is tried."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parent.parent
PEERS = CHECKOUT / "bench" / "peers"
ROOT = Path(os.environ.get("HEADRACE_BENCH") or Path.home() / ".cache" / "headrace-bench")
PRE_COMMIT = "warm pre-commit check, 10 jobs"  # the process that pre-commit starts, whose environment is there
COMPILATION = "headrace compile, 10 jobs"


class Row(NamedTuple):
    """One line of the table. `command` may hold {n}, {manifest}, {unlike}, {flow} and {out}; without {out} it writes to stdout."""

    name: str
    target: str
    venv: str
    command: tuple[str, ...]
    largest: int
    """No size above this is tried; what is known of the peers above it is that they do not end in time."""
    remark: str = ""
    last_task: str = "step-{last}"
    """What output for {last} + 1 tasks must contain to count as output."""


def interpreter(venv: str) -> Path:
    """The Python of a row's virtual environment, there or not."""
    return ROOT / venv / "bin" / "python"


def headrace(command: str | None) -> tuple[str, ...]:
    """The compiler: an installed `command` if one is given, else this checkout, on the harness's own bare environment."""
    if command:
        return tuple(shlex.split(command))
    python = interpreter("libyaml")
    return (str(python if python.exists() else sys.executable), "-m", "compiler")


def rows(command: str | None = None) -> list[Row]:
    """Every row, headrace's first."""
    compiler = headrace(command)
    own = [
        Row(
            f"headrace ({target})",
            target,
            "",
            (*compiler, "compile", "{manifest}", "--target", target, "--stdout"),
            100_000 if target == "gitlab" else 10_000,  # a run on GitHub calls 50 workflows at most, too few for them
            "every check on",
        )
        for target in ("github", "gitlab", "argo")
    ]
    unlike = (*compiler, "compile", "{unlike}", "--target", "github", "--stdout")
    own.append(Row("headrace, no two jobs alike", "github", "", unlike, 10_000, "every check on, nothing to share"))
    return [*own, *_peers(), *_floors()]


def _driver(venv: str, script: str) -> tuple[str, ...]:
    return (str(interpreter(venv)), str(PEERS / script), "{n}", "{out}")


def _peers() -> list[Row]:
    flow = (str(interpreter("metaflow")), "{flow}", "--datastore=s3", "argo-workflows", "create", "--only-json")
    return [
        Row(
            "yamloom",
            "github",
            "yamloom",
            _driver("yamloom", "yamloom_github.py"),
            10_000,
            "Rust core; JSON Schema, no graph checks",
        ),
        Row("ghagen", "github", "ghagen", _driver("ghagen", "ghagen_github.py"), 10_000, "pydantic, ruamel.yaml"),
        Row("gcip", "gitlab", "gcip", _driver("gcip", "gcip_gitlab.py"), 1_000, "recursive, quadratic in jobs"),
        Row("hera", "argo", "hera", _driver("hera", "hera_argo.py"), 10_000, "pydantic"),
        Row("metaflow", "argo", "metaflow", flow, 1_000, "a chain of N; uploads to an object store", last_task='"end"'),
        Row("kfp", "KFP server", "kfp", _driver("kfp", "kfp_ir.py"), 1_000, "IR YAML for a server, not CI"),
    ]


def _floors() -> list[Row]:
    python = str(interpreter("libyaml"))
    return [
        Row(
            "libyaml load + dump",
            "github",
            "libyaml",
            (python, str(PEERS / "libyaml_load_dump.py"), "{manifest}", "{out}"),
            10_000,
            "floor: no checks",
        ),
        Row(
            "libyaml events",
            "none",
            "libyaml",
            (python, str(PEERS / "libyaml_events.py"), "{manifest}", "{out}"),
            100_000,
            "floor: parses only",
            last_task="",
        ),
    ]


def starts(command: str | None = None) -> list[Row]:
    """The parts of a cold start, none of which writes a pipeline; the manifest is that of ten jobs."""
    compiler = headrace(command)
    python = compiler[0] if compiler[1:2] == ("-m",) else sys.executable
    parts = {
        "bare python": (python, "-c", "pass"),
        "headrace --version": (*compiler, "--version"),
        "headrace check, 10 jobs": (*compiler, "check", "{manifest}"),
        PRE_COMMIT: (*compiler, "check", "--changed", "--quiet", "--target", "github", "{manifest}"),
        COMPILATION: (*compiler, "compile", "{manifest}", "--target", "github", "--stdout"),
    }
    return [Row(name, "none", "", part, 10, last_task="") for name, part in parts.items()]
