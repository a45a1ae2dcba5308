"""What a run shows where there is no terminal: one line for each thing that happens, and the jobs' own lines."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from targets.local.outcome import CANCELLED, FAILED, SKIPPED, Outcome
from targets.local.plan import Instance, Plan
from targets.local.process import Stop


def elapsed(seconds: float) -> str:
    """`0.4s`, `12s`, `3m05s`, `1h02m`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def told(outcome: Outcome) -> str:
    """How an instance ended, in a few words."""
    if outcome.status == SKIPPED:
        return f"skipped: {outcome.reason}"
    if outcome.status == CANCELLED:
        return f"cancelled: {outcome.reason}"
    if outcome.status == FAILED:
        allowed = ", which is allowed" if outcome.allowed else ""
        tries = f" after {outcome.attempts} attempts" if outcome.attempts > 1 else ""
        return f"failed{allowed}{tries}: {outcome.reason}"
    if outcome.cached:
        return f"skipped: {outcome.reason}" if outcome.reason else "unchanged"
    tries = f", attempt {outcome.attempts}" if outcome.attempts > 1 else ""
    return f"ok, {elapsed(outcome.seconds)}{tries}"


class Plain:
    """Lines. `quiet` leaves out the jobs' own; `gone` is called where nobody reads them any more."""

    def __init__(
        self,
        stream: TextIO,
        quiet: bool = False,
        ask: Callable[[str], str] | None = None,
        gone: Callable[[], None] | None = None,
    ) -> None:
        self._stream, self._quiet, self._ask, self._gone = stream, quiet, ask, gone
        self._is_gone = False
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._width = 0

    def begin(self, plan: Plan, jobs: int) -> None:
        del jobs
        self._began = time.monotonic()
        self._width = min(40, max((len(name) for name in plan.instances), default=0))

    def note(self, text: str) -> None:
        self._put(f"note: {text}")

    def started(self, one: Instance, detail: str) -> None:
        self._put(self._row(one, f"started{f' on {detail}' if detail else ''}"))

    def line(self, one: Instance, text: str) -> None:
        if not self._quiet:
            self._put(f"{'':>8}  {one.id:<{self._width}} | {text}".rstrip())

    def ended(self, one: Instance, outcome: Outcome) -> None:
        self._put(self._row(one, told(outcome)))

    def ask(self, one: Instance, question: str) -> bool | None:
        del one
        if self._ask is None:
            return None
        return self._ask(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def close(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def _row(self, one: Instance, text: str) -> str:
        return f"{elapsed(time.monotonic() - self._began):>8}  {one.id:<{self._width}}   {text}"

    def _put(self, line: str) -> None:
        with self._lock:
            if self._is_gone:
                return
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except OSError:
                self._is_gone = True
                if self._gone is not None:
                    self._gone()


def prompt(stop: Stop) -> Callable[[str], str] | None:
    """How a person is asked; None where nobody sits at a terminal. A stop ends the question without an answer."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return None

    def asked(question: str) -> str:
        import select

        print(question, end="", flush=True)
        while not stop.asked:
            ready, _, _ = select.select([sys.stdin], [], [], 0.2)
            if ready:
                return sys.stdin.readline()
        print()
        return ""

    return asked
