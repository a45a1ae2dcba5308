"""What all instances of one run share."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Protocol

from compiler.diagnostics import Sink
from compiler.ir import Project
from targets.local.containers import Engine
from targets.local.environments import Environments
from targets.local.machine import Machine
from targets.local.masking import Masker
from targets.local.outcome import Outcome, Problem
from targets.local.plan import Instance, Plan
from targets.local.process import Stop
from targets.local.results import Results
from targets.local.snapshot import Snapshot
from targets.local.state import State, slug
from targets.local.values import Values


class Display(Protocol):
    """What shows a run to a person. Every method may be called from any thread."""

    def begin(self, plan: Plan, jobs: int) -> None: ...
    def note(self, text: str) -> None: ...
    def started(self, one: Instance, detail: str) -> None: ...
    def line(self, one: Instance, text: str) -> None: ...
    def ended(self, one: Instance, outcome: Outcome) -> None: ...
    def ask(self, one: Instance, question: str) -> bool | None:
        """A person's answer; None where there is nobody to ask."""

    def close(self) -> None: ...


@dataclass
class Session:
    """One run. `secrets` are values by the names of the project's secrets; `images` references by environment."""

    run_id: str
    project: Project
    state: State
    snapshot: Snapshot
    values: Values
    machine: Machine
    environments: Environments
    results: Results
    display: Display
    stop: Stop
    sink: Sink
    engine: Engine | None = None
    builder: Engine | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    use_gpu: bool = True
    on_host: bool = False  # images are neither built nor used: all jobs run on this machine itself
    keep: bool = False
    images: dict[str, str] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> str:
        return self.state.run(self.run_id)

    def work(self, one: Instance) -> str:
        """The folder in which an instance works."""
        return os.path.join(self.folder, "work", slug(one.id))

    def log(self, one: Instance) -> str:
        return os.path.join(self.folder, "jobs", slug(one.id), "log")

    def masker(self) -> Masker:
        return Masker(self.secrets.values())

    def report(self, problem: Problem, severity: str | None = None) -> None:
        """Add a finding; each message once."""
        with self.lock:
            self.sink.report(
                problem.code, problem.message, problem.origin, field=problem.field, help=problem.help, severity=severity
            )

    def say_once(self, text: str) -> None:
        with self.lock:
            if text in self.said:
                return
            self.said.add(text)
        self.display.note(text)
