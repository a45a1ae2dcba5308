"""The cases of fixtures/engines: manifests, and what every engine must report of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "engines"
EXPECTED = "expected.json"
OUTCOMES = ("succeeded", "failed", "skipped")


@dataclass(frozen=True)
class Run:
    """One run of a case: what starts it, and what must come of it. Jobs are called `train[fold=0]`, `caller/job`."""

    event: str = "push"
    branch: str = "main"
    tag: str = ""
    pipeline: str = ""  # which one, where a case has several
    schedule: str = ""  # the cron line, where a case has several
    parameters: dict[str, str] = field(default_factory=dict)  # given by hand
    secrets: dict[str, str] = field(default_factory=dict)
    change: dict[str, str] = field(default_factory=dict)  # files that a commit changes before the run
    approved: bool = True  # whether somebody agrees where a job waits for a person
    status: str = "succeeded"  # or failed, or waiting: for a person
    jobs: dict[str, str] = field(default_factory=dict)  # succeeded, failed or skipped
    after: dict[str, list[str]] = field(default_factory=dict)  # jobs that must have ended before a job began
    beside: list[list[str]] = field(default_factory=list)  # pairs: the first began before the second ended
    at_most: list[dict[str, Any]] = field(default_factory=list)  # {jobs, limit}: no more of them at any moment
    calls: list[str] = field(default_factory=list)  # jobs that call a pipeline: not every engine says how they ended
    held: list[str] = field(default_factory=list)  # jobs that come to something without running: a cache's
    saw: dict[str, dict[str, Any]] = field(default_factory=dict)  # arguments, env, files, folder, attempt, …
    secret: dict[str, list[str]] = field(default_factory=dict)  # the jobs that get each secret; no other may


@dataclass(frozen=True)
class Case:
    name: str
    folder: Path
    says: list[str]  # the sentences of the semantics that the case stands for
    runs: list[Run]
    refused: dict[str, str] = field(default_factory=dict)  # targets that refuse it, with the code of the finding
    alone: bool = False  # it listens at ports of this machine: one engine at a time

    def files(self) -> list[Path]:
        """Its files from its folder, without what is expected."""
        found = (path for path in sorted(self.folder.rglob("*")) if path.is_symlink() or path.is_file())
        kept = (path.relative_to(self.folder) for path in found if "__pycache__" not in path.parts)
        return [path for path in kept if path.as_posix() != EXPECTED]


def load(folder: Path) -> Case:
    """Reads a case. Raises TypeError for a key that a run doesn't have, ValueError for an outcome that isn't one."""
    data = json.loads((folder / EXPECTED).read_text(encoding="utf-8"))
    runs = [Run(**run) for run in data["runs"]]
    for run in runs:
        for job, outcome in run.jobs.items():
            if outcome not in OUTCOMES:
                raise ValueError(f'{folder.name}: "{outcome}" of {job} is none of {", ".join(OUTCOMES)}')
    return Case(folder.name, folder, data["says"], runs, data.get("refused", {}), data.get("alone", False))


def cases() -> list[Case]:
    return [load(path.parent) for path in sorted(FIXTURES.glob(f"*/{EXPECTED}"))]
