"""A command in a process group of its own, so that all of it can be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from types import FrameType

from targets.runtime.problem import quoted, say

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Child:
    """Runs a command; a signal to this process is passed on, and the command then has `grace` seconds to end."""

    def __init__(self, argv: list[str], grace: float) -> None:
        self.argv, self.grace = argv, grace
        self.process: subprocess.Popen[bytes] | None = None
        self.received = 0
        self.ending = 0.0
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.on_signal)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        if not self.received:
            self.received = number
            self.stop(number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask the whole group to end."""
        self.ending = self.ending or time.monotonic() + self.grace
        self.signal(number)

    def signal(self, number: int) -> None:
        if self.process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def start(self, environment: dict[str, str] | None = None) -> int:
        """Start the command; returns 0, or the shell's status for a command that can't be started."""
        self.ending = 0.0
        try:
            self.process = subprocess.Popen(self.argv, env=environment, start_new_session=True)
        except FileNotFoundError:
            say(f"command {quoted(self.argv[0])} was not found")
            return 127
        except (OSError, ValueError) as error:
            say(f"command {quoted(self.argv[0])} can't be started: {error}")
            return 126
        if self.received:
            self.stop(self.received)
        return 0

    def wait(self, seconds: float = float("inf")) -> int | None:
        """Wait that long at most; returns the exit status (128 + n for signal n), None while it runs."""
        assert self.process
        end = time.monotonic() + seconds
        while True:
            if self.ending and time.monotonic() >= self.ending:
                self.signal(signal.SIGKILL)
            try:
                status = self.process.wait(timeout=max(0.0, min(0.2, end - time.monotonic())))
                return 128 - status if status < 0 else status
            except subprocess.TimeoutExpired:
                if time.monotonic() >= end:
                    return None

    def finish(self) -> int:
        """Wait to the end of the command, and of its group where it failed or was stopped; returns its status."""
        status = self.wait() or 0
        while self.ending and time.monotonic() < self.ending and self.group_runs():
            time.sleep(0.05)
        if status or self.ending:
            self.signal(signal.SIGKILL)
        return status

    def group_runs(self) -> bool:
        assert self.process
        with suppress(ChildProcessError):
            os.waitpid(-self.process.pid, os.WNOHANG)
        try:
            os.killpg(self.process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def interrupted(self, status: int) -> int:
        """The status to exit with: work that was interrupted never counts as done."""
        return status or 128 + self.received if self.received else status
