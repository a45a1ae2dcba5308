"""Runs manifests on this machine for tests, in a repository of their own, with a cache of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from compiler import driver
from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.repository import Repository
from targets.local.execution import Options, Run, prepare
from targets.local.outcome import Outcome
from targets.local.plan import Instance, Plan
from targets.local.process import Stop
from targets.local.state import State

ROOT = Path(__file__).resolve().parent.parent
GIT = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]


class Recorder:
    """A display that keeps what it is told."""

    def __init__(self, answer: bool | None = None) -> None:
        self.answer = answer
        self.events: list[tuple[str, str]] = []
        self.lines: dict[str, list[str]] = {}
        self.notes: list[str] = []
        self.questions: list[str] = []
        self._lock = threading.Lock()

    def begin(self, plan: Plan, jobs: int) -> None:
        del jobs
        self.lines = {name: [] for name in plan.instances}

    def note(self, text: str) -> None:
        self.notes.append(text)

    def started(self, one: Instance, detail: str) -> None:
        del detail
        with self._lock:
            self.events.append(("started", one.id))

    def line(self, one: Instance, text: str) -> None:
        self.lines[one.id].append(text)

    def ended(self, one: Instance, outcome: Outcome) -> None:
        del outcome
        with self._lock:
            self.events.append(("ended", one.id))

    def ask(self, one: Instance, question: str) -> bool | None:
        del one
        self.questions.append(question)
        return self.answer

    def close(self) -> None:
        pass


class Done:
    """A run that ended, or that was refused (`run` is None)."""

    def __init__(self, run: Run | None, status: str, display: Recorder, sink: Sink) -> None:
        self.run, self.status, self.display, self.sink = run, status, display, sink
        self.outcomes = run.outcomes if run is not None else {}

    @property
    def codes(self) -> list[str]:
        return [one.code.name for one in self.sink.diagnostics if one.severity != "note"]

    @property
    def notes(self) -> list[str]:
        return [one.code.name for one in self.sink.diagnostics if one.severity == "note"]

    def statuses(self) -> dict[str, str]:
        """`ran`, `unchanged` or the status, by instance."""
        return {name: told(one) for name, one in self.outcomes.items()}

    def ran(self) -> set[str]:
        return {name for name, one in self.outcomes.items() if one.attempts}

    def lines(self, name: str) -> list[str]:
        return self.display.lines[name]

    def log(self, name: str) -> str:
        return Path(self.outcomes[name].log).read_text(encoding="utf-8", errors="surrogateescape")


def told(outcome: Outcome) -> str:
    if outcome.cached:
        return "unchanged"
    return "ran" if outcome.status == "succeeded" else outcome.status


class Place:
    """A repository with a manifest."""

    def __init__(self, folder: Path, manifest: str, git: bool = True, **files: str) -> None:
        self.folder, self.cache, self.git = folder / "repository", folder / "cache", git
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write("headrace.yaml", manifest)
        for name, text in files.items():
            self.write(name.replace("__", "/").replace("_DOT_", "."), text)
        if git:
            subprocess.run([*GIT, "init", "--quiet"], cwd=self.folder, check=True)
            self.commit()

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def commit(self) -> None:
        subprocess.run([*GIT, "add", "--all"], cwd=self.folder, check=True)
        subprocess.run([*GIT, "commit", "--quiet", "--allow-empty", "--message", "change"], cwd=self.folder, check=True)

    def state(self) -> State:
        return State(str(self.folder), str(self.cache))

    def run(
        self, *, answer: bool | None = None, stop: Stop | None = None, manifest: str = "headrace.yaml", **options: Any
    ) -> Done:
        """Run the manifest; `options` are those of targets.local.execution."""
        sink, display, stop = Sink(), Recorder(answer), stop or Stop()
        repository = Repository(str(self.folder))
        project = native.read(manifest, repository, sink)
        assert project is not None
        project = driver.lowered(project, repository, sink)
        assert not sink.failed, sink.diagnostics
        wanted = Options(**{"cache": str(self.cache), "engine": "none", "parallel": 4, **options})
        made = prepare(project, repository.root, None, wanted, sink, lambda _state, _plan: display, stop)
        if made is None:
            return Done(None, "refused", display, sink)
        return Done(made, made.go(), display, sink)

    def command(self, *words: str) -> list[str]:
        """A command line of headrace, for a process of its own."""
        return [sys.executable, "-m", "compiler", *words]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "MLFLOW_"))}
        return {**kept, "PYTHONPATH": str(ROOT), "HEADRACE_CACHE": str(self.cache), **more}

    def call(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )


def results(place: Place) -> list[Path]:
    """The folders of all kept results."""
    root = place.cache / "results"
    return sorted(path for path in root.glob("??/*")) if root.exists() else []
