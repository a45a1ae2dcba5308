"""What a manifest says: the runs of an experiment, and the settings that they share."""

from __future__ import annotations

from compiler import ir
from compiler.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.mml.commandlines import CommandLine
    from compiler.frontends.mml.defaults import Tree
    from compiler.frontends.mml.planner import Plan
    from compiler.source import Origin

VERSION = "1.0.4"
PYTHON = "3.10"


class Place:
    """Where the data root or the results root is: carried between jobs (no path), or a path that all jobs see."""

    __slots__ = ("path", "size", "volume")

    def __init__(self, path: str | None = None, volume: str | None = None, size: int | None = None) -> None:
        self.path, self.volume, self.size = path, volume, size


class Task:
    """What is known of a task."""

    __slots__ = ("dataset", "folds", "installed", "name")

    def __init__(self, name: str, folds: int | None, dataset: str | None, installed: bool | None) -> None:
        self.name, self.folds, self.dataset, self.installed = name, folds, dataset, installed


class Run:
    """One call of MML, as the user wrote it."""

    __slots__ = (
        "choices",
        "config",
        "jobs",
        "line",
        "name",
        "objectives",
        "origin",
        "plan",
        "secrets",
        "shared",
        "span",
        "timeout",
    )

    def __init__(
        self, name: str, line: CommandLine, origin: Origin, span: Span, shared: dict[str, Span] | None = None
    ) -> None:
        self.name, self.line, self.origin, self.span = name, line, origin, span
        self.shared = shared or {}  # overrides of all runs, and where they stand
        self.config: dict[str, Any] = {}
        self.choices: dict[str, Any] = {}
        self.plan: Plan | None = None
        self.jobs: int | None = None
        self.objectives: tuple[ir.Objective, ...] = ()
        self.secrets: tuple[str, ...] = ()
        self.timeout: int | None = None

    def at(self, word: str) -> Span:
        """The place of a word of the line, the whole line where it can't be found."""
        text = self.span.text
        if word in self.shared and word not in text:
            return self.shared[word]
        if not word or text.count(word) != 1:
            return self.span
        start = self.span.start + text.index(word)
        return Span(self.span.source, start, start + len(word))


class Experiment:
    """A manifest."""

    __slots__ = (
        "accelerator", "checkpoints", "commands_origin", "configs", "data", "env", "environment", "every", "folder",
        "name", "origin", "plugins", "requests", "results", "retries", "runner", "runs", "secrets", "store", "tasks",
        "timeout", "tree", "triggers", "unit", "version",
    )  # fmt: skip

    def __init__(self, unit: str, origin: Origin) -> None:
        self.unit, self.origin = unit, origin
        self.folder = unit.rpartition("/")[0]
        self.name = ""
        self.version = VERSION
        self.plugins: tuple[str, ...] = ()
        self.configs: str | None = None
        self.tree: Tree = {}
        self.tasks: dict[str, Task] = {}
        self.runs: list[Run] = []
        self.environment: ir.Environment | None = None
        self.env: tuple[ir.EnvVar, ...] = ()
        self.secrets: tuple[str, ...] = ()
        self.requests: ir.Amounts | None = None
        self.accelerator: ir.Accelerator | None = None
        self.runner: str | None = None
        self.data = Place()
        self.results = Place()
        self.store: ir.Store | None = None
        self.checkpoints: bool | None = None
        self.every: int | None = None
        self.retries = 2
        self.timeout: int | None = None
        self.triggers: tuple[ir.Trigger, ...] = (ir.OnManual(),)
