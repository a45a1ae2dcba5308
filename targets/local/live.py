"""What a run shows on a terminal: what runs, for how long, its last line; what ended stands above."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from compiler import graph
from targets.local.display import elapsed, told
from targets.local.outcome import CANCELLED, FAILED, SKIPPED, Outcome
from targets.local.plan import Instance, Plan


class _Job:
    __slots__ = ("detail", "last", "since")

    def __init__(self, detail: str) -> None:
        self.since = time.monotonic()
        self.detail = detail
        self.last = ""


class Terminal:
    """A live view; draws itself four times a second, whatever the jobs print."""

    def __init__(self, console: Console, seconds: Mapping[str, float], ask: Callable[[str], str] | None) -> None:
        self._console, self._ask = console, ask
        self._seconds = seconds  # what instances took last time
        self._lock = threading.RLock()
        self._running: dict[str, _Job] = {}
        self._ended = 0
        self._total = 0
        self._critical: list[str] = []
        self._began = time.monotonic()
        self._live = Live(self, console=console, refresh_per_second=4, transient=True)

    def begin(self, plan: Plan, jobs: int) -> None:
        del jobs
        self._began = time.monotonic()
        self._total = len(plan.instances)
        if self._seconds:
            self._critical = graph.critical_path(
                plan.graph(), {name: self._seconds.get(name, 1.0) for name in plan.instances}
            )
        self._live.start()

    def note(self, text: str) -> None:
        self._print(Text(f"note: {text}", style="cyan"))

    def _print(self, text: Text) -> None:
        """A terminal that was closed says so by a signal too, which ends the run."""
        with suppress(OSError, SystemExit):
            self._console.print(text)

    def started(self, one: Instance, detail: str) -> None:
        with self._lock:
            self._running[one.id] = _Job(detail)

    def line(self, one: Instance, text: str) -> None:
        with self._lock:
            job = self._running.get(one.id)
            if job is not None and text.strip():
                job.last = text

    def ended(self, one: Instance, outcome: Outcome) -> None:
        with self._lock:
            self._running.pop(one.id, None)
            self._ended += 1
        mark, style = "ok", "green"
        if outcome.status == FAILED:
            mark, style = ("failed", "yellow") if outcome.allowed else ("failed", "bold red")
        elif outcome.status in (SKIPPED, CANCELLED) or outcome.cached:
            mark, style = "-", "dim"
        line = Text(f"{mark:>7}  ", style=style)
        line.append(one.id, style="bold" if style != "dim" else "dim")
        line.append("  " + told(outcome).removeprefix("ok, "), style="dim" if mark != "failed" else style)
        self._print(line)

    def ask(self, one: Instance, question: str) -> bool | None:
        del one
        if self._ask is None:
            return None
        self._live.stop()
        try:
            return self._ask(f"{question} [y/N] ").strip().lower() in ("y", "yes")
        finally:
            self._live.start()

    def close(self) -> None:
        with suppress(OSError, SystemExit):
            self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        now = time.monotonic()
        with self._lock:
            running = [(name, job.detail, now - job.since, job.last) for name, job in self._running.items()]
        head = Text(f"{self._ended} of {self._total} done, {elapsed(now - self._began)}", style="bold")
        left = [name for name in self._critical if any(name == one for one, *_ in running)]
        if left:
            at = self._critical.index(left[0])
            rest = " > ".join(self._critical[at : at + 4])
            head.append(f"   longest way left: {rest}", style="dim")
        head.truncate(options.max_width, overflow="ellipsis")
        yield head
        rows = running[: max(1, (options.max_height or 20) - 3)]
        times = [elapsed(seconds) for _, _, seconds, _ in rows]
        names = [f"  {name} ({detail})" if detail else f"  {name}" for name, detail, _, _ in rows]
        # On a narrow terminal the name gives way to how long the job runs, and its last line to both.
        time_width = max(map(len, times), default=0)
        name_width = min(max(map(cell_len, names), default=0), max(12, options.max_width - time_width - 3))
        for name, took, (_, _, _, last) in zip(names, times, rows, strict=True):
            row = Text(name, style="cyan")
            row.truncate(name_width, overflow="ellipsis", pad=True)
            row.append(f" {took:>{time_width}} ")
            row.append(last, style="dim")
            row.truncate(options.max_width, overflow="ellipsis")
            yield row
